// From data coordinates to pixels, equal scales on both axes.

import type { Extent } from "../protocol";

export interface Viewport {
  width: number;
  height: number;
  x(value: number): number;
  y(value: number): number;
  /** Pixels of one data unit. */
  scale: number;
  /** From pixels back to data coordinates. */
  place(px: number, py: number): [x: number, y: number];
}

/** Share of an extent's height within which all data lie: the rest is margin, and may be cut off. */
export const WITHIN = 0.78;

/** Fits the extent into width x height, centred; y grows upwards. Low pictures show less margin above and below. */
export function viewport(extent: Extent, width: number, height: number): Viewport {
  const [x0, x1, y0, y1] = extent;
  const scale = Math.min(width / (x1 - x0), height / (WITHIN * (y1 - y0)));
  const left = (width - scale * (x1 - x0)) / 2;
  const top = (height - scale * (y1 - y0)) / 2;
  return {
    width,
    height,
    scale,
    x: (value) => left + (value - x0) * scale,
    y: (value) => top + (y1 - value) * scale,
    place: (px, py) => [x0 + (px - left) / scale, y1 - (py - top) / scale],
  };
}

/** The square that holds all points with a margin, for a source that states no extent. */
export function extentOf(points: Float32Array): Extent {
  let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i + 1 < points.length; i += 2) {
    x0 = Math.min(x0, points[i]!);
    x1 = Math.max(x1, points[i]!);
    y0 = Math.min(y0, points[i + 1]!);
    y1 = Math.max(y1, points[i + 1]!);
  }
  if (!Number.isFinite(x0 + x1 + y0 + y1)) return [-1, 1, -1, 1];
  const half = 0.6 * Math.max(x1 - x0, y1 - y0, 1e-6);
  const [cx, cy] = [(x0 + x1) / 2, (y0 + y1) / 2];
  return [cx - half, cx + half, cy - half, cy + half];
}

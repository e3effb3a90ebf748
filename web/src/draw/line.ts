// One-dimensional data: densities of real and generated points, with D over the line above them.

import { type Arrays, bytes, type Extent, floats, type LayerName } from "../protocol";
import type { Palette } from "../theme";
import { arrow, drawArrows } from "./arrows";
import { type Box, binned, drawOutline, outline } from "./histogram";

const BINS = 60;
const ARROWS = 24;

/** First coordinates of (n,), (n, 1) or (n, 2) points. */
export function firstCoordinates(points: { shape: number[]; data: Float32Array }): Float32Array {
  const width = points.shape[1] ?? 1;
  if (width === 1) return points.data;
  return Float32Array.from({ length: points.shape[0]! }, (_, i) => points.data[i * width]!);
}

/** Round values from low to high, at most about `count` of them. */
export function niceTicks(low: number, high: number, count: number): number[] {
  const rough = (high - low) / count;
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * decade).find((s) => s >= rough)!;
  const first = Math.ceil(low / step);
  const many = Math.floor(high / step) - first + 1;
  return Array.from({ length: many }, (_, i) => Number(((first + i) * step).toPrecision(6)));
}

/** Pixels of a curve of u8 values (255 = 1) over the box. */
export function curve(values: Uint8Array, box: Box): [number, number][] {
  const [width, height] = [box.right - box.left, box.bottom - box.top];
  return [...values].map((v, i) => [box.left + ((i + 0.5) / values.length) * width, box.bottom - (v / 255) * height]);
}

export function drawLine(
  context: CanvasRenderingContext2D,
  box: Box,
  extent: Extent,
  arrays: Arrays,
  layers: ReadonlySet<LayerName>,
  palette: Palette,
): void {
  const [x0, x1] = extent;
  const real = floats(arrays, "real");
  const fake = floats(arrays, "fake");
  const histograms = [real, fake].map((p) => p && binned(firstCoordinates(p), x0, x1, BINS));
  const tallest = 1.6 * Math.max(...histograms.flatMap((h) => h?.shares ?? [0]));
  const colors = [palette.real, palette.fake];
  histograms.forEach((h, i) => {
    if (h) drawOutline(context, outline(h, box, tallest), colors[i]!, i === 0);
  });
  drawDiscriminators(context, box, arrays, layers, palette);
  drawAxis(context, box, palette, x0, x1);
  const rows = floats(arrays, "arrows");
  if (layers.has("arrows") && rows) {
    const x = (value: number) => box.left + ((value - x0) / (x1 - x0)) * (box.right - box.left);
    const width = rows.shape[1] ?? 2;
    const found = Array.from({ length: Math.min(ARROWS, rows.shape[0]!) }, (_, i) => {
      const start = rows.data[i * width]!;
      const y = box.bottom - 6 - (i % 8) * 4;
      return arrow(x(start), y, x(start + rows.data[i * width + (width === 4 ? 2 : 1)]!), y);
    });
    drawArrows(
      context,
      found.filter((a) => a !== null),
      palette.ink,
      palette.paper,
    );
  }
}

function drawDiscriminators(
  context: CanvasRenderingContext2D,
  box: Box,
  arrays: Arrays,
  layers: ReadonlySet<LayerName>,
  palette: Palette,
): void {
  for (const name of ["field", "optimal"] as const) {
    const values = bytes(arrays, name);
    if (!values || !layers.has(name)) continue;
    context.beginPath();
    for (const point of curve(values.data, box)) context.lineTo(...point);
    context.strokeStyle = palette.ink;
    context.lineWidth = 2;
    context.setLineDash(name === "optimal" ? [6, 5] : []);
    context.stroke();
  }
  context.setLineDash([]);
}

function drawAxis(context: CanvasRenderingContext2D, box: Box, palette: Palette, x0: number, x1: number): void {
  context.strokeStyle = palette.line;
  context.lineWidth = 1;
  context.strokeRect(box.left, box.top, box.right - box.left, box.bottom - box.top);
  context.fillStyle = palette.muted;
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "top";
  context.textAlign = "center";
  for (const value of niceTicks(x0, x1, 6)) {
    const x = box.left + ((value - x0) / (x1 - x0)) * (box.right - box.left);
    if (x > box.left + 8 && x < box.right - 8) context.fillText(String(value).replace("-", "−"), x, box.bottom + 4);
  }
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.fillText("D = 1", box.left + 4, box.top + 9);
  context.fillText("D = ½", box.left + 4, (box.top + box.bottom) / 2 - 9);
}

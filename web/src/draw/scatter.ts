// Points of the plane: circles for real ones, crosses for generated ones, both with a halo of the page's colour.
// Each symbol is drawn once and stamped: hundreds of outlined paths a frame would cost more than the training.

import type { Viewport } from "./viewport";

export type Shape = "circle" | "cross";

/** Points between two frames: a at t = 0, b at t = 1; b where the counts differ. */
export function between(a: Float32Array, b: Float32Array, t: number): Float32Array {
  if (a.length !== b.length || t >= 1) return b;
  return b.map((value, i) => a[i]! + t * (value - a[i]!));
}

const MARGIN = 3;
const stamps = new Map<string, HTMLCanvasElement>();

/** A symbol of `radius` CSS pixels in a square canvas with a margin, at `ratio` device pixels a CSS pixel. */
function stamp(shape: Shape, color: string, halo: string, radius: number, ratio: number): HTMLCanvasElement {
  const key = [shape, color, halo, radius, ratio].join();
  const known = stamps.get(key);
  if (known) return known;
  if (stamps.size > 32) stamps.clear();
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = Math.ceil(2 * (radius + MARGIN) * ratio);
  const pen = canvas.getContext("2d")!;
  pen.scale(ratio, ratio);
  pen.translate(radius + MARGIN, radius + MARGIN);
  if (shape === "circle") circle(pen, color, halo, radius);
  else cross(pen, color, halo, radius);
  stamps.set(key, canvas);
  return canvas;
}

function circle(pen: CanvasRenderingContext2D, color: string, halo: string, radius: number): void {
  pen.arc(0, 0, radius, 0, 2 * Math.PI);
  pen.strokeStyle = halo;
  pen.lineWidth = 0.9;
  pen.stroke();
  pen.fillStyle = color;
  pen.fill();
}

function cross(pen: CanvasRenderingContext2D, color: string, halo: string, radius: number): void {
  pen.moveTo(-radius, -radius);
  pen.lineTo(radius, radius);
  pen.moveTo(-radius, radius);
  pen.lineTo(radius, -radius);
  pen.lineCap = "round";
  pen.strokeStyle = halo;
  pen.lineWidth = 2.6;
  pen.stroke();
  pen.strokeStyle = color;
  pen.lineWidth = 1.6;
  pen.stroke();
}

/** Draws points (x, y, x, y, ...) that lie in the view. */
export function drawPoints(
  context: CanvasRenderingContext2D,
  view: Viewport,
  points: Float32Array,
  shape: Shape,
  color: string,
  halo: string,
  radius: number,
): void {
  const symbol = stamp(shape, color, halo, radius, context.getTransform().a);
  const size = 2 * (radius + MARGIN);
  for (let i = 0; i + 1 < points.length; i += 2) {
    const [x, y] = [view.x(points[i]!), view.y(points[i + 1]!)];
    if (!(x > -size && x < view.width + size && y > -size && y < view.height + size)) continue;
    context.drawImage(symbol, x - size / 2, y - size / 2, size, size);
  }
}

// D's belief over the plane as a picture, and the lines where it takes one value.

import type { Bytes, Extent } from "../protocol";
import type { Viewport } from "./viewport";

/** RGBA pixels of a u8 field through a table of 256 colours. */
export function colorize(field: Uint8Array, table: Uint8ClampedArray): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(4 * field.length);
  const from = new Uint32Array(table.buffer, table.byteOffset, 256);
  const to = new Uint32Array(pixels.buffer);
  for (let i = 0; i < field.length; i++) to[i] = from[field[i]!]!;
  return pixels;
}

/** Segments (x0, y0, x1, y1, ...) in cells of the grid where the field crosses `level`, by marching squares.
 *  The value of pixel (i, j) lies at its centre (i + 0.5, j + 0.5). */
export function contour(field: Uint8Array, width: number, height: number, level: number): Float32Array {
  const segments: number[] = [];
  for (let j = 0; j + 1 < height; j++) {
    for (let i = 0; i + 1 < width; i++) {
      const k = j * width + i;
      cell(segments, i + 0.5, j + 0.5, level, field[k]!, field[k + 1]!, field[k + width + 1]!, field[k + width]!);
    }
  }
  return Float32Array.from(segments);
}

/** One cell with corners a (top left), b, c, d clockwise. */
function cell(out: number[], x: number, y: number, level: number, a: number, b: number, c: number, d: number): void {
  const cut = (from: number, to: number) => (level - from) / (to - from);
  const points: number[] = [];
  if (a > level !== b > level) points.push(x + cut(a, b), y);
  if (b > level !== c > level) points.push(x + 1, y + cut(b, c));
  if (c > level !== d > level) points.push(x + 1 - cut(c, d), y + 1);
  if (d > level !== a > level) points.push(x, y + 1 - cut(d, a));
  if (points.length === 8 && (a + b + c + d) / 4 > level === a > level) points.push(...points.splice(0, 2));
  out.push(...points);
}

/** Draws the field over its extent, smoothed between grid points. */
export function drawField(
  context: CanvasRenderingContext2D,
  view: Viewport,
  extent: Extent,
  field: Bytes,
  table: Uint8ClampedArray,
): void {
  const [height, width] = field.shape as [number, number];
  const picture = document.createElement("canvas");
  picture.width = width;
  picture.height = height;
  picture.getContext("2d")!.putImageData(new ImageData(colorize(field.data, table), width, height), 0, 0);
  const [x0, x1, y0, y1] = extent;
  context.imageSmoothingEnabled = true;
  context.drawImage(picture, view.x(x0), view.y(y1), view.x(x1) - view.x(x0), view.y(y0) - view.y(y1));
}

/** Strokes the line where the field has `level` (in 0..255). */
export function drawContour(
  context: CanvasRenderingContext2D,
  view: Viewport,
  extent: Extent,
  field: Bytes,
  level: number,
): void {
  const [height, width] = field.shape as [number, number];
  const [x0, x1, y0, y1] = extent;
  const px = (i: number) => view.x(x0 + (i / width) * (x1 - x0));
  const py = (j: number) => view.y(y1 - (j / height) * (y1 - y0));
  const lines = contour(field.data, width, height, level);
  context.beginPath();
  for (let i = 0; i + 3 < lines.length; i += 4) {
    context.moveTo(px(lines[i]!), py(lines[i + 1]!));
    context.lineTo(px(lines[i + 2]!), py(lines[i + 3]!));
  }
  context.stroke();
}

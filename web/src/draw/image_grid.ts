// Images in grids, with what D says of each beneath it. Generated and real ones have the same size.

import type { Bytes, Floats } from "../protocol";

export interface Grid {
  columns: number;
  rows: number;
  /** How far image numbers lie apart from row to row: rows of a class may be longer than shown. */
  stride: number;
  left: number;
  top: number;
}

export interface ImageLayout {
  /** Side of an image in pixels. */
  side: number;
  /** Height of the score's line below it. */
  label: number;
  fake: Grid;
  real: Grid;
  height: number;
}

const GAP = 4;
const BETWEEN = 22;
const LARGEST = 96;
const TITLE = 24;
const SMALLEST = 18;
const NARROW_BELOW = 420;
/** Below this side a score is a coloured bar only, above it also a number. */
const NUMBERS_FROM = 34;
const NUMBER_LINE = 16;
const BAR_LINE = 4;

/** Generated images in a square grid, or in a row for each class behind its name; to the right real ones in half as
 *  many columns, or in two on narrow screens. Images are as large as width and height allow. */
export function imageLayout(
  width: number,
  maxHeight: number,
  nFake: number,
  nReal: number,
  names: readonly string[] = [],
): ImageLayout {
  const columns = Math.max(1, names.length ? Math.ceil(nFake / names.length) : Math.ceil(Math.sqrt(nFake)));
  const rows = Math.ceil(nFake / columns);
  const realColumns = Math.min(width < NARROW_BELOW ? 2 : Math.ceil(columns / 2), Math.max(1, nReal));
  const stride = names.length ? columns : realColumns;
  const realRows = Math.min(rows, Math.ceil(nReal / stride));
  const margin = names.length ? 8 + Math.min(84, 6.4 * Math.max(...names.map((name) => name.length))) : 0;
  const across = columns + realColumns;
  const wide = Math.floor((width - margin - BETWEEN + GAP - GAP * (across - 1)) / across);
  const high = (label: number) => Math.floor((maxHeight - TITLE) / Math.max(rows, 1)) - label - GAP;
  const label = Math.min(wide, high(NUMBER_LINE)) >= NUMBERS_FROM ? NUMBER_LINE : BAR_LINE;
  const side = Math.max(SMALLEST, Math.min(LARGEST, wide, high(label)));
  const left = margin + Math.max(0, (width - margin - across * (side + GAP) + 2 * GAP - BETWEEN) / 2);
  const fake = { columns, rows, stride: columns, left, top: TITLE };
  const real = {
    columns: realColumns,
    rows: realRows,
    stride,
    left: left + columns * (side + GAP) - GAP + BETWEEN,
    top: TITLE,
  };
  return { side, label, fake, real, height: TITLE + Math.max(rows, realRows) * (side + label + GAP) };
}

/** Which image of the array stands at place i of a grid. */
export function imageAt(grid: Grid, i: number): number {
  return Math.floor(i / grid.columns) * grid.stride + (i % grid.columns);
}

/** Top left corner of image i of a grid. */
export function cellAt(layout: ImageLayout, grid: Grid, i: number): [number, number] {
  const row = Math.floor(i / grid.columns);
  const x = grid.left + (i % grid.columns) * (layout.side + GAP);
  return [x, grid.top + row * (layout.side + layout.label + GAP)];
}

/** RGBA pixels of image i of (n, h, w, c) bytes, c = 1 or 3. */
export function imagePixels(images: Bytes, i: number): Uint8ClampedArray<ArrayBuffer> {
  const [, h, w, c] = images.shape as [number, number, number, number];
  const pixels = new Uint8ClampedArray(4 * h * w);
  const start = i * h * w * c;
  for (let p = 0; p < h * w; p++) {
    for (let k = 0; k < 3; k++) pixels[4 * p + k] = images.data[start + p * c + (c === 1 ? 0 : k)]!;
    pixels[4 * p + 3] = 255;
  }
  return pixels;
}

/** Share of "real" in D's verdict. */
export function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

export interface Verdict {
  text: string;
  color: string;
}

/** Draws one grid under its title; `verdict` words a logit. */
export function drawImages(
  context: CanvasRenderingContext2D,
  images: Bytes,
  logits: Floats | undefined,
  layout: ImageLayout,
  grid: Grid,
  ink: string,
  verdict: (logit: number) => Verdict,
): void {
  const [n, h, w] = images.shape as [number, number, number];
  const picture = document.createElement("canvas");
  picture.width = w;
  picture.height = h;
  const pen = picture.getContext("2d")!;
  context.imageSmoothingEnabled = false;
  context.textAlign = "center";
  context.textBaseline = "top";
  context.font = "11px system-ui, sans-serif";
  const { side, label } = layout;
  for (let place = 0; place < grid.columns * grid.rows; place++) {
    const [x, y] = cellAt(layout, grid, place);
    const i = imageAt(grid, place);
    if (i >= n) continue;
    pen.putImageData(new ImageData(imagePixels(images, i), w, h), 0, 0);
    context.drawImage(picture, x, y, side, side);
    const logit = logits?.data[i];
    if (logit === undefined) continue;
    const { text, color } = verdict(logit);
    context.fillStyle = color;
    context.fillRect(x, y + side, side, 3);
    if (label < 10) continue;
    context.fillStyle = ink;
    context.fillText(text, x + side / 2, y + side + 5);
  }
}

// Images in grids, with what D says of each beneath it. Generated and real ones have the same size.

import type { Bytes, Floats } from "../protocol";

export interface Grid {
  columns: number;
  rows: number;
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
const STACKED_BELOW = 380;
/** Below this side a score is a coloured bar only, above it also a number. */
const NUMBERS_FROM = 34;

/** Generated images in a square grid, real ones in half as many columns to its right, or in two rows below it on
 *  narrow screens; only the first real ones are shown. */
export function imageLayout(width: number, nFake: number, nReal: number): ImageLayout {
  const columns = Math.max(1, Math.ceil(Math.sqrt(nFake)));
  const rows = Math.ceil(nFake / columns);
  const stacked = width < STACKED_BELOW;
  const realColumns = stacked ? columns : Math.ceil(columns / 2);
  const realRows = Math.min(stacked ? 2 : rows, Math.ceil(nReal / realColumns));
  const across = stacked ? columns : columns + realColumns;
  const room = width - (stacked ? 0 : BETWEEN - GAP) - GAP * (across - 1);
  const side = Math.max(4, Math.min(LARGEST, Math.floor(room / across)));
  const label = side >= NUMBERS_FROM ? 16 : 4;
  const tall = (n: number) => n * (side + label + GAP);
  const fake = { columns, rows, left: 0, top: TITLE };
  const real = stacked
    ? { columns: realColumns, rows: realRows, left: 0, top: 2 * TITLE + tall(rows) }
    : { columns: realColumns, rows: realRows, left: columns * (side + GAP) - GAP + BETWEEN, top: TITLE };
  const height = stacked ? real.top + tall(realRows) : TITLE + tall(Math.max(rows, realRows));
  return { side, label, fake, real, height };
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
  for (let i = 0; i < Math.min(n, grid.columns * grid.rows); i++) {
    const [x, y] = cellAt(layout, grid, i);
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

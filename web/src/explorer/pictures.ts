// Images on small canvases; the style sheet makes them large.

/** RGBA pixels of an image (channels, height, width) of numbers in [-1, 1]. */
export function pixels(image: ArrayLike<number>, [channels, height, width]: readonly number[]) {
  const area = height! * width!;
  const out = new Uint8ClampedArray(4 * area);
  for (let p = 0; p < area; p++) {
    for (let k = 0; k < 3; k++) out[4 * p + k] = 127.5 * (image[channels === 1 ? p : k * area + p]! + 1);
    out[4 * p + 3] = 255;
  }
  return out;
}

/** Draws image number `place` of a row of equal images with a gap of `gap` pixels. */
export function drawAt(
  canvas: HTMLCanvasElement,
  image: ArrayLike<number>,
  shape: readonly number[],
  place = 0,
  gap = 0,
): void {
  const [, height, width] = shape as [number, number, number];
  const data = new ImageData(pixels(image, shape), width, height);
  // Written by the processor and never scaled by a context: the memory may stay there.
  canvas.getContext("2d", { willReadFrequently: true })?.putImageData(data, place * (width + gap), 0);
}

/** Mean brightness from 0 (black) to 1 (white). */
export function brightness(image: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < image.length; i++) sum += image[i]!;
  return (sum / image.length + 1) / 2;
}

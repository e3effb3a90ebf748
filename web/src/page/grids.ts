// Places to look at: the grid of the plane, the grid of latents, and real samples class by class.

import type { Extent } from "../protocol";
import { size } from "./manifest";
import type { Source } from "./sources";
import type { Twister } from "./twister";

/** `count` real samples of every class, class by class. */
export function ofEachClass(
  source: Source,
  classes: number,
  count: number,
  twister: Twister,
): { x: Float32Array; labels: Int32Array } {
  const drawn = source.sample(40 * count * classes, twister);
  const each = size(source.shape);
  const places: number[] = [];
  for (let k = 0; k < classes; k++) {
    const found = [...drawn.labels!.keys()].filter((i) => drawn.labels![i] === k);
    places.push(...found.slice(0, count));
  }
  const x = new Float32Array(places.length * each);
  places.forEach((from, to) => {
    x.set(drawn.x.subarray(from * each, (from + 1) * each), to * each);
  });
  return { x, labels: Int32Array.from(places, (i) => drawn.labels![i]!) };
}

/** Centres of the cells (rows x columns, `each` coordinates), row by row from the top. */
export function gridOf([x0, x1, y0, y1]: Extent, rows: number, columns: number, each: number): Float32Array {
  const out = new Float32Array(rows * columns * each);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const at = (row * columns + column) * each;
      out[at] = x0 + ((column + 0.5) / columns) * (x1 - x0);
      if (each > 1) out[at + 1] = y1 - ((row + 0.5) / rows) * (y1 - y0);
    }
  }
  return out;
}

/** side x side latents: normal quantiles in the first two coordinates, 0 in the others. */
export function latentGrid(side: number, latent: number): Float32Array {
  const quantiles = Array.from({ length: side }, (_, i) => normalQuantile((i + 0.5) / side));
  const z = new Float32Array(side * side * latent);
  for (let i = 0; i < side; i++) {
    for (let j = 0; j < side; j++) {
      z[(i * side + j) * latent] = quantiles[j]!;
      if (latent > 1) z[(i * side + j) * latent + 1] = quantiles[i]!;
    }
  }
  return z;
}

/** The value below which a standard normal lies with probability p: bisection on its distribution function. */
export function normalQuantile(p: number): number {
  let [low, high] = [-8, 8];
  while (high - low > 1e-7) {
    const middle = (low + high) / 2;
    if (normalShare(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** P(Z < x) by Marsaglia's series, which converges for every x. */
function normalShare(x: number): number {
  let [sum, term] = [x, x];
  for (let k = 3; k < 400; k += 2) {
    term *= (x * x) / k;
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

// The diverging map of D's field as a table of 256 pixels.

import type { Rgb } from "../theme";

/** Interpolates between colour stops at equal distances; t in [0, 1]. */
export function blend(stops: readonly Rgb[], t: number): Rgb {
  const at = Math.min(1, Math.max(0, t)) * (stops.length - 1);
  const i = Math.min(stops.length - 2, Math.floor(at));
  const [a, b] = [stops[i]!, stops[i + 1]!];
  const mix = (k: 0 | 1 | 2) => Math.round(a[k] + (at - i) * (b[k] - a[k]));
  return [mix(0), mix(1), mix(2)];
}

/** Returns RGBA bytes for each of the 256 values of a u8 field. */
export function fieldTable(stops: readonly Rgb[]): Uint8ClampedArray<ArrayBuffer> {
  const table = new Uint8ClampedArray(1024);
  for (let v = 0; v < 256; v++) table.set([...blend(stops, v / 255), 255], 4 * v);
  return table;
}

export function css([r, g, b]: Rgb): string {
  return `rgb(${r} ${g} ${b})`;
}

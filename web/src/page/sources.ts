// Real samples, drawn with the library's numbers in the library's order: gan_tutor/data.

import type { Extent } from "../protocol";
import type { CurveData, MixtureData } from "./manifest";
import type { Twister } from "./twister";

export interface Drawn {
  x: Float32Array;
  /** Which component or class each sample is of. */
  labels: Int32Array | null;
}

export interface Source {
  readonly shape: number[];
  readonly mixture: MixtureData | null;
  readonly classes: readonly string[] | null;
  sample(n: number, twister: Twister): Drawn;
}

export function mixtureSource(data: MixtureData): Source {
  const d = data.means[0]!.length;
  const shares = Float32Array.from(data.weights);
  const means = Float32Array.from(data.means.flat());
  const sigmas = Float32Array.from(data.sigmas);
  return {
    shape: [d],
    mixture: data,
    classes: null,
    sample(n, twister) {
      const labels = twister.multinomial(shares, n);
      const x = new Float32Array(n * d);
      twister.normal(x);
      for (let i = 0; i < x.length; i++) {
        const k = labels[Math.floor(i / d)]!;
        x[i] = means[k * d + (i % d)]! + Math.fround(sigmas[k]! * x[i]!);
      }
      return { x, labels };
    },
  };
}

type Path = (t: number) => [x: number, y: number];

const f = Math.fround;

/** The curves of gan_tutor/data/densities.py, rounded to float32 where torch rounds. */
const PATHS: Record<CurveData["curve"], Path> = {
  swiss_roll: (t) => {
    const angle = f(f(1.5 * Math.PI) * f(1 + 2 * t));
    const unit = f(0.5 / Math.PI);
    return [f(f(angle * f(Math.cos(angle))) * unit), f(f(angle * f(Math.sin(angle))) * unit)];
  },
  two_moons: (t) => {
    const upper = t < 0.5 ? 1 : 0;
    const angle = f(f(Math.PI) * f(upper ? 2 * t : 2 * t - 1));
    const side = 2 * upper - 1;
    return [f(f(side * f(Math.cos(angle)) - upper) + 0.5), f(side * f(f(Math.sin(angle)) - 0.25))];
  },
};

export function curveSource({ curve, sigma }: CurveData): Source {
  const path = PATHS[curve];
  const width = f(sigma);
  return {
    shape: [2],
    mixture: null,
    classes: null,
    sample(n, twister) {
      const t = new Float32Array(n);
      twister.uniform(t);
      const x = new Float32Array(2 * n);
      twister.normal(x);
      for (let i = 0; i < n; i++) {
        const [u, v] = path(t[i]!);
        x[2 * i] = u + f(width * x[2 * i]!);
        x[2 * i + 1] = v + f(width * x[2 * i + 1]!);
      }
      return { x, labels: null };
    },
  };
}

export function imageSource(
  shape: number[],
  pixels: Uint8Array,
  imageLabels: Uint8Array,
  classes: readonly string[],
): Source {
  const each = shape.reduce((a, b) => a * b, 1);
  return {
    shape,
    mixture: null,
    classes,
    sample(n, twister) {
      const x = new Float32Array(n * each);
      const labels = new Int32Array(n);
      for (let i = 0; i < n; i++) {
        const at = twister.below(imageLabels.length);
        labels[i] = imageLabels[at]!;
        for (let j = 0; j < each; j++) x[i * each + j] = pixels[at * each + j]! / 127.5 - 1;
      }
      return { x, labels };
    },
  };
}

/** A square view of the points with a margin, or a line. */
export function extentOf(x: Float32Array, d: number): Extent {
  const ranges = Array.from({ length: d }, (_, k) => {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let i = k; i < x.length; i += d) {
      low = Math.min(low, x[i]!);
      high = Math.max(high, x[i]!);
    }
    return [low, high] as const;
  });
  const half = (Math.max(...ranges.map(([low, high]) => high - low)) / 2) * 1.3 + 0.5;
  const bounds = ranges.flatMap(([low, high]) => [(low + high) / 2 - half, (low + high) / 2 + half]);
  return [bounds[0]!, bounds[1]!, bounds[2] ?? 0, bounds[3] ?? 1];
}

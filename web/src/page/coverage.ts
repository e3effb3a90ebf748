// Mode coverage of samples from a known mixture, and what a perfect sampler reaches: gan_tutor/evaluation/coverage.py.

import type { Metric } from "../protocol";
import type { MixtureData } from "./manifest";

export interface Coverage {
  modes: number;
  highQuality: number;
  reverseKl: number;
}

export function coverage(x: Float32Array, { means, sigmas, weights }: MixtureData): Coverage {
  const d = means[0]!.length;
  const counts = new Array<number>(means.length).fill(0);
  const n = x.length / d;
  for (let i = 0; i < n; i++) {
    let [nearest, least] = [0, Number.POSITIVE_INFINITY];
    means.forEach((mean, k) => {
      let squared = 0;
      for (let j = 0; j < d; j++) squared += (x[i * d + j]! - mean[j]!) ** 2;
      if (squared < least) [nearest, least] = [k, squared];
    });
    if (Math.sqrt(least) < 3 * sigmas[nearest]!) counts[nearest]! += 1;
  }
  const good = counts.reduce((a, b) => a + b, 0);
  const terms = counts.map((count, k) => (count ? (count / good) * Math.log(count / good / weights[k]!) : 0));
  return {
    modes: counts.filter((count) => count > 0).length,
    highQuality: good / n,
    reverseKl: good ? terms.reduce((a, b) => a + b, 0) : Number.POSITIVE_INFINITY,
  };
}

/** The expectation of `coverage` over n exact samples of a mixture in 1 or 2 dimensions. */
export function perfectSampler({ means, weights }: MixtureData, n: number): Coverage {
  // Within 3 sigma lie erf(3 / sqrt 2) of a Gaussian on a line and 1 - exp(-9 / 2) of one in the plane.
  const quality = means[0]!.length === 1 ? 0.9973002039367398 : 1 - Math.exp(-4.5);
  const modes = weights.reduce((sum, weight) => sum + 1 - (1 - weight * quality) ** n, 0);
  return { modes: Math.round(modes), highQuality: quality, reverseKl: (means.length - 1) / (2 * quality * n) };
}

/** Whether no two balls of 3 sigma meet: only then is a sample of one mode, and a perfect sampler's score known. */
export function apart({ means, sigmas }: MixtureData): boolean {
  const least = 6 * Math.max(...sigmas);
  return means.every((a, i) => means.slice(i + 1).every((b) => Math.hypot(...a.map((v, k) => v - b[k]!)) > least));
}

export function coverageMetrics(x: Float32Array, mixture: MixtureData): Metric[] {
  const got = coverage(x, mixture);
  const best = perfectSampler(mixture, x.length / mixture.means[0]!.length);
  const row = (name: string, label: string, key: keyof Coverage, better: "high" | "low"): Metric => ({
    name,
    label,
    value: Number.isFinite(got[key]) ? got[key] : null,
    best: best[key],
    better,
    best_label: "perfect sampler",
  });
  return [
    row("modes", "Modes hit", "modes", "high"),
    row("high_quality", "High-quality share", "highQuality", "high"),
    row("reverse_kl", "Reverse KL (nats)", "reverseKl", "low"),
  ];
}

/** The Wasserstein-1 distance of two samples of numbers, equally many. */
export function wasserstein(a: Float32Array, b: Float32Array): number {
  const [p, q] = [a.slice().sort(), b.slice().sort()];
  return p.reduce((sum, value, i) => sum + Math.abs(value - q[i]!), 0) / p.length;
}

// Histograms of two samples on one axis: real filled, generated outlined.

export interface Bins {
  low: number;
  high: number;
  /** Share of the samples in each bin; what lies outside counts in the first or last one. */
  shares: number[];
}

/** Shares of the finite values in `count` equal bins of [low, high]. */
export function binned(values: Float32Array, low: number, high: number, count: number): Bins {
  const shares = new Array<number>(count).fill(0);
  let total = 0;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    const bin = Math.floor(((value - low) / (high - low)) * count);
    const at = Math.min(count - 1, Math.max(0, bin));
    shares[at] = shares[at]! + 1;
    total += 1;
  }
  return { low, high, shares: shares.map((n) => (total ? n / total : 0)) };
}

/** Half the width of a range around 0 that holds nearly all values: 1, 2, 5, 10, 20, ... so that it seldom changes. */
export function symmetricRange(...samples: Float32Array[]): number {
  const sizes: number[] = [];
  for (const sample of samples) for (const v of sample) if (Number.isFinite(v)) sizes.push(Math.abs(v));
  sizes.sort((a, b) => a - b);
  const wanted = 1.1 * (sizes[Math.floor(0.99 * (sizes.length - 1))] ?? 1);
  const decade = 10 ** Math.floor(Math.log10(Math.max(wanted, 1)));
  return [1, 2, 5, 10].map((m) => m * decade).find((r) => r >= wanted) ?? wanted;
}

export interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** The corners of a histogram's outline in pixels, from the left end of the base line to the right end. */
export function outline(bins: Bins, box: Box, tallest: number): [number, number][] {
  const width = (box.right - box.left) / bins.shares.length;
  const y = (share: number) => box.bottom - (tallest ? (share / tallest) * (box.bottom - box.top) : 0);
  const corners: [number, number][] = [[box.left, box.bottom]];
  bins.shares.forEach((share, i) => {
    corners.push([box.left + i * width, y(share)], [box.left + (i + 1) * width, y(share)]);
  });
  corners.push([box.right, box.bottom]);
  return corners;
}

export function drawOutline(
  context: CanvasRenderingContext2D,
  corners: [number, number][],
  color: string,
  filled: boolean,
): void {
  context.beginPath();
  for (const corner of corners) context.lineTo(...corner);
  if (filled) {
    context.globalAlpha = 0.45;
    context.fillStyle = color;
    context.fill();
    context.globalAlpha = 1;
  }
  context.strokeStyle = color;
  context.lineWidth = filled ? 1 : 1.8;
  context.stroke();
}

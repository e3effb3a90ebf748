// The random numbers of PyTorch on a CPU, one by one: the same seed gives the page the batches and latents of the
// notebook. Mersenne twister (Matsumoto & Nishimura 1998); distributions as in ATen's CPU kernels.

const N = 624;
const M = 397;

/** What a generator must remember to go on: the twister's words, its place in them, and half a pair of normals. */
export interface TwisterState {
  words: Uint32Array;
  at: number;
  spare: number | null;
}

export class Twister {
  private words = new Uint32Array(N);
  private at = N;
  /** The second normal of a pair, kept by draws of fewer than 16. */
  private spare: number | null = null;

  constructor(seed: number) {
    const { words } = this;
    words[0] = seed >>> 0;
    for (let i = 1; i < N; i++) {
      const previous = words[i - 1]! ^ (words[i - 1]! >>> 30);
      words[i] = Math.imul(1812433253, previous) + i;
    }
  }

  get state(): TwisterState {
    return { words: this.words.slice(), at: this.at, spare: this.spare };
  }

  set state({ words, at, spare }: TwisterState) {
    [this.words, this.at, this.spare] = [words.slice(), at, spare];
  }

  /** 32 random bits. */
  bits(): number {
    if (this.at >= N) this.twist();
    let y = this.words[this.at++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** A float32 in [0, 1) with 24 random bits. */
  float(): number {
    return (this.bits() & 0xffffff) / 0x1000000;
  }

  /** A double in [0, 1) with 53 random bits. */
  double(): number {
    const high = this.bits() & 0x1fffff;
    return (high * 0x100000000 + this.bits()) / 0x20000000000000;
  }

  /** A whole number in [0, below), below <= 2^32. */
  below(below: number): number {
    return this.bits() % below;
  }

  /** Fills `out` from the uniform distribution on [low, high): `tensor.uniform_(low, high)`. */
  uniform(out: Float32Array, low = 0, high = 1): void {
    const from = Math.fround(low);
    const width = Math.fround(Math.fround(high) - from);
    for (let i = 0; i < out.length; i++) out[i] = this.float() * width + from;
  }

  /** Fills `out` from N(mean, std^2): `tensor.normal_(mean, std)`, pairs by Box and Muller. */
  normal(out: Float32Array, mean = 0, std = 1): void {
    if (out.length < 16) return this.fewNormals(out, mean, std);
    for (let i = 0; i < out.length; i++) out[i] = this.float();
    for (let i = 0; i + 16 <= out.length; i += 16) sixteen(out.subarray(i, i + 16), mean, std);
    if (out.length % 16 === 0) return;
    const last = out.subarray(out.length - 16);
    for (let i = 0; i < 16; i++) last[i] = this.float();
    sixteen(last, mean, std);
  }

  /** n draws, with replacement, of indices with the given shares: `torch.multinomial`. */
  multinomial(shares: Float32Array, n: number): Int32Array {
    const sums = new Float32Array(shares.length);
    let sum = 0;
    shares.forEach((share, i) => {
      sum = Math.fround(sum + share);
      sums[i] = sum;
    });
    for (let i = 0; i < sums.length; i++) sums[i] = sums[i]! / sum;
    return Int32Array.from({ length: n }, () => firstNotBelow(sums, this.double()));
  }

  private fewNormals(out: Float32Array, mean: number, std: number): void {
    for (let i = 0; i < out.length; i++) {
      const kept = this.spare;
      this.spare = null;
      if (kept !== null) {
        out[i] = kept * std + mean;
        continue;
      }
      const angle = 2 * Math.PI * this.double();
      const radius = Math.sqrt(-2 * Math.log1p(-this.double()));
      this.spare = radius * Math.sin(angle);
      out[i] = radius * Math.cos(angle) * std + mean;
    }
  }

  private twist(): void {
    const { words } = this;
    for (let i = 0; i < N; i++) {
      const y = (words[i]! & 0x80000000) | (words[(i + 1) % N]! & 0x7fffffff);
      words[i] = words[(i + M) % N]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.at = 0;
  }
}

function sixteen(block: Float32Array, mean: number, std: number): void {
  for (let j = 0; j < 8; j++) {
    const radius = Math.fround(Math.sqrt(Math.fround(-2 * Math.fround(Math.log(1 - block[j]!)))));
    const angle = Math.fround(2 * Math.PI * block[j + 8]!);
    block[j] = Math.fround(radius * Math.fround(Math.cos(angle))) * std + mean;
    block[j + 8] = Math.fround(radius * Math.fround(Math.sin(angle))) * std + mean;
  }
}

function firstNotBelow(sums: Float32Array, value: number): number {
  let [left, right] = [0, sums.length];
  while (left < right) {
    const middle = (left + right) >> 1;
    if (sums[middle]! < value) left = middle + 1;
    else right = middle;
  }
  return left;
}

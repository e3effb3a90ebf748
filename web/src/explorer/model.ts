// The file of a trained generator, as Python writes it (gan_tutor/page_engine/explorer.py), and its unpacking.

import { bytesOf, unpacked } from "../page/files";
import type { Machine } from "../page/machine";
import type { ProgramSpec } from "../page/manifest";

export interface TensorRecord {
  count: number;
  /** Of a quantised tensor: value i belongs to channel (i div inner) mod channels. */
  channels?: number;
  inner?: number;
}

export interface Made {
  recipe: string;
  seed: number;
  steps: number;
  date: string;
  machine: string;
  float32: { frechet_distance: number; floor_frechet_distance: number };
  packed: { frechet_distance: number };
}

export interface ModelFile {
  version: number;
  name: string;
  made: Made;
  latent: number;
  /** Channels, height, width. */
  sample: [number, number, number];
  classes: string[];
  /** A row for each class, appended to z. */
  codes: number[][];
  /** Six strongest directions, then the two weakest. */
  axes: number[][];
  shares: number[];
  programs: Record<string, ProgramSpec>;
  tensors: TensorRecord[];
  wasm: string;
  weights: string;
}

/** What the file's program is called with, besides z. */
export interface Weights {
  theta: Float32Array;
  buffers: Float32Array;
}

/** All tensors in order: float32 numbers (a quantised tensor's scales, any other's values), then int8. */
export function dequantised(records: readonly TensorRecord[], packed: ArrayBuffer): Float32Array {
  const kept = records.map(({ count, channels }) => channels ?? count);
  const cut = 4 * kept.reduce((a, b) => a + b, 0);
  const numbers = new Float32Array(packed, 0, cut / 4);
  const whole = new Int8Array(packed, cut);
  const values = new Float32Array(records.reduce((n, { count }) => n + count, 0));
  let [at, number, q] = [0, 0, 0];
  records.forEach(({ count, channels, inner = 1 }, k) => {
    const some = numbers.subarray(number, number + kept[k]!);
    if (channels === undefined) values.set(some, at);
    else for (let i = 0; i < count; i++) values[at + i] = whole[q++]! * some[Math.floor(i / inner) % channels]!;
    at += count;
    number += kept[k]!;
  });
  return values;
}

/** A generator that runs: G(z) and G(z, y) as numbers in [-1, 1], channel by channel. */
export class Generator {
  private readonly blocks: Record<string, { at: number; count: number }>;
  private readonly made: { at: number; count: number };

  constructor(
    private readonly machine: Machine,
    readonly file: ModelFile,
    weights: Weights,
  ) {
    const [, height, width] = file.sample;
    this.made = machine.block(file.sample[0] * height * width);
    const inputs = file.latent + (file.codes[0]?.length ?? 0);
    this.blocks = {
      theta_g: machine.block(weights.theta.length),
      buffers_g: machine.block(weights.buffers.length),
      z: machine.block(inputs),
    };
    machine.write(this.blocks.theta_g!, weights.theta);
    machine.write(this.blocks.buffers_g!, weights.buffers);
  }

  /** The image of a latent; `y` is the class asked for, ignored by a generator without classes. */
  image(z: Float32Array, y: number): Float32Array {
    const code = this.file.codes[y] ?? [];
    this.machine.write(this.blocks.z!, [...z, ...code]);
    this.machine.run("show", this.blocks, { x: this.made });
    return this.machine.read(this.made);
  }
}

/** Unpacks the file and compiles its program. */
export async function wake(file: ModelFile, makeMachine: (module: WebAssembly.Module) => Machine): Promise<Generator> {
  if (file.version !== 1) throw new Error(`the generator’s file has version ${file.version}, this page reads 1`);
  const [wasm, packed] = await Promise.all([unpacked(file.wasm), unpacked(file.weights)]);
  const values = dequantised(file.tensors, packed);
  const parameters = file.programs.show!.inputs[0]!.shape[0]!;
  const weights = { theta: values.subarray(0, parameters), buffers: values.subarray(parameters) };
  return new Generator(makeMachine(await WebAssembly.compile(wasm)), file, weights);
}

/** A module of one function that uses a 128-bit constant: valid only where the program is. */
const SIMD = "AGFzbQEAAAABBQFgAAF7AwIBAAoKAQgAQQD9D/1iCw==";

export function canRun(): boolean {
  return (
    typeof WebAssembly === "object" && typeof DecompressionStream === "function" && WebAssembly.validate(bytesOf(SIMD))
  );
}

// Compiled programs and the blocks of memory on which they work.

import { type Manifest, type ProgramSpec, size } from "./manifest";

/** float32 numbers at a place in the programs' memory. */
export interface Block {
  at: number;
  count: number;
}

type Exports = { memory: WebAssembly.Memory; malloc(bytes: number): number } & Record<
  string,
  (...at: number[]) => void
>;

export class Machine {
  private readonly exports: Exports;
  private readonly blank = new Map<string, Block>();

  constructor(
    module: WebAssembly.Module,
    readonly manifest: Manifest,
  ) {
    const { exports } = new WebAssembly.Instance(module);
    this.exports = exports as unknown as Exports;
    (this.exports._initialize as (() => void) | undefined)?.();
  }

  block(count: number): Block {
    const at = this.exports.malloc(Math.max(4 * count, 16));
    if (at === 0) throw new RangeError(`the page has no memory left for ${count} numbers`);
    this.view({ at, count }).fill(0);
    return { at, count };
  }

  /** The numbers of a block; the view holds until the next program or block. */
  view({ at, count }: Block): Float32Array {
    return new Float32Array(this.exports.memory.buffer, at, count);
  }

  write(block: Block, values: ArrayLike<number>): void {
    this.view(block).set(values);
  }

  read(block: Block): Float32Array {
    return this.view(block).slice();
  }

  has(program: string): boolean {
    return program in this.manifest.programs;
  }

  spec(program: string): ProgramSpec {
    const spec = this.manifest.programs[program];
    if (!spec) throw new Error(`this page has no program ${program}`);
    return spec;
  }

  /** Runs a program on named blocks; inputs it does not know are left out, and so are outputs. */
  run(program: string, blocks: Record<string, Block>, results: Record<string, Block>): void {
    const { inputs, outputs } = this.spec(program);
    const pointers = inputs.map(({ name }) => {
      const block = blocks[name];
      if (!block) throw new Error(`${program} needs ${name}`);
      return block.at;
    });
    const places = outputs.map(({ name, shape }) => (results[name] ?? this.scratch(name, size(shape))).at);
    this.exports[program]!(...pointers, ...places);
  }

  /** A block for what nobody asked for. */
  private scratch(name: string, count: number): Block {
    const key = `${name} ${count}`;
    const found = this.blank.get(key) ?? this.block(count);
    this.blank.set(key, found);
    return found;
  }
}

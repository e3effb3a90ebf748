// What a frame of the page shows: the arrays and numbers of gan_tutor/lab/view.py.

import type { Extent, LayerName, Metric } from "../protocol";
import { apart, coverageMetrics, wasserstein } from "./coverage";
import { type Game, spread } from "./game";
import { gridOf, latentGrid, ofEachClass } from "./grids";
import type { Block } from "./machine";
import { size } from "./manifest";
import { extentOf } from "./sources";
import { Twister } from "./twister";

export type Shown = { shape: number[]; data: Float32Array | Uint8Array };

const [POINTS, IMAGES, BY_CLASS, PIXELS, LINES] = [400, 36, 6, 40, 15];
const MANY = 8000;
const METRIC_SAMPLES = 2500;

export class View {
  readonly kind: "points" | "images" | "line";
  readonly extent: Extent | null;
  private readonly twister: Twister;
  private readonly z: Float32Array;
  private readonly real: Float32Array;
  private readonly lines: Float32Array;
  private readonly grid: Float32Array;
  private readonly rows: number;
  private readonly y: Int32Array | null;
  private readonly yReal: Int32Array | null;
  private readonly each: number;
  private readonly latent: number;
  private readonly blocks: Record<"z" | "x" | "xs" | "y" | "logits" | "arrow_real" | "arrow_fake" | "gradient", Block>;
  private truth: Float32Array | null = null;

  constructor(
    readonly game: Game,
    private readonly classes: number,
  ) {
    const { machine, source, recipe } = game;
    const { manifest } = machine;
    this.kind = source.shape.length === 3 ? "images" : source.shape[0] === 2 ? "points" : "line";
    this.each = size(source.shape);
    this.latent = Number(recipe.latent_dim);
    this.twister = new Twister(Number(recipe.seed) + 1);
    const imagesByClass = this.kind === "images" && classes > 0;
    const n = imagesByClass ? BY_CLASS * classes : this.kind === "images" ? IMAGES : POINTS;
    this.z = imagesByClass ? repeated(this.latents(BY_CLASS), classes) : this.latents(n);
    this.y = classes
      ? Int32Array.from({ length: n }, (_, i) => (imagesByClass ? Math.floor(i / BY_CLASS) : i % classes))
      : null;
    const shown = imagesByClass ? ofEachClass(source, classes, BY_CLASS, this.twister) : source.sample(n, this.twister);
    this.real = shown.x;
    this.yReal = classes ? shown.labels : null;
    this.extent = this.kind === "images" ? null : extentOf(source.sample(4000, this.twister).x, this.each);
    this.rows = this.kind === "points" ? PIXELS : 1;
    this.grid = this.extent ? gridOf(this.extent, this.rows, PIXELS, this.each) : new Float32Array();
    this.lines = latentGrid(LINES, this.latent);
    const shows = rowsOf(machine.spec("show").inputs.find(({ name }) => name === "z")!.shape);
    const judges = rowsOf(machine.spec("judge").inputs.find(({ name }) => name === "x")!.shape);
    const arrows = machine.has("arrows") ? rowsOf(machine.spec("arrows").outputs[0]!.shape) * this.each : 1;
    this.blocks = {
      z: machine.block(shows * manifest.latent),
      xs: machine.block(shows * this.each),
      x: machine.block(judges * this.each),
      y: machine.block(Math.max(shows, judges)),
      logits: machine.block(judges),
      arrow_real: machine.block(arrows),
      arrow_fake: machine.block(arrows),
      gradient: machine.block(arrows),
    };
  }

  layers(wanted: ReadonlySet<LayerName>): Map<string, Shown> {
    const arrays = new Map<string, Shown>();
    const fake = this.samples(this.z, this.y, this.kind === "images");
    arrays.set("real", this.shown(this.real)).set("fake", this.shown(fake));
    if (wanted.has("histograms") || this.kind === "images") {
      arrays.set("logits_real", vector(this.logits(this.real, this.yReal)));
      arrays.set("logits_fake", vector(this.logits(fake, this.y)));
    }
    if (!this.extent || this.y) return arrays;
    if (wanted.has("field")) {
      arrays.set("field", { shape: [this.rows, PIXELS], data: shares(this.logits(this.grid, null).map(sigmoid)) });
    }
    if (wanted.has("manifold") && this.kind === "points") {
      arrays.set("manifold", { shape: [LINES, LINES, 2], data: this.samples(this.lines, null, false) });
    }
    if (wanted.has("arrows")) arrays.set("arrows", this.arrows(fake));
    return arrays;
  }

  /** The best D on the grid, and how far D is from it: both densities counted from as many points, and blurred. */
  optimal(): { best: Shown; gap: number } {
    this.truth ??= this.density(this.game.source.sample(MANY, this.twister).x);
    const p = this.truth;
    const q = this.density(this.samples(this.latents(MANY), null, false));
    const best = p.map((value, i) => (value + 1e-3) / (value + q[i]! + 2e-3));
    let [gap, mass] = [0, 0];
    this.logits(this.grid, null).forEach((logit, i) => {
      const weight = p[i]! + q[i]!;
      gap += weight * Math.abs(sigmoid(logit) - best[i]!);
      mass += weight;
    });
    return { best: { shape: [this.rows, PIXELS], data: shares(best) }, gap: gap / mass };
  }

  /** Numbers of the averaged generator beside what a perfect sampler would get; none for what has no measure here. */
  metrics(): Metric[] {
    const { mixture } = this.game.source;
    if (!mixture) return [];
    const known = mixture.means.length > 1 && mixture.sigmas.every((sigma) => sigma > 0) && apart(mixture);
    const n = known ? METRIC_SAMPLES : 1000;
    const { classes } = this;
    const y = classes ? Int32Array.from({ length: n }, (_, i) => i % classes) : null;
    const fake = this.samples(this.latents(n), y, true);
    if (known) return coverageMetrics(fake, mixture);
    if (this.each > 1) return [];
    const [real, again] = [this.game.source.sample(n, this.twister).x, this.game.source.sample(n, this.twister).x];
    return [
      {
        name: "wasserstein",
        label: "Wasserstein distance",
        value: wasserstein(fake, real),
        best: wasserstein(again, real),
        better: "low",
        best_label: "perfect sampler",
      },
    ];
  }

  private latents(n: number): Float32Array {
    const z = new Float32Array(n * this.latent);
    this.twister.normal(z);
    return z;
  }

  /** G's answers to rows of latents; `averaged`: those of its moving average. */
  private samples(z: Float32Array, y: Int32Array | null, averaged: boolean): Float32Array {
    const { machine, players, ema } = this.game;
    const { blocks, latent, each } = this;
    const width = machine.manifest.latent;
    const rows = blocks.z.count / width;
    const n = z.length / latent;
    const out = new Float32Array(n * each);
    const held = players.G.held;
    for (let at = 0; at < n; at += rows) {
      const upTo = Math.min(at + rows, n);
      spread(z.subarray(at * latent, upTo * latent), latent, machine.view(blocks.z), width);
      if (y) machine.view(blocks.y).set(y.subarray(at, upTo));
      const inputs = { theta_g: averaged ? ema : held.theta, buffers_g: held.buffers, z: blocks.z, y: blocks.y };
      machine.run("show", inputs, { x: blocks.xs });
      out.set(machine.view(blocks.xs).subarray(0, (upTo - at) * each), at * each);
    }
    return out;
  }

  private logits(x: Float32Array, y: Int32Array | null): Float32Array {
    const { machine, players } = this.game;
    const { blocks, each } = this;
    const rows = blocks.logits.count;
    const n = x.length / each;
    const out = new Float32Array(n);
    for (let at = 0; at < n; at += rows) {
      const upTo = Math.min(at + rows, n);
      machine.view(blocks.x).set(x.subarray(at * each, upTo * each));
      if (y) machine.view(blocks.y).set(y.subarray(at, upTo));
      const { theta, buffers } = players.D.held;
      machine.run("judge", { theta_d: theta, buffers_d: buffers, x: blocks.x, y: blocks.y }, { logits: blocks.logits });
      out.set(machine.view(blocks.logits).subarray(0, upTo - at), at);
    }
    return out;
  }

  /** Places and shifts: where samples should go to lower G's loss; the longest is a tenth of the view. */
  private arrows(fake: Float32Array): Shown {
    const { machine, players, recipe } = this.game;
    const { blocks, each } = this;
    const weights = machine.manifest.arrows[String(recipe.loss)];
    if (!weights) return { shape: [0, 2 * each], data: new Float32Array() };
    const count = blocks.gradient.count / each;
    machine.write(blocks.arrow_fake, fake.subarray(0, blocks.gradient.count));
    machine.write(blocks.arrow_real, this.real.subarray(0, blocks.gradient.count));
    const knobs = this.knobs(weights);
    const { theta, buffers } = players.D.held;
    const inputs = {
      theta_d: theta,
      buffers_d: buffers,
      x_real: blocks.arrow_real,
      x_fake: blocks.arrow_fake,
      knobs,
    };
    machine.run("arrows", inputs, { gradient: blocks.gradient });
    const gradient = machine.view(blocks.gradient);
    const norms = Array.from({ length: count }, (_, i) => Math.hypot(...gradient.subarray(i * each, (i + 1) * each)));
    const scale = (-0.1 * (this.extent![1] - this.extent![0])) / Math.max(...norms, 1e-12);
    const data = new Float32Array(count * 2 * each);
    for (let i = 0; i < count; i++) {
      for (let k = 0; k < each; k++) {
        data[2 * i * each + k] = fake[i * each + k]!;
        data[(2 * i + 1) * each + k] = scale * gradient[i * each + k]!;
      }
    }
    return { shape: [count, 2 * each], data };
  }

  private knobBlock: Block | null = null;

  private knobs(weights: number[]): Block {
    const block = this.knobBlock ?? this.game.machine.block(weights.length);
    this.knobBlock = block;
    this.game.machine.write(block, weights);
    return block;
  }

  /** Counts points in the grid's cells, blurs by one cell, and scales to mean 1 a cell. */
  private density(x: Float32Array): Float32Array {
    const [x0, x1, y0, y1] = this.extent!;
    const { rows, each } = this;
    const counts = new Float32Array(rows * PIXELS);
    const n = x.length / each;
    for (let i = 0; i < n; i++) {
      const column = Math.floor(((x[i * each]! - x0) / (x1 - x0)) * PIXELS);
      const row = rows > 1 ? Math.floor(((y1 - x[i * each + 1]!) / (y1 - y0)) * rows) : 0;
      if (column >= 0 && column < PIXELS && row >= 0 && row < rows) counts[row * PIXELS + column]! += 1;
    }
    const blurred = new Float32Array(counts.length);
    const across = rows > 1 ? [0.25, 0.5, 0.25] : [0, 1, 0];
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < PIXELS; column++) {
        let sum = 0;
        for (let i = -1; i <= 1; i++) {
          for (let j = -1; j <= 1; j++) {
            const [r, c] = [row + i, column + j];
            if (r < 0 || r >= rows || c < 0 || c >= PIXELS) continue;
            sum += across[i + 1]! * [0.25, 0.5, 0.25][j + 1]! * counts[r * PIXELS + c]!;
          }
        }
        blurred[row * PIXELS + column] = (sum / n) * rows * PIXELS;
      }
    }
    return blurred;
  }

  /** Points as they are; images from [-1, 1] as bytes, channels last. */
  private shown(x: Float32Array): Shown {
    const { shape } = this.game.source;
    if (this.kind !== "images") return { shape: [x.length / this.each, this.each], data: x };
    const [c, h, w] = shape as [number, number, number];
    const data = new Uint8Array(x.length);
    for (let i = 0; i < x.length; i++) {
      const [image, rest] = [Math.floor(i / this.each), i % this.each];
      const [channel, pixel] = [Math.floor(rest / (h * w)), rest % (h * w)];
      data[image * this.each + pixel * c + channel] = Math.round(Math.min(Math.max((x[i]! + 1) / 2, 0), 1) * 255);
    }
    return { shape: [x.length / this.each, h, w, c], data };
  }
}

function rowsOf(shape: number[]): number {
  return shape[0]!;
}

function vector(data: Float32Array): Shown {
  return { shape: [data.length], data };
}

function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

function shares(values: Float32Array): Uint8Array {
  return Uint8Array.from(values, (value) => Math.round(Math.min(Math.max(value, 0), 1) * 255));
}

function repeated(values: Float32Array, times: number): Float32Array {
  const out = new Float32Array(values.length * times);
  for (let i = 0; i < times; i++) out.set(values, i * values.length);
  return out;
}

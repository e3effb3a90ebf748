// Made-up runs in the form of real replies: for the demonstration page and the tests.

import type { ArrayHeader, ControlSpec, FrameReply, Source, StateReply } from "../src/protocol";
import type { Recorded } from "../src/replay_engine";

type Kind = Source["kind"];

/** Repeatable pseudo-random numbers in [0, 1). */
export function uniform(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

class Packer {
  readonly headers: ArrayHeader[] = [];
  readonly buffers: DataView[] = [];

  f32(name: string, shape: number[], values: ArrayLike<number>): void {
    this.put({ name, dtype: "f32", shape }, Float32Array.from(values));
  }

  u8(name: string, shape: number[], values: ArrayLike<number>): void {
    this.put({ name, dtype: "u8", shape }, Uint8Array.from(values));
  }

  private put(header: ArrayHeader, data: ArrayBufferView): void {
    this.headers.push(header);
    this.buffers.push(new DataView(data.buffer, data.byteOffset, data.byteLength));
  }
}

const spec = (field: string, label: string, rest: Partial<ControlSpec>): ControlSpec => ({
  field,
  label,
  group: "Optimiser",
  kind: "log",
  help: `What ${label} does.`,
  effect: "next step",
  ...rest,
});

export const CONTROLS: ControlSpec[] = [
  spec("loss", "Loss", {
    group: "Loss",
    kind: "choice",
    choices: ["minimax", "nonsaturating", "hinge", "wasserstein", "relativistic"].map((v) => ({ value: v, label: v })),
    help: "What D and G minimise.",
  }),
  spec("penalty", "Penalty on D", {
    group: "Loss",
    kind: "choice",
    choices: ["none", "r1", "r2", "r1_r2", "wgan_gp"].map((v) => ({ value: v, label: v })),
  }),
  spec("penalty_weight", "Penalty weight", { group: "Loss", min: 0.01, max: 100 }),
  spec("lr_d", "Learning rate of D", { min: 1e-5, max: 0.1, unit: "per step", help: "How far D moves in a step." }),
  spec("lr_g", "Learning rate of G", { min: 1e-5, max: 0.1, unit: "per step" }),
  spec("beta1", "Adam’s β₁", { kind: "linear", min: 0, max: 0.99, step: 0.01 }),
  spec("n_critic", "D steps per G step", { group: "Game", kind: "int", min: 1, max: 10 }),
  spec("batch_size", "Batch size", { group: "Game", kind: "log2", min: 8, max: 1024, unit: "samples" }),
  spec("real_target", "Label smoothing", { group: "Game", kind: "linear", min: 0.7, max: 1, step: 0.01 }),
  spec("latent_dim", "Latent dimension", {
    group: "Networks",
    kind: "log2",
    min: 1,
    max: 64,
    effect: "rebuilds the networks",
  }),
  spec("width_d", "Width of D", {
    group: "Networks",
    kind: "log2",
    min: 8,
    max: 256,
    unit: "units",
    effect: "rebuilds the networks",
  }),
  spec("data", "Data set", {
    group: "Data",
    kind: "choice",
    choices: ["ring", "grid", "swiss_roll", "digits"].map((v) => ({ value: v, label: v })),
    effect: "new data and networks",
  }),
  spec("seed", "Seed", { group: "Data", kind: "int", min: 0, max: 999999, effect: "rebuilds the networks" }),
];

const SOURCES: Record<Kind, Source> = {
  points: {
    kind: "points",
    shape: [2],
    range: null,
    extent: [-1.6, 1.6, -1.6, 1.6],
    name: "ring",
    modes: 8,
    density: true,
    labels: null,
  },
  line: {
    kind: "line",
    shape: [1],
    range: null,
    extent: [-2, 9, 0, 1],
    name: "gaussian",
    modes: 1,
    density: true,
    labels: null,
  },
  images: {
    kind: "images",
    shape: [1, 28, 28],
    range: [-1, 1],
    extent: null,
    name: "digits",
    modes: null,
    density: false,
    labels: null,
  },
};

export const CLASSES = [
  "T-shirt/top",
  "Trouser",
  "Pullover",
  "Dress",
  "Coat",
  "Sandal",
  "Shirt",
  "Sneaker",
  "Bag",
  "Ankle boot",
];

const MEMORY = { used_mb: 12, budget_mb: 64 };

export function state(kind: Kind, changes: Partial<StateReply> = {}): StateReply {
  return {
    type: "state",
    protocol: 1,
    engine: "replay",
    playing: false,
    step: 0,
    recipe: {
      loss: "nonsaturating",
      penalty: "none",
      penalty_weight: 1,
      lr_d: 1e-3,
      lr_g: 1e-3,
      beta1: 0.5,
      n_critic: 2,
      batch_size: 128,
      real_target: 1,
      latent_dim: 2,
      width_d: 128,
      data: SOURCES[kind].name,
      seed: 0,
    },
    controls: CONTROLS,
    presets: [
      {
        name: "ring",
        label: "Learn the ring",
        about: "Eight modes in a few seconds: watch D’s field flatten as they fill.",
      },
      { name: "cure", label: "Cover all eight", about: "Relativistic pairing with R1 and R2." },
      { name: "collapse", label: "Make it collapse", about: "A D ten times slower cannot keep G from one mode." },
      { name: "saturate", label: "Saturate it", about: "The minimax loss leaves G without a slope." },
      { name: "oscillate", label: "Make it oscillate", about: "A linear critic and a point: it runs in circles." },
      { name: "nash", label: "Reach equilibrium", about: "An affine G and a Gaussian." },
      { name: "digits", label: "Draw digits", about: "The fast image recipe." },
      { name: "classes", label: "Digits by class", about: "Each row is one class." },
    ],
    source: SOURCES[kind],
    preset: null,
    snapshots: [0],
    memory: MEMORY,
    locked: ["seed"],
    hidden: [],
    compare: null,
    note: null,
    ...changes,
  };
}

const ring = (i: number, n = 8) => [Math.cos((2 * Math.PI * i) / n), Math.sin((2 * Math.PI * i) / n)] as const;
const byte = (p: number) => Math.max(0, Math.min(255, Math.round(255 * p)));

/** Frame t of 0..1: generated points wander from the middle to the ring. */
function pointFrame(pack: Packer, t: number): void {
  const random = uniform(1);
  const real = Array.from({ length: 400 }, (_, i) => ring(i % 8).map((c) => c + 0.05 * normal(random))).flat();
  const fake: number[] = [];
  const latent = uniform(2);
  for (let i = 0; i < 400; i++) {
    const [zx, zy] = [normal(latent), normal(latent)];
    fake.push(...place(zx, zy, t));
  }
  pack.f32("real", [400, 2], real);
  pack.f32("fake", [400, 2], fake);
  const size = 40;
  const field: number[] = [];
  const optimal: number[] = [];
  for (let j = 0; j < size; j++) {
    for (let i = 0; i < size; i++) {
      const [x, y] = [-1.6 + (3.2 * (i + 0.5)) / size, 1.6 - (3.2 * (j + 0.5)) / size];
      const near = Math.exp(-((Math.hypot(x, y) - 1) ** 2) / 0.05);
      const middle = Math.exp(-(x * x + y * y) / (0.1 + 0.9 * t));
      field.push(byte(0.5 + 0.45 * (near - middle) * (1 - 0.7 * t) + 0.08 * Math.sin(3 * x + 9 * t)));
      optimal.push(byte(near / (near + middle * (1 - t) + 0.2 + 0.6 * t * near)));
    }
  }
  pack.u8("field", [size, size], field);
  pack.u8("optimal", [size, size], optimal);
  const arrows: number[] = [];
  for (let i = 0; i < 60; i++) {
    const [x, y] = [fake[2 * i]!, fake[2 * i + 1]!];
    const r = Math.hypot(x, y) + 0.1;
    arrows.push(x, y, ((0.25 * x) / r) * (1.1 - t), ((0.25 * y) / r) * (1.1 - t));
  }
  pack.f32("arrows", [60, 4], arrows);
  const k = 20;
  const grid: number[] = [];
  for (let i = 0; i < k; i++) for (let j = 0; j < k; j++) grid.push(...place((i - 9.5) / 4.5, (j - 9.5) / 4.5, t));
  pack.f32("manifold", [k, k, 2], grid);
}

function place(zx: number, zy: number, t: number): [number, number] {
  const angle = Math.atan2(zy, zx);
  const snapped = (Math.round((angle / (2 * Math.PI)) * 8) * 2 * Math.PI) / 8;
  const a = angle + 0.85 * t * (snapped - angle);
  const radius = (1 - t) * 0.25 * Math.hypot(zx, zy) + t * (1 + 0.06 * zx);
  return [radius * Math.cos(a), radius * Math.sin(a)];
}

function lineFrame(pack: Packer, t: number): void {
  const random = uniform(1);
  pack.f32(
    "real",
    [600, 1],
    Array.from({ length: 600 }, () => 4 + 1.25 * normal(random)),
  );
  const fake = Array.from({ length: 600 }, () => 4 * t + (0.5 + 0.75 * t) * normal(random));
  pack.f32("fake", [600, 1], fake);
  const xs = Array.from({ length: 120 }, (_, i) => -2 + (11 * (i + 0.5)) / 120);
  const density = (x: number, m: number, s: number) => Math.exp(-((x - m) ** 2) / (2 * s * s)) / s;
  const best = (x: number) => density(x, 4, 1.25) / (density(x, 4, 1.25) + density(x, 4 * t, 0.5 + 0.75 * t) + 1e-9);
  pack.u8(
    "field",
    [1, 120],
    xs.map((x) => byte(0.5 + 0.8 * (best(x) - 0.5))),
  );
  pack.u8(
    "optimal",
    [1, 120],
    xs.map((x) => byte(best(x))),
  );
  pack.f32(
    "arrows",
    [24, 2],
    fake.slice(0, 24).flatMap((x) => [x, 0.8 * (1 - t)]),
  );
}

function imageFrame(pack: Packer, t: number, n: number): void {
  const random = uniform(5);
  const shape = (i: number, sharp: number) => {
    const [cx, cy, r] = [14 + 3 * Math.sin(i), 14 + 3 * Math.cos(2 * i), 5 + (i % 4)];
    return Array.from({ length: 784 }, (_, p) => {
      const d = Math.abs(Math.hypot((p % 28) - cx, Math.floor(p / 28) - cy) - r);
      return byte(Math.exp(-d * d * (0.1 + 0.5 * sharp)) * sharp + (1 - sharp) * random());
    });
  };
  pack.u8("real", [n, 28, 28, 1], Array.from({ length: n }, (_, i) => shape(i * 3 + 1, 1)).flat());
  pack.u8("fake", [n, 28, 28, 1], Array.from({ length: n }, (_, i) => shape(i, t)).flat());
}

/** A whole recorded run of 61 frames, every 40 steps. */
export function recording(kind: Kind, changes: Partial<StateReply> = {}, frames = 61): Recorded[] {
  const records: Recorded[] = [{ message: state(kind, changes), buffers: [] }];
  const images = changes.source?.labels ? 60 : 36;
  for (let f = 0; f < frames; f++) records.push(frame(kind, f, frames > 1 ? f / (frames - 1) : 0, images));
  const python =
    'from gan_tutor import recipes\n\ngame = recipes.build(recipes.named("ring"))\nfor record in recipes.run(game):\n    pass\n';
  records.push({
    message: { type: "code", python, link: "#lab=eyJsb3NzIjoiaGluZ2UifQ", recipe_json: '{\n  "loss": "hinge"\n}' },
    buffers: [],
  });
  return records;
}

function frame(kind: Kind, f: number, progress: number, images: number): Recorded {
  const pack = new Packer();
  const t = progress ** 0.7;
  const random = uniform(100 + f);
  if (kind === "points") pointFrame(pack, t);
  else if (kind === "line") lineFrame(pack, t);
  else imageFrame(pack, t, images);
  const n = kind === "images" ? images : 400;
  pack.f32(
    "logits_real",
    [n],
    Array.from({ length: n }, () => 2.5 * (1 - t) + (1.2 - 0.5 * t) * normal(random)),
  );
  pack.f32(
    "logits_fake",
    [n],
    Array.from({ length: n }, () => -2.5 * (1 - t) + (1.2 - 0.5 * t) * normal(random)),
  );
  const rows: number[] = [];
  for (let i = 0; f > 0 && i < 40; i++) {
    const at = 40 * (f - 1) + i + 1;
    const decay = Math.exp(-at / 900);
    rows.push(at, 1.4 - decay + 0.08 * normal(random), 0.7 + 2 * decay + 0.12 * normal(random));
    rows.push((0.3 + decay) * Math.exp(0.3 * normal(random)), (0.1 + 0.6 * decay) * Math.exp(0.4 * normal(random)));
  }
  pack.f32("history", [rows.length / 5, 5], rows);
  const message: FrameReply = {
    type: "frame",
    id: 0,
    step: 40 * f,
    playing: false,
    snapshots: [0],
    memory: MEMORY,
    steps_per_second: f ? 812 : 0,
    finite: true,
    loss_d: rows.at(-4) ?? 1.4,
    loss_g: rows.at(-3) ?? 0.7,
    grad_d: rows.at(-2) ?? 1,
    grad_g: rows.at(-1) ?? 1,
    gap: kind === "images" ? null : 0.3 * (1 - 0.7 * t),
    metrics: kind === "images" ? imageMetrics(t) : pointMetrics(t),
    arrays: pack.headers,
  };
  return { message, buffers: pack.buffers };
}

function pointMetrics(t: number): FrameReply["metrics"] {
  const best_label = "perfect sampler";
  return [
    { name: "modes", label: "Modes covered", value: Math.round(8 * t), best: 8, worst: 0, better: "high", best_label },
    { name: "high_quality", label: "On a mode, %", value: 97 * t, best: 98.9, worst: 0, better: "high", best_label },
    {
      name: "reverse_kl",
      label: "Reverse KL, nats",
      value: 2.1 * (1 - t) + 0.004,
      best: 0.001,
      better: "low",
      best_label,
    },
  ];
}

function imageMetrics(t: number): FrameReply["metrics"] {
  const value = 180 * (1 - t) + 6;
  return [
    { name: "frechet_distance", label: "Fréchet distance", value, best: 1.2, better: "low", best_label: "real images" },
  ];
}

// A game on the page: the state of both players, and the order in which the library's compiled steps are taken. It
// follows gan_tutor/training.py and recipes/game.py, draw by draw.

import type { Recipe } from "../protocol";
import type { Block, Machine } from "./machine";
import { type InitialDraw, size } from "./manifest";
import type { Drawn, Source } from "./sources";
import { Twister, type TwisterState } from "./twister";

const NO_CLIP = 3.4e38;

/** Everything that changes while a player learns. Programs write beside what they read; then the two change places. */
interface Player {
  held: Record<"theta" | "state_0" | "state_1" | "buffers", Block>;
  next: Record<"theta" | "state_0" | "state_1" | "buffers", Block>;
  grad: Block;
  norm: Block;
  /** Optimiser steps taken. */
  steps: number;
}

type PlayerMoment = Record<"theta" | "state_0" | "state_1" | "buffers", Float32Array> & { steps: number };

/** A moment of a game that can be taken up again. */
export interface Moment {
  step: number;
  G: PlayerMoment;
  D: PlayerMoment;
  ema: Float32Array;
  twister: TwisterState;
}

export type Side = "G" | "D";

export class Game {
  step = 0;
  readonly players: Record<Side, Player>;
  readonly ema: Block;
  private readonly twister: Twister;
  private readonly at: Record<"x_real" | "x_fake" | "z" | "y" | "loss", Block>;
  private readonly drawn = new Map<string, Block>();

  constructor(
    public recipe: Recipe,
    readonly machine: Machine,
    readonly source: Source,
  ) {
    const { manifest } = machine;
    const each = manifest.batch * size(manifest.sample);
    this.at = {
      x_real: machine.block(each),
      x_fake: machine.block(each),
      z: machine.block(manifest.batch * manifest.latent),
      y: machine.block(manifest.batch),
      loss: machine.block(1),
    };
    this.players = { G: newPlayer(machine, "G"), D: newPlayer(machine, "D") };
    const twister = new Twister(Number(recipe.seed));
    for (const draw of this.initialDraws()) this.initialise(draw, twister);
    for (let i = 0; i < manifest.settle; i++) this.run("settle_d", {});
    this.ema = machine.block(manifest.G.parameters);
    machine.write(this.ema, machine.view(this.players.G.held.theta));
    this.twister = new Twister(Number(recipe.seed));
  }

  /** One turn: n_critic steps of D, one of G. Returns both losses before their last steps. */
  turn(): { lossD: number; lossG: number } {
    this.step += 1;
    const every = Number(this.recipe.penalty_every);
    const due = this.step % every === 0;
    let lossD = Number.NaN;
    for (let i = 0; i < Number(this.recipe.n_critic); i++) {
      this.draw();
      lossD = this.moveD(due, every * Number(this.recipe.penalty_weight));
    }
    const lossG = this.moveG();
    this.follow(Math.min(Number(this.recipe.ema_decay), this.step / (this.step + 1)));
    return { lossD, lossG };
  }

  /** Moves D alone, on fresh samples. */
  stepD(): number {
    this.draw();
    return this.moveD(true, Number(this.recipe.penalty_weight));
  }

  /** Moves G alone, on fresh samples. */
  stepG(): number {
    this.draw();
    const loss = this.moveG();
    this.follow(Math.min(Number(this.recipe.ema_decay), (this.step + 1) / (this.step + 2)));
    return loss;
  }

  /** The L2 norm of a player's last gradient. */
  gradientNorm(side: Side): number {
    return this.machine.view(this.players[side].norm)[0]!;
  }

  save(): Moment {
    const { machine, players } = this;
    const copy = ({ held, steps }: Player): PlayerMoment => ({
      theta: machine.read(held.theta),
      state_0: machine.read(held.state_0),
      state_1: machine.read(held.state_1),
      buffers: machine.read(held.buffers),
      steps,
    });
    const [G, D] = [copy(players.G), copy(players.D)];
    return { step: this.step, G, D, ema: machine.read(this.ema), twister: this.twister.state };
  }

  restore(moment: Moment): void {
    this.step = moment.step;
    this.take("G", moment, true);
    this.take("D", moment, true);
    this.twister.state = moment.twister;
  }

  /** Takes up one player of a moment; without `memory` its optimiser starts anew. */
  take(side: Side, moment: Moment, memory: boolean): void {
    const { machine } = this;
    const player = this.players[side];
    const from = moment[side];
    machine.write(player.held.theta, from.theta);
    machine.write(player.held.buffers, from.buffers);
    if (side === "G") machine.write(this.ema, moment.ema);
    if (!memory) return;
    machine.write(player.held.state_0, from.state_0);
    machine.write(player.held.state_1, from.state_1);
    player.steps = from.steps;
  }

  /** Goes on under other settings of the same networks; a new optimiser has no memory. */
  steer(recipe: Recipe): void {
    const anew = recipe.optimizer !== this.recipe.optimizer;
    this.recipe = recipe;
    if (!anew) return;
    for (const player of [this.players.G, this.players.D]) {
      player.steps = 0;
      for (const block of [player.held.state_0, player.held.state_1]) this.machine.view(block).fill(0);
    }
  }

  /** Goes on with the random numbers and the count of another game's moment. */
  continueFrom(moment: Moment): void {
    this.step = moment.step;
    this.twister.state = moment.twister;
  }

  private initialDraws(): InitialDraw[] {
    const { init } = this.machine.manifest;
    const draws = init[String(this.recipe.latent_dim)];
    if (!draws) {
      const known = Object.keys(init);
      throw new Error(`latent_dim must be ${known[0]} to ${known.at(-1)} on this page, got ${this.recipe.latent_dim}`);
    }
    return draws;
  }

  private initialise({ player, kind, a, b, count, offset, row, stride, into }: InitialDraw, twister: Twister): void {
    const values = new Float32Array(count);
    if (kind === "uniform") twister.uniform(values, a, b);
    else if (kind === "normal") twister.normal(values, a, b);
    else values.fill(a);
    if (offset < 0) return;
    const held = this.machine.view(this.players[player].held[into ?? "theta"]);
    for (let i = 0; i < count; i++) held[offset + Math.floor(i / row) * stride + (i % row)] = values[i]!;
  }

  /** Draws a real batch and latents, and lets G answer them. */
  private draw(): void {
    const { machine, at } = this;
    const { batch, latent } = machine.manifest;
    const { x, labels }: Drawn = this.source.sample(batch, this.twister);
    machine.write(at.x_real, x);
    if (labels) machine.write(at.y, labels);
    const dim = Number(this.recipe.latent_dim);
    const z = new Float32Array(batch * dim);
    this.twister.normal(z);
    spread(z, dim, machine.view(at.z), latent);
  }

  private moveD(due: boolean, penaltyWeight: number): number {
    const { recipe, at } = this;
    this.run("generate", { x: at.x_fake });
    const penalty = due ? String(recipe.penalty) : "none";
    const weight = penalty === "none" ? 0 : penaltyWeight;
    this.run(`d_${penalty}`, this.gradientOf("D"), [...this.lossOfD(), Number(recipe.instance_noise), weight]);
    this.descend("D", Number(recipe.lr_d), Number(recipe.clip) || NO_CLIP);
    return this.loss;
  }

  private moveG(): number {
    const { recipe } = this;
    const { program, weights } = this.machine.manifest.g_losses[String(recipe.loss)]!;
    this.run(program, this.gradientOf("G"), [...weights, Number(recipe.instance_noise)]);
    this.descend("G", Number(recipe.lr_g), NO_CLIP);
    return this.loss;
  }

  private get loss(): number {
    return this.machine.view(this.at.loss)[0]!;
  }

  private gradientOf(side: Side): Record<string, Block> {
    return { grad: this.players[side].grad, loss: this.at.loss };
  }

  /** Weights of D's loss formulas; a smoothed target is a point on the line through two of them. */
  private lossOfD(): number[] {
    const { d_losses, smoothed } = this.machine.manifest;
    const name = String(this.recipe.loss);
    const weights = [...d_losses[name]!];
    const column = smoothed[name];
    const share = (1 - Number(this.recipe.real_target)) / 0.25;
    if (column === undefined || share === 0) return weights;
    const mixed = weights.map((weight) => weight * (1 - share));
    mixed[column] = share;
    return mixed;
  }

  private run(program: string, results: Record<string, Block>, knobs: number[] = []): void {
    const { machine, at, players } = this;
    const { G, D } = players;
    const { inputs, outputs } = machine.spec(program);
    const blocks: Record<string, Block> = {
      theta_g: G.held.theta,
      theta_d: D.held.theta,
      buffers_g: G.held.buffers,
      buffers_d: D.held.buffers,
      ...at,
    };
    for (const { name, shape, draw } of inputs) {
      if (draw) blocks[name] = this.random(name, size(shape), draw);
      else if (name === "knobs") blocks.knobs = this.numbers(name, knobs);
    }
    machine.run(program, blocks, { buffers_g: G.next.buffers, buffers_d: D.next.buffers, ...results });
    for (const { name } of outputs) {
      if (name === "buffers_g") change(G, "buffers");
      if (name === "buffers_d") change(D, "buffers");
    }
  }

  /** What a program draws: noise only if there is any, everything else always. */
  private random(name: string, count: number, draw: "normal" | "uniform"): Block {
    const noise = name.startsWith("noise_");
    const values = new Float32Array(count);
    if (draw === "uniform") this.twister.uniform(values);
    else if (!noise || Number(this.recipe.instance_noise) > 0) this.twister.normal(values);
    return this.numbers(name, values);
  }

  private numbers(name: string, values: ArrayLike<number>): Block {
    const key = `${name} ${values.length}`;
    const block = this.drawn.get(key) ?? this.machine.block(values.length);
    this.drawn.set(key, block);
    this.machine.write(block, values);
    return block;
  }

  private descend(side: Side, rate: number, clip: number): void {
    const { machine, recipe } = this;
    const player = this.players[side];
    const program = `${recipe.optimizer}_${side.toLowerCase()}`;
    const [beta1, beta2] = [Number(recipe.beta1), Number(recipe.beta2)];
    const still = recipe.optimizer === "sgd" && beta1 === 0; // torch keeps no velocity then, and an earlier one as it was
    if (!still) player.steps += 1;
    const knobs = {
      adam: [rate, 1 - beta1, 1 - beta2, 1 / (1 - beta1 ** player.steps), 1 / (1 - beta2 ** player.steps), clip],
      rmsprop: [rate, 1 - beta2, clip],
      sgd: [rate, beta1, player.steps <= 1 ? 1 : 0, clip],
    }[String(recipe.optimizer) as "adam" | "rmsprop" | "sgd"];
    const { theta, state_0, state_1 } = player.held;
    const blocks = { theta, state_0, state_1, grad: player.grad, knobs: this.numbers("knobs", knobs) };
    machine.run(program, blocks, { ...player.next, norm: player.norm });
    for (const { name } of machine.spec(program).outputs) {
      if (name !== "norm" && !(still && name === "state_0")) change(player, name as "theta");
    }
  }

  /** The moving average follows G: average + (1 - decay) (G - average). */
  private follow(decay: number): void {
    const { machine } = this;
    const average = machine.view(this.ema);
    const theta = machine.view(this.players.G.held.theta);
    const share = 1 - decay;
    for (let i = 0; i < average.length; i++) average[i]! += share * (theta[i]! - average[i]!);
  }
}

/** Lays rows of `dim` numbers into rows of `width`, the rest 0. */
export function spread(z: Float32Array, dim: number, into: Float32Array, width: number): void {
  if (dim === width) return into.set(z);
  into.fill(0);
  for (let i = 0; i < z.length; i++) into[Math.floor(i / dim) * width + (i % dim)] = z[i]!;
}

function newPlayer(machine: Machine, side: Side): Player {
  const { parameters, buffers, buffers_init } = machine.manifest[side];
  const blocks = () => ({
    theta: machine.block(parameters),
    state_0: machine.block(parameters),
    state_1: machine.block(parameters),
    buffers: machine.block(buffers),
  });
  const held = blocks();
  machine.write(held.buffers, buffers_init);
  return { held, next: blocks(), grad: machine.block(parameters), norm: machine.block(1), steps: 0 };
}

function change(player: Player, name: "theta" | "state_0" | "state_1" | "buffers"): void {
  [player.held[name], player.next[name]] = [player.next[name], player.held[name]];
}

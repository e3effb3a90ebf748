// The page's engine, as it runs in the worker: messages in, replies and arrays out. It answers as gan_tutor/lab/engine.py.

import {
  type ArrayHeader,
  type Control,
  type ErrorReply,
  type FrameReply,
  type Player,
  PROTOCOL,
  type Recipe,
  type Reply,
  type StateReply,
  type Tick,
  type Value,
} from "../protocol";
import { Game } from "./game";
import { Journal } from "./journal";
import { Machine } from "./machine";
import type { Manifest, Site } from "./manifest";
import { offer, sourceWords } from "./offer";
import { adapted, bundleOf, changes, NOT_COMPILED, Refusal, rebuilt, toLink } from "./recipes";
import { Snapshots } from "./snapshots";
import type { Source } from "./sources";
import { type Shown, View } from "./view";
import { Watch } from "./watch";

const MEMORY_MB = 100;
const IMAGES_EVERY_MS = 60;

/** What the worker's engine asks of the page: programs and data, which come by name. */
export interface Supplies {
  site: Site;
  program(key: string): Promise<{ module: WebAssembly.Module; manifest: Manifest }>;
  source(recipe: Recipe): Promise<Source>;
}

export interface Options {
  recipe: Recipe;
  lock: string[];
  hide: string[];
  group: string | null;
}

export type Answer = [reply: Reply, buffers: ArrayBuffer[]];

export class PageLab {
  private playing = false;
  private recipe: Recipe;
  private game!: Game;
  private view!: View;
  private journal!: Journal;
  private snapshots!: Snapshots;
  private watch!: Watch;
  private changed = true;
  private drawnAt = Number.NEGATIVE_INFINITY;

  private constructor(
    private readonly supplies: Supplies,
    private readonly options: Options,
  ) {
    this.recipe = options.recipe;
  }

  static async open(supplies: Supplies, options: Options): Promise<PageLab> {
    const lab = new PageLab(supplies, options);
    await lab.begin(options.recipe);
    return lab;
  }

  /** Answers one message; every error becomes a reply, and a foreseen one has changed nothing. */
  async handle(message: Control): Promise<Answer> {
    try {
      return await this.answer(message);
    } catch (error) {
      if (!(error instanceof Refusal)) this.playing = false;
      const reply: ErrorReply =
        error instanceof Refusal
          ? { type: "error", message: error.message, field: error.field }
          : { type: "error", message: `The lab could not do this: ${error instanceof Error ? error.message : error}` };
      return [message.type === "tick" ? { ...reply, id: message.id } : reply, []];
    }
  }

  private async answer(message: Control): Promise<Answer> {
    switch (message.type) {
      case "hello":
        return this.state();
      case "play":
      case "pause":
        this.playing = message.type === "play";
        return this.state();
      case "step":
        return this.single(message.what);
      case "set":
        return this.set(message.changes);
      case "reset":
        await this.begin(this.recipe);
        return this.state(`Back at step 0 with seed ${this.recipe.seed}`);
      case "rewind":
        return this.rewind(message.step);
      case "preset":
        return this.preset(message.name);
      case "code":
        return [this.code(), []];
      case "save":
        return this.save();
      case "tick":
        return this.tick(message);
    }
  }

  private get site(): Site {
    return this.supplies.site;
  }

  private get barred(): string[] {
    return [...this.options.lock, ...this.options.hide];
  }

  private async begin(recipe: Recipe): Promise<void> {
    this.game = await this.build(recipe);
    this.recipe = recipe;
    this.journal = new Journal(recipe, this.site);
    this.snapshots = new Snapshots(MEMORY_MB);
    this.snapshots.take(this.game, this.journal);
    this.watch = new Watch();
    this.lookAnew();
  }

  private async build(recipe: Recipe): Promise<Game> {
    const key = bundleOf(recipe, this.site);
    if (key === null) throw new Refusal(NOT_COMPILED);
    const [{ module, manifest }, source] = await Promise.all([
      this.supplies.program(key),
      this.supplies.source(recipe),
    ]);
    return new Game(recipe, new Machine(module, manifest), source);
  }

  private lookAnew(): void {
    this.view = new View(this.game, this.classes);
    this.watch.lookAnew();
    this.changed = true;
  }

  private get classes(): number {
    return this.recipe.condition === "none" ? 0 : this.site.classes[String(this.recipe.data)]!;
  }

  private turn(): void {
    const { lossD, lossG } = this.game.turn();
    this.watch.note(this.game, lossD, lossG);
    for (const [name, loss] of [
      ["loss_d", lossD],
      ["loss_g", lossG],
    ] as const) {
      if (Number.isFinite(loss)) continue;
      this.playing = false;
      throw new Refusal(
        `${name} became ${pythonNumber(loss)} at step ${this.game.step}: the run has diverged and cannot recover. ` +
          "Rewind, or reset, then lower a learning rate or add a penalty",
      );
    }
    if (this.snapshots.due(this.game.step)) this.snapshots.take(this.game, this.journal);
  }

  private single(what: Player | "turn"): Answer {
    if (what === "turn") {
      this.turn();
      this.snapshots.take(this.game, this.journal);
      return this.state();
    }
    const [lossD, lossG] = this.watch.losses;
    if (what === "d") this.watch.note(this.game, this.game.stepD(), lossG);
    else this.watch.note(this.game, lossD, this.game.stepG());
    this.journal.single(this.game.step, what);
    return this.state();
  }

  private async set(changed: Record<string, Value>): Promise<Answer> {
    const barred = Object.keys(changed).filter((field) => this.barred.includes(field));
    if (barred.length) throw new Refusal(`${barred.join(", ")} cannot be changed in this lab`);
    const next = adapted(this.recipe, changed, this.site);
    const fresh = rebuilt(this.recipe, next, this.site);
    if (fresh.length || bundleOf(next, this.site) !== this.game.machine.manifest.key) await this.goOn(fresh, next);
    else this.game.steer(next);
    this.journal.steered(this.game.step, this.recipe, next);
    const reseeded = next.seed !== this.recipe.seed;
    [this.recipe, this.changed] = [next, true];
    if (this.view.game !== this.game) this.lookAnew();
    const note = fresh.length ? `New: ${fresh.join(", ")}; everything else goes on` : null;
    return this.state(reseeded ? "The seed is used at the next reset" : note);
  }

  /** Builds another game, and keeps what fits it: players, the average, their optimisers' memory, the random numbers. */
  private async goOn(fresh: readonly string[], next: Recipe): Promise<void> {
    const moment = this.game.save();
    const game = await this.build(next);
    const memory = next.optimizer === this.recipe.optimizer;
    for (const side of ["G", "D"] as const) if (!fresh.includes(side)) game.take(side, moment, memory);
    game.continueFrom(moment);
    this.game = game;
  }

  private async rewind(step: number): Promise<Answer> {
    const kept = this.snapshots.backTo(step);
    if (!kept) {
      throw new Refusal(`no moment was kept at step ${step}: the kept steps are ${this.snapshots.steps.join(", ")}`);
    }
    this.game = await this.build(kept.recipe);
    this.game.restore(kept.moment);
    this.recipe = kept.recipe;
    this.journal = kept.journal.copy();
    this.lookAnew();
    return this.state(`Back at step ${step}, with the settings of that moment`);
  }

  private async preset(name: string): Promise<Answer> {
    const preset = this.site.presets.find((one) => one.name === name);
    if (!preset) throw new Refusal(`there is no preset ${name}`);
    const barred = Object.keys(changes(this.recipe, preset.recipe)).filter((field) => this.barred.includes(field));
    if (barred.length) {
      throw new Refusal(`this preset changes ${barred.join(", ")}, which cannot be changed in this lab`);
    }
    await this.begin(preset.recipe);
    return this.state(`${preset.label}: at step 0 with seed ${preset.recipe.seed}`);
  }

  private code(): Reply {
    const { recipe, site } = this;
    return {
      type: "code",
      python: this.journal.program(this.game.step),
      link: toLink(recipe, site),
      recipe_json: JSON.stringify(recipe, null, 2),
    };
  }

  private save(): Answer {
    const { recipe, game } = this;
    const { losses } = this.watch;
    const name = `lab-${recipe.data}-${recipe.seed}-${game.step}.json`;
    const record = {
      step: game.step,
      loss_d: finite(losses[0]),
      loss_g: finite(losses[1]),
      metrics: this.view.metrics(),
      recipe,
      python: this.journal.program(game.step),
    };
    const bytes = new TextEncoder().encode(JSON.stringify(record, null, 2));
    return [{ type: "saved", path: name, metrics_path: name }, [bytes.buffer as ArrayBuffer]];
  }

  private tick({ id, budget_ms, steps, layers }: Tick): Answer {
    if (this.playing) this.slice(steps, budget_ms);
    const wanted = new Set(layers);
    const bestD = wanted.has("optimal") && this.view.kind !== "images" && this.classes === 0;
    this.watch.measure(this.game, this.view, this.playing, bestD);
    const { losses, measured } = this.watch;
    const arrays = new Map<string, Shown>([["history", this.watch.recent()]]);
    const now = performance.now();
    const due = this.changed || now - this.drawnAt >= IMAGES_EVERY_MS;
    if (!this.playing || this.view.kind !== "images" || due) {
      for (const [name, array] of this.view.layers(wanted)) arrays.set(name, array);
      [this.changed, this.drawnAt] = [false, now];
    }
    const optimal = bestD ? measured.best : null;
    if (optimal) arrays.set("optimal", optimal.best);
    const frame: FrameReply = {
      type: "frame",
      id,
      step: this.game.step,
      playing: this.playing,
      snapshots: this.snapshots.steps,
      memory: this.memory,
      steps_per_second: this.watch.speed,
      finite: true,
      loss_d: finite(losses[0]),
      loss_g: finite(losses[1]),
      grad_d: finite(this.game.gradientNorm("D")),
      grad_g: finite(this.game.gradientNorm("G")),
      gap: optimal?.gap ?? null,
      metrics: measured.metrics,
      arrays: [...arrays].map(header),
    };
    return [frame, [...arrays.values()].map(({ data }) => data.slice().buffer as ArrayBuffer)];
  }

  /** Trains for as long as the budget, or exactly `steps` turns. */
  private slice(steps: number | undefined, budgetMs: number): void {
    const budget = Math.min(Math.max(budgetMs, 1), 1000);
    const [began, first] = [performance.now(), this.game.step];
    let spent = 0;
    while (steps === undefined || this.game.step - first < steps) {
      this.turn();
      spent = performance.now() - began;
      if (steps === undefined && spent + spent / (this.game.step - first) > budget) break;
    }
    this.watch.ran(this.game.step - first, spent / 1000);
  }

  private get memory(): { used_mb: number; budget_mb: number } {
    return { used_mb: Math.round(10 * this.snapshots.usedMb) / 10, budget_mb: this.snapshots.budgetMb };
  }

  private state(note: string | null = null): Answer {
    const { options, game } = this;
    const { fixed, ...offered } = offer(this.recipe, Object.keys(game.machine.manifest.init).map(Number), this.site);
    const state: StateReply = {
      ...offered,
      type: "state",
      protocol: PROTOCOL,
      engine: "page",
      playing: this.playing,
      step: game.step,
      recipe: this.recipe,
      source: sourceWords(this.view, this.classes),
      snapshots: this.snapshots.steps,
      memory: this.memory,
      locked: [...new Set([...options.lock, ...fixed])],
      hidden: options.hide,
      compare: options.group,
      note,
    };
    return [state, []];
  }
}

function header([name, { shape, data }]: [string, Shown]): ArrayHeader {
  return { name, dtype: data instanceof Float32Array ? "f32" : "u8", shape };
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function pythonNumber(value: number): string {
  return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

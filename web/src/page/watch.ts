// What a run of the page's engine is watched by: its losses and gradient norms, its speed, and measurements of G.

import type { Metric } from "../protocol";
import type { Game } from "./game";
import type { Shown, View } from "./view";

const MEASURED_SHARE = 0.05;
const HISTORY_ROWS = 200;
const FORGETS = 0.9;

interface Measured {
  metrics: Metric[];
  best: { best: Shown; gap: number } | null;
}

export class Watch {
  losses: [d: number, g: number] = [Number.NaN, Number.NaN];
  measured: Measured = { metrics: [], best: null };
  private rows: number[] = [];
  private of = { step: -1, at: Number.NEGATIVE_INFINITY, took: 0 };
  private rate = { turns: 0, seconds: 0 };

  /** Starts to look at another moment or game: rows not yet shown and measurements go, the last losses stay. */
  lookAnew(): void {
    this.rows = [];
    this.measured = { metrics: [], best: null };
    this.of = { step: -1, at: Number.NEGATIVE_INFINITY, took: 0 };
  }

  /** Takes down what a turn, or a player's step, leaves behind. */
  note(game: Game, lossD: number, lossG: number): void {
    this.losses = [lossD, lossG];
    this.rows.push(game.step, lossD, lossG, game.gradientNorm("D"), game.gradientNorm("G"));
  }

  /** Takes down how long some turns took. */
  ran(turns: number, seconds: number): void {
    this.rate.turns = FORGETS * this.rate.turns + turns;
    this.rate.seconds = FORGETS * this.rate.seconds + seconds;
  }

  /** Turns a second, of the last few slices. */
  get speed(): number {
    return this.rate.seconds ? Math.round((10 * this.rate.turns) / this.rate.seconds) / 10 : 0;
  }

  /** Gives the rows since it was last asked: all, or evenly chosen ones of many. */
  recent(): Shown {
    const every = Math.max(1, Math.ceil(this.rows.length / 5 / HISTORY_ROWS));
    const kept = this.rows.filter((_, i) => Math.floor(i / 5) % every === 0);
    this.rows = [];
    return { shape: [kept.length / 5, 5], data: Float32Array.from(kept) };
  }

  /** Refreshes metrics and, if asked, the best D, rarely enough that they take a small share of a run's time. */
  measure(game: Game, view: View, playing: boolean, optimal: boolean): void {
    const now = performance.now();
    const stale = game.step !== this.of.step || (optimal && this.measured.best === null);
    if (!stale || (playing && now - this.of.at < this.of.took / MEASURED_SHARE)) return;
    this.measured = { metrics: view.metrics(), best: optimal ? view.optimal() : null };
    const at = performance.now();
    this.of = { step: game.step, at, took: at - now };
  }
}

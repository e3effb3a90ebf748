// Slow motion: one sub-step at a time, each with a sentence on who acts and what to watch.

import type { Player, Recipe } from "./protocol";

export const PACE_MS = 1300;

export interface Act {
  player: Player;
  /** This step of D among the n_critic of its turn, from 1. */
  index: number;
  of: number;
}

/** D moves n_critic times, then G once, then D again. */
export function nextAct(last: Act | null, nCritic: number): Act {
  const of = Math.max(1, nCritic);
  if (!last || last.player === "g") return { player: "d", index: 1, of };
  if (last.index < of) return { player: "d", index: last.index + 1, of };
  return { player: "g", index: 1, of: 1 };
}

const D_SENTENCE: Record<string, string> = {
  wasserstein: "It raises its score on real samples and lowers it on generated ones; only the difference counts.",
  hinge: "It pushes real samples above +1 and generated ones below −1, and leaves alone those that are there.",
  least_squares: "It pulls real samples to 1 and generated ones to 0.",
  relativistic: "It widens the gap between a real sample's score and a generated one's.",
  feature_matching: "It learns to tell real from generated; its hidden features are what G will have to match.",
};

const G_SENTENCE: Record<string, string> = {
  minimax: "Where D is already sure that a sample is generated, this loss is flat: look for arrows that hardly show.",
  wasserstein: "Every sample climbs D's score at a slope that does not fade.",
  relativistic: "It wants its samples to score higher than real ones.",
  feature_matching: "It moves its samples so that D's features have the same mean on both kinds.",
};

/** What the sub-step did, in words. */
export function explain(act: Act, recipe: Recipe): string {
  const loss = String(recipe.loss ?? "");
  if (act.player === "d") {
    const which = act.of > 1 ? ` (${act.index} of ${act.of})` : "";
    const how = D_SENTENCE[loss] ?? "It raises its logit on real samples and lowers it on generated ones.";
    return `D’s step${which}. G stands still. ${how} Watch the colours move, not the points.`;
  }
  const how = G_SENTENCE[loss] ?? "Each generated sample moves to where D would more readily call it real.";
  return `G’s step. D stands still. ${how} Watch the points follow their arrows.`;
}

export interface SlowMotionHost {
  act(act: Act): void;
  nCritic(): number;
}

/** Acts, waits until the frame is there and the pace has passed, and acts again. */
export class SlowMotion {
  private last: Act | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private due = false;
  running = false;

  constructor(
    private readonly host: SlowMotionHost,
    private readonly paceMs = PACE_MS,
  ) {}

  start(): void {
    if (this.running) return;
    this.running = true;
    this.last = null;
    this.next();
  }

  stop(): void {
    this.running = false;
    clearTimeout(this.timer);
  }

  /** The frame after the last act is drawn. */
  shown(): void {
    if (!this.running || !this.due) return;
    this.due = false;
    this.timer = setTimeout(() => this.next(), this.paceMs);
  }

  private next(): void {
    if (!this.running) return;
    this.last = nextAct(this.last, this.host.nCritic());
    this.due = true;
    this.host.act(this.last);
  }
}

// Slow motion: one sub-step at a time, each with a sentence on who acts and what to watch.

import type { LayerName, Player, Recipe } from "./protocol";

export const PACE_MS = 2600;

export type Phase = "draw" | "make" | "score" | "slope" | "move";

export interface Act {
  player: Player;
  phase: Phase;
  /** This step of D among the n_critic of its turn, from 1. */
  index: number;
  of: number;
}

/** A whole turn of one player, sub-step by sub-step; D's later steps in a turn show only its move. */
const PHASES: Record<Player, readonly Phase[]> = { d: ["draw", "make", "score", "move"], g: ["draw", "slope", "move"] };

/** D moves n_critic times, then G once, then D again. */
export function nextAct(last: Act | null, nCritic: number): Act {
  const of = Math.max(1, nCritic);
  if (!last) return { player: "d", phase: "draw", index: 1, of };
  if (last.phase !== "move") {
    const phases = PHASES[last.player];
    return { ...last, phase: phases[phases.indexOf(last.phase) + 1]! };
  }
  if (last.player === "g") return { player: "d", phase: "draw", index: 1, of };
  if (last.index < of) return { player: "d", phase: "move", index: last.index + 1, of };
  return { player: "g", phase: "draw", index: 1, of: 1 };
}

/** The sub-steps of a turn in words, for the row that shows where it stands. */
export const STOPS: readonly { player: Player; phase: Phase; name: string }[] = [
  { player: "d", phase: "draw", name: "D: draw z" },
  { player: "d", phase: "make", name: "G makes fakes" },
  { player: "d", phase: "score", name: "D scores" },
  { player: "d", phase: "move", name: "D moves" },
  { player: "g", phase: "draw", name: "G: draw z" },
  { player: "g", phase: "slope", name: "G’s slope" },
  { player: "g", phase: "move", name: "G moves" },
];

const D_SENTENCE: Record<string, string> = {
  wasserstein: "It raises its score on real samples and lowers it on generated ones; only the difference counts.",
  hinge: "It pushes real samples above +1 and generated ones below −1, and leaves alone those that are there.",
  least_squares: "It pulls its score on real samples to 1 and on generated ones to 0.",
  relativistic: "It widens the gap between a real sample’s score and a generated one’s.",
  feature_matching: "It learns to tell real from generated; its hidden features are what G will have to match.",
};

const G_SENTENCE: Record<string, string> = {
  minimax: "Where D is already sure that a sample is generated, this loss is flat, and G hardly moves.",
  wasserstein: "Every sample climbs D’s score at a slope that does not fade.",
  relativistic: "Each sample moves to score higher than a real one.",
  feature_matching: "It moves its samples so that D’s features have the same mean on both kinds.",
};

/** What happens in the sub-step, in one or two sentences that begin with who acts. */
export function explain(act: Act, recipe: Recipe, images = false): string {
  const n = Number(recipe.batch_size ?? 0) || "some";
  const loss = String(recipe.loss ?? "");
  const fakes = images ? "images" : "crosses";
  switch (`${act.player} ${act.phase}`) {
    case "d draw":
      return `D’s turn begins. Draw ${n} real samples from the data, and ${n} random latents z.`;
    case "d make":
      return `G makes fakes: it turns each z into a sample. The picture keeps its own latents, to show the same ${fakes} move.`;
    case "d score":
      return images
        ? "D scores both kinds. The number under each image is its logit: above 0, D takes it for real."
        : "D scores both kinds. On blue ground it says real, on orange ground generated, on the line it cannot tell.";
    case "d move":
      return `${dMoves(act)} ${D_SENTENCE[loss] ?? "It raises its logit on real samples and lowers it on generated ones."} ${
        images ? "Watch the numbers." : "Watch the colours."
      }`;
    case "g draw":
      return `G’s turn begins. Draw ${n} fresh latents z, and let G make fakes of them.`;
    case "g slope":
      return images
        ? "D scores the fakes, and the gradient of G’s loss comes back through D: how each pixel should change."
        : "D scores the fakes, and the gradient of G’s loss comes back through D: an arrow shows where it falls.";
    default:
      return `G moves, D stands still. ${
        G_SENTENCE[loss] ?? "Each sample goes where D would more readily call it real."
      } Watch the ${fakes}.`;
  }
}

function dMoves(act: Act): string {
  if (act.of === 1) return "D moves, G stands still.";
  return act.index === 1
    ? `D moves (1 of ${act.of}), G stands still.`
    : `D moves again (${act.index} of ${act.of}), on fresh samples.`;
}

/** What the picture shows in a sub-step: only what it speaks of. */
export function layersOf(act: Act): LayerName[] {
  if (act.player === "d") return act.phase === "score" || act.phase === "move" ? ["field"] : [];
  return act.phase === "draw" ? ["field"] : ["field", "arrows"];
}

export interface SlowMotionHost {
  act(act: Act): void;
  nCritic(): number;
}

/** Shows a sub-step, waits for its pace and, if a player moved, for the picture, and goes on to the next. */
export class SlowMotion {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private due = false;
  now: Act | null = null;

  constructor(
    private readonly host: SlowMotionHost,
    private readonly paceMs = PACE_MS,
  ) {}

  get running(): boolean {
    return this.now !== null;
  }

  start(): void {
    if (!this.running) this.next();
  }

  stop(): void {
    this.now = null;
    this.due = false;
    clearTimeout(this.timer);
  }

  /** The frame after a move is drawn. */
  shown(): void {
    if (!this.due) return;
    this.due = false;
    this.wait();
  }

  private wait(): void {
    this.timer = setTimeout(() => this.next(), this.paceMs);
  }

  private next(): void {
    this.now = nextAct(this.now, this.host.nCritic());
    this.due = this.now.phase === "move";
    this.host.act(this.now);
    if (!this.due) this.wait();
  }
}

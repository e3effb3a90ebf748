// Earlier moments of a game, within a memory budget: gan_tutor/lab/snapshots.py.

import type { Recipe } from "../protocol";
import type { Game, Moment } from "./game";
import type { Journal } from "./journal";

const FIRST_EVERY = 50;

export interface Kept {
  recipe: Recipe;
  moment: Moment;
  journal: Journal;
}

export class Snapshots {
  private every = FIRST_EVERY;
  private kept = new Map<number, Kept>();
  private sizeMb = 0;

  constructor(readonly budgetMb: number) {}

  get steps(): number[] {
    return [...this.kept.keys()].sort((a, b) => a - b);
  }

  get usedMb(): number {
    return this.sizeMb * this.kept.size;
  }

  due(step: number): boolean {
    return step % this.every === 0;
  }

  take(game: Game, journal: Journal): void {
    const moment = game.save();
    this.sizeMb = Math.max(this.sizeMb, bytesOf(moment) / 2 ** 20);
    this.kept.set(game.step, { recipe: game.recipe, moment, journal: journal.copy() });
    while (this.usedMb > this.budgetMb && this.kept.size > 2) {
      this.every *= 2;
      const latest = this.steps.at(-1)!;
      for (const step of this.steps) if (step % this.every !== 0 && step !== latest) this.kept.delete(step);
      if (this.kept.size > 2 && this.every > latest) break;
    }
  }

  /** The moment kept at a step; later ones are forgotten. */
  backTo(step: number): Kept | null {
    const found = this.kept.get(step);
    if (!found) return null;
    for (const later of this.steps) if (later > step) this.kept.delete(later);
    return found;
  }
}

function bytesOf({ G, D, ema, twister }: Moment): number {
  const arrays = [G, D].flatMap((player) => [player.theta, player.state_0, player.state_1, player.buffers]);
  return [...arrays, ema, twister.words].reduce((sum, array) => sum + array.byteLength, 0);
}

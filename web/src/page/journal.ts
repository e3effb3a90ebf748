// What was done to a game, as the Python program that repeats it: gan_tutor/lab/journal.py.

import type { Recipe } from "../protocol";
import type { Site } from "./manifest";
import { changes, pythonValue, rebuilt } from "./recipes";

type Entry = { step: number; recipe: Recipe } | { step: number; single: "d" | "g" };

export class Journal {
  private entries: Entry[] = [];

  constructor(
    private readonly start: Recipe,
    private readonly site: Site,
  ) {}

  get recipe(): Recipe {
    const steered = this.entries.filter((entry) => "recipe" in entry);
    return steered.at(-1)?.recipe ?? this.start;
  }

  copy(): Journal {
    const copy = new Journal(this.start, this.site);
    copy.entries = [...this.entries];
    return copy;
  }

  /** Notes a change of recipe; changes that undo each other at one step leave no trace. */
  steered(step: number, from: Recipe, to: Recipe): void {
    if (Object.keys(changes(from, to)).length === 0) return;
    const last = this.entries.at(-1);
    if (last && "recipe" in last && last.step === step && rebuilt(from, to, this.site).length === 0) this.entries.pop();
    this.entries.push({ step, recipe: to });
  }

  single(step: number, player: "d" | "g"): void {
    this.entries.push({ step, single: player });
  }

  program(step: number): string {
    const lines = ["from dataclasses import replace", "", "from gan_tutor import recipes", ""];
    const first = this.listed(changes(this.site.defaults, this.start));
    lines.push(`recipe = recipes.Recipe(${first})`, "game = recipes.build(recipes.without_end(recipe))", "");
    let [reached, recipe] = [0, this.start];
    const play = (until: number) => {
      if (until > reached) lines.push(`recipes.play(game, until=${until})`);
      reached = until;
    };
    for (const entry of this.entries) {
      play(entry.step);
      if ("single" in entry) {
        lines.push(`recipes.step_${entry.single}(game)`);
        continue;
      }
      lines.push(`recipe = replace(recipe, ${this.listed(changes(recipe, entry.recipe))})`);
      lines.push("game = recipes.steer(game, recipes.without_end(recipe))");
      recipe = entry.recipe;
    }
    play(step);
    return `${lines.join("\n")}\n`;
  }

  private listed(fields: Record<string, Recipe[string]>): string {
    const parts = Object.entries(fields).map(([name, value]) => `${name}=${pythonValue(name, value, this.site)}`);
    return parts.join(", ");
  }
}

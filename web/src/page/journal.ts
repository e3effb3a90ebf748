// What was done to a game, as the Python program that repeats it: gan_tutor/lab/journal.py.

import type { Recipe } from "../protocol";
import type { Site } from "./manifest";
import { changes, loses, pythonValue } from "./recipes";

type Entry = { step: number; recipe: Recipe } | { step: number; single: "d" | "g" };

export class Journal {
  private entries: Entry[] = [];

  constructor(
    private readonly start: Recipe,
    private readonly site: Site,
  ) {}

  get recipe(): Recipe {
    return this.recipeAt(this.entries.length);
  }

  /** The recipe in force after some of the entries. */
  private recipeAt(count: number): Recipe {
    const steered = this.entries.slice(0, count).filter((entry) => "recipe" in entry);
    return steered.at(-1)?.recipe ?? this.start;
  }

  copy(): Journal {
    const copy = new Journal(this.start, this.site);
    copy.entries = [...this.entries];
    return copy;
  }

  /** Notes a change of recipe. Changes at one step become one, or none, but only if none of them loses state. */
  steered(step: number, from: Recipe, to: Recipe): void {
    if (Object.keys(changes(from, to)).length === 0) return;
    const last = this.entries.at(-1);
    if (last && "recipe" in last && last.step === step) {
      const before = this.recipeAt(this.entries.length - 1);
      if (!loses(before, from, this.site) && !loses(from, to, this.site)) {
        this.entries.pop();
        if (Object.keys(changes(before, to)).length === 0) return;
      }
    }
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

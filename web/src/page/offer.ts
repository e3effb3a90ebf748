// What a page can offer for a recipe: controls with the values that were compiled, presets, and words on the data.

import type { ControlSpec, Preset, Recipe, Source, Value } from "../protocol";
import type { Site } from "./manifest";
import { adapted, bundleOf, Refusal, reachable } from "./recipes";
import type { View } from "./view";

export interface Offer {
  controls: ControlSpec[];
  presets: Preset[];
  /** The preset that has these settings. */
  preset: string | null;
  /** Fields for which this page has only one value. */
  fixed: string[];
}

/** `latents`: the latent dimensions that the recipe's programs take. */
export function offer(recipe: Recipe, latents: readonly number[], site: Site): Offer {
  const controls = site.controls.map((spec) => offered(spec, recipe, latents, site));
  return {
    controls: controls.map(({ spec }) => spec),
    presets: site.presets
      .filter((preset) => bundleOf(preset.recipe, site) !== null)
      .map(({ name, label, about }) => ({ name, label, about })),
    preset: presetName(recipe, site),
    fixed: controls.filter(({ fixed }) => fixed).map(({ spec }) => spec.field),
  };
}

/** A control with the values that this page can play; fixed if there is no other. */
function offered(
  spec: ControlSpec,
  recipe: Recipe,
  latents: readonly number[],
  site: Site,
): { spec: ControlSpec; fixed: boolean } {
  const { G, D } = site.architecture;
  const compiled = [...G, ...D, "batch_size", "condition"].includes(spec.field);
  if (spec.field === "latent_dim") {
    const [min, max] = [Math.min(...latents), Math.max(...latents)];
    return { spec: { ...spec, min, max }, fixed: min === max };
  }
  if (spec.field === "data") {
    const choices = spec.choices!.filter(({ value }) => playable(recipe, { data: value }, site));
    return { spec: { ...spec, choices }, fixed: choices.length < 2 };
  }
  if (!compiled) return { spec, fixed: false };
  const values = [...new Set(site.bundles.map(({ match }) => match[spec.field]!))];
  const possible = reachable(recipe, spec.field, values, site);
  const help = `${spec.help} The page has compiled ${possible.length > 1 ? "these" : "this one"}; a notebook takes any.`;
  const label = (value: Value) => (value === 0 ? "off" : String(value).replaceAll("_", " "));
  const choices = possible.map((value) => ({ value, label: label(value) }));
  return { spec: { ...spec, kind: "choice", choices, help }, fixed: possible.length < 2 };
}

function playable(recipe: Recipe, changed: Record<string, Value>, site: Site): boolean {
  try {
    return bundleOf(adapted(recipe, changed, site), site) !== null;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}

function presetName(recipe: Recipe, site: Site): string | null {
  const plain = (one: Recipe) => JSON.stringify({ ...one, seed: 0, steps: 1 });
  return site.presets.find((preset) => plain(preset.recipe) === plain(recipe))?.name ?? null;
}

/** The data in words and numbers, as the front end reads them. */
export function sourceWords({ game, kind, extent }: View, classes: number): Source {
  const { source, recipe } = game;
  const names = source.classes ?? Array.from({ length: classes }, (_, k) => String(k));
  return {
    kind,
    shape: source.shape,
    range: kind === "images" ? [-1, 1] : null,
    extent,
    name: String(recipe.data),
    modes: source.mixture?.means.length ?? null,
    density: kind !== "images",
    labels: classes ? [...names] : null,
  };
}

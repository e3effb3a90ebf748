// Recipes on the page: what differs, what must be built anew, and whether a stranger's recipe can be played here.
// The rules are gan_tutor/recipes/record.py's; the build writes them into the site's list.

import type { Recipe, Value } from "../protocol";
import type { MixtureData, Site } from "./manifest";

/** What the notebook would say no to, or this page cannot do. */
export class Refusal extends Error {
  constructor(
    message: string,
    readonly field: string | null = null,
  ) {
    super(message);
  }
}

export const NOT_COMPILED =
  "these networks were not compiled for this page: open the chapter in a notebook to train them";

export interface Rule {
  type: "str" | "int" | "float" | "bool";
  choices: Value[] | null;
  /** Bounds of a number: [0, 1) for "share". */
  bound: "positive" | "not negative" | "share" | null;
  /** The largest number that a recipe may hold, or null. */
  most: number | null;
}

const DATA_FIELDS = ["data", "points", "data_root", "standardize"];
const OF_BOTH = ["condition"];

export function changes(from: Recipe, to: Recipe): Record<string, Value> {
  const fields = Object.keys(from).filter((field) => from[field] !== to[field]);
  return Object.fromEntries(fields.map((field) => [field, to[field]!]));
}

/** Returns the whole recipe of some fields; the others are the defaults. Throws a Refusal that says what must hold. */
export function checked(values: Record<string, unknown>, site: Site): Recipe {
  const recipe: Recipe = { ...site.defaults };
  for (const [field, value] of Object.entries(renamed(values))) {
    const rule = Object.hasOwn(site.rules, field) ? site.rules[field] : undefined;
    if (!rule) throw new Refusal(`a recipe has no field '${field.slice(0, 40)}'`);
    recipe[field] = checkedValue(field, value, rule);
    const most = 10 * (site.controls.find((spec) => spec.field === field)?.max ?? Number.POSITIVE_INFINITY);
    if (rule.type === "int" && Number(value) > most) {
      throw new Refusal(`${field} must be at most ${most} on a page, got ${value}`, field);
    }
  }
  if ((recipe.data === "drawn") !== (recipe.points !== "")) {
    throw new Refusal("points must hold the places of drawn data, and be empty for other data", "points");
  }
  if (recipe.data === "drawn") placesOf(String(recipe.points));
  if (Number(recipe.real_target) !== 1) {
    if (!["minimax", "nonsaturating"].includes(String(recipe.loss))) {
      throw new Refusal(`label smoothing needs the loss minimax or nonsaturating, got ${recipe.loss}`, "real_target");
    }
    if (!(Number(recipe.real_target) > 0.5 && Number(recipe.real_target) < 1)) {
      throw new Refusal(`real_target must be in (0.5, 1], got ${recipe.real_target}`, "real_target");
    }
  }
  if (recipe.norm_d === "batch" && recipe.penalty !== "none") {
    throw new Refusal(`norm_d must be none or spectral with penalty ${recipe.penalty}`, "penalty");
  }
  if (recipe.condition === "auxiliary" && recipe.penalty !== "none") {
    throw new Refusal(`penalty must be none with condition auxiliary, got ${recipe.penalty}`, "penalty");
  }
  if (recipe.condition !== "none" && !(String(recipe.data) in site.classes)) {
    throw new Refusal(`condition must be none for ${recipe.data}, whose samples have no classes`, "condition");
  }
  return recipe;
}

/** Fields of earlier versions under today's names, as recipes.from_dict reads them: an old link still opens. */
function renamed(values: Record<string, unknown>): Record<string, unknown> {
  const { bf16, ...kept } = values;
  if (typeof bf16 !== "boolean" || "precision" in kept) return values;
  return { ...kept, precision: bf16 ? "auto" : "float32" };
}

function checkedValue(field: string, value: unknown, { type, choices, bound, most }: Rule): Value {
  const shown = JSON.stringify(value)?.slice(0, 40);
  if (choices) {
    if (choices.includes(value as Value)) return value as Value;
    throw new Refusal(`${field} must be one of ${choices.join(", ")}, got ${shown}`, field);
  }
  if (type === "str" || type === "bool") {
    const fits = type === "str" ? typeof value === "string" : typeof value === "boolean";
    if (fits) return value as Value;
    throw new Refusal(`${field} must be ${type === "str" ? "text" : "true or false"}, got ${shown}`, field);
  }
  if (typeof value !== "number" || !Number.isFinite(value) || (type === "int" && !Number.isInteger(value))) {
    throw new Refusal(`${field} must be a ${type === "int" ? "whole" : "finite"} number, got ${shown}`, field);
  }
  const holds = bound === "positive" ? value > 0 : bound === "not negative" ? value >= 0 : value >= 0 && value < 1;
  if (bound && !holds)
    throw new Refusal(`${field} must be ${bound === "share" ? "in [0, 1)" : bound}, got ${shown}`, field);
  if (most !== null && value > most) throw new Refusal(`${field} must be at most ${most}, got ${shown}`, field);
  return value;
}

/** The key of the bundle that can play a recipe, or null. */
export function bundleOf(recipe: Recipe, site: Site): string | null {
  const shape = JSON.stringify(shapeOf(recipe, site));
  const fits = ({ match, sample }: Site["bundles"][number]) =>
    JSON.stringify(sample) === shape && Object.entries(match).every(([field, value]) => recipe[field] === value);
  const found = site.bundles.find((bundle) => fits(bundle) && bundle.latents.includes(Number(recipe.latent_dim)));
  return found?.key ?? null;
}

/** Values of an architecture's field for which, all else equal, there is a bundle. */
export function reachable(recipe: Recipe, field: string, values: readonly Value[], site: Site): Value[] {
  return values.filter((value) => bundleOf({ ...recipe, [field]: value }, site) !== null);
}

export function sourceName(recipe: Recipe): string {
  return recipe.standardize ? `${recipe.data} standardized` : String(recipe.data);
}

const PAIR = /^-?\d{1,2}(\.\d{1,6})?,-?\d{1,2}(\.\d{1,6})?$/;
const MOST_PLACES = 150;

/** The places in the text of a recipe's points. */
export function placesOf(points: string): number[][] {
  const pairs = points.split(" ");
  const places = pairs.map((pair) => pair.split(",").map(Number));
  const good = pairs.every((pair) => PAIR.test(pair)) && places.flat().every((value) => Math.abs(value) <= 10);
  if (good && pairs.length <= MOST_PLACES) return places;
  throw new Refusal(`points must be at most ${MOST_PLACES} pairs "x,y" of numbers within 10 of 0`, "points");
}

/** Drawn data: equal Gaussians at the places, as gan_tutor.data.drawn makes them. */
export function drawnData(points: string): MixtureData {
  const means = placesOf(points);
  return { kind: "mixture", means, sigmas: means.map(() => 0.05), weights: means.map(() => 1 / means.length) };
}

export function shapeOf(recipe: Recipe, site: Site): number[] | null {
  if (recipe.data === "drawn") return [2];
  const data = site.sources[sourceName(recipe)];
  if (!data) return null;
  if (data.kind === "mixture") return [data.means[0]!.length];
  return data.kind === "curve" ? [2] : data.shape;
}

/** What cannot go on when a game changes from one recipe to another, as in recipes.steering. */
export function rebuilt(from: Recipe, to: Recipe, site: Site): ("data" | "G" | "D")[] {
  const changed = Object.keys(changes(from, to));
  const data = changed.some((field) => DATA_FIELDS.includes(field));
  const shape = JSON.stringify(shapeOf(from, site)) !== JSON.stringify(shapeOf(to, site));
  const of = (own: string[]) => shape || changed.some((field) => own.includes(field) || OF_BOTH.includes(field));
  const parts = { data, G: of(site.architecture.G), D: of(site.architecture.D) };
  return (["data", "G", "D"] as const).filter((part) => parts[part]);
}

/** Whether a change loses state, which changing back would not return: players, data or moments. */
export function loses(from: Recipe, to: Recipe, site: Site): boolean {
  return rebuilt(from, to, site).length > 0 || from.optimizer !== to.optimizer;
}

/** The recipe with some fields changed; networks follow when the data needs others. */
export function adapted(recipe: Recipe, changed: Record<string, Value>, site: Site): Recipe {
  const values: Recipe = { ...recipe, ...changed };
  if ("data" in changed && String(shapeOf(values, site)) !== String(shapeOf(recipe, site))) {
    const model = site.presets.find((preset) => String(shapeOf(preset.recipe, site)) === String(shapeOf(values, site)));
    if (model)
      for (const field of [...site.architecture.G, ...site.architecture.D]) values[field] = model.recipe[field]!;
  }
  if ("data" in changed && changed.data !== "drawn") values.points = "";
  if ("data" in changed && !(String(changed.data) in site.classes)) values.condition = "none";
  return checked(values, site);
}

const LINK = "#lab=";
const SIMPLE = /^[A-Za-z0-9_-]*={0,2}$/;

/** The fragment that gives this recipe: the one that gan_tutor.recipes.to_link writes. */
export function toLink(recipe: Recipe, site: Site): string {
  const text = pythonJson(changes(site.defaults, recipe), site);
  const bytes = new TextEncoder().encode(text);
  const code = btoa(String.fromCharCode(...bytes));
  return LINK + code.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export interface Linked {
  recipe: Recipe;
  lock: string[];
  hide: string[];
  /** The lab's place on the page. */
  at: number;
}

/** Reads a link's fragment: a recipe, and what a teacher locked or hid. Throws a Refusal for anything else. */
export function fromLink(fragment: string, site: Site): Linked {
  if (!fragment.startsWith(LINK) || fragment.length > 4000) {
    throw new Refusal(`a link to a lab must begin with ${LINK} and be at most 4000 characters long`);
  }
  const [code, ...options] = fragment.slice(LINK.length).split("&");
  const named = new Map(options.map((option) => option.split("=", 2) as [string, string]));
  const fields = (name: string) => (named.get(name) ?? "").split(",").filter((field) => field !== "");
  const [lock, hide] = [fields("lock"), fields("hide")];
  for (const field of [...lock, ...hide]) {
    if (!Object.hasOwn(site.defaults, field))
      throw new Refusal("the link locks or hides a setting that does not exist");
  }
  let values: unknown;
  try {
    if (!SIMPLE.test(code ?? "")) throw new SyntaxError("a strange character");
    const bytes = Uint8Array.from(atob(code!.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    values = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new Refusal("the link to a lab is damaged: copy it again");
  }
  if (typeof values !== "object" || values === null || Array.isArray(values)) {
    throw new Refusal("the link to a lab holds no recipe: copy it again");
  }
  const recipe = checked(values as Record<string, unknown>, site);
  return { recipe, lock, hide, at: Number(named.get("at") ?? 0) };
}

/** JSON as Python writes it: a float that is whole keeps its ".0". */
function pythonJson(values: Record<string, Value>, site: Site): string {
  const parts = Object.entries(values).map(([field, value]) => `"${field}":${pythonValue(field, value, site, true)}`);
  return `{${parts.join(",")}}`;
}

/** A value as JSON or as Python source. */
export function pythonValue(field: string, value: Value, site: Site, json = false): string {
  if (typeof value === "boolean") return json ? String(value) : value ? "True" : "False";
  if (typeof value === "string") return json ? JSON.stringify(value) : `'${value}'`;
  if (typeof value !== "number") return json ? "null" : "None";
  if (site.rules[field]?.type !== "float") return String(value);
  return pythonFloat(value);
}

function pythonFloat(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return `${value}.0`;
  const size = Math.abs(value);
  if (size >= 1e-4 && size < 1e16) return String(value);
  const [digits, power] = value.toExponential().split("e") as [string, string];
  return `${digits}e${power[0]}${power.slice(1).padStart(2, "0")}`;
}

// The script of the built site: gives every <gan-lab> its engine. It asks no other host for anything, and it is a
// classic script, so that a page opened from a folder works too.

import { defineElement, type GanLab } from "../element";
import type { Engine } from "../engine";
import { makeEngine, registerEngine } from "../engine";
import type { Recipe } from "../protocol";
import { type Files, filesBeside } from "./files";
import { PageEngine } from "./page_engine";
import { bundleOf, checked, fromLink, NOT_COMPILED, Refusal } from "./recipes";
import { recording } from "./recording";

const beside = (document.currentScript as HTMLScriptElement | null)?.src ?? location.href;

/** A module of one function that uses a 128-bit constant: valid only where the programs are. */
const SIMD = Uint8Array.of(
  0,
  97,
  115,
  109,
  1,
  0,
  0,
  0,
  1,
  5,
  1,
  96,
  0,
  1,
  123,
  3,
  2,
  1,
  0,
  10,
  10,
  1,
  8,
  0,
  65,
  0,
  253,
  15,
  253,
  98,
  11,
);

function canTrain(): boolean {
  return typeof WebAssembly === "object" && typeof Worker === "function" && WebAssembly.validate(SIMD);
}

/** `written`: what the element says of its recipe, which is only what differs from the default one. */
function engineFor(written: Recipe, element: HTMLElement, files: Files): Engine | null {
  if (!canTrain()) return recording(element, files);
  const words = (text: string | undefined) => (text ?? "").split(" ").filter((word) => word !== "");
  const { lock, hide, group } = element.dataset;
  const recipe = checked(written, files.site);
  const options = { recipe, lock: words(lock), hide: words(hide), group: group ?? null };
  const at = [...document.querySelectorAll("gan-lab")].indexOf(element);
  try {
    const linked = linkedLab(location.hash, at, files);
    return new PageEngine(linked ? { ...options, ...linked } : options, at, files, null);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return new PageEngine(options, at, files, error.message);
  }
}

/** What the address asks of the lab at a place on this page, or null. */
function linkedLab(hash: string, at: number, files: Files) {
  if (!hash.startsWith("#lab=") || at < 0) return null;
  const { recipe, lock, hide, at: place } = fromLink(hash, files.site);
  if (place !== at) return null;
  if (bundleOf(recipe, files.site) === null) throw new Refusal(`this link cannot be played here: ${NOT_COMPILED}`);
  return { recipe, lock, hide };
}

function begin(): void {
  const files = filesBeside(beside);
  registerEngine((written, element) => engineFor(written, element, files));
  defineElement();
  const labs = () => [...document.querySelectorAll<GanLab>("gan-lab")];
  const follow = () => {
    if (!location.hash.startsWith("#lab=")) return;
    const asked = labs()[placeOf(location.hash)];
    asked?.scrollIntoView({ block: "center" });
  };
  follow();
  addEventListener("hashchange", () => {
    if (!location.hash.startsWith("#lab=")) return;
    const lab = labs()[placeOf(location.hash)];
    const recipe = lab && JSON.parse(lab.dataset.recipe ?? "null");
    const engine = recipe && makeEngine(recipe, lab);
    if (engine) lab.connect(engine);
    follow();
  });
}

/** Which lab of the page a fragment is about: the first, unless it says otherwise. */
function placeOf(hash: string): number {
  return Number(/&at=(\d{1,2})(?:&|$)/.exec(hash)?.[1] ?? 0);
}

begin();

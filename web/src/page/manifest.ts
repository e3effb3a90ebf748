// What the build writes for the page: the site's list (settings, presets, data, bundles) and one bundle of compiled
// programs for each pair of architectures. Python writes both: gan_tutor/page_engine.

import type { ControlSpec, Recipe, Value } from "../protocol";
import type { Rule } from "./recipes";

export interface MixtureData {
  kind: "mixture";
  means: number[][];
  sigmas: number[];
  weights: number[];
}

export interface CurveData {
  kind: "curve";
  curve: "swiss_roll" | "two_moons";
  sigma: number;
}

export interface ImageData {
  kind: "images";
  shape: number[];
  /** Script of the pixels, beside the site's list. */
  file: string;
  classes: string[];
}

export type SourceData = MixtureData | CurveData | ImageData;

export interface SitePreset {
  name: string;
  label: string;
  about: string;
  recipe: Recipe;
}

export interface Site {
  version: 1;
  defaults: Recipe;
  controls: ControlSpec[];
  presets: SitePreset[];
  /** By name of the data, "ring", or "ring standardized". */
  sources: Record<string, SourceData>;
  /** Number of classes by name of the data. */
  classes: Record<string, number>;
  /** What a recipe's fields may hold. */
  rules: Record<string, Rule>;
  /** What can be played: fields that must be equal, the shape of a sample, and latent dimensions. */
  bundles: { key: string; match: Record<string, Value>; sample: number[]; latents: number[] }[];
  /** Fields that say what each network is. */
  architecture: { G: string[]; D: string[] };
}

export interface Slot {
  name: string;
  shape: number[];
  draw?: "normal" | "uniform";
}

export interface ProgramSpec {
  inputs: Slot[];
  outputs: Slot[];
}

/** One draw of the initial state: `count` numbers, laid into the parameters, or the buffers, from `offset` in rows. */
export interface InitialDraw {
  player: "G" | "D";
  kind: "uniform" | "normal" | "constant";
  a: number;
  b: number;
  count: number;
  offset: number;
  row: number;
  stride: number;
  into?: "buffers";
}

export interface PlayerSpec {
  parameters: number;
  buffers: number;
  buffers_init: number[];
}

export interface Manifest {
  version: 1;
  key: string;
  match: Record<string, Value>;
  sample: number[];
  batch: number;
  latent: number;
  init: Record<string, InitialDraw[]>;
  /** How often D settles its buffers before the first step. */
  settle: number;
  G: PlayerSpec;
  D: PlayerSpec;
  d_losses: Record<string, number[]>;
  smoothed: Record<string, number>;
  g_losses: Record<string, { program: string; weights: number[] }>;
  /** Weights of G's formulas in `arrows`, for the losses that have arrows. */
  arrows: Record<string, number[]>;
  programs: Record<string, ProgramSpec>;
}

export interface Bundle {
  manifest: Manifest;
  wasm: string;
}

export function size(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

// What the lab says about itself.

import { count, measured } from "./format";
import type { FrameReply, Metric, Recipe, SavedReply, StateReply, Value } from "./protocol";
import { formatValue } from "./scales";

export const NO_ENGINE = "This lab runs in the notebook.";

/** What "Save" gives. */
export function saveWords(engine: StateReply["engine"]): string {
  return engine === "page"
    ? "Settings, measurements and the program of this run, as a file"
    : "A checkpoint and the metrics, in the notebook’s folder";
}

/** Where a run was saved: in one file or in two. */
export function savedWords({ path, metrics_path }: SavedReply): string {
  return path === metrics_path ? `Saved ${path}` : `Saved ${path} and ${metrics_path}`;
}

const LOOK: Record<StateReply["source"]["kind"], string> = {
  points: "Blue dots are the data, orange crosses what G makes of noise. Watch the crosses find the dots.",
  line: "Blue is the data, orange what G makes of noise. Watch them fall together, and D flatten at ½.",
  images: "Every image keeps its latent. Watch noise take shape, image by image.",
};
const BY_CLASS = "A row is a class, a column a latent. Watch the rows turn into classes.";

/** The one sentence on what to do and what to look at. */
export function leadWords(state: StateReply): string {
  // Compared labs say the same, so that their pictures stand at one height.
  const preset = state.compare === null ? state.presets.find((p) => p.name === state.preset) : undefined;
  const { kind, labels } = state.source;
  const look = preset?.about ?? (kind === "images" && labels ? BY_CLASS : LOOK[kind]);
  return !state.playing && state.step === 0 ? `Press Play. ${look}` : look;
}

/** A value of a recipe as it stands in Python: 1e-3 rather than 0.001, so that powers of ten are seen at once. */
export function valueWords(value: Value | undefined): string {
  if (typeof value !== "number") return String(value ?? "none");
  return value !== 0 && Math.abs(value) < 0.01 ? value.toExponential() : formatValue(value);
}

/** In which settings this lab differs from those beside it: pairs of the control's label and "field = value". */
export function differenceWords(fields: readonly string[], state: StateReply): [label: string, code: string][] {
  const label = (field: string) => state.controls.find((c) => c.field === field)?.label ?? field;
  return fields.map((field) => [label(field), `${field} = ${valueWords(state.recipe[field])}`]);
}

/** The unit of a loss: what D's and G's numbers are measured in. */
export function lossUnit(recipe: Recipe): string {
  const loss = String(recipe.loss ?? "");
  if (["minimax", "nonsaturating", "relativistic"].includes(loss)) return "nats";
  if (loss === "least_squares") return "squared score";
  return loss === "feature_matching" ? "" : "units of D’s score";
}

/** The picture in words, for those who do not see it. */
export function description(state: StateReply, frame: FrameReply): string {
  const { kind, name, labels } = state.source;
  const what = kind === "images" ? "Real and generated images" : "Real and generated points";
  const rows = kind === "images" && labels ? `, a row for each class (${labels.join(", ")})` : "";
  const bound = (m: Metric) => (m.best === null ? "" : `, ${m.best_label} ${measured(m.best)}`);
  const metrics = frame.metrics.map((m) => `${m.label} ${m.value === null ? "none" : measured(m.value)}${bound(m)}`);
  const losses = `loss of D ${measured(frame.loss_d)}, loss of G ${measured(frame.loss_g)}`;
  const gap = frame.gap === null ? [] : [`mean distance of D to the optimal D ${measured(frame.gap)}`];
  return [`${what} of ${name}${rows} after step ${count(frame.step)}`, losses, ...metrics, ...gap].join("; ");
}

/** Which quantity of a diverged run blew up, and what to do. */
export function divergedWords(frame: FrameReply): string {
  const named = [
    ["the loss of D", frame.loss_d],
    ["the loss of G", frame.loss_g],
    ["the gradient of D", frame.grad_d],
    ["the gradient of G", frame.grad_g],
  ] as const;
  const broken = named.filter(([, value]) => value === null || !Number.isFinite(value)).map(([name]) => name);
  const which = broken.length ? broken.join(" and ") : "a weight";
  return (
    `The run diverged: ${which} stopped being a finite number by step ${count(frame.step)}. ` +
    "Rewind to an earlier moment or reset, then lower a learning rate or strengthen the penalty."
  );
}

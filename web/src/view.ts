// The lab's parts in their places; nothing here knows an engine.

import uplotCss from "uplot/dist/uPlot.min.css";
import { chart } from "./charts";
import { make } from "./dom";
import style from "./style.css";

const symbol = (body: string) => `<svg viewBox="0 0 22 12" aria-hidden="true">${body}</svg>`;
const LEGEND = `
<span class="on-points">${symbol('<circle class="r" cx="11" cy="6" r="4"/>')}real</span>
<span class="on-points">${symbol('<path class="f" d="M7 2l8 8M7 10l8-8"/>')}generated</span>
<span class="on-points">D’s field: generated <i aria-hidden="true"></i> real</span>
<span class="on-line">${symbol('<path class="r" d="M3 12V5h5V1h5v6h5v5z"/>')}real</span>
<span class="on-line">${symbol('<path class="f" d="M3 11V5h5V2h5v5h5v4"/>')}generated</span>
<span class="on-line field">${symbol('<path class="k" d="M0 6h22"/>')}D</span>
<span class="on-line optimal">${symbol('<path class="k" stroke-dasharray="5 3" d="M0 6h22"/>')}optimal D*</span>`;

export type View = ReturnType<typeof buildView>;

/** Builds the skeleton into a shadow root; `parts` are the pieces that have a life of their own. */
export function buildView(
  root: ShadowRoot,
  parts: Record<"transport" | "timeline" | "layers" | "meters" | "presets" | "panel", HTMLElement> & {
    dialog: HTMLDialogElement;
  },
) {
  const canvas = make("canvas", { role: "img", "aria-label": "The lab’s picture; nothing has come yet" });
  const legend = make("div", { class: "legend" });
  legend.innerHTML = LEGEND;
  const scene = make("div", { class: "scene" }, canvas);
  const status = make("div", { class: "status" });
  const explanation = make("p", { class: "explanation", role: "status", hidden: true });
  const note = make("p", { class: "note", role: "status", "aria-live": "polite" });
  const alert = make("div", { class: "alert", role: "alert" });
  const losses = chart("Losses, as minimised", false);
  const gradients = chart("Gradient norms", true);
  const outputs = make("canvas", {
    role: "img",
    "aria-label": "Histograms of D’s logits on real and generated samples",
  });
  const thinned = make("p", { class: "fine" });
  const outputsBox = make(
    "div",
    { class: "chart" },
    make("div", { class: "chart-head" }, make("h3", {}, "D’s logits")),
    outputs,
  );
  const side = make(
    "section",
    { class: "side", "aria-label": "Measurements" },
    parts.meters,
    losses.element,
    gradients.element,
    outputsBox,
    thinned,
  );
  const code = make("button", { type: "button", "data-take": "code" }, "Code");
  const link = make("button", { type: "button", "data-take": "link" }, "Link");
  const save = make("button", { type: "button", "data-take": "save" }, "Save");
  const take = make("div", { class: "take", role: "group", "aria-label": "Take away" }, code, link, save);
  const stage = make(
    "section",
    { class: "stage", "aria-label": "Picture and training" },
    scene,
    legend,
    explanation,
    parts.timeline,
    parts.transport,
    status,
    note,
    alert,
    parts.layers,
  );
  const settings = make("section", { class: "settings", "aria-label": "Settings" }, parts.panel, take);
  const lab = make(
    "div",
    { class: "lab", role: "group", "aria-label": "GAN lab" },
    make("div", { class: "columns" }, stage, side, parts.presets, settings),
    parts.dialog,
  );
  root.replaceChildren(make("style", {}, uplotCss + style), lab);
  return {
    lab,
    stage,
    side,
    scene,
    canvas,
    legend,
    status,
    explanation,
    note,
    alert,
    losses,
    gradients,
    outputs,
    outputsBox,
    thinned,
    code,
    link,
    save,
  };
}

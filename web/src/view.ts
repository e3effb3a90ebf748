// The lab's parts in their places; nothing here knows an engine.

import { make } from "./dom";
import { type Act, STOPS } from "./slow_motion";
import baseCss from "./style/base.css";
import chartsCss from "./style/charts.css";
import drawCss from "./style/draw.css";
import formCss from "./style/form.css";
import layoutCss from "./style/layout.css";
import stageCss from "./style/stage.css";
import { saveWords } from "./words";

const symbol = (body: string) => `<svg viewBox="3 0 16 12" aria-hidden="true">${body}</svg>`;
const LEGEND = `
<span class="on-points">${symbol('<circle class="r" cx="11" cy="6" r="4"/>')}real</span>
<span class="on-points">${symbol('<path class="f" d="M7 2l8 8M7 10l8-8"/>')}generated</span>
<span class="on-line">${symbol('<path class="r" d="M3 12V5h5V1h5v6h5v5z"/>')}real</span>
<span class="on-line">${symbol('<path class="f" d="M3 11V5h5V2h5v5h5v4"/>')}generated</span>
<span class="on-images">D’s logit below each: generated <i aria-hidden="true"></i> real</span>`;

export type View = ReturnType<typeof buildView>;

const STYLE = [baseCss, stageCss, drawCss, chartsCss, formCss, layoutCss].join("");

export type Parts = Record<
  "presets" | "transport" | "timeline" | "layers" | "meters" | "panel" | "charts",
  HTMLElement
> & { dialog: HTMLDialogElement; drawing: { button: HTMLElement; pad: HTMLElement; bar: HTMLElement } };

/** Builds the skeleton into a shadow root; `parts` are the pieces that have a life of their own. */
export function buildView(root: ShadowRoot, parts: Parts) {
  const mark = make("h2", { class: "mark", hidden: true });
  const lead = make("p", { class: "lead" });
  const canvas = make("canvas", { role: "img", "aria-label": "The lab’s picture; nothing has come yet" });
  const scene = make("div", { class: "scene" }, canvas, parts.drawing.pad);
  const legend = make("div", { class: "legend" });
  legend.innerHTML = LEGEND;
  const status = make("div", { class: "status" });
  const note = make("p", { class: "note", role: "status", "aria-live": "polite" });
  const alert = make("div", { class: "alert", role: "alert" });
  const explanation = buildExplanation();
  const stage = make(
    "section",
    { class: "stage", "aria-label": "Picture and training" },
    scene,
    make("div", { class: "key" }, legend, parts.layers, parts.drawing.button),
    parts.drawing.bar,
    explanation.element,
    parts.transport,
    parts.timeline,
    status,
    note,
    alert,
  );
  const take = (name: string, label: string, title: string) =>
    make("button", { type: "button", "data-take": name, title }, label);
  const code = take("code", "Code", "The lines of Python that reproduce this run");
  const link = take("link", "Link", "Settings and seed as a link");
  const save = take("save", "Save", saveWords("kernel"));
  const takes = make("div", { class: "take", role: "group", "aria-label": "Take away" }, code, link, save);
  const settings = make("section", { class: "settings", "aria-label": "Settings" }, parts.panel, takes);
  const lab = make(
    "div",
    { class: "lab", role: "group", "aria-label": "GAN lab" },
    make("div", { class: "head" }, mark, parts.presets, lead),
    make("div", { class: "columns" }, make("div", { class: "top" }, stage, parts.meters, settings), parts.charts),
    parts.dialog,
  );
  root.replaceChildren(make("style", {}, STYLE), lab);
  return { lab, mark, lead, scene, canvas, legend, status, explanation, note, alert, code, link, save };
}

/** Slow motion's box: where in the turn it stands, and what happens there. */
function buildExplanation() {
  const stops = STOPS.map(({ player, phase, name }) =>
    make("li", { "data-stop": `${player} ${phase}`, "data-player": player }, name),
  );
  const words = make("p", { role: "status" });
  const list = make("ol", { "aria-label": "Sub-steps of a turn" }, ...stops);
  const element = make("div", { class: "explanation", hidden: true }, list, words);
  return {
    element,
    show(act: Act, sentence: string) {
      element.hidden = false;
      element.dataset.acts = act.player;
      for (const stop of stops) {
        if (stop.dataset.stop === `${act.player} ${act.phase}`) stop.setAttribute("aria-current", "step");
        else stop.removeAttribute("aria-current");
      }
      words.textContent = sentence;
    },
    hide() {
      element.hidden = true;
      words.textContent = "";
    },
  };
}

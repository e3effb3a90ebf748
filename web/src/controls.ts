// From a ControlSpec to a labelled form control.

import { make, uniqueId } from "./dom";
import type { ControlSpec, Value } from "./protocol";
import { formatValue, parseTyped, scaleOf } from "./scales";

export interface ControlView {
  element: HTMLElement;
  /** What it does and when it acts. */
  help: string;
  /** Shows the engine's value, unless the reader has just moved the control; `differs`: from the labs beside it. */
  show(value: Value, locked: boolean, differs?: boolean): void;
  error(message: string | null): void;
}

const LOCK =
  '<svg viewBox="0 0 12 14" aria-hidden="true"><path d="M3 6V4a3 3 0 0 1 6 0v2h1v7H2V6zm1.5 0h3V4a1.5 1.5 0 0 0-3 0z"/></svg>';
const SEND_EVERY_MS = 50;
const HOLD_MS = 500;

/** Builds the control of a spec; `changed` gets each new value. */
export function control(spec: ControlSpec, changed: (value: Value) => void): ControlView {
  const id = uniqueId(spec.field);
  const parts = spec.kind === "choice" ? choice(spec, id, changed) : number(spec, id, changed);
  const mark = spec.effect === "next step" ? "" : make("span", { class: "effect", "aria-hidden": "true" }, "↻");
  const unit = spec.unit ? make("small", {}, ` ${spec.unit}`) : "";
  const lock = make("span", { class: "tag lock", hidden: true });
  lock.innerHTML = `${LOCK}locked`;
  const other = make("span", { class: "tag other", hidden: true }, "differs");
  const label = make("label", { for: id }, spec.label, unit, mark, lock, other);
  const words = `${spec.help} ${effectOf(spec)}`;
  const help = make("p", { class: "help", id: `${id}-help` }, words);
  const problem = make("p", { class: "problem", id: `${id}-problem`, role: "alert" });
  const element = make("div", { class: "control", "data-field": spec.field }, label, ...parts.elements, problem, help);
  for (const input of parts.inputs) input.setAttribute("aria-describedby", `${id}-help ${id}-problem`);
  const error = (message: string | null) => {
    problem.textContent = message ?? "";
    for (const input of parts.inputs) input.setAttribute("aria-invalid", String(message !== null));
  };
  parts.onProblem(error);
  return {
    element,
    help: words,
    error,
    show(value, locked, differs = false) {
      parts.show(value);
      lock.hidden = !locked;
      other.hidden = !differs;
      element.toggleAttribute("data-locked", locked);
      for (const input of parts.inputs) input.disabled = locked;
    },
  };
}

function effectOf(spec: ControlSpec): string {
  if (spec.effect === "next step") return "Acts on the next step.";
  return spec.effect === "rebuilds the networks" ? "Builds new networks." : "Takes new data and builds new networks.";
}

interface Parts {
  elements: HTMLElement[];
  inputs: (HTMLInputElement | HTMLSelectElement)[];
  show(value: Value): void;
  onProblem(tell: (message: string | null) => void): void;
}

function choice(spec: ControlSpec, id: string, changed: (value: Value) => void): Parts {
  const choices = [...(spec.choices ?? [])];
  const select = make("select", { id });
  for (const { label } of choices) select.append(make("option", {}, label));
  let tell: (message: string | null) => void = () => {};
  select.addEventListener("change", () => {
    tell(null);
    changed(choices[select.selectedIndex]!.value);
  });
  return {
    elements: [select],
    inputs: [select],
    show: (value) => {
      const at = choices.findIndex((c) => c.value === value);
      select.selectedIndex = at;
      if (at >= 0 || value === null) return;
      choices.push({ value, label: String(value) });
      select.append(make("option", {}, String(value)));
      select.selectedIndex = choices.length - 1;
    },
    onProblem: (how) => {
      tell = how;
    },
  };
}

function number(spec: ControlSpec, id: string, changed: (value: Value) => void): Parts {
  const scale = scaleOf(spec);
  const typed = make("input", { type: "text", id, inputmode: "decimal", autocomplete: "off", spellcheck: "false" });
  const slider = scale && make("input", { type: "range", min: "0", max: String(scale.positions), step: "1" });
  slider?.setAttribute("aria-label", spec.unit ? `${spec.label}, ${spec.unit}` : spec.label);
  let [known, held, movedAt]: [number, number | null, number] = [0, null, 0];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let typing = false;
  let tell: (message: string | null) => void = () => {};

  const display = (value: number) => {
    known = value;
    if (!typing) typed.value = formatValue(value); // what is half typed belongs to the reader
    if (!slider || !scale) return;
    slider.value = String(scale.position(value));
    slider.setAttribute("aria-valuetext", `${formatValue(value)} ${spec.unit ?? ""}`.trim());
  };
  const send = throttled(changed);
  const take = (value: number, now: boolean) => {
    movedAt = Date.now();
    tell(null);
    display(value);
    send(value, now);
  };
  slider?.addEventListener("input", () => {
    typing = false;
    const value = scale!.value(Number(slider.value));
    if (spec.effect === "next step") take(value, false);
    else typed.value = formatValue(value);
  });
  slider?.addEventListener("change", () => take(scale!.value(Number(slider.value)), true));
  const typedEnds = () => {
    typing = false;
    typed.value = formatValue(known);
  };
  typed.addEventListener("input", () => {
    typing = true;
  });
  typed.addEventListener("change", () => {
    const value = parseTyped(spec, typed.value);
    typing = false;
    if (typeof value === "number") return take(value, true);
    tell(value);
    typedEnds();
  });
  typed.addEventListener("blur", typedEnds); // after "change", if there is one
  typed.addEventListener("keydown", (event) => {
    if (event.key === "Escape") typedEnds();
  });
  return {
    elements: slider ? [typed, slider] : [typed],
    inputs: slider ? [typed, slider] : [typed],
    show: (value) => {
      held = Number(value);
      clearTimeout(timer);
      const wait = movedAt + HOLD_MS - Date.now();
      if (wait <= 0 || held === known) display(held);
      else timer = setTimeout(() => display(held ?? known), wait);
    },
    onProblem: (how) => {
      tell = how;
    },
  };
}

/** Passes a value on at once, those that follow within 50 ms together, and the last one always. */
function throttled(pass: (value: Value) => void): (value: number, now: boolean) => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let [last, sent]: [number, number | null] = [0, null];
  const send = () => {
    if (last === sent) return false;
    sent = last;
    pass(last);
    return true;
  };
  const flush = () => {
    timer = send() ? setTimeout(flush, SEND_EVERY_MS) : undefined;
  };
  return (value, now) => {
    last = value;
    if (!now) {
      if (timer === undefined) flush();
      return;
    }
    // A value typed again after an error must be sent again, so only the slider's repetition is held back.
    if (timer === undefined && sent === value) sent = null;
    clearTimeout(timer);
    timer = undefined;
    send();
    sent = null;
  };
}

// From a ControlSpec to a labelled form control, and the panel of them all.

import { make, uniqueId } from "./dom";
import { type ControlSpec, GROUPS, type Group, type Recipe, type StateReply, type Value } from "./protocol";
import { formatValue, parseTyped, scaleOf } from "./scales";

export interface ControlView {
  element: HTMLElement;
  /** Shows the engine's value, unless the reader has just moved the control. */
  show(value: Value, locked: boolean): void;
  error(message: string | null): void;
}

const SEND_EVERY_MS = 50;
const HOLD_MS = 500;

/** Builds the control of a spec; `changed` gets each new value. */
export function control(spec: ControlSpec, changed: (value: Value) => void): ControlView {
  const id = uniqueId(spec.field);
  const parts = spec.kind === "choice" ? choice(spec, id, changed) : number(spec, id, changed);
  const mark = make("span", { class: "effect", "aria-hidden": "true", title: effectOf(spec) });
  mark.textContent = spec.effect === "next step" ? "" : "↻";
  const lock = make("span", { class: "lock", hidden: true }, "locked");
  const label = make("label", { for: id }, spec.label, mark, lock);
  const help = make("p", { class: "help", id: `${id}-help` }, `${spec.help} ${effectOf(spec)}`);
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
    error,
    show(value, locked) {
      parts.show(value);
      lock.hidden = !locked;
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
  const unit = make("span", { class: "unit" }, spec.unit ?? "");
  const slider = scale && make("input", { type: "range", min: "0", max: String(scale.positions), step: "1" });
  slider?.setAttribute("aria-label", spec.unit ? `${spec.label}, ${spec.unit}` : spec.label);
  let [known, held, movedAt]: [number, number | null, number] = [0, null, 0];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let tell: (message: string | null) => void = () => {};

  const display = (value: number) => {
    known = value;
    typed.value = formatValue(value);
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
    const value = scale!.value(Number(slider.value));
    if (spec.effect === "next step") take(value, false);
    else typed.value = formatValue(value);
  });
  slider?.addEventListener("change", () => take(scale!.value(Number(slider.value)), true));
  typed.addEventListener("change", () => {
    const value = parseTyped(spec, typed.value);
    if (typeof value === "number") return take(value, true);
    tell(value);
    typed.value = formatValue(known);
  });
  return {
    elements: [make("span", { class: "box" }, typed, unit), ...(slider ? [slider] : [])],
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

/** Passes values on at once or at most every 50 ms; the last one always. */
function throttled(pass: (value: Value) => void): (value: number, now: boolean) => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let [last, sent]: [number, number | null] = [0, null];
  const flush = () => {
    timer = undefined;
    if (last === sent) return;
    sent = last;
    pass(last);
  };
  return (value, now) => {
    last = value;
    if (now) {
      clearTimeout(timer);
      // A value typed again after an error must be sent again, so only the slider's repetition is held back.
      if (timer === undefined && sent === value) sent = null;
      flush();
      sent = null;
    } else {
      timer ??= setTimeout(flush, SEND_EVERY_MS);
    }
  };
}

export interface ControlPanel {
  element: HTMLElement;
  show(state: StateReply): void;
  error(field: string, message: string): boolean;
}

/** The controls in their groups; rebuilt only when the engine offers other controls. */
export function controlPanel(
  set: (field: string, value: Value) => void,
  open: (group: Group) => boolean,
): ControlPanel {
  const element = make("div", { class: "groups" });
  let views = new Map<string, ControlView>();
  let built = "";
  const build = (specs: ControlSpec[]) => {
    const wasOpen = new Map([...element.querySelectorAll("details")].map((d) => [d.dataset.group, d.open]));
    views = new Map(specs.map((spec) => [spec.field, control(spec, (value) => set(spec.field, value))]));
    const groups = GROUPS.map((group) => {
      const members = specs.filter((spec) => spec.group === group).map((spec) => views.get(spec.field)!.element);
      if (members.length === 0) return null;
      const details = make("details", { "data-group": group }, make("summary", {}, group), ...members);
      details.open = wasOpen.get(group) ?? open(group);
      return details;
    });
    element.replaceChildren(...groups.filter((g) => g !== null));
  };
  return {
    element,
    show(state) {
      const specs = state.controls.filter((spec) => !state.hidden.includes(spec.field));
      const key = JSON.stringify(specs);
      if (key !== built) build(specs);
      built = key;
      for (const [field, view] of views) view.show(fieldOf(state.recipe, field), state.locked.includes(field));
    },
    error(field, message) {
      views.get(field)?.error(message);
      return views.has(field);
    },
  };
}

function fieldOf(recipe: Recipe, field: string): Value {
  return recipe[field] ?? null;
}

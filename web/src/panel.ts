// The controls in their groups, and one line that says what the one in hand does.

import { type ControlView, control } from "./controls";
import { make } from "./dom";
import { type ControlSpec, GROUPS, type Group, type StateReply, type Value } from "./protocol";

export interface ControlPanel {
  element: HTMLElement;
  /** Shows the engine's settings; `differing` ones are marked. */
  show(state: StateReply, differing: readonly string[]): void;
  error(field: string, message: string): boolean;
}

const HINT = "↻ builds new networks; all else acts on the next step.";
const ALL_FROM = 1100;
const SOME_FROM = 720;

/** All but the rarest settings where there is a column for them, two groups beside the picture, none on a phone. */
export function startsOpen(group: Group, width: number): boolean {
  if (width >= ALL_FROM) return group !== "Networks" && group !== "Data";
  return width >= SOME_FROM && (group === "Loss" || group === "Optimiser");
}

/** Builds the panel; it is rebuilt only when the engine offers other controls. `width` is the lab's. */
export function controlPanel(set: (field: string, value: Value) => void, width: () => number): ControlPanel {
  const groups = make("div", { class: "groups" });
  const barred = make("p", { class: "fine", hidden: true }, "Some settings are locked in this lab.");
  const hint = make("p", { class: "hint", "aria-hidden": "true" }, HINT);
  const element = make("div", { class: "panel" }, groups, barred, hint);
  let views = new Map<string, ControlView>();
  let built = "";

  const build = (specs: ControlSpec[]) => {
    const wasOpen = new Map([...groups.querySelectorAll("details")].map((d) => [d.dataset.group, d.open]));
    views = new Map(specs.map((spec) => [spec.field, control(spec, (value) => set(spec.field, value))]));
    const made = GROUPS.map((group) => {
      const members = specs.filter((spec) => spec.group === group).map((spec) => views.get(spec.field)!.element);
      if (members.length === 0) return null;
      const details = make("details", { "data-group": group }, make("summary", {}, group), ...members);
      details.open = wasOpen.get(group) ?? startsOpen(group, width());
      return details;
    });
    groups.replaceChildren(...made.filter((g) => g !== null));
  };

  const helpOf = (target: EventTarget | Element | null) => {
    const field = (target as Element | null)?.closest?.<HTMLElement>(".control")?.dataset.field;
    return (field && views.get(field)?.help) || HINT;
  };
  const say = (words: string) => {
    if (hint.textContent !== words) hint.textContent = words;
  };
  groups.addEventListener("focusin", (event) => say(helpOf(event.target)));
  groups.addEventListener("pointerover", (event) => say(helpOf(event.target)));
  groups.addEventListener("pointerleave", () => say(helpOf(groups.querySelector(":focus"))));
  groups.addEventListener("focusout", () => say(HINT));

  return {
    element,
    show(state, differing) {
      const specs = state.controls.filter((spec) => !state.hidden.includes(spec.field));
      const key = JSON.stringify(specs);
      if (key !== built) build(specs);
      built = key;
      for (const [field, view] of views) {
        view.show(state.recipe[field] ?? null, state.locked.includes(field), differing.includes(field));
      }
      barred.hidden = !specs.some((spec) => state.locked.includes(spec.field));
    },
    error(field, message) {
      views.get(field)?.error(message);
      return views.has(field);
    },
  };
}

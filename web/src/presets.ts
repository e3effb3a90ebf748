// Presets in a row of buttons. What the chosen one shows stands in the sentence below them.

import { make } from "./dom";
import type { Preset } from "./protocol";

export interface Presets {
  element: HTMLElement;
  show(presets: readonly Preset[], chosen: string | null): void;
}

export function presetButtons(chosen: (name: string) => void): Presets {
  const list = make("ul", {});
  const element = make(
    "div",
    { class: "presets", role: "group", "aria-label": "Presets" },
    make("h3", {}, "Try"),
    list,
  );
  let built = "";
  return {
    element,
    show(presets, name) {
      const key = JSON.stringify(presets);
      element.hidden = presets.length === 0;
      if (key !== built) {
        built = key;
        const button = (p: Preset) =>
          make(
            "button",
            { type: "button", "data-preset": p.name, title: p.about, click: () => chosen(p.name) },
            p.label,
          );
        list.replaceChildren(...presets.map((p) => make("li", {}, button(p))));
      }
      for (const b of list.querySelectorAll("button")) {
        b.setAttribute("aria-pressed", String(b.dataset.preset === name));
      }
    },
  };
}

// Presets: a button and a sentence each.

import { make } from "./dom";
import type { Preset } from "./protocol";

export interface Presets {
  element: HTMLElement;
  show(presets: readonly Preset[]): void;
}

export function presetButtons(chosen: (name: string) => void): Presets {
  const list = make("ul", {});
  const element = make("section", { class: "presets", "aria-label": "Presets" }, make("h3", {}, "Try this"), list);
  let built = "";
  return {
    element,
    show(presets) {
      const key = JSON.stringify(presets);
      element.hidden = presets.length === 0;
      if (key === built) return;
      built = key;
      list.replaceChildren(
        ...presets.map(({ name, label, about }) =>
          make(
            "li",
            {},
            make(
              "button",
              { type: "button", "data-preset": name, click: () => chosen(name) },
              make("strong", {}, label),
              make("span", {}, about),
            ),
          ),
        ),
      );
    },
  };
}

// What is drawn over the points: a checkbox for each layer that the source allows, with the sign that it draws.

import { make } from "./dom";
import type { LayerName, Source } from "./protocol";

interface Layer {
  name: LayerName;
  label: string;
  title: string;
  on: boolean;
}

const LAYERS: readonly Layer[] = [
  { name: "field", label: "D’s field", title: "How real D finds each place: blue real, orange generated", on: true },
  { name: "arrows", label: "Gradient arrows", title: "Where G’s loss sends each generated point", on: true },
  { name: "manifold", label: "G’s manifold", title: "A regular grid of latents, where G puts it", on: false },
  { name: "optimal", label: "Optimal D*", title: "The best possible D against this G, dashed", on: false },
];

const sign = (body: string) => `<svg viewBox="0 0 22 12" aria-hidden="true">${body}</svg>`;
const SIGNS: Partial<Record<LayerName, string>> = {
  arrows: sign('<path class="k" d="M2 9L18 4M13 3l5 1-3 4"/>'),
  manifold: sign('<path class="f" d="M2 2h18v8H2zM8 2v8M14 2v8M2 6h18"/>'),
  optimal: sign('<path class="k" stroke-dasharray="5 3" d="M0 6h22"/>'),
};
const FIELD = '<small class="scale">generated <i></i> real</small>';
const CURVE = sign('<path class="k" d="M0 6h22"/>');

/** Layers that a source can have; D has no field of its own where it also looks at a class. */
export function possible(source: Source): LayerName[] {
  if (source.kind === "images" || source.labels) return [];
  return LAYERS.map((layer) => layer.name).filter(
    (name) => (name !== "manifold" || source.kind === "points") && (name !== "optimal" || source.density),
  );
}

export interface LayerToggles {
  element: HTMLElement;
  chosen: Set<LayerName>;
  show(source: Source): void;
  /** Marks layers that were asked for and did not come. */
  missing(names: ReadonlySet<LayerName>): void;
}

export function layerToggles(changed: () => void): LayerToggles {
  const chosen = new Set(LAYERS.filter((layer) => layer.on).map((layer) => layer.name));
  const labels = new Map<LayerName, HTMLElement>();
  const fieldSign = make("span", { class: "sign", "aria-hidden": "true" });
  let fieldName: HTMLElement | undefined;
  for (const { name, label, title, on } of LAYERS) {
    const box = make("input", { type: "checkbox" });
    box.checked = on;
    box.addEventListener("change", () => {
      if (box.checked) chosen.add(name);
      else chosen.delete(name);
      changed();
    });
    const drawn = name === "field" ? fieldSign : make("span", { class: "sign", "aria-hidden": "true" });
    drawn.innerHTML = SIGNS[name] ?? "";
    const text = make("span", {}, label);
    if (name === "field") fieldName = text;
    labels.set(name, make("label", { class: "layer", title, "data-layer": name }, box, text, drawn));
  }
  const element = make(
    "div",
    { class: "layers", role: "group", "aria-label": "Layers of the picture" },
    ...labels.values(),
  );
  return {
    element,
    chosen,
    show(source) {
      const names = possible(source);
      for (const [name, label] of labels) label.hidden = !names.includes(name);
      element.hidden = names.length === 0;
      if (fieldName) fieldName.textContent = source.kind === "line" ? "D" : "D’s field";
      fieldSign.innerHTML = source.kind === "line" ? CURVE : FIELD;
    },
    missing(names) {
      for (const [name, label] of labels) label.classList.toggle("absent", names.has(name));
    },
  };
}

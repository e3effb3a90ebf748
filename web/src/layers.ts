// What is drawn over the points: a checkbox for each layer that the source allows.

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

/** Layers that a source can have. */
export function possible(source: Source): LayerName[] {
  if (source.kind === "images") return [];
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
  for (const { name, label, title, on } of LAYERS) {
    const box = make("input", { type: "checkbox" });
    box.checked = on;
    box.addEventListener("change", () => {
      if (box.checked) chosen.add(name);
      else chosen.delete(name);
      changed();
    });
    labels.set(name, make("label", { class: "layer", title }, box, ` ${label}`));
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
    },
    missing(names) {
      for (const [name, label] of labels) label.classList.toggle("absent", names.has(name));
    },
  };
}

// ?kind=points|line|images|classes|pair|static, driven by made-up recordings.

import type { GanLab } from "../src/element";
import "../src/main";
import { ReplayEngine } from "../src/replay_engine";
import { CLASSES, recording, state } from "./synthetic";

const kind = new URLSearchParams(location.search).get("kind") ?? "points";
const place = document.body.appendChild(document.createElement("div"));

function lab(records: ReturnType<typeof recording>): void {
  const element = document.createElement("gan-lab") as GanLab;
  place.append(element);
  element.connect(new ReplayEngine(records));
}

if (kind === "static") {
  place.innerHTML = `<gan-lab data-recipe='{"loss":"hinge"}'><p>A recorded figure.</p></gan-lab>`;
} else if (kind === "pair") {
  place.className = "pair";
  const { recipe } = state("points");
  lab(recording("points", { compare: "pair", recipe: { ...recipe, lr_d: 1e-4 } }));
  lab(recording("points", { compare: "pair" }));
} else if (kind === "classes") {
  lab(recording("images", { source: { ...state("images").source, labels: CLASSES } }));
} else {
  lab(recording(kind as "points" | "line" | "images"));
}

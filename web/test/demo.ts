// ?kind=points|line|images|pair|static, driven by made-up recordings.

import type { GanLab } from "../src/element";
import "../src/main";
import { ReplayEngine } from "../src/replay_engine";
import { recording } from "./synthetic";

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
  lab(recording("points", { compare: "pair" }));
  lab(recording("points", { compare: "pair" }));
} else {
  lab(recording(kind as "points" | "line" | "images"));
}

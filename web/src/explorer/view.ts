// The explorer's parts in their places.

import { make, uniqueId } from "../dom";
import baseCss from "../style/base.css";
import ownCss from "./explorer.css";
import type { ModelFile } from "./model";
import { buildPad, EDGE, type Point } from "./pad";
import { facts, PLANES, subject } from "./words";

export const FRAMES = 9;
export const GAP = 1;

export interface Wishes {
  /** A z of this seed; null is the next one. */
  seed(seed: number | null): void;
  point(to: Point): void;
  plane(name: string): void;
  planeSeed(): void;
  way(t: number): void;
  straight(on: boolean): void;
  /** Another sample at an end of the way. */
  end(which: "a" | "b"): void;
  class(y: number): void;
}

export type View = ReturnType<typeof buildView>;

const button = (label: string, click: () => void, className = "") =>
  make("button", { type: "button", class: className, click }, label);

export function buildView(root: ShadowRoot, file: ModelFile, bytes: number, wishes: Wishes) {
  const [, height, width] = file.sample;
  const canvas = (label: string, count = 1, gap = 0) =>
    make("canvas", {
      width: String(count * (width + gap) - gap),
      height: String(height),
      ...(label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" }),
    });
  const picture = canvas("The generated image");
  picture.className = "picture";
  const words = make("p", { class: "caption" });
  const live = make("p", { class: "unseen", role: "status" });
  const seed = make("input", { type: "number", min: "0", max: "4294967295", step: "1", inputmode: "numeric" });
  seed.addEventListener("change", () => seed.reportValidity() && seed.value && wishes.seed(Number(seed.value)));
  const draw = make(
    "div",
    { class: "row" },
    make("label", {}, "Seed of z ", seed),
    button("Another z", () => wishes.seed(null), "main"),
  );
  const plane = buildPlane(wishes);
  const way = buildWay(canvas, wishes);
  const classes = file.classes.map((name, y) => {
    const thumb = canvas("");
    const chosen = make("button", { type: "button", "aria-pressed": "false", click: () => wishes.class(y) }, thumb);
    chosen.append(make("span", {}, name));
    return { button: chosen, thumb };
  });
  const asked = make(
    "section",
    { class: "asked", "aria-label": "Class", hidden: classes.length === 0 },
    make("h3", {}, "Ask for a class ", make("small", {}, "the same z in every picture")),
    make("div", { class: "classes", role: "group", "aria-label": "Class" }, ...classes.map((c) => c.button)),
  );
  const about = make(
    "details",
    {},
    make("summary", {}, "About this generator"),
    make("dl", {}, ...facts(file, bytes).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])),
  );
  const title = `Latent explorer: ${subject(file)}${classes.length ? " by class" : ""}`;
  const lab = make(
    "div",
    { class: "lab explorer", role: "group", "aria-label": title },
    make("div", { class: "head" }, make("h2", {}, title), make("p", { class: "lead" }, LEAD)),
    make(
      "div",
      { class: "body" },
      make(
        "section",
        { class: "shown", "aria-label": "Picture" },
        make("div", { class: "seen" }, picture, words),
        live,
        draw,
      ),
      plane.element,
      asked,
      way.element,
      about,
    ),
  );
  root.replaceChildren(make("style", {}, baseCss + ownCss), lab);
  return { lab, picture, words, live, seed, classes, ...plane.parts, ...way.parts };
}

const LEAD =
  "A trained generator runs in this page. It turns a latent vector z into an image; every control below moves the same z.";

function buildPlane(wishes: Wishes) {
  const id = uniqueId("plane");
  const choices = PLANES.map(({ name, label }) => make("option", { value: name }, label));
  const effect = make("p", { class: "fine" });
  const select = make("select", { id, change: () => wishes.plane(select.value) }, ...choices);
  const again = button("Other random plane", () => wishes.planeSeed());
  const pad = buildPad(wishes.point);
  const slider = (label: string) => {
    const input = make("input", {
      type: "range",
      min: String(-EDGE),
      max: String(EDGE),
      step: "0.1",
      "aria-label": label,
    });
    input.addEventListener("input", () => wishes.point([across.valueAsNumber, up.valueAsNumber]));
    return input;
  };
  const across = slider("Across");
  const up = slider("Up");
  const line = (name: string, input: HTMLElement) => make("span", { class: "line" }, make("span", {}, name), input);
  const element = make(
    "section",
    { class: "plane", "aria-label": "Move z in a plane" },
    make("h3", {}, make("label", { for: id }, "Move z in the plane of")),
    make("div", { class: "row" }, select, again),
    effect,
    pad.element,
    make("div", { class: "sliders" }, line("across", across), line("up", up)),
  );
  return { element, parts: { pad, across, up, effect, planeAgain: again } };
}

function buildWay(canvas: (label: string, count?: number, gap?: number) => HTMLCanvasElement, wishes: Wishes) {
  const [a, b] = [canvas("Sample A"), canvas("Sample B")];
  const strip = canvas("The images between A and B", FRAMES, GAP);
  strip.className = "strip";
  strip.addEventListener("click", (event) => {
    const { left, width } = strip.getBoundingClientRect();
    const frame = Math.floor(((event.clientX - left) / width) * FRAMES);
    wishes.way(Math.min(1, Math.max(0, frame / (FRAMES - 1))));
  });
  const slider = make("input", {
    type: "range",
    min: "0",
    max: "100",
    step: "1",
    "aria-label": "Way from A to B, percent",
  });
  slider.addEventListener("input", () => wishes.way(slider.valueAsNumber / 100));
  const line = make("input", { type: "checkbox", change: () => wishes.straight(line.checked) });
  const end = (which: "a" | "b", picture: HTMLCanvasElement) => {
    const name = which.toUpperCase();
    const seed = make("small", {});
    const again = button(`New ${name}`, () => wishes.end(which));
    return { seed, element: make("div", { class: "end" }, picture, make("span", {}, `${name} `, seed), again) };
  };
  const [first, last] = [end("a", a), end("b", b)];
  const why = make("p", { class: "fine" });
  const middle = make(
    "div",
    { class: "between" },
    strip,
    slider,
    make("label", { class: "check" }, line, "straight line instead"),
  );
  const element = make(
    "section",
    { class: "ways", "aria-label": "Between two samples" },
    make("h3", {}, "Between two samples"),
    make("div", { class: "way-row" }, first.element, middle, last.element),
    why,
  );
  return { element, parts: { a, b, strip, slider, line, seedA: first.seed, seedB: last.seed, why } };
}

// The pad: z's place in a plane, dragged by pointer or finger, moved by arrow keys.

import { make, uniqueId } from "../dom";

export type Point = readonly [number, number];

/** The pad shows coordinates from -EDGE to EDGE: nearly all of a standard normal. */
export const EDGE = 3.5;
const STEP = 0.1;
const LEAP = 0.5;
const SVG = "http://www.w3.org/2000/svg";

export interface Pad {
  element: HTMLElement;
  show(at: Point, words: string): void;
  /** Marks where A and B lie, and the way between them. */
  showWay(a: Point, b: Point, way: readonly Point[]): void;
}

/** What an arrow key asks for, or null: one step, with Shift a leap; Home is the middle. */
export function keyed(event: Pick<KeyboardEvent, "key" | "shiftKey">, [x, y]: Point): Point | null {
  const by = event.shiftKey ? LEAP : STEP;
  const moves: Record<string, Point> = {
    ArrowLeft: [x - by, y],
    ArrowRight: [x + by, y],
    ArrowUp: [x, y + by],
    ArrowDown: [x, y - by],
    Home: [0, 0],
  };
  const to = moves[event.key];
  return to ? inside(to) : null;
}

export function inside([x, y]: Point): Point {
  const clamp = (value: number) => Math.min(EDGE, Math.max(-EDGE, Number(value.toFixed(3))));
  return [clamp(x), clamp(y)];
}

export function buildPad(moved: (to: Point) => void): Pad {
  const describedBy = uniqueId("pad");
  const svg = shape("svg", { viewBox: `${-EDGE} ${-EDGE} ${2 * EDGE} ${2 * EDGE}`, "aria-hidden": "true" });
  const rings = [1, 2, 3].flatMap((r) => [
    shape("circle", { class: "ring", r }),
    text("σ", String(r), { x: 0.06, y: -r - 0.08 }),
  ]);
  const axes = [
    shape("line", { class: "axis", x1: -EDGE, x2: EDGE }),
    shape("line", { class: "axis", y1: -EDGE, y2: EDGE }),
  ];
  const way = shape("polyline", { class: "way" });
  const ends = ["A", "B"].map((letter) => text(letter, "", { class: "end" }));
  const halo = shape("circle", { class: "halo", r: 0.3 });
  const spot = shape("circle", { class: "spot", r: 0.17 });
  svg.append(...rings, ...axes, way, ...ends, halo, spot);
  const element = make(
    "div",
    {
      class: "pad",
      role: "slider",
      tabindex: "0",
      "aria-label": "Place of z in the plane",
      "aria-roledescription": "two-dimensional slider",
      "aria-describedby": describedBy,
      "aria-valuemin": String(-EDGE),
      "aria-valuemax": String(EDGE),
      "aria-valuenow": "0",
    },
    svg as unknown as HTMLElement,
  );
  const hint =
    "Drag the point, or use the arrow keys (Shift: larger steps, Home: the middle). The rings: 1, 2 and 3 standard deviations of z.";
  const help = make("p", { class: "fine", id: describedBy }, hint);
  let at: Point = [0, 0];
  /** Keys may come faster than frames: the next one starts where this one leads. */
  const go = (to: Point) => {
    at = to;
    moved(to);
  };
  const pointed = (event: PointerEvent) => {
    const { left, top, width, height } = element.getBoundingClientRect();
    const x = ((event.clientX - left) / width) * 2 - 1;
    const y = 1 - ((event.clientY - top) / height) * 2;
    go(inside([x * EDGE, y * EDGE]));
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    element.focus({ preventScroll: true });
    element.setPointerCapture?.(event.pointerId);
    pointed(event);
  });
  element.addEventListener("pointermove", (event) => {
    if (event.buttons & 1) pointed(event);
  });
  element.addEventListener("keydown", (event) => {
    const to = keyed(event, at);
    if (!to) return;
    event.preventDefault();
    go(to);
  });
  return {
    element: make("div", { class: "pad-box" }, element, help),
    show(point, words) {
      at = point;
      const [x, y] = inside(point);
      for (const circle of [halo, spot]) {
        circle.setAttribute("cx", String(x));
        circle.setAttribute("cy", String(-y));
      }
      element.setAttribute("aria-valuenow", x.toFixed(1));
      element.setAttribute("aria-valuetext", words);
    },
    showWay(a, b, points) {
      way.setAttribute("points", points.map(([x, y]) => `${x.toFixed(3)},${(-y).toFixed(3)}`).join(" "));
      [a, b].forEach((point, k) => {
        const [x, y] = inside(point);
        ends[k]!.setAttribute("x", String(x));
        ends[k]!.setAttribute("y", String(-y));
      });
    },
  };
}

function shape(name: string, attributes: Record<string, string | number>): SVGElement {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}

function text(after: string, before: string, attributes: Record<string, string | number>): SVGElement {
  const element = shape("text", attributes);
  element.textContent = before + after;
  return element;
}

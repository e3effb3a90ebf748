// Drawing the data oneself: strokes and taps on the picture, or a cursor moved by the arrow keys, become points.

import { make } from "./dom";
import { type Viewport, viewport } from "./draw/viewport";
import type { Extent } from "./protocol";

export const MOST = 150;
const APART = 0.12;
const STEP = 0.1;

export type Place = [x: number, y: number];

/** The points as a recipe writes them: two decimals are finer than a pixel. */
export function pointsText(places: readonly Place[]): string {
  return places.map((place) => place.map((value) => String(Number(value.toFixed(2)))).join(",")).join(" ");
}

/** Adds a place unless it lies closer to the last one than strokes are drawn, or there are too many. */
export function added(places: readonly Place[], place: Place): Place[] {
  const last = places.at(-1);
  const near = last && Math.hypot(place[0] - last[0], place[1] - last[1]) < APART;
  const outside = place.some((value) => !(Math.abs(value) <= 10));
  return near || outside || places.length >= MOST ? [...places] : [...places, place];
}

export interface DrawingHost {
  /** What the picture shows now, or null if nothing can be drawn on it. */
  extent(): Extent | null;
  drawn(points: string): void;
}

export interface Drawing {
  /** Opens the pad. */
  button: HTMLButtonElement;
  /** Lies over the picture while data is drawn. */
  pad: HTMLElement;
  /** Stands below the picture while data is drawn. */
  bar: HTMLElement;
  offer(possible: boolean): void;
}

export function drawing(host: DrawingHost): Drawing {
  let places: Place[] = [];
  /** How many points there were before each stroke. */
  let strokes: number[] = [];
  let cursor: Place = [0, 0];
  let pressed = false;
  const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  picture.setAttribute("aria-hidden", "true");
  const pad = make("div", {
    class: "pad",
    hidden: true,
    tabindex: "0",
    role: "application",
    "aria-label": "Drawing pad: arrow keys move the cursor, Space puts a point, Enter uses the points, Escape cancels",
  });
  pad.append(picture);
  const count = make("span", { role: "status" });
  const use = make("button", { type: "button", click: () => finish() }, "Use these points");
  const undo = make("button", { type: "button", click: () => show(places.slice(0, strokes.pop() ?? 0)) }, "Undo");
  const cancel = make("button", { type: "button", click: () => close() }, "Cancel");
  const bar = make("div", { class: "pad-bar", role: "group", "aria-label": "Drawing", hidden: true });
  bar.append(count, use, undo, cancel);
  const button = make(
    "button",
    { type: "button", class: "draw", title: "Draw the data yourself", "aria-expanded": "false", click: () => toggle() },
    "Draw data",
  );

  const view = (): Viewport | null => {
    const extent = host.extent();
    return extent && viewport(extent, pad.clientWidth, pad.clientHeight);
  };
  const show = (now: Place[]) => {
    places = now;
    const seen = view();
    if (!seen) return;
    const dots = places.map(([x, y]) => `<circle cx="${seen.x(x)}" cy="${seen.y(y)}" r="3"/>`);
    const [cx, cy] = [seen.x(cursor[0]), seen.y(cursor[1])];
    picture.innerHTML = `${dots.join("")}<path class="cursor" d="M${cx - 8} ${cy}h16M${cx} ${cy - 8}v16"/>`;
    use.disabled = places.length === 0;
    undo.disabled = places.length === 0;
    count.textContent = places.length
      ? `${places.length} of at most ${MOST} points`
      : "Draw on the picture: a stroke or single taps";
  };
  const close = () => {
    for (const part of [pad, bar]) part.hidden = true;
    button.setAttribute("aria-expanded", "false");
    button.focus();
  };
  const open = () => {
    for (const part of [pad, bar]) part.hidden = false;
    button.setAttribute("aria-expanded", "true");
    [cursor, strokes] = [[0, 0], []];
    show([]);
    pad.focus();
  };
  const toggle = () => (pad.hidden ? open() : close());
  const finish = () => {
    if (places.length === 0) return;
    close();
    host.drawn(pointsText(places));
  };
  const touch = (event: PointerEvent) => {
    const box = pad.getBoundingClientRect();
    const place = view()?.place(event.clientX - box.left, event.clientY - box.top);
    if (place) show(added(places, place));
  };
  pad.addEventListener("pointerdown", (event) => {
    pressed = true;
    strokes.push(places.length);
    pad.setPointerCapture(event.pointerId);
    touch(event);
  });
  pad.addEventListener("pointermove", (event) => {
    if (pressed) touch(event);
  });
  for (const end of ["pointerup", "pointercancel"]) pad.addEventListener(end, () => (pressed = false));
  const moves: Record<string, Place> = {
    ArrowLeft: [-STEP, 0],
    ArrowRight: [STEP, 0],
    ArrowUp: [0, STEP],
    ArrowDown: [0, -STEP],
  };
  pad.addEventListener("keydown", (event) => {
    const move = moves[event.key];
    const put = () => {
      strokes.push(places.length);
      show(added(places, cursor));
    };
    const acts: Record<string, () => void> = { " ": put, Enter: finish, Escape: close };
    if (!move && !acts[event.key]) return;
    event.preventDefault();
    if (move) {
      cursor = [cursor[0] + move[0], cursor[1] + move[1]];
      show(places);
    } else acts[event.key]!();
  });
  return {
    button,
    pad,
    bar,
    offer(possible) {
      button.hidden = !possible;
      if (!possible && !pad.hidden) close();
    },
  };
}

// The rewind scrubber: a slider over the snapshots, its right end is the present.

import { make } from "./dom";
import { count } from "./format";

export interface Timeline {
  element: HTMLElement;
  show(snapshots: readonly number[], step: number): void;
}

/** Where the handle stands: the snapshot of this step, or the present at the right end. */
export function positionOf(snapshots: readonly number[], step: number): number {
  const at = snapshots.indexOf(step);
  return at >= 0 ? at : snapshots.findIndex((s) => s > step) < 0 ? snapshots.length : nearest(snapshots, step);
}

function nearest(snapshots: readonly number[], step: number): number {
  let best = 0;
  snapshots.forEach((s, i) => {
    if (Math.abs(s - step) < Math.abs(snapshots[best]! - step)) best = i;
  });
  return best;
}

export function timeline(rewind: (step: number) => void): Timeline {
  const slider = make("input", { type: "range", min: "0", step: "1", "aria-label": "Rewind to an earlier moment" });
  const words = make("output", { class: "moment" });
  const element = make("div", { class: "timeline" }, make("span", { "aria-hidden": "true" }, "Rewind"), slider, words);
  let [moments, now, held]: [readonly number[], number, boolean] = [[], 0, false];
  const chosen = () => moments[Number(slider.value)];
  const say = () => {
    const step = chosen();
    words.textContent = step === undefined || step === now ? "now" : `to step ${count(step)}`;
    slider.setAttribute("aria-valuetext", step === undefined ? `now, step ${count(now)}` : `step ${count(step)}`);
  };
  slider.addEventListener("input", () => {
    held = true;
    say();
  });
  slider.addEventListener("change", () => {
    held = false;
    const step = chosen();
    if (step !== undefined && step !== now) rewind(step);
  });
  slider.addEventListener("blur", () => {
    held = false;
  });
  return {
    element,
    show(snapshots, step) {
      now = step;
      if (held) return;
      moments = snapshots;
      const last = snapshots.at(-1);
      const extra = last === undefined || last < step ? snapshots.length : snapshots.length - 1;
      slider.max = String(Math.max(extra, 0));
      slider.value = String(positionOf(snapshots, step));
      slider.style.setProperty("--part", String(extra > 0 ? Number(slider.value) / extra : 1));
      slider.disabled = extra < 1;
      say();
    },
  };
}

// Play and the three steps, which stay in the thumb's reach on a phone; slow motion and reset beside them.

import { make } from "./dom";

export type Press = "play" | "step-d" | "step-g" | "step-turn" | "slow" | "reset";

const PLAY = '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M4 2.5v11l9-5.5z"/></svg>';
const PAUSE = '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M3.5 2.5h3v11h-3zM9.5 2.5h3v11h-3z"/></svg>';

export interface Transport {
  element: HTMLElement;
  show(playing: boolean, slow: boolean): void;
  enable(on: boolean): void;
}

export function transport(pressed: (what: Press) => void): Transport {
  const button = (what: Press, label: string, title: string) =>
    make("button", { type: "button", class: what, title, click: () => pressed(what) }, label);
  const play = button("play", "", "Train, and watch");
  const slow = button("slow", "Slow motion", "One turn in sub-steps, each explained");
  const steps = make(
    "span",
    { class: "steps" },
    button("step-d", "Step D", "One step of the discriminator; G stands still"),
    button("step-g", "Step G", "One step of the generator; D stands still"),
    button("step-turn", "Step both", "One whole turn: D’s steps, then G’s"),
  );
  const main = make("div", { class: "main" }, play, steps);
  const rest = make("div", { class: "rest" }, slow, button("reset", "Reset", "Start again from the same seed"));
  const element = make("div", { class: "transport", role: "group", "aria-label": "Training" }, main, rest);
  let shown: boolean | null = null;
  return {
    element,
    show(playing, slowly) {
      slow.setAttribute("aria-pressed", String(slowly));
      if (shown === playing) return;
      shown = playing;
      play.innerHTML = `${playing ? PAUSE : PLAY}<span>${playing ? "Pause" : "Play"}</span>`;
      play.classList.toggle("on", playing);
    },
    enable(on) {
      for (const b of element.querySelectorAll("button")) b.disabled = !on;
    },
  };
}

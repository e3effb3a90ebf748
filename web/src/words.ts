// What the lab says about itself.

import { count, measured } from "./format";
import type { FrameReply, Metric, StateReply } from "./protocol";

export const NO_ENGINE = "This lab runs in the notebook.";

const LOST: Record<StateReply["engine"], string> = {
  kernel:
    "No answer from the kernel for 10 seconds. If another cell is running, the lab goes on when it ends. " +
    "If the kernel has restarted, run this lab’s cell again.",
  page: "The training in this page has stopped answering. Reload the page to start again.",
  replay: "The recording has stopped. Reload the page to start again.",
};

export function lostWords(engine: StateReply["engine"]): string {
  return LOST[engine];
}

/** The picture in words, for those who do not see it. */
export function description(state: StateReply, frame: FrameReply): string {
  const { kind, name } = state.source;
  const what = kind === "images" ? "Real and generated images" : "Real and generated points";
  const bound = (m: Metric) => (m.best === null ? "" : `, ${m.best_label} ${measured(m.best)}`);
  const metrics = frame.metrics.map((m) => `${m.label} ${measured(m.value)}${bound(m)}`);
  const losses = `loss of D ${measured(frame.loss_d)}, loss of G ${measured(frame.loss_g)}`;
  const gap = frame.gap === null ? [] : [`mean distance of D to the optimal D ${measured(frame.gap)}`];
  return [`${what} of ${name} after step ${count(frame.step)}`, losses, ...metrics, ...gap].join("; ");
}

/** Which quantity of a diverged run blew up, and what to do. */
export function divergedWords(frame: FrameReply): string {
  const named = [
    ["the loss of D", frame.loss_d],
    ["the loss of G", frame.loss_g],
    ["the gradient of D", frame.grad_d],
    ["the gradient of G", frame.grad_g],
  ] as const;
  const broken = named.filter(([, value]) => value === null || !Number.isFinite(value)).map(([name]) => name);
  const which = broken.length ? broken.join(" and ") : "a weight";
  return (
    `The run diverged: ${which} stopped being a finite number by step ${count(frame.step)}. ` +
    "Rewind to an earlier moment or reset, then lower a learning rate or strengthen the penalty."
  );
}

// What is measured: metrics beside their best value, and the curves and histograms beside the picture.

import { fitted } from "./canvas";
import { chart } from "./charts";
import { make } from "./dom";
import { drawOutputs } from "./draw/outputs";
import type { History } from "./history";
import { meters } from "./metrics";
import type { Arrays, FrameReply, StateReply } from "./protocol";
import type { Palette } from "./theme";
import { lossUnit } from "./words";

const OUTPUTS_HEIGHT = 124;

export class Measurements {
  readonly meters = meters();
  readonly charts: HTMLElement;
  private readonly losses = chart("Losses, as minimised", false);
  private readonly gradients = chart("Gradient norms", true, "L2");
  private readonly outputs = make("canvas", {
    role: "img",
    "aria-label": "Histograms of D’s logits on real and generated samples",
  });
  private readonly box: HTMLElement;
  private readonly fine = make("p", { class: "fine" });

  constructor() {
    const heading = make(
      "div",
      { class: "chart-head" },
      make("h3", {}, "D’s logits ", make("small", {}, "share of samples")),
    );
    this.box = make("div", { class: "chart" }, heading, this.outputs);
    const { losses, gradients, box, fine } = this;
    const name = { class: "side", "aria-label": "Measurements" };
    this.charts = make("section", name, losses.element, gradients.element, box, fine);
  }

  dress(palette: Palette): void {
    this.losses.dress(palette);
    this.gradients.dress(palette);
  }

  resize(): void {
    for (const one of [this.losses, this.gradients]) one.resize(one.element.clientWidth);
  }

  draw(state: StateReply, frame: FrameReply, arrays: Arrays, history: History, palette: Palette): void {
    const s = history.series();
    this.losses.unit(lossUnit(state.recipe));
    this.losses.draw(s.step, s.loss_d, s.loss_g);
    this.gradients.draw(s.step, s.grad_d, s.grad_g);
    const canvas = fitted(this.outputs, this.box.clientWidth, OUTPUTS_HEIGHT);
    if (canvas) this.outputs.hidden = !drawOutputs(canvas.context, canvas.width, canvas.height, arrays, palette);
    this.meters.show(frame.metrics);
    const { every } = history;
    const thin = every > 1 ? `The curves show one in ${every} of the turns that came. ` : "";
    const { used_mb: used, budget_mb: budget } = frame.memory;
    this.fine.textContent = `${thin}Moments to go back to: ${Math.ceil(used)} of ${Math.round(budget)} MB.`;
  }

  destroy(): void {
    this.losses.destroy();
    this.gradients.destroy();
  }
}

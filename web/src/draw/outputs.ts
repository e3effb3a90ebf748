// The panel with the histograms of D's outputs.

import { type Arrays, floats } from "../protocol";
import type { Palette } from "../theme";
import { binned, drawOutline, outline, symmetricRange } from "./histogram";

const BINS = 40;

/** Draws D's logits on real and generated samples around 0, where D cannot tell. Returns false if there are none. */
export function drawOutputs(
  context: CanvasRenderingContext2D,
  width: number,
  height: number,
  arrays: Arrays,
  palette: Palette,
): boolean {
  context.clearRect(0, 0, width, height);
  const real = floats(arrays, "logits_real");
  const fake = floats(arrays, "logits_fake");
  if (!real || !fake) return false;
  const range = symmetricRange(real.data, fake.data);
  const box = { left: 6, right: width - 6, top: 8, bottom: height - 20 };
  const both = [real, fake].map((x) => binned(x.data, -range, range, BINS));
  const tallest = Math.max(...both.flatMap((b) => b.shares));
  context.strokeStyle = palette.line;
  context.lineWidth = 1;
  context.beginPath();
  for (const part of [0, 0.5, 1]) {
    const x = box.left + part * (box.right - box.left);
    context.moveTo(x, box.top);
    context.lineTo(x, box.bottom);
  }
  context.moveTo(box.left, box.bottom);
  context.lineTo(box.right, box.bottom);
  context.stroke();
  drawOutline(context, outline(both[0]!, box, tallest), palette.real, true);
  drawOutline(context, outline(both[1]!, box, tallest), palette.fake, false);
  context.fillStyle = palette.muted;
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "top";
  const words = [`−${range} ← generated`, "0", `real → +${range}`];
  (["left", "center", "right"] as const).forEach((align, i) => {
    context.textAlign = align;
    context.fillText(words[i]!, box.left + (i / 2) * (box.right - box.left), box.bottom + 5);
  });
  return true;
}

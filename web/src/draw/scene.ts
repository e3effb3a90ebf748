// The large picture: what the frame holds, in the order in which it is laid over itself.

import { signed } from "../format";
import { type Arrays, bytes, type Extent, floats, type LayerName, type Source } from "../protocol";
import type { Palette } from "../theme";
import { arrowsOf, drawArrows } from "./arrows";
import { blend, css, fieldTable } from "./color";
import { drawContour, drawField } from "./field";
import { drawImages, type ImageLayout, imageLayout, sigmoid, type Verdict } from "./image_grid";
import { drawLine } from "./line";
import { drawManifold, quads } from "./manifold";
import { between, drawPoints } from "./scatter";
import { extentOf, viewport } from "./viewport";

export interface SceneInput {
  source: Source;
  arrays: Arrays;
  /** Generated points of the frame before, to move from. */
  before: Float32Array | null;
  /** How far the points have moved, 0..1. */
  moved: number;
  layers: ReadonlySet<LayerName>;
  palette: Palette;
}

/** Height of the scene for a width, in CSS pixels. */
export function sceneHeight(kind: Source["kind"], width: number, arrays: Arrays): number {
  if (kind === "line") return Math.round(Math.min(420, 0.72 * width));
  return kind === "points" ? Math.round(width) : layoutOf(arrays, width).height;
}

export function drawScene(context: CanvasRenderingContext2D, width: number, height: number, input: SceneInput): void {
  context.clearRect(0, 0, width, height);
  if (input.source.kind === "images") drawImageScene(context, width, input);
  else if (input.source.kind === "line") drawLineScene(context, width, height, input);
  else drawPlane(context, width, height, input);
}

function drawPlane(context: CanvasRenderingContext2D, width: number, height: number, input: SceneInput): void {
  const { source, arrays, layers, palette } = input;
  const real = floats(arrays, "real");
  const fake = floats(arrays, "fake");
  const extent: Extent = source.extent ?? extentOf(real?.data ?? new Float32Array());
  const view = viewport(extent, width, height);
  drawBelief(context, view, extent, input);
  const grid = layers.has("manifold") ? floats(arrays, "manifold") : undefined;
  if (grid) drawManifold(context, quads(grid.data, grid.shape[0]!, view), palette.fake);
  const radius = Math.round(Math.max(1.8, Math.min(3.2, width / 160)) * 2) / 2;
  if (real) drawPoints(context, view, real.data, "circle", palette.real, palette.paper, radius);
  const rows = layers.has("arrows") ? floats(arrays, "arrows") : undefined;
  if (rows) drawArrows(context, arrowsOf(rows.data, view), palette.ink, palette.paper);
  if (fake) {
    const points = input.before ? between(input.before, fake.data, input.moved) : fake.data;
    drawPoints(context, view, points, "cross", palette.fake, palette.paper, radius);
  }
}

/** D's field with its line of indecision; D* as dashed lines over it, or as the field itself where D's is off. */
function drawBelief(
  context: CanvasRenderingContext2D,
  view: ReturnType<typeof viewport>,
  extent: Extent,
  input: SceneInput,
): void {
  const { arrays, layers, palette } = input;
  const field = layers.has("field") ? bytes(arrays, "field") : undefined;
  const optimal = layers.has("optimal") ? bytes(arrays, "optimal") : undefined;
  const table = fieldTable(palette.field);
  context.lineWidth = 1.4;
  context.strokeStyle = palette.muted;
  if (field) {
    drawField(context, view, extent, field, table);
    drawContour(context, view, extent, field, 127.5);
  } else if (optimal) {
    drawField(context, view, extent, optimal, table);
  }
  if (!optimal) return;
  context.setLineDash([5, 4]);
  context.strokeStyle = palette.ink;
  for (const [level, thick] of [
    [63.75, 0.8],
    [127.5, 1.8],
    [191.25, 0.8],
  ] as const) {
    context.lineWidth = thick;
    drawContour(context, view, extent, optimal, level);
  }
  context.setLineDash([]);
}

function drawLineScene(context: CanvasRenderingContext2D, width: number, height: number, input: SceneInput): void {
  const box = { left: 8, right: width - 8, top: 8, bottom: height - 22 };
  const extent: Extent = input.source.extent ?? [-4, 4, 0, 1];
  drawLine(context, box, extent, input.arrays, input.layers, input.palette);
}

/** Generated images beside real ones; on narrow screens above them. */
function drawImageScene(context: CanvasRenderingContext2D, width: number, input: SceneInput): void {
  const { arrays, palette } = input;
  const colors = palette.verdict;
  const verdict = (logit: number): Verdict => ({ text: signed(logit), color: css(blend(colors, sigmoid(logit))) });
  const layout = layoutOf(arrays, width);
  const parts = [
    { name: "fake", label: "Generated, from fixed latents", color: palette.fake, grid: layout.fake },
    { name: "real", label: "Real", color: palette.real, grid: layout.real },
  ];
  for (const { name, label, color, grid } of parts) {
    const images = bytes(arrays, name);
    if (!images) continue;
    context.fillStyle = color;
    context.font = "600 13px system-ui, sans-serif";
    context.textAlign = "left";
    context.textBaseline = "top";
    context.fillText(label, grid.left, grid.top - 21, width - grid.left);
    drawImages(context, images, floats(arrays, `logits_${name}`), layout, grid, palette.muted, verdict);
  }
}

function layoutOf(arrays: Arrays, width: number): ImageLayout {
  return imageLayout(width, arrays.get("fake")?.shape[0] ?? 0, arrays.get("real")?.shape[0] ?? 0);
}

// The large picture: what the frame holds, in the order in which it is laid over itself.

import { signed } from "../format";
import { type Arrays, bytes, type Extent, floats, type LayerName, type Source } from "../protocol";
import type { Palette } from "../theme";
import { arrowsOf, drawArrows } from "./arrows";
import { blend, css, fieldTable } from "./color";
import { drawContour, drawField } from "./field";
import { cellAt, drawImages, type ImageLayout, imageLayout, sigmoid, type Verdict } from "./image_grid";
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

/** Height of the scene for a width, in CSS pixels, at most `most` where the picture allows it. */
export function sceneHeight(source: Source, width: number, most: number, arrays: Arrays): number {
  if (source.kind === "line") return Math.round(Math.min(420, most, 0.72 * width));
  return source.kind === "points" ? Math.round(Math.min(most, width)) : layoutOf(source, arrays, width, most).height;
}

export function drawScene(context: CanvasRenderingContext2D, width: number, height: number, input: SceneInput): void {
  context.clearRect(0, 0, width, height);
  if (input.source.kind === "images") drawImageScene(context, width, height, input);
  else if (input.source.kind === "line") drawLineScene(context, width, height, input);
  else drawPlane(context, width, height, input);
}

function textStyle(context: CanvasRenderingContext2D, font: string, color: string, align: CanvasTextAlign): void {
  context.font = `${font} system-ui, sans-serif`;
  context.fillStyle = color;
  context.textAlign = align;
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

/** Generated images beside real ones, behind the names of their classes. */
function drawImageScene(context: CanvasRenderingContext2D, width: number, height: number, input: SceneInput): void {
  const { source, arrays, palette } = input;
  const colors = palette.verdict;
  const verdict = (logit: number): Verdict => ({ text: signed(logit), color: css(blend(colors, sigmoid(logit))) });
  const layout = layoutOf(source, arrays, width, height);
  const parts = [
    { name: "fake", label: "Generated", color: palette.fake, grid: layout.fake },
    { name: "real", label: "Real", color: palette.real, grid: layout.real },
  ];
  for (const { name, label, color, grid } of parts) {
    const images = bytes(arrays, name);
    if (!images) continue;
    textStyle(context, "600 13px", color, "left");
    context.textBaseline = "top";
    context.fillText(label, grid.left, grid.top - 21, width - grid.left);
    drawImages(context, images, floats(arrays, `logits_${name}`), layout, grid, palette.muted, verdict);
  }
  textStyle(context, "11px", palette.muted, "right");
  context.textBaseline = "middle";
  source.labels?.forEach((name, row) => {
    const [x, y] = cellAt(layout, layout.fake, row * layout.fake.columns);
    context.fillText(name, x - 7, y + layout.side / 2, 84);
  });
}

function layoutOf(source: Source, arrays: Arrays, width: number, most: number): ImageLayout {
  const [nFake, nReal] = ["fake", "real"].map((name) => arrays.get(name)?.shape[0] ?? 0) as [number, number];
  return imageLayout(width, most, nFake, nReal, source.labels ?? []);
}

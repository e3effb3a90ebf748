// Gradient arrows: where each generated point would go if G's loss were to fall.

import type { Viewport } from "./viewport";

export interface Arrow {
  from: [number, number];
  to: [number, number];
  /** The two ends of the head's barbs. */
  barbs: [[number, number], [number, number]];
}

const HEAD = 5;
const SPREAD = 0.45;

/** An arrow in pixels, or null if it is too short to have a direction that can be seen. */
export function arrow(x0: number, y0: number, x1: number, y1: number): Arrow | null {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const length = Math.hypot(dx, dy);
  if (!(length >= 1.5)) return null;
  const head = Math.min(HEAD, 0.6 * length);
  const angle = Math.atan2(dy, dx);
  const barb = (turn: number): [number, number] => [
    x1 - head * Math.cos(angle + turn),
    y1 - head * Math.sin(angle + turn),
  ];
  return { from: [x0, y0], to: [x1, y1], barbs: [barb(SPREAD), barb(-SPREAD)] };
}

/** Rows of (x, y, dx, dy) in data units as arrows in pixels; those that cannot be seen are left out. */
export function arrowsOf(rows: Float32Array, view: Viewport): Arrow[] {
  const found: Arrow[] = [];
  for (let i = 0; i + 3 < rows.length; i += 4) {
    const [x, y, dx, dy] = [rows[i]!, rows[i + 1]!, rows[i + 2]!, rows[i + 3]!];
    const made = arrow(view.x(x), view.y(y), view.x(x + dx), view.y(y + dy));
    if (made) found.push(made);
  }
  return found;
}

export function drawArrows(context: CanvasRenderingContext2D, arrows: Arrow[], color: string, halo: string): void {
  context.beginPath();
  for (const { from, to, barbs } of arrows) {
    context.moveTo(...from);
    context.lineTo(...to);
    context.moveTo(...barbs[0]);
    context.lineTo(...to);
    context.lineTo(...barbs[1]);
  }
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = halo;
  context.lineWidth = 3;
  context.stroke();
  context.strokeStyle = color;
  context.lineWidth = 1.3;
  context.stroke();
}

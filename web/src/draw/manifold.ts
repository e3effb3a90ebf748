// G's manifold: a regular grid of latents, drawn where G puts it. Where the grid is folded tight, G puts many points.

import type { Viewport } from "./viewport";

export interface Quad {
  corners: [number, number][];
  opacity: number;
}

/** Area of a polygon, by the shoelace formula. */
export function area(corners: readonly (readonly [number, number])[]): number {
  let twice = 0;
  corners.forEach(([x, y], i) => {
    const [u, v] = corners[(i + 1) % corners.length]!;
    twice += x * v - u * y;
  });
  return Math.abs(twice) / 2;
}

/** The cells of a k x k grid of images in pixels. All cells hold the same probability, so their ink is the density:
 *  opacity falls with the area, from 0.55 to 0.04. */
export function quads(grid: Float32Array, k: number, view: Viewport): Quad[] {
  const point = (i: number, j: number): [number, number] => {
    const at = 2 * (i * k + j);
    return [view.x(grid[at]!), view.y(grid[at + 1]!)];
  };
  const typical = (view.width * view.height) / (k - 1) ** 2 / 12;
  const cells: Quad[] = [];
  for (let i = 0; i + 1 < k; i++) {
    for (let j = 0; j + 1 < k; j++) {
      const corners = [point(i, j), point(i, j + 1), point(i + 1, j + 1), point(i + 1, j)];
      const opacity = Math.min(0.55, Math.max(0.04, (0.16 * typical) / (area(corners) + 1)));
      cells.push({ corners, opacity });
    }
  }
  return cells;
}

export function drawManifold(context: CanvasRenderingContext2D, cells: Quad[], color: string): void {
  context.fillStyle = context.strokeStyle = color;
  context.lineWidth = 0.8;
  for (const { corners, opacity } of cells) {
    context.beginPath();
    for (const corner of corners) context.lineTo(...corner);
    context.closePath();
    context.globalAlpha = opacity;
    context.fill();
    context.globalAlpha = 0.45;
    context.stroke();
  }
  context.globalAlpha = 1;
}

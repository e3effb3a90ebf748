// The large picture on its canvas: fits it, draws frames, and lets points glide between single steps.

import { fitted } from "./canvas";
import { drawScene, sceneHeight } from "./draw/scene";
import { type Arrays, floats, type LayerName, type Source } from "./protocol";
import type { Palette } from "./theme";

const GLIDE_MS = 600;

export interface Shown {
  source: Source;
  arrays: Arrays;
  layers: ReadonlySet<LayerName>;
  palette: Palette;
}

export class Picture {
  private before: Float32Array | null = null;
  private from = 0;

  constructor(
    private readonly place: HTMLElement,
    private readonly canvas: HTMLCanvasElement,
  ) {}

  /** Generated points will move from where they were in the old frame to where they are in the new one. */
  glide(old: Arrays, now: Arrays): void {
    const [a, b] = [floats(old, "fake")?.data, floats(now, "fake")?.data];
    const moved = a && b && a.length === b.length && b.some((value, i) => value !== a[i]);
    this.before = moved ? a : null;
    this.from = performance.now();
  }

  still(): void {
    this.before = null;
  }

  /** Draws the picture; returns whether it still moves. */
  paint({ source, arrays, layers, palette }: Shown): boolean {
    const moved = this.before ? Math.min(1, (performance.now() - this.from) / GLIDE_MS) : 1;
    const width = this.canvas.clientWidth;
    const canvas = fitted(this.canvas, width, sceneHeight(source, width, this.most(), arrays));
    if (canvas) {
      const eased = moved * moved * (3 - 2 * moved);
      const { context } = canvas;
      drawScene(context, canvas.width, canvas.height, {
        source,
        arrays,
        before: this.before,
        moved: eased,
        layers,
        palette,
      });
    }
    if (moved === 1) this.before = null;
    return moved < 1;
  }

  /** The height that the style sheet allows, in pixels: the picture shall not fill a small screen. */
  private most(): number {
    const { maxHeight, paddingTop } = getComputedStyle(this.place);
    return Number.parseFloat(maxHeight) - (Number.parseFloat(paddingTop) || 0) || Number.POSITIVE_INFINITY;
  }
}

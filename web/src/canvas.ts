// A canvas that fits its element at the screen's resolution.

export interface Fitted {
  context: CanvasRenderingContext2D;
  width: number;
  height: number;
}

/** Sets the canvas to `width` x `height` CSS pixels and returns its context, in CSS pixels; null without a 2-D context. */
export function fitted(canvas: HTMLCanvasElement, width: number, height: number): Fitted | null {
  const context = canvas.getContext("2d");
  if (!context || width <= 0 || height <= 0) return null;
  const ratio = Math.min(3, globalThis.devicePixelRatio || 1);
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.height = `${height}px`;
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, width, height };
}

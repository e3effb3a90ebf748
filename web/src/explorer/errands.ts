// Images that nobody waits for at the pointer: drawn one by one between frames, the latest wish only.

const SLICE_MS = 8;

export class Errands {
  private readonly waiting = new Map<string, () => void>();
  private frame = 0;

  /** Does `work` soon; an older wish of the same name is forgotten. */
  ask(name: string, work: () => void): void {
    this.waiting.set(name, work);
    this.frame ||= requestAnimationFrame(() => this.go());
  }

  end(): void {
    cancelAnimationFrame(this.frame);
    this.waiting.clear();
  }

  private go(): void {
    const start = performance.now();
    for (const [name, work] of this.waiting) {
      this.waiting.delete(name);
      work();
      if (performance.now() - start > SLICE_MS) break;
    }
    this.frame = this.waiting.size ? requestAnimationFrame(() => this.go()) : 0;
  }
}

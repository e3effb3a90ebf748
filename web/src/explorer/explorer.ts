// The explorer's state: one z, a plane to move it in, two samples to go between, and the class asked for.

import { keepKeys } from "../keys";
import { applyPalette, type Theme } from "../theme";
import { Errands } from "./errands";
import {
  coordinates,
  latentOf,
  length,
  movedTo,
  type Plane,
  randomPlane,
  spherical,
  straight,
  type Vector,
} from "./latents";
import type { Generator } from "./model";
import type { Point } from "./pad";
import { brightness, drawAt } from "./pictures";
import { buildView, FRAMES, GAP, type View } from "./view";
import { caption, effectWords, type Place, pointWords } from "./words";

const QUIET_MS = 500;
const SEED = 0x100000000;

export interface Start {
  seed: number;
  a: number;
  b: number;
  y: number;
}

export class Explorer {
  readonly view: View;
  z: Vector;
  image: Float32Array;
  private place: Place;
  private plane: Plane;
  private planeSeed = 0;
  private y: number;
  private ends: { a: number; b: number };
  private way = spherical;
  private drawing = 0;
  private speaking: ReturnType<typeof setTimeout> | undefined;
  private readonly errands = new Errands();
  private readonly leaveKeys: () => void;

  constructor(
    root: ShadowRoot,
    private readonly generator: Generator,
    bytes: number,
    start: Start,
  ) {
    const { file } = generator;
    this.y = Math.min(start.y, Math.max(0, file.classes.length - 1));
    this.ends = { a: start.a, b: start.b };
    this.plane = this.axes(0);
    this.z = latentOf(start.seed, file.latent);
    this.image = generator.image(this.z, this.y);
    this.place = { origin: { kind: "seed", seed: start.seed }, moved: false };
    this.view = buildView(root, file, bytes, {
      seed: (seed) => this.draw(seed ?? (this.seed() + 1) % SEED),
      point: (to) => this.move(to),
      plane: (name) => this.choosePlane(name),
      planeSeed: () => this.choosePlane("random", this.planeSeed + 1),
      way: (t) => this.go(t),
      straight: (on) => this.chooseWay(on),
      end: (which) => this.redraw(which),
      class: (y) => this.ask(y),
    });
    this.leaveKeys = keepKeys(this.view.lab, root.host);
    this.view.slider.value = "0";
    this.chooseWay(false);
    this.choosePlane("0");
    this.show();
  }

  end(): void {
    cancelAnimationFrame(this.drawing);
    clearTimeout(this.speaking);
    this.errands.end();
    this.leaveKeys();
  }

  setTheme(theme: Theme): void {
    applyPalette(this.view.lab, theme);
  }

  private seed(): number {
    const { origin } = this.place;
    return origin.kind === "seed" ? origin.seed : Math.max(origin.a, origin.b);
  }

  private draw(seed: number): void {
    this.z = latentOf(seed, this.generator.file.latent);
    this.place = { origin: { kind: "seed", seed }, moved: false };
    this.soon();
  }

  private move(to: Point): void {
    this.z = movedTo(this.z, this.plane, to);
    this.place = { ...this.place, moved: true };
    this.soon();
  }

  private choosePlane(name: string, seed = this.planeSeed): void {
    this.planeSeed = seed;
    this.view.planeAgain.hidden = name !== "random";
    this.view.effect.textContent = effectWords(name, this.generator.file);
    this.plane = name === "random" ? randomPlane(seed, this.generator.file.latent) : this.axes(Number(name));
    this.markWay();
    this.soon();
  }

  private axes(first: number): Plane {
    const [across, up] = this.generator.file.axes.slice(first, first + 2).map((axis) => Float32Array.from(axis));
    return { across: across!, up: up! };
  }

  private go(t: number): void {
    const { a, b } = this.endpoints();
    this.z = this.way(a, b, t);
    this.place = { origin: { kind: "between", t, ...this.ends, straight: this.way === straight }, moved: false };
    this.view.slider.value = String(Math.round(100 * t));
    this.soon();
  }

  private chooseWay(line: boolean): void {
    this.way = line ? straight : spherical;
    const middle = length(this.way(this.endpoints().a, this.endpoints().b, 0.5)).toFixed(1);
    const usual = Math.sqrt(this.generator.file.latent).toFixed(0);
    this.view.why.textContent = line
      ? `In the middle |z| = ${middle}. G was trained on lengths near ${usual}, so the line passes where it hardly learned anything.`
      : `On the sphere, because nearly all z of ${this.generator.file.latent} normal numbers have a length near ${usual}; here |z| = ${middle} in the middle.`;
    this.drawWay();
    if (this.place.origin.kind === "between" && !this.place.moved) this.go(this.place.origin.t);
  }

  private redraw(which: "a" | "b"): void {
    this.ends = { ...this.ends, [which]: (Math.max(this.ends.a, this.ends.b) + 1) % SEED };
    this.chooseWay(this.way === straight);
    this.go(which === "a" ? 0 : 1);
  }

  private ask(y: number): void {
    this.y = y;
    this.drawWay();
    this.soon();
  }

  private endpoints(): { a: Vector; b: Vector } {
    const { latent } = this.generator.file;
    return { a: latentOf(this.ends.a, latent), b: latentOf(this.ends.b, latent) };
  }

  /** Draws in the browser's next frame; what changes until then is drawn once. */
  private soon(): void {
    this.drawing ||= requestAnimationFrame(() => {
      this.drawing = 0;
      this.show();
    });
  }

  private show(): void {
    const { generator, view, z, y } = this;
    const { file } = generator;
    this.image = generator.image(z, y);
    drawAt(view.picture, this.image, file.sample);
    const at = coordinates(z, this.plane);
    view.pad.show(at, pointWords(at));
    view.across.value = at[0].toFixed(1);
    view.up.value = at[1].toFixed(1);
    view.seed.value = this.place.origin.kind === "seed" ? String(this.place.origin.seed) : "";
    const words = caption(this.place, file.classes[y], length(z));
    view.words.textContent = words;
    this.speak(`${words}; ${pointWords(at)}`);
    view.classes.forEach(({ button, thumb }, k) => {
      button.setAttribute("aria-pressed", String(k === y));
      this.errands.ask(`class ${k}`, () => drawAt(thumb, generator.image(z, k), file.sample));
    });
  }

  /** The picture in words, once the reader's hand rests. */
  private speak(words: string): void {
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => {
      const light = Math.round(100 * brightness(this.image));
      this.view.picture.setAttribute("aria-label", `Generated image, mean brightness ${light} %; ${words}`);
      this.view.live.textContent = words;
    }, QUIET_MS);
  }

  private drawWay(): void {
    const { generator, view, y } = this;
    const { sample } = generator.file;
    const { a, b } = this.endpoints();
    view.seedA.textContent = `seed ${this.ends.a}`;
    view.seedB.textContent = `seed ${this.ends.b}`;
    this.markWay();
    this.errands.ask("a", () => drawAt(view.a, generator.image(a, y), sample));
    this.errands.ask("b", () => drawAt(view.b, generator.image(b, y), sample));
    for (let k = 0; k < FRAMES; k++) {
      const z = this.way(a, b, k / (FRAMES - 1));
      this.errands.ask(`frame ${k}`, () => drawAt(view.strip, generator.image(z, y), sample, k, GAP));
    }
  }

  private markWay(): void {
    const { a, b } = this.endpoints();
    const way = Array.from({ length: 21 }, (_, k) => coordinates(this.way(a, b, k / 20), this.plane));
    this.view.pad.showWay(way[0]!, way[20]!, way);
  }
}

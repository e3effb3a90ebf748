// <gan-latent data-model="digits">: explores a trained generator; without one, shows what is written inside it.

import { make } from "../dom";
import { watchTheme } from "../theme";
import { Explorer, type Start } from "./explorer";
import type { Generator } from "./model";
import { WAITING } from "./words";

const STATIC_STYLE =
  ":host{display:block}p{font:0.9rem/1.4 system-ui,sans-serif;opacity:.8;margin:.5rem 0 0;text-align:center}";
const AHEAD = "600px";

/** A generator that runs, and the size of its file in bytes. */
export interface Woken {
  generator: Generator;
  bytes: number;
}

/** Where the elements of a page get their generators from, or why there is none. */
export type Supplier = (name: string) => Promise<Woken> | string;

let supply: Supplier | null = null;

export function setSupplier(supplier: Supplier): void {
  supply = supplier;
}

export class GanLatent extends HTMLElement {
  private readonly root = this.attachShadow({ mode: "open" });
  private explorer: Explorer | null = null;
  private asked = false;
  private undo: (() => void)[] = [];

  /** The present latent vector z, as float32 numbers; null until the generator runs. */
  get latent(): Float32Array | null {
    return this.explorer?.z.slice() ?? null;
  }

  /** The numbers of the image G(z), channel by channel, in [-1, 1]; null until the generator runs. */
  get image(): Float32Array | null {
    return this.explorer?.image.slice() ?? null;
  }

  connectedCallback(): void {
    if (this.explorer) return this.dress();
    this.note(WAITING);
    const name = this.dataset.model ?? "";
    const sight = new IntersectionObserver(
      (entries) => {
        if (!entries.at(-1)?.isIntersecting || !supply) return;
        sight.disconnect();
        const supplied = supply(name);
        if (typeof supplied === "string") this.note(supplied);
        else this.wait(supplied);
      },
      { rootMargin: AHEAD },
    );
    sight.observe(this);
    this.undo.push(() => sight.disconnect());
  }

  disconnectedCallback(): void {
    for (const undo of this.undo.splice(0)) undo();
  }

  /** Explores a generator as soon as it comes. */
  wait(coming: Promise<Woken>): void {
    if (this.asked) return;
    this.asked = true;
    const begin = ({ generator, bytes }: Woken) => {
      this.explorer = new Explorer(this.root, generator, bytes, this.start());
      if (this.isConnected) this.dress();
    };
    const fail = (error: unknown) => {
      this.asked = false;
      this.note(`The generator does not run: ${error instanceof Error ? error.message : error}`);
    };
    coming.then(begin).catch(fail);
  }

  /** Ends it for good. */
  dispose(): void {
    this.disconnectedCallback();
    this.explorer?.end();
    this.explorer = null;
  }

  note(words: string): void {
    this.root.replaceChildren(make("style", {}, STATIC_STYLE), make("slot"), make("p", { role: "note" }, words));
  }

  private dress(): void {
    this.undo.push(watchTheme((theme) => this.explorer?.setTheme(theme)));
  }

  private start(): Start {
    const { seed, a, b, class: asked } = this.dataset;
    return { seed: whole(seed, 0), a: whole(a, 1), b: whole(b, 2), y: whole(asked, 0) };
  }
}

/** A whole number from 0 to 2^32 - 1, or what is taken where none is written. */
export function whole(text: string | undefined, otherwise: number): number {
  return text !== undefined && /^\d{1,10}$/.test(text) && Number(text) < 2 ** 32 ? Number(text) : otherwise;
}

export function defineElement(): void {
  if (!customElements.get("gan-latent")) customElements.define("gan-latent", GanLatent);
}

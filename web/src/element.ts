// <gan-lab>: starts a session when it has an engine; without one, shows what is written inside it.

import { make } from "./dom";
import { type Engine, makeEngine, whenRegistered } from "./engine";
import type { Recipe } from "./protocol";
import { Session } from "./session";
import { watchTheme } from "./theme";
import { NO_ENGINE } from "./words";

const STATIC_STYLE =
  ":host{display:block}p{font:0.9rem/1.4 system-ui,sans-serif;opacity:.8;margin:.5rem 0 0;text-align:center}";

export class GanLab extends HTMLElement {
  private readonly root = this.attachShadow({ mode: "open" });
  private session: Session | null = null;
  private onScreen = false;
  private undo: (() => void)[] = [];

  /** Gives the lab its engine; one it had before is closed. */
  connect(engine: Engine): void {
    this.session?.end();
    this.session = new Session(engine, this.root);
    this.toggleAttribute("data-live", true);
    if (this.isConnected) this.watch();
  }

  /** Ends the session for good. */
  dispose(): void {
    this.unwatch();
    this.session?.end();
    this.session = null;
  }

  connectedCallback(): void {
    if (!this.session) this.showStatic();
    if (this.session) this.watch();
  }

  /** A notebook may take the element out and put it back: the session waits. */
  disconnectedCallback(): void {
    this.session?.setVisible(false);
    this.unwatch();
  }

  private showStatic(): void {
    this.root.replaceChildren(make("style", {}, STATIC_STYLE), make("slot"), make("p", { role: "note" }, NO_ENGINE));
    const recipe = recipeOf(this.dataset.recipe);
    if (!recipe) return;
    const start = () => {
      const engine = this.session ? null : makeEngine(recipe, this);
      if (engine) this.connect(engine);
    };
    this.undo.push(whenRegistered(start));
    start();
  }

  private watch(): void {
    this.unwatch();
    const { session } = this;
    if (!session) return;
    const look = () => session.setVisible(this.onScreen && document.visibilityState === "visible");
    const sight = new IntersectionObserver((entries) => {
      this.onScreen = entries.at(-1)?.isIntersecting ?? false;
      look();
    });
    sight.observe(this);
    document.addEventListener("visibilitychange", look);
    this.undo.push(
      watchTheme((theme) => session.setTheme(theme)),
      () => sight.disconnect(),
      () => document.removeEventListener("visibilitychange", look),
    );
  }

  private unwatch(): void {
    for (const undo of this.undo.splice(0)) undo();
  }
}

/** The recipe of the attribute data-recipe, or null if there is none that can be read. */
export function recipeOf(text: string | undefined): Recipe | null {
  try {
    const value: unknown = JSON.parse(text ?? "");
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Recipe) : null;
  } catch {
    return null;
  }
}

export function defineElement(): void {
  if (!customElements.get("gan-lab")) customElements.define("gan-lab", GanLab);
}

// What a lab shows: keeps the latest state, frame and curves, and draws them when the browser is ready.

import { make } from "./dom";
import { count, measured } from "./format";
import { History } from "./history";
import { layerToggles, possible } from "./layers";
import { Measurements } from "./measurements";
import { Picture } from "./picture";
import { type Arrays, decodeArrays, type FrameReply, floats, type LayerName, type StateReply } from "./protocol";
import { type Act, explain, layersOf } from "./slow_motion";
import { applyPalette, PALETTES, reducedMotion, type Theme } from "./theme";
import { buildView, type Parts, type View } from "./view";
import { description, differenceWords, leadWords } from "./words";

const SIDE_EVERY_MS = 120;
const DESCRIBE_EVERY_MS = 5000;

export interface ScreenHost {
  /** The reader chose other layers. */
  layersChanged(): void;
  /** The latest frame is drawn, and nothing moves any more. */
  drawn(): void;
}

export class Screen {
  readonly view: View;
  state: StateReply | null = null;
  frame: FrameReply | null = null;
  private arrays: Arrays = new Map();
  private act: Act | null = null;
  private palette = PALETTES.light;
  private drawing = 0;
  private unseen = 0;
  private sideAt = 0;
  private describedAt = 0;
  private readonly history = new History();
  private readonly measurements = new Measurements();
  private readonly layers = layerToggles(() => this.host.layersChanged());
  private readonly picture: Picture;
  private readonly sizes = new ResizeObserver(() => this.resize());

  constructor(
    root: ShadowRoot,
    parts: Omit<Parts, "layers" | "meters" | "charts">,
    private readonly host: ScreenHost,
  ) {
    const { meters, charts } = this.measurements;
    this.view = buildView(root, { ...parts, layers: this.layers.element, meters: meters.element, charts });
    this.picture = new Picture(this.view.scene, this.view.canvas);
    this.sizes.observe(this.view.scene);
    this.sizes.observe(charts);
  }

  end(): void {
    cancelAnimationFrame(this.drawing);
    this.sizes.disconnect();
    this.measurements.destroy();
  }

  setTheme(theme: Theme): void {
    this.palette = applyPalette(this.view.lab, theme);
    this.measurements.dress(this.palette);
    this.redraw();
  }

  /** Layers to ask the engine for: slow motion needs those that it speaks of. */
  wanted(): LayerName[] {
    if (!this.state) return [];
    const forced: LayerName[] = this.act ? ["field", "arrows"] : [];
    const names = possible(this.state.source);
    return [...names.filter((name) => this.layers.chosen.has(name) || forced.includes(name)), "histograms"];
  }

  takeState(state: StateReply): void {
    const { lab, legend } = this.view;
    if (state.step < this.history.last) this.history.rewind(state.step);
    if (this.state && JSON.stringify(this.state.source) !== JSON.stringify(state.source)) {
      this.arrays = new Map();
      this.frame = null;
    }
    this.state = state;
    this.layers.show(state.source);
    legend.hidden = false;
    lab.dataset.kind = state.source.kind;
    lab.setAttribute("aria-label", `GAN lab: ${state.source.name}`);
    this.describedAt = 0;
    this.lead(state);
  }

  /** Takes what a frame tells. Throws when its arrays cannot be read; the numbers are taken even then. */
  takeFrame(frame: FrameReply, buffers: readonly DataView[]): void {
    if (!this.state) return;
    const { step, playing, snapshots, memory } = frame;
    this.frame = frame;
    this.state = { ...this.state, step, playing, snapshots, memory };
    this.lead(this.state);
    this.redraw();
    const arrays = decodeArrays(frame.arrays, buffers);
    const rows = floats(arrays, "history");
    if (step < this.history.last) this.history.rewind(step);
    if (rows) this.history.add(rows.data);
    if (this.state.source.kind === "points" && !playing && !reducedMotion()) this.picture.glide(this.arrays, arrays);
    else this.picture.still();
    this.arrays = arrays.has("fake") ? arrays : new Map([...this.arrays, ...arrays]);
  }

  private lead(state: StateReply): void {
    this.view.lab.toggleAttribute("data-fresh", !state.playing && state.step === 0);
    const words = leadWords(state);
    if (this.view.lead.textContent !== words) this.view.lead.textContent = words;
  }

  /** Shows a sub-step of slow motion, or none. */
  explain(act: Act | null): void {
    this.act = act;
    if (!act) this.view.explanation.hide();
    else this.view.explanation.show(act, explain(act, this.state?.recipe ?? {}, this.state?.source.kind === "images"));
    this.redraw();
  }

  /** Says in which settings this lab differs from those beside it; null where it stands alone. */
  mark(fields: readonly string[] | null): void {
    const { mark } = this.view;
    mark.hidden = fields === null;
    if (!fields || !this.state) return;
    const parts = differenceWords(fields, this.state).map(([label, code]) =>
      make("span", {}, `${label} `, make("code", {}, code)),
    );
    mark.replaceChildren(...(parts.length ? parts : ["The same settings in both labs: change one in either."]));
  }

  complain(words: string | null, button?: HTMLElement): void {
    const { alert } = this.view;
    alert.hidden = words === null;
    if (words === null) alert.replaceChildren();
    else if (alert.firstChild?.textContent !== words) alert.replaceChildren(words, ...(button ? [button] : []));
  }

  redraw(): void {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = 0;
      this.paint();
    });
  }

  private paint(): void {
    const { state, frame, arrays, palette } = this;
    if (!state || !frame) return;
    // JupyterLab hides its page while it changes its theme, too shortly for the observer of sizes.
    if (!this.view.scene.clientWidth && this.unseen++ < 5) return this.redraw();
    this.unseen = 0;
    const names = possible(state.source);
    const shown = this.act ? layersOf(this.act) : [...this.layers.chosen];
    const layers = new Set(shown.filter((name) => names.includes(name)));
    if (this.picture.paint({ source: state.source, arrays, layers, palette })) return this.redraw();
    this.host.drawn();
    if (!state.playing || performance.now() - this.sideAt > SIDE_EVERY_MS) this.paintSide(state, frame);
  }

  private paintSide(state: StateReply, frame: FrameReply): void {
    this.sideAt = performance.now();
    this.measurements.draw(state, frame, this.arrays, this.history, this.palette);
    this.layers.missing(new Set(this.wanted().filter((name) => name !== "histograms" && !this.arrays.has(name))));
    const numbers: [string, string][] = [
      ["step", count(frame.step)],
      ["steps/s", count(frame.steps_per_second)],
    ];
    if (frame.gap !== null) numbers.push(["mean |D − D*|", measured(frame.gap)]);
    const words = numbers.map(([name, value]) => make("span", {}, `${name} `, make("b", {}, value)));
    this.view.status.replaceChildren(...words);
    if (state.playing && Date.now() - this.describedAt < DESCRIBE_EVERY_MS) return;
    this.describedAt = Date.now();
    this.view.canvas.setAttribute("aria-label", description(state, frame));
  }

  private resize(): void {
    this.measurements.resize();
    this.sideAt = 0;
    this.redraw();
  }
}

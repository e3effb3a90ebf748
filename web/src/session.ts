// One lab with its engine: replies go into the view, the reader's wishes go to the engine.

import { fitted } from "./canvas";
import { Clock, LOST_AFTER_MS } from "./clock";
import { type Comparison, comparison, isShared } from "./compare";
import { type ControlPanel, controlPanel } from "./controls";
import { type Shelf, takeaway } from "./dialog";
import { make } from "./dom";
import { drawOutputs } from "./draw/outputs";
import { drawScene, sceneHeight } from "./draw/scene";
import type { Engine } from "./engine";
import { count, measured } from "./format";
import { History } from "./history";
import { layerToggles, possible } from "./layers";
import { meters } from "./metrics";
import { presetButtons } from "./presets";
import {
  type Arrays,
  type Control,
  decodeArrays,
  type FrameReply,
  floats,
  type Group,
  type LayerName,
  PROTOCOL,
  type Reply,
  type StateReply,
} from "./protocol";
import { type Act, explain, SlowMotion } from "./slow_motion";
import { applyPalette, PALETTES, reducedMotion, type Theme } from "./theme";
import { timeline } from "./timeline";
import { type Press, transport } from "./transport";
import { buildView, type View } from "./view";
import { description, divergedWords, lostWords } from "./words";

const BUDGET_MS = 30;
const CALM_BUDGET_MS = 100;
const CALM_PAUSE_MS = 250;
const SIDE_EVERY_MS = 120;
const DESCRIBE_EVERY_MS = 5000;
const STATE_EVERY_MS = 3000;
const GLIDE_MS = 600;

export class Session {
  private state: StateReply | null = null;
  private frame: FrameReply | null = null;
  private arrays: Arrays = new Map();
  private before: Float32Array | null = null;
  private glideFrom = 0;
  private gliding = false;
  private palette = PALETTES.light;
  private shelf: Shelf = "code";
  private group: Comparison | null = null;
  private leaveGroup: () => void = () => {};
  private drawing = 0;
  private sideAt = 0;
  private describedAt = 0;
  private askedAt = 0;
  private readonly history = new History();
  private readonly clock: Clock;
  private readonly slow: SlowMotion;
  private readonly view: View;
  private readonly panel: ControlPanel;
  private readonly transport = transport((what) => this.press(what));
  private readonly timeline = timeline((step) => this.stopThen({ type: "rewind", step }));
  private readonly layers = layerToggles(() => this.clock.refresh());
  private readonly meters = meters();
  private readonly presets = presetButtons((name) => this.send({ type: "preset", name }));
  private readonly dialog = takeaway(() => (this.state?.engine === "page" ? location.href.split("#")[0]! : ""));
  private readonly sizes: ResizeObserver;
  private readonly firstAnswer: ReturnType<typeof setTimeout>;

  constructor(
    private readonly engine: Engine,
    root: ShadowRoot,
  ) {
    this.panel = controlPanel(
      (field, value) => this.send({ type: "set", changes: { [field]: value } }),
      (group) => this.startsOpen(group),
    );
    this.view = buildView(root, {
      transport: this.transport.element,
      timeline: this.timeline.element,
      layers: this.layers.element,
      meters: this.meters.element,
      presets: this.presets.element,
      panel: this.panel.element,
      dialog: this.dialog.element,
    });
    this.clock = new Clock({
      send: (tick) => this.send(tick),
      layers: () => this.wantedLayers(),
      budgetMs: () => (reducedMotion() ? CALM_BUDGET_MS : BUDGET_MS),
      pauseMs: () => (reducedMotion() ? CALM_PAUSE_MS : 0),
      lost: (isLost) => this.showLost(isLost),
    });
    this.slow = new SlowMotion({
      act: (act) => this.act(act),
      nCritic: () => Number(this.state?.recipe.n_critic ?? 1),
    });
    this.listen();
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.view.stage);
    this.sizes.observe(this.view.side);
    this.transport.show(false, false);
    this.transport.enable(false);
    engine.onMessage((message, buffers) => this.receive(message, buffers));
    this.firstAnswer = setTimeout(() => this.showLost(true), LOST_AFTER_MS);
    this.send({ type: "hello", protocol: PROTOCOL });
  }

  setTheme(theme: Theme): void {
    this.palette = applyPalette(this.view.lab, theme);
    this.view.losses.dress(this.palette);
    this.view.gradients.dress(this.palette);
    this.redraw();
  }

  setVisible(visible: boolean): void {
    this.clock.setVisible(visible);
    if (visible && this.state) this.clock.refresh();
  }

  end(): void {
    clearTimeout(this.firstAnswer);
    cancelAnimationFrame(this.drawing);
    this.slow.stop();
    this.clock.stop();
    this.leaveGroup();
    this.sizes.disconnect();
    this.view.losses.destroy();
    this.view.gradients.destroy();
    this.engine.close();
  }

  private listen(): void {
    const { lab, code, link, save } = this.view;
    // JupyterLab takes arrow keys, Enter and others for itself unless they stop here.
    for (const type of ["keydown", "keyup", "keypress"]) lab.addEventListener(type, (event) => event.stopPropagation());
    const ask = (shelf: Shelf) => () => {
      this.shelf = shelf;
      this.send({ type: "code" });
    };
    code.addEventListener("click", ask("code"));
    link.addEventListener("click", ask("link"));
    save.addEventListener("click", () => this.send({ type: "save" }));
  }

  // From the reader to the engine ------------------------------------------------------------------------------------

  /** All settings where there is a column for them, the first two groups beside the picture, none on a phone. */
  private startsOpen(group: Group): boolean {
    const width = this.view.lab.clientWidth;
    return width >= 1040 || (width >= 620 && (group === "Loss" || group === "Optimiser"));
  }

  private send(message: Control): void {
    if (message.type !== "tick" && message.type !== "hello") {
      this.view.note.textContent = "";
      this.complain(null);
    }
    try {
      this.engine.send(message);
    } catch {
      this.showLost(true);
    }
  }

  /** Sends what moves time; labs that are compared move together. */
  private command(message: Control): void {
    if (this.group && isShared(message)) this.group.broadcast(message);
    else this.send(message);
  }

  /** A command of the whole group: no lab of it ticks before all have answered. */
  private obey(message: Control): void {
    this.clock.expect();
    this.send(message);
  }

  private stopThen(message: Control): void {
    this.stopSlow();
    if (this.state?.playing) this.command({ type: "pause" });
    this.command(message);
  }

  private press(what: Press): void {
    if (what === "slow") return this.slow.running ? this.stopSlow() : this.startSlow();
    if (what === "play") {
      this.stopSlow();
      return this.command({ type: this.state?.playing ? "pause" : "play" });
    }
    if (what === "reset") return this.stopThen({ type: "reset" });
    const player = { "step-d": "d", "step-g": "g", "step-turn": "turn" } as const;
    this.stopThen({ type: "step", what: player[what] });
  }

  private startSlow(): void {
    if (this.state?.playing) this.command({ type: "pause" });
    this.view.explanation.hidden = false;
    this.slow.start();
    this.transport.show(false, true);
  }

  private stopSlow(): void {
    this.slow.stop();
    this.view.explanation.hidden = true;
    this.view.lab.removeAttribute("data-acts");
    this.transport.show(this.state?.playing ?? false, false);
  }

  private act(act: Act): void {
    this.view.lab.dataset.acts = act.player;
    this.view.explanation.textContent = explain(act, this.state?.recipe ?? {});
    this.command({ type: "step", what: act.player });
  }

  private wantedLayers(): LayerName[] {
    return this.state ? [...this.shownLayers(), "histograms"] : [];
  }

  private shownLayers(): Set<LayerName> {
    const { state, layers, slow } = this;
    if (!state) return new Set();
    const forced: LayerName[] = slow.running ? ["field", "arrows"] : [];
    return new Set(possible(state.source).filter((name) => layers.chosen.has(name) || forced.includes(name)));
  }

  // From the engine to the reader ------------------------------------------------------------------------------------

  private receive(message: Reply, buffers: DataView[]): void {
    clearTimeout(this.firstAnswer);
    this.clock.heard();
    if (message.type === "state" || message.type === "error") this.clock.settled();
    if (message.type === "state") this.takeState(message);
    else if (message.type === "frame") this.takeFrame(message, buffers);
    else if (message.type === "code") this.dialog.open(message, this.shelf);
    else if (message.type === "saved") this.view.note.textContent = `Saved: ${message.path}`;
    else if (message.type === "error") this.takeError(message.message, message.field ?? null);
  }

  private takeState(state: StateReply): void {
    if (state.protocol !== PROTOCOL) {
      return this.complain(
        `This lab speaks version ${PROTOCOL} of its protocol, the engine version ${state.protocol}. Install matching versions and run the cell again.`,
      );
    }
    if (state.step < this.history.last) this.history.rewind(state.step);
    if (this.state && JSON.stringify(this.state.source) !== JSON.stringify(state.source)) {
      this.arrays = new Map();
      this.frame = null;
    }
    this.state = state;
    this.join(state.compare);
    this.transport.enable(true);
    this.transport.show(state.playing, this.slow.running);
    this.timeline.show(state.snapshots, state.step);
    this.layers.show(state.source);
    this.panel.show(state);
    this.presets.show(state.presets);
    if (state.note) this.view.note.textContent = state.note;
    this.view.lab.toggleAttribute("data-fresh", !state.playing && state.step === 0);
    this.view.legend.hidden = state.source.kind === "images";
    this.view.lab.dataset.kind = state.source.kind;
    this.view.lab.setAttribute("aria-label", `GAN lab: ${state.source.name}`);
    this.describedAt = 0;
    this.clock.setPlaying(state.playing);
    this.clock.refresh();
  }

  private takeFrame(frame: FrameReply, buffers: DataView[]): void {
    try {
      const arrays = decodeArrays(frame.arrays, buffers);
      const steps = floats(arrays, "history");
      if (frame.step < this.history.last) this.history.rewind(frame.step);
      if (steps) this.history.add(steps.data);
      this.glide(arrays);
      this.arrays = arrays;
      this.view.lab.dataset.has = [...arrays.keys()].join(" ");
    } catch (error) {
      this.complain(`A picture from the engine could not be read: ${(error as Error).message}.`);
    }
    this.frame = frame;
    if (!frame.finite) {
      this.stopSlow();
      this.complain(divergedWords(frame));
    }
    this.clock.answered(frame.id);
    this.pollState();
    this.redraw();
  }

  /** Frames do not carry the snapshots: asks for the state now and then while it plays. */
  private pollState(every = STATE_EVERY_MS): void {
    if (!this.state?.playing || Date.now() - this.askedAt < every) return;
    this.askedAt = Date.now();
    this.send({ type: "hello", protocol: PROTOCOL });
  }

  private takeError(message: string, field: string | null): void {
    this.stopSlow();
    const beside = field !== null && this.panel.error(field, message);
    if (!beside) this.complain(message);
    if (this.state) this.panel.show(this.state);
    this.clock.forget();
    this.pollState(1000);
  }

  private join(name: string | null): void {
    const group = name === null ? null : comparison(name);
    if (group === this.group) return;
    this.leaveGroup();
    this.group = group;
    this.clock.join(group?.barrier ?? null);
    this.leaveGroup = group?.join((message) => this.obey(message)) ?? (() => {});
  }

  private complain(words: string | null, button?: HTMLElement): void {
    const { alert } = this.view;
    alert.hidden = words === null;
    if (words === null) alert.replaceChildren();
    else if (alert.firstChild?.textContent !== words) alert.replaceChildren(words, ...(button ? [button] : []));
  }

  private showLost(isLost: boolean): void {
    this.view.lab.toggleAttribute("data-lost", isLost);
    if (!isLost) return this.complain(null);
    const again = () => {
      this.clock.restart();
      this.send({ type: "hello", protocol: PROTOCOL });
    };
    this.complain(
      lostWords(this.state?.engine ?? "kernel"),
      make("button", { type: "button", click: again }, "Try again"),
    );
  }

  // Drawing ----------------------------------------------------------------------------------------------------------

  /** Lets the points move to their new places when single steps are shown; never while it plays. */
  private glide(arrays: Arrays): void {
    const now = floats(arrays, "fake")?.data;
    const old = floats(this.arrays, "fake")?.data;
    const moved = now && old && now.length === old.length && now.some((value, k) => value !== old[k]);
    this.gliding = Boolean(moved && !this.state?.playing && this.state?.source.kind === "points" && !reducedMotion());
    this.before = this.gliding ? (old ?? null) : null;
    this.glideFrom = performance.now();
  }

  private redraw(): void {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = 0;
      this.paint();
    });
  }

  private paint(): void {
    const { state, frame } = this;
    if (!state || !frame) return;
    const moved = this.gliding ? Math.min(1, (performance.now() - this.glideFrom) / GLIDE_MS) : 1;
    const layers = this.shownLayers();
    const width = this.view.scene.clientWidth;
    const canvas = fitted(this.view.canvas, width, sceneHeight(state.source.kind, width, this.arrays));
    if (canvas) {
      const eased = moved * moved * (3 - 2 * moved);
      drawScene(canvas.context, canvas.width, canvas.height, {
        source: state.source,
        arrays: this.arrays,
        before: this.before,
        moved: eased,
        layers,
        palette: this.palette,
      });
    }
    if (moved < 1) return this.redraw();
    if (this.gliding || !state.playing) this.slow.shown();
    this.gliding = false;
    if (!state.playing || performance.now() - this.sideAt > SIDE_EVERY_MS) this.paintSide(state, frame, layers);
  }

  private paintSide(state: StateReply, frame: FrameReply, layers: Set<LayerName>): void {
    this.sideAt = performance.now();
    const { losses, gradients, outputs, outputsBox, thinned, status } = this.view;
    const s = this.history.series();
    losses.draw(s.step, s.loss_d, s.loss_g);
    gradients.draw(s.step, s.grad_d, s.grad_g);
    const every = this.history.every;
    const { used_mb: used, budget_mb: budget } = state.memory;
    const thin = every > 1 ? `The curves show one in ${every} of the turns that came. ` : "";
    thinned.textContent = `${thin}Moments to go back to: ${Math.ceil(used)} of ${Math.round(budget)} MB.`;
    const canvas = fitted(outputs, outputsBox.clientWidth, 120);
    if (canvas) outputs.hidden = !drawOutputs(canvas.context, canvas.width, canvas.height, this.arrays, this.palette);
    this.meters.show(frame.metrics);
    this.timeline.show(state.snapshots, frame.step);
    this.layers.missing(new Set([...layers].filter((name) => !this.arrays.has(name))));
    status.replaceChildren(
      ...this.statusWords(frame).map(([name, value]) => make("span", {}, `${name} `, make("b", {}, value))),
    );
    if (!state.playing || Date.now() - this.describedAt > DESCRIBE_EVERY_MS) this.describe(state, frame);
  }

  private statusWords(frame: FrameReply): [string, string][] {
    return [
      ["step", count(frame.step)],
      ["steps/s", count(frame.steps_per_second)],
      ...(frame.gap === null ? [] : ([["mean |D − D*|", measured(frame.gap)]] as [string, string][])),
    ];
  }

  private describe(state: StateReply, frame: FrameReply): void {
    this.describedAt = Date.now();
    this.view.canvas.setAttribute("aria-label", description(state, frame));
  }

  private resize(): void {
    const width = this.view.losses.element.clientWidth;
    this.view.losses.resize(width);
    this.view.gradients.resize(width);
    this.sideAt = 0;
    this.redraw();
  }
}

// One lab with its engine: replies go to the screen, the reader's wishes go to the engine.

import { Clock, LOST_AFTER_MS } from "./clock";
import { type Comparison, comparison, isShared, type Party } from "./compare";
import { type Shelf, takeaway } from "./dialog";
import { make } from "./dom";
import { drawing } from "./drawing";
import type { Engine } from "./engine";
import { keepKeys } from "./keys";
import { type ControlPanel, controlPanel } from "./panel";
import { presetButtons } from "./presets";
import {
  type Control,
  type ErrorReply,
  type FrameReply,
  PROTOCOL,
  type Recipe,
  type Reply,
  type StateReply,
} from "./protocol";
import { Screen } from "./screen";
import { type Act, SlowMotion } from "./slow_motion";
import { reducedMotion, type Theme } from "./theme";
import { timeline } from "./timeline";
import { type Press, transport } from "./transport";
import { divergedWords, savedWords, saveWords } from "./words";

const BUDGET_MS = 30;
const CALM_BUDGET_MS = 100;
const CALM_PAUSE_MS = 250;

export class Session implements Party {
  private shelf: Shelf = "code";
  private group: Comparison | null = null;
  private leaveGroup: () => void = () => {};
  /** A tick got an error: another one is not answered with a tick, until a frame has come. */
  private failed = false;
  private held: [FrameReply, DataView[]] | null = null;
  /** A frame came since slow motion's last act. */
  private moved = false;
  private readonly screen: Screen;
  private readonly clock: Clock;
  private readonly slow: SlowMotion;
  private readonly panel: ControlPanel;
  private readonly transport = transport((what) => this.press(what));
  private readonly timeline = timeline((step) => this.stopThen({ type: "rewind", step }));
  private readonly presets = presetButtons((name) => this.send({ type: "preset", name }));
  private readonly drawing = drawing({
    extent: () => this.state?.source.extent ?? null,
    drawn: (points) => this.command({ type: "set", changes: { data: "drawn", points } }),
  });
  private readonly dialog = takeaway(() => this.state?.engine ?? "kernel");
  private readonly leaveKeys: () => void;
  private readonly firstAnswer: ReturnType<typeof setTimeout>;

  constructor(
    private readonly engine: Engine,
    root: ShadowRoot,
  ) {
    this.panel = controlPanel(
      (field, value) => this.command({ type: "set", changes: { [field]: value } }),
      () => this.screen.view.lab.clientWidth,
    );
    const parts = {
      transport: this.transport.element,
      timeline: this.timeline.element,
      presets: this.presets.element,
      panel: this.panel.element,
      dialog: this.dialog.element,
      drawing: this.drawing,
    };
    this.screen = new Screen(root, parts, {
      layersChanged: () => this.clock.refresh(),
      drawn: () => {
        if (this.moved) this.slow.shown();
      },
    });
    this.clock = new Clock({
      send: (tick) => this.send(tick),
      layers: () => this.screen.wanted(),
      budgetMs: () => (reducedMotion() ? CALM_BUDGET_MS : BUDGET_MS),
      pauseMs: () => (reducedMotion() ? CALM_PAUSE_MS : 0),
      progress: () => ({ step: this.state?.step ?? 0, perSecond: this.screen.frame?.steps_per_second ?? 0 }),
      lost: (isLost) => this.showLost(isLost),
      present: () => this.present(),
    });
    this.slow = new SlowMotion({
      act: (act) => this.act(act),
      nCritic: () => Number(this.recipe.n_critic ?? 1),
    });
    this.listen();
    this.leaveKeys = keepKeys(this.screen.view.lab, root.host);
    this.transport.show(false, false);
    this.transport.enable(false);
    engine.onMessage((message, buffers) => this.receive(message, buffers));
    this.firstAnswer = setTimeout(() => this.showLost(true), LOST_AFTER_MS);
    this.send({ type: "hello", protocol: PROTOCOL });
  }

  setTheme(theme: Theme): void {
    this.screen.setTheme(theme);
  }

  setVisible(visible: boolean): void {
    this.clock.setVisible(visible);
    if (visible && this.state) this.clock.refresh();
  }

  end(): void {
    clearTimeout(this.firstAnswer);
    this.slow.stop();
    this.clock.stop();
    this.leaveGroup();
    this.leaveKeys();
    this.screen.end();
    this.engine.close();
  }

  private get state(): StateReply | null {
    return this.screen.state;
  }

  private listen(): void {
    const { lab, code, link, save } = this.screen.view;
    lab.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.slow.running) this.stopSlow();
    });
    const ask = (shelf: Shelf) => () => {
      this.shelf = shelf;
      this.send({ type: "code" });
    };
    code.addEventListener("click", ask("code"));
    link.addEventListener("click", ask("link"));
    save.addEventListener("click", () => this.send({ type: "save" }));
  }

  // From the reader to the engine ------------------------------------------------------------------------------------

  private send(message: Control): void {
    if (message.type !== "tick" && message.type !== "hello") {
      this.screen.view.note.textContent = "";
      this.screen.complain(null);
    }
    try {
      this.engine.send(message);
    } catch {
      this.showLost(true);
    }
  }

  /** Sends what the reader wants; labs that are compared move in time together. */
  private command(message: Control): void {
    if (this.group && isShared(message)) this.group.broadcast(message);
    else this.send(message);
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
    this.slow.start();
    this.transport.show(false, true);
    this.clock.refresh();
  }

  private stopSlow(): void {
    this.slow.stop();
    this.screen.explain(null);
    this.transport.show(this.state?.playing ?? false, false);
  }

  private act(act: Act): void {
    this.moved = false;
    this.screen.explain(act);
    if (act.phase === "move") this.command({ type: "step", what: act.player });
  }

  // From the engine to the reader ------------------------------------------------------------------------------------

  private receive(message: Reply, buffers: DataView[]): void {
    clearTimeout(this.firstAnswer);
    this.clock.heard();
    if (this.screen.view.lab.hasAttribute("data-lost")) this.showLost(false); // the first answer may be late too
    if (message.type === "state" || (message.type === "error" && message.id === undefined)) this.clock.settled();
    if (message.type === "state") this.takeState(message);
    else if (message.type === "frame") this.takeFrame(message, buffers);
    else if (message.type === "code") this.dialog.open(message, this.shelf);
    else if (message.type === "saved") this.note(savedWords(message));
    else if (message.type === "error") this.takeError(message);
  }

  private takeState(state: StateReply): void {
    if (state.protocol !== PROTOCOL) {
      return this.screen.complain(
        `This lab speaks version ${PROTOCOL} of its protocol, the engine version ${state.protocol}. Install matching versions and run the cell again.`,
      );
    }
    this.present();
    const stopped = this.state?.playing && !state.playing;
    this.screen.takeState(state);
    this.join(state.compare);
    if (stopped) this.group?.stopAll();
    this.transport.enable(true);
    this.compared();
    this.presets.show(this.group ? [] : state.presets, state.preset);
    if (state.note) this.note(state.note);
    this.drawing.offer(canDraw(state));
    this.screen.view.save.title = saveWords(state.engine);
    this.group?.announce(this);
    this.follow(state);
    this.clock.refresh();
  }

  /** Labs that play together show their frames together. */
  private takeFrame(frame: FrameReply, buffers: DataView[]): void {
    this.present();
    this.held = [frame, buffers];
    if (!this.group || !this.state?.playing) this.present();
    this.clock.answered(frame.id);
  }

  private present(): void {
    const [frame, buffers] = this.held ?? [];
    this.held = null;
    if (frame && buffers) this.show(frame, buffers);
  }

  private show(frame: FrameReply, buffers: DataView[]): void {
    if (!this.state) return;
    const stopped = this.state.playing && !frame.playing;
    this.failed = false;
    this.moved = true;
    try {
      this.screen.takeFrame(frame, buffers);
    } catch (error) {
      this.screen.complain(`A picture from the engine could not be read: ${(error as Error).message}.`);
    }
    if (!frame.finite) {
      this.stopSlow();
      this.screen.complain(divergedWords(frame));
    }
    this.follow(this.state);
    if (stopped) this.group?.stopAll();
  }

  /** What both a state and a frame tell: whether it plays, where it stands, where it can go back to. */
  private follow(state: StateReply): void {
    this.transport.show(state.playing, this.slow.running);
    this.timeline.show(this.group?.snapshots ?? state.snapshots, state.step);
    this.clock.setPlaying(state.playing);
  }

  private takeError({ message, field, id }: ErrorReply): void {
    this.stopSlow();
    const beside = typeof field === "string" && this.panel.error(field, message);
    if (!beside) this.screen.complain(message);
    this.compared();
    if (id === undefined) return;
    if (this.failed) return this.clock.setPlaying(false);
    this.failed = true;
    // The engine may have stopped by itself: its next frame tells.
    this.clock.refresh();
    this.clock.answered(id);
  }

  private note(words: string): void {
    this.screen.view.note.textContent = words;
  }

  private showLost(isLost: boolean): void {
    this.screen.view.lab.toggleAttribute("data-lost", isLost);
    if (!isLost) return this.screen.complain(null);
    const again = () => {
      this.clock.restart();
      this.send({ type: "hello", protocol: PROTOCOL });
    };
    const [words, retry] = this.engine.silence;
    this.screen.complain(words, retry ? make("button", { type: "button", click: again }, "Try again") : undefined);
  }

  // Beside other labs ------------------------------------------------------------------------------------------------

  private join(name: string | null): void {
    const group = name === null ? null : comparison(name);
    if (group === this.group) return;
    this.leaveGroup();
    this.group = group;
    this.clock.join(group?.barrier ?? null);
    this.leaveGroup = group?.join(this) ?? (() => {});
  }

  get recipe(): Recipe {
    return this.state?.recipe ?? {};
  }

  get snapshots(): readonly number[] {
    return this.state?.snapshots ?? [];
  }

  get running(): boolean {
    return (this.state?.playing ?? false) && !this.clock.awaited;
  }

  /** A command of the whole group: no lab of it ticks before all have answered. */
  obey(message: Control): void {
    this.clock.expect();
    this.send(message);
  }

  compared(): void {
    const differences = this.group && this.group.size > 1 ? this.group.differences : null;
    this.screen.mark(differences);
    if (this.state) this.panel.show(this.state, differences ?? []);
  }
}

/** Data can be drawn where it is points of the plane, and may be changed. */
function canDraw({ source, engine, locked, hidden, recipe }: StateReply): boolean {
  const barred = [...locked, ...hidden].some((field) => field === "data" || field === "points");
  return source.kind === "points" && engine !== "replay" && !barred && recipe.condition === "none";
}

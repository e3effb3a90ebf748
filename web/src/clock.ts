// Asks the engine for frames: only while the lab can be seen, at most `depth` ticks in flight, and says when it is lost.

import type { Barrier } from "./compare";
import type { LayerName, Tick } from "./protocol";

export const LOST_AFTER_MS = 10_000;

export interface ClockHost {
  send(tick: Tick): void;
  layers(): LayerName[];
  budgetMs(): number;
  /** Where the run stands, and how fast it goes; 0 if nothing is known. */
  progress(): { step: number; perSecond: number };
  /** Least time between two ticks: 0, or more where less motion is wished. */
  pauseMs(): number;
  lost(isLost: boolean): void;
  /** Shows the frame that was held until all labs of the group have theirs. */
  present(): void;
}

export class Clock {
  private playing = false;
  private visible = false;
  private wanted = false;
  private isLost = false;
  private awaiting = false;
  private nextId = 1 + Math.floor(Math.random() * 1e6) * 1000;
  private readonly inFlight = new Map<number, number>();
  private barrier: Barrier | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly watchdog: ReturnType<typeof setInterval>;
  private lastTick = 0;

  constructor(
    private readonly host: ClockHost,
    private readonly depth = 2,
  ) {
    this.watchdog = setInterval(() => this.watch(), 1000);
  }

  setPlaying(playing: boolean): void {
    if (this.playing && !playing) this.forget();
    this.playing = playing;
    this.pump();
  }

  setVisible(visible: boolean): void {
    this.visible = visible;
    this.pump();
    this.barrier?.changed();
  }

  get seen(): boolean {
    return this.visible;
  }

  /** Asks for one frame of the present moment, even if nothing plays. */
  refresh(): void {
    this.wanted = true;
    this.pump();
  }

  join(barrier: Barrier | null): void {
    if (this.barrier === barrier) return;
    this.barrier?.leave(this);
    this.barrier = barrier;
    barrier?.join(this);
  }

  /** A reply came, whatever it was: the engine lives. */
  heard(): void {
    if (this.isLost) this.host.lost(false);
    this.isLost = false;
    const now = Date.now();
    for (const id of this.inFlight.keys()) this.inFlight.set(id, now);
  }

  answered(id: number): void {
    this.inFlight.delete(id);
    this.barrier?.changed();
    this.pump();
  }

  /** The engine stopped by itself or refused: what was asked of it may never be answered. */
  forget(): void {
    this.inFlight.clear();
    this.barrier?.changed();
  }

  /** Forgets what was asked of an engine that is gone, and asks again. */
  restart(): void {
    this.forget();
    this.heard();
    this.refresh();
  }

  stop(): void {
    clearInterval(this.watchdog);
    clearTimeout(this.timer);
    this.join(null);
    this.inFlight.clear();
  }

  /** Sends the next tick now: for as long as the budget, or for the number of turns on which a group agreed. */
  fire(steps?: number): void {
    this.wanted = false;
    this.lastTick = Date.now();
    const id = this.nextId++;
    this.inFlight.set(id, this.lastTick);
    const tick: Tick = { type: "tick", id, budget_ms: this.host.budgetMs(), layers: this.host.layers() };
    this.host.send(steps === undefined ? tick : { ...tick, steps });
  }

  get step(): number {
    return this.host.progress().step;
  }

  get pace(): number {
    return (this.host.progress().perSecond * this.host.budgetMs()) / 1000;
  }

  present(): void {
    this.host.present();
  }

  get rest(): number {
    return Math.max(0, this.lastTick + this.host.pauseMs() - Date.now());
  }

  /** A command that moves the whole group was sent and is not answered yet. */
  expect(): void {
    this.awaiting = true;
  }

  /** The engine's state, or its refusal, is here. */
  settled(): void {
    this.awaiting = false;
    this.barrier?.changed();
  }

  get awaited(): boolean {
    return this.awaiting;
  }

  get busy(): boolean {
    return !this.isLost && (this.awaiting || this.inFlight.size > 0);
  }

  private pump(): void {
    if (this.isLost || !(this.playing || this.wanted)) return;
    if (this.barrier && this.playing) return this.barrier.changed();
    if (!this.visible) return;
    const depth = this.playing && this.host.pauseMs() === 0 && !this.slow ? this.depth : 1;
    if (this.inFlight.size >= depth) return;
    if (this.playing && this.rest > 0) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.pump(), this.rest);
      return;
    }
    this.fire();
    if (this.playing) this.pump();
  }

  /** A turn takes as long as a slice: what waits in the engine's queue would only keep the reader's wishes waiting. */
  private get slow(): boolean {
    const { perSecond } = this.host.progress();
    return perSecond > 0 && 1000 / perSecond > this.host.budgetMs() / 2;
  }

  /** Whether the barrier may count on this lab: it plays and its engine answers. */
  get ticking(): boolean {
    return this.playing && !this.isLost;
  }

  private watch(): void {
    const oldest = Math.min(...this.inFlight.values());
    if (this.isLost || Date.now() - oldest < LOST_AFTER_MS) return;
    this.isLost = true;
    this.host.lost(true);
    this.barrier?.changed();
  }
}

// Plays a recorded list of replies: for pages that cannot train, for tests and for the demonstration page.

import type { Engine, MessageHandler } from "./engine";
import type { CodeReply, Control, ErrorReply, FrameReply, Reply, StateReply } from "./protocol";

export interface Recorded {
  message: Reply;
  buffers: DataView[];
}

type RecordedFrame = { message: FrameReply; buffers: DataView[] };

export class ReplayEngine implements Engine {
  readonly silence = ["The recording has stopped. Reload the page to start again.", false] as const;
  private handler: MessageHandler | null = null;
  private readonly state: StateReply;
  private readonly code: CodeReply | undefined;
  private readonly frames: RecordedFrame[];
  private at = 0;
  private playing = false;

  /** `records` must hold one state and at least one frame; frames in the order of their steps. `greeting` is told first. */
  constructor(
    records: readonly Recorded[],
    private readonly greeting: string | null = null,
  ) {
    const state = records.find((r) => r.message.type === "state")?.message;
    this.frames = records.filter((r): r is RecordedFrame => r.message.type === "frame");
    if (state?.type !== "state" || this.frames.length === 0) throw new Error("a recording needs a state and a frame");
    this.state = state;
    this.code = records.map((r) => r.message).find((m): m is CodeReply => m.type === "code");
  }

  onMessage(handler: MessageHandler): void {
    this.handler = handler;
  }

  close(): void {
    this.handler = null;
  }

  send(message: Control): void {
    switch (message.type) {
      case "tick":
        return this.tick(message.id);
      case "hello":
        return this.answer(this.greeting);
      case "play":
        if (this.atEnd) this.at = 0;
        this.playing = true;
        return this.answer(null);
      case "pause":
        this.playing = false;
        return this.answer(null);
      case "step":
        this.playing = false;
        this.advance();
        return this.answer(null);
      case "reset":
        this.playing = false;
        this.at = 0;
        return this.answer("Back to the start of the recording.");
      case "rewind":
        this.rewind(message.step);
        return this.answer(null);
      case "code":
        return this.reply(this.code ?? refuse("This recording has no code."));
      default:
        return this.reply(refuse("This is a recording: settings change where the lab is live, in the notebook."));
    }
  }

  private get atEnd(): boolean {
    return this.at >= this.frames.length - 1;
  }

  private get frame(): RecordedFrame {
    return this.frames[this.at]!;
  }

  /** The moments that were shown: one can go back to them. */
  private get seen(): number[] {
    return this.frames.slice(0, this.at + 1).map((f) => f.message.step);
  }

  private advance(): void {
    if (!this.atEnd) this.at += 1;
  }

  private tick(id: number): void {
    if (this.playing) this.advance();
    const { message, buffers } = this.frame;
    this.reply({ ...message, id, playing: this.playing, snapshots: this.seen }, buffers);
    if (this.playing && this.atEnd) {
      this.playing = false;
      this.answer("The recording ends here.");
    }
  }

  private rewind(step: number): void {
    const later = this.frames.findIndex((f) => f.message.step >= step);
    this.at = later < 0 ? this.frames.length - 1 : later;
  }

  private answer(note: string | null): void {
    const { playing, seen } = this;
    const step = this.frame.message.step;
    this.reply({ ...this.state, engine: "replay", playing, step, snapshots: seen, note });
  }

  /** Answers later, as a real engine does. */
  private reply(message: Reply, buffers: DataView[] = []): void {
    setTimeout(() => this.handler?.(message, buffers), 0);
  }
}

function refuse(message: string): ErrorReply {
  return { type: "error", message };
}

// Labs of one group share a clock and their transport: each waits until all have answered the same tick.

import type { Control } from "./protocol";

/** What the barrier needs of a lab's clock. */
export interface Member {
  readonly busy: boolean;
  readonly ticking: boolean;
  readonly seen: boolean;
  fire(): void;
}

/** Lets all ticking members ask for their next frame together, while at least one of them can be seen. */
export class Barrier {
  private readonly members = new Set<Member>();
  private scheduled = false;

  join(member: Member): void {
    this.members.add(member);
    this.changed();
  }

  leave(member: Member): void {
    this.members.delete(member);
    this.changed();
  }

  /** Something changed: see, after the present work, whether all are ready. */
  changed(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      this.release();
    });
  }

  private release(): void {
    const ticking = [...this.members].filter((m) => m.ticking);
    const all = [...this.members];
    if (ticking.length === 0 || !all.some((m) => m.seen) || all.some((m) => m.busy)) return;
    for (const member of ticking) member.fire();
  }
}

type Listener = (message: Control) => void;

/** One comparison: a barrier for the ticks, and the messages that every lab of it obeys. */
export class Comparison {
  readonly barrier = new Barrier();
  private readonly listeners = new Set<Listener>();

  join(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Play, pause, step, reset and rewind act on all labs of the group. */
  broadcast(message: Control): void {
    for (const listener of this.listeners) listener(message);
  }

  get size(): number {
    return this.listeners.size;
  }
}

const groups = new Map<string, Comparison>();

export function comparison(name: string): Comparison {
  const found = groups.get(name) ?? new Comparison();
  groups.set(name, found);
  return found;
}

const SHARED: ReadonlySet<Control["type"]> = new Set(["play", "pause", "step", "reset", "rewind"]);

export function isShared(message: Control): boolean {
  return SHARED.has(message.type);
}

// Labs of one group share a clock and their transport: at every frame all of them have taken the same number of steps.

import type { Control, Recipe } from "./protocol";

/** What the barrier needs of a lab's clock. */
export interface Member {
  readonly busy: boolean;
  readonly ticking: boolean;
  readonly seen: boolean;
  readonly step: number;
  /** Milliseconds until its next tick may be sent. */
  readonly rest: number;
  /** Turns that fit into its slice. */
  readonly pace: number;
  fire(steps: number): void;
  /** Shows the frame that came, now that all have theirs. */
  present(): void;
}

/** How many turns each lab takes next: all as many as the slowest manages; those behind catch up while others wait. */
export function slices(labs: readonly { step: number; pace: number }[]): number[] {
  const slice = Math.max(1, Math.floor(Math.min(...labs.map((lab) => lab.pace))));
  const furthest = Math.max(...labs.map((lab) => lab.step));
  const behind = labs.some((lab) => lab.step < furthest);
  return labs.map((lab) => (behind ? Math.min(slice, furthest - lab.step) : slice));
}

/** Lets all ticking members ask for their next frame together, while at least one of them can be seen, and show them
 *  together. */
export class Barrier {
  private readonly members = new Set<Member>();
  private scheduled = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

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
    const all = [...this.members];
    clearTimeout(this.timer);
    if (all.some((m) => m.busy)) return;
    for (const member of all) member.present();
    const ticking = all.filter((m) => m.ticking);
    if (ticking.length === 0 || !all.some((m) => m.seen) || all.some((m) => m.busy)) return;
    const rest = Math.max(...ticking.map((m) => m.rest));
    if (rest > 0) {
      this.timer = setTimeout(() => this.release(), rest);
      return;
    }
    const turns = slices(ticking);
    ticking.forEach((member, i) => {
      if (turns[i]! > 0) member.fire(turns[i]!);
    });
  }
}

/** A lab among those that it is compared with. */
export interface Party {
  readonly recipe: Recipe;
  readonly snapshots: readonly number[];
  /** It plays, and nothing else is asked of it. */
  readonly running: boolean;
  /** Does what a reader asked for in any lab of the group. */
  obey(message: Control): void;
  /** The settings or the snapshots of some lab of the group are new. */
  compared(): void;
}

/** One comparison: a barrier for the ticks, and the messages that every lab of it obeys. */
export class Comparison {
  readonly barrier = new Barrier();
  private readonly parties = new Set<Party>();

  join(party: Party): () => void {
    this.parties.add(party);
    this.announce();
    return () => {
      this.parties.delete(party);
      this.announce();
    };
  }

  /** Play, pause, step, reset, rewind and the seed act on all labs of the group. */
  broadcast(message: Control): void {
    for (const party of this.parties) party.obey(message);
  }

  /** One lab stopped by itself: those beside it must not run away. */
  stopAll(): void {
    for (const party of this.parties) if (party.running) party.obey({ type: "pause" });
  }

  /** Tells all labs, or all but one, that they should look at each other again. */
  announce(but?: Party): void {
    for (const party of this.parties) if (party !== but) party.compared();
  }

  /** Fields of the recipe in which the labs differ; a lab runs until it is stopped, so its number of steps is none. */
  get differences(): string[] {
    const [first, ...others] = [...this.parties].map((party) => party.recipe);
    const fields = Object.keys(first ?? {}).filter((field) => field !== "steps");
    return fields.filter((field) => others.some((recipe) => recipe[field] !== first![field]));
  }

  /** Moments that every lab of the group can go back to. */
  get snapshots(): number[] {
    const [first, ...others] = [...this.parties].map((party) => party.snapshots);
    return (first ?? []).filter((step) => others.every((steps) => steps.includes(step)));
  }

  get size(): number {
    return this.parties.size;
  }
}

const groups = new Map<string, Comparison>();

export function comparison(name: string): Comparison {
  const found = groups.get(name) ?? new Comparison();
  groups.set(name, found);
  return found;
}

const SHARED: ReadonlySet<Control["type"]> = new Set(["play", "pause", "step", "reset", "rewind"]);

/** What moves time acts on every lab of a group, and so does the seed; other settings act in one. */
export function isShared(message: Control): boolean {
  return message.type === "set" ? Object.keys(message.changes).join() === "seed" : SHARED.has(message.type);
}

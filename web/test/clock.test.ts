import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Clock, type ClockHost, LOST_AFTER_MS } from "../src/clock";
import { Barrier, Comparison, isShared, slices } from "../src/compare";
import type { Control, Recipe } from "../src/protocol";

function lab(pauseMs = 0, at = { step: 0, perSecond: 0 }) {
  const ids: number[] = [];
  const turns: (number | undefined)[] = [];
  const lost: boolean[] = [];
  const shown: number[] = [];
  const host: ClockHost = {
    send: (tick) => {
      ids.push(tick.id);
      turns.push(tick.steps);
    },
    layers: () => ["field"],
    budgetMs: () => 30,
    pauseMs: () => pauseMs,
    progress: () => at,
    lost: (is) => lost.push(is),
    present: () => shown.push(ids.length),
  };
  return { ids, turns, lost, shown, at, clock: new Clock(host) };
}

const turn = () => Promise.resolve();

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a clock alone", () => {
  it("is silent until it can be seen, and again when it cannot", () => {
    const { ids, clock } = lab();
    clock.setPlaying(true);
    expect(ids.length).toBe(0);
    clock.setVisible(true);
    expect(ids.length).toBe(2);
    clock.setVisible(false);
    clock.answered(ids[0]!);
    clock.answered(ids[1]!);
    expect(ids.length).toBe(2);
  });

  it("keeps two ticks in flight while it plays, one frame each", () => {
    const { ids, clock } = lab();
    clock.setVisible(true);
    clock.setPlaying(true);
    for (let i = 0; i < 10; i++) clock.answered(ids[i]!);
    expect(ids.length).toBe(12);
    expect(new Set(ids).size).toBe(12);
  });

  it("lets no tick wait in the engine while a turn takes as long as a slice", () => {
    const { ids, at, clock } = lab();
    clock.setVisible(true);
    clock.setPlaying(true);
    at.perSecond = 40;
    clock.answered(ids[0]!);
    expect(ids.length).toBe(2);
    clock.answered(ids[1]!);
    expect(ids.length).toBe(3);
    at.perSecond = 200;
    clock.answered(ids[2]!);
    expect(ids.length).toBe(5);
  });

  it("asks once for a refresh when nothing plays", () => {
    const { ids, clock } = lab();
    clock.setVisible(true);
    clock.refresh();
    clock.refresh();
    expect(ids.length).toBe(1);
    clock.answered(ids[0]!);
    expect(ids.length).toBe(2);
    clock.answered(ids[1]!);
    expect(ids.length).toBe(2);
  });

  it("rests between ticks where less motion is wished", () => {
    const { ids, clock } = lab(250);
    clock.setVisible(true);
    clock.setPlaying(true);
    expect(ids.length).toBe(1);
    clock.answered(ids[0]!);
    expect(ids.length).toBe(1);
    vi.advanceTimersByTime(250);
    expect(ids.length).toBe(2);
  });

  it("says after ten silent seconds that the engine is lost, stops asking, and recovers by itself", () => {
    const { ids, lost, clock } = lab();
    clock.setVisible(true);
    clock.setPlaying(true);
    vi.advanceTimersByTime(LOST_AFTER_MS - 1001);
    expect(lost).toEqual([]);
    vi.advanceTimersByTime(2001);
    expect(lost).toEqual([true]);
    clock.refresh();
    expect(ids.length).toBe(2);
    clock.heard();
    clock.answered(ids[0]!);
    expect(lost).toEqual([true, false]);
    expect(ids.length).toBe(3);
  });

  it("asks again after an engine stopped by itself without answering a tick", () => {
    const { ids, clock } = lab();
    clock.setVisible(true);
    clock.setPlaying(true);
    clock.setPlaying(false);
    clock.refresh();
    expect(ids.length).toBe(3);
  });

  it("waits as long as other replies come", () => {
    const { lost, clock } = lab();
    clock.setVisible(true);
    clock.refresh();
    for (let s = 0; s < 30; s++) {
      vi.advanceTimersByTime(1000);
      clock.heard();
    }
    expect(lost).toEqual([]);
  });

  it("starts anew for an engine that lost the ticks", () => {
    const { ids, clock } = lab();
    clock.setVisible(true);
    clock.refresh();
    vi.advanceTimersByTime(2 * LOST_AFTER_MS);
    clock.restart();
    expect(ids.length).toBe(2);
  });
});

describe("labs of one group", () => {
  const pair = () => {
    const barrier = new Barrier();
    const labs = [lab(), lab()] as const;
    for (const { clock } of labs) clock.join(barrier);
    return labs;
  };

  it("ask together, and only when both have answered", async () => {
    const [a, b] = pair();
    a.clock.setVisible(true);
    b.clock.setVisible(true);
    a.clock.setPlaying(true);
    b.clock.setPlaying(true);
    await turn();
    expect([a.ids.length, b.ids.length]).toEqual([1, 1]);
    a.clock.answered(a.ids[0]!);
    await turn();
    expect([a.ids.length, b.ids.length]).toEqual([1, 1]);
    b.clock.answered(b.ids[0]!);
    await turn();
    expect([a.ids.length, b.ids.length]).toEqual([2, 2]);
  });

  it("do not start before all have obeyed the command to play", async () => {
    const [a, b] = pair();
    for (const { clock } of [a, b]) {
      clock.setVisible(true);
      clock.expect();
    }
    a.clock.settled();
    a.clock.setPlaying(true);
    await turn();
    expect(a.ids.length).toBe(0);
    b.clock.settled();
    b.clock.setPlaying(true);
    await turn();
    expect([a.ids.length, b.ids.length]).toEqual([1, 1]);
  });

  it("go on while one of them can be seen", async () => {
    const [a, b] = pair();
    a.clock.setPlaying(true);
    b.clock.setPlaying(true);
    await turn();
    expect(b.ids.length).toBe(0);
    a.clock.setVisible(true);
    await turn();
    expect([a.ids.length, b.ids.length]).toEqual([1, 1]);
  });

  it("do not wait for one whose engine is lost, nor for one that left", async () => {
    const [a, b] = pair();
    a.clock.setVisible(true);
    a.clock.setPlaying(true);
    b.clock.setPlaying(true);
    await turn();
    for (let s = 0; s < 12; s++) {
      vi.advanceTimersByTime(1000);
      a.clock.heard();
    }
    a.clock.answered(a.ids[0]!);
    await turn();
    expect(b.lost).toEqual([true]);
    expect(a.ids.length).toBe(2);
    b.clock.stop();
    a.clock.answered(a.ids[1]!);
    await turn();
    expect(a.ids.length).toBe(3);
  });

  it("show their frames when all have theirs", async () => {
    const [a, b] = pair();
    for (const { clock } of [a, b]) {
      clock.setVisible(true);
      clock.setPlaying(true);
    }
    await turn();
    a.shown.length = 0;
    a.clock.answered(a.ids[0]!);
    await turn();
    expect(a.shown).toEqual([]);
    b.clock.answered(b.ids[0]!);
    await turn();
    expect(a.shown).toEqual([1]);
  });

  it("agree on as many turns as the slower one manages in its slice", async () => {
    const [a, b] = pair();
    Object.assign(a.at, { step: 40, perSecond: 1000 });
    Object.assign(b.at, { step: 40, perSecond: 400 });
    for (const { clock } of [a, b]) {
      clock.setVisible(true);
      clock.setPlaying(true);
    }
    await turn();
    expect([a.turns, b.turns]).toEqual([[12], [12]]);
  });

  it("let the one behind catch up while the other waits", async () => {
    const [a, b] = pair();
    Object.assign(a.at, { step: 43, perSecond: 1000 });
    Object.assign(b.at, { step: 40, perSecond: 1000 });
    for (const { clock } of [a, b]) {
      clock.setVisible(true);
      clock.setPlaying(true);
    }
    await turn();
    expect([a.turns, b.turns]).toEqual([[], [3]]);
    b.at.step = 43;
    b.clock.answered(b.ids[0]!);
    await turn();
    expect([a.turns, b.turns]).toEqual([[30], [3, 30]]);
  });

  it("rest together where less motion is wished", async () => {
    const barrier = new Barrier();
    const labs = [lab(250), lab(250)];
    for (const { clock } of labs) {
      clock.join(barrier);
      clock.setVisible(true);
      clock.setPlaying(true);
    }
    await turn();
    for (const { clock, ids } of labs) clock.answered(ids[0]!);
    await turn();
    expect(labs.map((l) => l.ids.length)).toEqual([1, 1]);
    vi.advanceTimersByTime(250);
    expect(labs.map((l) => l.ids.length)).toEqual([2, 2]);
  });
});

describe("slices", () => {
  it("are at least one turn, and none for those who wait", () => {
    const at = (step: number, pace: number) => ({ step, pace });
    expect(slices([at(0, 0), at(0, 9)])).toEqual([1, 1]);
    expect(slices([at(5, 8.7), at(5, 3.9)])).toEqual([3, 3]);
    expect(slices([at(100, 8), at(5, 8)])).toEqual([0, 8]);
  });
});

describe("a comparison", () => {
  const party = (name: string, heard: string[], recipe: Recipe, snapshots: number[] = [], running = false) => ({
    recipe,
    snapshots,
    running,
    obey: (m: Control) => void heard.push(`${name} ${m.type}`),
    compared: () => {},
  });

  it("passes the same commands to all", () => {
    const group = new Comparison();
    const heard: string[] = [];
    const leave = group.join(party("a", heard, {}));
    group.join(party("b", heard, {}));
    group.broadcast({ type: "play" });
    leave();
    group.broadcast({ type: "pause" });
    expect(heard).toEqual(["a play", "b play", "b pause"]);
  });

  it("knows in which settings its labs differ, and where all can go back to", () => {
    const group = new Comparison();
    group.join(party("a", [], { lr_d: 1e-3, loss: "hinge", steps: 10 }, [0, 10, 20, 30]));
    group.join(party("b", [], { lr_d: 1e-4, loss: "hinge", steps: 99 }, [0, 20, 40]));
    expect(group.differences).toEqual(["lr_d"]);
    expect(group.snapshots).toEqual([0, 20]);
  });

  it("stops the labs beside one that stopped", () => {
    const group = new Comparison();
    const heard: string[] = [];
    group.join(party("a", heard, {}));
    group.join(party("b", heard, {}, [], true));
    group.stopAll();
    expect(heard).toEqual(["b pause"]);
  });

  it("shares what moves time, and the seed, but no other setting", () => {
    expect(isShared({ type: "set", changes: { seed: 3 } })).toBe(true);
    expect(isShared({ type: "set", changes: { lr_d: 0.1 } })).toBe(false);
    expect(isShared({ type: "set", changes: { seed: 3, lr_d: 0.1 } })).toBe(false);
    expect(isShared({ type: "rewind", step: 0 })).toBe(true);
    expect(isShared({ type: "preset", name: "ring" })).toBe(false);
  });
});

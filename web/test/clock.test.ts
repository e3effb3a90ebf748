import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Clock, type ClockHost, LOST_AFTER_MS } from "../src/clock";
import { Barrier, Comparison } from "../src/compare";

function lab(pauseMs = 0) {
  const ids: number[] = [];
  const lost: boolean[] = [];
  const host: ClockHost = {
    send: (tick) => ids.push(tick.id),
    layers: () => ["field"],
    budgetMs: () => 30,
    pauseMs: () => pauseMs,
    lost: (is) => lost.push(is),
  };
  return { ids, lost, clock: new Clock(host) };
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

  it("obey the same commands", () => {
    const group = new Comparison();
    const heard: string[] = [];
    const leave = group.join((m) => heard.push(`a ${m.type}`));
    group.join((m) => heard.push(`b ${m.type}`));
    group.broadcast({ type: "play" });
    leave();
    group.broadcast({ type: "pause" });
    expect(heard).toEqual(["a play", "b play", "b pause"]);
  });
});

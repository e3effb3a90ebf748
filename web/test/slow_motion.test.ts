import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Act, explain, nextAct, PACE_MS, SlowMotion } from "../src/slow_motion";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("the order of acts", () => {
  it("is n_critic steps of D, then one of G", () => {
    const seen: string[] = [];
    let act: Act | null = null;
    for (let i = 0; i < 8; i++) {
      act = nextAct(act, 3);
      seen.push(act.player);
    }
    expect(seen.join("")).toBe("dddgdddg");
  });

  it("counts D's steps", () => {
    const first = nextAct(null, 2);
    expect([first.index, first.of]).toEqual([1, 2]);
    expect(nextAct(first, 2).index).toBe(2);
  });

  it("follows an n_critic that changes in between", () => {
    const second = nextAct(nextAct(null, 5), 5);
    expect(nextAct(second, 1).player).toBe("g");
  });
});

describe("slow motion", () => {
  it("waits for the picture and then for its pace", () => {
    const acts: string[] = [];
    const slow = new SlowMotion({ act: (a) => acts.push(a.player), nCritic: () => 1 });
    slow.start();
    expect(acts).toEqual(["d"]);
    vi.advanceTimersByTime(10 * PACE_MS);
    expect(acts).toEqual(["d"]);
    slow.shown();
    slow.shown();
    vi.advanceTimersByTime(PACE_MS - 1);
    expect(acts).toEqual(["d"]);
    vi.advanceTimersByTime(1);
    expect(acts).toEqual(["d", "g"]);
    slow.stop();
    slow.shown();
    vi.advanceTimersByTime(10 * PACE_MS);
    expect(acts).toEqual(["d", "g"]);
  });
});

describe("the explanation", () => {
  it("names who acts, who stands still, and the loss's own way", () => {
    const d = nextAct(null, 2);
    expect(explain(d, { loss: "hinge" })).toMatch(/^D’s step \(1 of 2\)\. G stands still\. .*\+1/);
    const g: Act = { player: "g", index: 1, of: 1 };
    expect(explain(g, { loss: "minimax" })).toMatch(/^G’s step\. D stands still\. .*flat/);
    expect(explain(g, {})).toContain("more readily call it real");
  });
});

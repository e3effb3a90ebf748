import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Act, explain, layersOf, nextAct, PACE_MS, SlowMotion, STOPS } from "../src/slow_motion";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** The first acts of a game, as "d draw". */
function acts(nCritic: number, count: number): Act[] {
  const seen: Act[] = [];
  for (let i = 0; i < count; i++) seen.push(nextAct(seen.at(-1) ?? null, nCritic));
  return seen;
}

const named = (act: Act) => `${act.player} ${act.phase}`;

describe("the order of acts", () => {
  it("is one turn of D and one of G, in all their sub-steps, again and again", () => {
    const turn = STOPS.map(({ player, phase }) => `${player} ${phase}`);
    expect(acts(1, 8).map(named)).toEqual([...turn, "d draw"]);
  });

  it("moves D n_critic times, then G once", () => {
    const moves = acts(3, 30).filter((act) => act.phase === "move");
    expect(
      moves
        .slice(0, 8)
        .map((act) => act.player)
        .join(""),
    ).toBe("dddgdddg");
    expect(moves.slice(0, 3).map((act) => act.index)).toEqual([1, 2, 3]);
  });

  it("follows an n_critic that changes in between", () => {
    const second = acts(5, 5).at(-1)!;
    expect([second.player, second.index]).toEqual(["d", 2]);
    expect(nextAct(second, 1).player).toBe("g");
  });

  it("shows in the picture what it speaks of", () => {
    const [draw, , score, , , slope] = acts(1, 7);
    expect([draw, score, slope].map((act) => layersOf(act!))).toEqual([[], ["field"], ["field", "arrows"]]);
  });
});

describe("slow motion", () => {
  it("goes from sub-step to sub-step in its pace, and after a move waits for the picture", () => {
    const seen: string[] = [];
    const slow = new SlowMotion({ act: (act) => seen.push(named(act)), nCritic: () => 1 });
    slow.start();
    expect(seen).toEqual(["d draw"]);
    vi.advanceTimersByTime(3 * PACE_MS);
    expect(seen).toEqual(["d draw", "d make", "d score", "d move"]);
    vi.advanceTimersByTime(10 * PACE_MS);
    expect(seen.length).toBe(4);
    slow.shown();
    slow.shown();
    vi.advanceTimersByTime(PACE_MS - 1);
    expect(seen.length).toBe(4);
    vi.advanceTimersByTime(1);
    expect(seen.at(-1)).toBe("g draw");
    slow.stop();
    slow.shown();
    vi.advanceTimersByTime(10 * PACE_MS);
    expect(seen.length).toBe(5);
    expect(slow.running).toBe(false);
  });
});

describe("the explanation", () => {
  it("begins with who acts, and knows the loss's own way", () => {
    const words = acts(2, 9).map((act) => explain(act, { loss: "hinge", batch_size: 64 }));
    expect(words[0]).toBe("D’s turn begins. Draw 64 real samples from the data, and 64 random latents z.");
    expect(words[1]).toMatch(/^G makes fakes/);
    expect(words[2]).toMatch(/^D scores both/);
    expect(words[3]).toMatch(/^D moves \(1 of 2\), G stands still\. .*\+1/);
    expect(words[4]).toMatch(/^D moves again \(2 of 2\), on fresh samples/);
    expect(words[7]).toMatch(/^G moves, D stands still/);
  });

  it("speaks of the numbers under images where there is no ground", () => {
    const score = acts(1, 3).at(-1)!;
    expect(explain(score, {})).toContain("ground");
    expect(explain(score, {}, true)).toContain("under each image");
  });
});

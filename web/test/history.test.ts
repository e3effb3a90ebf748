import { describe, expect, it } from "vitest";
import { COLUMNS, History } from "../src/history";

const rows = (from: number, to: number) => {
  const data = new Float32Array((to - from + 1) * COLUMNS);
  for (let s = from; s <= to; s++) data.set([s, s / 10, -s, 1, 2], (s - from) * COLUMNS);
  return data;
};

describe("history", () => {
  it("appends turns and ignores repeated ones", () => {
    const history = new History();
    history.add(rows(1, 3));
    history.add(rows(2, 5));
    expect(history.series().step).toEqual([1, 2, 3, 4, 5]);
    expect(history.series().loss_g).toEqual([-1, -2, -3, -4, -5]);
  });

  it("replaces the last turn when D or G alone moved on", () => {
    const history = new History();
    history.add(rows(1, 3));
    history.add(Float32Array.of(3, 9, 8, 7, 6));
    expect(history.series().loss_d.at(-1)).toBe(9);
    expect(history.length).toBe(3);
  });

  it("forgets the future when the run goes back", () => {
    const history = new History();
    history.add(rows(1, 10));
    history.rewind(4);
    expect(history.last).toBe(4);
    history.add(rows(5, 6));
    expect(history.series().step).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("thins evenly, says how much, and keeps thinning", () => {
    const history = new History(100);
    for (let s = 1; s < 1000; s += 50) history.add(rows(s, s + 49));
    const { step } = history.series();
    expect(history.every).toBe(16);
    expect(step.length).toBeLessThanOrEqual(100);
    expect(new Set(step.slice(1).map((s, i) => s - step[i]!))).toEqual(new Set([16]));
    history.rewind(0);
    expect(history.every).toBe(1);
  });
});

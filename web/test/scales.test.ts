import { describe, expect, it } from "vitest";
import type { ControlSpec } from "../src/protocol";
import { formatValue, linearScale, log2Scale, logScale, parseTyped, scaleOf } from "../src/scales";

const spec = (rest: Partial<ControlSpec>): ControlSpec => ({
  field: "x",
  label: "Learning rate",
  group: "Game",
  kind: "log",
  help: "",
  effect: "next step",
  ...rest,
});

describe("logScale", () => {
  const scale = logScale(1e-5, 1e-1);

  it("reaches both ends exactly and decades in equal distances", () => {
    expect(scale.value(0)).toBe(1e-5);
    expect(scale.value(scale.positions)).toBe(1e-1);
    expect([1e-5, 1e-4, 1e-3, 1e-2, 1e-1].map((v) => scale.position(v))).toEqual([0, 20, 40, 60, 80]);
  });

  it("gives two digits and comes back to where it was", () => {
    for (let p = 0; p <= scale.positions; p++) {
      expect(scale.position(scale.value(p))).toBe(p);
      expect(scale.value(p)).toBe(Number(scale.value(p).toPrecision(2)));
    }
  });

  it("keeps values outside at the ends", () => {
    expect(scale.position(1)).toBe(scale.positions);
    expect(scale.position(0)).toBe(0);
  });

  it("has an exact 0 if the range starts there", () => {
    const withZero = logScale(0, 10);
    expect(withZero.value(0)).toBe(0);
    expect(withZero.position(0)).toBe(0);
    expect(withZero.value(1)).toBeGreaterThan(0);
    expect(withZero.value(withZero.positions)).toBe(10);
    expect(withZero.position(withZero.value(7))).toBe(7);
  });
});

describe("linear and binary scales", () => {
  it("steps without rounding dust", () => {
    const scale = linearScale(0, 0.99, 0.01);
    expect(scale.value(57)).toBe(0.57);
    expect(scale.position(0.5)).toBe(50);
    expect(scale.value(scale.positions)).toBe(0.99);
  });

  it("offers powers of two", () => {
    const scale = log2Scale(8, 1024);
    expect(Array.from({ length: scale.positions + 1 }, (_, p) => scale.value(p))).toEqual([
      8, 16, 32, 64, 128, 256, 512, 1024,
    ]);
    expect(scale.position(100)).toBe(4);
  });

  it("is chosen by kind; a seed has no slider", () => {
    expect(scaleOf(spec({ kind: "int", min: 1, max: 10 }))!.positions).toBe(9);
    expect(scaleOf(spec({ kind: "int", min: 0, max: 999999 }))).toBeNull();
    expect(scaleOf(spec({ kind: "log" }))).toBeNull();
  });
});

describe("typed values", () => {
  it("reads plain, scientific and comma numbers", () => {
    const log = spec({ min: 1e-5, max: 1 });
    expect(parseTyped(log, " 2e-4 ")).toBe(2e-4);
    expect(parseTyped(log, "0,5")).toBe(0.5);
  });

  it("says what must hold and what came", () => {
    const log = spec({ min: 1e-5, max: 1 });
    expect(parseTyped(log, "fast")).toBe("Learning rate must be a number from 1e-5 to 1, got “fast”.");
    expect(parseTyped(log, "2")).toContain("from 1e-5 to 1");
    expect(parseTyped(log, "")).toContain("must be a number");
    expect(parseTyped(spec({ kind: "int", min: 1, max: 9 }), "2.5")).toContain("a whole number from 1 to 9");
  });

  it("writes values short", () => {
    expect([0.001, 2e-4, 128, 0, 1e-5].map(formatValue)).toEqual(["0.001", "2e-4", "128", "0", "1e-5"]);
  });
});

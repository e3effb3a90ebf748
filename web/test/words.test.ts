import { describe, expect, it } from "vitest";
import { items, type Shelf } from "../src/dialog";
import { count, measured, signed } from "../src/format";
import { possible } from "../src/layers";
import { progress } from "../src/metrics";
import type { FrameReply, Metric } from "../src/protocol";
import { positionOf } from "../src/timeline";
import { description, differenceWords, divergedWords, leadWords } from "../src/words";
import { recording, state } from "./synthetic";

const frame = recording("points", {}, 3)[3]!.message as FrameReply;
const metric = (rest: Partial<Metric>): Metric => ({
  name: "m",
  label: "M",
  value: 1,
  best: 8,
  better: "high",
  best_label: "perfect sampler",
  ...rest,
});

describe("numbers", () => {
  it("have three digits, whole ones none after the point", () => {
    expect([8, 97.31, 0.00412, 0.00012, 1234.5, -0.25].map(measured)).toEqual([
      "8",
      "97.3",
      "0.004",
      "1.2e−4",
      "1235",
      "−0.250",
    ]);
    expect(measured(null)).toBe("not finite");
    expect(measured(Number.POSITIVE_INFINITY)).toBe("not finite");
    expect(count(12480.2)).toBe("12,480");
    expect([1.26, -0.4, 12.3, -0.04].map(signed)).toEqual(["+1.3", "−0.4", "+12", "0.0"]);
  });
});

describe("the picture in words", () => {
  it("names step, losses and metrics with their ceiling", () => {
    const text = description(state("points"), frame);
    expect(text).toContain("Real and generated points of ring after step 80");
    expect(text).toContain("loss of D");
    expect(text).toContain("Modes covered 8, perfect sampler 8");
  });

  it("names the classes of its rows", () => {
    const source = { ...state("images").source, labels: ["0", "1"] };
    expect(description(state("images", { source }), frame)).toContain("a row for each class (0, 1) after step");
  });

  it("says which quantity of a diverged run blew up", () => {
    expect(divergedWords({ ...frame, loss_g: null, grad_g: Number.NaN })).toMatch(
      /the loss of G and the gradient of G .* step 80/,
    );
    expect(divergedWords(frame)).toContain("a weight");
  });
});

describe("the lead", () => {
  it("says what to do first and what to look at", () => {
    expect(leadWords(state("points"))).toMatch(/^Press Play\. Blue dots are the data/);
    expect(leadWords(state("points", { playing: true }))).toMatch(/^Blue dots/);
    expect(leadWords(state("line", { step: 3 }))).toMatch(/^Blue is the data/);
    expect(leadWords(state("points", { preset: "collapse" }))).toBe(
      "Press Play. A D ten times slower cannot keep G from one mode.",
    );
    expect(leadWords(state("points", { preset: "collapse", compare: "pair" }))).toMatch(/^Press Play\. Blue dots/);
  });

  it("marks the difference to another lab with label and code", () => {
    expect(differenceWords(["lr_d"], state("points"))).toEqual([["Learning rate of D", "lr_d = 1e-3"]]);
  });
});

describe("metrics", () => {
  it("measure the way to the best value", () => {
    expect(progress(metric({ value: 4, worst: 0 }))).toBe(0.5);
    expect(progress(metric({ value: 9 }))).toBe(1);
    expect(progress(metric({ value: 4, best: 1, better: "low" }))).toBe(0.25);
    expect(progress(metric({ value: 0.5, best: 1, better: "low" }))).toBe(1);
    expect(progress(metric({ value: null }))).toBe(0);
  });
});

describe("layers", () => {
  it("are those that the source allows", () => {
    expect(possible(state("images").source)).toEqual([]);
    expect(possible(state("line").source)).toEqual(["field", "arrows", "optimal"]);
    expect(possible({ ...state("points").source, density: false })).toEqual(["field", "arrows", "manifold"]);
    expect(possible({ ...state("points").source, labels: ["0", "1"] })).toEqual([]);
  });
});

describe("the timeline", () => {
  it("stands at a snapshot, at the present, or near where it went", () => {
    expect(positionOf([0, 100, 200], 100)).toBe(1);
    expect(positionOf([0, 100, 200], 250)).toBe(3);
    expect(positionOf([0, 100, 200], 110)).toBe(1);
    expect(positionOf([], 0)).toBe(0);
  });
});

describe("what can be taken away", () => {
  it("is the code, or the link and the recipe", () => {
    const reply = { type: "code", python: "import gan_tutor", link: "#lab=abc", recipe_json: "{}" } as const;
    const texts = (shelf: Shelf, engine: "kernel" | "page") =>
      items(reply, shelf, engine, "https://book/a.html").map((item) => item.text);
    expect(texts("code", "kernel")).toEqual(["import gan_tutor"]);
    expect(texts("link", "page")).toEqual(["https://book/a.html#lab=abc", "{}"]);
    expect(texts("link", "kernel")).toEqual(["#lab=abc", 'lab.Lab("#lab=abc")', "{}"]);
  });
});

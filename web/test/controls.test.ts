import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { control } from "../src/controls";
import { controlPanel, startsOpen } from "../src/panel";
import type { ControlSpec, Value } from "../src/protocol";
import { CONTROLS, state } from "./synthetic";

const named = (field: string) => CONTROLS.find((spec) => spec.field === field)!;
const parts = (element: HTMLElement) => ({
  typed: element.querySelector<HTMLInputElement>("input[type=text]")!,
  slider: element.querySelector<HTMLInputElement>("input[type=range]")!,
  select: element.querySelector("select")!,
  problem: element.querySelector(".problem")!,
});
const fire = (element: HTMLElement, type: string) => element.dispatchEvent(new Event(type));

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function built(spec: ControlSpec) {
  const sent: Value[] = [];
  const view = control(spec, (value) => sent.push(value));
  return { sent, view, ...parts(view.element) };
}

describe("a control", () => {
  it("labels its inputs and describes them by help and effect", () => {
    const { view, typed, slider } = built(named("lr_d"));
    expect(view.element.querySelector("label")!.getAttribute("for")).toBe(typed.id);
    expect(slider.getAttribute("aria-label")).toBe("Learning rate of D, per step");
    const help = view.element.querySelector(".help")!;
    expect(typed.getAttribute("aria-describedby")).toContain(help.id);
    expect(help.textContent).toBe("How far D moves in a step. Acts on the next step.");
  });

  it("shows a value in box and slider, and says it with its unit", () => {
    const { view, typed, slider } = built(named("lr_d"));
    view.show(0.001, false);
    expect(typed.value).toBe("0.001");
    expect(slider.value).toBe("40");
    expect(slider.getAttribute("aria-valuetext")).toBe("0.001 per step");
  });

  it("sends the first movement at once, others at most every 50 ms, and the last value always", () => {
    const { sent, slider } = built(named("lr_d"));
    for (const position of ["41", "42", "43"]) {
      slider.value = position;
      fire(slider, "input");
    }
    expect(sent).toEqual([0.0011]);
    vi.advanceTimersByTime(50);
    expect(sent).toEqual([0.0011, 0.0014]);
    slider.value = "60";
    fire(slider, "input");
    fire(slider, "change");
    expect(sent).toEqual([0.0011, 0.0014, 0.01]);
    vi.advanceTimersByTime(500);
    expect(sent).toEqual([0.0011, 0.0014, 0.01]);
  });

  it("waits for the end of the movement where networks must be rebuilt", () => {
    const { sent, slider, typed } = built(named("latent_dim"));
    slider.value = "3";
    fire(slider, "input");
    vi.advanceTimersByTime(500);
    expect(sent).toEqual([]);
    expect(typed.value).toBe("8");
    fire(slider, "change");
    expect(sent).toEqual([8]);
  });

  it("does not jump back to an older value while the reader moves it", () => {
    const { view, slider } = built(named("lr_d"));
    view.show(0.001, false);
    slider.value = "60";
    fire(slider, "input");
    view.show(0.001, false);
    expect(slider.value).toBe("60");
    vi.advanceTimersByTime(600);
    expect(slider.value).toBe("40");
  });

  it("refuses what cannot be, in words, and keeps the old value", () => {
    const { sent, view, typed, problem } = built(named("n_critic"));
    view.show(2, false);
    typed.value = "many";
    fire(typed, "change");
    expect(sent).toEqual([]);
    expect(problem.textContent).toBe("D steps per G step must be a whole number from 1 to 10, got “many”.");
    expect(typed.getAttribute("aria-invalid")).toBe("true");
    expect(typed.value).toBe("2");
    typed.value = "5";
    fire(typed, "change");
    expect(sent).toEqual([5]);
    expect(problem.textContent).toBe("");
  });

  it("leaves what is half typed to the reader, whatever the engine says meanwhile", () => {
    const { sent, typed, problem, view } = built(named("lr_d"));
    view.show(0.001, false);
    typed.value = "much";
    fire(typed, "input");
    view.show(0.002, false);
    vi.advanceTimersByTime(1000);
    expect(typed.value).toBe("much");
    fire(typed, "change");
    expect(problem.textContent).toContain("must be a number");
    expect(typed.value).toBe("0.002");
    expect(sent).toEqual([]);

    typed.value = "3e";
    fire(typed, "input");
    fire(typed, "blur");
    expect(typed.value).toBe("0.002");
    view.show(0.003, false);
    expect(typed.value).toBe("0.003");
  });

  it("offers choices with their values, and shows one that it does not know", () => {
    const { sent, view, select } = built(named("loss"));
    view.show("hinge", false);
    expect(select.selectedIndex).toBe(2);
    select.selectedIndex = 4;
    fire(select, "change");
    expect(sent).toEqual(["relativistic"]);
    view.show("new_loss", false);
    expect(select.options[select.selectedIndex]!.textContent).toBe("new_loss");
  });
});

describe("the panel", () => {
  it("groups controls, leaves hidden ones out and disables locked ones", () => {
    const panel = controlPanel(
      () => {},
      () => 1200,
    );
    panel.show(state("points", { hidden: ["beta1", "loss", "penalty", "penalty_weight"], locked: ["seed"] }), ["lr_d"]);
    const groups = [...panel.element.querySelectorAll("summary")].map((s) => s.textContent);
    expect(groups).toEqual(["Optimiser", "Game", "Networks", "Data"]);
    expect(panel.element.querySelector('[data-field="beta1"]')).toBeNull();
    const seed = panel.element.querySelector<HTMLElement>('[data-field="seed"]')!;
    expect(parts(seed).typed.disabled).toBe(true);
    expect(seed.querySelector<HTMLElement>(".lock")!.hidden).toBe(false);
    expect(seed.querySelector(".lock")!.textContent).toBe("locked");
    expect(panel.element.querySelector<HTMLElement>(".fine")!.hidden).toBe(false);
    const other = (field: string) => panel.element.querySelector<HTMLElement>(`[data-field="${field}"] .other`)!;
    expect([other("lr_d").hidden, other("lr_g").hidden]).toEqual([false, true]);
  });

  it("says in one line what the control in hand does", () => {
    const panel = controlPanel(
      () => {},
      () => 1200,
    );
    panel.show(state("points"), []);
    const hint = panel.element.querySelector(".hint")!;
    expect(hint.textContent).toContain("builds new networks");
    const slider = panel.element.querySelector('[data-field="lr_d"] input[type="range"]')!;
    slider.dispatchEvent(new Event("focusin", { bubbles: true }));
    expect(hint.textContent).toBe("How far D moves in a step. Acts on the next step.");
  });

  it("opens few groups where there is little room", () => {
    expect([360, 800, 1200].map((width) => startsOpen("Game", width))).toEqual([false, false, true]);
    expect([360, 800, 1200].map((width) => startsOpen("Loss", width))).toEqual([false, true, true]);
  });

  it("keeps the same elements, and so the focus, when only values change", () => {
    const panel = controlPanel(
      () => {},
      () => 1200,
    );
    panel.show(state("points"), []);
    const before = panel.element.querySelector('[data-field="lr_g"]');
    panel.show(state("points", { step: 10, recipe: { ...state("points").recipe, lr_g: 0.01 } }), []);
    expect(panel.element.querySelector('[data-field="lr_g"]')).toBe(before);
    expect(parts(before as HTMLElement).typed.value).toBe("0.01");
  });
});

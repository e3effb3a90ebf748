import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type GanLab, recipeOf } from "../src/element";
import type { Engine, MessageHandler } from "../src/engine";
import lab from "../src/main";
import type { Control, Reply } from "../src/protocol";
import { ReplayEngine } from "../src/replay_engine";
import { recording, state } from "./synthetic";

/** An engine whose answers the test writes. */
class Script implements Engine {
  silence: readonly [string, boolean] = ["No answer.", true];
  sent: Control[] = [];
  closed = false;
  private handler: MessageHandler = () => {};
  send(message: Control) {
    this.sent.push(message);
  }
  onMessage(handler: MessageHandler) {
    this.handler = handler;
  }
  close() {
    this.closed = true;
  }
  reply(message: Reply, buffers: DataView[] = []) {
    this.handler(message, buffers);
  }
  types() {
    return this.sent.map((m) => m.type);
  }
}

beforeAll(() => {
  vi.stubGlobal(
    "IntersectionObserver",
    class {
      constructor(private readonly seen: (entries: { isIntersecting: boolean }[]) => void) {}
      observe() {
        this.seen([{ isIntersecting: true }]);
      }
      disconnect() {}
    },
  );
});

let engine: Script;
let element: GanLab;
const find = <E extends Element = HTMLElement>(selector: string) => element.shadowRoot!.querySelector<E>(selector)!;
const press = (selector: string) => find<HTMLButtonElement>(selector).click();

beforeEach(() => {
  engine = new Script();
  element = document.createElement("gan-lab") as GanLab;
  document.body.append(element);
  element.connect(engine);
});

afterEach(() => {
  element.dispose();
  element.remove();
});

describe("a lab with an engine", () => {
  it("says hello, asks for one frame, and sends what is pressed", () => {
    expect(engine.types()).toEqual(["hello"]);
    engine.reply(state("points"));
    expect(engine.types()).toEqual(["hello", "tick"]);
    expect(engine.sent[1]).toMatchObject({ budget_ms: 30, layers: ["field", "arrows", "histograms"] });
    press(".play");
    press(".step-d");
    press(".reset");
    expect(engine.sent.slice(2)).toEqual([{ type: "play" }, { type: "step", what: "d" }, { type: "reset" }]);
  });

  it("says what silence means here, and goes on when the answer comes after all", () => {
    vi.useFakeTimers();
    const late = new Script();
    late.silence = ["Still working.", false];
    element.connect(late);
    vi.advanceTimersByTime(11_000);
    expect(find("[role=alert]").textContent).toBe("Still working.");
    late.reply(state("points"));
    expect(find("[role=alert]").hidden).toBe(true);
    expect(find(".lab").hasAttribute("data-lost")).toBe(false);
    expect(late.types()).toEqual(["hello", "tick"]);
    vi.advanceTimersByTime(11_000); // the tick takes long too
    expect(find("[role=alert]").textContent).toBe("Still working.");
    late.reply({ type: "error", message: "no memory", id: (late.sent[1] as { id: number }).id });
    expect(find("[role=alert]").textContent).toBe("no memory");
    expect(find(".lab").hasAttribute("data-lost")).toBe(false);
    vi.useRealTimers();
  });

  it("offers to ask again where an engine may be gone", () => {
    vi.useFakeTimers();
    const gone = new Script();
    element.connect(gone);
    vi.advanceTimersByTime(11_000);
    expect(find("[role=alert]").textContent).toBe("No answer.Try again");
    press("[role=alert] button");
    expect(gone.types()).toEqual(["hello", "tick", "hello"]);
    vi.useRealTimers();
  });

  it("pauses before it steps or rewinds", () => {
    engine.reply(state("points", { playing: true }));
    expect(find(".play").textContent).toBe("Pause");
    engine.sent = [];
    press(".step-g");
    expect(engine.sent).toEqual([{ type: "pause" }, { type: "step", what: "g" }]);
  });

  it("sends a preset and a changed setting, and shows what was rebuilt", () => {
    engine.reply(state("points"));
    press('[data-preset="collapse"]');
    expect(engine.sent.at(-1)).toEqual({ type: "preset", name: "collapse" });
    const select = find<HTMLSelectElement>('[data-field="loss"] select');
    select.selectedIndex = 2;
    select.dispatchEvent(new Event("change"));
    expect(engine.sent.at(-1)).toEqual({ type: "set", changes: { loss: "hinge" } });
    engine.reply(state("points", { note: "G and D rebuilt: latent_dim changed" }));
    expect(find(".note").textContent).toBe("G and D rebuilt: latent_dim changed");
    expect(find(".note").getAttribute("aria-live")).toBe("polite");
  });

  it("puts an error beside its control, or above all", () => {
    engine.reply(state("points"));
    engine.reply({ type: "error", message: "penalty must be none", field: "penalty" });
    expect(find('[data-field="penalty"] .problem').textContent).toBe("penalty must be none");
    engine.reply({ type: "error", message: "no room left" });
    expect(find(".alert").textContent).toBe("no room left");
  });

  it("asks for one frame after an error in play, follows it, and keeps the error in sight", () => {
    const records = recording("points", {}, 2);
    engine.reply(state("points", { playing: true }));
    const [first, second] = engine.sent.flatMap((m) => (m.type === "tick" ? [m.id] : []));
    engine.sent = [];
    engine.reply({ type: "error", message: "loss_g is not finite", id: first! });
    expect(engine.types()).toEqual(["tick"]);
    engine.reply({ type: "error", message: "loss_g is not finite", id: second! });
    expect(engine.types()).toEqual(["tick"]);
    engine.reply(records[2]!.message, records[2]!.buffers);
    expect(find(".play").textContent).toBe("Play");
    expect(find(".alert").textContent).toBe("loss_g is not finite");
    press(".reset");
    expect(find(".alert").textContent).toBe("");
  });

  it("draws a frame's numbers and describes the picture", async () => {
    const records = recording("points", {}, 2);
    engine.reply(records[0]!.message);
    engine.reply(records[2]!.message, records[2]!.buffers);
    await vi.waitFor(() => expect(find(".status").textContent).toContain("step 40"));
    expect(find(".metrics").textContent).toContain("perfect sampler 98.9");
    expect(find("canvas").getAttribute("aria-label")).toContain("points of ring after step 40");
  });

  it("reports a diverged run and a frame that cannot be read", () => {
    const records = recording("points", {}, 2);
    engine.reply(records[0]!.message);
    const frame = records[2]!.message;
    if (frame.type !== "frame") throw new Error("no frame");
    engine.reply({ ...frame, finite: false, loss_d: null }, records[2]!.buffers);
    expect(find(".alert").textContent).toMatch(/diverged: the loss of D/);
    engine.reply(frame, []);
    expect(find(".alert").textContent).toContain("could not be read");
  });

  it("keeps keys from the page around it", () => {
    const seen = vi.fn();
    document.addEventListener("keydown", seen);
    find(".play").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true, composed: true }));
    expect(seen).not.toHaveBeenCalled();
    document.removeEventListener("keydown", seen);
  });

  it("plays slow motion one act at a time", () => {
    engine.reply(state("points"));
    press(".slow");
    expect(find(".explanation p").textContent).toContain("Draw 128 real samples");
    expect(find(".explanation [aria-current]").textContent).toBe("D: draw z");
    press(".slow");
    expect(find(".explanation").hidden).toBe(true);
    press(".slow");
    find(".lab").dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
    expect(find(".slow").getAttribute("aria-pressed")).toBe("false");
  });

  it("refuses an engine of another protocol in words", () => {
    engine.reply(state("points", { protocol: 2 }));
    expect(find(".alert").textContent).toContain("version 1 of its protocol, the engine version 2");
  });

  it("closes its engine when disposed, not when it is moved", () => {
    document.body.append(element);
    expect(engine.closed).toBe(false);
    element.dispose();
    expect(engine.closed).toBe(true);
  });

  it("labels every control that can be used", () => {
    engine.reply(state("points"));
    for (const input of element.shadowRoot!.querySelectorAll("input, select, button, canvas")) {
      const label = input.getAttribute("aria-label") ?? input.textContent?.trim();
      const tied = input.id && find(`label[for="${input.id}"]`)?.textContent;
      const around = input.closest("label")?.textContent?.trim();
      expect(label || tied || around, input.outerHTML).toBeTruthy();
    }
  });
});

describe("labs that are compared", () => {
  it("obey each other's transport, but not each other's settings, and show their frames together", async () => {
    const other = document.createElement("gan-lab") as GanLab;
    const second = new Script();
    document.body.append(other);
    other.connect(second);
    engine.reply(state("points", { compare: "g1" }));
    second.reply(state("points", { compare: "g1" }));
    press(".play");
    expect(engine.types().at(-1)).toBe("play");
    expect(second.types().at(-1)).toBe("play");
    expect(find(".presets").hidden).toBe(true);
    const marks = () => [find(".mark"), other.shadowRoot!.querySelector<HTMLElement>(".mark")!];
    expect(marks().map((m) => m.textContent)).toEqual(
      Array(2).fill("The same settings in both labs: change one in either."),
    );
    const recipe = { ...state("points").recipe, lr_d: 1e-4 };
    engine.reply(state("points", { compare: "g1", recipe }));
    expect(marks().map((m) => m.textContent)).toEqual([
      "Learning rate of D lr_d = 1e-4",
      "Learning rate of D lr_d = 1e-3",
    ]);
    const lr = find<HTMLInputElement>('[data-field="lr_d"] input[type="text"]');
    lr.value = "0.01";
    lr.dispatchEvent(new Event("change"));
    expect(engine.sent.at(-1)).toEqual({ type: "set", changes: { lr_d: 0.01 } });
    expect(second.types()).not.toContain("set");
    const records = recording("points", {}, 3);
    const frame = (id: number) => ({ ...records[2]!.message, id, playing: true }) as Reply;
    const ticks = (of: Script) => of.sent.flatMap((m) => (m.type === "tick" ? [m] : []));
    for (const one of [engine, second]) {
      for (let i = 0; i < ticks(one).length; i++) {
        one.reply({ ...records[1]!.message, id: ticks(one)[i]!.id } as Reply, records[1]!.buffers);
      }
      one.sent = [];
      one.reply(state("points", { compare: "g1", playing: true, recipe }));
    }
    await vi.waitFor(() => expect([ticks(engine).length, ticks(second).length]).toEqual([1, 1]));
    expect(ticks(engine)[0]).toMatchObject({ steps: 1 });
    engine.reply(frame(ticks(engine)[0]!.id), records[2]!.buffers);
    await new Promise((done) => setTimeout(done, 150));
    expect(find(".status").textContent).not.toContain("40");
    second.reply(frame(ticks(second)[0]!.id), records[2]!.buffers);
    await vi.waitFor(() => expect(find(".status").textContent).toContain("step 40"), 5000);
    expect(ticks(engine)[1]).toMatchObject({ steps: 24 });
    other.dispose();
    expect(find(".mark").hidden).toBe(true);
    other.remove();
  });
});

describe("a lab without an engine", () => {
  it("shows the figure inside it and says where it runs", () => {
    document.body.insertAdjacentHTML(
      "beforeend",
      `<gan-lab id="still" data-recipe='{"loss":"hinge"}'><p>figure</p></gan-lab>`,
    );
    const still = document.getElementById("still")!;
    expect(still.shadowRoot!.querySelector("slot")).not.toBeNull();
    expect(still.shadowRoot!.textContent).toContain("This lab runs in the notebook.");
    still.remove();
  });

  it("reads its recipe, or none", () => {
    expect(recipeOf('{"loss":"hinge"}')).toEqual({ loss: "hinge" });
    for (const text of [undefined, "", "{", "[]", "null", "3"]) expect(recipeOf(text)).toBeNull();
  });
});

describe("the widget", () => {
  it("renders into its place and leaves nothing behind", () => {
    const handlers = new Set<unknown>();
    const model = {
      send: vi.fn(),
      on: (_: string, f: unknown) => handlers.add(f),
      off: (_: string, f: unknown) => handlers.delete(f),
    };
    const el = document.body.appendChild(document.createElement("div"));
    const leave = lab.render({ model: model as never, el });
    expect(model.send).toHaveBeenCalledWith({ type: "hello", protocol: 1 });
    leave();
    expect(el.children.length).toBe(0);
    expect(handlers.size).toBe(0);
  });

  it("plays a recording from end to end", async () => {
    const played = document.createElement("gan-lab") as GanLab;
    document.body.append(played);
    played.connect(new ReplayEngine(recording("images", {}, 4)));
    const root = played.shadowRoot!;
    await vi.waitFor(() => expect(root.querySelector(".status")!.textContent).toContain("step 0"));
    root.querySelector<HTMLButtonElement>(".play")!.click();
    await vi.waitFor(() => expect(root.querySelector(".note")!.textContent).toBe("The recording ends here."));
    await vi.waitFor(() => expect(root.querySelector(".status")!.textContent).toContain("step 120"));
    played.dispose();
    played.remove();
  });
});

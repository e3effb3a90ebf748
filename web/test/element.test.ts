import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type GanLab, recipeOf } from "../src/element";
import type { Engine, MessageHandler } from "../src/engine";
import lab from "../src/main";
import type { Control, Reply } from "../src/protocol";
import { ReplayEngine } from "../src/replay_engine";
import { recording, state } from "./synthetic";

/** An engine whose answers the test writes. */
class Script implements Engine {
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

  it("asks for the state after an error in play, and keeps the error in sight", () => {
    engine.reply(state("points", { playing: true }));
    engine.sent = [];
    engine.reply({ type: "error", message: "loss_g is not finite" });
    expect(engine.types()).toContain("hello");
    engine.reply(state("points"));
    expect(find(".alert").textContent).toBe("loss_g is not finite");
    expect(engine.types()).toContain("tick");
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
    expect(engine.sent.at(-1)).toEqual({ type: "step", what: "d" });
    expect(find(".explanation").textContent).toContain("D’s step (1 of 2)");
    press(".slow");
    expect(find(".explanation").hidden).toBe(true);
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
  it("obey each other's transport, but not each other's settings", () => {
    const other = document.createElement("gan-lab") as GanLab;
    const second = new Script();
    document.body.append(other);
    other.connect(second);
    engine.reply(state("points", { compare: "g1" }));
    second.reply(state("points", { compare: "g1" }));
    press(".play");
    expect(engine.types().at(-1)).toBe("play");
    expect(second.types().at(-1)).toBe("play");
    press('[data-preset="cure"]');
    expect(second.types()).not.toContain("preset");
    other.dispose();
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

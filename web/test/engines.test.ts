import { beforeEach, describe, expect, it, vi } from "vitest";
import { makeEngine, registerEngine, whenRegistered } from "../src/engine";
import { KernelEngine, type WidgetModel } from "../src/kernel_engine";
import type { FrameReply, Reply, StateReply } from "../src/protocol";
import { ReplayEngine } from "../src/replay_engine";
import { recording } from "./synthetic";

class FakeModel implements WidgetModel {
  sent: unknown[] = [];
  handlers = new Map<string, (...args: never[]) => void>();
  send(content: unknown) {
    this.sent.push(content);
  }
  on(event: string, callback: (...args: never[]) => void) {
    this.handlers.set(event, callback);
  }
  off(event: string, callback: (...args: never[]) => void) {
    if (this.handlers.get(event) === callback) this.handlers.delete(event);
  }
}

describe("the kernel engine", () => {
  it("passes messages both ways and lets go when closed", () => {
    const model = new FakeModel();
    const engine = new KernelEngine(model);
    const got: [string, number][] = [];
    engine.onMessage((message, buffers) => got.push([message.type, buffers.length]));
    engine.send({ type: "play" });
    expect(model.sent).toEqual([{ type: "play" }]);
    const receive = model.handlers.get("msg:custom") as unknown as (m: unknown, b?: DataView[]) => void;
    receive({ type: "saved", path: "x" });
    receive({ type: "frame" }, [new DataView(new ArrayBuffer(1))]);
    expect(got).toEqual([
      ["saved", 0],
      ["frame", 1],
    ]);
    engine.close();
    receive({ type: "saved", path: "y" });
    expect(got.length).toBe(2);
    expect(model.handlers.size).toBe(0);
  });
});

describe("the replay engine", () => {
  let engine: ReplayEngine;
  let replies: Reply[];
  const last = () => replies.at(-1)!;
  const ask = async (message: Parameters<ReplayEngine["send"]>[0]) => {
    engine.send(message);
    await vi.waitFor(() => expect(replies.length).toBeGreaterThan(0));
    await new Promise((done) => setTimeout(done, 2));
    return last();
  };
  const tick = (id: number) => ask({ type: "tick", id, budget_ms: 30, layers: [] });

  beforeEach(() => {
    replies = [];
    engine = new ReplayEngine(recording("points", {}, 4));
    engine.onMessage((message) => replies.push(message));
  });

  it("answers every tick with one frame of its id; time stands still until it plays", async () => {
    expect(((await tick(7)) as FrameReply).id).toBe(7);
    expect(((await tick(8)) as FrameReply).step).toBe(0);
    await ask({ type: "play" });
    expect(await tick(9)).toMatchObject({ step: 40, playing: true, snapshots: [0, 40] });
  });

  it("steps, rewinds to a moment it has shown, and resets", async () => {
    await ask({ type: "step", what: "turn" });
    expect(((await ask({ type: "step", what: "d" })) as StateReply).step).toBe(80);
    const back = (await ask({ type: "rewind", step: 40 })) as StateReply;
    expect([back.step, back.snapshots]).toEqual([40, [0, 40]]);
    expect(((await ask({ type: "reset" })) as StateReply).step).toBe(0);
  });

  it("stops at its end and says so", async () => {
    await ask({ type: "play" });
    for (let i = 0; i < 3; i++) await tick(i);
    expect(last()).toMatchObject({ type: "state", playing: false, note: "The recording ends here." });
  });

  it("refuses new settings in words, and gives the recorded code", async () => {
    expect(await ask({ type: "set", changes: { lr_d: 1 } })).toMatchObject({ type: "error" });
    expect(await ask({ type: "code" })).toMatchObject({ type: "code" });
  });

  it("needs a state and a frame", () => {
    expect(() => new ReplayEngine([])).toThrow("a recording needs");
  });
});

describe("the page's engines", () => {
  it("reach labs that were there before them", () => {
    const element = document.createElement("div");
    expect(makeEngine({}, element)).toBeNull();
    const start = vi.fn();
    const forget = whenRegistered(start);
    registerEngine(() => new ReplayEngine(recording("points", {}, 2)));
    expect(start).toHaveBeenCalledOnce();
    expect(makeEngine({}, element)).toBeInstanceOf(ReplayEngine);
    forget();
    registerEngine(() => null);
    expect(start).toHaveBeenCalledOnce();
  });
});

describe("a silent engine", () => {
  it("in a notebook is a kernel that may be gone", () => {
    const kernel = new KernelEngine({ send: () => {}, on: () => {}, off: () => {} });
    expect(kernel.silence[0]).toContain("If the kernel has restarted, run this lab’s cell again.");
    expect(kernel.silence[1]).toBe(true);
  });
});

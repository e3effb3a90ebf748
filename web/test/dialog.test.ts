import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { takeaway } from "../src/dialog";
import { make } from "../src/dom";

const REPLY = { type: "code", python: "import torch", link: "#lab=e30", recipe_json: "{}" } as const;

describe("the window with code", () => {
  const { element, open } = takeaway(() => "kernel");
  const button = make("button", { "data-take": "code" });

  beforeEach(() => {
    document.body.append(make("div", {}, button, element));
    vi.spyOn(button, "getBoundingClientRect").mockReturnValue(new DOMRect(0, 5000, 80, 30));
    vi.spyOn(element, "offsetHeight", "get").mockReturnValue(400);
  });
  afterEach(() => {
    element.close();
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  it("stands where the style sheet puts it on a page that is scrolled", () => {
    vi.stubGlobal("innerHeight", 900);
    vi.stubGlobal("screen", { height: 1080 });
    open(REPLY, "code");
    expect(element.open).toBe(true);
    expect(element.style.marginTop).toBe("");
  });

  it("stands around its button in a frame taller than the screen", () => {
    vi.stubGlobal("innerHeight", 14_000);
    vi.stubGlobal("screen", { height: 1080 });
    open(REPLY, "code");
    expect(element.style.marginTop).toBe("4800px");
  });
});

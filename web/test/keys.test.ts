import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { keepKeys } from "../src/keys";

const MARK = "data-lm-suppress-shortcuts";

describe("keys in a lab", () => {
  let host: HTMLElement;
  let lab: HTMLElement;
  let field: HTMLElement;
  let leave: () => void;

  beforeEach(() => {
    host = document.body.appendChild(document.createElement("div"));
    lab = host.attachShadow({ mode: "open" }).appendChild(document.createElement("div"));
    field = lab.appendChild(document.createElement("input"));
    leave = keepKeys(lab, host);
  });
  afterEach(() => {
    leave();
    host.remove();
    delete document.body.dataset.vscodeThemeKind;
  });

  /** Who acts on a key pressed in a lab: a notebook that looks first (Notebook 7), and one that waits (JupyterLab). */
  function press(key: string, held: KeyboardEventInit = {}): { early: boolean; late: boolean } {
    const acts = { early: false, late: false };
    const early = () => {
      acts.early = !host.hasAttribute(MARK);
    };
    const late = () => {
      acts.late = true;
    };
    document.addEventListener("keydown", early, true);
    document.addEventListener("keydown", late);
    field.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, composed: true, ...held }));
    document.removeEventListener("keydown", early, true);
    document.removeEventListener("keydown", late);
    return acts;
  }

  it.each(["ArrowRight", "ArrowDown", "Enter", "Escape", "d", "s", "z"])("no notebook acts on %s", (key) => {
    expect(press(key)).toEqual({ early: false, late: false });
  });

  it.each([{ ctrlKey: true }, { metaKey: true }])("what saves the notebook goes on to it: s with %o", (held) => {
    expect(press("s", held)).toEqual({ early: true, late: true });
    expect(press("ArrowRight")).toEqual({ early: false, late: false });
  });

  it("other commands stay in the lab", () => {
    for (const key of ["Enter", "a", "v", "z"]) expect(press(key, { ctrlKey: true }).late).toBe(false);
  });

  it("a modifier's release is seen by all", () => {
    expect(press("Control", { ctrlKey: true })).toEqual({ early: true, late: true });
  });

  it("VS Code gets the commands, for it copies and pastes, and no bare key", () => {
    document.body.dataset.vscodeThemeKind = "vscode-dark";
    expect(press("v", { ctrlKey: true }).late).toBe(true);
    expect(press("c", { metaKey: true }).late).toBe(true);
    expect(press("d").late).toBe(false);
    expect(press("ArrowDown").late).toBe(false);
  });

  it("a lab that has ended marks nothing any more", () => {
    leave();
    host.removeAttribute(MARK);
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "x", bubbles: true }));
    expect(host.hasAttribute(MARK)).toBe(false);
  });
});

// The window with code or a link to take away.

import { make } from "./dom";
import type { CodeReply, StateReply } from "./protocol";

export type Shelf = "code" | "link";

export interface Takeaway {
  element: HTMLDialogElement;
  open(reply: CodeReply, shelf: Shelf): void;
}

interface Item {
  label: string;
  text: string;
}

/** What the window shows: the code, or the link and the recipe. */
export function items(reply: CodeReply, shelf: Shelf, engine: StateReply["engine"], address: string): Item[] {
  if (shelf === "code") {
    const how = engine === "page" ? "repeat this run in PyTorch, up to rounding" : "reproduce this run, bit for bit";
    return [{ label: `These lines of Python ${how}.`, text: reply.python }];
  }
  const recipe = { label: "The same as a recipe.", text: reply.recipe_json };
  if (engine === "page") return [{ label: "Settings and seed as a link.", text: address + reply.link }, recipe];
  return [
    { label: "Settings and seed as a link: add it to the address of a page with this lab.", text: reply.link },
    { label: "The same lab in a notebook.", text: `lab.Lab("${reply.link}")` },
    recipe,
  ];
}

export function takeaway(engine: () => StateReply["engine"]): Takeaway {
  const title = make("h2", { id: "takeaway-title" });
  const body = make("div", { class: "items" });
  const close = make("button", { type: "button", click: () => element.close() }, "Close");
  const element = make("dialog", { "aria-labelledby": "takeaway-title" }, title, body, close);
  return {
    element,
    open(reply, shelf) {
      title.textContent = shelf === "code" ? "Code" : "Link";
      body.replaceChildren(...items(reply, shelf, engine(), location.href.split("#")[0]!).map(shown));
      const { top } = element.parentElement!.querySelector(`[data-take=${shelf}]`)!.getBoundingClientRect();
      element.showModal();
      // VS Code shows all outputs in one frame, taller than the screen: its middle may be out of sight, the button is not.
      if (innerHeight > screen.height) element.style.marginTop = `${Math.max(0, top - element.offsetHeight / 2)}px`;
    },
  };
}

function shown({ label, text }: Item): HTMLElement {
  const pre = make("pre", { tabindex: "0" }, text);
  const copy = make("button", { type: "button", class: "copy" }, "Copy");
  copy.addEventListener("click", async () => {
    copy.textContent = (await copied(text, pre)) ? "Copied" : "Selected: press Ctrl+C";
  });
  return make("div", { class: "item" }, make("p", {}, label), pre, copy);
}

/** Copies, or selects the text where the page may not use the clipboard. */
async function copied(text: string, pre: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection()?.selectAllChildren(pre);
    return false;
  }
}

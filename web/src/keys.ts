// Keys pressed in a lab are the lab's: a notebook would take arrows, Enter and letters for its own shortcuts.

/** Whether a key goes on to the notebook: what saves it does. */
export function passes({ key, ctrlKey, metaKey }: KeyboardEvent): boolean {
  // Who misses a modifier's release takes it for held.
  if (/^(Alt|Control|Meta|Shift)$/.test(key)) return true;
  // VS Code itself copies and pastes for what is shown in it.
  return (ctrlKey || metaKey) && (key === "s" || document.body.dataset.vscodeThemeKind !== undefined);
}

/** Keeps the keys pressed within `lab`, which is inside `host`; the returned function ends what reaches beyond them. */
export function keepKeys(lab: HTMLElement, host: Element): () => void {
  const stop = (event: KeyboardEvent) => {
    if (!passes(event)) event.stopPropagation();
  };
  for (const type of ["keydown", "keyup", "keypress"] as const) lab.addEventListener(type, stop);
  // Notebook 7 acts before the lab has seen the key, but not for an element with this mark.
  const mark = (event: KeyboardEvent) => host.toggleAttribute("data-lm-suppress-shortcuts", !passes(event));
  addEventListener("keydown", mark, true);
  return () => removeEventListener("keydown", mark, true);
}

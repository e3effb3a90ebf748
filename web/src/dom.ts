// Making elements in one line.

type Props = Record<string, string | boolean | ((event: Event) => void)>;

/** Makes an element; a property that is a function listens to the event of that name, true is an empty attribute. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (typeof value === "string") element.setAttribute(name, value);
    else if (value) element.setAttribute(name, "");
  }
  element.append(...children);
  return element;
}

let made = 0;

/** An id that no other element of the page has. */
export function uniqueId(prefix: string): string {
  made += 1;
  return `${prefix}-${made}`;
}

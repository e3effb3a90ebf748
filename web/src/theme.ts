// Light and dark: one palette each, used by the style sheet (as custom properties) and by the canvases.

export type Theme = "light" | "dark";
export type Rgb = readonly [number, number, number];

export interface Palette {
  paper: string;
  panel: string;
  ink: string;
  muted: string;
  line: string;
  accent: string;
  onAccent: string;
  real: string;
  fake: string;
  warn: string;
  warnPaper: string;
  /** Colours of D's field from "surely generated" over "cannot tell" to "surely real". */
  field: readonly [Rgb, Rgb, Rgb, Rgb, Rgb];
  /** The same scale in full colour, for thin bars. */
  verdict: readonly [Rgb, Rgb, Rgb];
}

export const PALETTES: Record<Theme, Palette> = {
  light: {
    paper: "#ffffff",
    panel: "#f5f8fb",
    ink: "#1f262d",
    muted: "#55616d",
    line: "#d3dae1",
    accent: "#1a5a96",
    onAccent: "#ffffff",
    real: "#1a62a3",
    fake: "#c25200",
    warn: "#8a2b12",
    warnPaper: "#fdeee8",
    field: [
      [240, 156, 88],
      [249, 213, 180],
      [250, 250, 250],
      [196, 220, 240],
      [125, 179, 222],
    ],
    verdict: [
      [214, 96, 0],
      [214, 214, 214],
      [31, 111, 180],
    ],
  },
  dark: {
    paper: "#14181d",
    panel: "#1b222a",
    ink: "#dde3ea",
    muted: "#a9b4c0",
    line: "#3a4550",
    accent: "#8cc4f5",
    onAccent: "#10202f",
    real: "#8ac6f9",
    fake: "#ffae5e",
    warn: "#ffb59c",
    warnPaper: "#3a2019",
    field: [
      [134, 68, 14],
      [82, 47, 22],
      [26, 31, 37],
      [24, 54, 82],
      [26, 84, 134],
    ],
    verdict: [
      [255, 150, 50],
      [86, 94, 102],
      [100, 175, 245],
    ],
  },
};

/** The page's theme: the book's, JupyterLab's, VS Code's or Colab's mark if there is one, else the system's wish. */
export function pageTheme(): Theme {
  const { documentElement: html, body } = document;
  const named = html.dataset.theme ?? html.getAttribute("theme");
  if (named === "dark" || named === "light") return named;
  const jupyter = body?.dataset.jpThemeLight;
  if (jupyter !== undefined) return jupyter === "false" ? "dark" : "light";
  const vscode = body?.dataset.vscodeThemeKind;
  if (vscode !== undefined) return vscode.includes("light") ? "light" : "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** Calls `changed` with the theme now and whenever the page's theme changes; the returned function ends that. */
export function watchTheme(changed: (theme: Theme) => void): () => void {
  let now: Theme | null = null;
  const look = () => {
    const theme = pageTheme();
    if (theme !== now) changed(theme);
    now = theme;
  };
  const observer = new MutationObserver(look);
  const marks = {
    attributes: true,
    attributeFilter: ["data-theme", "theme", "data-jp-theme-light", "data-vscode-theme-kind"],
  };
  observer.observe(document.documentElement, marks);
  if (document.body) observer.observe(document.body, marks);
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", look);
  look();
  return () => {
    observer.disconnect();
    system.removeEventListener("change", look);
  };
}

/** Puts a palette on an element as custom properties: --paper, --ink, --real, ... */
export function applyPalette(element: HTMLElement, theme: Theme): Palette {
  const palette = PALETTES[theme];
  for (const [name, value] of Object.entries(palette)) {
    if (typeof value === "string") element.style.setProperty(`--${name}`, value);
  }
  const [fake, , none, , real] = palette.field;
  for (const [name, [r, g, b]] of Object.entries({ fake, none, real })) {
    element.style.setProperty(`--field-${name}`, `rgb(${r} ${g} ${b})`);
  }
  element.style.setProperty("color-scheme", theme);
  element.dataset.theme = theme;
  return palette;
}

export function reducedMotion(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

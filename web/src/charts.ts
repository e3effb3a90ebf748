// The two line charts, drawn by uPlot: losses and gradient norms over the steps.

import uPlot from "uplot";
import { measured } from "./format";
import type { Palette } from "./theme";

export interface Chart {
  element: HTMLElement;
  draw(step: number[], d: number[], g: number[]): void;
  /** Names the unit of both curves. */
  unit(words: string): void;
  dress(palette: Palette): void;
  resize(width: number): void;
  destroy(): void;
}

const HEIGHT = 128;

/** A chart of one quantity for both players. With `log`, logarithmic where all values are positive, else asinh. */
export function chart(title: string, startsLog: boolean, measure = ""): Chart {
  const element = document.createElement("div");
  element.className = "chart";
  element.innerHTML = `<div class="chart-head"><h3><span></span> <small></small></h3><label><input type="checkbox"> log</label></div><div class="plot"></div>`;
  element.querySelector("h3 span")!.textContent = title;
  const unit = element.querySelector("small")!;
  unit.textContent = measure;
  const box = element.querySelector("input")!;
  box.checked = startsLog;
  box.setAttribute("aria-label", `${title}: log scale`);
  const place = element.querySelector<HTMLElement>(".plot")!;
  let [plot, palette, width]: [uPlot | null, Palette | null, number] = [null, null, 0];
  let data: [number[], (number | null)[], (number | null)[]] = [[], [], []];
  let distribution = 1;

  const wanted = () => (!box.checked ? 1 : positive(data[1]) && positive(data[2]) ? 3 : 4);
  const build = () => {
    plot?.destroy();
    plot = null;
    if (!palette || width < 40) return;
    distribution = wanted();
    plot = new uPlot(options(palette, width, distribution as 1 | 3 | 4), data, place);
  };
  box.addEventListener("change", build);
  return {
    element,
    draw(step, d, g) {
      data = [step, d.map(finite), g.map(finite)];
      element.toggleAttribute("data-empty", step.length === 0);
      if (!plot || wanted() !== distribution) build();
      else plot.setData(data);
    },
    unit(words) {
      if (unit.textContent !== words) unit.textContent = words;
    },
    dress(next) {
      palette = next;
      build();
    },
    resize(next) {
      if (Math.abs(next - width) < 1) return;
      width = next;
      if (plot) plot.setSize({ width, height: HEIGHT });
      else build();
    },
    destroy: () => plot?.destroy(),
  };
}

const inWords = (value: number | null | undefined) => (value === null || value === undefined ? "–" : measured(value));
const last = (u: uPlot, series: number) => u.data[series]!.at(-1) ?? null;
const finite = (value: number) => (Number.isFinite(value) ? value : null);
const positive = (values: (number | null)[]) => values.every((v) => v === null || v > 0);

function options(palette: Palette, width: number, distr: 1 | 3 | 4): uPlot.Options {
  const font = "11px system-ui, sans-serif";
  const axis = { stroke: palette.muted, grid: { stroke: palette.line, width: 0.5 }, ticks: { show: false }, font };
  const line = (label: string, stroke: string, dash: number[]) => ({
    label,
    stroke,
    dash,
    width: 1.6,
    points: { show: false },
    value: (u: uPlot, v: number | null, k: number, at: number | null) => inWords(at === null ? last(u, k) : v),
  });
  return {
    width,
    height: HEIGHT,
    padding: [6, 16, 0, 0],
    cursor: { y: false, drag: { x: false, y: false } },
    legend: { show: true, live: true },
    scales: { x: { time: false }, y: { distr, asinh: 0.1, range: rangeOf(distr) } },
    axes: [
      { ...axis, size: 22, gap: 2, space: 60 },
      {
        ...axis,
        grid: distr === 3 ? { ...axis.grid, filter: (_, splits) => splits.map(decade) } : axis.grid,
        size: 44,
        gap: 2,
        space: 26,
        values: (_, ticks) => ticks.map((t) => (t === null ? "" : tick(t))),
      },
    ],
    series: [
      { label: "step", value: (u, v, k, at) => String((at === null ? last(u, k) : v) ?? "–") },
      line("D", palette.real, []),
      line("G", palette.fake, [6, 3]),
    ],
  };
}

/** Keeps all values in sight with a little room; uPlot's own choice for logarithmic scales. */
function rangeOf(distr: 1 | 3 | 4): uPlot.Scale.Range | undefined {
  if (distr !== 1) return undefined as unknown as uPlot.Scale.Range;
  return (_u, low, high) => {
    if (low === null || high === null) return [0, 1];
    const room = 0.06 * Math.max(high - low, 1e-3);
    return [low >= 0 && low < 0.5 * high ? 0 : low - room, high + room];
  };
}

/** Powers of ten alone get a line: many decades would be a grey ground. */
const decade = (value: number) => (Math.abs(Math.log10(value) % 1) < 1e-6 ? value : null);

function tick(value: number): string {
  const size = Math.abs(value);
  if (value !== 0 && (size < 1e-3 || size >= 1e4)) return value.toExponential(0).replace("e+", "e");
  return String(Number(value.toPrecision(3)));
}

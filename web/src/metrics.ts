// Each metric beside what a perfect sampler would get.

import { make } from "./dom";
import { measured } from "./format";
import type { Metric } from "./protocol";

/** How much of the way to the best possible value is done, 0..1. */
export function progress(metric: Metric): number {
  const { value, best, worst, better } = metric;
  if (value === null || !Number.isFinite(value)) return 0;
  const clamp = (x: number) => Math.min(1, Math.max(0, x));
  if (best === null) return 0;
  if (worst !== undefined && worst !== null && worst !== best) return clamp((value - worst) / (best - worst));
  if (better === "high") return best > 0 ? clamp(value / best) : 0;
  return value <= best ? 1 : clamp(best / value);
}

export interface Meters {
  element: HTMLElement;
  show(metrics: readonly Metric[]): void;
}

export function meters(): Meters {
  const element = make("dl", { class: "metrics" });
  let built = "";
  const build = (metrics: readonly Metric[]) => {
    element.replaceChildren(
      ...metrics.map((m) =>
        make(
          "div",
          { class: "metric" },
          make("dt", {}, m.label),
          make("dd", {}, make("b"), make("span", { class: "best" })),
          make("i", { "aria-hidden": "true", class: "bar" }),
        ),
      ),
    );
  };
  return {
    element,
    show(metrics) {
      const key = metrics.map((m) => m.name).join();
      if (key !== built) build(metrics);
      built = key;
      metrics.forEach((metric, i) => {
        const row = element.children[i] as HTMLElement;
        row.querySelector("b")!.textContent = metric.value === null ? "–" : measured(metric.value);
        row.querySelector(".best")!.textContent =
          metric.best === null ? "" : `${metric.best_label} ${measured(metric.best)}`;
        row.querySelector<HTMLElement>(".bar")!.hidden =
          metric.best === null || (metric.better === "low" && (metric.worst ?? null) === null);
        row.style.setProperty("--part", progress(metric).toFixed(3));
        row.title = metric.better === "high" ? "higher is better" : "lower is better";
      });
      element.hidden = metrics.length === 0;
    },
  };
}

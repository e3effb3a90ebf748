// Between a slider's integer positions and values: linear, logarithmic, powers of two.

import type { ControlSpec } from "./protocol";

export interface Scale {
  /** The slider runs over the integers 0..positions. */
  positions: number;
  value(position: number): number;
  position(value: number): number;
}

const PER_DECADE = 20;

/** Rounds to significant digits: 0.000316227 with 2 is 0.00032. */
export function significant(value: number, digits = 2): number {
  return value === 0 ? 0 : Number(value.toPrecision(digits));
}

/** Equal ratios for equal distances, rounded to two digits; if min is 0, position 0 is exactly 0. */
export function logScale(min: number, max: number): Scale {
  const withZero = min <= 0;
  const low = withZero ? max * 1e-5 : min;
  const decades = Math.log10(max / low);
  const steps = Math.max(1, Math.round(decades * PER_DECADE));
  const first = withZero ? 1 : 0;
  const clamp = (x: number) => Math.min(max, Math.max(low, x));
  return {
    positions: steps + first,
    value: (position) => {
      if (withZero && position <= 0) return 0;
      if (position >= steps + first) return max;
      if (position <= first) return low;
      return significant(low * 10 ** ((decades * (position - first)) / steps));
    },
    position: (value) => {
      if (withZero && value <= 0) return 0;
      return first + Math.round((Math.log10(clamp(value) / low) / decades) * steps);
    },
  };
}

export function linearScale(min: number, max: number, step: number): Scale {
  const positions = Math.max(1, Math.round((max - min) / step));
  const digits = Math.max(0, Math.ceil(-Math.log10(step)) + 1);
  return {
    positions,
    value: (position) => Number(Math.min(max, min + position * step).toFixed(digits)),
    position: (value) => Math.min(positions, Math.max(0, Math.round((value - min) / step))),
  };
}

/** 1, 2, 4, 8, ...: the powers of two from min to max. */
export function log2Scale(min: number, max: number): Scale {
  const low = Math.ceil(Math.log2(Math.max(1, min)));
  const high = Math.floor(Math.log2(max));
  return {
    positions: Math.max(1, high - low),
    value: (position) => 2 ** Math.min(high, low + position),
    position: (value) => Math.min(high - low, Math.max(0, Math.round(Math.log2(Math.max(1, value))) - low)),
  };
}

/** The scale of a number control, or null if it has no range and must be typed. */
export function scaleOf(spec: ControlSpec): Scale | null {
  const { kind } = spec;
  const [min, max] = [spec.min ?? Number.NaN, spec.max ?? Number.NaN];
  if (!(max > min)) return null;
  if (kind === "log") return logScale(min, max);
  if (kind === "log2") return log2Scale(min, max);
  if (kind === "int") return max - min > 1000 ? null : linearScale(min, max, Math.max(1, Math.round(spec.step ?? 1)));
  return kind === "linear" ? linearScale(min, max, spec.step ?? (max - min) / 100) : null;
}

/** Reads a typed number; returns the number, or what is wrong with it in words. */
export function parseTyped(spec: ControlSpec, text: string): number | string {
  const number = Number(text.trim().replace(",", "."));
  const [min, max] = [spec.min ?? Number.NEGATIVE_INFINITY, spec.max ?? Number.POSITIVE_INFINITY];
  const whole = spec.kind === "int" || spec.kind === "log2";
  const good = text.trim() !== "" && Number.isFinite(number) && number >= min && number <= max;
  if (good && (!whole || Number.isInteger(number))) return number;
  const kind = whole ? "a whole number" : "a number";
  const range = Number.isFinite(min) && Number.isFinite(max) ? ` from ${formatValue(min)} to ${formatValue(max)}` : "";
  return `${spec.label} must be ${kind}${range}, got “${text}”.`;
}

/** Short and exact for settings: 0.001, 2e-4, 128. */
export function formatValue(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e6) return value.toExponential().replace("e+", "e");
  return String(value);
}

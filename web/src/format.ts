// Numbers as a reader wants them.

const MINUS = "\u2212";

/** Three significant digits; "not a number" where there is none. */
export function measured(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "not finite";
  if (Number.isInteger(value) && Math.abs(value) < 1e5) return String(value).replace("-", MINUS);
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) return value.toExponential(1).replace("e+", "e").replace("-", MINUS);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toFixed(digits).replace("-", MINUS);
}

/** 12480 as 12,480. */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** A logit with its sign, for the line under an image. */
export function signed(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const text = Math.abs(value) >= 10 ? Math.abs(value).toFixed(0) : Math.abs(value).toFixed(1);
  if (text === "0.0") return text;
  return (value < 0 ? MINUS : "+") + text;
}

// The messages between the element and an engine, and how binary arrays become typed arrays.

export const PROTOCOL = 1;

export type Value = string | number | boolean | null;
export type Recipe = Record<string, Value>;
export type LayerName = "field" | "arrows" | "manifold" | "optimal" | "histograms";
export type Player = "d" | "g";

/** Asks for a frame. A lab that plays trains first: for budget_ms, or exactly `steps` turns. */
export interface Tick {
  type: "tick";
  id: number;
  budget_ms: number;
  layers: LayerName[];
  steps?: number;
}

export type Control =
  | { type: "hello"; protocol: number }
  | Tick
  | { type: "play" }
  | { type: "pause" }
  | { type: "step"; what: Player | "turn" }
  | { type: "set"; changes: Record<string, Value> }
  | { type: "reset" }
  | { type: "rewind"; step: number }
  | { type: "preset"; name: string }
  | { type: "code" }
  | { type: "save" };

export type Group = "Loss" | "Optimiser" | "Game" | "Networks" | "Data";
export const GROUPS: readonly Group[] = ["Loss", "Optimiser", "Game", "Networks", "Data"];

export interface ControlSpec {
  field: string;
  label: string;
  group: Group;
  kind: "choice" | "log" | "linear" | "int" | "log2";
  choices?: { value: Value; label: string }[];
  min?: number | null;
  max?: number | null;
  step?: number | null;
  unit?: string | null;
  help: string;
  effect: "next step" | "rebuilds the networks" | "new data and networks";
}

export interface Preset {
  name: string;
  label: string;
  about: string;
}

export type Extent = [x0: number, x1: number, y0: number, y1: number];

export interface Source {
  kind: "points" | "images" | "line";
  shape: number[];
  range: [number, number] | null;
  extent: Extent | null;
  name: string;
  modes: number | null;
  density: boolean;
  /** Names of the classes that G is asked for, one row of images each; null without a condition. */
  labels: string[] | null;
}

export interface Memory {
  used_mb: number;
  budget_mb: number;
}

export interface StateReply {
  type: "state";
  protocol: number;
  engine: "kernel" | "page" | "replay";
  playing: boolean;
  step: number;
  recipe: Recipe;
  controls: ControlSpec[];
  presets: Preset[];
  source: Source;
  /** The preset that has these settings. */
  preset: string | null;
  snapshots: number[];
  memory: Memory;
  locked: string[];
  hidden: string[];
  compare: string | null;
  note: string | null;
}

export interface Metric {
  name: string;
  label: string;
  value: number | null;
  best: number | null;
  worst?: number | null;
  better: "high" | "low";
  best_label: string;
}

export interface ArrayHeader {
  name: string;
  dtype: "f32" | "u8";
  shape: number[];
}

/** A number that JSON cannot write (NaN, infinity) arrives as null. */
export type Measured = number | null;

/** While a game of images plays, a frame may come without the picture's arrays: then the last ones stay. */
export interface FrameReply {
  type: "frame";
  id: number;
  step: number;
  playing: boolean;
  snapshots: number[];
  memory: Memory;
  steps_per_second: number;
  finite: boolean;
  loss_d: Measured;
  loss_g: Measured;
  grad_d: Measured;
  grad_g: Measured;
  gap: Measured;
  metrics: Metric[];
  arrays: ArrayHeader[];
}

export interface CodeReply {
  type: "code";
  python: string;
  link: string;
  recipe_json: string;
}

export interface SavedReply {
  type: "saved";
  path: string;
  metrics_path: string;
}

export interface ErrorReply {
  type: "error";
  message: string;
  field?: string | null;
  /** The tick that got this instead of a frame. */
  id?: number;
}

export type Reply = StateReply | FrameReply | CodeReply | SavedReply | ErrorReply;

export interface Tensor<T extends Float32Array | Uint8Array = Float32Array | Uint8Array> {
  shape: number[];
  data: T;
}

export type Floats = Tensor<Float32Array>;
export type Bytes = Tensor<Uint8Array>;
export type Arrays = Map<string, Tensor>;

/** Returns the arrays of a frame by name; buffers may start at any byte, so floats are copied where they must be.
 *  Throws when a buffer is missing or has another size than its header says. */
export function decodeArrays(headers: readonly ArrayHeader[], buffers: readonly ArrayBufferView[]): Arrays {
  const arrays: Arrays = new Map();
  headers.forEach((header, i) => {
    const view = buffers[i];
    if (!view) throw new Error(`the frame has no buffer for "${header.name}"`);
    const count = header.shape.reduce((a, b) => a * b, 1);
    const bytes = header.dtype === "f32" ? 4 * count : count;
    if (view.byteLength !== bytes) {
      throw new Error(`"${header.name}" must have ${bytes} bytes for shape [${header.shape}], got ${view.byteLength}`);
    }
    arrays.set(header.name, { shape: header.shape, data: typed(header.dtype, view, count) });
  });
  return arrays;
}

function typed(dtype: "f32" | "u8", view: ArrayBufferView, count: number): Float32Array | Uint8Array {
  const { buffer, byteOffset, byteLength } = view;
  if (dtype === "u8") return new Uint8Array(buffer, byteOffset, count);
  if (byteOffset % 4 === 0) return new Float32Array(buffer, byteOffset, count);
  return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

export function floats(arrays: Arrays, name: string): Floats | undefined {
  const found = arrays.get(name);
  return found?.data instanceof Float32Array ? (found as Floats) : undefined;
}

export function bytes(arrays: Arrays, name: string): Bytes | undefined {
  const found = arrays.get(name);
  return found?.data instanceof Uint8Array ? (found as Bytes) : undefined;
}

// Whoever computes the frames: the kernel, the page, or a recording.

import type { Control, Recipe, Reply } from "./protocol";

export type MessageHandler = (message: Reply, buffers: DataView[]) => void;

export interface Engine {
  /** What the lab says when nothing has come for ten seconds, and whether it offers to ask again. */
  readonly silence: readonly [words: string, retry: boolean];
  send(message: Control): void;
  onMessage(handler: MessageHandler): void;
  close(): void;
}

/** Makes an engine for a recipe that the page holds, or returns null if it cannot run that one. */
export type EngineFactory = (recipe: Recipe, element: HTMLElement) => Engine | null;

interface Registry {
  factory: EngineFactory | null;
  waiting: Set<() => void>;
}

// One registry for the page, even if this module is loaded twice (a notebook cell that runs again loads it again).
const KEY = Symbol.for("gan-tutor.lab.engines");
const page = globalThis as { [KEY]?: Registry };
page[KEY] ??= { factory: null, waiting: new Set() };
const registry: Registry = page[KEY];

/** Gives the labs on a page without a kernel their engine; labs that are already there start at once. */
export function registerEngine(factory: EngineFactory): void {
  registry.factory = factory;
  for (const start of [...registry.waiting]) start();
}

export function makeEngine(recipe: Recipe, element: HTMLElement): Engine | null {
  return registry.factory?.(recipe, element) ?? null;
}

/** Calls `start` whenever an engine is registered; the returned function ends that. */
export function whenRegistered(start: () => void): () => void {
  registry.waiting.add(start);
  return () => registry.waiting.delete(start);
}

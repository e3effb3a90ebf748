// The worker of one lab: it holds the game, so the page itself stays free to draw and to answer.

import type { Control } from "../protocol";
import { type Options, PageLab, type Supplies } from "./lab";
import type { Manifest, Site, SourceData } from "./manifest";
import { drawnData, sourceName } from "./recipes";
import { curveSource, imageSource, mixtureSource, type Source } from "./sources";

/** From the page: how to begin, what was asked for, or a message to the lab. */
export type ToWorker =
  | { kind: "open"; site: Site; options: Options }
  | { kind: "program"; key: string; wasm: ArrayBuffer; manifest: Manifest }
  | { kind: "pixels"; name: string; pixels: ArrayBuffer; labels: ArrayBuffer }
  | { kind: "missing"; what: string; message: string }
  | { kind: "message"; message: Control };

/** To the page: what is needed, an answer, or an end. */
export type FromWorker =
  | { kind: "need"; what: "program" | "pixels"; name: string }
  | { kind: "reply"; reply: unknown; buffers: ArrayBuffer[] }
  | { kind: "failed"; message: string };

type Scope = {
  onmessage: ((event: { data: ToWorker }) => void) | null;
  postMessage(message: FromWorker, transfer?: ArrayBuffer[]): void;
};
const scope = globalThis as unknown as Scope;

type Wanted = { done: (value: never) => void; failed: (error: Error) => void };
const wanted = new Map<string, Wanted>();
const known = new Map<string, Promise<unknown>>();

/** Asks the page for something by name, once. */
function need<T>(what: "program" | "pixels", name: string): Promise<T> {
  const key = `${what} ${name}`;
  const found = known.get(key) as Promise<T> | undefined;
  if (found) return found;
  const coming = new Promise<T>((done, failed) => wanted.set(key, { done: done as Wanted["done"], failed }));
  known.set(key, coming);
  scope.postMessage({ kind: "need", what, name });
  return coming;
}

function suppliesOf(site: Site): Supplies {
  return {
    site,
    program: (key) => need("program", key),
    source: async (recipe) => {
      const name = sourceName(recipe);
      const data: SourceData | undefined = name === "drawn" ? drawnData(String(recipe.points)) : site.sources[name];
      if (!data) throw new Error(`this page has no data ${name}`);
      if (data.kind === "mixture") return mixtureSource(data);
      if (data.kind === "curve") return curveSource(data);
      return need<Source>("pixels", name);
    },
  };
}

let site: Site | null = null;
let lab: Promise<PageLab> | null = null;
let queue: Promise<void> = Promise.resolve();

function fail(error: unknown): void {
  scope.postMessage({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
}

async function take(message: ToWorker): Promise<void> {
  switch (message.kind) {
    case "open":
      site = message.site;
      lab = PageLab.open(suppliesOf(message.site), message.options);
      lab.catch(fail);
      return;
    case "program": {
      const { key, wasm, manifest } = message;
      wanted.get(`program ${key}`)?.done({ module: await WebAssembly.compile(wasm), manifest } as never);
      return;
    }
    case "pixels": {
      const data = site?.sources[message.name];
      if (data?.kind !== "images") return;
      const { shape, classes } = data;
      const source = imageSource(shape, new Uint8Array(message.pixels), new Uint8Array(message.labels), classes);
      wanted.get(`pixels ${message.name}`)?.done(source as never);
      return;
    }
    case "missing":
      wanted.get(message.what)?.failed(new Error(message.message));
      known.delete(message.what);
      return;
    case "message":
      queue = queue.then(() => reply(message.message)).catch(fail);
  }
}

async function reply(message: Control): Promise<void> {
  if (!lab) throw new Error("the lab was asked before it was opened");
  const [answer, buffers] = await (await lab).handle(message);
  scope.postMessage({ kind: "reply", reply: answer, buffers }, buffers);
}

scope.onmessage = ({ data }) => {
  take(data).catch(fail);
};

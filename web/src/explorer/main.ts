// The script of the built site: gives every <gan-latent> its generator from the folder of this script. It is a classic
// script and asks no other host for anything, so that a page opened from a folder works too.

import { Machine } from "../page/machine";
import type { Manifest } from "../page/manifest";
import { defineElement, setSupplier, type Woken } from "./element";
import { canRun, type ModelFile, wake } from "./model";
import { NO_ENGINE } from "./words";

const beside = (document.currentScript as HTMLScriptElement | null)?.src ?? location.href;
const shelf = globalThis as { ganTutorExplorers?: Record<string, ModelFile> };
const awake = new Map<string, Promise<Woken>>();

async function load(name: string): Promise<Woken> {
  await new Promise<void>((done, failed) => {
    const script = document.createElement("script");
    script.src = new URL(`${name}.js`, beside).href;
    script.onload = () => done();
    script.onerror = () => failed(new Error(`${name}.js could not be loaded; reload the page`));
    document.head.append(script);
  });
  const file = shelf.ganTutorExplorers?.[name];
  if (!file) throw new Error(`${name}.js does not hold what its name says; build the book again`);
  return { generator: await wake(file, machineOf(file)), bytes: JSON.stringify(file).length };
}

/** Only the list of programs is read of a manifest. */
function machineOf({ programs }: ModelFile) {
  return (module: WebAssembly.Module) => new Machine(module, { programs } as unknown as Manifest);
}

setSupplier((name) => {
  if (!/^[a-z_]+$/.test(name)) return `There is no generator “${name}”.`;
  if (!canRun()) return NO_ENGINE;
  const found = awake.get(name) ?? load(name);
  awake.set(name, found);
  return found;
});
defineElement();

// The files that the build put beside this script: the site's list, programs, pixels, recordings. They are scripts,
// each of which leaves one object behind: so they load from a server and from a folder alike.

import type { Bundle, Site } from "./manifest";

export interface Pixels {
  pixels: string;
  labels: string;
}

interface Shelf {
  site?: Site;
  pixels: Record<string, Pixels>;
  recordings: Record<string, unknown>;
}

const page = globalThis as { ganTutorLab?: Partial<Shelf>; ganTutorBundles?: Record<string, Bundle> };

export interface Files {
  readonly site: Site;
  bundle(key: string): Promise<Bundle>;
  pixels(name: string): Promise<Pixels>;
  recording(key: string): Promise<unknown>;
}

/** The files in the folder of a script. The site's list must be loaded already. */
export function filesBeside(script: string): Files {
  const shelf = page.ganTutorLab;
  const site = shelf?.site;
  if (!site) throw new Error("the labs' list of settings is missing: build the book again");
  const load = async <T>(name: string, there: () => unknown): Promise<T> => {
    if (!there()) await loaded(new URL(`${name}.js`, script).href);
    const found = there();
    if (!found) throw new Error(`${name}.js does not hold what its name says: build the book again`);
    return found as T;
  };
  return {
    site,
    bundle: (key) => load(key, () => page.ganTutorBundles?.[key]),
    pixels: (name) => load(name, () => shelf.pixels?.[name]),
    recording: (key) => load(key, () => shelf.recordings?.[key]),
  };
}

function loaded(address: string): Promise<void> {
  return new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = () => done();
    script.onerror = () => failed(new Error(`${address.split("/").at(-1)} could not be loaded: reload the page`));
    document.head.append(script);
  });
}

export function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Unpacks what was packed with zlib. */
export async function unpacked(base64: string): Promise<ArrayBuffer> {
  const stream = new Blob([bytesOf(base64)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

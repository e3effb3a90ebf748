// The engine that trains in this page: a worker of its own for each lab, and the address of the page as its memory.

import type { Engine, MessageHandler } from "../engine";
import type { Control, Recipe, Reply, StateReply } from "../protocol";
import { bytesOf, type Files, unpacked } from "./files";
import type { Options } from "./lab";
import { changes, toLink } from "./recipes";
import type { FromWorker, ToWorker } from "./worker";
import WORKER from "./worker?text";

export class PageEngine implements Engine {
  /** A worker cannot be gone without a word: it says so itself when it ends. */
  readonly silence = [
    "Still working: this device has needed more than 10 seconds for an answer. The lab goes on when it comes.",
    false,
  ] as const;
  private handler: MessageHandler | null = null;
  private readonly worker: Worker;
  private opened = false;
  private recipe: Recipe;

  /** `at`: the lab's place on the page; `trouble`: what was wrong with the address, to be told once. */
  constructor(
    private readonly options: Options,
    private readonly at: number,
    private readonly files: Files,
    private trouble: string | null,
  ) {
    this.recipe = options.recipe;
    const address = URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" }));
    this.worker = new Worker(address);
    URL.revokeObjectURL(address);
    this.worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.take(data);
    this.worker.onerror = (event) => this.fail(event.message);
  }

  send(message: Control): void {
    if (!this.opened) this.post({ kind: "open", site: this.files.site, options: this.options });
    this.opened = true;
    this.post({ kind: "message", message });
  }

  onMessage(handler: MessageHandler): void {
    this.handler = handler;
  }

  close(): void {
    this.handler = null;
    this.worker.terminate();
  }

  private post(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    this.worker.postMessage(message, transfer);
  }

  private take(message: FromWorker): void {
    if (message.kind === "need") void this.supply(message.what, message.name);
    else if (message.kind === "failed") this.fail(message.message);
    else this.tell(message.reply as Reply, message.buffers);
  }

  private tell(reply: Reply, buffers: ArrayBuffer[]): void {
    if (reply.type === "saved") download(reply.path, buffers[0]!);
    this.handler?.(
      reply,
      buffers.map((buffer) => new DataView(buffer)),
    );
    if (reply.type !== "state") return;
    this.remember(reply);
    if (this.trouble) this.fail(this.trouble);
    this.trouble = null;
  }

  private fail(message: string): void {
    this.handler?.({ type: "error", message }, []);
  }

  private async supply(what: "program" | "pixels", name: string): Promise<void> {
    try {
      if (what === "program") {
        const { manifest, wasm } = await this.files.bundle(name);
        const { buffer } = bytesOf(wasm);
        return this.post({ kind: "program", key: name, wasm: buffer, manifest }, [buffer]);
      }
      const packed = await this.files.pixels(name);
      const [pixels, labels] = await Promise.all([unpacked(packed.pixels), unpacked(packed.labels)]);
      this.post({ kind: "pixels", name, pixels, labels }, [pixels, labels]);
    } catch (error) {
      this.post({ kind: "missing", what: `${what} ${name}`, message: (error as Error).message });
    }
  }

  /** Writes new settings into the page's address: who copies it sends this lab. */
  private remember({ recipe }: StateReply): void {
    if (this.at < 0) return; // a lab that is on no page has no address
    if (Object.keys(changes(this.recipe, recipe)).length === 0) return;
    this.recipe = recipe;
    const { lock, hide } = this.options;
    const kept = [
      ["at", this.at ? String(this.at) : ""],
      ["lock", lock.join(",")],
      ["hide", hide.join(",")],
    ].filter(([, text]) => text !== "");
    const fragment = toLink(recipe, this.files.site) + kept.map(([name, text]) => `&${name}=${text}`).join("");
    history.replaceState(history.state, "", fragment);
  }
}

function download(name: string, bytes: ArrayBuffer): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type: "application/json" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// What a page shows that cannot train: the recording that the build made of the same recipe.

import type { Engine, MessageHandler } from "../engine";
import type { Control, Reply } from "../protocol";
import { type Recorded, ReplayEngine } from "../replay_engine";
import { type Files, unpacked } from "./files";

interface Packed {
  messages: Reply[];
  /** Bytes of each message's buffers. */
  sizes: number[][];
  data: string;
}

const WHY =
  "This browser cannot train here (it lacks WebAssembly with SIMD), so this is a recording of the same run: " +
  "play, pause and rewind work, settings do not.";

/** The recording of a lab; null if there is none. */
export function recording(element: HTMLElement, files: Files): Engine | null {
  const { recording: name } = element.dataset;
  return name ? new LateEngine(files.recording(name).then((packed) => replay(packed as Packed))) : null;
}

async function replay({ messages, sizes, data }: Packed): Promise<Engine> {
  const bytes = await unpacked(data);
  let at = 0;
  const records: Recorded[] = messages.map((message, i) => {
    const buffers = sizes[i]!.map((size) => {
      at += size;
      return new DataView(bytes, at - size, size);
    });
    return { message, buffers };
  });
  return new ReplayEngine(records, WHY);
}

/** An engine that is still being loaded: messages wait for it. */
class LateEngine implements Engine {
  readonly silence = ["The recording is still being loaded. Reload the page if nothing comes.", false] as const;
  private handler: MessageHandler | null = null;

  constructor(private readonly coming: Promise<Engine>) {
    coming.then(
      (engine) => engine.onMessage((message, buffers) => this.handler?.(message, buffers)),
      (error: Error) => this.handler?.({ type: "error", message: error.message }, []),
    );
  }

  send(message: Control): void {
    void this.coming.then((engine) => engine.send(message));
  }

  onMessage(handler: MessageHandler): void {
    this.handler = handler;
  }

  close(): void {
    this.handler = null;
    void this.coming.then((engine) => engine.close());
  }
}

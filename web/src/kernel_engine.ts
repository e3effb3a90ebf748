// The engine behind a notebook cell: messages go through the widget's channel to Python.

import type { Engine, MessageHandler } from "./engine";
import type { Control, Reply } from "./protocol";

/** What this engine uses of anywidget's model. */
export interface WidgetModel {
  send(content: unknown): void;
  on(event: string, callback: (...args: never[]) => void): void;
  off(event: string, callback: (...args: never[]) => void): void;
}

export class KernelEngine implements Engine {
  readonly silence = [
    "No answer from the kernel for 10 seconds. If another cell is running, the lab goes on when it ends. " +
      "If the kernel has restarted, run this lab’s cell again.",
    true,
  ] as const;
  private handler: MessageHandler | null = null;
  private readonly receive = (message: Reply, buffers?: DataView[]) => this.handler?.(message, buffers ?? []);

  constructor(private readonly model: WidgetModel) {
    model.on("msg:custom", this.receive);
  }

  send(message: Control): void {
    this.model.send(message);
  }

  onMessage(handler: MessageHandler): void {
    this.handler = handler;
  }

  close(): void {
    this.handler = null;
    this.model.off("msg:custom", this.receive);
  }
}

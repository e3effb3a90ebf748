// The module of the notebook's widget: the kernel sends the generator's file over the widget's channel.

import type { WidgetModel } from "../kernel_engine";
import { Machine } from "../page/machine";
import type { Manifest } from "../page/manifest";
import { defineElement, type GanLatent } from "./element";
import { canRun, type ModelFile, wake } from "./model";
import { NO_ENGINE } from "./words";

interface Sent {
  type: "file";
  attributes: Record<string, string>;
  file: ModelFile;
}

defineElement();

function render({ model, el }: { model: WidgetModel; el: HTMLElement }): () => void {
  const element = document.createElement("gan-latent") as GanLatent;
  el.classList.add("gan-lab-cell");
  el.append(element);
  const received = ({ attributes, file }: Sent) => {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    const machine = (module: WebAssembly.Module) =>
      new Machine(module, { programs: file.programs } as unknown as Manifest);
    const bytes = JSON.stringify(file).length;
    element.wait(wake(file, machine).then((generator) => ({ generator, bytes })));
  };
  model.on("msg:custom", received);
  if (canRun()) model.send({ type: "hello" });
  else element.note(NO_ENGINE);
  return () => {
    model.off("msg:custom", received);
    element.dispose();
    element.remove();
  };
}

export default { render };

// The module of the notebook widget and of the page: defines <gan-lab>, and renders one for a widget's model.

import { defineElement, type GanLab } from "./element";
import { KernelEngine, type WidgetModel } from "./kernel_engine";

export { registerEngine } from "./engine";

defineElement();

function render({ model, el }: { model: WidgetModel; el: HTMLElement }): () => void {
  const lab = document.createElement("gan-lab") as GanLab;
  el.classList.add("gan-lab-cell");
  el.append(lab);
  lab.connect(new KernelEngine(model));
  return () => {
    lab.dispose();
    lab.remove();
  };
}

export default { render };

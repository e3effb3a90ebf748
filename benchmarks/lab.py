"""How quickly does the live lab show, obey and train, in a real JupyterLab and a headless Chromium?

    python benchmarks/lab.py                 ring MLP and digits DCGAN, about four minutes
    python benchmarks/lab.py --rounds 2      a short look

frames/s          frames that reached the page, and pictures that it drew, while the lab plays with its default layers
slider to effect  from the page's input event to the drawing of the first frame that was computed with the new value
share             steps/s of the playing lab to those of `recipes.run` alone in the same kernel, in windows that
                  alternate; the page stays open meanwhile

A last window says where the kernel's time goes, with a clock around each part. Results: results/lab.json
"""

import argparse
import math
import statistics
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from machine import store

sys.path.append(str(Path(__file__).resolve().parents[1] / "scripts"))
from live_notebook import Notebook, Shown, chromium, server, write

PROBLEMS = {"ring, MLP": "ring", "digits, DCGAN": "digits_wide"}
TARGETS = {"slider_to_effect_p95_ms": 150, "frames_per_second_2d": 20, "share_of_bare_loop": 0.8}
# In the page: when something was put in, when messages came (the kernel protocol's binary form), when it drew.
RECORDER = """
window.recorded = [];
const note = (kind, at, more) => window.recorded.push({kind, at, ...more});
addEventListener("input", (event) => note("input", event.timeStamp), true);
const content = (data) => {
  const view = new DataView(data);
  const at = (i) => Number(view.getBigUint64(8 * (i + 1), true));
  return JSON.parse(new TextDecoder().decode(new Uint8Array(data, at(4), at(5) - at(4))));
};
window.WebSocket = class extends WebSocket {
  constructor(...address) {
    super(...address);
    this.addEventListener("message", ({data}) => {
      const now = performance.now();
      const reply = data instanceof ArrayBuffer ? content(data).data?.content : null;
      if (reply?.type === "frame") note("frame", now, {step: reply.step});
      if (reply?.type === "state") note("state", now, {value: reply.recipe.lr_g});
    });
  }
};
const clear = CanvasRenderingContext2D.prototype.clearRect;
CanvasRenderingContext2D.prototype.clearRect = function (...box) {
  if (this.canvas.parentElement?.className === "scene") note("drawn", performance.now());
  return clear.apply(this, box);
};
"""
# In the kernel: the same recipe without the lab, and a clock around each part of the lab.
BARE = """
import time, torch
from gan_tutor import recipes
bare = recipes.run(recipes.build(recipes.without_end(live.engine.recipe), live.engine.device))
def bare_rate(seconds):
    began, steps = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        next(bare)
        steps += 1
    return steps / (time.perf_counter() - began)
spent = {}
def clocked(owner, name):
    plain = getattr(owner, name)
    def watched(*args, **options):
        began = time.perf_counter()
        try:
            return plain(*args, **options)
        finally:
            spent[name] = spent.get(name, 0.0) + time.perf_counter() - began
    setattr(owner, name, watched)
"""
CLOCKS = """
from gan_tutor.lab.engine import Engine
from gan_tutor.lab.view import View
from gan_tutor.lab.widget import Lab
for owner, name in ((Lab, "send"), (Engine, "handle"), (Engine, "_turn"), (Engine, "_measure"), (View, "layers")):
    clocked(owner, name)
"""


def quantile(values: list[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def played(live: Shown, seconds: float) -> dict[str, float]:
    """Let the lab play for a while; return its steps, frames and pictures a second."""
    page, kernel = live.notebook.page, live.notebook.kernel
    live.play(turns=5)
    page.wait_for_timeout(500)
    page.evaluate("() => { recorded.length = 0 }")
    first, began = kernel.value("(live.engine.game.step, time.perf_counter())")
    page.wait_for_timeout(1000 * seconds)
    last, ended = kernel.value("(live.engine.game.step, time.perf_counter())")
    seen = page.evaluate("() => recorded")
    live.pause()
    frames, drawn = ([event for event in seen if event["kind"] == kind] for kind in ("frame", "drawn"))
    wall = (seen[-1]["at"] - seen[0]["at"]) / 1e3
    return {"steps": (last - first) / (ended - began), "frames": len(frames) / wall, "drawn": len(drawn) / wall}


def delays(live: Shown, presses: int) -> dict[str, list[float]]:
    """Move a slider while the lab plays; return milliseconds from input to the new value's frame and its drawing."""
    page = live.notebook.page
    slider = live.control("lr_g", "input[type=range]")
    live.play(turns=5)
    slider.focus()
    page.evaluate("() => { recorded.length = 0 }")
    for k in range(presses):
        page.keyboard.press("ArrowRight" if k % 2 else "ArrowLeft")
        page.wait_for_timeout(400 + 61 * k % 200)
    page.wait_for_timeout(500)
    seen = page.evaluate("() => recorded")
    live.pause()
    result: dict[str, list[float]] = {"frame": [], "drawn": []}
    value = None
    for i, event in enumerate(seen):
        if event["kind"] == "state":
            value = event["value"]
        if event["kind"] != "input":
            continue
        changed = (j for j, e in enumerate(seen[i:], i) if e["kind"] == "state" and e["value"] != value)
        obeyed = next(changed, None)
        if obeyed is None or value is None:
            continue  # the first press, whose value before is not known
        frame = next(j for j, e in enumerate(seen[obeyed:], obeyed) if e["kind"] == "frame")
        drawn = next(e for e in seen[frame:] if e["kind"] == "drawn")
        result["frame"].append(seen[frame]["at"] - event["at"])
        result["drawn"].append(drawn["at"] - event["at"])
    return result


def shares(live: Shown, seconds: float) -> dict[str, float]:
    """Return which share of the kernel's wall time each part of a playing lab takes."""
    page, kernel = live.notebook.page, live.notebook.kernel
    kernel.run(CLOCKS)
    live.play(turns=5)
    kernel.run("spent.clear(); began = time.perf_counter()")
    page.wait_for_timeout(1000 * seconds)
    wall, spent = kernel.value("(time.perf_counter() - began, dict(spent))")
    live.pause()
    inside = sum(spent[part] for part in ("_turn", "_measure", "layers"))
    parts = {
        "training": spent["_turn"],
        "metrics": spent["_measure"],
        "layers": spent["layers"],
        "rest of the answer": spent["handle"] - inside,
        "sending": spent["send"],
    }
    parts["waiting for the page, or elsewhere"] = wall - sum(parts.values())
    return {name: round(value / wall, 3) for name, value in parts.items()}


def measure(notebook: Notebook, rounds: int, seconds: float, presses: int) -> dict[str, Any]:
    """Measure the lab that the notebook's one cell shows."""
    notebook.run(0)
    live, kernel = Shown(notebook), notebook.kernel
    kernel.run(BARE)
    played(live, 2)
    kernel.value("bare_rate(2)")
    windows, bare = [], []
    for k in range(rounds):
        if k % 2:
            windows.append(played(live, seconds))
        bare.append(kernel.value(f"bare_rate({seconds})"))
        if not k % 2:
            windows.append(played(live, seconds))
        print(f"  {windows[-1]}, bare {bare[-1]:.1f} steps/s", flush=True)
    ratios = sorted(window["steps"] / alone for window, alone in zip(windows, bare, strict=True))
    late = delays(live, presses)
    return {
        "frames_per_second": round(statistics.median(window["frames"] for window in windows), 1),
        "pictures_per_second": round(statistics.median(window["drawn"] for window in windows), 1),
        "slider_to_effect_ms": {
            kind: {"p50": round(quantile(times, 0.5)), "p95": round(quantile(times, 0.95)), "n": len(times)}
            for kind, times in late.items()
        },
        "steps_per_second": {
            "lab": round(statistics.median(window["steps"] for window in windows), 1),
            "bare": round(statistics.median(bare), 1),
        },
        "share_of_bare_loop": {
            "median": round(statistics.median(ratios), 3),
            "all": [round(ratio, 3) for ratio in ratios],
        },
        "where_the_time_goes": shares(live, seconds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a window")
    parser.add_argument("--presses", type=int, default=60, help="of a key on a slider")
    parser.add_argument("--dry", action="store_true", help="store nothing")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # as in the kernel
    packages = ("jupyterlab", "ipykernel", "ipywidgets", "anywidget")
    result: dict[str, Any] = {"targets": TARGETS, "packages": {name: metadata.version(name) for name in packages}}
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        home = Path(folder)
        result["packages"]["chromium"] = browser.version
        for recipe in PROBLEMS.values():
            write(home / f"{recipe}.ipynb", [f"from gan_tutor import lab\nlive = lab.Lab({recipe!r})\nlive"])
        with server(home) as running:
            result["problems"] = {}
            for name, recipe in PROBLEMS.items():
                print(name)
                page = browser.new_page(viewport={"width": 1400, "height": 1000})
                page.add_init_script(RECORDER)
                with Notebook(page, running, f"{recipe}.ipynb") as notebook:
                    measured = measure(notebook, arguments.rounds, arguments.seconds, arguments.presses)
                result["problems"][name] = {"recipe": recipe} | measured
                print(f"  {measured}")
    if not arguments.dry:
        print(store("lab", result).name)


if __name__ == "__main__":
    main()

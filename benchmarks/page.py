"""How fast does a GAN train in a page, beside eager PyTorch on the same core?

    python benchmarks/page.py                about four minutes
    python benchmarks/page.py --rounds 3     a short look

Steps/s of the page's worker in a headless Chromium and of `recipes.run` here, in windows that alternate, everything on
one core: 2-D data, 64x2 hidden units, batch 128. GAN Lab's setting: batch 150, two steps of D and one of G. Then, on
all cores, a lab that plays in a page: the time from loading its script to the first step, and the longest time between
two pictures of the page. Results: results/page.json
"""

import argparse
import gzip
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from machine import store
from playwright.sync_api import Page, sync_playwright

from gan_tutor import evaluation, recipes, training
from gan_tutor.page_engine import site
from gan_tutor.page_engine.shelf import Shelf
from gan_tutor.recipes import Recipe

ROOT = Path(__file__).resolve().parents[1]
SMALL = replace(recipes.named("ring"), width_g=64, width_d=64)
PROBLEMS = {
    "non-saturating": SMALL,
    "WGAN-GP": replace(SMALL, loss="wasserstein", penalty="wgan_gp", penalty_weight=0.1, beta1=0.0, beta2=0.9),
    "RpGAN + R1 + R2": replace(SMALL, loss="relativistic", penalty="r1_r2", beta1=0.0, beta2=0.99),
    "GAN Lab's setting": replace(SMALL, batch_size=150, n_critic=2),
}
TARGETS = {
    "ratio_to_eager": 0.5, "gan_lab_iterations_per_second": 450, "gzip_bytes": 60_000, "first_step_ms": 500,
    "longest_frame_ms": 34,
}  # fmt: skip
OPEN = """(recipe) => new Promise((done, failed) => {
  const { factory } = globalThis[Symbol.for("gan-tutor.lab.engines")];
  const engine = factory(recipe, document.createElement("gan-lab"));
  let answered = () => {};
  const ask = (message) => new Promise((one) => { answered = one; engine.send(message); });
  engine.onMessage((message) => message.type === "error" ? failed(new Error(message.message)) : answered(message));
  globalThis.ask = ask;
  globalThis.closeEngine = () => engine.close();
  ask({ type: "hello", protocol: 1 }).then(() => ask({ type: "play" })).then(() => done());
})"""
PLAY = """async (steps) => {
  const began = performance.now();
  await ask({ type: "tick", id: 1, budget_ms: 30, steps, layers: [] });
  return performance.now() - began;
}"""
FIRST_STEP = """(recipe) => new Promise((done, failed) => {
  const began = performance.now();
  const script = document.createElement("script");
  script.src = "page.js";
  script.onload = () => {
    const { factory } = globalThis[Symbol.for("gan-tutor.lab.engines")];
    const engine = factory(recipe, document.createElement("gan-lab"));
    engine.onMessage((message) => {
      if (message.type === "error") failed(new Error(message.message));
      if (message.type !== "frame") return;
      engine.close();
      done(performance.now() - began);
    });
    engine.send({ type: "hello", protocol: 1 });
    engine.send({ type: "play" });
    engine.send({ type: "tick", id: 1, budget_ms: 30, steps: 1, layers: [] });
  };
  document.head.append(script);
})"""
FRAMES = """(ms) => new Promise((done) => {
  const gaps = [];
  let last = performance.now();
  const end = last + ms;
  const look = () => {
    const now = performance.now();
    gaps.push(now - last);
    last = now;
    if (now < end) requestAnimationFrame(look); else done(gaps);
  };
  requestAnimationFrame(look);
})"""


def write(folder: Path) -> dict[str, int]:
    """Write a page with one lab and everything it needs; return the gzipped size of each problem's programs."""
    cache = Shelf(folder / "cache")
    site.write_programs(folder, [*PROBLEMS.values(), recipes.named("digits_wide")], cache)
    paths = {name: site.compiled([recipe], cache)[0] for name, recipe in PROBLEMS.items()}
    paths["digits"] = site.compiled([recipes.named("digits_wide")], cache)[0]
    shutil.copyfile(ROOT / "book" / "_static" / "lab" / "page.js", folder / "page.js")
    recipe = json.dumps(asdict(SMALL)).replace('"', "&quot;")
    scripts = '<meta charset="utf-8"><script src="site.js"></script>'
    (folder / "empty.html").write_text(f"<!doctype html>{scripts}")
    whole = f'{scripts}<gan-lab data-recipe="{recipe}"></gan-lab><script src="page.js"></script>'
    (folder / "lab.html").write_text(f"<!doctype html>{whole}")
    return {name: len(gzip.compress(path.read_bytes(), 9)) for name, path in paths.items()}


@contextmanager
def page_on(cores: set[int]) -> Iterator[Page]:
    """A fresh headless Chromium whose processes, and this one, have these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        with sync_playwright() as playwright:
            system = shutil.which("chromium") or shutil.which("google-chrome")
            browser = playwright.chromium.launch(executable_path=system, args=["--no-sandbox", "--disable-gpu"])
            yield browser.new_page(viewport={"width": 1200, "height": 1000})
            browser.close()
    finally:
        os.sched_setaffinity(0, before)


def rates(page: Page, recipe: Recipe, rounds: int, seconds: float) -> dict[str, Any]:
    """Turns a second on the page and in eager PyTorch, in windows that alternate."""
    page.evaluate(OPEN, asdict(recipe))
    turns = recipes.run(recipes.build(recipes.without_end(recipe)))
    per_window = {"page": 200, "eager": 200}

    def window(who: str) -> float:
        steps = per_window[who]
        if who == "page":
            spent = page.evaluate(PLAY, steps) / 1e3
        else:
            began = time.perf_counter()
            for _ in range(steps):
                next(turns)
            spent = time.perf_counter() - began
        per_window[who] = max(20, int(steps * seconds / spent))
        return steps / spent

    for who in per_window:
        window(who)
    pairs = []
    for number in range(rounds):
        order = ("page", "eager") if number % 2 else ("eager", "page")
        pairs.append({who: window(who) for who in order})
    page.evaluate("closeEngine()")
    ratios = sorted(pair["page"] / pair["eager"] for pair in pairs)
    lower, _, upper = statistics.quantiles(ratios, n=4)
    return {
        "page_turns_per_second": round(statistics.median(pair["page"] for pair in pairs), 1),
        "eager_turns_per_second": round(statistics.median(pair["eager"] for pair in pairs), 1),
        "ratio": {"median": round(statistics.median(ratios), 3), "quartiles": [round(lower, 3), round(upper, 3)]},
    }


def experience(address: str, tries: int) -> dict[str, Any]:
    """What a reader feels: the first step, and how long the page stands still while a lab plays."""
    first = []
    with page_on(os.sched_getaffinity(0)) as page:
        for _ in range(tries):
            page.goto(f"{address}/empty.html")
            first.append(page.evaluate(FIRST_STEP, asdict(SMALL)))
        page.goto(f"{address}/lab.html")
        page.get_by_role("button", name="Play").click()
        page.wait_for_timeout(1500)
        gaps = sorted(page.evaluate(FRAMES, 8000))
    return {
        "first_step_ms": {"median": round(statistics.median(first)), "all": [round(ms) for ms in first]},
        "frame_ms": {
            "median": round(statistics.median(gaps), 1), "p99": round(gaps[int(0.99 * len(gaps))], 1),
            "longest": round(gaps[-1], 1), "n": len(gaps),
        },
    }  # fmt: skip


def digits(page: Page, seconds: float) -> dict[str, Any]:
    """How far the digits of chapter 5 come in a page: turns played, and what so many turns are worth in PyTorch."""
    recipe = replace(recipes.named("digits_wide"), precision="float32")
    page.evaluate(OPEN, asdict(recipe))
    turns, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        page.evaluate(PLAY, 10)
        turns += 10
    page.evaluate("closeEngine()")
    game = recipes.build(recipes.without_end(recipe))
    recipes.play(game, turns)
    samples = training.generate(game.ema, 2000, recipe.latent_dim, torch.Generator().manual_seed(1))
    scores = evaluation.score(samples, game.source)
    return {"seconds": seconds, "turns": turns} | {
        name: round(scores[name], 2) for name in ("frechet_distance", "floor_frechet_distance")
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=1.5, help="length of a window")
    parser.add_argument("--dry", action="store_true", help="store nothing")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sizes = write(folder)
        result: dict[str, Any] = {"targets": TARGETS, "gzip_bytes": sizes, "problems": {}}
        with page_on({min(os.sched_getaffinity(0))}) as page:
            page.goto(f"{folder.as_uri()}/lab.html")
            for problem, recipe in PROBLEMS.items():
                result["problems"][problem] = rates(page, recipe, arguments.rounds, arguments.seconds)
                print(problem, result["problems"][problem], flush=True)
            result["digits"] = digits(page, 120.0)
            print(result["digits"], flush=True)
        result |= experience(folder.as_uri(), 5)
        print(result["first_step_ms"], result["frame_ms"])
    if not arguments.dry:
        print(store("page", result).name)


if __name__ == "__main__":
    main()

"""`gan-tutor train | sample | evaluate`: a recipe becomes a run folder, and a run folder becomes samples and numbers.

A run folder holds `recipe.json`, `checkpoint.safetensors`, `metrics.json` and `samples.png`.
"""

import json
import math
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import matplotlib.pyplot as plt
import torch
import tyro
from torch import Tensor
from tqdm import tqdm

from gan_tutor import data, evaluation, host, plots, recipes, training

Device = Literal["auto", "cpu", "cuda"]
_NAMED = {name: recipes.named(name) for name in recipes.NAMES}
_ABOUT = {name: recipes.describe(name) for name in recipes.NAMES}
if TYPE_CHECKING:
    NamedRecipe = recipes.Recipe
else:  # a subcommand for each named recipe, with a flag for each field
    NamedRecipe = Annotated[
        tyro.extras.subcommand_type_from_defaults(_NAMED, _ABOUT, prefix_names=False), tyro.conf.arg(name="")
    ]
RunPath = tyro.conf.Positional[Path]


def train(
    recipe: NamedRecipe,
    out: Path | None = None,
    device: Device = "auto",
    resume: bool = False,
    checkpoint_every: int = 500,
    samples: int = 1000,
    threads: int = 1,
) -> None:
    """Train a named recipe, with any of its fields changed, into a run folder.

    Args:
        recipe: Where to start from.
        out: Run folder; runs/<recipe's data>-<seed> if not given.
        device: "auto" takes a CUDA GPU if there is one.
        resume: Continue the run of the folder; the recipe must be the same.
        checkpoint_every: Turns between two checkpoints.
        samples: Samples that the final measurement takes.
        threads: CPU threads; more than one slows small networks down.
    """
    for name, count in (("checkpoint-every", checkpoint_every), ("samples", samples), ("threads", threads)):
        if count < 1:
            raise ValueError(f"--{name} must be at least 1, got {count}")
    host.tune(threads)
    where = _device(device)
    folder = out or Path("runs") / f"{recipe.data}-{recipe.seed}"
    game = _start(recipe, folder, where, resume)
    checkpoint = folder / "checkpoint.safetensors"
    print(f"{folder}: {recipe.data}, {recipe.loss}, step {game.step} of {recipe.steps} on {where}", flush=True)
    began, first = time.perf_counter(), game.step
    progress = tqdm(total=recipe.steps, initial=game.step, unit="step", mininterval=0.5, file=sys.stderr)
    with progress as bar, _asked_to_stop() as stopping:
        for record in recipes.run(game):
            bar.update()
            if record.step % 100 == 0:
                bar.set_postfix(loss_d=f"{record.loss_d.item():.3f}", loss_g=f"{record.loss_g.item():.3f}")
            if record.step % checkpoint_every == 0 or stopping():
                recipes.save(game, checkpoint)
            if stopping():
                break
    if game.step < recipe.steps:
        print(f"stopped at step {game.step}; continue with the same command and --resume", file=sys.stderr)
        raise SystemExit(130)
    seconds = time.perf_counter() - began
    recipes.save(game, checkpoint)
    y = _labels(game.source, recipe, samples, where)
    drawn = training.generate(game.ema, samples, recipe.latent_dim, _fresh(where, recipe.seed), y=y)
    _draw(folder / "samples.png", drawn, game.source)
    metrics: dict[str, Any] = {
        "step": game.step,
        "seconds": round(seconds, 2),
        "steps_per_second": round((game.step - first) / seconds, 1),
    }
    metrics |= {"device": _name(where), "torch": torch.__version__}
    _report(folder / "metrics.json", metrics, drawn, game.source, y)


def sample(
    run: RunPath,
    n: int = 64,
    label: int | None = None,
    seed: int = 0,
    out: Path | None = None,
    device: Device = "auto",
) -> None:
    """Draw samples from a run's averaged generator: a picture, and the numbers as .npy.

    Args:
        run: Run folder, or a checkpoint file.
        n: Number of samples.
        label: Class to ask a conditional generator for, from 0. Without it every class gets a row, all of equal
            length: n is rounded up to full rows.
        seed: Seed of the latents.
        out: Picture to write; <run>/sample-<seed>.png if not given. The array goes beside it.
        device: "auto" takes a CUDA GPU if there is one.
    """
    import numpy as np

    path = run / "checkpoint.safetensors" if run.is_dir() else run
    where = _device(device)
    G, recipe = recipes.load_generator(path, where)
    y = _asked(recipe, n, label, where)
    drawn = training.generate(G, n if y is None else len(y), recipe.latent_dim, _fresh(where, seed), y=y)
    picture = out or path.parent / f"sample-{seed}.png"
    _draw(picture, drawn, rows=recipes.class_count(recipe) if label is None else 0)
    np.save(picture.with_suffix(".npy"), drawn.cpu().numpy())
    print(f"{len(drawn)} samples: {picture} and {picture.with_suffix('.npy')}")


def evaluate(run: RunPath, n: int = 1000, seed: int = 0, device: Device = "auto") -> None:
    """Measure a run's averaged generator on fresh samples and print the numbers beside a perfect sampler's.

    A conditional generator is asked for classes in the proportions of the data.

    Args:
        run: Run folder, or a checkpoint file.
        n: Number of samples.
        seed: Seed of the latents.
        device: "auto" takes a CUDA GPU if there is one.
    """
    path = run / "checkpoint.safetensors" if run.is_dir() else run
    where = _device(device)
    G, recipe = recipes.load_generator(path, where)
    source = recipes.source(recipe).to(where)
    y = _labels(source, recipe, n, where)
    drawn = training.generate(G, n, recipe.latent_dim, _fresh(where, seed), y=y)
    _report(None, {"samples": n, "seed": seed}, drawn, source, y)


@contextmanager
def _asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C end the run after the turn under way, not within it; a second Ctrl-C interrupts at once."""
    asked: list[int] = []

    def note(number: int, frame: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, before)


def _start(recipe: recipes.Recipe, folder: Path, device: torch.device, resume: bool) -> recipes.Game:
    checkpoint = folder / "checkpoint.safetensors"
    if resume:
        game = recipes.resume(checkpoint, device)
        if game.recipe != recipe:
            raise ValueError(f"{folder} was trained with another recipe: {_differences(game.recipe, recipe)}")
        return game
    if checkpoint.exists():
        raise ValueError(f"{folder} already holds a run: continue it with --resume, or choose another --out")
    game = recipes.build(recipe, device)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.json").write_text(recipes.to_json(recipe) + "\n")
    return game


def _differences(old: recipes.Recipe, new: recipes.Recipe) -> str:
    pairs = {name: (getattr(old, name), getattr(new, name)) for name in old.__dataclass_fields__}
    return ", ".join(f"{name} was {a}, is {b}" for name, (a, b) in pairs.items() if a != b)


def _device(name: Device) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device cuda was asked for but torch sees no CUDA GPU; use --device auto or cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu, {torch.get_num_threads()} thread(s)"


def _fresh(device: torch.device, seed: int) -> torch.Generator:
    # Not the training seed itself: evaluation latents must not repeat the first training latents.
    return torch.Generator(device).manual_seed(seed + 1_000_003)


def _labels(source: Any, recipe: recipes.Recipe, n: int, device: torch.device) -> Tensor | None:
    """Draw the classes to ask a conditional generator for, as the data has them."""
    if recipe.condition == "none":
        return None
    labels: Tensor = source.sample_labelled(n, _fresh(device, 3))[1]
    return labels


def _asked(recipe: recipes.Recipe, n: int, label: int | None, device: torch.device) -> Tensor | None:
    classes = recipes.class_count(recipe)
    if label is None:
        return (
            torch.arange(classes, device=device).repeat_interleave(max(0, math.ceil(n / classes))) if classes else None
        )
    if not 0 <= label < classes:
        must = f"--label must be from 0 to {classes - 1}" if classes else "--label needs a run with a condition"
        raise ValueError(f"{must}, got {label} for {recipe.data} with condition {recipe.condition}")
    return torch.full((n,), label, device=device)


def _draw(path: Path, drawn: Tensor, source: data.Source | None = None, rows: int = 0) -> None:
    plots.style("light")
    figure, ax = plt.subplots(figsize=(5, 5))
    if drawn.ndim == 4 and rows:  # a class in each row
        shown = drawn.unflatten(0, (rows, -1))[:, :8]
        plots.image_grid(ax, shown.flatten(0, 1), columns=shown.shape[1])
    elif drawn.ndim == 4:
        plots.image_grid(ax, drawn[:64])
    elif drawn.shape[1] == 2:
        real = None if source is None else source.sample(len(drawn), _fresh(drawn.device, 1))
        plots.samples(ax, real, drawn)
    else:
        plots.histogram(ax, fake=drawn)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    plt.close(figure)


def _report(
    path: Path | None, metrics: dict[str, Any], drawn: Tensor, source: data.Source, y: Tensor | None = None
) -> None:
    name: Any = getattr(source, "name", None)
    if y is not None and name in ("digits", "fashion"):
        metrics["class_accuracy"] = evaluation.class_accuracy(drawn.cpu(), y.cpu(), name)
        metrics["ceiling_class_accuracy"] = evaluation.feature_facts(name)["test_accuracy"]
    try:
        metrics |= evaluation.score(drawn, source, _fresh(drawn.device, 2))
    except evaluation.NoMeasure as reason:
        print(f"not measured: {reason}", file=sys.stderr)
    text = json.dumps({name: _json(value) for name, value in metrics.items()}, indent=2, allow_nan=False)
    print(text)
    if path is not None:
        path.write_text(text + "\n")


def _json(value: Any) -> Any:
    """Round a float; JSON has no infinity, so a measure without a value becomes null."""
    if isinstance(value, float):
        return round(value, 5) if math.isfinite(value) else None
    return value

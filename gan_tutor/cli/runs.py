"""`gan-tutor train | sample | evaluate`: a recipe becomes a run folder, and a run folder becomes samples and numbers.

A run folder holds `recipe.json`, `checkpoint.safetensors` and the one before it as `previous.safetensors`, `log.csv`,
`metrics.json` and `samples.png`.
"""

import dataclasses
import json
import math
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import matplotlib.pyplot as plt
import torch
import tyro
from torch import Tensor

from gan_tutor import checkpoints, data, evaluation, host, networks, parallel, plots, recipes, training
from gan_tutor.cli import gauge, rescue, session
from gan_tutor.cli.folder import Folder, alone_in, begin

Device = Literal["auto", "cpu", "cuda"]
_SEEDS = 2**53 - 1  # as in a recipe
FORMATS = ("png", "jpg", "jpeg", "pdf", "svg", "tif", "tiff", "webp", "eps")


def _named(name: str) -> recipes.Recipe:
    """Return the named recipe as an instance of a class of that name: what the command line made it from shows."""
    kind: Any = dataclasses.make_dataclass(name, [], bases=(recipes.Recipe,), frozen=True)
    kind.__doc__ = recipes.Recipe.__doc__
    recipe: recipes.Recipe = kind(**dataclasses.asdict(recipes.named(name)))
    return recipe


def plain(recipe: recipes.Recipe) -> tuple[str, recipes.Recipe]:
    """Return the name of the recipe that the command line began with, and the recipe itself with what flags changed."""
    return type(recipe).__name__, recipes.Recipe(**dataclasses.asdict(recipe))


_NAMED = {name: _named(name) for name in recipes.NAMES}
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
    previous: bool = False,
    checkpoint_every: int = 500,
    checkpoint_minutes: float = 10.0,
    log_every: int = 100,
    samples: int = 1000,
    threads: int = 1,
) -> None:
    """Train a named recipe, with any of its fields changed, into a run folder.

    Ctrl-C and SIGTERM save and stop after the turn under way. Several processes share every batch if torchrun starts
    them: torchrun --nproc-per-node N -m gan_tutor train ...

    Args:
        recipe: Where to start from.
        out: Run folder; runs/<recipe's name>-<seed> if not given.
        device: "auto" takes a CUDA GPU if there is one.
        resume: Continue the run of the folder. Learning rates, loss, penalty, steps and all else but networks, data
            and seed may be others now, and the number of processes too.
        previous: Continue from the checkpoint before the last one.
        checkpoint_every: Turns between two checkpoints.
        checkpoint_minutes: Minutes between two checkpoints, if so many turns take longer.
        log_every: Turns between two lines of log.csv.
        samples: Samples that the final measurement takes.
        threads: CPU threads; more than one slows small networks down.
    """
    for flag, count in (("--checkpoint-every", checkpoint_every), ("--log-every", log_every)):
        counted(flag, count, most=10**12)
    counted("--threads", threads, most=1024)
    _must_be_measurable("--samples", samples, recipe.data)
    if not checkpoint_minutes > 0:
        raise ValueError(f"--checkpoint-minutes must be positive, got {checkpoint_minutes}")
    host.tune(threads)
    share, where = parallel.start(chosen(device).type)
    name, recipe = plain(recipe)
    folder = Folder(out or Path("runs") / f"{name}-{recipe.seed}")
    every = session.Every(checkpoint_every, 60 * checkpoint_minutes, log_every)
    advised = partial(gauge.advice, recipe, device=where, ranks=share.ranks)
    with alone_in(folder, share):
        _train(partial(begin, folder, recipe, where, share, resume, previous), folder, every, samples, advised)
    parallel.stop()


def _train(
    begun: Callable[[], recipes.Game],
    folder: Folder,
    every: session.Every,
    samples: int,
    advised: Callable[[data.Source | None], str],
) -> None:
    """Begin or resume, play and measure a run; one that diverges or does not fit into memory ends in advice."""
    game: Any = None
    try:
        game = begun()
        speed = session.play(game, folder, every)
    except training.NonFinite as error:
        raise FloatingPointError(f"{error.what}; {rescue.way_back(folder, game)}") from error
    except RuntimeError as error:
        if not gauge.is_out_of_memory(error):
            raise
        source = None if game is None else game.source
    except KeyboardInterrupt:
        if folder.recipe.exists():
            print("interrupted; go on from the last checkpoint by the same command with --resume", file=sys.stderr)
        raise SystemExit(130) from None
    else:
        _measure(game, folder, speed, samples)
        return
    del game  # with the error and its frames: the advice needs their memory
    raise ValueError(advised(source))


def _measure(game: recipes.Game, folder: Folder, speed: dict[str, float], samples: int) -> None:
    """Finish a run; whatever goes wrong, its turns are played and stored, and its numbers can be had later."""
    later = f"the run is whole at step {game.step}: measure it by the same command with --resume"
    try:
        _finish(game, folder, speed, samples)
    except KeyboardInterrupt:
        if game.share.rank == 0:
            print(f"stopped while measuring; {later}", file=sys.stderr)
        raise SystemExit(130) from None
    except ValueError as error:
        raise ValueError(f"{error}; {later}") from error
    except RuntimeError as error:
        if not gauge.is_out_of_memory(error):
            raise
        raise ValueError(f"out of memory while measuring; {later} and fewer --samples, now {samples}") from error


def _finish(game: recipes.Game, folder: Folder, speed: dict[str, float], samples: int) -> None:
    """Measure a run that has been played: all processes draw, the first one reports."""
    recipe, share, where = game.recipe, game.share, game.generator.device
    y = _labels(game.source, recipe, samples, where)
    drawn = training.generate(game.ema, samples, recipe.latent_dim, _fresh(where, recipe.seed), y=y, share=share)
    if share.rank > 0:
        return
    _draw(folder.picture, drawn, game.source)
    metrics: dict[str, Any] = {"step": game.step} | speed
    metrics |= {
        "device": _name(where),
        "precision": networks.precision_on(where, recipe.precision),
        "instruction_set": host.instruction_set(),
        "processes": share.ranks,
        "torch": torch.__version__,
    }
    _report(folder.metrics, metrics, drawn, game.source, y)


def sample(
    run: RunPath,
    n: int = 64,
    label: int | None = None,
    seed: int = 0,
    out: str | None = None,
    device: Device = "auto",
) -> None:
    """Draw samples from a run's averaged generator: a picture, and the numbers as .npy.

    Args:
        run: Run folder, or a checkpoint file.
        n: Number of samples.
        label: Class to ask a conditional generator for, from 0. Without it every class gets a row, all of equal
            length: n is rounded up to full rows.
        seed: Seed of the latents.
        out: Picture to write, a .png if its name has no ending; or a folder for sample-<seed>.png; the run's own if
            not given. The array goes beside it.
        device: "auto" takes a CUDA GPU if there is one.
    """
    import numpy as np

    counted("--n", n)
    counted("--seed", seed, 0, _SEEDS)
    path = run / "checkpoint.safetensors" if run.is_dir() else run
    picture = _picture(out, path.parent, f"sample-{seed}.png")
    where = chosen(device)
    G, recipe = recipes.load_generator(path, where)
    y = _asked(recipe, n, label, where)
    picture.parent.mkdir(parents=True, exist_ok=True)
    drawn = training.generate(G, n if y is None else len(y), recipe.latent_dim, _fresh(where, seed), y=y)
    _draw(picture, drawn, rows=recipes.class_count(recipe) if label is None else 0)
    np.save(picture.with_suffix(".npy"), drawn.cpu().numpy())
    print(f"{len(drawn)} samples: {picture} and {picture.with_suffix('.npy')}")


def evaluate(
    run: RunPath, n: int = 1000, seed: int = 0, device: Device = "auto", data_root: Path | None = None
) -> None:
    """Measure a run's averaged generator on fresh samples and print the numbers beside a perfect sampler's.

    A conditional generator is asked for classes in the proportions of the data.

    Args:
        run: Run folder, or a checkpoint file.
        n: Number of samples.
        seed: Seed of the latents.
        device: "auto" takes a CUDA GPU if there is one.
        data_root: Folder of torchvision's sets, if it is not where the run found them.
    """
    counted("--n", n)
    counted("--seed", seed, 0, _SEEDS)
    path = run / "checkpoint.safetensors" if run.is_dir() else run
    where = chosen(device)
    G, recipe = recipes.load_generator(path, where)
    _must_be_measurable("--n", n, recipe.data)
    source = recipes.stored_source(path, None if data_root is None else str(data_root)).to(where)
    y = _labels(source, recipe, n, where)
    drawn = training.generate(G, n, recipe.latent_dim, _fresh(where, seed), y=y)
    _report(None, {"samples": n, "seed": seed}, drawn, source, y)


def chosen(name: Device) -> torch.device:
    """Return the device that --device asks for.

    Raises:
        ValueError: There is no such device.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device cuda was asked for but torch sees no CUDA GPU; use --device auto or cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def counted(flag: str, count: int, least: int = 1, most: int = 1_000_000) -> None:
    """Refuse a number that a flag cannot have, before any work is done.

    Raises:
        ValueError: The number is below `least` or above `most`.
    """
    if count < least:
        raise ValueError(f"{flag} must be at least {least}, got {count}")
    if count > most:
        raise ValueError(f"{flag} must be at most {most}, got {count}")


def _must_be_measurable(flag: str, samples: int, name: str) -> None:
    counted(flag, samples)
    least = evaluation.least_samples(name)
    if samples < least:
        raise ValueError(f"{flag} must be at least {least} to be measured against {name}, got {samples}")


def _picture(out: str | None, folder: Path, name: str) -> Path:
    """Return the picture that --out asks for, under the name that it will really have.

    Raises:
        ValueError: Its ending is not that of a format.
    """
    if out is None:
        return folder / name
    path = Path(out)
    if path.is_dir() or out.endswith(("/", os.sep)):
        return path / name
    ending = path.suffix.removeprefix(".").lower()
    if not ending:
        return path.with_name(f"{path.name}.png")
    if ending not in FORMATS:
        raise ValueError(
            f"--out must end in .png or another format of pictures ({', '.join(FORMATS)}), got {out}: "
            f"{out}.png would be one"
        )
    return path


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
    try:
        figure.savefig(path)
    finally:
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
        checkpoints.write(path, (text + "\n").encode())


def _json(value: Any) -> Any:
    """Round a float; JSON has no infinity, so a measure without a value becomes null."""
    if isinstance(value, float):
        return round(value, 5) if math.isfinite(value) else None
    return value

"""What the built site puts beside its pages: the list of settings, compiled programs, pixels and recordings.

Every file is a classic script that leaves one object behind, so it loads from a server and from a folder alike.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from gan_tutor import data, recipes
from gan_tutor.lab.controls import CONTROLS, PRESETS
from gan_tutor.page_engine import bundle, lowering, manifest, recording
from gan_tutor.page_engine.scripts import as_json, packed, script
from gan_tutor.recipes import Recipe
from gan_tutor.recipes.record import CLASSES, MOST, NOT_NEGATIVE, POSITIVE, SHARES

VERSION = 1
DENSITIES = ("gaussian", "mixture_1d", "ring", "grid", "swiss_roll", "two_moons", "point")
IMAGES = ("digits", "fashion")
_NOT_COMPILED = {"precision", "channels_last", "compile", "condition"}


Tell = Callable[[str], None]


def _silent(line: str) -> None:
    """Tell nobody."""


def write(folder: str | Path, wanted: Iterable[Recipe], cache: str | Path, tell: Tell = _silent) -> dict[str, Path]:
    """Write everything that the labs of a site need, and return the recording of each recipe, by its link.

    Args:
        folder: Where the site's scripts go; made if it is missing. Those of an earlier build are removed.
        wanted: The recipes of the labs on the pages. Those of the presets are added.
        cache: Where bundles and recordings are kept between builds, by their contents' causes.
        tell: Gets a line before each piece of work that takes seconds or minutes.
    """
    folder, cache = Path(folder), Path(cache)
    on_pages = list(wanted)
    written = write_programs(folder, [*on_pages, *(preset.recipe for preset in PRESETS)], cache, tell)
    recordings = {}
    for number, recipe in enumerate(on_pages, 1):
        what = f"{recipe.data}, {recipe.loss}, {recipe.generator} G, seed {recipe.seed}"
        tell(f"recording {number} of {len(on_pages)}: {what}")
        recordings[recipes.to_link(recipe)] = recording.record(recipe, cache)
    for path in set(recordings.values()):
        _copy(path, folder)
        written.add(path.name)
    for old in folder.glob("*.js"):
        if old.name not in written | {"page.js"}:
            old.unlink()
    return recordings


def write_programs(folder: str | Path, played: Iterable[Recipe], cache: str | Path, tell: Tell = _silent) -> set[str]:
    """Write what the page needs to play some recipes: the list, programs and pixels. Return the names of the files."""
    folder, played = Path(folder), list(played)
    folder.mkdir(parents=True, exist_ok=True)
    bundles = compiled(played, Path(cache), tell)
    sources = {name: source for recipe in played for name, source in _sources(recipe).items()}
    sources |= {name: density(name) for name in DENSITIES}
    for path in bundles:
        _copy(path, folder)
    images = [name for name in IMAGES if name in sources]
    for name in images:
        (folder / f"{name}.js").write_text(script("pixels", name, _pixels(name)), encoding="utf-8")
    listed = as_json(describe(sorted(set(bundles)), sources))
    (folder / "site.js").write_text(f"(globalThis.ganTutorLab ??= {{}}).site = {listed};\n", encoding="utf-8")
    return {"site.js", *(path.name for path in bundles), *(f"{name}.js" for name in images)}


def compiled(played: Iterable[Recipe], cache: Path, tell: Tell = _silent) -> list[Path]:
    """Return the bundles that serve some recipes, one for each pair of architectures.

    What is in the cache for the same architectures, source of the library, PyTorch and compiler is not traced again.
    """
    pairs = {as_json([manifest.matching(recipe), recipes.sample_shape(recipe)]): recipe for recipe in played}
    found = []
    for number, (pair, recipe) in enumerate(pairs.items(), 1):
        cause = recording.cause(f"{pair} {lowering.compiler()}", "gan_tutor.page_engine.bundle")
        note = cache / f"bundle-{cause}.txt"
        if not note.is_file() or not (cache / note.read_text(encoding="utf-8")).is_file():
            tell(f"compiling programs {number} of {len(pairs)}: {recipe.generator} G, {recipe.discriminator} D")
            cache.mkdir(parents=True, exist_ok=True)
            note.write_text(bundle.build(recipe, cache).name, encoding="utf-8")
        found.append(cache / note.read_text(encoding="utf-8"))
    return found


def describe(bundles: Iterable[Path], sources: dict[str, Any]) -> dict[str, Any]:
    """Return the site's list: what a recipe may hold, the controls and presets, the data, and what was compiled."""
    manifests = [bundle.read(path)[0] for path in bundles]
    return {
        "version": VERSION,
        "defaults": asdict(Recipe()),
        "rules": rules(),
        "controls": [control.message() for control in CONTROLS],
        "presets": [
            {"name": p.name, "label": p.label, "about": p.about, "recipe": asdict(p.recipe)} for p in PRESETS
        ],
        "sources": sources,
        "classes": dict(CLASSES),
        "architecture": {
            "G": sorted(recipes.OF_G - _NOT_COMPILED), "D": sorted(recipes.OF_D - _NOT_COMPILED),
        },
        "bundles": [
            {"key": m["key"], "match": m["match"], "sample": m["sample"], "latents": [int(n) for n in m["init"]]}
            for m in manifests
        ],
    }  # fmt: skip


def rules() -> dict[str, dict[str, Any]]:
    """Return for each field of a recipe its type, what it may be, the bound of a number and its maximum."""
    hints = get_type_hints(Recipe)
    bounds = dict.fromkeys(POSITIVE, "positive") | dict.fromkeys(NOT_NEGATIVE, "not negative")
    bounds |= dict.fromkeys(SHARES, "share")
    found = {}
    for field in fields(Recipe):
        choices = list(get_args(hints[field.name])) or None
        kind = "str" if choices else hints[field.name].__name__
        bound, most = bounds.get(field.name), MOST.get(field.name)
        found[field.name] = {"type": kind, "choices": choices, "bound": bound, "most": most}
    return found


def _sources(recipe: Recipe) -> dict[str, Any]:
    """Return the data of a recipe by the name under which the page looks for it."""
    if recipe.data in IMAGES:
        images = recipes.source(recipe)
        shape, classes = list(images.shape), list(images.classes)
        return {recipe.data: {"kind": "images", "shape": shape, "file": f"{recipe.data}.js", "classes": classes}}
    return {f"{recipe.data} standardized" if recipe.standardize else recipe.data: _of(recipes.source(recipe))}


def density(name: Any) -> dict[str, Any]:
    """Return a density, by its name, as the page draws from it."""
    return _of(recipes.source(Recipe(data=name)))


def _of(density: Any) -> dict[str, Any]:
    if isinstance(density, data.Curve):
        return {"kind": "curve", "curve": density.name, "sigma": density.sigma}
    return {
        "kind": "mixture", "means": density.means.tolist(), "sigmas": density.sigmas.tolist(),
        "weights": density.weights.tolist(),
    }  # fmt: skip


def _pixels(name: str) -> dict[str, str]:
    images = {"digits": data.digits, "fashion": data.fashion}[name]()
    return {
        "pixels": packed(images.pixels.numpy().tobytes()),
        "labels": packed(images.labels.numpy().astype("uint8").tobytes()),
    }


def _copy(path: Path, folder: Path) -> None:
    target = folder / path.name
    if not target.is_file() or target.read_bytes() != path.read_bytes():
        target.write_bytes(path.read_bytes())

"""What the built site puts beside its pages: the list of settings, compiled programs, pixels and recordings.

Every file is a classic script that leaves one object behind, so it loads from a server and from a folder alike.
"""

import html
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from gan_tutor import data, recipes
from gan_tutor.lab.controls import CONTROLS, PRESETS
from gan_tutor.page_engine import bundle, lowering, manifest, recording
from gan_tutor.page_engine.causes import cause
from gan_tutor.page_engine.progress import Progress, Tell, silent
from gan_tutor.page_engine.scripts import as_json, packed, script
from gan_tutor.page_engine.shelf import Shelf
from gan_tutor.recipes import Recipe
from gan_tutor.recipes.record import CLASSES, MOST, NOT_NEGATIVE, POSITIVE, SHARES

VERSION = 1
DENSITIES = ("gaussian", "mixture_1d", "ring", "grid", "swiss_roll", "two_moons", "point")
IMAGES = ("digits", "fashion")
ELEMENT = re.compile(r'<gan-lab\b[^>]*data-recipe="(?P<recipe>[^"]*)"[^>]*>.*?</gan-lab>', re.DOTALL)
_NOT_COMPILED = {"precision", "channels_last", "compile", "condition"}


def labs(paths: Iterable[Path]) -> list[Recipe]:
    """Return the recipes of all labs in the stored outputs of some notebooks, each once."""
    found = {}
    for path in paths:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", ()):
                for match in ELEMENT.finditer("".join(output.get("data", {}).get("text/html", ""))):
                    recipe = recipe_of(match)
                    found[recipes.to_link(recipe)] = recipe
    return list(found.values())


def recipe_of(match: re.Match[str]) -> Recipe:
    """Return the recipe of a lab's element."""
    return recipes.from_json(html.unescape(match["recipe"]))


def write(
    folder: str | Path, wanted: Iterable[Recipe], shelf: Shelf, tell: Tell = silent
) -> dict[str, tuple[str, Path]]:
    """Write everything that the labs of a site need.

    Args:
        folder: Where the site's scripts go; made if it is missing. Those of an earlier build are removed.
        wanted: The recipes of the labs on the pages. Those of the presets are added.
        shelf: Where programs and recordings are kept between builds; what it lacks is made.
        tell: Gets lines about work that takes seconds or minutes, with the time left.

    Returns:
        For the link of each recipe the name of its recording's script, without ".js", and the file of its frames.
    """
    folder, on_pages = Path(folder), list(wanted)
    written = write_programs(folder, [*on_pages, *presets()], shelf, tell)
    scripts = {}
    for recipe, path in zip(on_pages, recorded(on_pages, shelf, tell), strict=True):
        name, text = recording.script(path)
        scripts[recipes.to_link(recipe)] = name, path
        _put(folder / f"{name}.js", text.encode())
        written.add(f"{name}.js")
    for old in folder.glob("*.js"):
        if old.name not in written | {"page.js"}:
            old.unlink()
    return scripts


def presets() -> list[Recipe]:
    """Return the recipes of the lab's presets, which a reader can choose on every page."""
    return [preset.recipe for preset in PRESETS]


def write_programs(folder: str | Path, played: Iterable[Recipe], shelf: Shelf, tell: Tell = silent) -> set[str]:
    """Write what the page needs to play some recipes: the list, programs and pixels. Return the names of the files."""
    folder, played = Path(folder), list(played)
    folder.mkdir(parents=True, exist_ok=True)
    bundles = compiled(played, shelf, tell)
    sources = {name: source for recipe in played for name, source in _sources(recipe).items()}
    sources |= {name: density(name) for name in DENSITIES}
    for path in bundles:
        _put(folder / path.name, path.read_bytes())
    images = [name for name in IMAGES if name in sources]
    for name in images:
        (folder / f"{name}.js").write_text(script("pixels", name, _pixels(name)), encoding="utf-8")
    listed = as_json(describe(sorted(set(bundles), key=lambda path: path.name), sources))
    (folder / "site.js").write_text(f"(globalThis.ganTutorLab ??= {{}}).site = {listed};\n", encoding="utf-8")
    return {"site.js", *(path.name for path in bundles), *(f"{name}.js" for name in images)}


def compiled(played: Iterable[Recipe], shelf: Shelf, tell: Tell = silent) -> list[Path]:
    """Return the bundles that serve some recipes, one for each pair of architectures.

    What is known for the same architectures, source of the library, PyTorch and compiler is not traced again, and what
    was compiled from the same graphs is not compiled again.
    """
    causes = program_causes(played)
    found = {because: path for because in causes if (path := shelf.made_from(because))}
    missing = [because for because in causes if because not in found]
    tracing = Progress(tell, [1.0] * len(missing))
    new = {}
    for number, because in enumerate(missing):
        share = tracing.piece(number, f"tracing programs, {_networks(causes[because])}")
        traced = bundle.trace(causes[because], share)
        path = shelf.find(f"{traced.key}.js")
        if path is None:
            new[because] = traced
        else:
            found[because] = path
            shelf.note(because, path)
    compiling = Progress(tell, [1.0] * len(new))
    for number, (because, traced) in enumerate(new.items()):
        share = compiling.piece(number, f"compiling programs, {_networks(causes[because])}")
        found[because] = bundle.compiled(traced, shelf.own, share)
        shelf.note(because, found[because])
    return [found[because] for because in causes]


def program_causes(played: Iterable[Recipe]) -> dict[str, Recipe]:
    """Return the hash of all causes of each pair of architectures among some recipes, with one of its recipes."""
    pairs = {as_json([manifest.matching(recipe), recipes.sample_shape(recipe)]): recipe for recipe in played}
    return {"bundle-" + cause(f"{pair} {lowering.compiler()}", bundle.__name__): pairs[pair] for pair in pairs}


def recorded(wanted: Iterable[Recipe], shelf: Shelf, tell: Tell = silent) -> list[Path]:
    """Return the file of the frames of each recipe, in their order.

    Frames of the same causes are taken as they are. If the library's source has changed, the first frames are played
    again: where they agree up to the rounding of another processor, the change has left the run alone. All others are
    played whole.
    """
    asked = [(recording.cause_of(recipe), recipe) for recipe in wanted]
    causes = dict(asked)
    found = {because: path for because in causes if (path := shelf.made_from(because))}
    unknown = [because for because in causes if because not in found]
    for because in unknown:
        recipe = causes[because]
        candidates = [path for path in shelf.all("frames-*.xz") if recording.is_of(path, recipe)]
        if candidates:
            tell(f"comparing the kept recording of {_words(recipe)} with its first turns today")
        same = next((path for path in candidates if not recording.differences(path, recipe)), None)
        if same is not None:
            found[because] = same
            shelf.note(because, same)
    missing = [because for because in unknown if because not in found]
    making = Progress(tell, [recording.size_of(causes[because]) for because in missing])
    for number, because in enumerate(missing):
        share = making.piece(number, f"recording {_words(causes[because])}")
        found[because] = recording.make(causes[because], shelf, share)
    return [found[because] for because, _ in asked]


def _networks(recipe: Recipe) -> str:
    return f"{recipe.generator} G and {recipe.discriminator} D"


def _words(recipe: Recipe) -> str:
    return f"{recipe.data}, {recipe.loss.replace('_', ' ')} loss, {recipe.generator} G, seed {recipe.seed}"


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


def _put(target: Path, contents: bytes) -> None:
    if not target.is_file() or target.read_bytes() != contents:
        target.write_bytes(contents)

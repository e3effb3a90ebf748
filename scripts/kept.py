"""What the book's build would otherwise compile and train for minutes: kept in the repository, in `book/_kept`.

    python scripts/kept.py check    list what the site needs and is not known to be kept
    python scripts/kept.py make     look at what is listed, make what has changed, remove what nothing needs

A program is kept under the hash of its graphs and of the compiler; a recording under the hash of its contents. Both are
found by all their causes (`page_engine.causes`). Where only the library's text has changed, `make` traces the programs
again and plays the first frames of the recordings: what comes out the same stays, and its new causes are noted.
"""

import sys
from pathlib import Path

from gan_tutor.page_engine import recording, shelf, site
from gan_tutor.recipes import Recipe

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "book" / "_kept"


TESTED = Recipe(width_g=16, width_d=16, activation_g="tanh", activation_d="tanh", batch_size=32, steps=200)
"""What tests/page plays. Its rounding stays rounding: at a kink of ReLU it grows, as it does between two eager runs."""


def played() -> list[Recipe]:
    """Return a recipe of every pair of networks that is kept compiled: those of labs, presets and tests."""
    return [*labs(), *site.presets(), TESTED]


def labs() -> list[Recipe]:
    """Return the recipes of all labs of the book."""
    return site.labs(sorted((ROOT / "book").glob("*.ipynb")))


def needed() -> dict[str, str]:
    """Return what site and tests need: for each hash of causes, words for what it gives."""
    programs = site.program_causes(played())
    found = {because: f"programs of {r.generator} G, {r.discriminator} D" for because, r in programs.items()}
    return found | {recording.cause_of(r): f"recording of {r.data}, {r.loss} loss, seed {r.seed}" for r in labs()}


def unknown(folder: Path) -> list[str]:
    """Return in words what the site needs and is not known to be kept."""
    own = shelf.Shelf(folder)
    return [words for because, words in needed().items() if own.made_from(because) is None]


def make(folder: Path) -> None:
    """Make what is needed and not kept, and remove what is kept and not needed."""
    own, causes = shelf.Shelf(folder), needed()  # before it takes minutes: the source may be edited meanwhile
    tell = lambda line: print(line, flush=True)  # noqa: E731
    used = [*site.compiled(played(), own, tell), *site.recorded(labs(), own, tell)]
    gone = shelf.sweep(folder, {path.name for path in used}, causes)
    held = sum(path.stat().st_size for path in folder.glob("*"))
    print(f"{folder.name}: {len(set(used))} files, {held / 1e6:.1f} MB; removed {len(gone)}")


def main() -> int:
    """Run the command that the first argument names."""
    command = sys.argv[1] if len(sys.argv) == 2 else ""
    if command == "make":
        make(KEPT)
        return 0
    if command != "check":
        print(__doc__, file=sys.stderr)
        return 2
    missing = unknown(KEPT)
    for words in missing:
        print(f"not known to be kept: {words}")
    print("Run `make kept`." if missing else "All that the site needs is kept.")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())

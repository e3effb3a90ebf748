"""The exercises of each chapter: what is asked and observed. Their answers are in `gan_tutor.classroom.answers`.

A chapter is a module here with a tuple `EXERCISES`, named like its notebook.
"""

import importlib
import importlib.util
from typing import NamedTuple

from gan_tutor.classroom.record import Exercise


class Chapter(NamedTuple):
    """A chapter of the book: its notebook's name, what its exercises' names begin with, and its heading."""

    slug: str
    prefix: str
    title: str


CHAPTERS = (
    Chapter("what_is_a_gan", "gan-", "1 · What a GAN is"),
    Chapter("objective", "objective-", "2 · The objective"),
    Chapter("training_loop", "training-loop-", "3 · The training loop"),
    Chapter("losses", "losses-", "4 · Loss variants"),
    Chapter("dcgan", "dcgan-", "5 · DCGAN"),
    Chapter("cgan", "cgan-", "6 · CGAN"),
    Chapter("wgan", "wgan-", "7 · WGAN"),
    Chapter("collapse", "collapse-", "8 · Mode collapse and instability"),
    Chapter("evaluation", "evaluation-", "9 · Evaluation"),
    Chapter("map", "map-", "10 · A map of GAN training"),
    Chapter("scaling", "scaling-", "11 · Scaling up"),
)


def exercises(slug: str) -> tuple[Exercise, ...]:
    """Return the exercises of a chapter, in the chapter's order; none if nobody has written any."""
    if importlib.util.find_spec(f"{__name__}.{slug}") is None:
        return ()
    found: tuple[Exercise, ...] = importlib.import_module(f"{__name__}.{slug}").EXERCISES
    return found


def with_exercises() -> tuple[Chapter, ...]:
    """Return the chapters that have exercises, in the book's order; none of them is loaded."""
    return tuple(one for one in CHAPTERS if importlib.util.find_spec(f"{__name__}.{one.slug}") is not None)


def find(name: str) -> tuple[Chapter, Exercise]:
    """Return an exercise and its chapter.

    Raises:
        ValueError: There is no exercise of this name.
    """
    chapter = next((chapter for chapter in CHAPTERS if name.startswith(chapter.prefix)), None)
    known = exercises(chapter.slug) if chapter else ()
    found = next((exercise for exercise in known if exercise.name == name), None)
    if chapter is None or found is None:
        names = ", ".join(e.name for e in known) or "begin with the chapter's name, such as losses-ragan"
        raise ValueError(f"there is no exercise {name!r:.60}; names {'here are ' if known else ''}{names}")
    return chapter, found

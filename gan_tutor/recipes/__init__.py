"""A recipe describes an experiment completely: the command line's flags and the header of a checkpoint.

`named("ring")` gives a tried one, `build` makes a game of it, `run` plays the game.
"""

from gan_tutor.recipes.catalogue import NAMES, describe, named
from gan_tutor.recipes.game import Game, build, load_generator, resume, run, sample_shape, save, source
from gan_tutor.recipes.record import Recipe, from_dict, from_json, to_json

__all__ = [
    "NAMES",
    "Game",
    "Recipe",
    "build",
    "describe",
    "from_dict",
    "from_json",
    "load_generator",
    "named",
    "resume",
    "run",
    "sample_shape",
    "save",
    "source",
    "to_json",
]

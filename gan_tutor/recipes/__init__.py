"""A recipe describes an experiment completely: the command line's flags and the header of a checkpoint.

`named("ring")` gives a tried one, `build` makes a game of it, `run` plays the game.
"""

from gan_tutor.recipes.catalogue import NAMES, describe, named
from gan_tutor.recipes.game import (
    Game,
    build,
    loss_of,
    placed,
    run,
    schedule_of,
    source,
)
from gan_tutor.recipes.memory import Memory, largest_batch, memory
from gan_tutor.recipes.players import class_count, parameter_count, sample_shape
from gan_tutor.recipes.record import Recipe, from_dict, from_json, from_link, to_json, to_link
from gan_tutor.recipes.steering import (
    ARCHITECTURE,
    OF_D,
    OF_G,
    changes,
    loses,
    play,
    rebuilt,
    refused,
    steer,
    step_d,
    step_g,
    without_end,
)
from gan_tutor.recipes.stored import (
    check_finite,
    load_generator,
    resume,
    save,
    stored_recipe,
    stored_source,
)

__all__ = [
    "ARCHITECTURE",
    "NAMES",
    "OF_D",
    "OF_G",
    "Game",
    "Memory",
    "Recipe",
    "build",
    "changes",
    "check_finite",
    "class_count",
    "describe",
    "from_dict",
    "from_json",
    "from_link",
    "largest_batch",
    "load_generator",
    "loses",
    "loss_of",
    "memory",
    "named",
    "parameter_count",
    "placed",
    "play",
    "rebuilt",
    "refused",
    "resume",
    "run",
    "sample_shape",
    "save",
    "schedule_of",
    "source",
    "steer",
    "step_d",
    "step_g",
    "stored_recipe",
    "stored_source",
    "to_json",
    "to_link",
    "without_end",
]

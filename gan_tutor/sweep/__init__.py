"""Many small GANs at once: stacked on one axis, trained by one step for all, measured into one table.

`build` stacks recipes that differ in numbers only, `run` plays them, `measure` tells what became of each. `play` does
all three for a grid of recipes and keeps the table in a folder. `atlas` has the book's maps.
"""

from gan_tutor.sweep.atlas import Panel, atlas
from gan_tutor.sweep.grid import axis, combinations
from gan_tutor.sweep.groups import SHARED, VARIES, alike, check, varying
from gan_tutor.sweep.measure import measure, overlap
from gan_tutor.sweep.stack import Stack, build, member
from gan_tutor.sweep.table import Progress, play, read
from gan_tutor.sweep.turn import run

__all__ = [
    "SHARED",
    "VARIES",
    "Panel",
    "Progress",
    "Stack",
    "alike",
    "atlas",
    "axis",
    "build",
    "check",
    "combinations",
    "measure",
    "member",
    "overlap",
    "play",
    "read",
    "run",
    "varying",
]

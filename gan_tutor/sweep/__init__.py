"""Many small GANs at once: stacked on one axis, trained by one step for all, measured into one table.

`build` stacks recipes that differ in numbers only, `run` plays them, `measure` tells what became of each.
"""

from gan_tutor.sweep.groups import SHARED, VARIES, alike, check, varying
from gan_tutor.sweep.measure import measure, overlap
from gan_tutor.sweep.stack import Stack, build, member
from gan_tutor.sweep.turn import run

__all__ = ["SHARED", "VARIES", "Stack", "alike", "build", "check", "measure", "member", "overlap", "run", "varying"]

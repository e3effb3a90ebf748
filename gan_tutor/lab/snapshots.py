"""Earlier moments of a game, within a memory budget: the further the session goes, the wider apart they lie."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gan_tutor import recipes
from gan_tutor.lab.journal import Journal
from gan_tutor.recipes import Game, Recipe

FIRST_EVERY = 50  # steps between snapshots at the start: a snapshot costs about as much as a turn of a small game


@dataclass(frozen=True)
class Snapshot:
    """A moment: the recipe in force, the state of every part of the game, and what was done up to then."""

    recipe: Recipe
    step: int
    state: dict[str, Any]
    journal: Journal


class Snapshots:
    """The moments kept. When they outgrow the budget, every second one is let go, and new ones come half as often.

    Args:
        budget_mb: Megabytes that they may hold; the first moment and the latest are kept in any case.
    """

    def __init__(self, budget_mb: float) -> None:
        self.budget_mb = budget_mb
        self.every = FIRST_EVERY
        self._kept: dict[int, Snapshot] = {}
        self._size_mb = 0.0

    @property
    def steps(self) -> list[int]:
        """Steps one can go back to, in order."""
        return sorted(self._kept)

    @property
    def used_mb(self) -> float:
        """Megabytes held now."""
        return self._size_mb * len(self._kept)

    def due(self, step: int) -> bool:
        """Whether this step should be kept."""
        return step % self.every == 0

    def take(self, game: Game, journal: Journal) -> None:
        """Keep the present moment."""
        state = {name: _copied(part) for name, part in game.parts().items()}
        self._size_mb = max(self._size_mb, sum(map(_bytes, state.values())) / 2**20)
        self._kept[game.step] = Snapshot(game.recipe, game.step, state, journal.copy())
        while self.used_mb > self.budget_mb and len(self._kept) > 2:
            self.every *= 2
            latest = max(self._kept)
            self._kept = {step: kept for step, kept in self._kept.items() if step % self.every == 0 or step == latest}
            if len(self._kept) > 2 and self.every > latest:
                break

    def back_to(self, step: Any, device: torch.device) -> tuple[Game, Journal]:
        """Return a game as it was at a kept step, and its journal; later moments are forgotten.

        Raises:
            ValueError: No moment was kept at that step.
        """
        if step not in self._kept:
            raise ValueError(f"no moment was kept at step {step!r}: the kept steps are {self.steps}")
        snapshot = self._kept[step]
        game = recipes.build(snapshot.recipe, device)
        for name, part in game.parts().items():
            state = copy.deepcopy(snapshot.state[name])
            if isinstance(part, torch.Generator):
                part.set_state(state)
            else:
                part.load_state_dict(state)
        game.step = snapshot.step
        self._kept = {kept: moment for kept, moment in self._kept.items() if kept <= snapshot.step}
        return game, snapshot.journal.copy()


def _copied(part: Any) -> Any:
    return part.get_state() if isinstance(part, torch.Generator) else copy.deepcopy(part.state_dict())


def _bytes(state: Any) -> int:
    if isinstance(state, Tensor):
        return state.nbytes
    values = state.values() if isinstance(state, dict) else state if isinstance(state, list) else ()
    return sum(map(_bytes, values))

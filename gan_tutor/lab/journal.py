"""What was done to a game, so that the session can be written down as a program that repeats it."""

from dataclasses import dataclass, field

from gan_tutor import recipes
from gan_tutor.recipes import Recipe


@dataclass(frozen=True)
class Entry:
    """One thing done at a step: steered to another recipe, or one player moved alone ("d" or "g")."""

    step: int
    recipe: Recipe | None = None
    single: str = ""


@dataclass
class Journal:
    """The start of a session and everything that was done since.

    Attributes:
        start: The recipe it began with.
        entries: What was done, in order.
    """

    start: Recipe
    entries: list[Entry] = field(default_factory=list)

    @property
    def recipe(self) -> Recipe:
        """The recipe in force now."""
        steered = [entry.recipe for entry in self.entries if entry.recipe is not None]
        return steered[-1] if steered else self.start

    def copy(self) -> "Journal":
        """Return a journal that can go on on its own."""
        return Journal(self.start, list(self.entries))

    def steered(self, step: int, old: Recipe, new: Recipe) -> None:
        """Note a change of recipe.

        Changes at one step become one, or none if they undo each other, but only if none of them loses state: weights
        and moments that are gone do not come back with the old recipe.
        """
        if old == new:
            return
        last = self.entries[-1] if self.entries else None
        if last is not None and last.step == step and last.recipe is not None:
            before = Journal(self.start, self.entries[:-1]).recipe
            if not recipes.loses(before, old) and not recipes.loses(old, new):
                self.entries.pop()
                if before == new:
                    return
        self.entries.append(Entry(step, recipe=new))

    def single(self, step: int, player: str) -> None:
        """Note that one player was moved alone."""
        self.entries.append(Entry(step, single=player))

    def program(self, step: int, device: str = "cpu") -> str:
        """Return Python that plays the session again, up to `step`; its last game is equal to this one, bit for bit."""
        where = "" if device == "cpu" else f", {device!r}"
        lines = ["from dataclasses import replace", "", "from gan_tutor import recipes", ""]
        lines += [
            f"recipe = {_constructor(self.start)}",
            f"game = recipes.build(recipes.without_end(recipe){where})",
            "",
        ]
        reached, recipe = 0, self.start
        for entry in self.entries:
            reached = _play(lines, reached, entry.step)
            if entry.recipe is None:
                lines.append(f"recipes.step_{entry.single}(game)")
                continue
            changed = ", ".join(f"{name}={value!r}" for name, value in recipes.changes(recipe, entry.recipe).items())
            lines.append(f"recipe = replace(recipe, {changed})")
            lines.append("game = recipes.steer(game, recipes.without_end(recipe))")
            recipe = entry.recipe
        _play(lines, reached, step)
        return "\n".join(lines) + "\n"


def _play(lines: list[str], reached: int, step: int) -> int:
    if step > reached:
        lines.append(f"recipes.play(game, until={step})")
    return step


def _constructor(recipe: Recipe) -> str:
    changed = recipes.changes(Recipe(), recipe)
    return f"recipes.Recipe({', '.join(f'{name}={value!r}' for name, value in changed.items())})"

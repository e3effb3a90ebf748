"""What is being made, with the time left: a line where a piece begins, and every few seconds until it ends."""

import time
from collections.abc import Callable, Sequence

EVERY = 8.0  # seconds between two lines about one piece

Tell = Callable[[str], None]
Share = Callable[[float], None]


def silent(line: str) -> None:
    """Tell nobody."""


def ignored(share: float) -> None:
    """Take no notice of how much is done."""


class Progress:
    """Lines about pieces of work.

    Args:
        tell: Gets the lines.
        sizes: How large the pieces are beside each other; only pieces that must be made count.
    """

    def __init__(self, tell: Tell, sizes: Sequence[float]) -> None:
        self._tell, self._sizes = tell, list(sizes)
        self._began = time.monotonic()

    def piece(self, number: int, words: str) -> Share:
        """Begin a piece, counted from 0; return what its maker calls with the share that is done, from 0 to 1."""
        head = f"{words} ({number + 1} of {len(self._sizes)})"
        before, whole = sum(self._sizes[:number]), sum(self._sizes)
        told = time.monotonic()
        self._tell(head + self._left(before, whole))

        def share(done: float) -> None:
            nonlocal told
            if time.monotonic() - told >= EVERY:
                told = time.monotonic()
                self._tell(f"{head}: {done:.0%}{self._left(before + done * self._sizes[number], whole)}")

        return share

    def _left(self, done: float, whole: float) -> str:
        if done < 0.02 * whole:  # too little to tell from
            return ""
        seconds = (time.monotonic() - self._began) * (whole - done) / done
        return f", about {seconds / 60:.0f} min left" if seconds >= 90 else f", about {seconds:.0f} s left"

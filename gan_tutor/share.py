"""A process's share of a game that several processes play: the same rows drawn everywhere, its own ones kept."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

Rows = TypeVar("Rows", Tensor, tuple[Tensor, Tensor])


@dataclass(frozen=True)
class Share:
    """Which rows of every draw belong to this process, and what it must ask the others.

    All processes hold the same generator in the same state and draw the rows of the whole batch, rank after rank. So
    the batch does not depend on the number of processes, nor does the generator's state afterwards: a checkpoint of
    some number of processes continues on any other.

    With more than one rank, `means` and `whole` wait for all processes of torch.distributed's default group
    (`parallel.start` opens it); `own`, `rows` and `part` ask nobody.

    Attributes:
        rank: This process's number, 0 to ranks - 1.
        ranks: Number of processes, at least 1.

    Raises:
        ValueError: A number is out of its range.
    """

    rank: int = 0
    ranks: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.ranks:
            raise ValueError(f"rank must be from 0 to ranks - 1, got rank {self.rank} of {self.ranks}")

    def own(self, draw: Callable[[int], Rows], n: int, batches: int = 1) -> Rows:
        """Call `draw` for the rows of all ranks and return this rank's n rows.

        Args:
            draw: Returns as many rows as it is asked for: one tensor (rows, ...), or two of the same rows.
            n: Rows of this rank, at least 1; every rank asks for the same number.
            batches: How many batches of equal size the rows are, one after the other. One process has all rows of the
                first batch before those of the second, so a rank's rows are its share of each.

        Raises:
            ValueError: The rows are not that many batches of equal size.
        """
        if n % batches:
            raise ValueError(f"rows must be {batches} batches of equal size, got {n} rows")
        drawn = draw(self.ranks * n)
        if isinstance(drawn, Tensor):
            return self._own(drawn, batches)
        x, y = drawn
        return self._own(x, batches), self._own(y, batches)

    def _own(self, rows: Tensor, batches: int) -> Tensor:
        return rows.unflatten(0, (batches, self.ranks, -1))[:, self.rank].flatten(0, 1)

    def rows(self, batch_size: int) -> int:
        """Return this rank's number of rows of a batch.

        Raises:
            ValueError: The rows cannot be shared out equally, so that a mean of the ranks' means is the batch's mean.
        """
        if batch_size % self.ranks:
            raise ValueError(
                f"batch_size must be a multiple of the number of processes, got {batch_size} for {self.ranks}; "
                f"take {batch_size // self.ranks * self.ranks or self.ranks} or another number of processes"
            )
        return batch_size // self.ranks

    def part(self, rows: Tensor) -> Tensor:
        """Return this rank's part of rows (n, ...) that all ranks hold; parts differ in length by one row at most."""
        return rows.tensor_split(self.ranks)[self.rank]

    @torch.no_grad()
    def whole(self, part: Tensor, n: int) -> Tensor:
        """Return on every rank the n rows whose parts, cut as by `part`, the ranks hold."""
        if self.ranks == 1:
            return part
        longest = -(-n // self.ranks)
        padded = part.new_zeros(longest, *part.shape[1:])
        padded[: len(part)] = part
        parts = [torch.empty_like(padded) for _ in range(self.ranks)]
        dist.all_gather(parts, padded)
        lengths = [len(rows) for rows in torch.empty(n).tensor_split(self.ranks)]
        return torch.cat([rows[:length] for rows, length in zip(parts, lengths, strict=True)])

    @torch.no_grad()
    def means(self, *values: Tensor) -> tuple[Tensor, ...]:
        """Return the mean over ranks of each scalar, in one exchange."""
        if self.ranks == 1:
            return values
        together = torch.stack(values)
        dist.all_reduce(together)
        return (together / self.ranks).unbind()


ALONE = Share()

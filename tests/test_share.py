"""Shares of a batch: put together, the ranks' rows are the rows that one process draws."""

import pytest
import torch

from gan_tutor import data
from gan_tutor.share import ALONE, Share


def generators(count):
    return [torch.Generator().manual_seed(7) for _ in range(count)]


@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_the_ranks_rows_are_one_process_s_batch_and_all_generators_stay_alike(ranks):
    def draw(generator):
        return lambda n: torch.randn(n, 5, generator=generator)

    alone, *each = generators(ranks + 1)
    whole = ALONE.own(draw(alone), 12)
    parts = [Share(rank, ranks).own(draw(generator), 12 // ranks) for rank, generator in enumerate(each)]
    assert torch.equal(torch.cat(parts), whole)
    assert all(torch.equal(generator.get_state(), alone.get_state()) for generator in each)


def test_labels_stay_with_their_samples():
    alone, *each = generators(3)
    x, y = ALONE.own(lambda n: data.ring().sample_labelled(n, alone), 8)
    parts = [
        Share(rank, 2).own(lambda n, g=generator: data.ring().sample_labelled(n, g), 4)
        for rank, generator in enumerate(each)
    ]
    assert torch.equal(torch.cat([part[0] for part in parts]), x)
    assert torch.equal(torch.cat([part[1] for part in parts]), y)


def test_rows_are_shared_out_equally():
    assert [Share(0, ranks).rows(12) for ranks in (1, 2, 3, 4)] == [12, 6, 4, 3]
    with pytest.raises(
        ValueError, match="batch_size must be a multiple of the number of processes, got 10 for 4; take 8"
    ):
        Share(1, 4).rows(10)
    with pytest.raises(ValueError, match="got 3 for 4; take 4"):
        Share(0, 4).rows(3)


@pytest.mark.parametrize(("rank", "ranks"), [(-1, 2), (2, 2), (0, 0)])
def test_an_impossible_share_is_refused(rank, ranks):
    with pytest.raises(ValueError, match=f"rank must be from 0 to ranks - 1, got rank {rank} of {ranks}"):
        Share(rank, ranks)


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_of_two_batches_in_one_call_every_rank_gets_its_rows_of_each(ranks):
    alone, *each = generators(ranks + 1)
    whole = torch.randn(24, 5, generator=alone)  # twelve real rows, then twelve generated ones
    for rank, generator in enumerate(each):
        n = 12 // ranks
        rows = Share(rank, ranks).own(lambda count, g=generator: torch.randn(count, 5, generator=g), 2 * n, batches=2)
        mine = slice(rank * n, (rank + 1) * n)
        assert torch.equal(rows, torch.cat([whole[:12][mine], whole[12:][mine]]))
    with pytest.raises(ValueError, match="rows must be 2 batches of equal size, got 7 rows"):
        ALONE.own(torch.zeros, 7, batches=2)

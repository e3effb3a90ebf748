"""Batches: endless, independent, with all their state in one generator."""

import itertools

import pytest
import torch

from gan_tutor import data
from gan_tutor.share import Share

SOURCES = {
    "ring": data.ring,
    "two_moons": data.two_moons,
    "gaussian": data.gaussian,
    "point": data.point,
    "digits": data.digits,
}


@pytest.mark.parametrize("name", SOURCES)
def test_batches_are_endless_and_have_the_source_s_shape(name, generator):
    source = SOURCES[name]()
    for x in itertools.islice(data.batches(source, 6, generator), 30):
        assert x.shape == (6, *source.shape)
        assert x.dtype == torch.float32
        if source.range is not None:
            assert x.min() >= source.range[0]
            assert x.max() <= source.range[1]


@pytest.mark.parametrize("name", ["ring", "two_moons", "digits"])
def test_restoring_the_generator_continues_the_sequence_exactly(name, generator):
    source = SOURCES[name]()
    stream = data.batches(source, 6, generator)
    next(stream)
    state = generator.get_state()
    ahead = [next(stream) for _ in range(3)]
    assert not torch.equal(ahead[0], ahead[1])
    other = torch.Generator()
    fresh = data.batches(source, 6, other)
    other.set_state(state)
    assert all(torch.equal(next(fresh), x) for x in ahead)
    generator.set_state(state)
    assert all(torch.equal(next(stream), x) for x in ahead)


def test_making_an_iterator_draws_nothing(generator):
    before = generator.get_state()
    data.batches(data.ring(), 4, generator)
    assert torch.equal(before, generator.get_state())


def test_the_global_generator_is_left_alone(generator):
    before = torch.get_rng_state()
    for source in SOURCES.values():
        next(data.batches(source(), 4, generator))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("batch_size", [0, -3])
def test_an_empty_batch_is_refused_at_once(batch_size, generator):
    with pytest.raises(ValueError, match=f"batch_size must be at least 1, got {batch_size}"):
        data.batches(data.ring(), batch_size, generator)


def test_image_batches_draw_evenly_and_with_replacement(generator):
    source = data.digits()
    drawn = torch.cat(list(itertools.islice(data.batches(source, 500, generator), 8))).flatten(1)
    distinct = len(torch.unique(drawn, dim=0))
    # 4000 draws from 4000 images hit 1 - 1/e of them, +- 0.5 %.
    assert distinct == pytest.approx(4000 * 0.632, abs=100)


@pytest.mark.parametrize("name", ["ring", "digits"])
def test_labelled_batches_are_the_same_samples_with_their_labels(name):
    source = SOURCES[name]()
    plain = data.batches(source, 6, torch.Generator().manual_seed(3))
    labelled = data.labelled_batches(source, 6, torch.Generator().manual_seed(3))
    by_hand = torch.Generator().manual_seed(3)
    for _ in range(3):
        x, y = next(labelled)
        expected, labels = source.sample_labelled(6, by_hand)
        assert torch.equal(x, next(plain))
        assert torch.equal(x, expected)
        assert torch.equal(y, labels)
    with pytest.raises(ValueError, match="has no labels: use an image set or a mixture"):
        data.labelled_batches(data.two_moons(), 6, torch.Generator())


def test_processes_share_the_rows_of_one_batch():
    """Three processes with equal generators: their rows, put together, are the batch of one."""
    whole = data.batches(data.ring(), 6, torch.Generator().manual_seed(3))
    parts = [data.batches(data.ring(), 6, torch.Generator().manual_seed(3), Share(rank, 3)) for rank in range(3)]
    for _ in range(2):
        assert torch.equal(next(whole), torch.cat([next(part) for part in parts]))
    with pytest.raises(ValueError, match="batch_size must be a multiple of the number of processes, got 7 for 3"):
        data.batches(data.ring(), 7, torch.Generator(), Share(0, 3))


def test_one_sample_is_a_batch(generator):
    assert next(data.batches(data.ring(), 1, generator)).shape == (1, 2)

"""Mirrored and shifted images: beside a plain loop, with all randomness in the game's generator."""

import numpy as np
import pytest
import torch

from gan_tutor import data
from gan_tutor.data.images import ImageSet


def numbered(n=5, channels=3, height=16, width=24):
    """A set of few images, all pixels random, so that an image is known by its pixels."""
    pixels = torch.randint(
        256, (n, channels, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    return ImageSet("numbered", pixels, torch.arange(n), tuple("abcde"))


def crops(image, most):
    """Every crop of the image's size from it with its border reflected, by numpy."""
    height, width = image.shape[1:]
    wide = np.pad(image, ((0, 0), (most[0], most[0]), (most[1], most[1])), mode="reflect")
    for i in range(2 * most[0] + 1):
        for j in range(2 * most[1] + 1):
            yield (i, j), wide[:, i : i + height, j : j + width]


def test_half_of_the_images_are_mirrored_and_nothing_else(generator):
    source = numbered()
    x, y = data.Augmented(source, "flip").sample_labelled(600, generator)
    whole = source.images
    plain = (x == whole[y]).flatten(1).all(1)
    mirrored = (x == whole[y].flip(3)).flatten(1).all(1)
    assert (plain ^ mirrored).all()
    assert mirrored.float().mean().item() == pytest.approx(0.5, abs=0.08)


def test_crops_are_those_of_the_reflected_image_each_equally_likely(generator):
    source = numbered(2)
    x, y = data.Augmented(source, "flip_crop").sample_labelled(4000, generator)
    assert x.shape == (4000, 3, 16, 24)
    found = {}
    for flipped in (False, True):
        for number, image in enumerate(source.images):
            image = image.flip(2) if flipped else image
            for place, crop in crops(image.numpy(), (2, 3)):
                equal = (x == torch.from_numpy(crop.copy())).flatten(1).all(1)
                assert (y[equal] == number).all()
                found[flipped, number, place] = equal.sum().item()
    assert sum(found.values()) == 4000
    assert len(found) == 2 * 2 * 5 * 7
    assert min(found.values()) > 4000 / 140 / 4
    assert max(found.values()) < 4000 / 140 * 2.2


@pytest.mark.parametrize("how", ["flip", "flip_crop"])
def test_it_is_a_source_with_all_randomness_in_the_generator(how):
    source = data.Augmented(data.fashion(), how)
    assert source.shape == (1, 28, 28)
    assert source.range == (-1.0, 1.0)
    before = torch.get_rng_state()
    stream = data.batches(source, 6, torch.Generator().manual_seed(1))
    again = data.labelled_batches(source, 6, torch.Generator().manual_seed(1))
    first, second = next(stream), next(stream)
    assert first.shape == (6, 1, 28, 28)
    assert first.min() >= -1
    assert first.max() <= 1
    assert not torch.equal(first, second)
    assert torch.equal(next(again)[0], first)
    assert torch.equal(next(again)[0], second)
    assert torch.equal(before, torch.get_rng_state())


def test_to_moves_the_images():
    assert data.Augmented(numbered(), "flip").to("meta").source.pixels.device.type == "meta"


def test_another_way_is_refused():
    with pytest.raises(ValueError, match="how must be one of flip, flip_crop, got 'rotate'"):
        data.Augmented(numbered(), "rotate")


def test_mirroring_is_drawn_after_the_images_and_shifts_after_that():
    """By hand from a generator in the same state: a run repeats only if this order stays."""
    source = numbered()
    x, y = data.Augmented(source, "flip_crop").sample_labelled(9, torch.Generator().manual_seed(3))
    generator = torch.Generator().manual_seed(3)
    images, labels = source.sample_labelled(9, generator)
    mirrored = torch.rand(9, 1, 1, 1, generator=generator) < 0.5
    down, right = (torch.randint(2 * most + 1, (9, 1), generator=generator).flatten() for most in (2, 3))
    for k in range(9):
        image = images[k].flip(2) if mirrored[k] else images[k]
        expected = dict(crops(image.numpy(), (2, 3)))[int(down[k]), int(right[k])]
        assert torch.equal(x[k], torch.from_numpy(expected.copy()))
    assert torch.equal(y, labels)
    assert 0 < mirrored.sum() < 9

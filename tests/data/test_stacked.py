"""Stacked digits: channels are digits, modes are counted right, and the draws are uniform and independent."""

import pytest
import torch

from gan_tutor import data, recipes
from gan_tutor.data.stacked import StackedDigits, mode_number


def constant_digits():
    """Ten grey images; image i is constant at 25 i and has label i."""
    pixels = (torch.arange(10) * 25).to(torch.uint8).view(10, 1, 1, 1).expand(10, 1, 28, 28).contiguous()
    return data.ImageSet("constant", pixels, torch.arange(10), tuple("0123456789"))


def test_a_source_like_any_other(generator):
    source = data.stacked_digits()
    assert (source.name, source.shape, source.range) == ("stacked_digits", (3, 28, 28), (-1.0, 1.0))
    assert source.device == torch.device("cpu")
    x = source.sample(5, generator)
    assert x.shape == (5, 3, 28, 28)
    assert x.dtype == torch.float32
    assert -1 == x.min() < x.max() <= 1
    assert next(data.batches(source, 4, generator)).shape == (4, 3, 28, 28)
    images, modes = next(data.labelled_batches(source, 4, generator))
    assert images.shape == (4, 3, 28, 28)
    assert (modes.shape, modes.dtype) == ((4,), torch.int64)


def test_each_channel_is_the_digit_that_the_mode_names(generator):
    images, modes = StackedDigits(constant_digits()).sample_labelled(50, generator)
    shown = ((images[:, :, 0, 0] + 1) * 127.5 / 25).round().long()  # (50, 3)
    assert torch.equal(shown, torch.stack([modes // 100, modes // 10 % 10, modes % 10], dim=1))
    assert (images == images[:, :, :1, :1]).all(), "a channel holds pixels of several digits"


def test_mode_numbers_are_read_from_left_to_right():
    assert mode_number(torch.tensor([[0, 0, 0], [1, 2, 3], [9, 9, 9], [0, 4, 0]])).tolist() == [0, 123, 999, 40]


def test_all_thousand_modes_are_equally_likely(generator):
    counts = torch.zeros(1000)
    source = StackedDigits(constant_digits())
    for _ in range(10):
        counts += torch.bincount(source.sample_labelled(2000, generator)[1], minlength=1000)
    chi_square = ((counts - 20) ** 2 / 20).sum().item()  # mean 999, standard deviation 45
    assert 999 - 4 * 45 < chi_square < 999 + 4 * 45


def test_draws_repeat_with_the_seed_and_sample_agrees_with_sample_labelled():
    source = data.stacked_digits("test")
    first, again, other = (source.sample(6, torch.Generator().manual_seed(s)) for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(first, source.sample_labelled(6, torch.Generator().manual_seed(0))[0])


def test_splits_draw_from_their_own_digits(generator):
    held_out = {image.numpy().tobytes() for image in data.digits("test").images}
    x = data.stacked_digits("test").sample(20, generator)
    assert all(channel.contiguous().numpy().tobytes() in held_out for image in x for channel in image)
    x = data.stacked_digits().sample(20, generator)
    assert not any(channel.contiguous().numpy().tobytes() in held_out for image in x for channel in image)


def test_to_moves_the_digits():
    source = data.stacked_digits("test").to("cpu")
    assert isinstance(source, StackedDigits)
    moved = StackedDigits(constant_digits()).to("meta")
    assert moved.device == torch.device("meta")
    assert moved.shape == (3, 28, 28)


def test_what_cannot_be_stacked_is_refused(generator):
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        data.stacked_digits().sample(0, generator)
    with pytest.raises(ValueError, match="split must be"):
        data.stacked_digits("validation")
    grey = constant_digits()
    with pytest.raises(ValueError, match=r"of ten classes, got ImageSet\('constant', 10 of \(1, 28, 28\), 0 classes"):
        StackedDigits(grey.with_labels(torch.zeros(10, 2)))
    with pytest.raises(ValueError, match=r"grey images .* got ImageSet\('constant', 10 of \(3, 28, 28\)"):
        StackedDigits(data.ImageSet("constant", grey.pixels.expand(-1, 3, -1, -1), grey.labels, grey.classes))


def test_the_recipe_knows_the_source():
    recipe = recipes.named("stacked_digits")
    assert recipes.sample_shape(recipe) == recipes.source(recipe).shape == (3, 28, 28)
    game = recipes.build(recipe)
    z = torch.randn(2, recipe.latent_dim)
    assert game.G(z).shape == (2, 3, 28, 28)
    assert game.D(game.G(z)).shape == (2,)

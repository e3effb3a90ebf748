"""Axes as text: every form, every mistake in words, and the order of the combinations."""

import pytest

from gan_tutor import sweep
from gan_tutor.recipes import Recipe


@pytest.mark.parametrize(
    ("text", "names", "values"),
    [
        ("loss=hinge,minimax", ("loss",), ["hinge", "minimax"]),
        ("seed=0..4", ("seed",), [0, 1, 2, 3, 4]),
        ("seed=3..3", ("seed",), [3]),
        ("latent_dim=1,2,16", ("latent_dim",), [1, 2, 16]),
        ("penalty_weight=0..1:5", ("penalty_weight",), [0, 0.25, 0.5, 0.75, 1]),
        ("lr_d=1e-5..1e-1:5:log", ("lr_d",), [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]),
        ("lr_g+lr_d=1e-3,1e-2", ("lr_g", "lr_d"), [1e-3, 1e-2]),
        ("instance_noise=-0..0.5:2", ("instance_noise",), [0, 0.5]),
        ("standardize=True,False", ("standardize",), [True, False]),
        ("lr_g=1e-2..1e-4:3:log", ("lr_g",), [1e-2, 1e-3, 1e-4]),
    ],
)
def test_axes(text, names, values):
    found, converted = sweep.axis(text)
    assert found == names
    assert converted == pytest.approx(values) if isinstance(values[0], float) else converted == values


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lr=1e-3", "must name a field of a recipe, got 'lr'"),
        ("lr_d", "must be field=values"),
        ("lr_d=", "must be field=values"),
        ("lr_d=fast", "must be numbers, got 'fast'"),
        ("seed=0.5", "must be whole numbers"),
        ("lr_d=1e-5..1e-1", "a range must be"),
        ("lr_d=1e-5..1e-1:x", "a range must be"),
        ("lr_d=1e-5..1e-1:1", "at least 2 values"),
        ("lr_d=0..1e-1:3:log", "positive ones"),
        ("lr_d=1..2:3:lin", "at least 2 values"),
        ("loss=hinge,hinge", "must differ"),
        ("seed=4..0", "holds none"),
        ("standardize=yes", "True or False"),
    ],
)
def test_wrong_axes_are_refused_in_words(text, said):
    with pytest.raises(ValueError, match=said):
        sweep.axis(text)


def test_combinations_count_like_digits():
    found = sweep.combinations(Recipe(), ["loss=hinge,minimax", "lr_g+lr_d=1e-3,1e-2", "seed=0..1"])
    assert [(r.loss, r.lr_g, r.lr_d, r.seed) for r in found] == [
        (loss, lr, lr, seed) for loss in ("hinge", "minimax") for lr in (1e-3, 1e-2) for seed in (0, 1)
    ]
    assert sweep.combinations(Recipe(seed=3), []) == [Recipe(seed=3)]


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        (["lr_d=1e-3", "lr_g+lr_d=1e-3"], "on one axis only, got lr_d"),
        (["loss=cosine"], "loss must be one of"),
        (["lr_d=-1,1"], "lr_d must be positive"),
        (["norm_d=none,spectral"], "norm_d = 'none'"),
        (["data=ring,digits"], "density such as ring"),
    ],
)
def test_impossible_grids_are_refused(grid, said):
    with pytest.raises(ValueError, match=said):
        sweep.combinations(Recipe(), grid)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed=inf", "must be whole numbers, got 'inf' in 'seed=inf'"),
        ("seed=1e400", "must be whole numbers, got '1e400'"),
        ("seed=nan", "must be whole numbers, got 'nan'"),
        ("seed=a", "must be whole numbers, got 'a'"),
        ("latent_dim=1,2.5", "must be whole numbers, got '2.5'"),
        ("seed=0..inf", "a range must be"),
        ("lr_d=1..1e400:3", "finite ends"),
        ("seed=0..99999999", "at most 100,000 GANs, got 100,000,000 from 'seed=0..99999999'"),
        ("lr_d=1..2:1000000000", "at most 100,000 GANs, got 1,000,000,000"),
    ],
)
def test_numbers_without_end_are_refused_in_words_and_at_once(text, said):
    with pytest.raises(ValueError, match=said):
        sweep.axis(text)


def test_seeds_are_read_exactly_and_too_many_combinations_are_counted_before_any_is_made():
    assert sweep.axis(f"seed={2**53 - 1},1e3") == (("seed",), [2**53 - 1, 1000])
    with pytest.raises(ValueError, match=f"seed must be at most {2**53 - 1}, got {10**20 - 1}"):
        sweep.combinations(Recipe(), [f"seed={10**20 - 1}"])
    with pytest.raises(
        ValueError, match=r"at most 100,000 GANs, got 1,002,001 from 'seed=0\.\.1000 x steps=1\.\.1001'"
    ):
        sweep.combinations(Recipe(), ["seed=0..1000", "steps=1..1001"])


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("lr_d=0..1:4", [0.0, 0.3333, 0.6667, 1.0]),
        ("lr_d=1..2:3:log", [1.0, 1.414, 2.0]),
        ("lr_d=1e-4..1e-1:7:log", [1e-4, 3.162e-4, 1e-3, 3.162e-3, 1e-2, 3.162e-2, 1e-1]),
        ("penalty_weight=3..1:3", [3.0, 2.0, 1.0]),
        ("beta1=0.1234567,0.5", [0.1234567, 0.5]),
    ],
)
def test_a_range_is_played_with_the_four_digits_that_a_table_shows(text, values):
    """Numbers that are given one by one stay as they are."""
    assert sweep.axis(text)[1] == values


def test_values_take_the_type_of_their_field():
    for text, values in (("seed=1,2.0", [1, 2]), ("steps=0..2:2", [0, 2]), ("lr_g=1,2", [1.0, 2.0])):
        found = sweep.axis(text)[1]
        assert found == values
        assert [type(value) for value in found] == [type(value) for value in values]
    assert [recipe.standardize for recipe in sweep.combinations(Recipe(data="grid"), ["standardize=False,True"])] == [
        False, True,
    ]  # fmt: skip

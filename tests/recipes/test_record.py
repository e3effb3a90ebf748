"""The Recipe: every impossible value is refused by the field's name, and JSON brings the same record back."""

import base64
import json
import re
from dataclasses import asdict, fields, replace

import pytest

from gan_tutor import recipes
from gan_tutor.recipes import Recipe
from gan_tutor.recipes.record import MOST, places

COUNTS = ("latent_dim", "width_g", "width_d", "penalty_every", "batch_size", "n_critic", "steps")
RATES = ("lr_g", "lr_d")
NOT_NEGATIVE = ("mapping_g", "refine_g", "depth_g", "depth_d", "seed")
WEIGHTS = ("instance_noise", "penalty_weight", "auxiliary_weight", "clip")
SHARES = ("beta1", "beta2", "ema_decay")
SWITCHES = ("standardize", "subpixel_g", "channels_last", "compile", "cuda_graph")
CHOICES = {
    "data": "mnist",
    "generator": "resnet",
    "discriminator": "patch",
    "activation_g": "gelu",
    "activation_d": "ReLU",
    "norm_d": "layer",
    "condition": "cgan",
    "loss": "wgan",
    "penalty": "gp",
    "optimizer": "adamw",
    "schedule": "linear",
    "augment": "crop",
    "precision": "half",
}
WRONG = [
    *[(name, value, "positive") for name in COUNTS for value in (0, -1)],
    *[(name, value, "positive") for name in RATES for value in (0.0, -1e-3)],
    *[(name, -1, "at least 0") for name in NOT_NEGATIVE],
    *[(name, -0.5, "at least 0") for name in WEIGHTS],
    *[(name, value, r"in \[0, 1\)") for name in SHARES for value in (1.0, -0.1, 1.5)],
    *[(n, v, "finite") for n in (*RATES, *WEIGHTS, *SHARES) for v in (float("nan"), float("inf"))],
    *[(name, value, "of type int") for name in (*COUNTS, *NOT_NEGATIVE) for value in (2.0, "2", None, True)],
    *[(name, value, "of type float") for name in (*RATES, *WEIGHTS, *SHARES) for value in ("0.1", None, True)],
    *[(name, value, "of type bool") for name in SWITCHES for value in (1, 0, "yes", None)],
    ("data_root", 3, "of type str"),
    *[(name, value, "of type str") for name in ("points", "diffaugment") for value in (3, None, [[0, 1]])],
    *[(name, value, "one of") for name, wrong in CHOICES.items() for value in (wrong, None, 3)],
    *[("real_target", value, r"in \(0\.5, 1\]") for value in (0.5, 0.0, 1.1)],
]


@pytest.mark.parametrize(("name", "value", "must"), WRONG)
def test_an_impossible_value_is_refused_by_name(name, value, must):
    with pytest.raises(ValueError, match=f"^{name} must be {must}.*, got ") as error:
        Recipe(**{name: value})
    assert repr(value) in str(error.value) or str(value) in str(error.value)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ("1,2 3", "points must be pairs \"x,y\" with one space between them, got '1,2 3'"),
        ("1,2  3,4", "with one space between them"),
        ("1,b", "with one space between them"),
        ("1,11", "at most 150 pairs of numbers within 10 of 0, got 1 pairs"),
        ("0,nan", "within 10 of 0"),
        (" ".join(["0,0"] * 151), "got 151 pairs"),
        ("", "points must hold the places of drawn data, and be empty for other data, got ''"),
    ],
)
def test_bad_places_of_drawn_data_are_refused(points, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Recipe(data="drawn", points=points)


def test_only_drawn_data_has_places():
    with pytest.raises(ValueError, match="be empty for other data, got '0,1'"):
        Recipe(points="0,1")
    assert places("0.5,-1 -2,1e-1") == [(0.5, -1.0), (-2.0, 0.1)]


def test_every_field_has_a_wrong_value_here():
    assert {name for name, _, _ in WRONG} == {field.name for field in fields(Recipe)}


@pytest.mark.parametrize("name", CHOICES)
def test_a_refused_word_comes_with_the_allowed_ones(name):
    allowed = {
        "data": "ring, grid", "generator": "mlp, dcgan, residual",
        "discriminator": "mlp, dcgan, space_to_depth, residual", "augment": "none, flip, flip_crop",
        "activation_g": "relu, leaky_relu, tanh", "activation_d": "relu, leaky_relu, tanh",
        "norm_d": "none, batch, spectral", "condition": "none, concat, embedding, projection, auxiliary",
        "loss": "minimax, nonsaturating, least_squares, hinge, wasserstein, relativistic",
        "penalty": "none, r1, r2, r1_r2, wgan_gp", "optimizer": "adam, rmsprop, sgd",
        "schedule": "constant, cosine, cooldown", "precision": "auto, float32, bfloat16",
    }[name]  # fmt: skip
    with pytest.raises(ValueError, match=f"{name} must be one of .*{allowed}.*, got '{CHOICES[name]}'"):
        Recipe(**{name: CHOICES[name]})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"generator": "dcgan"}, "generator must be mlp for ring, got dcgan"),
        ({"discriminator": "dcgan"}, "discriminator must be mlp for ring, got dcgan"),
        ({"discriminator": "space_to_depth", "data": "gaussian"}, "discriminator must be mlp for gaussian"),
        ({"channels_last": True}, "channels_last must be False for ring: it is a memory layout of images"),
        ({"channels_last": True, "data": "gaussian"}, "channels_last must be False for gaussian"),
        ({"channels_last": True, "data": "drawn", "points": "0,1"}, "channels_last must be False for drawn"),
        ({"norm_d": "batch"}, "norm_d must be none or spectral for a mlp discriminator, got batch"),
        (
            {"data": "digits", "discriminator": "space_to_depth", "norm_d": "batch"},
            "norm_d must be none or spectral for a space_to_depth|norm_d must be none for a space_to_depth",
        ),
        (
            {"data": "digits", "discriminator": "space_to_depth", "norm_d": "spectral"},
            "norm_d must be none for a space_to_depth discriminator, got spectral",
        ),
        (
            {"data": "digits", "discriminator": "dcgan", "norm_d": "batch", "penalty": "r1"},
            "norm_d must be none or spectral with penalty r1: with BatchNorm a logit depends on the whole batch",
        ),
        (
            {"data": "digits", "discriminator": "residual", "norm_d": "spectral"},
            "norm_d must be none for a residual discriminator, got spectral",
        ),
        (
            {"data": "fashion", "discriminator": "residual", "depth_d": 0},
            "depth_d must be at least 1 block at each size of a residual discriminator, got 0",
        ),
        ({"data": "fashion", "generator": "residual", "depth_g": 0}, "depth_g must be at least 1 block at each size"),
        ({"augment": "flip"}, "augment must be none for ring, got flip: it flips images"),
        ({"data": "digits", "augment": "flip_crop"}, "augment must be none for digits"),
        ({"diffaugment": "color"}, "diffaugment must be empty for ring: it changes images, got 'color'"),
        *[
            (
                {"data": "digits", "diffaugment": policy},
                "diffaugment must be some of color, translation, cutout with commas between and no spaces, got "
                f'"{policy}"',
            )
            for policy in ("colour", "color, cutout", "color,color", ",")
        ],
        ({"loss": "hinge", "real_target": 0.9}, "which hinge does not have; use minimax or nonsaturating"),
        ({"data": "digits", "standardize": True}, "standardize must be False for digits: only mixtures"),
        ({"data": "two_moons", "standardize": True}, "standardize must be False for two_moons"),
        ({"data": "point", "standardize": True}, "standardize must be False for point"),
    ],
)
def test_values_that_do_not_go_together_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**values)


def test_a_whole_number_is_a_float_where_a_float_is_due():
    recipe = Recipe(penalty_weight=1, lr_g=1, beta1=0)
    assert [type(v) for v in (recipe.penalty_weight, recipe.lr_g, recipe.beta1)] == [float] * 3
    assert recipe == Recipe(penalty_weight=1.0, lr_g=1.0, beta1=0.0)


def test_a_recipe_is_frozen_and_plain():
    recipe = Recipe()
    with pytest.raises(AttributeError):
        recipe.steps = 3
    assert all(type(value) in (str, int, float, bool) for value in asdict(recipe).values())
    assert hash(recipe) == hash(Recipe())
    assert replace(recipe, seed=1) != recipe


@pytest.mark.parametrize("name", recipes.NAMES)
def test_json_brings_the_same_recipe_back(name):
    recipe = recipes.named(name)
    text = recipes.to_json(recipe)
    assert recipes.from_json(text) == recipe
    assert len(text.splitlines()) == len(fields(Recipe)) + 2
    assert json.loads(text) == asdict(recipe)
    assert recipes.from_dict(asdict(recipe)) == recipe


def test_missing_fields_take_their_defaults():
    assert recipes.from_json('{"steps": 7}') == Recipe(steps=7)
    assert recipes.from_json("{}") == Recipe()


def test_unknown_fields_are_refused_by_name_with_the_known_ones():
    with pytest.raises(
        ValueError, match="a recipe has no field 'batchsize', 'z_dim'; its fields are data, points, standardize,"
    ):
        recipes.from_json('{"z_dim": 3, "steps": 7, "batchsize": 3}')


@pytest.mark.parametrize("text", ["[1]", "3", '"ring"', "null"])
def test_json_that_is_no_object_is_refused(text):
    with pytest.raises(ValueError, match="a recipe must be a JSON object, got"):
        recipes.from_json(text)


@pytest.mark.parametrize("text", ["", "{", "steps: 3", '{"steps": }'])
def test_text_that_is_no_json_is_a_value_error(text):
    with pytest.raises(ValueError):  # noqa: PT011  (json's own message names the place)
        recipes.from_json(text)


def test_impossible_values_in_json_are_refused_too():
    with pytest.raises(ValueError, match="steps must be positive, got 0"):
        recipes.from_json('{"steps": 0}')
    with pytest.raises(ValueError, match="lr_g must be finite, got nan"):
        recipes.from_json('{"lr_g": NaN}')


def test_every_field_is_documented():
    for field in fields(Recipe):
        assert f"\n        {field.name}: " in Recipe.__doc__, field.name


@pytest.mark.parametrize(("bf16", "precision"), [(True, "auto"), (False, "float32")])
def test_recipes_and_links_of_before_say_bf16(bf16, precision):
    assert recipes.from_dict({"data": "digits", "bf16": bf16}).precision == precision
    code = base64.urlsafe_b64encode(json.dumps({"bf16": bf16}).encode()).decode().rstrip("=")
    assert recipes.from_link(f"#lab={code}") == Recipe(precision=precision)


@pytest.mark.parametrize("values", [{"bf16": True, "precision": "auto"}, {"bf16": "yes"}, {"bf16": 1}])
def test_an_old_precision_is_plain_or_refused(values):
    with pytest.raises(ValueError, match="bf16 must be true or false and stand without precision"):
        recipes.from_dict(values)


@pytest.mark.parametrize(("field", "most"), MOST.items())
def test_a_whole_number_has_a_largest_value(field, most):
    assert getattr(recipes.from_dict({field: most}), field) == most
    for more in (most + 1, 10**400, 10**5000):
        with pytest.raises(ValueError, match=f"{field} must be at most {most}, got "):
            recipes.from_dict({field: more})
    with pytest.raises(ValueError, match=f"{field} must be "):
        recipes.from_dict({field: -(10**5000)})


def test_every_whole_number_of_a_recipe_is_bounded():
    whole = {field for field, value in Recipe().__dict__.items() if type(value) is int}
    assert set(MOST) == whole


@pytest.mark.parametrize("field", [name for name, value in Recipe().__dict__.items() if type(value) is float])
def test_a_whole_number_too_large_for_a_float_is_refused(field):
    for value in (10**400, -(10**400), 10**5000):
        with pytest.raises(ValueError, match=f"{field} must be a number below 1.8e308, got one with"):
            recipes.from_dict({field: value})


def test_every_named_recipe_fits_a_lab_and_a_session_has_no_end():
    for name in recipes.NAMES:
        recipe = recipes.without_end(recipes.named(name))
        assert recipe.steps == 10**9
        assert recipes.parameter_count(recipe) < 100_000_000


@pytest.mark.parametrize("name", ["ring", "digits", "digits_projection", "digits_classical", "fashion_modern"])
def test_parameters_are_counted_without_making_them(name):
    game = recipes.build(recipes.named(name))
    expected = sum(p.numel() for network in (game.G, game.D) for p in network.parameters())
    assert recipes.parameter_count(game.recipe) == expected


def test_brackets_without_end_are_refused():
    with pytest.raises(ValueError, match="flat JSON object"):
        recipes.from_json("[" * 100_000)

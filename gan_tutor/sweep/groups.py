"""Which recipes can be played at once: their networks and steps are the same, their numbers differ."""

from collections.abc import Sequence
from dataclasses import fields

from gan_tutor.recipes import Recipe
from gan_tutor.recipes.record import IMAGE_SETS

VARIES = (
    "seed", "latent_dim", "lr_g", "lr_d", "beta1", "beta2", "penalty_weight", "instance_noise", "clip", "ema_decay",
)  # fmt: skip
"""What may differ from GAN to GAN in one stack; instance noise among GANs that all have some."""
SHARED = (
    "data", "points", "standardize", "data_root", "width_g", "width_d", "depth_g", "depth_d", "activation_g",
    "activation_d", "loss", "real_target", "penalty", "penalty_every", "optimizer", "schedule", "batch_size",
    "n_critic", "steps",
)  # fmt: skip
"""What a stack shares; a sweep over these plays one stack after the other."""


def check(recipe: Recipe) -> None:
    """Refuse a recipe that cannot be stacked: images, normalised or conditional networks, settings for one fast run.

    Raises:
        ValueError: A field that a sweep does not know differs from its default, or the data are images.
    """
    if recipe.data in IMAGE_SETS:
        raise ValueError(
            f"a sweep plays GANs of points: data must be a density such as ring, got {recipe.data}; "
            "train images one run at a time with `gan-tutor train`"
        )
    for field in fields(Recipe):
        value = getattr(recipe, field.name)
        if field.name not in (*VARIES, *SHARED) and value != field.default:
            raise ValueError(
                f"a sweep needs {field.name} = {field.default!r}, got {value!r}: its GANs are plain mlp networks "
                "stacked on one axis; train this recipe alone with `gan-tutor train`"
            )


def alike(recipes: Sequence[Recipe]) -> list[list[int]]:
    """Return the numbers of the recipes that can share a stack, group by group, in the order of their first members.

    Raises:
        ValueError: A recipe cannot be part of a sweep.
    """
    found: dict[tuple[object, ...], list[int]] = {}
    for number, recipe in enumerate(recipes):
        check(recipe)
        key = (*(getattr(recipe, name) for name in SHARED), recipe.instance_noise > 0)
        found.setdefault(key, []).append(number)
    return list(found.values())


def varying(recipes: Sequence[Recipe]) -> list[str]:
    """Return the names of the fields in which some recipes differ, in the order of `Recipe`."""
    return [field.name for field in fields(Recipe) if len({getattr(recipe, field.name) for recipe in recipes}) > 1]

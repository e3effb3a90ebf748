"""Recipes by name. Those that were recorded have a result in `benchmarks/results/`; the others have none yet."""

from dataclasses import replace

from gan_tutor.recipes.record import Recipe

_FAST_IMAGES = Recipe(
    generator="dcgan", discriminator="space_to_depth", latent_dim=64, batch_size=64,
    width_g=32, mapping_g=256, refine_g=1, width_d=64,
    loss="relativistic", penalty="r1_r2", penalty_weight=0.5, penalty_every=4,
    lr_g=2e-3, lr_d=2e-3, beta1=0.0, beta2=0.99, ema_decay=0.99, precision="auto", steps=2050, data="digits",
)  # fmt: skip
_CLASSICAL_IMAGES = Recipe(
    generator="dcgan", discriminator="dcgan", norm_d="batch", latent_dim=64, width_g=32, width_d=32, batch_size=64,
    lr_g=2e-4, lr_d=2e-4, beta1=0.5, beta2=0.999, ema_decay=0.99, steps=1500, data="digits",
)  # fmt: skip
_MODERN_IMAGES = replace(
    _FAST_IMAGES, generator="residual", discriminator="residual", depth_g=1, depth_d=1, mapping_g=0, refine_g=0,
    width_g=16, width_d=16, penalty_weight=2.0, lr_g=1e-3, lr_d=1e-3, channels_last=True, data="fashion", steps=800,
)  # fmt: skip
_PROJECTION_IMAGES = replace(
    _FAST_IMAGES, condition="projection", mapping_g=0, refine_g=0, loss="nonsaturating", penalty="none",
    penalty_weight=1.0, penalty_every=1, lr_g=1e-3, lr_d=1e-3, beta1=0.5, beta2=0.999, steps=1000,
)  # fmt: skip
_SMALL_D = Recipe(width_d=32, steps=4000)

_NAMED: dict[str, tuple[str, Recipe]] = {
    "ring": ("eight Gaussians on a ring, learned in seconds", Recipe(steps=2500)),
    "ring_slow_d": ("the same ring, D ten times slower: collapse and rotation", Recipe(lr_d=1e-4, steps=2500)),
    "ring_small_d": ("the same ring, a D too small to see eight modes", _SMALL_D),
    "ring_small_d_cured": (
        "the small D with relativistic pairing, R1 and R2",
        replace(_SMALL_D, loss="relativistic", penalty="r1_r2", penalty_weight=1.0, beta1=0.0, beta2=0.99),
    ),
    "grid": (
        "twenty-five Gaussians, with relativistic pairing, R1 and R2",
        Recipe(
            data="grid", standardize=True, depth_g=3, depth_d=3, batch_size=256,
            loss="relativistic", penalty="r1_r2", penalty_weight=0.02, beta1=0.0, beta2=0.99,
            schedule="cosine", ema_decay=0.998, steps=12000,
        ),
    ),
    "gaussian": (
        "an affine G meets N(4, 1.25^2): the game's equilibrium",
        Recipe(
            data="gaussian", latent_dim=1, depth_g=0, width_d=32, activation_d="tanh",
            lr_g=5e-3, lr_d=2e-3, steps=2500,
        ),
    ),
    "digits": (
        "handwritten digits in about a minute and a half of one CPU core",
        replace(
            _FAST_IMAGES, width_g=16, width_d=32, mapping_g=128, subpixel_g=True, lr_g=3e-3, lr_d=3e-3,
            penalty_weight=0.3, penalty_every=8, schedule="cooldown", steps=2900,
        ),
    ),
    "digits_wide": (
        "digits by networks with twice the channels: nearer to the data, and twice as dear a turn",
        replace(_FAST_IMAGES, mapping_g=128, subpixel_g=True, penalty_weight=0.3, schedule="cooldown", steps=2100),
    ),
    "fashion": (
        "Fashion-MNIST in about a minute of one CPU core",
        replace(_FAST_IMAGES, data="fashion", mapping_g=0),
    ),
    "stacked_digits": (
        "three digits as the channels of one image: 1000 modes to count",
        replace(_FAST_IMAGES, data="stacked_digits", mapping_g=0, refine_g=0, schedule="cooldown", steps=3000),
    ),
    "digits_projection": ("digits by class: ask for a seven", _PROJECTION_IMAGES),
    "fashion_projection": ("Fashion-MNIST by class", replace(_PROJECTION_IMAGES, data="fashion")),
    "digits_classical": ("digits by the classical DCGAN recipe", _CLASSICAL_IMAGES),
    "fashion_classical": ("Fashion-MNIST by the classical DCGAN recipe", replace(_CLASSICAL_IMAGES, data="fashion")),
    "fashion_modern": (
        "Fashion-MNIST by residual networks without normalisation, a relativistic loss, R1 and R2",
        _MODERN_IMAGES,
    ),
    "celeba64": (
        "DCGAN on 64x64 faces; needs a GPU and torchvision's CelebA under data_root",
        replace(
            _CLASSICAL_IMAGES, data="CelebA", latent_dim=128, width_g=64, width_d=64, batch_size=128,
            ema_decay=0.999, precision="auto", channels_last=True, steps=100_000,
        ),
    ),
    "celeba64_modern": (
        "the same faces by residual networks without normalisation, a relativistic loss, R1 and R2",
        replace(
            _MODERN_IMAGES, data="CelebA", latent_dim=128, width_g=64, width_d=64, batch_size=128, penalty_every=1,
            lr_g=2e-4, lr_d=2e-4, ema_decay=0.999, augment="flip", steps=100_000,
        ),
    ),
}  # fmt: skip
NAMES = tuple(_NAMED)


def named(name: str) -> Recipe:
    """Return a tried recipe; vary it with `dataclasses.replace`.

    Raises:
        ValueError: There is no such recipe.
    """
    if name not in _NAMED:
        raise ValueError(f"there is no recipe {name!r}; the recipes are {', '.join(NAMES)}")
    return _NAMED[name][1]


def describe(name: str) -> str:
    """Return one line on a named recipe."""
    named(name)
    return _NAMED[name][0]

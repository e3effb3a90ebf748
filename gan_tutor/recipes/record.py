"""The `Recipe`: everything that decides a run, as one flat record of plain values that is checked when it is made."""

import base64
import binascii
import json
import math
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import Any, Literal, get_args, get_type_hints

from gan_tutor import losses, networks

DataName = Literal[
    "gaussian", "mixture_1d", "ring", "grid", "swiss_roll", "two_moons", "point", "drawn",
    "digits", "fashion", "stacked_digits", "MNIST", "FashionMNIST", "KMNIST", "CIFAR10", "CelebA",
]  # fmt: skip
LossName = Literal[
    "minimax", "nonsaturating", "least_squares", "hinge", "wasserstein", "relativistic", "feature_matching"
]
PenaltyName = Literal["none", "r1", "r2", "r1_r2", "wgan_gp"]
Activation = Literal["relu", "leaky_relu", "tanh"]


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run, as plain values.

    Attributes:
        data: What to imitate: a density, an image set inside the package (digits, fashion,
            stacked_digits), or one of torchvision's; "drawn" is small Gaussians at `points`.
        points: Where drawn data lies: "x,y x,y ..." in data units, up to 150 places within 10 of 0; else empty.
        standardize: Shift and scale a density to mean 0 and unit root mean square.
        data_root: Folder of torchvision's sets; they are read from it and never downloaded by a recipe.
        generator: Architecture of G.
        discriminator: Architecture of D.
        latent_dim: Size of z.
        width_g: Units of G's hidden layers (mlp), or channels of its last hidden layer.
        width_d: Units of D's hidden layers (mlp), or channels after its first convolution.
        mapping_g: Units of a hidden layer between z and a dcgan G's first feature map; 0 is none.
        refine_g: 3x3 convolutions at a dcgan G's first feature map.
        subpixel_g: Whether a dcgan G makes the image by a sub-pixel convolution instead of a transposed one.
        depth_g: Hidden layers of an mlp G; blocks at each size of a residual G.
        depth_d: Hidden layers of an mlp D; blocks at each size of a residual D.
        activation_g: Non-linearity of an mlp G.
        activation_d: Non-linearity of an mlp D.
        norm_d: Normalisation in D.
        condition: How D learns the class that G is asked for; "none" is a game without conditions. G gets a learned
            code of the class beside z. D gets constant one-hot planes (concat), a learned plane (embedding), a learned
            vector to compare its features with (projection), or must name the class of x instead (auxiliary).
        auxiliary_weight: Factor of the classification losses of an auxiliary condition.
        loss: Adversarial loss.
        real_target: D's target on real samples in a cross-entropy loss; below 1 is one-sided label smoothing.
        instance_noise: Standard deviation, in data units, of noise on every sample that D judges; penalties look at
            the clean samples.
        penalty: Penalty on D.
        penalty_weight: gamma of R1 and R2, lambda of WGAN-GP.
        penalty_every: Take the penalty in every k-th turn, with k times the weight.
        clip: Clamp D's weights to [-clip, clip] after each of its steps; 0 is off.
        optimizer: Optimiser of both players.
        lr_g: Learning rate of G.
        lr_d: Learning rate of D.
        beta1: Adam's first decay rate; momentum of sgd; unused by rmsprop.
        beta2: Adam's second decay rate; smoothing of rmsprop; unused by sgd.
        schedule: Brings learning rates and penalty weight to 2 % at the last step: "cosine" all the way, "cooldown"
            in a straight line over the last quarter.
        batch_size: Real samples, and generated ones, in a step.
        n_critic: Steps of D for each step of G.
        ema_decay: Share of G's moving average that a step keeps; 0 makes the average G itself.
        steps: Turns to play.
        precision: "float32", "bfloat16", or "auto": bfloat16 where the processor or the GPU computes in it natively,
            else float32. In bfloat16, layers are computed in it and logits are rounded to it and handed on as float32;
            losses, norms of gradients and parameters are float32. Recipes written before this field existed said
            bf16, which is read as "auto".
        channels_last: Store convolution weights and batches of images channels-last; points have no channels.
        compile: Compile the networks; penalties keep the eager D, with the same weights.
        cuda_graph: Record a turn as a CUDA graph and replay it: for small networks on a GPU.
        augment: What is done to real images as they are drawn: mirrored ("flip"), shifted too ("flip_crop"). G's
            samples are then like those.
        diffaugment: What is done to every image that D sees, real or generated, with commas between: "color",
            "translation", "cutout"; empty for nothing. G does not learn it.
        seed: Decides initial weights, batches and latents.
    """

    data: DataName = "ring"
    points: str = ""
    standardize: bool = False
    data_root: str = "data"
    generator: Literal["mlp", "dcgan", "residual"] = "mlp"
    discriminator: Literal["mlp", "dcgan", "space_to_depth", "residual"] = "mlp"
    latent_dim: int = 2
    width_g: int = 128
    width_d: int = 128
    mapping_g: int = 0
    refine_g: int = 0
    subpixel_g: bool = False
    depth_g: int = 2
    depth_d: int = 2
    activation_g: Activation = "relu"
    activation_d: Activation = "leaky_relu"
    norm_d: Literal["none", "batch", "spectral"] = "none"
    condition: Literal["none", "concat", "embedding", "projection", "auxiliary"] = "none"
    auxiliary_weight: float = 1.0
    loss: LossName = "nonsaturating"
    real_target: float = 1.0
    instance_noise: float = 0.0
    penalty: PenaltyName = "none"
    penalty_weight: float = 1.0
    penalty_every: int = 1
    clip: float = 0.0
    optimizer: Literal["adam", "rmsprop", "sgd"] = "adam"
    lr_g: float = 1e-3
    lr_d: float = 1e-3
    beta1: float = 0.5
    beta2: float = 0.999
    schedule: Literal["constant", "cosine", "cooldown"] = "constant"
    batch_size: int = 128
    n_critic: int = 1
    ema_decay: float = 0.99
    steps: int = 2000
    precision: networks.Precision = "float32"
    channels_last: bool = False
    compile: bool = False
    cuda_graph: bool = False
    augment: Literal["none", "flip", "flip_crop"] = "none"
    diffaugment: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        _check_types(self)
        _check_values(self)


IMAGE_SETS = ("digits", "fashion", "stacked_digits", "MNIST", "FashionMNIST", "KMNIST", "CIFAR10", "CelebA")
MIRRORED = ("fashion", "FashionMNIST", "CIFAR10", "CelebA")  # flipping a digit changes what it is
CLASSES = dict.fromkeys(("digits", "fashion", "MNIST", "FashionMNIST", "KMNIST", "CIFAR10"), 10) | {
    "ring": 8, "grid": 25, "mixture_1d": 2,
}  # fmt: skip
POSITIVE = ("latent_dim", "width_g", "width_d", "penalty_every", "batch_size", "n_critic", "steps", "lr_g", "lr_d")
NOT_NEGATIVE = (
    "mapping_g", "refine_g", "depth_g", "depth_d", "instance_noise", "penalty_weight", "auxiliary_weight", "clip",
    "seed",
)  # fmt: skip
SHARES = ("beta1", "beta2", "ema_decay")
# Far above every use, and low enough that a link from a stranger cannot ask for any amount of memory or time.
MOST = {
    "latent_dim": 8192, "width_g": 4096, "width_d": 4096, "mapping_g": 16384, "refine_g": 64, "depth_g": 64,
    "depth_d": 64, "penalty_every": 10**9, "batch_size": 2**17, "n_critic": 1000, "steps": 10**12, "seed": 2**53 - 1,
}  # fmt: skip


def _check_types(recipe: Recipe) -> None:
    for field in fields(recipe):
        value, hint = getattr(recipe, field.name), _hints()[field.name]
        allowed = get_args(hint)
        if allowed and value not in allowed:
            raise ValueError(f"{field.name} must be one of {', '.join(map(str, allowed))}, got {value!r}")
        if hint is float and type(value) is int:
            object.__setattr__(recipe, field.name, _as_float(field.name, value))
        elif not allowed and type(value) is not hint:
            raise ValueError(f"{field.name} must be of type {hint.__name__}, got {value!r}")


@cache
def _hints() -> dict[str, Any]:
    return get_type_hints(Recipe)


def _as_float(name: str, value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} must be a number below 1.8e308, got one with {value.bit_length()} bits") from None


def _check_values(recipe: Recipe) -> None:
    def refuse(message: str) -> None:
        raise ValueError(message)

    for name in POSITIVE + NOT_NEGATIVE + SHARES:
        value = getattr(recipe, name)
        if isinstance(value, float) and not math.isfinite(value):
            refuse(f"{name} must be finite, got {value}")
        if name in POSITIVE and value <= 0:
            refuse(f"{name} must be positive, got {_digits(value)}")
        if name in NOT_NEGATIVE and value < 0:
            refuse(f"{name} must be at least 0, got {_digits(value)}")
        if name in SHARES and not 0 <= value < 1:
            refuse(f"{name} must be in [0, 1), got {value}")
        if value > MOST.get(name, math.inf):
            refuse(f"{name} must be at most {MOST[name]}, got {_digits(value)}")
    is_image = recipe.data in IMAGE_SETS
    convolutional = [p for p in ("generator", "discriminator") if getattr(recipe, p) != "mlp"]
    if convolutional and not is_image:
        refuse(f"{convolutional[0]} must be mlp for {recipe.data}, got {getattr(recipe, convolutional[0])}")
    if recipe.norm_d == "batch" and recipe.discriminator != "dcgan":
        refuse(f"norm_d must be none or spectral for a {recipe.discriminator} discriminator, got batch")
    if recipe.norm_d == "spectral" and recipe.discriminator in ("space_to_depth", "residual"):
        refuse(f"norm_d must be none for a {recipe.discriminator} discriminator, got spectral")
    for player, depth in (("generator", "depth_g"), ("discriminator", "depth_d")):
        if getattr(recipe, player) == "residual" and getattr(recipe, depth) < 1:
            refuse(f"{depth} must be at least 1 block at each size of a residual {player}, got 0")
    if recipe.augment != "none" and recipe.data not in MIRRORED:
        mirrored = ", ".join(MIRRORED)
        refuse(
            f"augment must be none for {recipe.data}, got {recipe.augment}: it flips images left to right, "
            f"and only {mirrored} look the same kind of thing when flipped"
        )
    if recipe.channels_last and not is_image:
        refuse(f"channels_last must be False for {recipe.data}: it is a memory layout of images, points have none")
    if recipe.diffaugment and not is_image:
        refuse(f"diffaugment must be empty for {recipe.data}: it changes images, got {recipe.diffaugment!r}")
    if recipe.diffaugment:
        networks.changes(recipe.diffaugment)
    if recipe.norm_d == "batch" and recipe.penalty != "none":
        refuse(
            f"norm_d must be none or spectral with penalty {recipe.penalty}: with BatchNorm a logit depends on the "
            "whole batch, and its gradient at one sample means nothing"
        )
    if recipe.condition != "none" and recipe.data not in CLASSES:
        refuse(f"condition must be none for {recipe.data}, whose samples have no classes, got {recipe.condition}")
    if recipe.condition == "auxiliary" and (recipe.penalty != "none" or recipe.schedule != "constant"):
        refuse(
            "penalty must be none and schedule constant with condition auxiliary, whose classification loss takes the "
            f"penalty's place and is not scheduled, got {recipe.penalty} and {recipe.schedule}"
        )
    if (recipe.data == "drawn") != bool(recipe.points):
        refuse(f"points must hold the places of drawn data, and be empty for other data, got {recipe.points!r}")
    if recipe.points:
        places(recipe.points)
    if recipe.real_target != 1.0:
        losses.label_smoothing(losses.LOSSES[recipe.loss], recipe.real_target)
    if recipe.standardize and (is_image or recipe.data in ("point", "swiss_roll", "two_moons", "drawn")):
        refuse(f"standardize must be False for {recipe.data}: only mixtures can be standardized")


def _digits(value: int | float) -> str:
    """Return a number as text; Python writes no whole number of more than 4300 digits."""
    if isinstance(value, int) and value.bit_length() > 100:
        return f"a whole number of {value.bit_length()} bits"
    return str(value)


def places(points: str) -> list[tuple[float, float]]:
    """Return the pairs of numbers in the text of a recipe's `points`.

    Raises:
        ValueError: The text is not 1 to 150 pairs "x,y" with spaces between, each number within 10 of 0.
    """
    pairs = [pair.split(",") for pair in points.split(" ")]
    try:
        found = [(float(x), float(y)) for x, y in pairs]
    except ValueError as error:
        raise ValueError(f'points must be pairs "x,y" with one space between them, got {points[:60]!r}') from error
    if len(found) > 150 or not all(abs(value) <= 10 for pair in found for value in pair):
        raise ValueError(f"points must be at most 150 pairs of numbers within 10 of 0, got {len(found)} pairs")
    return found


def to_json(recipe: Recipe) -> str:
    """Return the recipe as JSON with one field a line."""
    return json.dumps(asdict(recipe), indent=2)


def from_json(text: str) -> Recipe:
    """Return the recipe that `to_json` wrote; missing fields take their defaults.

    Raises:
        ValueError: The text is no JSON object, or holds an unknown field or an impossible value.
    """
    try:
        values = json.loads(text)
    except RecursionError:
        raise ValueError("a recipe must be a flat JSON object, got brackets nested too deep to read") from None
    if not isinstance(values, dict):
        raise ValueError(f"a recipe must be a JSON object, got {type(values).__name__}")
    return from_dict(values)


def from_dict(values: dict[str, Any]) -> Recipe:
    """Return the recipe of plain values by field; unknown fields are refused by name."""
    values = _renamed(values)
    allowed = [field.name for field in fields(Recipe)]
    unknown = sorted(set(values) - set(allowed))
    if unknown:
        raise ValueError(f"a recipe has no field {', '.join(map(repr, unknown))}; its fields are {', '.join(allowed)}")
    return Recipe(**values)


def _renamed(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with fields of earlier versions under today's names."""
    if "bf16" not in values:
        return values
    kept = {name: value for name, value in values.items() if name != "bf16"}
    if "precision" in values or type(values["bf16"]) is not bool:
        raise ValueError(f"bf16 must be true or false and stand without precision, got {values['bf16']!r}")
    return kept | {"precision": "auto" if values["bf16"] else "float32"}


def to_link(recipe: Recipe) -> str:
    """Return the recipe as a URL fragment: "#lab=" and base64url of the JSON of the fields that are not the default."""
    changed = {k: v for k, v in asdict(recipe).items() if v != getattr(_DEFAULT, k)}
    text = json.dumps(changed, separators=(",", ":"))
    return _LINK + base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def from_link(fragment: str) -> Recipe:
    """Return the recipe that `to_link` wrote.

    Raises:
        ValueError: The fragment is no such link, or holds an unknown field or an impossible value.
    """
    if not fragment.startswith(_LINK) or len(fragment) > 4000:
        raise ValueError(f"a link to a lab must begin with {_LINK!r} and be at most 4000 characters long")
    code = fragment.removeprefix(_LINK)
    try:
        text = base64.b64decode(code + "=" * (-len(code) % 4), altchars=b"-_", validate=True).decode()
        return from_json(text)
    except (binascii.Error, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"the link to a lab is damaged ({error}): copy it again") from error


_LINK = "#lab="
_DEFAULT = Recipe()

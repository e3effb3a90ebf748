"""What a reader can change: one record for each control, and the presets. The front end builds its form from these."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args, get_type_hints

from gan_tutor import recipes
from gan_tutor.recipes import Recipe
from gan_tutor.recipes.record import CLASSES

Effect = Literal["next step", "rebuilds the networks", "new data and networks"]


@dataclass(frozen=True)
class Control:
    """One control of the lab.

    Attributes:
        field: The recipe's field that it sets.
        label: What the reader sees.
        group: Heading under which it stands.
        kind: How a value is chosen: from a list, on a logarithmic or linear scale, as an integer, as a power of two.
        help: One sentence on what it does.
        effect: When a change acts and what it costs.
        choices: Values to choose from.
        low: Smallest value offered.
        high: Largest value offered.
        step: Grid of a linear scale.
        unit: Unit of the value.
    """

    field: str
    label: str
    group: str
    kind: Literal["choice", "log", "linear", "int", "log2"]
    help: str
    effect: Effect = "next step"
    choices: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    step: float | None = None
    unit: str = ""

    def message(self) -> dict[str, Any]:
        """Return the control as the front end reads it."""
        values = asdict(self)
        low, high, choices = values.pop("low"), values.pop("high"), values.pop("choices")
        named = [{"value": value, "label": _name(value)} for value in choices]
        return values | {"min": low, "max": high, "choices": named}


def _name(value: Any) -> str:
    return str(value).replace("_", " ") if value != 0 else "off"


def _choices(field: str, *, without: tuple[str, ...] = ()) -> tuple[Any, ...]:
    return tuple(value for value in get_args(get_type_hints(Recipe)[field]) if value not in without)


_DATA = ("ring", "grid", "swiss_roll", "two_moons", "gaussian", "mixture_1d", "point", "digits", "fashion")
CONTROLS = (
    Control("loss", "Loss", "Loss", "choice", "What D and G minimise.", choices=_choices("loss")),
    Control("penalty", "Penalty on D", "Loss", "choice", "A cost on D's gradients.", choices=_choices("penalty")),
    Control(
        "penalty_weight", "Penalty weight", "Loss", "log",
        "Gamma of R1 and R2, lambda of WGAN-GP.", low=1e-3, high=100.0,
    ),
    Control("clip", "Weight clipping", "Loss", "choice", "Clamp D's weights after each of its steps.",
            choices=(0.0, 0.01, 0.03, 0.1, 0.3)),
    Control(
        "real_target", "Target for real samples", "Loss", "linear",
        "Below 1: one-sided label smoothing; cross-entropy losses only.", low=0.7, high=1.0, step=0.05,
    ),
    Control(
        "instance_noise", "Instance noise", "Loss", "linear",
        "Noise on every sample that D judges.", low=0.0, high=1.0, step=0.05, unit="data units",
    ),
    Control("lr_g", "Learning rate of G", "Optimiser", "log", "Step size of the generator.", low=1e-5, high=1e-1),
    Control("lr_d", "Learning rate of D", "Optimiser", "log", "Step size of the discriminator.", low=1e-5, high=1e-1),
    Control(
        "beta1", "Beta 1", "Optimiser", "linear",
        "Adam's memory of the gradient; momentum of sgd.", low=0.0, high=0.95, step=0.05,
    ),
    Control(
        "beta2", "Beta 2", "Optimiser", "choice", "Adam's memory of the squared gradient.",
        choices=(0.9, 0.99, 0.999),
    ),
    Control("optimizer", "Optimiser", "Optimiser", "choice", "Of both players; its memory starts anew.",
            choices=_choices("optimizer")),
    Control("n_critic", "D steps a turn", "Game", "int", "Steps of D for each step of G.", low=1, high=10, step=1),
    Control("batch_size", "Batch size", "Game", "log2", "Real and generated samples in a step.", low=8, high=1024),
    Control(
        "ema_decay", "Average of G", "Game", "choice", "Share of the moving average that a step keeps.",
        choices=(0.0, 0.9, 0.99, 0.999),
    ),
    Control(
        "latent_dim", "Latent dimension", "Networks", "int",
        "Size of z; G is rebuilt, D stays.", "rebuilds the networks", low=1, high=128, step=1,
    ),
    Control("width_g", "Width of G", "Networks", "log2", "Units or channels of G's layers; G is rebuilt, D stays.",
            "rebuilds the networks", low=4, high=256),
    Control("width_d", "Width of D", "Networks", "log2", "Units or channels of D's layers; D is rebuilt, G stays.",
            "rebuilds the networks", low=4, high=256),
    Control("norm_d", "Normalisation in D", "Networks", "choice", "Spectral norm bounds D's slope; D is rebuilt.",
            "rebuilds the networks", choices=_choices("norm_d")),
    Control("condition", "Condition on class", "Networks", "choice",
            "How D learns the class that G is asked for; for data with classes.",
            "rebuilds the networks", choices=_choices("condition")),
    Control("data", "Data", "Data", "choice", "What G shall imitate; the players stay if the samples' shape does.",
            "new data and networks", choices=_DATA),
    Control("seed", "Seed", "Data", "int", "Decides initial weights, batches and latents; used at the next reset.",
            low=0, high=9999, step=1),
)  # fmt: skip


@dataclass(frozen=True)
class Preset:
    """A recipe that shows one thing.

    Attributes:
        name: Its name in messages.
        label: What the button says.
        about: What to watch for.
        recipe: Where it starts.
    """

    name: str
    label: str
    about: str
    recipe: Recipe


_RING = recipes.named("ring")
PRESETS = (
    Preset("ring", "Learn the ring", "Eight modes in a few seconds: where they fill, D's field fades to 1/2.", _RING),
    Preset(
        "collapse", "Make it collapse", "A D ten times slower than G: one mode at a time, and it wanders.",
        recipes.named("ring_slow_d"),
    ),
    Preset(
        "small_d", "D too small", "A D of 32 units cannot tell eight modes apart.", recipes.named("ring_small_d"),
    ),
    Preset(
        "cured", "The same, cured", "The small D with relativistic pairing, R1 and R2.",
        recipes.named("ring_small_d_cured"),
    ),
    Preset(
        "saturate", "Saturate it",
        "The minimax loss, and a G that hardly moves while D becomes too good: watch the gradient norm of G.",
        replace(_RING, loss="minimax", lr_g=1e-5),
    ),
    Preset(
        "oscillate", "Make it oscillate", "A linear critic without penalty and a point: the game runs in circles.",
        replace(
            _RING, data="point", loss="wasserstein", depth_d=0, optimizer="sgd", lr_g=0.02, lr_d=0.02, beta1=0.0,
            ema_decay=0.0, depth_g=0, latent_dim=1,
        ),
    ),
    Preset("nash", "Reach equilibrium", "An affine G and a Gaussian: D ends at 1/2 everywhere.",
           recipes.named("gaussian")),
    Preset(
        "critic", "A critic with a slope",
        "WGAN-GP, five steps of D a turn: minus D's loss is its estimate of the distance to the data.",
        replace(_RING, loss="wasserstein", penalty="wgan_gp", penalty_weight=0.1, n_critic=5, beta1=0.0, beta2=0.9),
    ),
    Preset("digits", "Draw digits", "The fast image recipe: digits can be recognised after some 500 turns.",
           recipes.named("digits")),
    Preset("classes", "Digits by class", "Each row is one class, each column one latent: the style stays.",
           recipes.named("digits_projection")),
)  # fmt: skip


def preset_of(recipe: Recipe) -> str | None:
    """Return the name of the preset that has these settings, whatever the seed and the number of steps."""
    plain = replace(recipe, seed=0, steps=1)
    return next((p.name for p in PRESETS if replace(p.recipe, seed=0, steps=1) == plain), None)


def adapted(recipe: Recipe, changed: dict[str, Any]) -> Recipe:
    """Return the recipe with the changes; networks follow when the data goes from points to images or back."""
    values = asdict(recipe) | changed
    known = Recipe(data=changed["data"], points=changed.get("points", "")) if "data" in changed else recipe
    if len(recipes.sample_shape(known)) != len(recipes.sample_shape(recipe)):
        model = recipes.named("digits" if len(recipes.sample_shape(known)) == 3 else "ring")
        values |= {field: getattr(model, field) for field in recipes.ARCHITECTURE}
    if "data" in changed and changed["data"] != "drawn":
        values["points"] = ""
    if "data" in changed and changed["data"] not in CLASSES:
        values["condition"] = "none"
    return recipes.from_dict(values)

"""The optimisers of `torch.optim` as functions of flat vectors: state in, state out.

Every function maps (theta, state_0, state_1, gradient, knobs) to (theta, state_0, state_1). The knobs change from step
to step, so that one compiled program serves every learning rate: one number each, or (B, 1) for the parameters (B, P)
of B networks, each with its own. An optimiser that needs less state passes the rest through.

Decay rates come as what is missing to 1: of a float32 next to 1 the difference has only a few digits, and torch takes
it in double precision.
"""

from collections.abc import Callable

from torch import Tensor

EPS = 1e-8
Update = tuple[Tensor, Tensor, Tensor]
Optimizer = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Update]


def adam(theta: Tensor, m: Tensor, v: Tensor, gradient: Tensor, knobs: Tensor) -> Update:
    """Adam: m and v are the moments; knobs are lr, 1 - beta1, 1 - beta2, 1 / (1 - beta1^t), 1 / (1 - beta2^t), clip.

    theta <- theta - lr m_hat / (sqrt(v_hat) + eps), then every entry into [-clip, clip]. Source: kingma2015adam.
    """
    lr, new_m, new_v, unbias_m, unbias_v, clip = knobs.unbind(0)
    m = (1 - new_m) * m + new_m * gradient
    v = (1 - new_v) * v + new_v * gradient * gradient
    theta = theta - (lr * unbias_m) * m / (v.sqrt() * unbias_v.sqrt() + EPS)
    return _clipped(theta, clip), m, v


def rmsprop(theta: Tensor, v: Tensor, unused: Tensor, gradient: Tensor, knobs: Tensor) -> Update:
    """RMSprop: v is the smoothed squared gradient; knobs are lr, 1 - alpha, clip.

    theta <- theta - lr gradient / (sqrt(v) + eps), then every entry into [-clip, clip].
    """
    lr, new, clip = knobs.unbind(0)
    v = (1 - new) * v + new * gradient * gradient
    return _clipped(theta - lr * gradient / (v.sqrt() + EPS), clip), v, unused * 1


def sgd(theta: Tensor, velocity: Tensor, unused: Tensor, gradient: Tensor, knobs: Tensor) -> Update:
    """Gradient descent with momentum; knobs are lr, momentum, first, clip.

    velocity <- momentum velocity + gradient, theta <- theta - lr velocity, then every entry into [-clip, clip]. `first`
    is 1 at the first step, where the velocity starts as the gradient, and 0 afterwards.
    """
    lr, momentum, first, clip = knobs.unbind(0)
    velocity = (1 - first) * momentum * velocity + gradient
    return _clipped(theta - lr * velocity, clip), velocity, unused * 1


def _clipped(theta: Tensor, clip: Tensor) -> Tensor:
    return theta.minimum(clip).maximum(-clip)


OPTIMIZERS: dict[str, tuple[Optimizer, tuple[str, ...]]] = {
    "adam": (adam, ("lr", "1 - beta1", "1 - beta2", "1 / (1 - beta1^t)", "1 / (1 - beta2^t)", "clip")),
    "rmsprop": (rmsprop, ("lr", "1 - alpha", "clip")),
    "sgd": (sgd, ("lr", "momentum", "first", "clip")),
}
"""Each optimiser by its name in a recipe, with the names of its knobs."""

"""The optimisers of `torch.optim` as functions of flat vectors: state in, state out.

Every function maps (theta, state_0, state_1, gradient, knobs) to (theta, state_0, state_1, norm). The knobs change from
step to step, so that one compiled program serves every learning rate. An optimiser that needs less state passes the
rest through. `norm` is the gradient's Euclidean length, shape (1,).
"""

from collections.abc import Callable

from torch import Tensor

EPS = 1e-8
Update = tuple[Tensor, Tensor, Tensor, Tensor]
Optimizer = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Update]


def adam(theta: Tensor, m: Tensor, v: Tensor, gradient: Tensor, knobs: Tensor) -> Update:
    """Adam: m and v are the moments; knobs are lr, beta1, beta2, 1 / (1 - beta1^t), 1 / (1 - beta2^t), clip.

    theta <- theta - lr m_hat / (sqrt(v_hat) + eps), then every entry into [-clip, clip]. Source: kingma2015adam.
    """
    lr, beta1, beta2, unbias_m, unbias_v, clip = knobs.unbind(0)
    m = beta1 * m + (1 - beta1) * gradient
    v = beta2 * v + (1 - beta2) * gradient * gradient
    theta = theta - (lr * unbias_m) * m / (v.sqrt() * unbias_v.sqrt() + EPS)
    return _clipped(theta, clip), m, v, _norm(gradient)


def rmsprop(theta: Tensor, v: Tensor, unused: Tensor, gradient: Tensor, knobs: Tensor) -> Update:
    """RMSprop: v is the smoothed squared gradient; knobs are lr, alpha, clip.

    theta <- theta - lr gradient / (sqrt(v) + eps), then every entry into [-clip, clip].
    """
    lr, alpha, clip = knobs.unbind(0)
    v = alpha * v + (1 - alpha) * gradient * gradient
    return _clipped(theta - lr * gradient / (v.sqrt() + EPS), clip), v, unused * 1, _norm(gradient)


def sgd(theta: Tensor, velocity: Tensor, unused: Tensor, gradient: Tensor, knobs: Tensor) -> Update:
    """Gradient descent with momentum; knobs are lr, momentum, first, clip.

    velocity <- momentum velocity + gradient, theta <- theta - lr velocity, then every entry into [-clip, clip]. `first`
    is 1 at the first step, where the velocity starts as the gradient, and 0 afterwards.
    """
    lr, momentum, first, clip = knobs.unbind(0)
    velocity = (1 - first) * momentum * velocity + gradient
    return _clipped(theta - lr * velocity, clip), velocity, unused * 1, _norm(gradient)


def _clipped(theta: Tensor, clip: Tensor) -> Tensor:
    return theta.minimum(clip).maximum(-clip)


def _norm(gradient: Tensor) -> Tensor:
    return gradient.square().sum().sqrt().reshape(1)


OPTIMIZERS: dict[str, tuple[Optimizer, tuple[str, ...]]] = {
    "adam": (adam, ("lr", "beta1", "beta2", "unbias_m", "unbias_v", "clip")),
    "rmsprop": (rmsprop, ("lr", "alpha", "clip")),
    "sgd": (sgd, ("lr", "momentum", "first", "clip")),
}
"""Each optimiser by its name in a recipe, with the names of its knobs."""

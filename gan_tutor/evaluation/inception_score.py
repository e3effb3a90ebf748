"""The Inception Score, on any classifier's probabilities: what it rewards, and only that."""

import torch
from torch import Tensor


def inception_score(probabilities: Tensor) -> float:
    r"""Exponential of the mutual information between an image and its class, as a classifier sees them.

    exp E_x KL(p(y|x) || p(y)) = exp(H(y) - H(y|x)), where p(y) is the mean of the p(y|x) given here.

    At least 1 (the classifier says the same of every image) and at most the number of classes (it is sure of every
    image, and all classes are equally frequent). It never sees a real image, and one image a class suffices for the
    maximum. Called "Inception Score" on Inception's 1000 classes; on another classifier name it.

    Args:
        probabilities: p(y|x) of each image, (N, K): rows at least 0 that sum to 1, as from `logits.softmax(1)`.

    Returns:
        A number from 1 to min(N, K).

    Raises:
        ValueError: The rows are no probabilities.

    Source: salimans2016improved. Differs: over all images at once; there it is a mean over ten parts.

    Example:
        >>> round(inception_score(torch.eye(10)), 6)
        10.0
    """
    p = probabilities.detach().cpu().double()
    if p.ndim != 2 or p.numel() == 0 or not (p >= 0).all() or not ((p.sum(1) - 1).abs() < 1e-3).all():
        raise ValueError(
            f"probabilities must have shape (N, K) with rows that are at least 0 and sum to 1, got shape "
            f"{tuple(p.shape)}; use classifier(images).softmax(1)"
        )
    mean = p.mean(0)
    information = torch.xlogy(p, p).sum(1).mean() - torch.xlogy(mean, mean).sum()
    return max(float(information.exp()), 1.0)

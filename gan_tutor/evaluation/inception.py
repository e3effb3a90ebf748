"""FID and KID: the same two distances, on the 2048 features of Inception-v3.

These need the extra `pip install "gan-tutor[inception]"`. The first call downloads Inception's weights (about
90 MB, from torch-fidelity's releases, into torch's hub folder): that happens only because you called a
function of this module.
"""

import torch
from torch import Tensor, nn

from gan_tutor.evaluation.distances import frechet_distance, kernel_distance


def inception_network() -> nn.Module:
    """Load torchmetrics' Inception-v3, which downloads its weights the first time.

    Raises:
        ImportError: if torchmetrics or torch-fidelity is not installed.
        ConnectionError: if the weights are not there and cannot be downloaded.
    """
    try:
        from torchmetrics.image.fid import FrechetInceptionDistance

        # The metric is built for its network alone: bytes (N, 3, H, W) in, features (N, 2048) out.
        network: nn.Module = FrechetInceptionDistance(feature=2048).inception
    except ImportError as error:
        raise ImportError(
            'Inception features need torchmetrics and torch-fidelity: pip install "gan-tutor[inception]"; '
            "for 28x28 images use evaluation.feature_network, which ships with this package"
        ) from error
    except OSError as error:
        raise ConnectionError(
            f"Inception's weights could not be downloaded ({error}); check the network and "
            "call again, or use evaluation.feature_network, which ships with this package"
        ) from error
    return network.eval().requires_grad_(False)


@torch.no_grad()
def inception_features(
    images: Tensor, *, network: nn.Module | None = None, batch: int = 50, device: str | torch.device = "cpu"
) -> Tensor:
    """Compute Inception features of images, which Inception resizes to 299x299.

    Downloads the weights on the first call (see the module).

    Args:
        images: float `(N, 1, H, W)` or `(N, 3, H, W)` in [-1, 1]; grey images are repeated over the three
            channels.
        network: what `inception_network()` returned, to load it once for several calls.
        batch: images that pass at a time.
        device: where the network runs.

    Returns:
        float32 `(N, 2048)`, on the CPU.

    Raises:
        ImportError: if the extra is not installed.
        ValueError: if shape, dtype, range or batch is another.
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3) or len(images) == 0:
        raise ValueError(f"images must have shape (N, 1, H, W) or (N, 3, H, W), N >= 1, got {tuple(images.shape)}")
    if not images.is_floating_point() or not (images.min() >= -1.001 and images.max() <= 1.001):
        raise ValueError(
            f"images must be floating point in [-1, 1], got {images.dtype} in "
            f"[{images.min():.4g}, {images.max():.4g}]; use pixels / 127.5 - 1"
        )
    if batch < 1:
        raise ValueError(f"batch must be at least 1, got {batch}")
    network = (inception_network() if network is None else network).to(device)
    chunks = [network(as_bytes(chunk).to(device)).float().cpu() for chunk in images.split(batch)]
    return torch.cat(chunks)


def as_bytes(images: Tensor) -> Tensor:
    """Round images in [-1, 1] to the nearest of 256 levels, as uint8 `(N, 3, H, W)`."""
    rounded = ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return rounded.expand(-1, 3, -1, -1)


def inception_fid(
    real_images: Tensor, fake_images: Tensor, *, batch: int = 50, device: str | torch.device = "cpu"
) -> float:
    """Fréchet Inception distance (FID) between two sets of images.

    Downloads Inception's weights on the first call (see the module).

    Published FIDs use 50,000 samples; with fewer, FID is biased upwards.

    Args:
        real_images: float `(N, 1 or 3, H, W)` in [-1, 1].
        fake_images: float `(M, 1 or 3, H, W)` in [-1, 1].
        batch: images that pass at a time.
        device: where the network runs.

    Returns:
        Squared Inception feature units, at least 0.

    Raises:
        ImportError: if the extra is not installed.
        ValueError: if the images do not fit (see `inception_features`).

    Source: heusel2017ttur.
    """
    return frechet_distance(*_both(real_images, fake_images, batch, device))


def inception_kid(
    real_images: Tensor, fake_images: Tensor, *, batch: int = 50, device: str | torch.device = "cpu"
) -> float:
    """Kernel Inception distance (KID) between two sets of images.

    Downloads Inception's weights on the first call (see the module).

    Arguments and errors as for `inception_fid`.

    Returns:
        Unbiased squared maximum mean discrepancy, over all pairs; can be negative.

    Source: binkowski2018mmd.
    """
    return kernel_distance(*_both(real_images, fake_images, batch, device))


def _both(real: Tensor, fake: Tensor, batch: int, device: str | torch.device) -> tuple[Tensor, Tensor]:
    network = inception_network()
    return (
        inception_features(real, network=network, batch=batch, device=device),
        inception_features(fake, network=network, batch=batch, device=device),
    )

"""One game on several processes: each plays its rows of every batch, and all move the same players the same way.

Losses and penalties are means over rows, and all ranks hold equally many. So the mean of the ranks' gradients is the
gradient of the whole batch, and DistributedDataParallel is all that most games need. Two things are not means over
rows and ask the other ranks within a step: BatchNorm's statistics and feature matching's squared difference.
"""

import inspect
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.parallel import DistributedDataParallel

from gan_tutor.losses import GanLoss
from gan_tutor.share import ALONE, Share

WAIT = timedelta(minutes=5)


def start(device: str) -> tuple[Share, torch.device]:
    """Join the other processes that torchrun started; without torchrun, or of one process, there is nothing to join.

    Args:
        device: "cpu" (processes talk by gloo) or "cuda" (by nccl; each process of a machine takes its own card).

    Returns:
        This process's share, and its device.

    Raises:
        ValueError: There are more processes on this machine than cards, or cards of different models, or torchrun's
            variables are incomplete.
    """
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    if ranks == 1:
        return ALONE, torch.device(device)
    missing = [name for name in ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if missing:
        raise ValueError(
            f"WORLD_SIZE is {ranks} but {', '.join(missing)} is not set: start several processes with torchrun, or "
            "unset WORLD_SIZE to play alone"
        )
    share, local = Share(int(os.environ["RANK"]), ranks), int(os.environ["LOCAL_RANK"])
    if device == "cpu":
        dist.init_process_group("gloo", timeout=WAIT)
        return share, torch.device("cpu")
    cards = torch.cuda.device_count()
    if local >= cards:
        raise ValueError(
            f"every process needs its own GPU, got process {local + 1} on a machine with {cards}: "
            f"start torchrun with --nproc-per-node {cards}, or use --device cpu"
        )
    torch.cuda.set_device(local)
    dist.init_process_group("cpu:gloo,cuda:nccl", timeout=WAIT)
    names: list[str] = [""] * ranks
    dist.all_gather_object(names, torch.cuda.get_device_name(local))
    if len(set(names)) > 1:
        raise ValueError(
            f"all GPUs must be of one model, got {', '.join(sorted(set(names)))}: others draw other random numbers "
            "from the same generator, and every rank draws the whole batch"
        )
    return share, torch.device("cuda", local)


def stop() -> None:
    """Leave the others, if any."""
    if dist.is_initialized():
        dist.destroy_process_group()


def agree(share: Share, *wishes: bool) -> list[bool]:
    """Return for each wish whether any rank has it: all ranks get the same answers and act on them in the same turn."""
    if share.ranks == 1:
        return list(wishes)
    votes = torch.tensor(wishes, dtype=torch.uint8)
    dist.all_reduce(votes, dist.ReduceOp.MAX)
    return [bool(vote) for vote in votes.tolist()]


def averaged(network: nn.Module, share: Share) -> nn.Module:
    """Return the network, or a wrapper whose backward passes leave the mean of all ranks' gradients."""
    return network if share.ranks == 1 else Averaged(network)


class Averaged(nn.Module):
    """A network in DistributedDataParallel that still offers `features` and `classify`.

    A GAN's turn is more than DistributedDataParallel promises to support: two passes of D before one backward, passes
    of a D whose parameters are frozen, and penalties that differentiate the bare D twice. All of them meet in the one
    backward of the step, where its hooks average what has come together; tests compare every loss and penalty with
    one process.

    Args:
        network: A generator or a discriminator, on its device.

    Source: li2020ddp.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        # Buffers are equal on all ranks, and overwriting them between two passes would break the first one's backward.
        known = inspect.signature(DistributedDataParallel.__init__).parameters
        buffers: dict[str, Any] = {
            "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers": False
        }
        self.averaging = DistributedDataParallel(network, gradient_as_bucket_view=True, **buffers)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the network's outputs."""
        return cast(Tensor, self.averaging(*inputs))

    def features(self, *inputs: Tensor) -> Tensor:
        """Return the network's features (N, F)."""
        return cast(Callable[..., Tensor], self.network.features)(*inputs)

    def classify(self, x: Tensor) -> Tensor:
        """Return the network's class logits (N, classes)."""
        return cast(Callable[..., Tensor], self.network.classify)(x)


class _AllMean(torch.autograd.Function):
    """The mean over ranks. Its adjoint is itself: every rank's loss depends on every rank's rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        mean = x.contiguous().clone()
        dist.all_reduce(mean)
        return mean / dist.get_world_size()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return all_mean(gradients[0])


def all_mean(x: Tensor) -> Tensor:
    """Return the mean of x over ranks, on every rank; gradients flow to the x of all ranks."""
    return cast(Tensor, _AllMean.apply(x))


def shared_loss(loss: GanLoss, share: Share) -> GanLoss:
    """Return the loss for rows of a shared batch: means of features are taken over the rows of all ranks.

    A squared difference of means is not the mean of the ranks' squared differences. Shifting each rank's features so
    that their mean is the batch's makes it one.
    """
    if share.ranks == 1 or not loss.on_features:
        return loss

    def shifted(features: Tensor) -> Tensor:
        mean = features.mean(0)
        return features + (all_mean(mean) - mean)

    return replace(loss, g_formula=lambda real, fake: loss.g_formula(shifted(real), shifted(fake)))


class _Moments(torch.autograd.Function):
    """Variance and mean of each channel (2, C), by BatchNorm's own kernel: torch.var_mean takes 3 times as long."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        tiny = 1e-12
        _, mean, inverse = torch.native_batch_norm(x, None, None, None, None, True, 0.0, tiny)
        ctx.save_for_backward(x, mean)
        return torch.stack([inverse.pow(-2) - tiny, mean])

    @staticmethod
    @once_differentiable  # the mean is a constant below: a second derivative would be wrong without a word
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        x, mean = ctx.saved_tensors
        of_var, of_mean = gradients[0]
        rows, shape = x.numel() // x.shape[1], (1, -1, *[1] * (x.ndim - 2))
        slope = 2 / rows * of_var
        return torch.addcmul((of_mean / rows - slope * mean).view(shape), x, slope.view(shape))


class SharedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """BatchNorm whose statistics are over the rows of all ranks, on any device. It can be differentiated once.

    Source: ioffe2015batchnorm. Differs: torch's SyncBatchNorm computes the same, but only on a GPU.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return samples (N, C, ...) standardised channel by channel, then scaled and shifted."""
        if not self.training and self.running_mean is not None:
            return super().forward(x)
        h, ranks = x.float(), dist.get_world_size()
        own = cast(Tensor, _Moments.apply(h))
        rows = torch.zeros(ranks, *own.shape, device=x.device)
        rows[dist.get_rank()] = own
        var, mean = (ranks * all_mean(rows)).unbind(1)  # of every rank, in one exchange
        var = var.mean(0) + mean.var(0, correction=0)
        mean = mean.mean(0)
        if self.running_mean is not None:
            self._remember(mean, var, x.numel() // x.shape[1] * ranks)
        scale = (var + self.eps).rsqrt()
        if self.affine:
            scale = scale * self.weight
        shape = (1, -1, *[1] * (x.ndim - 2))
        standardised = (h - mean.view(shape)) * scale.view(shape)
        return (standardised + self.bias.view(shape) if self.affine else standardised).to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, var: Tensor, n: int) -> None:
        batches = cast(Tensor, self.num_batches_tracked).add_(1)
        # Without a momentum the statistics are plain averages over all batches so far.
        new_share = 1 / batches.item() if self.momentum is None else self.momentum
        for kept, new in ((self.running_mean, mean), (self.running_var, var * (n / max(n - 1, 1)))):
            cast(Tensor, kept).lerp_(new, new_share)

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of dimensions from 2 will do."""


def share_batch_norms(network: nn.Module, share: Share) -> None:
    """Replace, in place, every BatchNorm of the network by one over all ranks, with the same state."""
    if share.ranks == 1:
        return
    for owner in list(network.modules()):
        for name, layer in list(owner.named_children()):
            if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
                shared = SharedBatchNorm(
                    layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats
                )
                shared.load_state_dict(layer.state_dict())
                shared.train(layer.training)
                setattr(owner, name, shared)

"""Make a network fast on its device, without a line of the loop knowing."""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn


class Autocast(nn.Module):
    """Run a network's layers in bfloat16 and return float32, with the network's own float32 parameters.

    A penalty of such a D is the gradient through bfloat16 layers, taken at float32 samples: the norm, its mean and its
    weight are float32. bfloat16 has float32's range, so a squared norm neither overflows nor vanishes, as it does in
    float16, which R1 and R2 do not survive: there is no float16 here.
    """

    def __init__(self, network: nn.Module, device_type: str) -> None:
        super().__init__()
        self.network = network
        self.device_type = device_type

    def forward(self, *inputs: Tensor) -> Tensor:
        return self._run(self.network, *inputs)

    def features(self, *inputs: Tensor) -> Tensor:
        """Return the network's features (N, F) in float32."""
        return self._run(cast(Callable[..., Tensor], self.network.features), *inputs)

    def classify(self, x: Tensor) -> Tensor:
        """Return the class logits (N, classes) of a network with a classifier, in float32."""
        return self._run(cast(Callable[..., Tensor], self.network.classify), x)

    def _run(self, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        with torch.autocast(self.device_type, torch.bfloat16):
            return function(*inputs).float()


def prepare(
    network: nn.Module,
    *,
    device: str | torch.device = "cpu",
    bf16: bool = False,
    channels_last: bool = False,
    compile: bool = False,
) -> nn.Module:
    """Move `network` to the device and return the module to train with: itself, or a wrapper around it.

    Keep the network for checkpoints, averages and penalties: it holds the parameters, and a compiled D cannot be
    differentiated twice. Whether a GPU may round float32 matrices to TF32 is the process's choice and none of these:
    `torch.set_float32_matmul_precision("high")` allows it.

    Args:
        network: A generator or a discriminator; moved in place.
        device: Where to train.
        bf16: Compute layers in bfloat16; parameters, outputs and losses stay float32.
        channels_last: Store convolution weights channels-last, which GPUs read faster.
        compile: Wrap with `torch.compile`.

    Raises:
        ValueError: The GPU has no bfloat16.
    """
    device = torch.device(device)
    if bf16 and device.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise ValueError(
            f"bf16 needs a GPU with bfloat16, {torch.cuda.get_device_name(device)} has none; set bf16=False"
        )
    network.to(device)
    if channels_last:
        network.to(memory_format=torch.channels_last)
    ready: nn.Module = Autocast(network, device.type) if bf16 else network
    return cast(nn.Module, torch.compile(ready)) if compile else ready


def check_range(G: nn.Module, source: Any) -> None:
    """Refuse a generator whose output range differs from the range of the data it shall imitate.

    Args:
        G: A generator with `output_range`.
        source: A data source with `range`: (low, high), or None if unbounded.

    Raises:
        ValueError: One is bounded and the other is not, or the bounds differ.
    """
    if G.output_range != source.range:
        raise ValueError(
            f"G's output range {G.output_range} must equal the data's range {source.range}: "
            "use output='tanh' for images in [-1, 1] and output='linear' for unbounded data"
        )

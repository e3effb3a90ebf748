"""How much does `training.train` cost beside a hand-written loop, and beside the loops of peers?

    python benchmarks/loop.py                 CPU, one thread: 2-D MLPs and DCGAN 28x28
    python benchmarks/loop.py --device cuda   the same on a GPU, and a check that no step waits for the device

Contestants take turns in one process, a block of steps each, in an order that rotates; the figures are ratios within a
round, so a machine that slows down slows all of them. All train the same networks on the same data.

tight            what a careful programmer writes for one GAN: fused Adam, logits, one pass of G, D frozen in G's step
gan_tutor        `training.train`, as the recipes use it: records, the check for NaN, no moving average
pytorch-examples the style of pytorch/examples' DCGAN: two backward passes for D, `.item()` for the log, plain Adam
torchgan         its Trainer's iteration, if the package is there
mimicry          its train_steps, as its Trainer calls them, if the package is there

Results: results/loop_<device>.json
"""

import argparse
import copy
import importlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from machine import store
from torch import Tensor, nn
from torch.nn import functional as F

from gan_tutor import data, host, losses, networks, training

Turns = Callable[[int], None]


def tight(G: nn.Module, D: nn.Module, batches: Iterator[Tensor], latent_dim: int, generator: torch.Generator) -> Turns:
    opt_g, opt_d = (torch.optim.Adam(net.parameters(), 1e-3, (0.5, 0.999), fused=True) for net in (G, D))
    d_parameters, device = list(D.parameters()), generator.device

    def turns(n: int) -> None:
        for _ in range(n):
            x_real = next(batches)
            size = len(x_real)
            x_fake = G(torch.randn(size, latent_dim, generator=generator, device=device))
            loss_d = F.softplus(-D(x_real)).mean() + F.softplus(D(x_fake.detach())).mean()
            opt_d.zero_grad(set_to_none=True)
            loss_d.backward()
            opt_d.step()
            for p in d_parameters:
                p.requires_grad_(False)
            loss_g = F.softplus(-D(x_fake)).mean()
            opt_g.zero_grad(set_to_none=True)
            loss_g.backward()
            opt_g.step()
            for p in d_parameters:
                p.requires_grad_(True)

    return turns


def gan_tutor(
    G: nn.Module, D: nn.Module, batches: Iterator[Tensor], latent_dim: int, generator: torch.Generator
) -> Turns:
    opt_g, opt_d = (torch.optim.Adam(net.parameters(), 1e-3, (0.5, 0.999), fused=True) for net in (G, D))
    run = training.train(
        G,
        D,
        batches,
        loss=losses.nonsaturating,
        opt_g=opt_g,
        opt_d=opt_d,
        latent_dim=latent_dim,
        steps=10**9,
        generator=generator,
    )

    def turns(n: int) -> None:
        for _ in range(n):
            next(run)

    return turns


def pytorch_examples(
    G: nn.Module, D: nn.Module, batches: Iterator[Tensor], latent_dim: int, generator: torch.Generator
) -> Turns:
    device = generator.device
    D = nn.Sequential(D, nn.Sigmoid())
    criterion = nn.BCELoss()
    optimizer_g, optimizer_d = (torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0.5, 0.999)) for net in (G, D))

    def turns(n: int) -> None:
        for _ in range(n):
            D.zero_grad()
            real = next(batches)
            size = real.size(0)
            label = torch.full((size,), 1.0, dtype=real.dtype, device=device)
            output = D(real)
            error_real = criterion(output, label)
            error_real.backward()
            d_x = output.mean().item()
            noise = torch.randn(size, latent_dim, device=device)
            fake = G(noise)
            label.fill_(0.0)
            output = D(fake.detach())
            error_fake = criterion(output, label)
            error_fake.backward()
            d_g1 = output.mean().item()
            optimizer_d.step()
            G.zero_grad()
            label.fill_(1.0)
            output = D(fake)
            error_g = criterion(output, label)
            error_g.backward()
            d_g2 = output.mean().item()
            optimizer_g.step()
            _ = (d_x, d_g1, d_g2, (error_real + error_fake).item(), error_g.item())

    return turns


def torchgan(
    G: nn.Module, D: nn.Module, batches: Iterator[Tensor], latent_dim: int, generator: torch.Generator
) -> Turns:
    from torchgan.losses import MinimaxDiscriminatorLoss, MinimaxGeneratorLoss
    from torchgan.models import Discriminator, Generator
    from torchgan.trainer import Trainer

    class WrappedG(Generator):
        def __init__(self) -> None:
            super().__init__(latent_dim, "none")
            self.net = G

        def forward(self, z: Tensor) -> Tensor:
            return self.net(z)

    class WrappedD(Discriminator):
        def __init__(self) -> None:
            super().__init__(2, "none")
            self.net = D

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x)

    adam = {"name": torch.optim.Adam, "args": {"lr": 1e-3, "betas": (0.5, 0.999)}}
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            {
                "generator": {"name": WrappedG, "optimizer": adam},
                "discriminator": {"name": WrappedD, "optimizer": adam},
            },
            [MinimaxGeneratorLoss(), MinimaxDiscriminatorLoss()],
            device=generator.device,
            sample_size=8,
            checkpoints=f"{folder}/gan",
            log_dir=folder,
        )

    def turns(n: int) -> None:
        for _ in range(n):
            trainer.real_inputs = next(batches)
            trainer.batch_size = len(trainer.real_inputs)
            trainer.train_iter()

    return turns


def mimicry(
    G: nn.Module, D: nn.Module, batches: Iterator[Tensor], latent_dim: int, generator: torch.Generator
) -> Turns:
    from torch_mimicry.nets.gan.gan import BaseDiscriminator, BaseGenerator
    from torch_mimicry.training.metric_log import MetricLog

    class WrappedG(BaseGenerator):
        def __init__(self) -> None:
            super().__init__(nz=latent_dim, ngf=0, bottom_width=0, loss_type="ns")
            self.net = G

        def forward(self, z: Tensor) -> Tensor:
            return self.net(z)

    class WrappedD(BaseDiscriminator):
        def __init__(self) -> None:
            super().__init__(ndf=0, loss_type="ns")
            self.net = D

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x)[:, None]

    net_g, net_d, device = WrappedG(), WrappedD(), generator.device
    opt_g, opt_d = (torch.optim.Adam(net.parameters(), 1e-3, (0.5, 0.999)) for net in (net_g, net_d))

    def turns(n: int) -> None:
        for _ in range(n):  # the inside of its Trainer's loop
            batch, log = (next(batches), None), MetricLog()
            log = net_g.train_step(real_batch=batch, netD=net_d, optG=opt_g, log_data=log, device=device)
            net_d.train_step(real_batch=batch, netG=net_g, optD=opt_d, log_data=log, device=device)

    return turns


CONTESTANTS = {
    "tight": tight, "gan_tutor": gan_tutor, "pytorch-examples": pytorch_examples, "torchgan": torchgan,
    "mimicry": mimicry,
}  # fmt: skip
PACKAGES = {"torchgan": "torchgan.trainer", "mimicry": "torch_mimicry.training.metric_log"}


def present() -> list[str]:
    """Return the contestants whose packages can be imported here, and say which cannot."""
    names = list(CONTESTANTS)
    for name, package in PACKAGES.items():
        try:
            importlib.import_module(package)
        except ImportError as error:
            names.remove(name)
            print(f"without {name}: {error}")
    return names


def problems(device: str) -> dict[str, tuple[nn.Module, nn.Module, Any, int, int, int]]:
    """Return G, D, source, latent dimension, batch and steps of a block, by name."""
    torch.manual_seed(0)
    small = (networks.MLPGenerator(2, (2,), depth=3), networks.MLPDiscriminator((2,), depth=3), data.ring(), 2, 256, 40)
    images = (networks.DCGANGenerator(64), networks.DCGANDiscriminator(), data.digits(), 64, 64, 8)
    found = {"ring, MLP 3x128, batch 256": small, "digits, DCGAN 28x28 width 32, batch 64": images}
    return {
        name: (G.to(device), D.to(device), source.to(device), *rest) for name, (G, D, source, *rest) in found.items()
    }


def race(problem: tuple[Any, ...], names: list[str], rounds: int, device: str) -> dict[str, dict[str, float]]:
    """Let the contestants take turns; return milliseconds a step and the ratio to the tight loop, as quartiles."""
    G, D, source, latent_dim, batch, block = problem
    turns = {}
    for name in names:
        generator = torch.Generator(device).manual_seed(0)
        batches = data.batches(source, batch, generator)
        turns[name] = CONTESTANTS[name](copy.deepcopy(G), copy.deepcopy(D), batches, latent_dim, generator)
        turns[name](block)
    clock = time.process_time if device == "cpu" else time.perf_counter
    spent: dict[str, list[float]] = {name: [] for name in names}
    for k in range(rounds):
        for name in names[k % len(names) :] + names[: k % len(names)]:
            began = clock()
            turns[name](block)
            if device == "cuda":
                torch.cuda.synchronize()
            spent[name].append((clock() - began) / block * 1e3)
    result = {}
    for name in names:
        ratios = [mine / theirs for mine, theirs in zip(spent[name], spent["tight"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        result[name] = {
            "ms_per_step": round(statistics.median(spent[name]), 3),
            "ratio_to_tight": round(middle, 4),
            "quartiles": [round(low, 4), round(high, 4)],
        }
        print(
            f"  {name:17s} {result[name]['ms_per_step']:8.2f} ms   x {middle:.3f}  [{low:.3f}, {high:.3f}]", flush=True
        )
    return result


def waits_for_device(problem: tuple[Any, ...]) -> bool:
    """Whether a turn of `training.train` makes the host wait for the GPU, by torch's own sync check."""
    G, D, source, latent_dim, batch, _ = problem
    generator = torch.Generator("cuda").manual_seed(0)
    turns = gan_tutor(copy.deepcopy(G), copy.deepcopy(D), data.batches(source, batch, generator), latent_dim, generator)
    turns(50)
    torch.cuda.set_sync_debug_mode("error")
    try:
        turns(40)
    except RuntimeError as error:
        print(error)
        return True
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--rounds", type=int, default=60)
    arguments = parser.parse_args()
    host.tune()  # for every contestant alike
    names = present()
    result: dict[str, Any] = {"contestants": names, "rounds": arguments.rounds, "problems": {}}
    for title, problem in problems(arguments.device).items():
        print(title)
        result["problems"][title] = race(problem, names, arguments.rounds, arguments.device)
        if arguments.device == "cuda":
            result["problems"][title]["host_waits_in_a_turn"] = waits_for_device(problem)
            result["problems"][title]["peak_memory_mb"] = round(torch.cuda.max_memory_allocated() / 2**20)
    store(f"loop_{arguments.device}", result)


if __name__ == "__main__":
    main()

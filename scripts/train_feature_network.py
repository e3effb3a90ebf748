"""Train the two small classifiers whose features measure generated images; about one CPU minute each.

Run: python scripts/train_feature_network.py digits
     python scripts/train_feature_network.py fashion --full-test /usr/share/datasets/fashion-mnist

Writes `gan_tutor/evaluation/weights/NAME.safetensors` (float16) and `NAME.json` (accuracy, floor, protocol).
Trained on the 4000 embedded training images, so a reader can repeat it without a download. On one machine and
thread count the same seed gives the same weights.
"""

import argparse
import gzip
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from gan_tutor.data import images
from gan_tutor.evaluation import features
from gan_tutor.evaluation.distances import frechet_distance
from gan_tutor.evaluation.features import FeatureNetwork

EPOCHS = {"digits": 30, "fashion": 40}
BATCH = 100
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 0.05
DROPOUT = 0.3
LABEL_SMOOTHING = 0.05
# The scale of features is free: this one puts the floors of the Fréchet distance near .4 and .6.
TOTAL_VARIANCE = 128.0


def augmented(batch: Tensor, generator: torch.Generator, *, mirror: bool) -> Tensor:
    """Turn by up to 8 degrees, scale and shear by up to 8 %, shift by up to 2 pixels, maybe mirror."""
    n = len(batch)
    turn, scale, shear = (0.14, 0.08, 0.08)
    jitter = torch.rand(n, 6, generator=generator) * 2 - 1
    angle, grow, lean = jitter[:, 0] * turn, 1 + jitter[:, 1] * scale, jitter[:, 2] * shear
    flip = jitter[:, 5].sign() if mirror else torch.ones(n)
    shift = (jitter[:, 3:5] * 2 / 14).unsqueeze(2)  # 14 pixels are one unit of grid_sample's frame
    cos, sin = angle.cos() * grow, angle.sin() * grow
    turned = torch.stack([torch.stack([cos * flip, -sin + lean], 1), torch.stack([sin * flip, cos], 1)], 1)
    grid = functional.affine_grid(torch.cat([turned, shift], 2), list(batch.shape), align_corners=False)
    # Outside the picture is black, which is -1: sample the shifted image and shift back.
    return functional.grid_sample(batch + 1, grid, padding_mode="zeros", align_corners=False) - 1


def train(name: str, seed: int) -> FeatureNetwork:
    """Train one network with AdamW and a one-cycle learning rate."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    data = load_set(name, "train")
    x, y = data.images, data.labels
    network = FeatureNetwork().train()
    steps = EPOCHS[name] * (len(x) // BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    for _ in range(EPOCHS[name]):
        for index in torch.randperm(len(x), generator=generator).split(BATCH):
            batch = augmented(x[index], generator, mirror=name == "fashion")
            hidden = functional.dropout(network.features(batch.clamp(-1, 1)), DROPOUT)
            loss = functional.cross_entropy(network.head(hidden), y[index], label_smoothing=LABEL_SMOOTHING)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return network.eval().requires_grad_(False)


def load_set(name: str, split: images.Split) -> images.ImageSet:
    """Load an embedded set by name."""
    return images.digits(split) if name == "digits" else images.fashion(split)


def normalise(network: FeatureNetwork, x: Tensor) -> None:
    """Scale the features to variances over `x` that sum to `TOTAL_VARIANCE`; the last layer undoes it."""
    scale = (TOTAL_VARIANCE / network.features(x).var(0).sum()).sqrt()
    network.embed.weight.mul_(scale)
    network.embed.bias.mul_(scale)
    network.head.weight.div_(scale)


def accuracy(network: FeatureNetwork, x: Tensor, y: Tensor) -> float:
    """Share of images whose largest logit is the label's."""
    return int((network(x).argmax(1) == y).sum()) / len(y)


def full_test(folder: Path) -> tuple[Tensor, Tensor]:
    """Read Fashion-MNIST's own test set of 10,000 from its idx files."""
    pixels = np.frombuffer(gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16)
    labels = np.frombuffer(gzip.decompress((folder / "t10k-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8)
    return images.scaled(torch.tensor(pixels).view(-1, 1, 28, 28)), torch.tensor(labels).long()


def describe(name: str, network: FeatureNetwork, seed: int, full: Path | None) -> dict[str, object]:
    """Measure what the JSON states, with the weights as stored (float16)."""
    train_set, test_set = load_set(name, "train"), load_set(name, "test")
    noise = torch.rand(1000, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    real, held_out = network.features(train_set.images), network.features(test_set.images)
    facts: dict[str, object] = {
        "set": name,
        "trained_on": "the 4000 embedded training images",
        "test_accuracy": accuracy(network, test_set.images, test_set.labels),
        "train_accuracy": accuracy(network, train_set.images, train_set.labels),
        "frechet_floor": round(frechet_distance(held_out, real), 4),
        "frechet_floor_protocol": "1000 embedded test images against the 4000 training images",
        "frechet_within_train": round(frechet_distance(real[:1000], real[1000:]), 4),
        "frechet_uniform_noise": round(frechet_distance(network.features(noise), real), 1),
        "frechet_unit": f"squared feature units; the 64 variances over the training images sum to {TOTAL_VARIANCE:.0f}",
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "seed": seed,
        "epochs": EPOCHS[name],
        "torch": torch.__version__.split("+")[0],
        "date": datetime.now(UTC).date().isoformat(),
    }
    if full is not None:
        facts["full_test_accuracy"] = accuracy(network, *full_test(full))
    return facts


def main() -> None:
    """Train, store and describe one network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=features.NAMES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--full-test", type=Path, help="folder with Fashion-MNIST's t10k-*-ubyte.gz (fashion only)")
    parser.add_argument("--out", type=Path, default=features.WEIGHTS, help="folder to write to")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    start = time.process_time()
    network = train(chosen.name, chosen.seed)
    normalise(network, load_set(chosen.name, "train").images)
    stored = {key: value.half() if value.is_floating_point() else value for key, value in network.state_dict().items()}
    path = chosen.out / f"{chosen.name}.safetensors"
    save_file(stored, path)
    facts = describe(chosen.name, features.load(path), chosen.seed, chosen.full_test)
    # One metadata key: safetensors writes several in no fixed order, and equal weights should be equal bytes.
    save_file(stored, path, metadata={"facts": json.dumps(facts)})
    path.chmod(0o644)  # safetensors makes the file readable by its owner alone
    path.with_suffix(".json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(facts, indent=2))
    print(f"{path.stat().st_size} bytes, {time.process_time() - start:.0f} CPU seconds")


if __name__ == "__main__":
    main()

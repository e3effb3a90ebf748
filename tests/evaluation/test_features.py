"""The shipped feature networks: what they state is recomputed, wrong inputs and damaged files are refused."""

import importlib.util
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from gan_tutor.data import images
from gan_tutor.evaluation import distances, features
from gan_tutor.evaluation.features import FeatureNetwork, feature_network

ROOT = Path(__file__).parents[2]
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
LOAD = {"digits": images.digits, "fashion": images.fashion}


def facts(name):
    return json.loads((features.WEIGHTS / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module", params=features.NAMES)
def shipped(request):
    """Name, network, and the features of its training and test images."""
    name, network = request.param, feature_network(request.param)
    return (
        name,
        network,
        network.features(LOAD[name]("train").images),
        network.features(LOAD[name]("test").images),
    )


def test_stated_accuracy_is_the_recomputed_one(shipped):
    name, network, train, test = shipped
    for split, extracted in (("train", train), ("test", test)):
        correct = network.head(extracted).argmax(1) == LOAD[name](split).labels
        # One borderline image may fall either way on another processor.
        assert float(correct.double().mean()) == pytest.approx(facts(name)[f"{split}_accuracy"], abs=1.1e-3)
    assert facts(name)["test_accuracy"] >= {"digits": 0.975, "fashion": 0.88}[name]


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="needs Debian's package dataset-fashion-mnist")
def test_stated_accuracy_on_the_full_fashion_test_set():
    spec = importlib.util.spec_from_file_location("train_feature_network", ROOT / "scripts/train_feature_network.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    found = script.accuracy(feature_network("fashion"), *script.full_test(DEBIAN))
    assert found == pytest.approx(facts("fashion")["full_test_accuracy"], abs=5e-4)
    assert found >= 0.88


def test_stated_floors_are_the_recomputed_ones(shipped):
    name, _, train, test = shipped
    stated = facts(name)
    assert distances.frechet_distance(test, train) == pytest.approx(stated["frechet_floor"], rel=0.01)
    within = distances.frechet_distance(train[:1000], train[1000:])
    assert within == pytest.approx(stated["frechet_within_train"], rel=0.01)
    assert 0.2 < stated["frechet_floor"] < 0.8


@pytest.mark.parametrize("n", [4, 10, 60, 500])
def test_the_floor_of_n_samples_is_that_of_n_held_out_images(shipped, n):
    """Sizes that were measured and sizes between, against disjoint parts of the test images."""
    name, _, train, test = shipped
    found = [distances.frechet_distance(part, train) for part in test.split(n)[: min(1000 // n, 25)]]
    error = np.std(found) / math.sqrt(len(found))
    assert features.frechet_floor(name, n) == pytest.approx(np.mean(found), abs=4 * error, rel=0.02)
    assert features.frechet_floor(name, n) > 1.5 * features.frechet_floor(name, 2 * n)


def test_the_floor_of_all_held_out_images_is_the_stated_one_and_goes_on_along_a_line(shipped):
    name, _, train, _ = shipped
    at = {n: features.frechet_floor(name, n) for n in (250, 500, 999, 1000, 1001, 2000, 10**6)}
    assert at[1000] == pytest.approx(facts(name)["frechet_floor"], rel=1e-3)
    assert at[999] > at[1000] > at[1001] > at[2000] > at[10**6] > -0.05
    # c of d + c / n, from halves of the training images instead of the held-out ones.
    near, far = (distances.frechet_distance(train[:n], train[2000:]) for n in (1000, 2000))
    assert at[1000] - at[2000] == pytest.approx(near - far, rel=0.6)


def test_the_floor_of_no_set_or_of_one_sample_is_refused():
    with pytest.raises(ValueError, match="name must be one of digits, fashion, got 'CIFAR10'"):
        features.frechet_floor("CIFAR10", 10)
    with pytest.raises(ValueError, match="n must be at least 2, got 1"):
        features.frechet_floor("digits", 1)


def test_noise_is_far_above_the_floor(shipped):
    name, network, train, _ = shipped
    noise = torch.rand(1000, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = distances.frechet_distance(network.features(noise), train)
    assert found == pytest.approx(facts(name)["frechet_uniform_noise"], rel=0.01)
    assert found > 200 * facts(name)["frechet_floor"]


def test_distances_see_what_a_generator_gets_wrong(shipped):
    """A missing class, faded images and the other data set are all above the floor, in every measure."""
    name, network, train, test = shipped
    held_out = LOAD[name]("test")
    other = LOAD["fashion" if name == "digits" else "digits"]("test")
    floor = distances.frechet_distance(test, train)
    kernel_floor = distances.kernel_distance(test, train)
    worse = {
        "one class missing": test[held_out.labels != 3],
        "one class only": test[held_out.labels == 3],
        "faded": network.features((held_out.images + 1) * 0.5 - 1),
        "the other set": network.features(other.images),
    }
    for what, fake in worse.items():
        assert distances.frechet_distance(fake, train) > 5 * floor, what
        assert distances.kernel_distance(fake, train) > kernel_floor, what
    assert distances.precision_recall(test, worse["one class only"]).recall < 0.5
    assert distances.precision_recall(test, worse["the other set"]).precision < 0.2


def test_features_are_scaled_as_stated(shipped):
    _, _, train, _ = shipped
    assert float(train.var(0).sum()) == pytest.approx(128, rel=0.01)
    assert float(train.min()) == 0.0


def test_shapes_and_frozen_eval_mode(shipped):
    _, network, train, _ = shipped
    batch = torch.zeros(3, 1, 28, 28)
    assert train.shape == (4000, 64)
    assert network(batch).shape == (3, 10)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert torch.equal(network(batch), network.head(network.features(batch)))


def test_features_are_differentiable_in_the_images():
    batch = images.digits().images[:2].requires_grad_()
    feature_network("digits").features(batch).sum().backward()
    assert batch.grad.abs().sum() > 0


def test_features_do_not_depend_on_the_rest_of_the_batch():
    network, batch = feature_network("digits"), images.digits().images[:1200]
    together = network.features(batch)
    alone = torch.cat([network.features(part) for part in batch.split(7)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_bfloat16_images_are_taken():
    network, batch = feature_network("digits"), images.digits().images[:5]
    assert network.features(batch.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (torch.zeros(2, 3, 28, 28), r"shape \(N, 1, 28, 28\) .* got \(2, 3, 28, 28\)"),
        (torch.zeros(2, 1, 32, 32), r"got \(2, 1, 32, 32\)"),
        (torch.zeros(2, 28, 28), r"got \(2, 28, 28\)"),
        (torch.zeros(0, 1, 28, 28), "N >= 1"),
        (
            torch.zeros(2, 1, 28, 28, dtype=torch.uint8),
            "floating point .* got torch.uint8; use pixels / 127.5 - 1",
        ),
        (torch.full((2, 1, 28, 28), 255.0), r"lie in \[-1, 1\], got \[255, 255\]"),
        (torch.full((2, 1, 28, 28), -1.5), r"got \[-1.5, -1.5\]"),
        (torch.full((2, 1, 28, 28), torch.nan), r"got \[nan, nan\]"),
    ],
)
def test_wrong_images_are_refused(batch, message):
    network = FeatureNetwork()
    for call in (network, network.features):
        with pytest.raises(ValueError, match=message):
            call(batch)


def test_unknown_name_is_refused_with_the_allowed_ones():
    with pytest.raises(ValueError, match="one of digits, fashion, got 'cifar'"):
        feature_network("cifar")


def test_missing_weights_say_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="part of gan_tutor and is missing"):
        features.load(tmp_path / "digits.safetensors")


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "other tensors", "other shape"])
def test_damaged_weights_say_so(tmp_path, damage):
    path, whole = tmp_path / "digits.safetensors", features.WEIGHTS / "digits.safetensors"
    tensors = load_file(whole)
    if damage == "truncated":
        path.write_bytes(whole.read_bytes()[:100_000])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_text("not weights " * 100)
    elif damage == "other tensors":
        save_file({"weight": torch.zeros(3)}, path)
    else:
        save_file(tensors | {"head.bias": torch.zeros(11)}, path)
    with pytest.raises(ValueError, match=r"must hold a FeatureNetwork, got: .*; install gan_tutor again"):
        features.load(path)


def test_json_and_metadata_and_docstring_state_the_same(shipped):
    name, network, _, _ = shipped
    path = features.WEIGHTS / f"{name}.safetensors"
    with safe_open(path, "pt") as file:
        assert json.loads(file.metadata()["facts"]) == facts(name)
    stated = facts(name)
    assert stated["parameters"] == sum(parameter.numel() for parameter in network.parameters())
    assert path.stat().st_size < 300_000
    numbers = re.findall(rf"{name} (\.\d+)", features.__doc__)
    assert numbers == [f"{stated['test_accuracy']:.3f}"[1:], f"{stated['frechet_floor']:.2f}"[1:]]


@pytest.mark.parametrize("name", features.NAMES)
def test_class_accuracy_of_real_images_is_the_stated_ceiling(name):
    test = LOAD[name]("test")
    found = features.class_accuracy(test.images, test.labels, name)
    assert found == pytest.approx(facts(name)["test_accuracy"], abs=1.1e-3)
    assert features.class_accuracy(test.images, (test.labels + 1) % 10, name) < 0.1


def test_class_accuracy_of_a_deaf_generator_is_chance():
    test = LOAD["digits"]("test")
    shuffled = test.labels[torch.randperm(1000, generator=torch.Generator().manual_seed(0))]
    # The standard error of a share of .1 among 1000 is .0095.
    assert features.class_accuracy(test.images, shuffled, "digits") == pytest.approx(0.1, abs=0.03)


def test_class_accuracy_counts():
    test = LOAD["digits"]("test")
    images, named = test.images[:8], feature_network("digits")(test.images[:8]).argmax(1)
    y = named.clone()
    y[:3] = (y[:3] + 5) % 10
    assert features.class_accuracy(images, y, "digits") == 5 / 8
    assert features.class_accuracy(images.requires_grad_(), named.int(), "digits") == 1


@pytest.mark.parametrize(
    "y", [torch.zeros(3, dtype=torch.int64), torch.zeros(4), torch.zeros(4, 1, dtype=torch.int64),
          torch.tensor([0, 1, 2, 10]), torch.tensor([0, 1, 2, -1])],
)  # fmt: skip
def test_class_accuracy_refuses_other_conditions(y):
    with pytest.raises(ValueError, match=r"y must hold one class number from 0 to 9 for each of the 4 images, .*got"):
        features.class_accuracy(torch.zeros(4, 1, 28, 28), y, "digits")

"""Broken copies of losses and penalties: the checks of their tests must notice every one of them."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parent
LIBRARY = TESTS.parent / "gan_tutor"


class Mutant(NamedTuple):
    """One edit: in `module`, the first `old` after `after` becomes `new`."""

    name: str
    module: str
    after: str
    old: str
    new: str


MUTANTS = [
    # The losses: sign, order, mean for sum, targets, pairing, precision.
    Mutant("minimax d loses the real half", "losses", "minimax = ", "softplus(-real)", "softplus(-fake)"),
    Mutant("minimax d swaps real and fake", "losses", "minimax = ", "lambda real, fake: softplus(-real)",
           "lambda fake, real: softplus(-real)"),
    Mutant("minimax d has the wrong sign on fakes", "losses", "minimax = ", "softplus(fake).mean(),",
           "softplus(-fake).mean(),"),
    Mutant("minimax g is the non-saturating loss", "losses", "minimax = ", "-softplus(fake)", "softplus(-fake)"),
    Mutant("minimax g is maximised", "losses", "minimax = ", "-softplus(fake)", "softplus(fake)"),
    Mutant("nonsaturating g saturates", "losses", "nonsaturating = ", "softplus(-fake)", "-softplus(fake)"),
    Mutant("nonsaturating g is maximised", "losses", "nonsaturating = ", "softplus(-fake)", "softplus(fake)"),
    Mutant("nonsaturating g through log(sigmoid + eps)", "losses", "nonsaturating = ", "softplus(-fake)",
           "-(fake.sigmoid() + 1e-8).log()"),
    Mutant("nonsaturating g sums over the batch", "losses", "nonsaturating = ", "softplus(-fake).mean()",
           "softplus(-fake).sum()"),
    Mutant("least squares without the half", "losses", "least_squares = ", ") / 2", ") / 1"),
    Mutant("least squares g without the half", "losses", "(fake - 1).square()", " / 2", ""),
    Mutant("least squares g aims at the fake's target", "losses", "least_squares = ", "(fake - 1).square()",
           "fake.square()"),
    Mutant("least squares with swapped targets", "losses", "least_squares = ",
           "(real - 1).square().mean() + fake.square()", "real.square().mean() + (fake - 1).square()"),
    Mutant("hinge without its margin", "losses", "hinge = ", "relu(1 - real)", "relu(-real)"),
    Mutant("hinge with the wrong side on fakes", "losses", "hinge = ", "relu(1 + fake)", "relu(1 - fake)"),
    Mutant("hinge g is hinged too", "losses", "hinge = ", "-fake.mean()", "relu(1 - fake).mean()"),
    Mutant("wasserstein d is maximised", "losses", "wasserstein = ", "fake.mean() - real.mean()",
           "real.mean() - fake.mean()"),
    Mutant("wasserstein d is hinged", "losses", "wasserstein = ", "fake.mean() - real.mean()",
           "relu(1 + fake).mean() + relu(1 - real).mean()"),
    Mutant("wasserstein g is maximised", "losses", "wasserstein = ", "-fake.mean()", "fake.mean()"),
    Mutant("relativistic players swapped", "losses", "relativistic = ", "softplus(fake - real)",
           "softplus(real - fake)"),
    Mutant("relativistic g saturates", "losses", "relativistic = ", "softplus(real - fake)",
           "-softplus(fake - real)"),
    Mutant("relativistic against the mean, not the pair", "losses", "relativistic = ", "softplus(fake - real)",
           "softplus(fake - real.mean())"),
    Mutant("relativistic all against all", "losses", "relativistic = ", "softplus(fake - real)",
           "softplus(fake[:, None] - real)"),
    Mutant("feature matching means over features", "losses", "feature_matching = ", ".square().sum()",
           ".square().mean()"),
    Mutant("feature matching compares sample by sample", "losses", "feature_matching = ",
           "(real.mean(0) - fake.mean(0)).square().sum()", "(real - fake).square().sum(1).mean()"),
    Mutant("feature matching detaches the fakes", "losses", "feature_matching = ", "fake.mean(0)",
           "fake.detach().mean(0)"),
    Mutant("smoothing on the fakes", "losses", "return replace(", "softplus(fake).mean()",
           "(softplus(fake) - (1 - real_target) * fake).mean()"),
    Mutant("smoothing with the wrong weight", "losses", "return replace(", "real_target * real",
           "(1 - real_target) * real"),
    Mutant("half precision is kept", "losses", "def _at_least_float32",
           "x.to(torch.promote_types(x.dtype, torch.float32))", "x"),
    Mutant("shapes are not compared", "losses", "def _check(", "real.ndim == fake.ndim == dimensions", "True"),
    Mutant("unequal pairs are let through", "losses", "def _check(", " and same", ""),
    # The penalties: detach, norm dimension, samples, mean for sum, the shares.
    Mutant("one norm over the batch", "penalties", "def squared_gradient_norm", ".flatten(1).square().sum(1)",
           ".square().sum()[None]"),
    Mutant("norm over the last dimension only", "penalties", "def squared_gradient_norm",
           ".flatten(1).square().sum(1)", ".square().sum(-1)"),
    Mutant("norm over the wrong dimension", "penalties", "def squared_gradient_norm", ".square().sum(1)",
           ".square().sum(0)"),
    Mutant("mean of squares in place of their sum", "penalties", "def squared_gradient_norm", ".square().sum(1)",
           ".square().mean(1)"),
    Mutant("the norm, not its square", "penalties", "def squared_gradient_norm", ".square().sum(1)", ".norm(dim=1)"),
    Mutant("detached gradient", "penalties", "def squared_gradient_norm", "return gradient.to(",
           "return gradient.detach().to("),
    Mutant("mean of logits differentiated", "penalties", "def squared_gradient_norm", "D(leaf).sum()",
           "D(leaf).mean()"),
    Mutant("samples keep their graph", "penalties", "def squared_gradient_norm", "x.detach().req", "x.req"),
    Mutant("r1 without the half", "penalties", "def r1(", ".mean() / 2", ".mean()"),
    Mutant("r1 on the fakes", "penalties", "def r1(", "(D, x_real).mean()", "(D, x_fake).mean()"),
    Mutant("r1 sums over the batch", "penalties", "def r1(", ".mean()", ".sum()"),
    Mutant("r2 on the real samples", "penalties", "def r2(", "(D, x_fake).mean()", "(D, x_real).mean()"),
    Mutant("r1_r2 halved", "penalties", "def r1_r2(", ".mean()", ".mean() / 2"),
    Mutant("r1_r2 of unequal batches is one mean", "penalties", "def r1_r2(", "if len(x_real) == len(x_fake):",
           "if True:"),
    Mutant("r1_r2 of unequal batches is cut elsewhere", "penalties", "def r1_r2(", "norms[: len(x_real)]",
           "norms[: len(x_fake)]"),
    Mutant("r1_r2 counts the real samples twice", "penalties", "def r1_r2(", "[x_real, x_fake]", "[x_real, x_real]"),
    Mutant("one share for the batch", "penalties", "def wgan_gp(", "u = torch.rand(n, ", "u = torch.rand(1, "),
    Mutant("one share for the batch, expanded", "penalties", "def wgan_gp(",
           "share = u.view(n", "share = u[:1].expand(n).reshape(n"),
    Mutant("one share for each pixel", "penalties", "def wgan_gp(", "share * x_real + (1 - share)",
           "torch.rand_like(x_real) * x_real + (1 - share)"),
    Mutant("normal shares", "penalties", "def wgan_gp(", "torch.rand(n", "torch.randn(n"),
    Mutant("shares from the global generator", "penalties", "def wgan_gp(", "generator=generator", "generator=None"),
    Mutant("shares the wrong way round", "penalties", "def wgan_gp(", "share * x_real + (1 - share) * x_fake",
           "share * x_fake + (1 - share) * x_real"),
    Mutant("no mixing at all", "penalties", "def wgan_gp(", "share * x_real + (1 - share) * x_fake", "x_real"),
    Mutant("square root of the mean", "penalties", "def wgan_gp(", "+ 1e-12).sqrt()", ".mean() + 1e-12).sqrt()"),
    Mutant("no square root", "penalties", "def wgan_gp(", ".sqrt()", ""),
    Mutant("an unguarded square root", "penalties", "def wgan_gp(", " + 1e-12", ""),
    Mutant("a target slope of 0", "penalties", "def wgan_gp(", "(norm - 1)", "(norm - 0)"),
    Mutant("absolute in place of square", "penalties", "(norm - 1)", ".square()", ".abs()"),
    Mutant("one-sided wgan_gp", "penalties", "def wgan_gp(", "(norm - 1)", "(norm - 1).relu()"),
    Mutant("the mean outside the square", "penalties", "(norm - 1)", ".square().mean()", ".mean().square()"),
    Mutant("shapes may differ", "penalties", "def wgan_gp(", "x_real.shape != x_fake.shape", "False"),
    Mutant("clips one side only", "penalties", "def clip_weights", "clamp_(-limit, limit)", "clamp_(max=limit)"),
    Mutant("clips a copy", "penalties", "def clip_weights", "parameter.clamp_(", "parameter.clamp("),
]  # fmt: skip


def load(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def checks():
    """The checks of the two test modules, by the module they test."""
    return {name: load(TESTS / f"test_{name}.py", f"checks_of_{name}").CHECKS for name in ("losses", "penalties")}


def mutate(mutant):
    """Return the module's text with the edit; it must still apply."""
    text = (LIBRARY / f"{mutant.module}.py").read_text(encoding="utf-8")
    head, anchor, tail = text.partition(mutant.after)
    applies = bool(anchor) and mutant.old in tail
    assert applies, f"{mutant.name}: the text to replace is gone; write the mutant anew"
    return head + anchor + tail.replace(mutant.old, mutant.new, 1)


def execute(text, name):
    module = ModuleType(f"gan_tutor.{name}")
    module.__file__ = f"<mutant of {name}>"
    exec(compile(text, module.__file__, "exec"), module.__dict__)
    return module


def complaint(module, checks):
    """Return the name of the first check that fails, or None if the module passes them all."""
    for check in checks:
        try:
            check(module)
        except (Exception, pytest.fail.Exception):  # a check may fail in any way: an assertion, a shape, a crash
            return check.__name__
    return None


@pytest.mark.parametrize("name", ["losses", "penalties"])
def test_the_unchanged_module_passes_every_check(name, checks, monkeypatch):
    module = execute((LIBRARY / f"{name}.py").read_text(encoding="utf-8"), name)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert complaint(module, checks[name]) is None


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.module}: {mutant.name}")
def test_a_mutant_is_noticed(mutant, checks, monkeypatch):
    module = execute(mutate(mutant), mutant.module)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert complaint(module, checks[mutant.module]) is not None, f"no check noticed: {mutant.name}"


def test_mutants_are_many_and_distinct():
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 20
    assert len({mutate(mutant) for mutant in MUTANTS}) == len(MUTANTS)

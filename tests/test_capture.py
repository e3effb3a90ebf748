"""A turn told its numbers by tensors is the same turn; as a CUDA graph (on a GPU) it is the same run."""

import copy
import itertools
from dataclasses import replace

import pytest
import torch

from gan_tutor import capture, data, losses, networks, penalties, recipes, training
from gan_tutor.capture import Plan
from gan_tutor.share import Share

BATCH, LATENT, TURNS = 16, 3, 12
NEEDS_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def pair(optimizer, lr):
    torch.manual_seed(0)
    G, D = networks.MLPGenerator(LATENT, (2,), width=8), networks.MLPDiscriminator((2,), width=8)
    return G, D, optimizer(G.parameters(), lr), optimizer(D.parameters(), lr)


def played(monkeypatch, *, tensors, optimizer, loss, penalty, n_critic, penalty_every):
    """Twelve turns with schedule and average; with `tensors` weight, decay and rates are float32 scalars."""
    G, D, opt_g, opt_d = pair(optimizer, 1e-2)
    ema, generator = copy.deepcopy(G), torch.Generator().manual_seed(1)
    if tensors:
        capture.tensor_rates(opt_g, generator.device)
        capture.tensor_rates(opt_d, generator.device)
        monkeypatch.setattr(
            training,
            "Plan",
            lambda step, due, weight, decay: Plan(step, due, torch.tensor(weight), torch.tensor(decay)),
        )
    records = training.train(
        G, D, data.batches(data.ring(), BATCH, generator), loss=loss, opt_g=opt_g, opt_d=opt_d, latent_dim=LATENT,
        steps=TURNS, generator=generator, n_critic=n_critic, penalty=penalty, penalty_weight=0.3,
        penalty_every=penalty_every, ema=ema, ema_decay=0.8, schedule=lambda step: 1 / (1 + 0.1 * step),
    )  # fmt: skip
    values = [(record.loss_d.item(), record.loss_g.item()) for record in records]
    monkeypatch.undo()
    return torch.tensor(values), [p.detach() for module in (G, D, ema) for p in module.parameters()], opt_g


ADAM = lambda parameters, lr: torch.optim.Adam(parameters, lr, (0.5, 0.99), fused=True)  # noqa: E731


@pytest.mark.parametrize(
    ("optimizer", "loss", "penalty", "n_critic", "penalty_every"),
    [
        (ADAM, "nonsaturating", None, 1, 1),
        (ADAM, "relativistic", "r1_r2", 1, 4),
        (ADAM, "wasserstein", "wgan_gp", 3, 1),
        (torch.optim.SGD, "hinge", "r1", 2, 3),
    ],
)
def test_numbers_told_by_tensors_make_the_same_turns(monkeypatch, optimizer, loss, penalty, n_critic, penalty_every):
    """Rates, weight and decay are rounded to float32, 6e-8 of their size; after 12 turns 2e-6 is left of it."""
    common = {
        "optimizer": optimizer, "loss": losses.LOSSES[loss], "penalty": penalties.PENALTIES.get(penalty),
        "n_critic": n_critic, "penalty_every": penalty_every,
    }  # fmt: skip
    torch.manual_seed(3)  # wgan_gp called without a generator
    exact_losses, exact, _ = played(monkeypatch, tensors=False, **common)
    torch.manual_seed(3)
    told_losses, told, opt_g = played(monkeypatch, tensors=True, **common)
    assert isinstance(opt_g.param_groups[0]["lr"], torch.Tensor)
    assert opt_g.param_groups[0]["lr"].item() == pytest.approx(1e-2 / 2.2)
    assert (exact_losses - told_losses).abs().max() <= 2e-6
    for a, b in zip(exact, told, strict=True):
        assert (a - b).abs().max() <= 2e-6
    fresh = pair(optimizer, 1e-2)[0]
    assert max((a - b).abs().max() for a, b in zip(exact, fresh.parameters(), strict=False)) > 1e-3


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.999])
def test_an_average_told_its_decay_by_a_tensor_is_the_same_average(decay):
    torch.manual_seed(0)
    G, first = (networks.DCGANGenerator(4, width=4) for _ in range(2))
    G(torch.randn(8, 4))  # moves the buffers
    averages = [copy.deepcopy(first) for _ in range(2)]
    training.update_ema(averages[0], G, decay)
    training.update_ema(averages[1], G, torch.tensor(decay))
    for a, b, old, new in zip(*(m.parameters() for m in (*averages, first, G)), strict=True):
        assert torch.allclose(a, b, rtol=1e-6, atol=1e-7)
        assert torch.allclose(b, decay * old + (1 - decay) * new, rtol=1e-5, atol=1e-6)
    assert all(torch.equal(a, b) for a, b in zip(averages[1].buffers(), G.buffers(), strict=True))


def test_an_optimiser_that_reads_its_rate_on_the_host_is_refused():
    weights = [torch.zeros(2, requires_grad=True)]
    for fit in (torch.optim.Adam(weights), torch.optim.RMSprop(weights), torch.optim.SGD(weights, 0.1, fused=True)):
        capture.require_rates_on_device(fit)
    with pytest.raises(ValueError, match="reads its learning rate on the device, got SGD: use Adam, RMSprop, or SGD"):
        capture.require_rates_on_device(torch.optim.SGD(weights, 0.1))


def test_tensor_rates_keep_the_rate_as_a_number_too():
    _, _, opt_g, _ = pair(ADAM, 3e-3)
    for _ in range(2):  # a second time changes nothing
        capture.tensor_rates(opt_g, torch.device("cpu"))
        (group,) = opt_g.param_groups
        assert group["initial_lr"] == 3e-3
        assert isinstance(group["lr"], torch.Tensor)
        assert (group["lr"].shape, group["lr"].dtype) == ((), torch.float32)
        assert group["lr"].item() == pytest.approx(3e-3, rel=1e-7)
        assert group["capturable"] is False


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, ADAM, torch.optim.RMSprop])
def test_steps_that_were_counted_on_the_host_go_on_on_the_device(optimizer):
    """An optimiser that has stepped before; the device without memory stands for a GPU."""
    weights = [torch.zeros(2, requires_grad=True), torch.ones(3, requires_grad=True)]
    opt = optimizer(weights, 1e-2)
    for _ in range(5):
        sum(w.square().sum() for w in weights).backward()
        opt.step()
    capture.tensor_rates(opt, torch.device("cpu"))
    assert [state["step"].item() for state in opt.state.values()] == [5, 5]
    capture.tensor_rates(opt, torch.device("meta"))
    assert {state["step"].device.type for state in opt.state.values()} == {"meta"}
    assert {state["step"].dtype for state in opt.state.values()} == {torch.float32}
    capture.tensor_rates(torch.optim.SGD(weights, 0.1, momentum=0.9), torch.device("meta"))  # counts no steps


def test_without_a_gpu_a_graph_is_refused_with_what_to_do():
    said = r"cuda_graph needs a game on a CUDA GPU, got one on cpu: set cuda_graph=False, or give device='cuda'"
    G, D, opt_g, opt_d = pair(ADAM, 1e-2)
    generator = torch.Generator()
    with pytest.raises(ValueError, match=said):  # at the call, not at the first record
        training.train(
            G, D, data.batches(data.ring(), BATCH, generator), loss=losses.hinge, opt_g=opt_g, opt_d=opt_d,
            latent_dim=LATENT, steps=3, generator=generator, cuda_graph=True,
        )  # fmt: skip
    assert opt_g.param_groups[0]["lr"] == 1e-2
    with pytest.raises(ValueError, match=said):
        recipes.build(replace(recipes.Recipe(), cuda_graph=True))


def test_a_graph_of_a_shared_game_is_refused():
    with pytest.raises(ValueError, match="cuda_graph needs a game of one process, got 2: set cuda_graph=False"):
        recipes.build(replace(recipes.Recipe(), cuda_graph=True), share=Share(1, 2))


class Counter:
    """A generator as far as `drawn_here` looks at it."""

    def __init__(self):
        self.offset = 0

    def get_offset(self):
        return self.offset


def test_a_batch_that_no_draw_made_is_refused():
    counter, values = Counter(), itertools.count()

    def drawn():
        while True:
            counter.offset += 4
            yield next(values)

    def playing():
        return False

    assert list(itertools.islice(capture.drawn_here(drawn(), counter, playing), 3)) == [0, 1, 2]
    stream = capture.drawn_here(iter([torch.zeros(2), torch.ones(2)]), counter, playing)
    with pytest.raises(ValueError, match=r"every batch must be drawn by the game's generator .* use data\.batches"):
        next(stream)
    assert list(capture.drawn_here(iter(()), counter, playing)) == []
    # In a graph no number is counted yet.
    assert list(capture.drawn_here(iter([1, 2]), counter, lambda: True)) == [1, 2]


RING = recipes.Recipe(width_g=32, width_d=32, batch_size=64, steps=200, ema_decay=0.9, schedule="cosine")
GAMES = {
    "nonsaturating": RING,
    "paired, lazy": replace(RING, loss="relativistic", penalty="r1_r2", penalty_every=4),
    "critic": replace(RING, loss="wasserstein", penalty="wgan_gp", n_critic=3, penalty_weight=0.1),
    "rmsprop, clipped": replace(RING, loss="wasserstein", optimizer="rmsprop", clip=0.05, lr_g=1e-4, lr_d=1e-4),
    "sgd": replace(RING, optimizer="sgd", lr_g=1e-2, lr_d=1e-2),
    "noise, classes": replace(RING, instance_noise=0.1, condition="projection"),
    "images": replace(
        RING, data="fashion", generator="dcgan", discriminator="space_to_depth", width_g=8, width_d=8, batch_size=16,
        loss="relativistic", penalty="r1_r2", penalty_every=4, augment="flip", diffaugment="color,translation,cutout",
        steps=40,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GAMES)
def test_a_game_told_its_numbers_by_tensors_is_the_same_game(monkeypatch, name):
    """What a captured turn computes, played eagerly on a CPU: float32 rates and weights move a loss by 1e-6."""
    recipe = replace(GAMES[name], steps=40)
    exact = torch.tensor([(r.loss_d.item(), r.loss_g.item()) for r in recipes.run(recipes.build(recipe))])
    game = recipes.build(recipe)
    for optimizer in (game.opt_g, game.opt_d):
        capture.tensor_rates(optimizer, torch.device("cpu"))
    tell = lambda step, due, weight, decay: Plan(step, due, torch.tensor(weight), torch.tensor(decay))  # noqa: E731
    monkeypatch.setattr(training, "Plan", tell)
    told = torch.tensor([(r.loss_d.item(), r.loss_g.item()) for r in recipes.run(game)])
    assert (exact - told).abs().max() <= 1e-5
    assert exact.std(0).min() > 1e-4


def of_game(recipe, parts=1):
    """Play on a GPU, stopping and starting anew (and recording anew) between the parts."""
    game = recipes.build(recipe, "cuda")
    found = []
    for part in range(1, parts + 1):
        turns = recipes.run(game)
        while game.step < recipe.steps * part // parts:
            found.append(next(turns))
    values = torch.stack([torch.stack([r.loss_d, r.loss_g]) for r in found])
    return values, [p.detach() for module in (game.G, game.D, game.ema) for p in module.parameters()]


@NEEDS_GPU
@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("name", GAMES)
def test_a_captured_game_is_the_eager_game(name, parts):
    """Same draws, same kernels; what differs is rates and weights rounded to float32, and the order of atomics."""
    eager_losses, eager = of_game(GAMES[name])
    losses_, found = of_game(replace(GAMES[name], cuda_graph=True), parts)
    bound = 1e-2 if name == "images" else 1e-4  # convolutions add up by atomics
    assert (eager_losses[:20] - losses_[:20]).abs().max() <= bound / 10
    assert (eager_losses - losses_).abs().max() <= bound
    for a, b in zip(eager, found, strict=True):
        assert (a - b).norm() <= 10 * bound * (b.norm() + 0.1)


@NEEDS_GPU
def test_spectral_layers_in_bfloat16_are_captured_too():
    """Their power iteration moves buffers inside the turn, outside of autocast's bfloat16."""
    recipe = replace(GAMES["images"], discriminator="dcgan", norm_d="spectral", precision="bfloat16", diffaugment="")
    eager_losses, eager = of_game(recipe)
    losses_, found = of_game(replace(recipe, cuda_graph=True))
    assert (eager_losses - losses_).abs().max() <= 1e-2
    for a, b in zip(eager, found, strict=True):
        assert (a - b).norm() <= 0.1 * (b.norm() + 0.1)


@NEEDS_GPU
def test_a_captured_game_goes_on_from_a_checkpoint(tmp_path):
    recipe = replace(RING, cuda_graph=True, loss="relativistic", penalty="r1_r2", penalty_every=4)
    straight, _ = of_game(recipe)
    game = recipes.build(recipe, "cuda")
    turns = recipes.run(game)
    while game.step < 90:
        next(turns)
    recipes.save(game, tmp_path / "game.safetensors")
    resumed = recipes.resume(tmp_path / "game.safetensors", "cuda")
    values = torch.stack([torch.stack([r.loss_d, r.loss_g]) for r in recipes.run(resumed)])
    assert (values - straight[90:]).abs().max() <= 1e-5


@NEEDS_GPU
def test_a_loss_stays_what_it_was_after_the_next_replay():
    turns = recipes.run(recipes.build(replace(RING, cuda_graph=True), "cuda"))
    first = [next(turns) for _ in range(8)]
    before = [r.loss_d.item() for r in first]
    for _ in range(8):
        next(turns)
    assert [r.loss_d.item() for r in first] == before
    assert len(set(before)) == 8


@NEEDS_GPU
def test_a_loader_of_one_s_own_is_refused_on_a_gpu():
    G, D, opt_g, opt_d = pair(ADAM, 1e-2)
    generator = torch.Generator("cuda")
    with pytest.raises(ValueError, match="every batch must be drawn by the game's generator"):
        next(
            training.train(
                G.cuda(), D.cuda(), itertools.repeat(torch.zeros(BATCH, 2, device="cuda")), loss=losses.hinge,
                opt_g=opt_g, opt_d=opt_d, latent_dim=LATENT, steps=9, generator=generator, cuda_graph=True,
            )
        )  # fmt: skip


@NEEDS_GPU
@pytest.mark.parametrize("cuda_graph", [False, True])
@pytest.mark.parametrize("name", GAMES)
def test_no_turn_makes_the_host_wait(name, cuda_graph):
    """Twenty turns after the warm-up under torch's own check; the look for NaN at every 50th turn is outside it."""
    turns = recipes.run(recipes.build(replace(GAMES[name], cuda_graph=cuda_graph, steps=1000), "cuda"))
    for _ in range(52):
        next(turns)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(20):
            next(turns)
    finally:
        torch.cuda.set_sync_debug_mode("default")

"""Exercises of chapter 3."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from gan_tutor import networks
from gan_tutor.classroom.record import Exercise


def _players(width: int = 8) -> tuple[nn.Module, nn.Module]:
    return networks.MLPGenerator(2, (2,), width=width), networks.MLPDiscriminator((2,), width=width)


def _weights(network: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def _turn(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    """Play three turns; plain gradient descent shows every factor, where Adam would hide it."""
    players = _players()
    opts = [torch.optim.SGD(network.parameters(), 0.3) for network in players]
    before = [_weights(network) for network in players]
    for _ in range(3):
        answer(*players, *opts, *(1 + torch.randn(2, 6, 2, generator=generator)))
    moves = [_weights(network) - start for network, start in zip(players, before, strict=True)]
    return {"how G's weights moved in three turns": moves[0], "how D's weights moved": moves[1]}


def _twin(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    D, x = _players()[1], torch.randn(5, 2, generator=generator)
    twin = answer(D)
    if not callable(twin):
        return {"the twin": twin}
    seen = {"the twin's logits": twin(x), "D's own logits afterwards": D(x)}
    with torch.no_grad():
        for parameter in D.parameters():
            parameter.mul_(2)
    return seen | {"the twin's logits after D's weights have changed": twin(x)}


def _resume(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    save, load = answer
    G, D = _players()
    opt_g, opt_d = (torch.optim.Adam(network.parameters(), 1e-2, (0.5, 0.999)) for network in (G, D))
    own = torch.Generator().manual_seed(int(torch.randint(2**31, (), generator=generator)))

    def play(turns: int) -> None:
        for _ in range(turns):
            x_real, z = torch.randn(2, 6, 2, generator=own)
            x_fake = G(z)
            _step(opt_d, softplus(-D(2 + x_real)).mean() + softplus(D(x_fake.detach())).mean())
            _step(opt_g, softplus(-D(x_fake)).mean())

    play(4)
    state = save(G, D, opt_g, opt_d, own)
    play(3)
    load(state, G, D, opt_g, opt_d, own)
    play(3)
    return {"G's weights three turns after the break": _weights(G), "D's weights": _weights(D)}


def _step(opt: torch.optim.Optimizer, loss: Tensor) -> None:
    opt.zero_grad()
    loss.backward()
    opt.step()


def _parts(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    D = _players()[1]
    opt_d = torch.optim.SGD(D.parameters(), 0.3)
    x_real, x_fake = torch.randn(2, 12, 2, generator=generator)
    D(x_real).sum().backward()  # what G's turn may leave in D
    sizes: list[int] = []
    D.register_forward_pre_hook(lambda module, inputs: sizes.append(len(inputs[0])))
    before = _weights(D)
    loss = answer(D, opt_d, 2 + x_real, x_fake, 3)
    return {
        "how D's weights moved": _weights(D) - before,
        "the loss that came back": loss,
        "the largest batch that D was given": max(sizes, default=0),
    }


_CASES = (
    "D's turn, detached",
    "D's turn, attached",
    "D's turn, G under no_grad",
    "G's turn",
    "G's turn, D frozen",
    "G's turn, D under no_grad",
)


def _gradients(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    return {f"{case}: {who}'s": float(answer[case][k]) for case in _CASES for k, who in enumerate("GD")}


EXERCISES = (
    Exercise(
        "training-loop-train-op",
        "Find the bug: one train_op for both players",
        "find-the-bug",
        _turn,
        hints=(
            "What does the loss that both minimise say about a generated sample? Add the two terms at logit l.",
            "Two players need two losses and two backward calls, each for its own optimiser, D's turn before G's.",
            "What D sees must not lead back into G, and each zero_grad stands directly before the backward it serves.",
        ),
        rtol=2e-3,
    ),
    Exercise(
        "training-loop-labels",
        "Swapped twice",
        "implement",
        _twin,
        hints=(
            "With both labels swapped every loss reads -D(x) where the healthy one reads D(x).",
            "D ends in a linear layer, D.last. Which of its numbers must change sign for the logit to do so?",
            "Work on a copy of D that shares no weights with it: copy.deepcopy.",
        ),
    ),
    Exercise(
        "training-loop-resume",
        "A checkpoint of weights only",
        "modify",
        _resume,
        hints=(
            "Which of the five things that the functions are given decides something about the turns to come?",
            "Adam carries running means of the gradients; the generator carries its place: get_state, set_state.",
            "state_dict() hands out the tensors themselves, and the game goes on writing into them.",
        ),
    ),
    Exercise(
        "training-loop-parts",
        "A batch that does not fit",
        "modify",
        _parts,
        hints=(
            "backward adds to the gradients that are there. Here that is what you want, between the parts.",
            "The mean over the batch is the mean of the parts' means. By what is each part's loss divided?",
            "One zero_grad before the first part, one step after the last. What is returned, and from which parts?",
        ),
    ),
    Exercise(
        "training-loop-no-grad",
        "Who gets a gradient?",
        "predict",
        _gradients,
        hints=(
            "backward fills every leaf on the way back, whichever optimiser you have in mind. Who is on the way?",
            "detach ends the way back at G's door. no_grad records nothing: no way leads through what ran inside it.",
            "Frozen parameters get no gradient of their own, but the way through the layer to its input stays open.",
        ),
    ),
)

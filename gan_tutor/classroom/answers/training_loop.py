"""Spoilers: right answers and classic mistakes of chapter 3."""

import copy

import torch
from torch.nn.functional import softplus

from gan_tutor.classroom.record import Answer, Mistake


def _step(opt, loss, **how):  # type: ignore[no-untyped-def]
    opt.zero_grad()
    loss.backward(**how)
    opt.step()


def _loss_d(real, fake):  # type: ignore[no-untyped-def]
    return softplus(-real).mean() + softplus(fake).mean()


def _turn(G, D, opt_g, opt_d, x_real, z):  # type: ignore[no-untyped-def]
    x_fake = G(z)
    _step(opt_d, _loss_d(D(x_real), D(x_fake.detach())))
    _step(opt_g, softplus(-D(x_fake)).mean())


def _published(G, D, opt_g, opt_d, x_real, z):  # type: ignore[no-untyped-def]
    fake = D(G(z))
    opt_g.zero_grad()
    _step(opt_d, _loss_d(D(x_real), fake) + softplus(-fake).mean())
    opt_g.step()


def _leaking(G, D, opt_g, opt_d, x_real, z):  # type: ignore[no-untyped-def]
    opt_g.zero_grad()
    x_fake = G(z)
    _step(opt_d, _loss_d(D(x_real), D(x_fake)), retain_graph=True)
    softplus(-D(x_fake)).mean().backward()
    opt_g.step()


def _g_first(G, D, opt_g, opt_d, x_real, z):  # type: ignore[no-untyped-def]
    x_fake = G(z)
    _step(opt_g, softplus(-D(x_fake)).mean())
    _step(opt_d, _loss_d(D(x_real), D(x_fake.detach())))


def _d_moves_twice(G, D, opt_g, opt_d, x_real, z):  # type: ignore[no-untyped-def]
    x_fake = G(z)
    _step(opt_d, _loss_d(D(x_real), D(x_fake.detach())))
    opt_d.zero_grad()
    _step(opt_g, softplus(-D(x_fake)).mean())
    opt_d.step()


def _swapped(G, D, opt_g, opt_d, x_real, z):  # type: ignore[no-untyped-def]
    x_fake = G(z)
    _step(opt_d, _loss_d(D(x_fake.detach()), D(x_real)))
    _step(opt_g, softplus(-D(x_fake)).mean())


def _g_gives_up(G, D, opt_g, opt_d, x_real, z):  # type: ignore[no-untyped-def]
    x_fake = G(z)
    _step(opt_d, _loss_d(D(x_real), D(x_fake.detach())))
    _step(opt_g, softplus(D(x_fake)).mean())


def _saturating(G, D, opt_g, opt_d, x_real, z):  # type: ignore[no-untyped-def]
    x_fake = G(z)
    _step(opt_d, _loss_d(D(x_real), D(x_fake.detach())))
    _step(opt_g, -softplus(D(x_fake)).mean())


def _no_zero_grad(G, D, opt_g, opt_d, x_real, z):  # type: ignore[no-untyped-def]
    x_fake = G(z)
    _step(opt_d, _loss_d(D(x_real), D(x_fake.detach())))
    softplus(-D(x_fake)).mean().backward()
    opt_g.step()


def _no_zero_grad_in_d(G, D, opt_g, opt_d, x_real, z):  # type: ignore[no-untyped-def]
    x_fake = G(z)
    _loss_d(D(x_real), D(x_fake.detach())).backward()
    opt_d.step()
    _step(opt_g, softplus(-D(x_fake)).mean())


def _d_only(G, D, opt_g, opt_d, x_real, z):  # type: ignore[no-untyped-def]
    _step(opt_d, _loss_d(D(x_real), D(G(z).detach())))


def _negated(D, *parameters):  # type: ignore[no-untyped-def]
    with torch.no_grad():
        for parameter in parameters:
            parameter.neg_()
    return D


def _twin(D):  # type: ignore[no-untyped-def]
    new = copy.deepcopy(D)
    return _negated(new, *new.last.parameters())


def _twin_of_weight(D):  # type: ignore[no-untyped-def]
    new = copy.deepcopy(D)
    return _negated(new, new.last.weight)


def _twin_of_all(D):  # type: ignore[no-untyped-def]
    new = copy.deepcopy(D)
    return _negated(new, *new.parameters())


def _twin_of_hidden(D):  # type: ignore[no-untyped-def]
    new = copy.deepcopy(D)
    return _negated(new, *new.hidden.parameters())


def _states(*parts):  # type: ignore[no-untyped-def]
    return [part.state_dict() for part in parts]


def _put(parts, states):  # type: ignore[no-untyped-def]
    for part, state in zip(parts, states, strict=True):
        part.load_state_dict(state)


def _save(G, D, opt_g, opt_d, generator):  # type: ignore[no-untyped-def]
    return copy.deepcopy(_states(G, D, opt_g, opt_d)), generator.get_state()


def _load(state, G, D, opt_g, opt_d, generator):  # type: ignore[no-untyped-def]
    _put((G, D, opt_g, opt_d), state[0])
    generator.set_state(state[1])


def _load_weights(state, G, D, opt_g, opt_d, generator):  # type: ignore[no-untyped-def]
    _put((G, D), state[0][:2])


def _load_without_numbers(state, G, D, opt_g, opt_d, generator):  # type: ignore[no-untyped-def]
    _put((G, D, opt_g, opt_d), state[0])


def _load_without_optimisers(state, G, D, opt_g, opt_d, generator):  # type: ignore[no-untyped-def]
    _put((G, D), state[0][:2])
    generator.set_state(state[1])


def _load_without_weights(state, G, D, opt_g, opt_d, generator):  # type: ignore[no-untyped-def]
    _put((opt_g, opt_d), state[0][2:])
    generator.set_state(state[1])


def _save_alias(G, D, opt_g, opt_d, generator):  # type: ignore[no-untyped-def]
    return _states(G, D, opt_g, opt_d), generator.get_state()


def _in_parts(D, opt_d, x_real, x_fake, parts, *, share=None, zero_each=False, step_each=False):  # type: ignore[no-untyped-def]
    """D's step in parts, and with one thing done otherwise."""
    total = torch.zeros(())
    opt_d.zero_grad()
    for real, fake in zip(x_real.chunk(parts), x_fake.chunk(parts), strict=True):
        loss = _loss_d(D(real), D(fake)) / (share or parts)
        if zero_each:
            opt_d.zero_grad()
        loss.backward()
        if step_each:
            opt_d.step()
        total = total + loss.detach()
    if not step_each:
        opt_d.step()
    return total


def _never_zeroed(D, opt_d, x_real, x_fake, parts):  # type: ignore[no-untyped-def]
    left = [p.grad.clone() for p in D.parameters()]
    total = torch.zeros(())
    opt_d.zero_grad()
    for parameter, grad in zip(D.parameters(), left, strict=True):
        parameter.grad = grad
    for real, fake in zip(x_real.chunk(parts), x_fake.chunk(parts), strict=True):
        loss = _loss_d(D(real), D(fake)) / parts
        loss.backward()
        total = total + loss.detach()
    opt_d.step()
    return total


def _whole(D, opt_d, x_real, x_fake, parts):  # type: ignore[no-untyped-def]
    loss = _loss_d(D(x_real), D(x_fake))
    _step(opt_d, loss)
    return loss.detach()


def _last_loss(D, opt_d, x_real, x_fake, parts):  # type: ignore[no-untyped-def]
    with torch.no_grad():
        last = _loss_d(D(x_real.chunk(parts)[-1]), D(x_fake.chunk(parts)[-1])) / parts
    _in_parts(D, opt_d, x_real, x_fake, parts)
    return last


_GRADIENTS = {
    "D's turn, detached": (0, 6),
    "D's turn, attached": (6, 6),
    "D's turn, G under no_grad": (0, 6),
    "G's turn": (6, 6),
    "G's turn, D frozen": (6, 0),
    "G's turn, D under no_grad": (0, 0),
}

ANSWERS = {
    "training-loop-train-op": Answer(
        _turn,
        (
            Mistake(
                "as-published",
                _published,
                "Both players still follow one loss. At a generated sample its two terms pull the logit to 0.",
            ),
            Mistake(
                "leak",
                _leaking,
                "D's backward also filled G's gradients, and G's step follows the sum. What keeps them apart?",
            ),
            Mistake(
                "g-first",
                _g_first,
                "G is judged by the D from before D's step. In this turn G comes second, and meets the new D.",
            ),
            Mistake(
                "d-moves-twice",
                _d_moves_twice,
                "D moves in G's turn too, and learns to call generated samples real. Whose optimiser steps there?",
            ),
            Mistake(
                "labels-swapped",
                _swapped,
                "D is taught that generated samples are real. Which batch stands first in its loss?",
            ),
            Mistake(
                "g-helps-d",
                _g_gives_up,
                "G lowers its own logits: it helps D. Which label does G wish for its samples?",
            ),
            Mistake(
                "saturating",
                _saturating,
                "G plays the minimax loss here. The turn asked for uses the non-saturating one.",
            ),
            Mistake(
                "no-zero-grad",
                _no_zero_grad,
                "The first turn is right, later ones are not: G follows the sum of all its gradients so far.",
            ),
            Mistake(
                "no-zero-grad-in-d",
                _no_zero_grad_in_d,
                "The first turn is right, later ones are not: something is left in D's gradients, also from G's turn.",
            ),
            Mistake("d-only", _d_only, "G does not move at all."),
            Mistake("nobody-moves", lambda *given: None, "Nobody moves. Who changes weights: a loss, or an optimiser?"),
        ),
    ),
    "training-loop-labels": Answer(
        _twin,
        (
            Mistake(
                "bias-kept",
                _twin_of_weight,
                "The logit is a weighted sum and one more number. That number kept its sign.",
            ),
            Mistake(
                "every-layer",
                _twin_of_all,
                "A sign does not pass through LeakyReLU unchanged. Which layer has no LeakyReLU behind it?",
            ),
            Mistake(
                "hidden-layers",
                _twin_of_hidden,
                "You turned what the hidden layers compute. The logit is made in the layer behind them.",
            ),
            Mistake(
                "in-place",
                lambda D: _negated(D, *D.last.parameters()),
                "D itself has changed its sign. It was to stay as it is.",
            ),
            Mistake(
                "same-weights",
                lambda D: lambda x: -D(x),
                "This answers -D(x), but has no weights of its own: it moves whenever D does.",
            ),
            Mistake("copied-only", copy.deepcopy, "This is a copy of D. It must answer -D(x)."),
        ),
    ),
    "training-loop-resume": Answer(
        (_save, _load),
        (
            Mistake(
                "as-published",
                (_save, _load_weights),
                "Only the weights come back. What do the optimisers know, and where do the next batches come from?",
            ),
            Mistake(
                "no-random-numbers",
                (_save, _load_without_numbers),
                "Weights and optimisers are back, but the game goes on with other batches and latents.",
            ),
            Mistake(
                "no-optimisers",
                (_save, _load_without_optimisers),
                "Batches and weights are back. Adam's means are those of later turns. Were they copied, and put back?",
            ),
            Mistake(
                "no-weights",
                (_save, _load_without_weights),
                "The players themselves are not brought back.",
            ),
            Mistake(
                "not-copied",
                (_save_alias, _load),
                "What was saved moved on with the game: state_dict() gives the tensors, not copies of them.",
            ),
        ),
    ),
    "training-loop-parts": Answer(
        _in_parts,
        (
            Mistake(
                "sum-of-parts",
                lambda *given: _in_parts(*given, share=1),
                "The means of the parts are added up: the more parts, the longer D's step. What is their mean?",
            ),
            Mistake(
                "last-part-only",
                lambda *given: _in_parts(*given, zero_each=True),
                "Each zero_grad throws away what the parts before have added: only the last part moves D.",
            ),
            Mistake(
                "step-in-each-part",
                lambda *given: _in_parts(*given, step_each=True),
                "D moves after each part, so the later parts are judged by another D. How many steps are asked for?",
            ),
            Mistake(
                "small-steps",
                lambda *given: _in_parts(*given, share=1, zero_each=True, step_each=True),
                "These are several steps on small batches. One step, on all of the batch, is asked for.",
            ),
            Mistake(
                "never-zeroed",
                _never_zeroed,
                "D had gradients before the step, from G's turn. They are still in the sum.",
            ),
            Mistake(
                "whole-batch",
                _whole,
                "D moved as it should, but it was given the whole batch at once, which does not fit.",
            ),
            Mistake(
                "loss-of-last-part",
                _last_loss,
                "D moved as it should. What came back is the share of the last part, not the loss of the batch.",
            ),
            Mistake(
                "loss-summed",
                lambda D, opt_d, x_real, x_fake, parts: parts * _in_parts(D, opt_d, x_real, x_fake, parts),
                "D moved as it should. The loss that came back grows with the number of parts.",
            ),
        ),
    ),
    "training-loop-no-grad": Answer(
        _GRADIENTS,
        (
            Mistake(
                "g-turn-spares-d",
                {**_GRADIENTS, "G's turn": (6, 0)},
                "G's optimiser moves G only, but who stops backward from filling D's gradients on its way?",
            ),
            Mistake(
                "frozen-cuts",
                {**_GRADIENTS, "G's turn, D frozen": (0, 0)},
                "A frozen layer takes no gradients of its own parameters. Can a gradient still pass through it?",
            ),
            Mistake(
                "no-grad-freezes",
                {**_GRADIENTS, "G's turn, D under no_grad": (6, 0)},
                "no_grad does not freeze parameters: nothing inside it is recorded. Where would backward go?",
            ),
            Mistake(
                "attached-spares-g",
                {**_GRADIENTS, "D's turn, attached": (0, 6)},
                "Without detach the loss is a function of G's weights too.",
            ),
            Mistake(
                "detach-cuts-all",
                {**_GRADIENTS, "D's turn, detached": (0, 0), "D's turn, G under no_grad": (0, 0)},
                "The samples are constants then, and D's weights are not: does the loss depend on them?",
            ),
            Mistake(
                "exchanged",
                {case: pair[::-1] for case, pair in _GRADIENTS.items()},
                "Every pair is the other way round: first G's tensors, then D's.",
            ),
            Mistake(
                "own-player-only",
                {
                    **_GRADIENTS,
                    "D's turn, attached": (0, 6),
                    "G's turn": (6, 0),
                    "G's turn, D under no_grad": (6, 0),
                },
                "backward does not know whose turn it is. It follows the graph to every weight that made the loss.",
            ),
        ),
    ),
}

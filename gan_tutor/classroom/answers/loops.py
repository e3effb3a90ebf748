"""Spoilers: loops of chapter 3, the right ones and those with one thing done otherwise."""

import copy

import torch
from torch.nn.functional import softplus


def step(opt, loss, **how):  # type: ignore[no-untyped-def]
    """Make one step of an optimiser on a loss."""
    opt.zero_grad()
    loss.backward(**how)
    opt.step()


def loss_d(real, fake):  # type: ignore[no-untyped-def]
    """Return D's loss of logits (N,) and (M,)."""
    return softplus(-real).mean() + softplus(fake).mean()


def turn(G, D, opt_g, opt_d, x_real, z):  # type: ignore[no-untyped-def]
    """Play the turn asked for: D, then G on the same samples against the new D."""
    x_fake = G(z)
    step(opt_d, loss_d(D(x_real), D(x_fake.detach())))
    step(opt_g, softplus(-D(x_fake)).mean())


def published(G, D, opt_g, opt_d, x_real, z):  # type: ignore[no-untyped-def]
    """Move both players on the sum of their losses."""
    fake = D(G(z))
    opt_g.zero_grad()
    step(opt_d, loss_d(D(x_real), fake) + softplus(-fake).mean())
    opt_g.step()


def leaking(G, D, opt_g, opt_d, x_real, z):  # type: ignore[no-untyped-def]
    """Let D's backward fill G's gradients, and never clear them."""
    opt_g.zero_grad()
    x_fake = G(z)
    step(opt_d, loss_d(D(x_real), D(x_fake)), retain_graph=True)
    softplus(-D(x_fake)).mean().backward()
    opt_g.step()


def g_first(G, D, opt_g, opt_d, x_real, z):  # type: ignore[no-untyped-def]
    """Let G move before D."""
    x_fake = G(z)
    step(opt_g, softplus(-D(x_fake)).mean())
    step(opt_d, loss_d(D(x_real), D(x_fake.detach())))


def d_moves_twice(G, D, opt_g, opt_d, x_real, z):  # type: ignore[no-untyped-def]
    """Let D's optimiser step in G's turn too."""
    x_fake = G(z)
    step(opt_d, loss_d(D(x_real), D(x_fake.detach())))
    opt_d.zero_grad()
    step(opt_g, softplus(-D(x_fake)).mean())
    opt_d.step()


def swapped(G, D, opt_g, opt_d, x_real, z):  # type: ignore[no-untyped-def]
    """Swap the labels in D's step."""
    x_fake = G(z)
    step(opt_d, loss_d(D(x_fake.detach()), D(x_real)))
    step(opt_g, softplus(-D(x_fake)).mean())


def g_gives_up(G, D, opt_g, opt_d, x_real, z):  # type: ignore[no-untyped-def]
    """Let G lower its own logits."""
    x_fake = G(z)
    step(opt_d, loss_d(D(x_real), D(x_fake.detach())))
    step(opt_g, softplus(D(x_fake)).mean())


def saturating(G, D, opt_g, opt_d, x_real, z):  # type: ignore[no-untyped-def]
    """Give G the minimax loss."""
    x_fake = G(z)
    step(opt_d, loss_d(D(x_real), D(x_fake.detach())))
    step(opt_g, -softplus(D(x_fake)).mean())


def no_zero_grad(G, D, opt_g, opt_d, x_real, z):  # type: ignore[no-untyped-def]
    """Never clear G's gradients."""
    x_fake = G(z)
    step(opt_d, loss_d(D(x_real), D(x_fake.detach())))
    softplus(-D(x_fake)).mean().backward()
    opt_g.step()


def no_zero_grad_in_d(G, D, opt_g, opt_d, x_real, z):  # type: ignore[no-untyped-def]
    """Never clear D's gradients."""
    x_fake = G(z)
    loss_d(D(x_real), D(x_fake.detach())).backward()
    opt_d.step()
    step(opt_g, softplus(-D(x_fake)).mean())


def d_only(G, D, opt_g, opt_d, x_real, z):  # type: ignore[no-untyped-def]
    """Leave out G's step."""
    step(opt_d, loss_d(D(x_real), D(G(z).detach())))


def negated(D, *parameters):  # type: ignore[no-untyped-def]
    """Turn the signs of parameters in place; returns D."""
    with torch.no_grad():
        for parameter in parameters:
            parameter.neg_()
    return D


def twin(D):  # type: ignore[no-untyped-def]
    """Return a copy of D with the last layer's signs turned."""
    new = copy.deepcopy(D)
    return negated(new, *new.last.parameters())


def twin_of_weight(D):  # type: ignore[no-untyped-def]
    """Turn the last layer's weights, and not its bias."""
    new = copy.deepcopy(D)
    return negated(new, new.last.weight)


def twin_of_all(D):  # type: ignore[no-untyped-def]
    """Turn every layer."""
    new = copy.deepcopy(D)
    return negated(new, *new.parameters())


def twin_of_hidden(D):  # type: ignore[no-untyped-def]
    """Turn the hidden layers only."""
    new = copy.deepcopy(D)
    return negated(new, *new.hidden.parameters())


def states(*parts):  # type: ignore[no-untyped-def]
    """Return the state_dict of each part, not copied."""
    return [part.state_dict() for part in parts]


def put(parts, states):  # type: ignore[no-untyped-def]
    """Load each part's state."""
    for part, state in zip(parts, states, strict=True):
        part.load_state_dict(state)


def save(G, D, opt_g, opt_d, generator):  # type: ignore[no-untyped-def]
    """Copy everything that decides the turns to come."""
    return copy.deepcopy(states(G, D, opt_g, opt_d)), generator.get_state()


def load(state, G, D, opt_g, opt_d, generator):  # type: ignore[no-untyped-def]
    """Put everything back."""
    put((G, D, opt_g, opt_d), state[0])
    generator.set_state(state[1])


def load_weights(state, G, D, opt_g, opt_d, generator):  # type: ignore[no-untyped-def]
    """Put the weights back, and nothing else."""
    put((G, D), state[0][:2])


def load_without_numbers(state, G, D, opt_g, opt_d, generator):  # type: ignore[no-untyped-def]
    """Leave the random generator where it is."""
    put((G, D, opt_g, opt_d), state[0])


def load_without_optimisers(state, G, D, opt_g, opt_d, generator):  # type: ignore[no-untyped-def]
    """Leave the optimisers as they are."""
    put((G, D), state[0][:2])
    generator.set_state(state[1])


def load_without_weights(state, G, D, opt_g, opt_d, generator):  # type: ignore[no-untyped-def]
    """Leave the weights as they are."""
    put((opt_g, opt_d), state[0][2:])
    generator.set_state(state[1])


def save_alias(G, D, opt_g, opt_d, generator):  # type: ignore[no-untyped-def]
    """Save the tensors themselves."""
    return states(G, D, opt_g, opt_d), generator.get_state()


def in_parts(D, opt_d, x_real, x_fake, parts, *, share=None, zero_each=False, step_each=False):  # type: ignore[no-untyped-def]
    """D's step in parts, and with one thing done otherwise."""
    total = torch.zeros(())
    opt_d.zero_grad()
    for real, fake in zip(x_real.chunk(parts), x_fake.chunk(parts), strict=True):
        loss = loss_d(D(real), D(fake)) / (share or parts)
        if zero_each:
            opt_d.zero_grad()
        loss.backward()
        if step_each:
            opt_d.step()
        total = total + loss.detach()
    if not step_each:
        opt_d.step()
    return total


def never_zeroed(D, opt_d, x_real, x_fake, parts):  # type: ignore[no-untyped-def]
    """Add to the gradients that D had before."""
    left = [p.grad.clone() for p in D.parameters()]
    total = torch.zeros(())
    opt_d.zero_grad()
    for parameter, grad in zip(D.parameters(), left, strict=True):
        parameter.grad = grad
    for real, fake in zip(x_real.chunk(parts), x_fake.chunk(parts), strict=True):
        loss = loss_d(D(real), D(fake)) / parts
        loss.backward()
        total = total + loss.detach()
    opt_d.step()
    return total


def whole(D, opt_d, x_real, x_fake, parts):  # type: ignore[no-untyped-def]
    """Take the whole batch at once."""
    loss = loss_d(D(x_real), D(x_fake))
    step(opt_d, loss)
    return loss.detach()


def last_loss(D, opt_d, x_real, x_fake, parts):  # type: ignore[no-untyped-def]
    """Move D as asked, but return the last part's share of the loss."""
    with torch.no_grad():
        last = loss_d(D(x_real.chunk(parts)[-1]), D(x_fake.chunk(parts)[-1])) / parts
    in_parts(D, opt_d, x_real, x_fake, parts)
    return last

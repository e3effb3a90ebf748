"""Mutated solutions of chapter 3: in the solution cell `old` becomes `new`, and the check must name the mistake."""

_D_FIRST = """\
    loss_d = softplus(-D(x_real)).mean() + softplus(D(x_fake.detach())).mean()
    opt_d.zero_grad()
    loss_d.backward()
    opt_d.step()
"""
_G_THEN = """\
    loss_g = softplus(-D(x_fake)).mean()
    opt_g.zero_grad()
    loss_g.backward()
    opt_g.step()
"""

MUTANTS = {
    "training-loop-train-op": [
        (_D_FIRST + _G_THEN, _G_THEN + _D_FIRST, "g-first"),
        (
            _D_FIRST + _G_THEN,
            "    opt_g.zero_grad()\n"
            + _D_FIRST.replace(".detach()", "").replace("backward()", "backward(retain_graph=True)")
            + _G_THEN.replace("    opt_g.zero_grad()\n", ""),
            "leak",
        ),
        ("    opt_g.zero_grad()\n", "", "no-zero-grad"),
        ("    opt_d.zero_grad()\n", "", "no-zero-grad-in-d"),
        (
            "softplus(-D(x_real)).mean() + softplus(D(x_fake",
            "softplus(D(x_real)).mean() + softplus(-D(x_fake",
            "labels-swapped",
        ),
        ("loss_g = softplus(-D(x_fake)).mean()", "loss_g = softplus(D(x_fake)).mean()", "g-helps-d"),
        ("loss_g = softplus(-D(x_fake)).mean()", "loss_g = -softplus(D(x_fake)).mean()", "saturating"),
        (_G_THEN, "", "d-only"),
    ],
    "training-loop-labels": [
        ("(new.last.weight, new.last.bias)", "(new.last.weight,)", "bias-kept"),
        ("(new.last.weight, new.last.bias)", "new.parameters()", "every-layer"),
        ("copy.deepcopy(D)", "D", "in-place"),
        ("parameter.neg_()", "parameter.clone()", "copied-only"),
        ("return new", "return lambda x: -D(x)", "same-weights"),
    ],
    "training-loop-resume": [
        ("    generator.set_state(numbers)\n", "", "no-random-numbers"),
        ("zip((G, D, opt_g, opt_d), states)", "zip((G, D), states)", "no-optimisers"),
        ("copy.deepcopy(states)", "states", "not-copied"),
        ("zip((G, D, opt_g, opt_d), states)", "zip((opt_g, opt_d), states[2:])", "no-weights"),
        (
            "zip((G, D, opt_g, opt_d), states):\n        part.load_state_dict(kept)\n    generator.set_state(numbers)",
            "zip((G, D), states):\n        part.load_state_dict(kept)",
            "as-published",
        ),
    ],
    "training-loop-parts": [
        (" / parts", "", "sum-of-parts"),
        ("        loss.backward()", "        opt_d.zero_grad()\n        loss.backward()", "last-part-only"),
        ("    opt_d.zero_grad()\n", "", "never-zeroed"),
        ("    opt_d.step()\n    return", "        opt_d.step()\n    return", "step-in-each-part"),
        ("return total", "return loss.detach()", "loss-of-last-part"),
        (
            "pairs = zip(x_real.chunk(parts), x_fake.chunk(parts))",
            "pairs, parts = [(x_real, x_fake)], 1",
            "whole-batch",
        ),
    ],
    "training-loop-no-grad": [
        ('"G\'s turn": (6, 6)', '"G\'s turn": (6, 0)', "g-turn-spares-d"),
        ('D frozen": (6, 0)', 'D frozen": (0, 0)', "frozen-cuts"),
        ('D under no_grad": (0, 0)', 'D under no_grad": (6, 0)', "no-grad-freezes"),
        ('attached": (6, 6)', 'attached": (0, 6)', "attached-spares-g"),
    ],
}

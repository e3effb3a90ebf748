"""Mutated solutions of chapter 11: in the solution cell `old` becomes `new`, and the check must name the mistake."""

_WARM = "    for _ in range(10):\n        card.launch(turn)\n"
_BEFORE = "    card.synchronize()\n    began"
_AFTER = "    card.synchronize()\n    return"

MUTANTS = {
    "scaling-count": [
        ("2 * 3 * f_d", "3 * f_d", "one-batch"),
        ("2 * f_d + f_d", "3 * f_d + f_d", "not-frozen"),
        ("3 * f_g + 2", "2 * f_g + 2", "shared-fakes"),
        (" + f_d\n", "\n", "unpaired"),
        ("d_step = f_g + ", "d_step = ", "free-fakes"),
        ("d_step = f_g + ", "d_step = 3 * f_g + ", "g-trains-with-d"),
    ],
    "scaling-line": [
        ("a = 1.0 - 16 * b", "a = 1.0", "a-is-the-smallest"),
        ("a + 16 * b / 100", "(a + 16 * b) / 100", "all-faster"),
        ('"bend": a / b', '"bend": b / a', "bend-upside-down"),
        ("b = (25.0 - 1.0) / (4016 - 16)\na = 1.0 - 16 * b", "a, b = 0.0, 25.0 / 4016", "in-proportion"),
    ],
    "scaling-timing": [
        (_WARM, "", "cold"),
        (_BEFORE, "    began", "no-wait-at-the-start"),
        (_AFTER, "    return", "no-wait-at-the-end"),
        ("launch(turn)\n" + _AFTER, "launch(turn)\n    " + _AFTER, "waits-each-turn"),
        (_WARM + _BEFORE, "    began", "cold-and-no-wait-at-the-start"),
    ],
    "scaling-ranks": [
        ("(shares[:, None] * gradients).sum(0)", "gradients.mean(0)", "plain-mean"),
        ("(shares[:, None] * gradients).sum(0)", "gradients.sum(0)", "sum"),
        ("rows / rows.sum()", "rows", "not-divided"),
        ("rows / rows.sum()", "(1 / rows) / (1 / rows).sum()", "inverse"),
        (".sum(0)", ".mean(0)", "mean-of-weighted"),
    ],
    "scaling-features": [
        ("torch.stack(share).mean(0)", "torch.stack(share).sum(0)", "summed-over-ranks"),
        (".square().mean()", ".square().sum()", "summed-over-features"),
        (".square().mean()", ".square().mean().detach()", "detached"),
        (
            "shares = [[part.mean(0) for part in parts] for parts in (real, fake)]\n"
            "    means = [torch.stack(share).mean(0) for share in shares]\n"
            "    return (means[0] - means[1]).square().mean()",
            "pairs = zip(real, fake)\n"
            "    return torch.stack([(a.mean(0) - b.mean(0)).square().mean() for a, b in pairs]).mean()",
            "local-losses",
        ),
    ],
}  # fmt: skip

"""Mutated solutions of chapter 8: in the solution cell `old` becomes `new`, and the check must name the mistake."""

MUTANTS = {
    "collapse-bug": [
        ("torch.arange(modes) * (2 * math.pi / modes)", "torch.linspace(0, 2 * math.pi, modes)", "as-published"),
        ("torch.arange(modes) * (2 * math.pi / modes)", "torch.linspace(0, 2 * math.pi, modes)[:-1]", "one-dropped"),
        ("torch.arange(modes) * (2 * math.pi / modes)", "torch.linspace(0, 2 * math.pi, modes + 1)", "one-too-many"),
        ("2 * math.pi / modes", "math.pi / modes", "half-circle"),
        ("2 * math.pi / modes", "math.pi / 4", "eight-built-in"),
        ("angles.cos(), angles.sin()", "angles.cos(), -angles.sin()", "clockwise"),
    ],
    "collapse-frozen": [
        (" / highest.sum()", "", "not-shares"),
        ("(logits == logits.max()).float()", "logits.exp()", "softmax"),
        ("logits.max()", "logits.min()", "lowest"),
        ("logits == logits.max()", "logits > 0", "all-that-pass"),
        ("(logits == logits.max()).float()", "torch.sigmoid(logits)", "by-probability"),
        ("(logits == logits.max()).float()", "torch.ones(len(logits))", "even"),
    ],
    "collapse-reverse-kl": [
        ("counts / counts.sum()", "1.0 * counts", "counts"),
        (" / weights[hit]", "", "entropy"),
        (".log()", ".log2()", "bits"),
        ("shares > 0", "shares >= 0", "not-finite"),
        (".log()).sum()", ".log()).mean()", "mean-of-hit"),
        ("shares[hit] * ", "", "log-alone"),
    ],
    "collapse-pairs": [
        ('"B2": 0.3125', '"B2": 0.4375', "one-formula"),
        ('"B2": 0.3125', '"B2": 0.1875', "mixed-packs-forgotten"),
        ('0.4375,  # 1 - (6 / 8)^2: packs with a missing mode\n    "B2": 0.3125', '0.5,\n    "B2": 0.5', "doubled"),
        ('0.4375,  # 1 - (6 / 8)^2: packs with a missing mode\n    "B2": 0.3125', '0.25,\n    "B2": 0.25', "unchanged"),
    ],
    "collapse-unrolled": [
        ("2 * k * eta", "k * eta", "not-through-the-steps"),
        ("-(psi", "(psi", "velocity"),
        ("psi - 2", "psi + 2", "uphill"),
        ("2 * k * eta", "2 * eta", "one-step"),
        (" - 2 * k * eta * theta", "", "no-steps"),
    ],
}

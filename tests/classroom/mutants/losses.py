"""Mutated solutions of chapter 4: in the solution cell `old` becomes `new`, and the check must name the mistake."""

MUTANTS = {
    "losses-too-convincing": [
        ("-0.993, ", "-0.007, ", "minimax-only"),
        ("4.0", "-0.007", "probability"),
        ("-1.0", "0.0", "clipped"),
    ],
    "losses-ragan": [
        ("fake.mean() - real", "fake - real", "real-side-in-pairs"),
        ("real_side + fake_side", "(real_side + fake_side) / 2", "halved"),
        ("return real_side + fake_side", "return real_side", "one-term"),
        (".mean()\n", ".sum()\n", "sum"),
        ("real_side = ", "real, fake = fake, real\n    real_side = ", "exchanged"),
        ("return real_side", "real_side", "nothing-returned"),
    ],
    "losses-two-sided": [
        ("a * p + b * q", "b * p + a * q", "targets-exchanged"),
        (" / (p + q)", "", "not-divided"),
        (" + b * q", "", "one-sided"),
        (
            "return (a * p + b * q) / (p + q)",
            "s = (a * p + b * q) / (p + q)\n    return math.log(s / (1 - s))",
            "logit",
        ),
    ],
    "losses-scale": [
        ('math.inf,\n    "hinge"', '0.0,\n    "hinge"', "squares-stop"),
        ("-math.inf", "0.0", "wasserstein-stops"),
        ('"hinge": 0.0', '"hinge": -math.inf', "hinge-falls"),
        ("-math.inf", "math.inf", "wasserstein-rises"),
    ],
    "losses-published-wgan": [
        ("fake.mean() - real.mean()", "published(real, fake)", "as-published"),
        (
            "fake.mean() - real.mean()",
            "((real - 1) ** 2).mean() + ((fake + 1) ** 2).mean()",
            "only-sigmoid-removed",
        ),
        ("fake.mean() - real.mean()", "real.mean() - fake.mean()", "sign"),
        ("fake.mean() - real.mean()", "torch.sigmoid(fake).mean() - torch.sigmoid(real).mean()", "probabilities"),
    ],
}

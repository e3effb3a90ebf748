"""Mutated solutions of chapter 2: in the solution cell `old` becomes `new`, and the check must name the mistake."""

MUTANTS = {
    "objective-unbalanced": [
        ("a, b = k * p, q", "a, b = p, q", "balanced"),
        ("a, b = k * p, q", "a, b = p, k * q", "generated-weighted"),
        ("return a / (a + b)", "return a / (p + q)", "numerator-only"),
        ("return a / (a + b)", "return math.log(a / b)", "logit"),
        ("return a / (a + b)", "return b / (a + b)", "generated"),
    ],
    "objective-gap": [
        (
            "real = p * torch.log(best / y)\n    fake = q * ",
            "real = best * torch.log(best / y)\n    fake = (1 - best) * ",
            "unweighted",
        ),
        ("(real + fake)", "real", "real-only"),
        (" * cell", "", "no-cell"),
        ("(real + fake).sum() * cell", "(real + fake).mean()", "mean"),
        ("fake = q", "fake = p", "real-weighted"),
        (" * cell", " * cell / 2", "mixture"),
    ],
    "objective-boxes": [
        ("min(t, 1)", "t", "grows-on"),
        ("min(t, 1)", "max(1 - t, 0)", "overlap"),
        ("outside * math.log(2)", "2 * outside * math.log(2)", "sum-of-two"),
        ("math.log(2)", "math.log2(2)", "bits"),
    ],
    "objective-reading": [
        ("0.443", "0.568", "mean-taken-for-sum"),
        (
            '0.518,  # 0.350 nats\n    "mean over the batch": 0.443,  # L_D = 0.5\n    "two bits": 0.0',
            '0.441, "mean over the batch": 0.443, "two bits": -0.307',
            "bits-kept",
        ),
        ("0.0, ", "0.693, ", "blind-judge"),
        ('0.518,  # 0.350 nats\n    "mean over the batch": 0.443', '1.036, "mean over the batch": 0.886', "doubled"),
    ],
    "objective-total-loss": [
        ("return loss_d, -loss_d", "return -loss_d, -loss_d", "both-minimise"),
        ("return loss_d, -loss_d", "return -loss_d, loss_d", "exchanged"),
        ("return loss_d, -loss_d", "return published(real, fake)", "as-published"),
        (
            "softplus(-real).mean() + softplus(fake).mean()",
            "-real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()",
            "log-of-zero",
        ),
        ("-loss_d", "softplus(-fake).mean()", "non-saturating"),
        ("-loss_d", "-softplus(fake).mean()", "not-zero-sum"),
        ("return loss_d, -loss_d", "return loss_d", "nothing-returned"),
    ],
}

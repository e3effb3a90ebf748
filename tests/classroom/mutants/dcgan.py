"""Mutated solutions of chapter 5: in the solution cell `old` becomes `new`, and the check must name the mistake."""

MUTANTS = {
    "dcgan-sizes": [
        ("return (k - s + extra) // 2, extra", "return (k - s) // 2, 0", "rounded-down"),
        ("(k - s + extra) // 2", "(k - s) // 2", "added-on-top"),
        ("extra = (k - s) % 2", "s = 2\n    extra = (k - s) % 2", "stride-two"),
        ("(k - s + extra) // 2, extra", "extra, (k - s + extra) // 2", "exchanged"),
        ("return (k - s + extra) // 2, extra", "return k - s, 0", "not-halved"),
    ],
    "dcgan-stamps": [
        ("return out[padding : len(out) - padding]", "return out", "not-cut"),
        ("] += ", "] = ", "overwritten"),
        ("h[i] * kernel", "h[i] * kernel.flip(0)", "flipped"),
        ("padding : len(out) - padding", "2 * padding :", "cut-at-the-start"),
        ("padding : len(out) - padding", "padding:", "cut-once"),
        ("    out = torch", "    stride = 1\n    out = torch", "stride-one"),
    ],
    "dcgan-scale": [
        ("(1 + slope**2)", "(1 + slope)", "slope-not-squared"),
        (" + slope**2", "", "slope-forgotten"),
        ("(k / stride) ** 2", "k**2", "whole-kernel"),
        ("(k / stride) ** 2", "(k / stride)", "one-dimension"),
        ("math.sqrt(terms * mean_square) * sigma", "terms * mean_square * sigma**2", "variance"),
        ("(1 + slope**2) / 2", "1", "no-activation"),
    ],
    "dcgan-batchnorm": [
        ("momentum=0.2", "0.8", "as-published"),
        ("momentum=0.2", "momentum=0.8", "keras-momentum"),
        (", momentum=0.2", "", "default-momentum"),
        ("momentum=0.2", "eps=0.8, momentum=0.2", "both"),
    ],
    "dcgan-mixed": [
        ('0.6,\n    "mixed std": 0.8', '0.75, "mixed std": 1.0', "variance-inside-only"),
        ('0.6,\n    "mixed std": 0.8', '0.12, "mixed std": 0.16', "divided-by-variance"),
        ('"separate mean": 0.0', '"separate mean": 0.75', "mean-kept"),
        ('0.6,\n    "mixed std": 0.8', '0.0, "mixed std": 1.0', "all-normalised"),
    ],
}

"""Mutated solutions of chapter 1: in the solution cell `old` becomes `new`, and the check must name the mistake."""

MUTANTS = {
    "gan-square": [
        ("return 2 * ", "return ", "one-latent"),
        (" / steepness", "", "no-steepness"),
        (" / steepness", " * steepness", "multiplied"),
        ("steepness = 2 * z", "steepness = 2 * x", "steepness-at-x"),
        ("-(z**2) / 2", "-(x**2) / 2", "latent-density-at-x"),
    ],
    "gan-price": [
        ("math.log(s) + 1 / (2 * s**2) - 0.5", "-math.log(s) + s**2 / 2 - 0.5", "reversed"),
        ("d * ", "", "one-dimension"),
        (" + 1 / (2 * s**2) - 0.5", "", "normaliser-only"),
        (" - 0.5", "", "truth-forgotten"),
        ("math.log(s) + 1 / (2 * s**2)", "math.log(s**0.5) + 1 / (2 * s)", "variance-for-sigma"),
    ],
    "gan-thread": [
        ('"3 to 2": 4', '"3 to 2": 8', "size-of-latent"),
        ("2**64", "2 * 64", "added"),
        (
            '"1 to 2": 2,\n    "2 to 2": 4,\n    "3 to 2": 4,\n    "2 to 3": 4,\n    "64 to 784": 2**64,',
            '"1 to 2": 4,\n    "2 to 2": 4,\n    "3 to 2": 4,\n    "2 to 3": 8,\n    "64 to 784": 2**784,',
            "size-of-data",
        ),
    ],
    "gan-birthday": [
        ("equal = same.triu(diagonal=1).sum()", "equal = same.sum() - n", "pairs-twice"),
        ("diagonal=1", "diagonal=0", "with-itself"),
        ("equal = same.triu(diagonal=1).sum()", "equal = same.sum()", "all-twice"),
        ("equal = same.triu(diagonal=1).sum()", "equal = same.sum() / 2", "half-the-table"),
        ("n * (n - 1) / 2 / equal", "n**2 / 2 / equal", "n-squared"),
        (".all(dim=2)", ".any(dim=2)", "one-pixel"),
        (
            "return n * (n - 1) / 2 / equal",
            "seen = {tuple(one.tolist()) for one in flat}\n    return n * (n - 1) / 2 / (n - len(seen))",
            "repeats",
        ),
    ],
    "gan-accuracy": [
        ("return (on_real + on_fake) / 2", "return published(real, fake)", "as-published"),
        ("fake < 0", "fake > 0", "ones-for-both"),
        ("(on_real + on_fake) / 2", "on_real", "real-only"),
        (" / 2", "", "sum"),
        (
            "(on_real + on_fake) / 2",
            "(on_real * len(real) + on_fake * len(fake)) / (len(real) + len(fake))",
            "pooled",
        ),
    ],
}

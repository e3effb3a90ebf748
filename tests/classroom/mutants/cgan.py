"""Mutated solutions of chapter 6: in the solution cell `old` becomes `new`, and the check must name the mistake."""

MUTANTS = {
    "cgan-listing": [
        ("[x, code]", "[code, x]", "code-first"),
        ("one_hot(c, self.classes).float()", "torch.zeros(len(x), self.classes)", "zeros"),
        ("class Judge(nn.Module):", "Judge = Published\n\n\nclass Other(nn.Module):", "as-published"),
        (
            "torch.cat([x, code], dim=1)",
            "code",
            "raised",
        ),
    ],
    "cgan-bug": [
        ("labels[rows]", "labels[torch.randint(len(labels), (n,), generator=generator)]", "as-published"),
        (", generator=generator", "", "global-generator"),
        (
            "torch.randint(len(points), (n,), generator=generator)",
            "torch.randperm(len(points), generator=generator)[:n]",
            "without-replacement",
        ),
        ("points[rows], labels[rows]", "labels[rows], points[rows]", "exchanged"),
        ("labels[rows]", "labels[:n]", "labels-not-drawn"),
        ("points[rows]", "points[:n]", "points-not-drawn"),
    ],
    "cgan-chance": [
        ("(asked * made).sum()", "1 / len(asked)", "one-over-k"),
        ("asked * made", "asked * asked", "orders-only"),
        ("(asked * made).sum()", "torch.minimum(asked, made).sum()", "overlap"),
        (".sum()", ".mean()", "mean"),
        ("(asked * made).sum()", "asked.max()", "best-guess"),
    ],
    "cgan-variance": [
        (" / real_features[real_labels == k].var(dim=0).sum()", "", "not-divided"),
        (".var(", ".std(", "deviations"),
        (".mean()", ".sum()", "summed"),
        ("torch.stack(ratios).mean()", "features.var(0).sum() / real_features.var(0).sum()", "whole-heap"),
    ],
    "cgan-projection": [
        ("a - b, (b**2 - a**2)", "b - a, (a**2 - b**2)", "signs"),
        (" / 2", "", "no-half"),
        ("b**2 - a**2", "a**2 - b**2", "constant-sign"),
        ("(b**2 - a**2) / 2", "0 * a", "no-constant"),
        ("(b**2 - a**2) / 2", "-((a - b) ** 2) / 2", "square-of-difference"),
    ],
}

"""Mutated solutions of chapter 7: in the solution cell `old` becomes `new`, and the check must name the mistake."""

MUTANTS = {
    "wgan-gaussians": [
        ("0.798", "0.0", "means-only"),
        ("0.798", "3 * 0.798", "variance"),
        ('"times_jsd": 1.0', '"times_jsd": 10.0', "divergence-scales"),
        ('"uniform": 0.5', '"uniform": 1.0', "ends-only"),
        ('"times_w": 10.0', '"times_w": 100.0', "scales-squared"),
    ],
    "wgan-sliced": [
        (" / directions.norm(dim=0)", "", "not-normalised"),
        ("directions.norm(dim=0)", "directions.norm(dim=1, keepdim=True)", "rows-normalised"),
        (".sort(dim=0).values", "", "unsorted"),
        ("sort(dim=0)", "sort(dim=1)", "wrong-dimension"),
        (".abs().mean()", ".mean().abs()", "signed"),
        ("(x_along - y_along).abs()", "(x_along - y_along).square()", "squared"),
    ],
    "wgan-certified": [
        (" / slopes.max()", "", "undivided"),
        ("slopes.max()", "slopes.mean()", "mean-slope"),
        (" / torch.cdist(x_real, x_fake)", "", "steepest-rise"),
        ("slopes.max()", "slopes.diagonal().max()", "pairs-as-they-come"),
        ("return (real.mean() - fake.mean()) / ", "return ", "best-pair"),
    ],
    "wgan-bug": [
        ("torch.rand(len(x_real), 1)", "torch.rand(1)", "one-share"),
        (", create_graph=True", "", "no-graph"),
        ("dim=1", "dim=0", "norm-over-batch"),
        ("norm(dim=1)", "norm()", "one-norm"),
        ("torch.rand(len(x_real), 1)", "torch.rand(x_real.shape)", "share-per-coordinate"),
        (".square().mean()", ".square().sum()", "sum"),
        ("D(x_hat).sum()", "D(x_hat).mean()", "mean-of-logits"),
        ("u = ", "return found_in_public(D, x_real, x_fake)\n    u = ", "as-published"),
    ],
    "wgan-valley": [
        ('-0.9,\n    "stiff_value": -1.8', '-1.0,\n    "stiff_value": -2.0', "held-at-minus-one"),
        ('"soft": 3.0', '"soft": 1.0', "not-on-the-branch"),
        ('"threshold": 1.0', '"threshold": 2.0', "threshold-doubled"),
        ('"one_sided": 1.1', '"one_sided": -0.9', "one-sided-caught"),
    ],
}

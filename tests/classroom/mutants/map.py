"""Mutated solutions of chapter 10: in the solution cell `old` becomes `new`, and the check must name the mistake."""

MUTANTS = {
    "map-rows": [
        ("lr[:, None]", "lr", "columns"),
        ("lr[:, None]", "lr.mean()", "one-rate"),
        ("m / (1 - 0.5**t), v / (1 - 0.999**t)", "m, v", "no-bias"),
        ("v_hat.sqrt()", "v_hat.mean(1, keepdim=True).sqrt()", "one-scale"),
    ],
    "map-coupled": [
        (".mean(1).sum()", ".mean()", "mean-over-critics"),
        (".norm(dim=1, keepdim=True)", ".norm()", "one-norm"),
        ("lr[:, None]", "lr", "columns"),
        (".mean(1).sum()", ".sum()", "sum-of-samples"),
        ("dim=1", "dim=0", "norm-of-columns"),
        (" / grad.norm(dim=1, keepdim=True).clamp(min=1)", "", "no-limit"),
        ("w = w.clone()", "return coupled(w, x_real, x_fake, lr)\n    w = w.clone()", "as-given"),
    ],
    "map-overlap": [
        (" / p.sum()", "", "not-divided"),
        ("counts / n", "counts / counts.sum()", "shares-of-good"),
        ("torch.minimum(counts / n, p)", "(counts / n)", "no-minimum"),
        ("minimum", "maximum", "larger"),
        ("return ", "return (counts > 0).float().mean()\n    return ", "modes-hit"),
    ],
    "map-ratios": [
        ("range(n - 1, -n, -1)", "range(-n + 1, n)", "reversed"),
        (".mean()", ".sum()", "sums"),
        ("means.diagonal(k)", "means.flip(0).diagonal(k)", "other-diagonals"),
        (".mean()", ".max()", "brightest"),
    ],
    "map-luck": [
        ("0.12 / 3**0.5", "0.12", "one-seeds-spread"),
        ("0.12 / 3**0.5", "0.12 / 3", "divided-by-three"),
        ('"fresh": 0.7', '"fresh": 0.868', "best-comes-back"),
        ('"seeds": 36', '"seeds": 6', "six-seeds"),
        ('"seeds": 36', '"seeds": 12', "three-more-seeds"),
    ],
}

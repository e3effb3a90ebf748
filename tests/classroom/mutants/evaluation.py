"""Mutated solutions of chapter 9: in the solution cell `old` becomes `new`, and the check must name the mistake."""

MUTANTS = {
    "evaluation-bug": [
        ("network.features(train)", "network.features(train[:100])", "reference-left"),
        ("network.features(fake)", "network.features((fake + 1) / 2)", "range-left"),
        ("return ", "fake, train = (fake + 1) / 2, (train + 1) / 2\n    return ", "both-in-the-wrong-range"),
        ("return ", "return found(network, fake, train)\n    return ", "as-published"),
        ("network.features(train)", "network.features(train[: len(fake)])", "as-many"),
    ],
    "evaluation-accuracy": [
        ("fake_logits < 0", "fake_logits > 0", "fooled-counts"),
        ("torch.cat([real_logits > 0, fake_logits < 0])", "real_logits > 0", "as-published"),
        ("torch.cat([real_logits > 0, fake_logits < 0])", "fake_logits < 0", "only-generated"),
        ("real_logits > 0, fake_logits < 0", "real_logits > 0.5, fake_logits < 0.5", "threshold"),
        (
            "right.float().mean()",
            "((real_logits > 0).float().mean() + (fake_logits < 0).float().mean()) / 2",
            "mean-of-two",
        ),
    ],
    "evaluation-worse-model": [
        ('"floor": 2.2,\n    "needed": 15_800', '"floor": 1.1,\n    "needed": 7_900', "one-heap"),
        ('"floor": 2.2,\n    "needed": 15_800', '"floor": 0.0345,\n    "needed": 246', "trace-forgotten"),
        ("15_800", "7_900", "needed-one-heap"),
        ('0.5,\n    "B": 0.64', '0.707,\n    "B": 0.8', "root-reported"),
    ],
    "evaluation-kernel": [
        ("(m * (m - 1))", "(n * (n - 1))", "as-given"),
        ("n, m = len(a), len(b)", "m, n = len(a), len(b)", "heaps-exchanged"),
        ("2 * k_ab", "k_ab", "cross-once"),
        (
            "return within_a + within_b - 2 * k_ab.mean()",
            "return k_aa.mean() + k_bb.mean() - 2 * k_ab.mean()",
            "diagonal-kept",
        ),
        (
            "return within_a + within_b - 2 * k_ab.mean()",
            "return (within_a + within_b - 2 * k_ab.mean()).clamp(min=0)",
            "clipped",
        ),
    ],
    "evaluation-precision": [
        ("k + 1", "k", "self-counted"),
        ("inside(fake, real), inside(real, fake)", "inside(real, fake), inside(fake, real)", "exchanged"),
        (".any(dim=1).float().mean()", ".float().sum(1).mean() / k", "density"),
        (".any(dim=1)", "", "share-of-pairs"),
        (".any(dim=1)", ".all(dim=1)", "all-balls"),
    ],
    "evaluation-never-eight": [
        ('729,  # 9^3\n    "no_eight_kl": 0.316', '900,\n    "no_eight_kl": 0.105', "one-channel"),
        ("4.605", "0.0", "channels-add-up"),
        ("4.605", "2.303", "entropy"),
        ('10,\n    "same_kl": 4.605', '1000,\n    "same_kl": 0', "a-thousand"),
    ],
}

"""Exercises of chapter 8."""

from typing import Any

import torch

from gan_tutor.classroom.record import Exercise, named_numbers


def _centres(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    modes = int(torch.randint(5, 13, (), generator=generator))
    radius = (1 + torch.rand((), generator=generator)).item()
    return {"the centres of a ring of random size": answer(modes, radius)}


def _best_answer(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    alone = torch.randn(6, generator=generator)
    tied = torch.randn(6, generator=generator)
    first, second = torch.randperm(6, generator=generator)[:2]
    tied[first] = tied[second] = tied.max() + 0.5
    return {
        "the shares where one place is the highest": answer(alone),
        "the shares where two places are equally high": answer(tied),
    }


def _reverse_kl(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    counts = torch.randint(1, 60, (7,), generator=generator)
    weights = (0.5 + torch.rand(7, generator=generator)).softmax(0)
    missing = counts.clone()
    missing[torch.randperm(7, generator=generator)[:2]] = 0
    return {
        "the divergence where every mode is hit": answer(counts, weights),
        "the divergence where two modes are missing": answer(missing, weights),
    }


def _unrolled(answer: Any, generator: torch.Generator) -> dict[str, Any]:
    theta, psi = (1 + torch.rand(2, generator=generator)).tolist()
    k = int(torch.randint(2, 9, (), generator=generator))
    eta = (0.1 + 0.3 * torch.rand((), generator=generator)).item()
    return {"the derivative at a random state": answer(theta, psi, k, eta)}


EXERCISES = (
    Exercise(
        "collapse-bug",
        "Find the bug: the mode that no cure brings back",
        "find-the-bug",
        _centres,
        hints=(
            "Nothing was trained, so G is innocent. Look at the centres themselves: are there eight different ones?",
            "Print the angles in degrees. Which angle is the same point as 0?",
            "Eight points on a closed circle have eight gaps. How many gaps has a line of eight points?",
        ),
    ),
    Exercise(
        "collapse-frozen",
        "The best answer to a D that stands still",
        "derive",
        _best_answer,
        hints=(
            "The cost is a weighted mean of K prices. Which weights make a weighted mean least?",
            "The price falls as the logit rises, so the cheapest place is the one with the highest logit.",
            "Mark the places whose logit is the highest one. There may be two; the shares still sum to 1.",
        ),
    ),
    Exercise(
        "collapse-reverse-kl",
        "The number that sees uneven modes",
        "implement",
        _reverse_kl,
        hints=(
            "s are shares: divide the counts by their sum. The weights are shares already.",
            "s log s goes to 0 as s goes to 0, but 0 times minus infinity is not a number for a computer.",
            "Leave out the terms with s = 0, or use torch.xlogy, which knows that 0 log 0 is 0.",
        ),
    ),
    Exercise(
        "collapse-pairs",
        "Why two notes at once",
        "predict",
        named_numbers("A1", "B1", "A2", "B2"),
        hints=(
            "Half the sum of the differences is the sum of those differences p - q that are positive.",
            "A, two samples: where is p x p above q x q? Exactly on the packs that A can never make.",
            "B, two samples: packs have no, one or two rare modes. Compare p x p and q x q on each of the three kinds.",
        ),
        rtol=1e-3,
        atol=6e-4,
    ),
    Exercise(
        "collapse-unrolled",
        "Unrolling is damping",
        "derive",
        _unrolled,
        hints=(
            "One step of D: psi minus eta times the derivative of L_D in psi. That derivative does not depend on psi.",
            "Insert psi_k(theta) into L_G. Theta now occurs twice in the product.",
            "The derivative of a theta squared is twice a theta.",
        ),
    ),
)

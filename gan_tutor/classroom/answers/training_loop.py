"""Spoilers: right answers and classic mistakes of chapter 3."""

import copy

from gan_tutor.classroom.answers import loops
from gan_tutor.classroom.record import Answer, Mistake

_GRADIENTS = {
    "D's turn, detached": (0, 6),
    "D's turn, attached": (6, 6),
    "D's turn, G under no_grad": (0, 6),
    "G's turn": (6, 6),
    "G's turn, D frozen": (6, 0),
    "G's turn, D under no_grad": (0, 0),
}

ANSWERS = {
    "training-loop-train-op": Answer(
        loops.turn,
        (
            Mistake(
                "as-published",
                loops.published,
                "Both players still follow one loss. At a generated sample its two terms pull the logit to 0.",
            ),
            Mistake(
                "leak",
                loops.leaking,
                "D's backward also filled G's gradients, and G's step follows the sum. What keeps them apart?",
            ),
            Mistake(
                "g-first",
                loops.g_first,
                "G is judged by the D from before D's step. In this turn G comes second, and meets the new D.",
            ),
            Mistake(
                "d-moves-twice",
                loops.d_moves_twice,
                "D moves in G's turn too, and learns to call generated samples real. Whose optimiser steps there?",
            ),
            Mistake(
                "labels-swapped",
                loops.swapped,
                "D is taught that generated samples are real. Which batch stands first in its loss?",
            ),
            Mistake(
                "g-helps-d",
                loops.g_gives_up,
                "G lowers its own logits: it helps D. Which label does G wish for its samples?",
            ),
            Mistake(
                "saturating",
                loops.saturating,
                "G plays the minimax loss here. The turn asked for uses the non-saturating one.",
            ),
            Mistake(
                "no-zero-grad",
                loops.no_zero_grad,
                "The first turn is right, later ones are not: G follows the sum of all its gradients so far.",
            ),
            Mistake(
                "no-zero-grad-in-d",
                loops.no_zero_grad_in_d,
                "The first turn is right, later ones are not: something is left in D's gradients, also from G's turn.",
            ),
            Mistake("d-only", loops.d_only, "G does not move at all."),
            Mistake("nobody-moves", lambda *given: None, "Nobody moves. Who changes weights: a loss, or an optimiser?"),
        ),
    ),
    "training-loop-labels": Answer(
        loops.twin,
        (
            Mistake(
                "bias-kept",
                loops.twin_of_weight,
                "The logit is a weighted sum and one more number. That number kept its sign.",
            ),
            Mistake(
                "every-layer",
                loops.twin_of_all,
                "A sign does not pass through LeakyReLU unchanged. Which layer has no LeakyReLU behind it?",
            ),
            Mistake(
                "hidden-layers",
                loops.twin_of_hidden,
                "You turned what the hidden layers compute. The logit is made in the layer behind them.",
            ),
            Mistake(
                "in-place",
                lambda D: loops.negated(D, *D.last.parameters()),
                "D itself has changed its sign. It was to stay as it is.",
            ),
            Mistake(
                "same-weights",
                lambda D: lambda x: -D(x),
                "This answers -D(x), but has no weights of its own: it moves whenever D does.",
            ),
            Mistake("copied-only", copy.deepcopy, "This is a copy of D. It must answer -D(x)."),
        ),
    ),
    "training-loop-resume": Answer(
        (loops.save, loops.load),
        (
            Mistake(
                "as-published",
                (loops.save, loops.load_weights),
                "Only the weights come back. What do the optimisers know, and where do the next batches come from?",
            ),
            Mistake(
                "no-random-numbers",
                (loops.save, loops.load_without_numbers),
                "Weights and optimisers are back, but the game goes on with other batches and latents.",
            ),
            Mistake(
                "no-optimisers",
                (loops.save, loops.load_without_optimisers),
                "Batches and weights are back. Adam's means are those of later turns. Were they copied, and put back?",
            ),
            Mistake(
                "no-weights",
                (loops.save, loops.load_without_weights),
                "The players themselves are not brought back.",
            ),
            Mistake(
                "not-copied",
                (loops.save_alias, loops.load),
                "What was saved moved on with the game: state_dict() gives the tensors, not copies of them.",
            ),
        ),
    ),
    "training-loop-parts": Answer(
        loops.in_parts,
        (
            Mistake(
                "sum-of-parts",
                lambda *given: loops.in_parts(*given, share=1),
                "The means of the parts are added up: the more parts, the longer D's step. What is their mean?",
            ),
            Mistake(
                "last-part-only",
                lambda *given: loops.in_parts(*given, zero_each=True),
                "Each zero_grad throws away what the parts before have added: only the last part moves D.",
            ),
            Mistake(
                "step-in-each-part",
                lambda *given: loops.in_parts(*given, step_each=True),
                "D moves after each part, so the later parts are judged by another D. How many steps are asked for?",
            ),
            Mistake(
                "small-steps",
                lambda *given: loops.in_parts(*given, share=1, zero_each=True, step_each=True),
                "These are several steps on small batches. One step, on all of the batch, is asked for.",
            ),
            Mistake(
                "never-zeroed",
                loops.never_zeroed,
                "D had gradients before the step, from G's turn. They are still in the sum.",
            ),
            Mistake(
                "whole-batch",
                loops.whole,
                "D moved as it should, but it was given the whole batch at once, which does not fit.",
            ),
            Mistake(
                "loss-of-last-part",
                loops.last_loss,
                "D moved as it should. What came back is the share of the last part, not the loss of the batch.",
            ),
            Mistake(
                "loss-summed",
                lambda D, opt_d, x_real, x_fake, parts: parts * loops.in_parts(D, opt_d, x_real, x_fake, parts),
                "D moved as it should. The loss that came back grows with the number of parts.",
            ),
        ),
    ),
    "training-loop-no-grad": Answer(
        _GRADIENTS,
        (
            Mistake(
                "g-turn-spares-d",
                {**_GRADIENTS, "G's turn": (6, 0)},
                "G's optimiser moves G only, but who stops backward from filling D's gradients on its way?",
            ),
            Mistake(
                "frozen-cuts",
                {**_GRADIENTS, "G's turn, D frozen": (0, 0)},
                "A frozen layer takes no gradients of its own parameters. Can a gradient still pass through it?",
            ),
            Mistake(
                "no-grad-freezes",
                {**_GRADIENTS, "G's turn, D under no_grad": (6, 0)},
                "no_grad does not freeze parameters: nothing inside it is recorded. Where would backward go?",
            ),
            Mistake(
                "attached-spares-g",
                {**_GRADIENTS, "D's turn, attached": (0, 6)},
                "Without detach the loss is a function of G's weights too.",
            ),
            Mistake(
                "detach-cuts-all",
                {**_GRADIENTS, "D's turn, detached": (0, 0), "D's turn, G under no_grad": (0, 0)},
                "The samples are constants then, and D's weights are not: does the loss depend on them?",
            ),
            Mistake(
                "exchanged",
                {case: pair[::-1] for case, pair in _GRADIENTS.items()},
                "Every pair is the other way round: first G's tensors, then D's.",
            ),
            Mistake(
                "own-player-only",
                {
                    **_GRADIENTS,
                    "D's turn, attached": (0, 6),
                    "G's turn": (6, 0),
                    "G's turn, D under no_grad": (6, 0),
                },
                "backward does not know whose turn it is. It follows the graph to every weight that made the loss.",
            ),
        ),
    ),
}

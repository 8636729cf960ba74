"""Losses as torch itself exports them: the reduction is a number (0 none, 1 mean, 2 sum), what is old is not there.

torch's declarations say that 1 is the default; what its functions do without it is 0.
"""

from __future__ import annotations

from typing import Any

from engine.infer import composed
from engine.inplace import check_shape
from engine.kinds import Array, Dims
from engine.op import op
from engine.ops.arithmetic import mul, neg, sub
from engine.ops.bounds import clamp_min_number
from engine.ops.ctc import known, loss_of
from engine.ops.distances import check_triplet, pairwise_distance, plus
from engine.ops.distances import cosine_embedding_loss as named_cosine
from engine.ops.distances import hinge_embedding_loss as named_hinge
from engine.ops.distances import poisson_nll_loss as named_poisson
from engine.ops.entropies import kl_div as named_divergence
from engine.ops.entropies import logits_entropy
from engine.ops.extremes import minimum
from engine.ops.losses import reduced, refuse_grad
from engine.rules import broadcast

COUNTS = {"input": [1.5, 2.0], "target": [1.0, 3.0], "log_input": False, "full": False, "eps": 1e-8, "reduction": 1}


def reduction_of(number: int) -> str:
    """The name of a reduction; a number that is none of torch's reduces nothing."""
    return {1: "mean", 2: "sum"}.get(number, "none")


@op(composed, composite=True, method=False)
def binary_cross_entropy_with_logits(
    input: Array, target: Array, weight: Array | None = None, pos_weight: Array | None = None, reduction: int = 0
) -> Any:
    """binary_cross_entropy of the sigmoid of `input`."""
    check_shape(broadcast(tuple(target.shape), tuple(input.shape)), tuple(target.shape))
    refuse_grad("binary_cross_entropy_with_logits", "weight", weight)
    refuse_grad("binary_cross_entropy_with_logits", "pos_weight", pos_weight)
    return logits_entropy(input, target, weight, pos_weight, reduction_of(reduction))


@op(composed, composite=True, method=False, example={"input": [[-0.7, -0.7]], "target": [[0.25, 0.75]], "reduction": 2})
def kl_div(input: Array, target: Array, reduction: int = 0, *, log_target: bool = False) -> Any:
    """The Kullback-Leibler divergence of log-probabilities `input` from `target`."""
    losses = named_divergence(input, target, reduction="none", log_target=log_target)
    return reduced(losses, reduction_of(reduction))


@op(composed, composite=True, method=False, example=COUNTS)
def poisson_nll_loss(input: Array, target: Array, log_input: bool, full: bool, eps: float, reduction: int) -> Any:
    """The negative log-likelihood of Poisson variables of rate `input`, or exp(input)."""
    return named_poisson(input, target, log_input, full, eps=eps, reduction=reduction_of(reduction))


@op(composed, composite=True, method=False)
def cosine_embedding_loss(input1: Array, input2: Array, target: Array, margin: float = 0.0, reduction: int = 0) -> Any:
    """1 - cos for targets 1, the cosine above `margin` for targets -1."""
    return named_cosine(input1, input2, target, margin, reduction=reduction_of(reduction))


@op(composed, composite=True, method=False)
def hinge_embedding_loss(input: Array, target: Array, margin: float = 1.0, reduction: int = 0) -> Any:
    """The input for targets 1, the margin less the input (not below 0) for targets -1."""
    return named_hinge(input, target, margin, reduction=reduction_of(reduction))


@op(composed, composite=True, method=False)
def margin_ranking_loss(input1: Array, input2: Array, target: Array, margin: float = 0.0, reduction: int = 0) -> Any:
    """How far the first input fails to exceed (target 1) or stay below (-1) the second by the margin."""
    gaps = plus(mul(neg(target), sub(input1, input2)), margin)
    return reduced(clamp_min_number(gaps, 0), reduction_of(reduction))


@op(composed, composite=True, method=False)
def triplet_margin_loss(
    anchor: Array,
    positive: Array,
    negative: Array,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: int = 0,
) -> Any:
    """How far the distance to `negative` fails to exceed that to `positive` by the margin."""
    check_triplet(anchor, positive, negative)
    near, far = pairwise_distance(anchor, positive, p, eps), pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = minimum(far, pairwise_distance(positive, negative, p, eps))
    return reduced(clamp_min_number(sub(plus(near, margin), far), 0), reduction_of(reduction))


@op(composed, composite=True, method=False)
def ctc_loss(
    log_probs: Array,
    targets: Array,
    input_lengths: Array,
    target_lengths: Array,
    blank: int = 0,
    reduction: int = 0,
    zero_infinity: bool = False,
) -> Any:
    """The negative log-likelihood of labels without alignment; `mean` divides by the labels' number first."""
    lengths = known("input_lengths", input_lengths), known("target_lengths", target_lengths)
    return loss_of(log_probs, targets, *lengths, blank, reduction_of(reduction), zero_infinity)


@op(composed, name="ctc_loss", composite=True, method=False)
def ctc_loss_listed(
    log_probs: Array,
    targets: Array,
    input_lengths: Dims,
    target_lengths: Dims,
    blank: int = 0,
    reduction: int = 0,
    zero_infinity: bool = False,
) -> Any:
    """ctc_loss with lengths as lists of ints."""
    lengths = tuple(input_lengths), tuple(target_lengths)
    return loss_of(log_probs, targets, *lengths, blank, reduction_of(reduction), zero_infinity)

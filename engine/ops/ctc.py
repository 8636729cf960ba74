"""Connectionist temporal classification (Graves et al. 2006): the likelihood of labels over all their alignments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import arrays, dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Index, Size
from engine.op import Op, op
from engine.ops.arithmetic import NOT_THERE, div
from engine.ops.compare import eq
from engine.ops.copies import to_copy
from engine.ops.creation import zeros_like
from engine.ops.losses import checked_reduction
from engine.ops.properties import dtype_of
from engine.ops.reduction import mean, sum
from engine.ops.selection import where
from engine.ops.views import reshape, squeeze_dim, unsqueeze
from engine.rules import FUNCTIONAL

Lengths = tuple[int, ...]


CHECKING = "(while checking arguments for ctc_loss_allocate_outputs)"


def check_lengths(name: str, lengths: Any, most: int | None = None) -> None:
    """Raise RuntimeError for a length that is negative or over `most`."""
    for each in lengths:
        if each < 0:
            raise errors.bad_argument(f"Expected {name} to have value at least 0, but got value {each} {CHECKING}")
        if most is not None and each > most:
            raise errors.bad_argument(f"Expected {name} to have value at most {most}, but got value {each} {CHECKING}")


def check_targets(targets: Any, lengths: Lengths, batch: int) -> None:
    """Raise RuntimeError unless targets are one after another, or a row for each entry that holds the longest."""
    check_lengths("target_lengths", lengths)
    count = count_of(lengths) if targets.ndim == 1 else batch
    if targets.shape[0] != count:
        raise errors.shape_mismatch(
            f"Expected tensor to have size {count} at dimension 0, but got size {targets.shape[0]} for argument #2 "
            f"'targets' {CHECKING}"
        )
    if targets.ndim == 2 and targets.shape[1] < max(lengths, default=0):
        raise errors.shape_mismatch(
            f"Expected tensor to have size at least {max(lengths)} at dimension 1, but got size {targets.shape[1]} for "
            f"argument #2 'targets' {CHECKING}"
        )


def check_operands(scores: Any, targets: Any, blank: int) -> None:
    """Raise what torch raises for scores, targets and a blank that are none, whatever the lengths."""
    dtype = dtypes.BY_NUMPY[scores.dtype]
    if dtype not in (dtypes.float32, dtypes.float64):
        raise errors.not_implemented_for("ctc_loss_cpu", dtype.type_name)
    if not scores.size:
        raise errors.bad_argument("log_probs tensor must not be empty")
    if scores.ndim != 3:
        raise errors.shape_mismatch(
            f"Expected 3-dimensional tensor, but got {scores.ndim}-dimensional tensor for argument #1 'log_probs' "
            f"{CHECKING}"
        )
    if targets.ndim not in (1, 2):
        raise errors.shape_mismatch(
            f"Expected 1 to 2 dimensions, but got {targets.ndim}-dimensional tensor for argument #2 'targets' "
            f"{CHECKING}"
        )
    if not 0 <= blank < scores.shape[2]:
        raise errors.bad_argument("blank must be in label range")


def ctc_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of ctc_loss for (T, N, C) log-probabilities."""
    scores, targets, inputs, lengths, blank = values[:5]
    check_operands(scores, targets, blank)
    steps, batch, classes = scores.shape
    if inputs is not None:
        for name, each in (("input_lengths", inputs), ("target_lengths", lengths)):
            if len(each) != batch:
                raise errors.shape_mismatch(f"{name} must be of size batch_size")
        check_targets(targets, lengths, batch)
        check_lengths("input_lengths", inputs, steps)
        check_labels(targets, lengths, classes)
    states = 2 * targets.shape[-1] + 1
    extra = 8 * (steps * batch * (2 * states + 3 * classes) + 12 * batch * states)
    shape = (batch,) if op.name == "ctc" else scores.shape
    return Estimate(values, [(shape, scores.dtype)], None, extra, 20 * steps * batch * states)


def count_of(lengths: Lengths) -> int:
    """The labels of all targets together."""
    return int(math.fsum(lengths))


def check_labels(targets: Any, lengths: Lengths, classes: int) -> None:
    """Raise RuntimeError for a label that is no class, as far as it can be read; padding does not count."""
    if isinstance(targets, np.ndarray):
        used = targets if targets.ndim == 1 else targets[np.arange(targets.shape[1]) < np.array(lengths)[:, None]]
        if used.size and used.max() >= classes:
            raise errors.bad_argument(f"targets must be smaller than the number of classes {classes}")


def states_of(targets: Any, lengths: Lengths, blank: int) -> Any:
    """(N, 2 S + 1) labels with blanks between, and where a step may skip the blank before a state."""
    host = arrays.to_host(targets)
    width = max(lengths, default=0)
    labels = np.full((len(lengths), 2 * width + 1), blank, np.int64)
    start = 0
    for row, length in enumerate(lengths):
        line = host[row] if host.ndim == 2 else host[start : start + length]
        labels[row, 1 : 2 * length : 2] = np.maximum(line[:length], 0)
        start += length
    skips = np.zeros(labels.shape, np.bool_)
    skips[:, 2:] = labels[:, 2:] != labels[:, :-2]
    return xp.asarray(labels), xp.asarray(skips)


def moved(row: Any, by: int) -> Any:
    """States shifted to the right (or left), with impossible ones coming in."""
    out = xp.full(row.shape, -math.inf, row.dtype)
    if by > 0:
        out[:, by:] = row[:, : max(row.shape[1] - by, 0)]
    else:
        out[:, : max(row.shape[1] + by, 0)] = row[:, -by:]
    return out


def merged(stay: Any, near: Any, far: Any, skips: Any) -> Any:
    """The logarithm of the sum of the ways into each state."""
    return xp.logaddexp(xp.logaddexp(stay, near), xp.where(skips, far, -math.inf))


def forward(emitted: Any, skips: Any) -> Any:
    """(T, N, states): the log-probability of all ways to each state at each step."""
    alpha = xp.full(emitted.shape, -math.inf, emitted.dtype)
    if len(alpha):
        alpha[0, :, :2] = emitted[0, :, :2]
    for step in range(1, len(alpha)):
        last = alpha[step - 1]
        alpha[step] = merged(last, moved(last, 1), moved(last, 2), skips) + emitted[step]
    return alpha


def losses_of(alpha: Any, inputs: Any, lengths: Any) -> Any:
    """The negative log-likelihood of each entry."""
    rows = xp.arange(alpha.shape[1])
    if not len(alpha):
        return xp.where(lengths == 0, 0.0, math.inf).astype(alpha.dtype)
    end = alpha[xp.maximum(inputs - 1, 0), rows]
    last = end[rows, 2 * lengths]
    before = xp.where(lengths > 0, end[rows, xp.maximum(2 * lengths - 1, 0)], -math.inf)
    made = -xp.logaddexp(last, before)
    return xp.where(inputs > 0, made, xp.where(lengths == 0, 0.0, math.inf)).astype(alpha.dtype)


def alignments(log_probs: Any, targets: Any, lengths: Lengths, blank: int) -> Any:
    """The labels of all states, what each emits at each step, and the forward probabilities."""
    labels, skips = states_of(targets, lengths, blank)
    index = xp.broadcast_to(labels[None], (log_probs.shape[0], *labels.shape))
    emitted = xp.take_along_axis(log_probs, index, 2)
    return labels, skips, emitted, forward(emitted, skips)


@op(ctc_rule, hidden=True, node="CtcLossBackward0")
def ctc(
    log_probs: Array, targets: Array, input_lengths: Index, target_lengths: Index, blank: int, zero_infinity: bool
) -> Any:
    """The negative log-likelihood of each entry's labels."""
    alpha = alignments(log_probs, targets, target_lengths, blank)[3]
    return losses_of(alpha, xp.asarray(input_lengths, xp.int64), xp.asarray(target_lengths, xp.int64))


ctc.vjp(
    log_probs=lambda g, log_probs, targets, input_lengths, target_lengths, blank, zero_infinity: ctc_backward(
        log_probs, targets, input_lengths, target_lengths, blank, zero_infinity, g
    )
)


@op(ctc_rule, hidden=True, node=NOT_THERE)
def ctc_backward(
    log_probs: Array,
    targets: Array,
    input_lengths: Index,
    target_lengths: Index,
    blank: int,
    zero_infinity: bool,
    grad: Array,
) -> Any:
    """The gradient, taken as torch does for normalised log-probabilities: exp(p) less the time spent in each class."""
    labels, skips, emitted, alpha = alignments(log_probs, targets, target_lengths, blank)
    inputs, lengths = xp.asarray(input_lengths, xp.int64), xp.asarray(target_lengths, xp.int64)
    loss = losses_of(alpha, inputs, lengths)
    spent = xp.zeros(log_probs.shape, log_probs.dtype)
    rows = xp.broadcast_to(xp.arange(len(labels))[:, None], labels.shape)
    ends = (xp.arange(labels.shape[1]) == 2 * lengths[:, None]) | (
        (xp.arange(labels.shape[1]) == 2 * lengths[:, None] - 1) & (lengths[:, None] > 0)
    )
    ahead = xp.zeros_like(skips)
    ahead[:, :-2] = skips[:, 2:]
    beta = xp.full(labels.shape, -math.inf, log_probs.dtype)
    for step in range(len(alpha) - 1, -1, -1):
        ways = merged(beta, moved(beta, -1), moved(beta, -2), ahead)
        ways = xp.where((inputs == step + 1)[:, None], xp.where(ends, 0.0, -math.inf), ways)
        share = xp.exp(alpha[step] + ways + loss[:, None])
        arrays.backend_of(spent).add_at(spent[step], (rows, labels), share.astype(spent.dtype))
        beta = (ways + emitted[step]).astype(log_probs.dtype)
    inside = (xp.arange(len(alpha))[:, None] < inputs)[:, :, None]
    never = (loss == math.inf)[None, :, None] | (log_probs == -math.inf)
    spent = xp.where(never, math.nan, spent)  # as torch, for an impossible target and impossible labels
    if zero_infinity:
        inside = inside & (loss != math.inf)[None, :, None]
    return xp.where(inside, (xp.exp(log_probs) - spent) * grad[None, :, None], 0).astype(log_probs.dtype)


def no_second(g: Any) -> Any:
    """torch has no second derivative of ctc_loss."""
    raise errors.underived("_ctc_loss_backward")


ctc_backward.vjp(log_probs=no_second, grad=no_second)


def known(name: str, lengths: Any) -> Any:
    """Lengths as ints, None where only their shape is known."""
    if hasattr(lengths, "tolist"):
        if lengths.dtype.kind not in "iu":
            raise errors.dtype_mismatch(f"{name} must be integral")
        return tuple(reshape(lengths, (-1,)).tolist())
    return None


def loss_of(
    log_probs: Any, targets: Any, inputs: Any, lengths: Any, blank: int, reduction: str, zero_infinity: bool
) -> Any:
    """ctc_loss with lengths as ints."""
    checked_reduction(reduction)
    whole = len(log_probs.shape) == 3
    if not whole:
        log_probs = unsqueeze(log_probs, 1)
    if dtype_of(targets) is not dtypes.int64:
        targets = to_copy(targets, dtypes.int64, None)
    losses = ctc(log_probs, targets, inputs, lengths, blank, zero_infinity)
    if zero_infinity:
        losses = where(eq(losses, math.inf), zeros_like(losses), losses)
    if reduction == "mean":
        return mean(div(losses, divisor(losses, lengths)))
    if reduction == "sum":
        return sum(losses)
    return losses if whole else squeeze_dim(losses, 0)


@op(lambda op, values: Estimate(values, [(values[0].shape, values[0].dtype)]), hidden=True)
def divisor(input: Array, lengths: Index) -> Any:
    """The lengths, at least 1, in the form of the losses."""
    return xp.maximum(xp.asarray(lengths, input.dtype), input.dtype.type(1))


@op(composed, namespace=FUNCTIONAL, composite=True)
def ctc_loss(
    log_probs: Array,
    targets: Array,
    input_lengths: Array,
    target_lengths: Array,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """The negative log-likelihood of labels without alignment; `mean` divides by the labels' number first."""
    inputs, lengths = known("input_lengths", input_lengths), known("target_lengths", target_lengths)
    return loss_of(log_probs, targets, inputs, lengths, blank, reduction, zero_infinity)


@op(composed, namespace=FUNCTIONAL, name="ctc_loss", composite=True)
def ctc_loss_listed(
    log_probs: Array,
    targets: Array,
    input_lengths: Size,
    target_lengths: Size,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """ctc_loss with lengths as lists of ints."""
    return loss_of(log_probs, targets, tuple(input_lengths), tuple(target_lengths), blank, reduction, zero_infinity)

"""Losses of class margins: how far the scores of wrong classes come near those of the right ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import arrays, dtypes, errors
from engine.arrays import widened, xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Number, Truth
from engine.op import Op, op
from engine.ops.activations import as_double
from engine.ops.arithmetic import mul, scale, sub
from engine.ops.gathering import gather, gather_backward
from engine.ops.losses import legacy, loss_estimate, refuse_grad, total_of
from engine.ops.reduction import sum_dim
from engine.ops.views import reshape, unsqueeze
from engine.rules import FUNCTIONAL, Shape


def rows_of(x: Any) -> Any:
    """Scores as (N, C), a vector as one row."""
    return x if x.ndim == 2 else x.reshape(1, -1)


def check_scores(name: str, shape: Shape) -> None:
    """Raise RuntimeError unless scores are (C) or (N, C) with classes."""
    if len(shape) > 2 or 0 in shape[1:] or (len(shape) == 1 and shape[0] == 0):
        raise errors.shape_mismatch(
            f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(shape)}"
        )


def check_floating(name: str, array: Any) -> None:
    """Raise NotImplementedError unless scores are real floating numbers of 32 or 64 bits."""
    dtype = dtypes.BY_NUMPY[array.dtype]
    if dtype not in (dtypes.float32, dtypes.float64):
        raise errors.not_implemented_for(name, dtype.type_name)


# -- one class ------------------------------------------------------------------------------------------------------


def one_class_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of multi_margin_loss."""
    input, target, p, _, weight, reduction = values
    check_scores("multi_margin_loss", input.shape)
    if p not in (1, 2):
        raise errors.bad_argument("only p == 1 and p == 2 supported")
    count = input.shape[0] if len(input.shape) == 2 else 1
    classes = input.shape[-1] if input.shape else 1
    if target.ndim > 1 or target.size != count:
        raise errors.shape_mismatch(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch "
            f"size). Expected target size [{count}], but got {list(target.shape)}. Input has shape {list(input.shape)}."
        )
    if weight is not None and (weight.ndim > 1 or weight.size != classes):
        raise errors.shape_mismatch(f"inconsistent weight size, expected {classes} but got {list(weight.shape)}")
    if target.dtype != xp.int64:
        raise errors.dtype_mismatch(f"expected scalar type Long but found {dtypes.BY_NUMPY[target.dtype].type_name}")
    check_floating("multi_margin_loss_cpu_kernel", input)
    if weight is not None and weight.dtype != input.dtype:
        names = [dtypes.BY_NUMPY[each.dtype].type_name for each in (input, weight)]
        raise errors.dtype_mismatch("expected scalar type {} but found {}".format(*names))
    if isinstance(target, np.ndarray) and target.size and (target.min() < 0 or target.max() >= classes):
        raise errors.bad_argument("target out of range")
    shape = tuple(target.shape) if len(input.shape) < 2 else (count,)
    estimate = loss_estimate(values, shape, reduction, input.dtype)
    estimate.compute = None
    estimate.temporaries += 5 * input.size * 8
    return estimate


@op(one_class_rule, hidden=True, node="MultiMarginLossBackward0")
def one_class(input: Array, target: Array, p: int, margin: float, weight: Array | None, reduction: str) -> Any:
    """The mean over other classes of (margin - x[target] + x[other], not below 0) to the power p."""
    x, index = rows_of(widened(input)), target.reshape(-1, 1)
    excess = x - xp.take_along_axis(x, index, 1) + x.dtype.type(margin)
    excess = xp.where(excess > 0, excess, excess.dtype.type(0))  # NaN counts as 0, as in torch
    xp.put_along_axis(excess, index, excess.dtype.type(0), 1)
    losses = (excess if p == 1 else excess * excess).sum(axis=1) / x.dtype.type(x.shape[1])
    if weight is not None:
        losses = losses * widened(weight).reshape(-1)[index[:, 0]]
    return total_of(losses.reshape(target.shape if input.ndim < 2 else (-1,)), reduction, input.dtype)


@op(lambda op, values: Estimate(values, [(values[0].shape, values[0].dtype)], None, 20 * values[0].size), hidden=True)
def active(input: Array, target: Array, margin: float, weight: Array | None) -> Any:
    """The weight of the target class, over the number of classes, at every other class within the margin; else 0."""
    x, index = rows_of(input), target.reshape(-1, 1)
    hits = (x - xp.take_along_axis(x, index, 1) + x.dtype.type(margin) > 0).astype(x.dtype)
    xp.put_along_axis(hits, index, x.dtype.type(0), 1)
    hits /= x.dtype.type(x.shape[1])
    if weight is not None:
        hits *= weight.reshape(-1)[index]
    return hits.reshape(input.shape)


def one_class_input(g: Any, input: Any, target: Any, p: int, margin: float, weight: Any, reduction: str) -> Any:
    """The gradient of one_class to the scores: what each class within the margin gains, the target's class loses."""
    shape = tuple(input.shape)
    classes = shape[-1] if shape else 1
    rows, index = reshape(input, (-1, classes)), reshape(target, (-1, 1))
    slope = reshape(active(input, target, margin, weight), (-1, classes))
    if p == 2:
        excess = sub(rows, gather(rows, 1, index))
        slope = mul(scale(slope, 2.0), plus_margin(excess, margin))
    each = reshape(g, (-1, 1))
    if reduction == "mean":
        each = scale(each, 1 / max(math.prod(tuple(rows.shape)[:1]), 1))
    gain = mul(slope, each)
    loss = gather_backward(sum_dim(gain, (1,), True), tuple(rows.shape), 1, index)
    return reshape(sub(gain, loss), shape)


def plus_margin(x: Any, margin: float) -> Any:
    """`x` plus the margin."""
    return sub(x, -margin)


one_class.vjp(
    input=lambda g, input, target, p, margin, weight, reduction: one_class_input(
        g, input, target, p, margin, weight, reduction
    )
)


@op(composed, namespace=FUNCTIONAL, composite=True)
def multi_margin_loss(
    input: Array,
    target: Array,
    p: Number = 1,
    margin: Number = 1.0,
    weight: Array | None = None,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
) -> Any:
    """How far other classes' scores come within the margin of the target class's."""
    reduction = legacy(size_average, reduce, reduction)
    if p not in (1, 2):
        raise errors.bad_value("only p == 1 and p == 2 supported")
    if weight is not None and len(weight.shape) != 1:
        raise errors.bad_value("weight must be one-dimensional")
    refuse_grad("multi_margin_loss", "weight", weight)
    return one_class(input, target, int(p), as_double(margin), weight, reduction)


# -- several classes ------------------------------------------------------------------------------------------------


def several_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of multilabel_margin_loss."""
    input, target, reduction = values
    check_scores("multilabel_margin_loss", input.shape)
    if input.shape != target.shape and not (input.ndim < 2 and target.ndim < 2 and input.size == target.size):
        raise errors.shape_mismatch(
            f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}"
        )
    kind = dtypes.BY_NUMPY[target.dtype]
    if kind.is_complex:
        raise errors.not_implemented_for("min_all", kind.type_name)
    classes = input.shape[-1] if input.shape else 1
    if isinstance(target, np.ndarray) and target.size and (target.min() < -1 or target.max() >= classes):
        raise errors.bad_argument("argument #2 'target' is out of range")
    check_floating("multilabel_margin_loss_forward_out_frame", input)
    if kind is not dtypes.int64:
        raise errors.dtype_mismatch(f"expected scalar type Long but found {kind.type_name}")
    estimate = loss_estimate(values, input.shape[:1] if input.ndim == 2 else (), reduction, input.dtype)
    estimate.compute = None
    estimate.temporaries += 3 * input.size * classes * max(input.dtype.itemsize, 4) + 40 * input.size
    return estimate


def label_excess(x: Any, target: Any) -> Any:
    """(N, labels, classes): 1 - x[label] + x[class] where it is positive, the label counts and the class is none."""
    labels = target.reshape(x.shape)
    counts = xp.cumsum(labels < 0, axis=1) == 0
    safe = xp.where(counts, labels, 0)
    chosen = xp.zeros(x.shape, xp.bool_)
    rows = xp.broadcast_to(xp.arange(x.shape[0])[:, None], x.shape)
    chosen[rows[counts], safe[counts]] = True
    excess = x[:, None, :] - xp.take_along_axis(x, safe, 1)[:, :, None] + x.dtype.type(1)
    keep = (excess > 0) & counts[:, :, None] & ~chosen[:, None, :]
    return xp.where(keep, excess, x.dtype.type(0)), safe


@op(several_rule, hidden=True, node="MultilabelMarginLossBackward0")
def several(input: Array, target: Array, reduction: str) -> Any:
    """The sum over labels and other classes of how far the class comes within 1 of the label, over the classes."""
    x = rows_of(widened(input))
    losses = label_excess(x, target)[0].sum(axis=(1, 2)) / x.dtype.type(x.shape[1])
    return total_of(losses if input.ndim == 2 else losses.reshape(()), reduction, input.dtype)


@op(
    lambda op, values: Estimate(
        values,
        [(values[0].shape, values[0].dtype)],
        None,
        32 * values[0].size * (values[0].shape[-1] if values[0].shape else 1) + 40 * values[0].size,
    ),
    hidden=True,
)
def several_slope(input: Array, target: Array) -> Any:
    """The gradient of each row's loss; it does not change with the scores."""
    x = rows_of(widened(input))
    excess, safe = label_excess(x, target)
    hits = (excess > 0).astype(x.dtype)
    slope = hits.sum(axis=1)
    rows = xp.broadcast_to(xp.arange(x.shape[0])[:, None], x.shape)
    arrays.backend_of(slope).add_at(slope, (rows, safe), -hits.sum(axis=2))
    return (slope / x.dtype.type(x.shape[1])).reshape(input.shape).astype(input.dtype, copy=False)


def several_input(g: Any, input: Any, target: Any, reduction: str) -> Any:
    """The gradient of several to the scores."""
    shape = tuple(input.shape)
    if reduction == "mean":
        g = scale(g, 1 / max(shape[0] if len(shape) == 2 else 1, 1))
    elif reduction == "none" and len(shape) == 2:
        g = unsqueeze(g, 1)
    return mul(several_slope(input, target), g)


several.vjp(input=lambda g, input, target, reduction: several_input(g, input, target, reduction))


@op(composed, namespace=FUNCTIONAL, composite=True)
def multilabel_margin_loss(
    input: Array,
    target: Array,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
) -> Any:
    """How far the scores of other classes come within 1 of those of a row's labels (up to the first -1)."""
    return several(input, target, legacy(size_average, reduce, reduction))

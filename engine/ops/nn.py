"""Neural network functions: softmax, losses, activations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import arrays, dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import Array, Dtype, Size
from engine.op import Op, alias, op
from engine.ops.arithmetic import add, div, mul, neg, sub
from engine.ops.linalg import addmm, matmul
from engine.ops.reduction import sum, sum_dim
from engine.ops.unary import exp, relu, sigmoid, tanh
from engine.ops.views import reshape, t
from engine.rules import broadcast, default_dtype, shape_of, softmax_like

HALF = dtypes.HALF_TYPES
FUNCTIONAL = "nn.functional"


def widened(array: Any) -> Any:
    """Half types as float32, the rest as they are."""
    return array.astype(xp.float32) if array.dtype in HALF else array


@op(softmax_like)
def softmax(input: Array, dim: int | None, *, dtype: Dtype = None) -> Any:
    """exp(x) over its sum along a dim, shifted by the maximum so that nothing overflows."""
    x = widened(input)
    e = xp.exp(x - x.max(axis=dim, keepdims=True)) if x.size else x
    return (e / e.sum(axis=dim, keepdims=True) if e.ndim else e / e).astype(input.dtype, copy=False)


softmax.vjp(input=lambda g, out, dim: softmax_backward(g, out, dim))
alias(softmax, "special.softmax", "nn.functional.softmax")


def softmax_backward(g: Any, out: Any, dim: int) -> Any:
    """out * (g - sum(g * out))."""
    weighted = mul(g, out)
    return sub(weighted, mul(out, total_along(weighted, dim)))


def total_along(x: Any, dim: int) -> Any:
    """The sum along a dim, kept; of a 0-d tensor itself."""
    return sum_dim(x, (dim,), True) if len(x.shape) else x


@op(softmax_like)
def log_softmax(input: Array, dim: int | None, *, dtype: Dtype = None) -> Any:
    """The logarithm of softmax, without rounding to log(0)."""
    x = widened(input)
    if not x.size or not x.ndim:
        return (x - x).astype(input.dtype, copy=False)
    shifted = x - x.max(axis=dim, keepdims=True)
    shifted -= xp.log(xp.exp(shifted).sum(axis=dim, keepdims=True))
    return shifted.astype(input.dtype, copy=False)


log_softmax.vjp(input=lambda g, out, dim: sub(g, mul(exp(out), total_along(g, dim))))
alias(log_softmax, "special.log_softmax", "nn.functional.log_softmax")
alias(relu, "nn.functional.relu")
alias(sigmoid, "nn.functional.sigmoid", "special.expit")
alias(tanh, "nn.functional.tanh")


def checked_reduction(reduction: Any) -> str:
    """`mean`, `sum` or `none`.

    Raises ValueError with torch's text.
    """
    if reduction not in ("mean", "sum", "none"):
        raise errors.bad_value(f"{reduction!s:.64} is not a valid value for reduction")
    return str(reduction)


def loss_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of an elementwise loss."""
    input, target = values[0], values[1]
    reduction = checked_reduction(values[op.index["reduction"]])
    dtype = dtypes.result_type([input, target], default_dtype())
    if not dtype.differentiable:
        raise errors.not_implemented_for("mse_cpu", dtype.type_name)
    shape = broadcast(shape_of(input), shape_of(target))
    out = shape if reduction == "none" else ()
    size = math.prod(shape)
    return Estimate(values, [(out, dtype.numpy)], dtype.numpy, 2 * size * dtype.itemsize, 3 * size)


@op(loss_rule, namespace=FUNCTIONAL, node="MseLossBackward0")
def mse_loss(input: Array, target: Array, *, reduction: str = "mean") -> Any:
    """The squared difference: its mean, its sum, or each (`none`)."""
    gap = input - target
    square = gap * gap
    if reduction == "none":
        return square
    total = square.sum(dtype=xp.float32 if square.dtype in HALF else None)
    return total if reduction == "sum" else total / square.size if square.size else total * xp.nan


mse_loss.vjp(
    input=lambda g, input, target, reduction: mse_backward(g, input, target, reduction),
    target=lambda g, input, target, reduction: mse_backward(g, target, input, reduction),
)


def mse_backward(g: Any, x: Any, y: Any, reduction: str) -> Any:
    """2 (x - y) g, over the number of elements for the mean."""
    gap = sub(x, y)
    count = math.prod(gap.shape)
    factor = 2.0 / max(count, 1) if reduction == "mean" else 2.0
    return mul(mul(gap, factor), g)


def nll_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of nll_loss: scores (N, C, ...) or (C), classes (N, ...) or ()."""
    scores, target, weight, ignore, reduction = values
    checked_reduction(reduction)
    if not scores.shape:
        raise errors.bad_value("Expected 1 or more dimensions (got 0)")
    dtype = dtypes.BY_NUMPY[scores.dtype]
    if not dtype.is_floating_point:
        raise errors.not_implemented_for("nll_loss_out_frame", dtype.type_name)
    if target.dtype not in (xp.int64, xp.uint8):
        raise errors.dtype_mismatch(f"expected scalar type Long but found {dtypes.BY_NUMPY[target.dtype].type_name}")
    _check_batch(scores.shape, target.shape)
    classes = scores.shape[0] if len(scores.shape) == 1 else scores.shape[1]
    if weight is not None and weight.shape != (classes,):
        raise errors.shape_mismatch(
            f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of "
            f"shape: {list(weight.shape)}"
        )
    if isinstance(target, np.ndarray):
        _check_classes(target, classes, ignore)
    out = target.shape if reduction == "none" else ()
    return Estimate(values, [(out, scores.dtype)], scores.dtype, 4 * target.size * 8, 4 * target.size)


def _check_batch(scores: Any, target: Any) -> None:
    if len(scores) > 1 and scores[:1] != target[:1]:
        raise errors.bad_value(
            f"Expected input batch_size ({scores[0]}) to match target batch_size ({target[0] if target else 0})."
        )
    wanted = () if len(scores) == 1 else (scores[0], *scores[2:])
    if target != wanted:
        raise errors.shape_mismatch(f"Expected target size {list(wanted)}, got {list(target)}")


def _check_classes(target: Any, classes: int, ignore: int) -> None:
    wrong = target[((target < 0) | (target >= classes)) & (target != ignore)]
    if wrong.size:
        raise errors.bad_index(f"Target {int(wrong.reshape(-1)[0])} is out of bounds.")


@op(nll_rule, namespace=FUNCTIONAL, node="NllLossBackward0", cast=("input", "weight"), outputs=("out",))
def nll_loss(
    input: Array, target: Array, weight: Array | None = None, ignore_index: int = -100, reduction: str = "mean"
) -> Any:
    """Minus the score of each target class: mean (weighted), sum, or each."""
    picked, scale = class_scores(input, target, weight, ignore_index)
    losses = -picked * scale
    if reduction == "none":
        return losses
    total = losses.sum(dtype=xp.float32 if losses.dtype in HALF else None)
    return total if reduction == "sum" else total / scale.sum(dtype=total.dtype)


def class_scores(input: Any, target: Any, weight: Any, ignore: int) -> Any:
    """The score at each target and its weight (0 where ignored), in the target's shape."""
    keep = target != ignore
    safe = xp.where(keep, target, 0)
    place = class_index(input.shape, safe)
    scale = keep.astype(input.dtype) if weight is None else arrays.keep(keep, weight[safe])
    return arrays.keep(keep, input[place]), scale


def class_index(shape: Any, target: Any) -> tuple[Any, ...]:
    """The index of each target's score in scores of this shape: its class, in the place of its own batch entry."""
    if len(shape) == 1:
        return (target,)
    grid = xp.indices(target.shape, sparse=True) if target.ndim != 1 else (xp.arange(len(target)),)
    return (grid[0], target, *grid[1:])


nll_loss.vjp(
    input=lambda g, target, weight, input_shape, ignore_index, reduction: nll_backward(
        g, target, weight, input_shape, ignore_index, reduction
    )
)


def nll_backward_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of nll_loss's gradient."""
    return Estimate(values, [(tuple(values[3]), values[0].dtype)], None, 0, math.prod(values[3]))


@op(nll_backward_rule, hidden=True, node="NllLossBackwardBackward0")
def nll_backward(
    grad_output: Array, target: Array, weight: Array | None, sizes: Size, ignore: int, reduction: str
) -> Any:
    """Minus the weight, times the gradient, at each target class; zero elsewhere."""
    keep = target != ignore
    safe = xp.where(keep, target, 0)
    scale = keep.astype(grad_output.dtype) if weight is None else arrays.keep(keep, weight[safe])
    if reduction == "mean":
        scale = scale / scale.sum()
    out = xp.zeros(sizes, grad_output.dtype)
    out[class_index(sizes, safe)] = arrays.keep(keep, -scale * grad_output)
    return out


nll_backward.vjp(
    grad_output=lambda g, target, weight, ignore, reduction: nll_loss(g, target, weight, ignore, reduction)
)


@op(nll_rule, namespace=FUNCTIONAL, composite=True)
def cross_entropy(
    input: Array,
    target: Array,
    weight: Array | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """The negative log-likelihood of softmax: of class indices, or of class probabilities."""
    checked_reduction(reduction)
    if not len(input.shape):
        raise errors.bad_argument(
            "Expected floating point type for target with class probabilities, got Long"
            if tuple(target.shape) == () and target.dtype is dtypes.int64
            else "Expected 1 or more dimensions (got 0)",
            IndexError,
        )
    axis = 0 if len(input.shape) == 1 else 1
    scores = log_softmax(input, axis)
    if tuple(input.shape) == tuple(target.shape):
        return probability_loss(scores, target, weight, reduction, label_smoothing, axis)
    loss = nll_loss(scores, target, weight, ignore_index, reduction)
    if label_smoothing == 0.0:
        return loss
    return smoothed(scores, target, weight, ignore_index, reduction, label_smoothing, axis, loss)


def probability_loss(scores: Any, target: Any, weight: Any, reduction: str, smoothing: float, axis: int) -> Any:
    """cross_entropy with a probability for each class."""
    classes = tuple(scores.shape)[axis]
    if smoothing > 0.0:
        target = add(mul(target, 1 - smoothing), smoothing / classes)
    product = mul(scores, target)
    if weight is not None:
        product = mul(product, reshape(weight, (classes,) + (1,) * (len(scores.shape) - axis - 1)))
    if reduction == "none":
        return neg(sum_dim(product, (axis,)))
    total = neg(sum(product))
    return total if reduction == "sum" else div(total, max(math.prod(scores.shape) // classes, 1))


def smoothed(
    scores: Any, target: Any, weight: Any, ignore: int, reduction: str, smoothing: float, axis: int, loss: Any
) -> Any:
    """cross_entropy with part of the target spread evenly over all classes."""
    classes = tuple(scores.shape)[axis]
    if weight is not None:
        scores = mul(scores, reshape(weight, (classes,) + (1,) * (len(scores.shape) - axis - 1)))
    even = neg(sum_dim(scores, (axis,)))
    keep = target != ignore
    even = mul(even, keep)
    if reduction != "none":
        share = sum(keep) if weight is None else sum(mul(weight[mul(target, keep)], keep))
        even = sum(even) if reduction == "sum" else div(sum(even), share)
    return add(mul(loss, 1 - smoothing), mul(even, smoothing / classes))


@op(loss_rule, namespace=FUNCTIONAL, composite=True)
def linear(input: Array, weight: Array, bias: Array | None = None) -> Any:
    """`input @ weight.T + bias`."""
    if bias is not None and len(input.shape) == 2:
        return addmm(bias, input, t(weight))
    out = matmul(input, t(weight))
    return out if bias is None else add(out, bias)

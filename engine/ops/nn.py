"""Neural network functions: softmax, losses, activations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import arrays, dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Dtype
from engine.op import Op, alias, op
from engine.ops.arithmetic import add, div, mul, neg, scale, sub
from engine.ops.compare import ne
from engine.ops.copies import to_copy
from engine.ops.creation import zeros_like
from engine.ops.linalg import addmm, matmul
from engine.ops.reduction import sum, sum_dim
from engine.ops.unary import exp, relu, sigmoid, tanh
from engine.ops.views import expand, reshape, t, view
from engine.rules import broadcast, default_dtype, elementwise, shape_of, softmax_like

HALF = dtypes.HALF_TYPES
FUNCTIONAL = "nn.functional"


def widened(array: Any) -> Any:
    """Half types as float32, the rest as they are."""
    return array.astype(xp.float32) if array.dtype in HALF else array


def cast_first(input: Any, dtype: Any) -> Any:
    """The input in the dtype asked for, recorded as a step of its own (as torch does)."""
    return input if dtype is None or input.dtype is dtype else to_copy(input, dtype, None)


@op(softmax_like, hidden=True, node="SoftmaxBackward0", rows=True)
def softmax_of(input: Array, dim: int | None) -> Any:
    """exp(x) over its sum along a dim, shifted by the maximum so that nothing overflows."""
    x = widened(input)
    e = xp.exp(x - x.max(axis=dim, keepdims=True)) if x.size else x
    return (e / e.sum(axis=dim, keepdims=True) if e.ndim else e / e).astype(input.dtype, copy=False)


softmax_of.vjp(input=lambda g, out, dim: softmax_backward(g, out, dim))


@op(composed, composite=True)
def softmax(input: Array, dim: int | None, *, dtype: Dtype = None) -> Any:
    """exp(x) over its sum along a dim; computed in `dtype` if one is given."""
    return softmax_of(cast_first(input, dtype), dim)


alias(softmax, "special.softmax", "nn.functional.softmax")


@op(elementwise(), hidden=True, node="SoftmaxBackwardDataBackward0")
def softmax_backward(grad_output: Array, output: Array, dim: int) -> Any:
    """The gradient of softmax from its result y: y * (g - sum(g * y))."""
    weighted = grad_output * output
    return weighted - output * weighted.sum(axis=dim, keepdims=True) if output.ndim else weighted - output * weighted


softmax_backward.vjp(
    grad_output=lambda g, output, dim: softmax_backward(g, output, dim),
    output=lambda g, grad_output, output, dim: softmax_backward_output(g, grad_output, output, dim),
)


def softmax_backward_output(g: Any, grad_output: Any, output: Any, dim: int) -> Any:
    """The gradient of y * (g - sum(g * y)) to y."""
    flow = sub(grad_output, total_along(mul(grad_output, output), dim))
    return sub(mul(g, flow), mul(grad_output, total_along(mul(g, output), dim)))


def total_along(x: Any, dim: int) -> Any:
    """The sum along a dim, kept; of a 0-d tensor itself."""
    return sum_dim(x, (dim,), True) if len(x.shape) else x


@op(softmax_like, hidden=True, node="LogSoftmaxBackward0", rows=True)
def log_softmax_of(input: Array, dim: int | None) -> Any:
    """The logarithm of softmax, without rounding to log(0)."""
    x = widened(input)
    if not x.size or not x.ndim:
        return (x - x).astype(input.dtype, copy=False)
    shifted = x - x.max(axis=dim, keepdims=True)
    shifted -= xp.log(xp.exp(shifted).sum(axis=dim, keepdims=True))
    return shifted.astype(input.dtype, copy=False)


log_softmax_of.vjp(input=lambda g, out, dim: log_softmax_backward(g, out, dim))


@op(composed, composite=True)
def log_softmax(input: Array, dim: int | None, *, dtype: Dtype = None) -> Any:
    """The logarithm of softmax along a dim; computed in `dtype` if one is given."""
    return log_softmax_of(cast_first(input, dtype), dim)


alias(log_softmax, "special.log_softmax", "nn.functional.log_softmax")


@op(elementwise(), hidden=True, node="LogSoftmaxBackwardDataBackward0")
def log_softmax_backward(grad_output: Array, output: Array, dim: int) -> Any:
    """The gradient of log_softmax from its result y: g - exp(y) * sum(g)."""
    total = grad_output.sum(axis=dim, keepdims=True) if output.ndim else grad_output
    return grad_output - xp.exp(output) * total


log_softmax_backward.vjp(
    grad_output=lambda g, output, dim: sub(g, total_along(mul(g, exp(output)), dim)),
    output=lambda g, grad_output, output, dim: neg(mul(mul(g, total_along(grad_output, dim)), exp(output))),
)
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


@op(elementwise(), hidden=True, node="MseLossBackwardBackward0")
def mse_backward(grad_output: Array, input: Array, target: Array, reduction: str) -> Any:
    """2 (input - target) g, over the number of elements for the mean."""
    gap = input - target
    return gap * (mse_factor(gap.shape, reduction) * grad_output)


def mse_factor(shape: Any, reduction: str) -> float:
    """2, over the number of elements for the mean."""
    return 2.0 / max(math.prod(shape), 1) if reduction == "mean" else 2.0


mse_backward.vjp(
    grad_output=lambda g, input, target, reduction: scale(mul(g, sub(input, target)), mse_factor(g.shape, reduction)),
    input=lambda g, grad_output, reduction: mul(scale(g, mse_factor(g.shape, reduction)), grad_output),
    target=lambda g, grad_output, reduction: neg(mul(scale(g, mse_factor(g.shape, reduction)), grad_output)),
)


def nll_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of nll_loss: scores (N, C, ...) or (C), classes (N, ...) or ()."""
    scores, target, weight, ignore, reduction = values
    checked_reduction(reduction)
    if not scores.shape:
        raise errors.bad_value("Expected 1 or more dimensions (got 0)")
    dtype = dtypes.BY_NUMPY[scores.dtype]
    if not dtype.is_floating_point:
        raise errors.not_implemented_for("nll_loss_out_frame", dtype.type_name)
    if len(scores.shape) <= 2 and len(target.shape) > 1:
        raise errors.shape_mismatch("0D or 1D target tensor expected, multi-target not supported")
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
    input=lambda g, input, target, weight, ignore_index, reduction: nll_backward(
        g, input, target, weight, ignore_index, reduction
    )
)


def nll_backward_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of nll_loss's gradient."""
    return Estimate(values, [(values[1].shape, values[0].dtype)], None, 0, values[1].size)


@op(nll_backward_rule, hidden=True, node="NllLossBackwardBackward0")
def nll_backward(
    grad_output: Array, input: Array, target: Array, weight: Array | None, ignore: int, reduction: str
) -> Any:
    """Minus the weight, times the gradient, at each target class; zero elsewhere."""
    keep = target != ignore
    safe = xp.where(keep, target, 0)
    scale = keep.astype(grad_output.dtype) if weight is None else arrays.keep(keep, weight[safe])
    if reduction == "mean":
        scale = scale / scale.sum()
    out = xp.zeros(input.shape, grad_output.dtype)
    out[class_index(input.shape, safe)] = arrays.keep(keep, -scale * grad_output)
    return out


nll_backward.vjp(
    grad_output=lambda g, target, weight, ignore, reduction: nll_loss(g, target, weight, ignore, reduction),
    input=lambda g: zeros_like(g),
)


@op(composed, namespace=FUNCTIONAL, composite=True)
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
        target = add(mul(target, 1 - smoothing), smoothing / max(classes, 1))
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
    keep = ne(target, ignore)
    even = mul(even, keep)
    if reduction != "none":
        even = sum(even)
    if reduction == "mean":
        even = div(even, sum(keep) if weight is None else weight_of(target, weight, scores, ignore, axis))
    return add(mul(loss, 1 - smoothing), mul(even, smoothing / max(classes, 1)))


def weight_of(target: Any, weight: Any, scores: Any, ignore: int, axis: int) -> Any:
    """The sum of the weights of all targets that count."""
    wide = reshape(weight, (-1,) + (1,) * (len(scores.shape) - axis - 1))
    return neg(nll_loss(expand(wide, tuple(scores.shape)), target, None, ignore, "sum"))


@op(composed, namespace=FUNCTIONAL, composite=True)
def linear(input: Array, weight: Array, bias: Array | None = None) -> Any:
    """`input @ weight.T + bias`."""
    if bias is None:
        return matmul(input, t(weight))
    shape = tuple(input.shape)
    if len(shape) == 2:
        return addmm(bias, input, t(weight))
    if len(weight.shape) != 2 or not shape or shape[-1] != tuple(weight.shape)[1]:
        return add(matmul(input, t(weight)), bias)  # which tells what does not fit
    return view(addmm(bias, reshape(input, (-1, shape[-1])), t(weight)), (*shape[:-1], next(iter(weight.shape))))

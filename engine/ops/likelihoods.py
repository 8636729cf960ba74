"""The negative log-likelihood of classes, and cross entropy on top of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import arrays, dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Truth
from engine.op import Op, op
from engine.ops.arithmetic import add, div, div_number, mul, neg, scale, shift
from engine.ops.compare import bitwise_not, eq
from engine.ops.copies import contiguous
from engine.ops.creation import zeros_like
from engine.ops.gathering import first_outside
from engine.ops.losses import HALF, checked_reduction, legacy, refuse_grad
from engine.ops.nn import log_softmax
from engine.ops.picking import take
from engine.ops.reduction import sum, sum_dim
from engine.ops.selection import masked_fill
from engine.ops.views import view
from engine.rules import FUNCTIONAL

CLASSES = (dtypes.int64.numpy, dtypes.uint8.numpy)  # the dtypes of class indices


def nll_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of nll_loss: scores (N, C, ...) or (C), classes (N, ...) or ()."""
    scores, target, weight, ignore, reduction = values
    checked_reduction(reduction)
    images = op.name == "nll2d"
    check_batch(scores.shape, target.shape)
    if len(scores.shape) <= 2 and len(target.shape) > 1:
        raise errors.shape_mismatch("0D or 1D target tensor expected, multi-target not supported")
    if target.dtype not in CLASSES:
        name = dtypes.BY_NUMPY[target.dtype].type_name
        raise errors.dtype_mismatch(f"expected target dtype to be Long or Byte, but got {name}")
    if len(scores.shape) == len(target.shape) == 1:
        raise errors.bad_value(f"For 1D input, 1D target must have size 1, but got target size: {target.shape[0]}")
    classes = scores.shape[0] if len(scores.shape) == 1 else scores.shape[1]
    if weight is not None and weight.shape != (classes,):
        raise errors.shape_mismatch(misweighted(classes, weight, images))
    _check_places(scores.shape, target.shape)
    dtype = dtypes.BY_NUMPY[scores.dtype]
    if not dtype.is_floating_point:
        kernel = "nll_loss2d_forward_out_frame" if images else "nll_loss_out_frame"
        raise errors.not_implemented_for(kernel, dtype.type_name)
    if images and target.dtype == xp.uint8:
        raise errors.dtype_mismatch("expected scalar type Long but found Byte")
    if weight is not None and weight.dtype != scores.dtype:
        name = dtypes.BY_NUMPY[weight.dtype].type_name
        raise errors.dtype_mismatch(f"expected scalar type {dtype.type_name} but found {name}")
    if isinstance(target, np.ndarray):
        _check_classes(target, classes, ignore)
    out = target.shape if reduction == "none" else ()
    return Estimate(values, [(out, scores.dtype)], scores.dtype, 4 * target.size * 8, 4 * target.size)


def check_batch(scores: Any, target: Any) -> None:
    """What torch checks of shapes before anything else: raises ValueError, or RuntimeError for places that differ."""
    if not scores:
        raise errors.bad_value("Expected 1 or more dimensions (got 0)")
    if len(scores) > 1 and scores[:1] != target[:1]:
        raise errors.bad_value(
            f"Expected input batch_size ({scores[0]}) to match target batch_size ({target[0] if target else 0})."
        )
    if len(scores) == 3 or len(scores) > 4:
        _check_places(scores, target)


def _check_places(scores: Any, target: Any) -> None:
    wanted = () if len(scores) == 1 else (scores[0], *scores[2:])
    if target == wanted:
        return
    if len(scores) != 4:
        raise errors.shape_mismatch(f"Expected target size {list(wanted)}, got {list(target)}")
    if len(target) != 3:
        text = f"only batches of spatial targets supported (3D tensors) but got targets of dimension: {len(target)}"
        raise errors.shape_mismatch(text)
    raise errors.shape_mismatch(f"size mismatch (got input: {list(scores)} , target: {list(target)}")


def misweighted(classes: int, weight: Any, images: bool) -> str:
    """torch's text for weights that are not one for each class."""
    text = "weight tensor should be defined either for all"
    if images:
        return f"{text} or no classes"
    return f"{text} {classes} classes or no classes but got weight tensor of shape: {list(weight.shape)}"


def _check_classes(target: Any, classes: int, ignore: int) -> None:
    if first_outside(target, 0, classes) is None:
        return
    wrong = target[((target < 0) | (target >= classes)) & (target != ignore)]
    if wrong.size:
        raise errors.bad_index(f"Target {int(wrong.reshape(-1)[0])} is out of bounds.")


def class_losses(
    input: Array, target: Array, weight: Array | None = None, ignore_index: int = -100, reduction: str = "mean"
) -> Any:
    """Minus the score of each target class: mean (weighted), sum, or each."""
    if weight is None and all_count(target, ignore_index):
        losses, scale = -input[class_index(input.shape, target)], None
    else:
        picked, scale = class_scores(input, target, weight, ignore_index)
        losses = -picked * scale
    if reduction == "none":
        return losses
    total = losses.sum(dtype=xp.float32 if losses.dtype in HALF else None)
    if reduction == "sum":
        return total
    return total / (total.dtype.type(target.size) if scale is None else scale.sum(dtype=total.dtype))


# torch has a node of its own for images; what it computes is the same
_nll = op(nll_rule, name="nll", hidden=True, node="NllLossBackward0", cast=("input", "weight"))(class_losses)
_nll2d = op(nll_rule, name="nll2d", hidden=True, node="NllLoss2DBackward0", cast=("input", "weight"))(class_losses)


def all_count(target: Any, ignore: int) -> bool:
    """Whether there are targets and none is ignored, as far as the host knows: most often so, and half the work."""
    return arrays.backend_of(target) is arrays.NUMPY and bool(target.size) and not (target == ignore).any()


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


def nll_backward_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of nll_loss's gradient."""
    return Estimate(values, [(values[1].shape, values[0].dtype)], None, 0, values[1].size)


def class_gradient(
    grad_output: Array, input: Array, target: Array, weight: Array | None, ignore: int, reduction: str
) -> Any:
    """Minus the weight, times the gradient, at each target class; zero elsewhere."""
    if weight is None and all_count(target, ignore):
        one = grad_output.dtype.type(1)
        share = one / grad_output.dtype.type(target.size) if reduction == "mean" else one
        out = xp.zeros(input.shape, grad_output.dtype)
        out[class_index(input.shape, target)] = -share * grad_output
        return out
    keep = target != ignore
    safe = xp.where(keep, target, 0)
    scale = keep.astype(grad_output.dtype) if weight is None else arrays.keep(keep, weight[safe])
    if reduction == "mean":
        scale = scale / scale.sum()
    out = xp.zeros(input.shape, grad_output.dtype)
    out[class_index(input.shape, safe)] = arrays.keep(keep, -scale * grad_output)
    return out


_BACK = {"hidden": True, "name": "nll_backward"}
_nll_backward = op(nll_backward_rule, node="NllLossBackwardBackward0", **_BACK)(class_gradient)
_nll2d_backward = op(nll_backward_rule, node="NllLoss2DBackwardBackward0", **_BACK)(class_gradient)

_nll.vjp(
    input=lambda g, input, target, weight, ignore_index, reduction: _nll_backward(
        g, input, target, weight, ignore_index, reduction
    )
)
_nll2d.vjp(
    input=lambda g, input, target, weight, ignore_index, reduction: _nll2d_backward(
        g, input, target, weight, ignore_index, reduction
    )
)
_nll_backward.vjp(
    grad_output=lambda g, target, weight, ignore, reduction: _nll(g, target, weight, ignore, reduction),
    input=lambda g: zeros_like(g),
)
_nll2d_backward.vjp(
    grad_output=lambda g, target, weight, ignore, reduction: _nll2d(g, target, weight, ignore, reduction),
    input=lambda g: zeros_like(g),
)


def negative_likelihood(scores: Any, target: Any, weight: Any, ignore: int, reduction: str) -> Any:
    """nll_loss of scores of any number of dims; torch brings what is no image of two dims into the form of one."""
    shape = tuple(scores.shape)
    if len(shape) == 1 and tuple(target.shape) == (1,):
        target = view(target, ())
    images = len(shape) > 2
    if weight is not None:
        if getattr(weight, "requires_grad", False):
            check_batch(shape, tuple(target.shape))
        refuse_grad(f"nll_loss{'2d' * images}_forward", "weight", weight)
        if images and len(weight.shape) > 1:
            weight = view(weight, (math.prod(weight.shape),))
    if not images:
        return _nll(scores, target, weight, ignore, reduction)
    if len(shape) == 4 or tuple(target.shape) != (shape[0], *shape[2:]):
        return _nll2d(scores, target, weight, ignore, reduction)
    places = math.prod(shape[2:])
    flat = view(contiguous(scores), (shape[0], shape[1], 1, places))
    losses = _nll2d(flat, view(contiguous(target), (shape[0], 1, places)), weight, ignore, reduction)
    return view(losses, tuple(target.shape)) if reduction == "none" else losses


@op(composed, namespace=FUNCTIONAL, composite=True)
def nll_loss(
    input: Array,
    target: Array,
    weight: Array | None = None,
    size_average: Truth | None = None,
    ignore_index: int = -100,
    reduce: Truth | None = None,
    reduction: str = "mean",
) -> Any:
    """Minus the score of each target class: mean (weighted), sum, or each."""
    return negative_likelihood(input, target, weight, ignore_index, legacy(size_average, reduce, reduction))


@op(composed, namespace=FUNCTIONAL, composite=True)
def cross_entropy(
    input: Array,
    target: Array,
    weight: Array | None = None,
    size_average: Truth | None = None,
    ignore_index: int = -100,
    reduce: Truth | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """The negative log-likelihood of softmax: of class indices, or of class probabilities."""
    reduction = legacy(size_average, reduce, reduction)
    shape = tuple(input.shape)
    probable = shape == tuple(target.shape)  # probabilities, not classes
    if probable and target.dtype.kind not in "fV":
        name = dtypes.BY_NUMPY.get(target.dtype, target.dtype).type_name
        raise errors.dtype_mismatch(f"Expected floating point type for target with class probabilities, got {name}")
    if probable and ignore_index >= 0:
        raise errors.bad_argument("ignore_index is not supported for floating point target")
    if not shape:
        raise errors.dim_out_of_range(1, 0)
    if label_smoothing > 1.0:
        raise errors.bad_argument(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
    axis = 0 if len(shape) == 1 else 1
    scores = log_softmax(input, axis)
    if probable:
        return probability_loss(scores, target, weight, reduction, label_smoothing, axis)
    loss = negative_likelihood(scores, target, weight, ignore_index, reduction)
    if not label_smoothing > 0.0:
        return loss
    return smoothed(scores, target, weight, ignore_index, reduction, label_smoothing, axis, loss)


def for_classes(weight: Any, scores: Any, axis: int) -> Any:
    """Weights of classes in the form that broadcasts to scores."""
    return view(weight, (-1,) + (1,) * (len(scores.shape) - axis - 1)) if axis else weight


def probability_loss(scores: Any, target: Any, weight: Any, reduction: str, smoothing: float, axis: int) -> Any:
    """cross_entropy with a probability for each class."""
    classes = tuple(scores.shape)[axis]
    if weight is not None and tuple(weight.shape) != (classes,):
        raise errors.shape_mismatch(f"cross_entropy: {misweighted(classes, weight, False)}")
    if smoothing > 0.0:
        target = shift(scale(target, 1 - smoothing), smoothing / max(classes, 1))
    product = mul(scores, target)
    if weight is not None:
        product = mul(product, for_classes(weight, scores, axis))
    if reduction == "none":
        return neg(sum_dim(product, (axis,)))
    if reduction == "mean" and not math.prod(scores.shape):
        return neg(scale(sum(product), math.nan))
    total = neg(sum(product))
    return total if reduction == "sum" else div_number(total, max(math.prod(scores.shape) // classes, 1))


def smoothed(
    scores: Any, target: Any, weight: Any, ignore: int, reduction: str, smoothing: float, axis: int, loss: Any
) -> Any:
    """cross_entropy with part of the target spread evenly over all classes."""
    classes = tuple(scores.shape)[axis]
    if weight is not None:
        scores = mul(scores, for_classes(weight, scores, axis))
    even = neg(sum_dim(scores, (axis,)))
    ignored = eq(target, ignore)
    even = masked_fill(even, ignored, 0.0)
    if reduction != "none":
        even = sum(even)
    if reduction == "mean":
        kept = bitwise_not(ignored)
        even = div(even, sum(kept) if weight is None else sum(mul(weight_of(target, weight, ignored), kept)))
    return add(scale(loss, 1 - smoothing), scale(even, smoothing / max(classes, 1)))


def weight_of(target: Any, weight: Any, ignored: Any) -> Any:
    """The weight of each target's class; anything where it is ignored."""
    return take(weight, masked_fill(target, ignored, 0))

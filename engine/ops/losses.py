"""Losses of single elements by their distance: squared, absolute, smooth; and what all losses share."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import widened, xp
from engine.infer import Estimate, composed
from engine.inplace import check_cast
from engine.kinds import Array, Truth
from engine.modes import state, warn
from engine.op import Op, op
from engine.ops.arithmetic import div, mul, neg, scale, sub
from engine.ops.bounds import clamp_numbers
from engine.ops.compare import ge
from engine.ops.powers import pow_number
from engine.ops.reduction import mean, sum
from engine.ops.selection import where
from engine.ops.unary import abs, sign
from engine.ops.views import expand
from engine.rules import FUNCTIONAL, Shape, broadcast, default_dtype, elementwise, roomy, shape_of

HALF = dtypes.HALF_TYPES


# -- reductions -----------------------------------------------------------------------------------------------------


def checked_reduction(reduction: Any) -> str:
    """`mean`, `sum` or `none`.

    Raises ValueError with torch's text.
    """
    if reduction not in ("mean", "sum", "none"):
        raise errors.bad_value(f"{reduction!s:.64} is not a valid value for reduction")
    return str(reduction)


def legacy(size_average: bool | None, reduce: bool | None, reduction: str, checked: bool = True) -> str:
    """The reduction that torch's old flags ask for; `reduction` itself, `checked` or not, where they are not given."""
    if size_average is None and reduce is None:
        return checked_reduction(reduction) if checked else reduction
    made = "none" if reduce is False else "sum" if size_average is False else "mean"
    warn(f"size_average and reduce args will be deprecated, please use reduction='{made}' instead.", level=6)
    return made


def reduced(losses: Any, reduction: str) -> Any:
    """Losses summed or averaged as asked, recorded as torch does."""
    if reduction == "none":
        return losses
    return mean(losses) if reduction == "mean" else sum(losses)


def total_of(losses: Any, reduction: str, dtype: Any) -> Any:
    """A kernel's losses summed or averaged as asked, in the result's dtype."""
    if reduction != "none":
        total = losses.sum()
        losses = total if reduction == "sum" else total / losses.size if losses.size else total * xp.nan
    return losses.astype(dtype, copy=False)


def share(g: Any, shape: Any, reduction: str) -> Any:
    """The part of a reduced loss's gradient that each element gets."""
    return scale(g, 1 / max(math.prod(shape), 1)) if reduction == "mean" else g


def together(input: Any, target: Any) -> tuple[Any, Any]:
    """Both expanded to one shape, where they have not the same, with torch's warning."""
    a, b = tuple(input.shape), tuple(target.shape)
    if a == b:
        return input, target
    warn(
        f"Using a target size (torch.Size({list(b)})) that is different to the input size (torch.Size({list(a)})). "
        "This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
        level=6,
    )
    shape = broadcast(a, b)
    return input if a == shape else expand(input, shape), target if b == shape else expand(target, shape)


def loss_estimate(values: list[Any], shape: Shape, reduction: str, dtype: Any) -> Estimate:
    """The estimate of a loss over `shape`."""
    size = math.prod(shape)
    extra = 5 * size * max(dtype.itemsize, 4)
    return Estimate(values, [(shape if reduction == "none" else (), dtype)], dtype, extra, 10 * size)


def pair_rule(kernel: str) -> Any:
    """The rule of a loss of input and target: real floating, promoted, of one shape."""

    def rule(op: Op, values: list[Any]) -> Estimate:
        dtype = dtypes.result_type(values[:2], default_dtype())
        if not dtype.is_floating_point:
            raise errors.not_implemented_for(kernel, dtype.type_name)
        shape = broadcast(values[0].shape, values[1].shape)
        return loss_estimate(values, shape, values[op.index["reduction"]], dtype.numpy)

    return rule


def refuse_grad(name: str, argument: str, value: Any) -> None:
    """Raise RuntimeError for an argument that requires grad and has no derivative."""
    if getattr(value, "requires_grad", False) and state.ctx.grad_enabled:
        raise errors.coded(
            RuntimeError,
            "not_differentiable",
            f"The function '{name}' is not differentiable with respect to argument '{argument}'. This input cannot "
            "have requires_grad True.",
        )


# -- distances of elements ------------------------------------------------------------------------------------------


def check_weights(weight: Any, input: Any) -> None:
    """Raise ValueError unless there is a weight for each element of the input."""
    if tuple(weight.shape) != tuple(input.shape):
        raise errors.bad_value("Weights and input must have the same size.")


def of_weighed(reduction: str) -> str:
    """The reduction of weighed losses.

    Raises ValueError with the text that torch has for them.
    """
    if reduction not in ("mean", "sum", "none"):
        raise errors.bad_value(f"Invalid reduction mode: {reduction}. Expected one of 'none', 'mean', 'sum'.")
    return reduction


def weighed(losses: Any, weight: Any, reduction: str) -> Any:
    """Losses times weights; their mean is over the weights' sum."""
    losses = mul(losses, weight)
    of_weighed(reduction)
    if reduction == "none":
        return losses
    return sum(losses) if reduction == "sum" else div(sum(losses), sum(weight))


def square_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of the squared error."""
    input, target = values[0], values[1]
    reduction = checked_reduction(values[op.index["reduction"]])
    dtype = dtypes.result_type([input, target], default_dtype())
    if not dtype.is_floating_point:
        raise errors.not_implemented_for("mse_cpu", dtype.type_name)
    shape = broadcast(shape_of(input), shape_of(target))
    out = shape if reduction == "none" else ()
    size = math.prod(shape)
    return Estimate(values, [(out, dtype.numpy)], dtype.numpy, 2 * size * dtype.itemsize, 3 * size)


@op(square_rule, hidden=True, node="MseLossBackward0")
def squared_error(input: Array, target: Array, reduction: str) -> Any:
    """The squared difference: its mean, its sum, or each (`none`)."""
    gap = input - target
    square = gap * gap
    if reduction == "none":
        return square
    total = square.sum(dtype=xp.float32 if square.dtype in HALF else None)
    return total if reduction == "sum" else total / square.size if square.size else total * xp.nan


squared_error.vjp(
    input=lambda g, input, target, reduction: mse_backward(g, input, target, reduction),
    target=lambda g, input, target, reduction: mse_backward(g, target, input, reduction),
)


@op(roomy(elementwise(), 2), hidden=True, node="MseLossBackwardBackward0")
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


@op(composed, namespace=FUNCTIONAL, composite=True)
def mse_loss(
    input: Array,
    target: Array,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
    weight: Array | None = None,
) -> Any:
    """The squared difference: its mean, its sum, or each (`none`)."""
    wide, other = together(input, target)
    reduction = legacy(size_average, reduce, reduction, weight is None)
    if weight is None:
        return squared_error(wide, other, reduction)
    check_weights(weight, input)
    return weighed(pow_number(sub(wide, other), 2), weight, reduction)


@op(composed, namespace=FUNCTIONAL, composite=True)
def l1_loss(
    input: Array,
    target: Array,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
    weight: Array | None = None,
) -> Any:
    """The absolute difference: its mean, its sum, or each (`none`)."""
    wide, other = together(input, target)
    reduction = legacy(size_average, reduce, reduction, weight is None)
    if weight is None:
        return reduced(abs(sub(wide, other)), reduction)
    check_weights(weight, input)
    return weighed(abs(sub(wide, other)), weight, reduction)


@op(pair_rule("smooth_l1_cpu"), hidden=True, node="SmoothL1LossBackward0")
def smooth_l1(input: Array, target: Array, reduction: str, beta: float) -> Any:
    """Half the squared difference over beta where it is below beta, else the difference less half of beta."""
    gap = xp.absolute(widened(input) - widened(target))
    losses = xp.where(gap < beta, 0.5 * gap * gap / gap.dtype.type(beta), gap - gap.dtype.type(0.5 * beta))
    return total_of(losses, reduction, input.dtype)


def smooth_slope(g: Any, input: Any, target: Any, reduction: str, beta: float) -> Any:
    """The gradient of smooth_l1 to its input."""
    gap = sub(input, target)
    slope = where(ge(abs(gap), beta), sign(gap), scale(clamp_numbers(gap, -beta, beta), 1 / beta))  # NaN stays NaN
    return mul(slope, share(g, input.shape, reduction))


smooth_l1.vjp(
    input=lambda g, input, target, reduction, beta: smooth_slope(g, input, target, reduction, beta),
    target=lambda g, input, target, reduction, beta: neg(smooth_slope(g, input, target, reduction, beta)),
)


@op(composed, namespace=FUNCTIONAL, composite=True)
def smooth_l1_loss(
    input: Array,
    target: Array,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Any:
    """Quadratic below `beta`, linear above."""
    input, target = together(input, target)
    reduction = legacy(size_average, reduce, reduction)
    if not beta >= 0:
        raise errors.bad_argument("smooth_l1_loss does not support negative values for beta.")
    return smooth_l1(input, target, reduction, beta) if beta else reduced(abs(sub(input, target)), reduction)


def huber_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of huber: losses of the input's own dtype."""
    input, target = values[:2]
    own, promoted = dtypes.BY_NUMPY[input.dtype], dtypes.result_type(values[:2], default_dtype())
    check_cast(promoted, own)
    if not promoted.is_floating_point:
        raise errors.not_implemented_for("huber_cpu", promoted.type_name)
    estimate = loss_estimate(values, broadcast(input.shape, target.shape), values[op.index["reduction"]], input.dtype)
    estimate.compute = None
    return estimate


@op(huber_rule, hidden=True, node="HuberLossBackward0")
def huber(input: Array, target: Array, reduction: str, delta: float) -> Any:
    """Half the squared difference up to delta, else delta times the difference less half of delta."""
    gap = xp.absolute(widened(input) - widened(target))
    one = gap.dtype.type
    losses = xp.where(gap <= delta, one(0.5) * gap * gap, one(delta) * (gap - one(0.5 * delta)))
    return total_of(losses, reduction, input.dtype)


def huber_slope(g: Any, input: Any, target: Any, reduction: str, delta: float) -> Any:
    """The gradient of huber to its input."""
    gap = sub(input, target)
    slope = where(ge(abs(gap), delta), scale(sign(gap), delta), clamp_numbers(gap, -delta, delta))
    return mul(slope, share(g, input.shape, reduction))


huber.vjp(
    input=lambda g, input, target, reduction, delta: huber_slope(g, input, target, reduction, delta),
    target=lambda g, input, target, reduction, delta: neg(huber_slope(g, input, target, reduction, delta)),
)


@op(composed, namespace=FUNCTIONAL, composite=True)
def huber_loss(
    input: Array, target: Array, reduction: str = "mean", delta: float = 1.0, weight: Array | None = None
) -> Any:
    """Quadratic up to `delta`, linear beyond."""
    wide, other = together(input, target)
    if weight is None:
        checked_reduction(reduction)
    else:
        check_weights(weight, input)
    if not delta > 0:
        raise errors.bad_argument("huber_loss does not support non-positive values for delta.")
    if weight is None:
        return huber(wide, other, reduction, delta)
    return reduced(mul(huber(wide, other, "none", delta), weight), of_weighed(reduction))

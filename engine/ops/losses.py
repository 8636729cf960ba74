"""Losses of single elements: absolute, smooth, of probabilities and logits, of labels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array
from engine.modes import state
from engine.op import Op, op
from engine.ops.arithmetic import add, div, log, mul, neg, scale, shift, sub
from engine.ops.compare import le, lt
from engine.ops.nn import checked_reduction
from engine.ops.reduction import mean, sum, sum_dim
from engine.ops.selection import where
from engine.ops.special import xlogy
from engine.ops.unary import abs, exp, log1p, sigmoid, sign
from engine.ops.views import expand
from engine.rules import Shape, broadcast, default_dtype, elementwise

HALF = dtypes.HALF_TYPES
FUNCTIONAL = "nn.functional"


# -- reductions -----------------------------------------------------------------------------------------------------


def legacy(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction that torch's old flags ask for; `reduction` itself where they are not given."""
    if size_average is None and reduce is None:
        return checked_reduction(reduction)
    if reduce is False:
        return "none"
    return "sum" if size_average is False else "mean"


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


def computed(array: Any) -> Any:
    """Half types as float32, the rest as they are; None as it is."""
    return array.astype(xp.float32) if array is not None and array.dtype in HALF else array


def together(input: Any, target: Any) -> tuple[Any, Any]:
    """Both expanded to one shape, where they have not the same."""
    a, b = tuple(input.shape), tuple(target.shape)
    if a == b:
        return input, target
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


def weighed(losses: Any, weight: Any, reduction: str) -> Any:
    """Losses times weights; their mean is over the weights' sum."""
    losses = mul(losses, weight)
    if reduction == "none":
        return losses
    return sum(losses) if reduction == "sum" else div(sum(losses), sum(weight))


@op(composed, namespace=FUNCTIONAL, composite=True)
def l1_loss(
    input: Array,
    target: Array,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Array | None = None,
) -> Any:
    """The absolute difference: its mean, its sum, or each (`none`)."""
    reduction = legacy(size_average, reduce, reduction)
    input, target = together(input, target)
    losses = abs(sub(input, target))
    return reduced(losses, reduction) if weight is None else weighed(losses, weight, reduction)


@op(pair_rule("smooth_l1_cpu"), hidden=True, node="SmoothL1LossBackward0")
def smooth_l1(input: Array, target: Array, reduction: str, beta: float) -> Any:
    """Half the squared difference over beta where it is below beta, else the difference less half of beta."""
    gap = xp.absolute(computed(input) - computed(target))
    losses = xp.where(gap < beta, 0.5 * gap * gap / gap.dtype.type(beta), gap - gap.dtype.type(0.5 * beta))
    return total_of(losses, reduction, input.dtype)


def smooth_slope(g: Any, input: Any, target: Any, reduction: str, beta: float) -> Any:
    """The gradient of smooth_l1 to its input."""
    gap = sub(input, target)
    slope = where(lt(abs(gap), beta), scale(gap, 1 / beta), sign(gap))
    return mul(slope, share(g, input.shape, reduction))


smooth_l1.vjp(
    input=lambda g, input, target, reduction, beta: smooth_slope(g, input, target, reduction, beta),
    target=lambda g, input, target, reduction, beta: neg(smooth_slope(g, input, target, reduction, beta)),
)


@op(composed, namespace=FUNCTIONAL, composite=True)
def smooth_l1_loss(
    input: Array,
    target: Array,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Any:
    """Quadratic below `beta`, linear above."""
    reduction = legacy(size_average, reduce, reduction)
    input, target = together(input, target)
    if beta < 0:
        raise errors.bad_argument("smooth_l1_loss does not support negative values for beta.")
    return smooth_l1(input, target, reduction, beta) if beta else reduced(abs(sub(input, target)), reduction)


@op(pair_rule("huber_cpu"), hidden=True, node="HuberLossBackward0")
def huber(input: Array, target: Array, reduction: str, delta: float) -> Any:
    """Half the squared difference up to delta, else delta times the difference less half of delta."""
    gap = xp.absolute(computed(input) - computed(target))
    one = gap.dtype.type
    losses = xp.where(gap <= delta, one(0.5) * gap * gap, one(delta) * (gap - one(0.5 * delta)))
    return total_of(losses, reduction, input.dtype)


def huber_slope(g: Any, input: Any, target: Any, reduction: str, delta: float) -> Any:
    """The gradient of huber to its input."""
    gap = sub(input, target)
    slope = where(le(abs(gap), delta), gap, scale(sign(gap), delta))
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
    checked_reduction(reduction)
    input, target = together(input, target)
    if delta <= 0:
        raise errors.bad_argument("huber_loss does not support non-positive values for delta.")
    if weight is None:
        return huber(input, target, reduction, delta)
    losses = mul(huber(input, target, "none", delta), weight)
    return reduced(losses, reduction)


# -- probabilities --------------------------------------------------------------------------------------------------


def entropy_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of binary_cross_entropy: one dtype, probabilities between 0 and 1."""
    input, target, weight, reduction = values
    dtype = dtypes.BY_NUMPY[input.dtype]
    for each in (target, weight):
        if each is not None and each.dtype != input.dtype:
            name = dtypes.BY_NUMPY[each.dtype].type_name
            raise errors.dtype_mismatch(f"Found dtype {name} but expected {dtype.type_name}")
    if not dtype.is_floating_point:
        raise errors.not_implemented_for("binary_cross_entropy", dtype.type_name)
    for name, each in (("input", input), ("target", target)):
        if isinstance(each, np.ndarray) and each.size and not ((each >= 0) & (each <= 1)).all():
            raise errors.bad_argument(f"all elements of {name} should be between 0 and 1")
    shape = broadcast(input.shape, target.shape, *(() if weight is None else (weight.shape,)))
    return loss_estimate(values, shape, reduction, input.dtype)


@op(entropy_rule, hidden=True, node="BinaryCrossEntropyBackward0")
def entropy(input: Array, target: Array, weight: Array | None, reduction: str) -> Any:
    """-(t log x + (1 - t) log(1 - x)), the logarithms not below -100."""
    x, t = computed(input), computed(target)
    losses = (t - 1) * xp.maximum(xp.log1p(-x), x.dtype.type(-100)) - t * xp.maximum(xp.log(x), x.dtype.type(-100))
    return total_of(losses if weight is None else losses * computed(weight), reduction, input.dtype)


def entropy_input(g: Any, input: Any, target: Any, weight: Any, reduction: str) -> Any:
    """The gradient of entropy to its input, (x - t) / (x (1 - x)), the divisor not below 1e-12."""
    spread = mul(input, shift(neg(input), 1))
    gradient = div(mul(share(g, input.shape, reduction), sub(input, target)), where(lt(spread, 1e-12), 1e-12, spread))
    return gradient if weight is None else mul(gradient, weight)


def entropy_target(g: Any, input: Any, weight: Any, reduction: str) -> Any:
    """The gradient of entropy to its target, log(1 - x) - log(x)."""
    gradient = mul(share(g, input.shape, reduction), sub(log1p(neg(input)), log(input)))
    return gradient if weight is None else mul(gradient, weight)


entropy.vjp(
    input=lambda g, input, target, weight, reduction: entropy_input(g, input, target, weight, reduction),
    target=lambda g, input, weight, reduction: entropy_target(g, input, weight, reduction),
)


@op(composed, namespace=FUNCTIONAL, composite=True)
def binary_cross_entropy(
    input: Array,
    target: Array,
    weight: Array | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """The negative log-likelihood of events of probability `input`."""
    reduction = legacy(size_average, reduce, reduction)
    if tuple(input.shape) != tuple(target.shape):
        raise errors.bad_value(
            f"Using a target size (torch.Size({list(target.shape)})) that is different to the input size "
            f"(torch.Size({list(input.shape)})) is deprecated. Please ensure they have the same size."
        )
    refuse_grad("binary_cross_entropy", "weight", weight)
    if weight is not None:
        weight = expand(weight, broadcast(tuple(target.shape), tuple(weight.shape)))
    return entropy(input, target, weight, reduction)


def logits_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of binary_cross_entropy_with_logits."""
    input, target, weight, positive, reduction = values
    given = [each for each in (input, target, weight, positive) if each is not None]
    dtype = dtypes.result_type(given, default_dtype())
    if not dtype.is_floating_point:
        raise errors.not_implemented_for("log_sigmoid_cpu", dtype.type_name)
    return loss_estimate(values, broadcast(*[each.shape for each in given]), reduction, dtype.numpy)


@op(logits_rule, hidden=True, node="BinaryCrossEntropyWithLogitsBackward0")
def logits_entropy(input: Array, target: Array, weight: Array | None, pos_weight: Array | None, reduction: str) -> Any:
    """(1 - t) x - (1 + (p - 1) t) log(sigmoid(x)), without overflow."""
    x, t = computed(input), computed(target)
    tail = xp.log1p(xp.exp(-xp.absolute(x))) + xp.maximum(-x, 0)
    if pos_weight is not None:
        tail *= (computed(pos_weight) - 1) * t + 1
    losses = (1 - t) * x + tail
    return total_of(losses if weight is None else losses * computed(weight), reduction, input.dtype)


def weighted_share(g: Any, input: Any, weight: Any, reduction: str) -> Any:
    """Each element's part of the gradient, times its weight."""
    g = share(g, input.shape, reduction)
    return g if weight is None else mul(g, weight)


def logits_input(g: Any, input: Any, target: Any, weight: Any, pos_weight: Any, reduction: str) -> Any:
    """The gradient of logits_entropy to its input."""
    g = weighted_share(g, input, weight, reduction)
    if pos_weight is None:
        return mul(sub(sigmoid(input), target), g)
    positive = mul(pos_weight, target)
    return mul(sub(mul(sub(shift(positive, 1), target), sigmoid(input)), positive), g)


def logits_target(g: Any, input: Any, weight: Any, pos_weight: Any, reduction: str) -> Any:
    """The gradient of logits_entropy to its target."""
    g = weighted_share(g, input, weight, reduction)
    if pos_weight is None:
        return mul(neg(input), g)
    return mul(sub(log_sigmoid(neg(input)), mul(pos_weight, log_sigmoid(input))), g)


logits_entropy.vjp(
    input=lambda g, input, target, weight, pos_weight, reduction: logits_input(
        g, input, target, weight, pos_weight, reduction
    ),
    target=lambda g, input, weight, pos_weight, reduction: logits_target(g, input, weight, pos_weight, reduction),
)


@op(elementwise("float", cost=20), hidden=True, node="LogSigmoidBackward0")
def log_sigmoid(input: Array) -> Any:
    """The logarithm of the sigmoid, without overflow."""
    x = computed(input)
    return (xp.minimum(x, 0) - xp.log1p(xp.exp(-xp.absolute(x)))).astype(input.dtype, copy=False)


log_sigmoid.vjp(input=lambda g, input: mul(g, sigmoid(neg(input))))


@op(composed, namespace=FUNCTIONAL, composite=True)
def binary_cross_entropy_with_logits(
    input: Array,
    target: Array,
    weight: Array | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Array | None = None,
) -> Any:
    """binary_cross_entropy of the sigmoid of `input`."""
    reduction = legacy(size_average, reduce, reduction)
    if tuple(input.shape) != tuple(target.shape):
        raise errors.bad_value(
            f"Target size (torch.Size({list(target.shape)})) must be the same as input size "
            f"(torch.Size({list(input.shape)}))"
        )
    refuse_grad("binary_cross_entropy_with_logits", "weight", weight)
    refuse_grad("binary_cross_entropy_with_logits", "pos_weight", pos_weight)
    return logits_entropy(input, target, weight, pos_weight, reduction)


@op(composed, namespace=FUNCTIONAL, composite=True)
def kl_div(
    input: Array,
    target: Array,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Any:
    """The Kullback-Leibler divergence of log-probabilities `input` from `target`."""
    batch = reduction == "batchmean"
    reduction = "sum" if batch else legacy(size_average, reduce, reduction)
    for what, kinds in (("Complex", "c"), ("Integral", "biu")):
        if input.dtype.kind in kinds or target.dtype.kind in kinds:
            raise errors.dtype_mismatch(f"kl_div: {what} inputs not supported.")
    if log_target:
        losses = mul(exp(target), sub(target, input))
    else:
        losses = sub(xlogy(target, target), mul(target, input))
    made = reduced(losses, reduction)
    return div(made, next(iter(input.shape))) if batch and len(input.shape) else made


# -- labels ---------------------------------------------------------------------------------------------------------


def soft_margin_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of soft_margin_loss: the input's dtype."""
    input, target, reduction = values
    dtype = dtypes.BY_NUMPY[input.dtype]
    promoted = dtypes.result_type([input, target], default_dtype())
    if not dtype.differentiable and promoted.differentiable:
        raise errors.dtype_mismatch(
            f"result type {promoted.type_name} can't be cast to the desired output type {dtype.type_name}"
        )
    if not dtype.is_floating_point:
        raise errors.not_implemented_for("exp_vml_cpu", dtype.type_name)
    return loss_estimate(values, broadcast(target.shape, input.shape), reduction, input.dtype)


@op(soft_margin_rule, hidden=True, node="SoftMarginLossBackward0")
def soft_margin(input: Array, target: Array, reduction: str) -> Any:
    """log(1 + exp(-t x))."""
    z = computed(input) * computed(target)
    return total_of(xp.logaddexp(z.dtype.type(0), -z), reduction, input.dtype)


soft_margin.vjp(
    input=lambda g, input, target, reduction: mul(
        neg(mul(target, sigmoid(neg(mul(input, target))))), share(g, input.shape, reduction)
    )
)


@op(composed, namespace=FUNCTIONAL, composite=True)
def soft_margin_loss(
    input: Array,
    target: Array,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """The logistic loss of labels 1 and -1."""
    reduction = legacy(size_average, reduce, reduction)
    refuse_grad("soft_margin_loss", "target", target)
    return soft_margin(input, target, reduction)


@op(composed, namespace=FUNCTIONAL, composite=True)
def multilabel_soft_margin_loss(
    input: Array,
    target: Array,
    weight: Array | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """The mean over classes of each class's logistic loss."""
    reduction = legacy(size_average, reduce, reduction)
    hits = mul(target, log_sigmoid(input))
    losses = neg(add(hits, mul(shift(neg(target), 1), log_sigmoid(neg(input)))))
    if weight is not None:
        losses = mul(losses, weight)
    shape = tuple(input.shape)
    return reduced(div(sum_dim(losses, (len(shape) - 1,)), shape[-1]), reduction)

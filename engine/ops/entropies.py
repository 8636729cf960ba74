"""Losses of probabilities, logits and labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes, errors
from engine.arrays import widened, xp
from engine.infer import Estimate, composed
from engine.inplace import check_cast, check_shape
from engine.kinds import Array, Truth
from engine.modes import warn
from engine.op import Op, op
from engine.ops.arithmetic import add, div, mul, neg, scale, shift, sub
from engine.ops.bounds import clamp_min_number
from engine.ops.losses import legacy, loss_estimate, reduced, refuse_grad, share, total_of
from engine.ops.powers import pow_number
from engine.ops.properties import dtype_of
from engine.ops.reduction import sum_dim
from engine.ops.special import logit, xlogy
from engine.ops.unary import exp, sigmoid
from engine.ops.views import expand
from engine.queries import broadcast_shapes
from engine.rules import FUNCTIONAL, broadcast, default_dtype, elementwise, roomy

# -- probabilities --------------------------------------------------------------------------------------------------


def entropy_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of binary_cross_entropy: one dtype, probabilities between 0 and 1."""
    input, target, weight, reduction = values
    dtype = dtypes.BY_NUMPY[input.dtype]
    if target.dtype != input.dtype:
        name = dtypes.BY_NUMPY[target.dtype].type_name
        raise errors.dtype_mismatch(f"Found dtype {name} but expected {dtype.type_name}")
    if not dtype.is_floating_point:
        raise errors.not_implemented_for("binary_cross_entropy", dtype.type_name)
    for name, each in (("input", input), ("target", target)):
        if isinstance(each, np.ndarray) and each.size and not ((each >= 0) & (each <= 1)).all():
            raise errors.bad_argument(f"all elements of {name} should be between 0 and 1")
    if weight is not None:
        check_cast(dtypes.BY_NUMPY[weight.dtype], dtype)
        check_shape(broadcast(input.shape, weight.shape), input.shape)
    return loss_estimate(values, input.shape, reduction, input.dtype)


@op(entropy_rule, hidden=True, node="BinaryCrossEntropyBackward0")
def entropy(input: Array, target: Array, weight: Array | None, reduction: str) -> Any:
    """-(t log x + (1 - t) log(1 - x)), the logarithms not below -100."""
    x, t = widened(input), widened(target)
    losses = (t - 1) * xp.maximum(xp.log1p(-x), x.dtype.type(-100)) - t * xp.maximum(xp.log(x), x.dtype.type(-100))
    return total_of(losses if weight is None else losses * widened(weight), reduction, input.dtype)


def entropy_input(g: Any, input: Any, target: Any, weight: Any, reduction: str) -> Any:
    """The gradient of entropy to its input."""
    gradient = entropy_backward(share(g, input.shape, reduction), input, target)
    return gradient if weight is None else mul(gradient, weight)


@op(roomy(elementwise(), 2, masks=1, half=2), hidden=True, node="BinaryCrossEntropyBackwardBackward0")
def entropy_backward(grad_output: Array, input: Array, target: Array) -> Any:
    """(x - t) / (x (1 - x)) times the gradient, the divisor not below 1e-12, which PyTorch has as a float32."""
    x = widened(input)
    spread = xp.maximum((1 - x) * x, input.dtype.type(np.float32(1e-12)).astype(x.dtype))
    return grad_output * (x - widened(target)) / spread


entropy_backward.vjp(
    grad_output=lambda g, input, target: mul(g, div(sub(input, target), raised(input))),
    input=lambda g, grad_output, input, target: mul(mul(g, grad_output), entropy_bend(input, target)),
    target=lambda g, grad_output, input: neg(
        div(mul(g, grad_output), clamp_min_number(mul(input, shift(neg(input), 1)), 1e-12))
    ),
)


def raised(x: Any) -> Any:
    """x (1 - x), each factor raised by 1e-12."""
    return mul(shift(x, 1e-12), shift(shift(neg(x), 1), 1e-12))


def entropy_bend(x: Any, t: Any) -> Any:
    """The second derivative of entropy, (x^2 - 2 x t + t) / (x (1 - x))^2."""
    return div(add(sub(mul(x, x), scale(mul(x, t), 2)), t), pow_number(raised(x), 2))


def entropy_target(g: Any, input: Any, weight: Any, reduction: str) -> Any:
    """The gradient of entropy to its target, log(1 - x) - log(x)."""
    gradient = mul(share(g, input.shape, reduction), neg(logit(input)))
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
    size_average: Truth | None = None,
    reduce: Truth | None = None,
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
        weight = expand(weight, broadcast_shapes(target.shape, weight.shape))
    return entropy(input, target, weight, reduction)


def logits_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of binary_cross_entropy_with_logits: losses of the target's dtype, written in place step by step."""
    input, target, weight, positive, reduction = values
    own, made = dtypes.BY_NUMPY[input.dtype], dtypes.BY_NUMPY[target.dtype]
    if not own.is_floating_point:
        raise errors.not_implemented_for("log_sigmoid_cpu", own.type_name)
    if positive is not None:
        refuse_bool(positive, "a bool tensor is", "If you are trying to invert a mask, use the `~` or `logical_not()`")
        check_cast(dtypes.result_type([positive, target], default_dtype()), own)
        check_shape(broadcast(positive.shape, target.shape), input.shape)
    refuse_bool(target, "two bool tensors is", "Use the `^` or `logical_xor()`")
    check_cast(own, made)
    if weight is not None:
        check_cast(dtypes.BY_NUMPY[weight.dtype], made)
        check_shape(broadcast(target.shape, weight.shape), target.shape)
    estimate = loss_estimate(values, target.shape, reduction, target.dtype)
    estimate.compute = None
    return estimate


def refuse_bool(array: Any, what: str, instead: str) -> None:
    """Raise RuntimeError for bools, which torch does not subtract."""
    if array.dtype.kind == "b":
        text = f"Subtraction, the `-` operator, with {what} not supported. {instead} operator instead."
        raise errors.dtype_mismatch(text)


@op(
    logits_rule,
    hidden=True,
    node="BinaryCrossEntropyWithLogitsBackward0",
    real_grad="binary_cross_entropy_with_logits",
)
def logits_entropy(input: Array, target: Array, weight: Array | None, pos_weight: Array | None, reduction: str) -> Any:
    """(1 - t) x - (1 + (p - 1) t) log(sigmoid(x)), without overflow."""
    x, t = widened(input), widened(target)
    tail = xp.log1p(xp.exp(-xp.absolute(x))) + xp.maximum(-x, 0)
    if pos_weight is not None:
        tail = tail * ((widened(pos_weight) - 1) * t + 1)
    losses = (1 - t) * x + tail
    return total_of(losses if weight is None else losses * widened(weight), reduction, target.dtype)


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


@op(roomy(elementwise("float", cost=20), 2, half=2), hidden=True, node="LogSigmoidBackward0")
def log_sigmoid(input: Array) -> Any:
    """The logarithm of the sigmoid, without overflow."""
    x = widened(input)
    return (xp.minimum(x, 0) - xp.log1p(xp.exp(-xp.absolute(x)))).astype(input.dtype, copy=False)


log_sigmoid.vjp(input=lambda g, input: mul(g, sigmoid(neg(input))))


@op(composed, namespace=FUNCTIONAL, composite=True)
def binary_cross_entropy_with_logits(
    input: Array,
    target: Array,
    weight: Array | None = None,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
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


MEAN_OF_ALL = (
    "reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' divides only by "
    "the batch size, and aligns with the KL div math definition.'mean' will be changed to behave the same as "
    "'batchmean' in the next major release."
)


@op(composed, namespace=FUNCTIONAL, composite=True)
def kl_div(
    input: Array,
    target: Array,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Any:
    """The Kullback-Leibler divergence of log-probabilities `input` from `target`."""
    old = size_average is not None or reduce is not None
    batch = reduction == "batchmean"
    if reduction == "mean" and not old:
        warn(MEAN_OF_ALL, level=6)
    reduction = "sum" if batch and not old else legacy(size_average, reduce, reduction)
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
    if dtype is dtypes.bool_:
        raise errors.dtype_mismatch(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use "
            "the `~` or `logical_not()` operator instead."
        )
    shape = broadcast(input.shape, target.shape)
    check_cast(dtypes.result_type([input, target], default_dtype()), dtype)
    check_shape(shape, input.shape)
    check_cast(default_dtype() if dtype.category == dtypes.INTEGRAL else dtype, dtype)
    estimate = loss_estimate(values, input.shape, reduction, input.dtype)
    estimate.compute = None
    return estimate


@op(soft_margin_rule, hidden=True, node="SoftMarginLossBackward0", real_grad="soft_margin_loss")
def soft_margin(input: Array, target: Array, reduction: str) -> Any:
    """log(1 + exp(-t x)), which overflows as PyTorch's."""
    losses = xp.log1p(xp.exp(-widened(input) * widened(target)))
    return total_of(losses, reduction, input.dtype)


soft_margin.vjp(
    input=lambda g, input, target, reduction: mul(soft_slope(input, target), share(g, input.shape, reduction))
)


def soft_slope(x: Any, t: Any) -> Any:
    """-t exp(-t x) / (1 + exp(-t x)), NaN where that overflows."""
    power = exp(neg(mul(x, t)))
    return neg(mul(t, div(power, shift(power, 1))))


@op(composed, namespace=FUNCTIONAL, composite=True)
def soft_margin_loss(
    input: Array,
    target: Array,
    size_average: Truth | None = None,
    reduce: Truth | None = None,
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
    size_average: Truth | None = None,
    reduce: Truth | None = None,
    reduction: str = "mean",
) -> Any:
    """The mean over classes of each class's logistic loss."""
    reduction = legacy(size_average, reduce, reduction, False)
    if not dtype_of(input).is_floating_point:
        raise errors.not_implemented_for("log_sigmoid_cpu", dtype_of(input).type_name)
    refuse_bool(target, "a bool tensor is", "If you are trying to invert a mask, use the `~` or `logical_not()`")
    hits = mul(target, log_sigmoid(input))
    losses = neg(add(hits, mul(shift(neg(target), 1), log_sigmoid(neg(input)))))
    if weight is not None:
        losses = mul(losses, weight)
    shape = tuple(input.shape)
    if not shape:
        raise errors.bad_index("Dimension specified as -1 but tensor has no dimensions")
    if reduction not in ("mean", "sum", "none"):
        raise errors.bad_value(f"{reduction} is not valid")
    return reduced(div(sum_dim(losses, (len(shape) - 1,)), shape[-1]), reduction)

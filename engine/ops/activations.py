"""Smooth activations: elu and its like, gelu, silu, softplus, mish, gated and normalised ones."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import widened, xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Dims, Dtype, Number, Truth
from engine.op import Op, Rule, alias, op
from engine.ops.arithmetic import add, conj_of, div, mul, neg, scale, shift, sub
from engine.ops.bounds import clamp_max_number, clamp_min_number, kept
from engine.ops.compare import lt
from engine.ops.nn import cast_first, softmax_of, warn_of_no_dim
from engine.ops.reduction import vector_norm
from engine.ops.unary import abs, exp, sigmoid, tanh
from engine.ops.views import expand_as
from engine.rules import FUNCTIONAL, check_number, elementwise, roomy
from engine.special_functions import by_blocks, normal_share

WHOLE = (dtypes.BOOL, dtypes.INTEGRAL)
NOT_FLOATING = (*WHOLE, dtypes.COMPLEX)
DOUBLE = dtypes.float64.numpy


def smooth(kernel: str, buffers: int = 4, masks: int = 0, half: int = 0) -> Rule:
    """The rule of an activation: real floating tensors only, as they are."""
    return roomy(elementwise(refuse=NOT_FLOATING, kernel=kernel, cost=30), buffers, masks, half)


def backward_of(buffers: int, masks: int = 0, half: int = 2) -> Rule:
    """The rule of an activation's gradient, which holds so many arrays beside its result."""
    return roomy(elementwise(), buffers, masks, half)


def numbered(rule: Rule) -> Rule:
    """The rule of an op that takes numbers after its tensor: those that the tensor's dtype holds, real ones."""

    def checked(op: Op, values: list[Any]) -> Estimate:
        values = [each.real if type(each) is complex and not each.imag else each for each in values]
        estimate = rule(op, values)
        for each in values[1:]:
            check_number(each, values[0].dtype)
        return estimate

    return checked


def as_double(number: complex) -> float:
    """The number where C++ wants a double.

    Raises RuntimeError for one that is not real.
    """
    check_number(number, DOUBLE)
    return float(number.real)


def logistic(x: Any) -> Any:
    """1 / (1 + exp(-x)) on arrays, without overflow; of half types in float32."""
    x = widened(x)
    if x.dtype.kind == "c":
        return 1 / (1 + xp.exp(-x))
    half = x.dtype.type(0.5)
    return xp.tanh(x * half) * half + half


# -- elu, selu, celu ------------------------------------------------------------------------------------------------


@op(numbered(smooth("elu_cpu")), hidden=True, inplace=True, node="EluBackward0")
def elu_of(input: Array, alpha: Number, scale: float, input_scale: float) -> Any:
    """scale * x above 0, scale * alpha * (exp(input_scale * x) - 1) below."""
    x = widened(input)
    low = xp.expm1(xp.minimum(x, 0) * input_scale) * (alpha * scale)
    return xp.maximum(x, 0) * scale + low


elu_of.vjp(
    input=lambda g, input, alpha, scale, input_scale: elu_backward(
        g, input, alpha * scale * input_scale, scale, input_scale
    )
)


@op(backward_of(1, 1), hidden=True, node="EluBackwardBackward0")
def elu_backward(grad_output: Array, input: Array, low: float, high: float, rate: float) -> Any:
    """The gradient times `high` above 0, times low * exp(rate * x) below."""
    x = widened(input)
    return grad_output * xp.where(x <= 0, xp.exp(xp.minimum(x, 0) * rate) * low, x.dtype.type(high))


elu_backward.vjp(
    grad_output=lambda g, input, low, high, rate: elu_backward(g, input, low, high, rate),
    input=lambda g, grad_output, input, low, rate: kept(
        mul(mul(g, grad_output), falling(input, low * rate, rate)), lt(input, 0)
    ),
)


def falling(x: Any, factor: float, rate: float) -> Any:
    """factor * exp(rate * x), held constant above 0."""
    return scale(exp(scale(clamp_max_number(x, 0), rate)), factor)


def celu_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of celu: an alpha to divide by."""
    if not values[1]:
        raise errors.bad_argument("ZeroDivisionError: alpha cannot be 0 for CELU")
    return smooth("elu_cpu")(op, values)


@op(celu_rule, hidden=True, inplace=True, name="celu_of", node="CeluBackward0")
def celu_of(input: Array, alpha: float) -> Any:
    """x above 0, alpha * (exp(x / alpha) - 1) below."""
    x = widened(input)
    return xp.maximum(x, 0) + xp.expm1(xp.minimum(x, 0) * (1 / alpha)) * alpha


celu_of.vjp(input=lambda g, input, alpha: celu_input(g, input, alpha))


def celu_input(g: Any, input: Any, alpha: float) -> Any:
    """The gradient of celu."""
    steepness = steepness_of(alpha)
    return elu_backward(g, input, alpha * steepness, 1.0, steepness)


def steepness_of(alpha: float) -> float:
    """1 / alpha of celu's gradient; PyTorch rounds alpha to float32 before it divides by it."""
    rounded = float(dtypes.float32.numpy.type(alpha))
    return 1 / rounded if rounded else math.inf


elu_: Any = elu_of.twin
celu_: Any = celu_of.twin
elu_.formulas, celu_.formulas = {}, {}  # of their results: what was there before is gone
elu_.vjp(input=lambda g, out, alpha, scale, input_scale: elu_grad_from(g, out, alpha, scale, input_scale))
celu_.vjp(input=lambda g, out, alpha: elu_grad_from(g, out, alpha, 1.0, steepness_of(alpha)))


def elu_grad_from(g: Any, out: Any, alpha: Any, factor: float, rate: float) -> Any:
    """The gradient of elu in place, told from its result."""
    refuse_turned("elu", alpha)
    return elu_backward_from(g, out, alpha * factor, factor, rate)


def refuse_turned(name: str, slope: Any, more: str = "") -> None:
    """Raise RuntimeError for a slope below 0, of which results do not tell from which side they are."""
    if slope < 0:
        raise errors.bad_argument(
            f"In-place {name} backward calculation is triggered with a negative slope which is not supported. This is "
            f"caused by calling in-place forward function with a negative slope, please call out-of-place version "
            f"instead.{more}"
        )


@op(backward_of(1, 1), hidden=True, node="EluBackwardBackward0")
def elu_backward_from(grad_output: Array, result: Array, low: float, high: float, rate: float) -> Any:
    """The gradient times `high` where the result is above 0, times rate * (result + low) elsewhere."""
    y = widened(result)
    return grad_output * xp.where(y <= 0, (y + low) * rate, y.dtype.type(high))


elu_backward_from.vjp(
    grad_output=lambda g, result, low, high, rate: elu_backward_from(g, result, low, high, rate),
    result=lambda g, grad_output, result, rate: kept(scale(mul(g, grad_output), rate), lt(result, 0)),
)
SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


@op(composed, namespace=FUNCTIONAL, composite=True)
def elu(input: Array, alpha: Number = 1.0, inplace: Truth = False) -> Any:
    """x above 0, alpha * (exp(x) - 1) below."""
    return (elu_ if inplace else elu_of)(input, alpha, 1.0, 1.0)


@op(composed, namespace=FUNCTIONAL, composite=True)
def selu(input: Array, inplace: Truth = False) -> Any:
    """elu with the scales that keep mean 0 and variance 1."""
    return (elu_ if inplace else elu_of)(input, SELU_ALPHA, SELU_SCALE, 1.0)


@op(composed, namespace=FUNCTIONAL, composite=True)
def celu(input: Array, alpha: Number = 1.0, inplace: Truth = False) -> Any:
    """x above 0, alpha * (exp(x / alpha) - 1) below.

    Raises RuntimeError for alpha 0.
    """
    return (celu_ if inplace else celu_of)(input, as_double(alpha))


# -- gelu -----------------------------------------------------------------------------------------------------------

KAPPA, BETA = 0.044715, math.sqrt(2 / math.pi)


def gelu_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of gelu: two ways to compute it."""
    if values[op.index["approximate"]] not in ("none", "tanh"):
        raise errors.bad_argument("approximate argument must be either none or tanh.")
    return (GELU if values[op.index["approximate"]] == "none" else GELU_TANH)(op, values)


GELU, GELU_TANH = by_blocks(smooth("GeluKernelImpl", 0, half=2)), smooth("GeluKernelImpl", 1, half=2)


@op(gelu_rule, namespace=FUNCTIONAL, node="GeluBackward0")
def gelu(input: Array, *, approximate: str = "none") -> Any:
    """x times the normal distribution function of x, or a formula in tanh near it."""
    x = widened(input)
    if approximate == "none":
        share = normal_share(x)
        share *= x
        return share
    return x * (0.5 + 0.5 * xp.tanh(BETA * (x + KAPPA * (x * x * x))))


gelu.vjp(input=lambda g, input, approximate: gelu_backward(g, input, approximate))


@op(backward_of(4), hidden=True, node="GeluBackwardBackward0")
def gelu_backward(grad_output: Array, input: Array, approximate: str) -> Any:
    """The gradient of gelu."""
    x = widened(input)
    if approximate == "none":
        return grad_output * (normal_share(x) + x * xp.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi)))
    t = xp.tanh(BETA * (x + KAPPA * (x * x * x)))
    return grad_output * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * (BETA * (1 + 3 * KAPPA * (x * x))))


gelu_backward.vjp(
    grad_output=lambda g, input, approximate: gelu_backward(g, input, approximate),
    input=lambda g, grad_output, input, approximate: mul(mul(g, grad_output), gelu_bend(input, approximate)),
)


def gelu_bend(x: Any, approximate: str) -> Any:
    """The second derivative of gelu."""
    square = mul(x, x)
    if approximate == "none":
        return mul(scale(exp(scale(square, -0.5)), 1 / math.sqrt(2 * math.pi)), shift(neg(square), 2))
    t = tanh(scale(mul(x, shift(scale(square, KAPPA), 1)), BETA))
    first = scale(shift(scale(square, 3 * KAPPA), 1), BETA)
    second = scale(x, 6 * KAPPA * BETA)
    curve = sub(scale(second, 0.5), mul(t, mul(first, first)))
    return mul(shift(neg(mul(t, t)), 1), add(first, mul(x, curve)))


# -- silu, mish, softplus, logsigmoid ---------------------------------------------------------------------------------


SILU = roomy(elementwise(refuse=WHOLE, kernel="silu_cpu", cost=30), 4)


@op(SILU, hidden=True, inplace=True, node="SiluBackward0", real_grad="silu")
def silu_of(input: Array) -> Any:
    """x times its sigmoid."""
    return widened(input) * logistic(input)


silu_of.vjp(input=lambda g, input: silu_backward(g, input))
silu_: Any = silu_of.twin


@op(backward_of(2), hidden=True, node="MulBackward0")  # torch writes it as a product where it records it
def silu_backward(grad_output: Array, input: Array) -> Any:
    """The gradient of silu."""
    s, x = logistic(input), widened(input)
    return grad_output * xp.conjugate(s * (1 + x * (1 - s)))


silu_backward.vjp(
    grad_output=lambda g, input: silu_backward(g, conj_of(input)),
    input=lambda g, grad_output, input: mul(mul(conj_of(g), grad_output), conj_of(silu_bend(input))),
)


def silu_bend(x: Any) -> Any:
    """The second derivative of silu."""
    s = sigmoid(x)
    rest = shift(neg(s), 1)
    return mul(mul(s, rest), shift(mul(x, sub(rest, s)), 2))


@op(composed, namespace=FUNCTIONAL, composite=True)
def silu(input: Array, inplace: Truth = False) -> Any:
    """x times its sigmoid."""
    return (silu_ if inplace else silu_of)(input)


def softened(x: Any) -> Any:
    """log(1 + exp(x)) on arrays, without overflow."""
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))


@op(smooth("mish_cpu", 5), hidden=True, inplace=True, node="MishBackward0")
def mish_of(input: Array) -> Any:
    """x times tanh(softplus(x))."""
    x = widened(input)
    return x * xp.tanh(softened(x))


mish_of.vjp(input=lambda g, input: mish_backward(g, input))
mish_: Any = mish_of.twin


@op(backward_of(3), hidden=True, node="MulBackward0")  # as silu's
def mish_backward(grad_output: Array, input: Array) -> Any:
    """The gradient of mish."""
    x = widened(input)
    t = xp.tanh(softened(x))
    return grad_output * (t + x * logistic(x) * (1 - t * t))


mish_backward.vjp(
    grad_output=lambda g, input: mish_backward(g, input),
    input=lambda g, grad_output, input: mul(mul(g, grad_output), mish_bend(input)),
)


def mish_bend(x: Any) -> Any:
    """The second derivative of mish."""
    s, t = sigmoid(x), tanh(softplus(x, 1.0, 20.0))
    inner = shift(mul(x, shift(sub(neg(s), scale(mul(t, s), 2)), 1)), 2)
    return mul(mul(shift(neg(mul(t, t)), 1), s), inner)


@op(composed, namespace=FUNCTIONAL, composite=True)
def mish(input: Array, inplace: Truth = False) -> Any:
    """x times tanh(softplus(x))."""
    return (mish_ if inplace else mish_of)(input)


@op(numbered(smooth("softplus_cpu", 5)), namespace=FUNCTIONAL, node="SoftplusBackward0")
def softplus(input: Array, beta: Number = 1.0, threshold: Number = 20.0) -> Any:
    """log(1 + exp(beta * x)) / beta; x itself where beta * x is above the threshold."""
    x = widened(input)
    bent = x * beta
    return xp.where(bent > threshold, x, softened(bent) / beta)


softplus.vjp(input=lambda g, input, beta, threshold: softplus_backward(g, input, beta, threshold))


@op(backward_of(2, 1), hidden=True, node="SoftplusBackwardBackward0")
def softplus_backward(grad_output: Array, input: Array, beta: float, threshold: float) -> Any:
    """The gradient of softplus: times a sigmoid, all of it above the threshold."""
    bent = widened(input) * beta
    return grad_output * xp.where(bent > threshold, bent.dtype.type(1), logistic(bent))


softplus_backward.vjp(
    grad_output=lambda g, input, beta, threshold: softplus_backward(g, input, beta, threshold),
    input=lambda g, grad_output, input, beta, threshold: mul(  # a product, so that NaN stays NaN
        mul(mul(g, grad_output), softplus_bend(input, beta)), lt(scale(input, beta), threshold)
    ),
)


def softplus_bend(x: Any, beta: float) -> Any:
    """The second derivative of softplus below its threshold."""
    s = sigmoid(scale(x, beta))
    return scale(mul(s, shift(neg(s), 1)), beta)


@op(smooth("log_sigmoid_cpu", 2, half=2), namespace=FUNCTIONAL, node="LogSigmoidBackward0", rows=True)
def logsigmoid(input: Array) -> Any:
    """log(1 / (1 + exp(-x))), without overflow."""
    x = widened(input)
    return xp.asarray(xp.minimum(x, 0) - xp.log1p(xp.exp(-xp.abs(x))), order="C")  # row-major, as in torch


logsigmoid.vjp(input=lambda g, input: logsigmoid_backward(g, input))


@op(backward_of(3), hidden=True, node="LogSigmoidBackwardBackward0")
def logsigmoid_backward(grad_output: Array, input: Array) -> Any:
    """The gradient of logsigmoid: times the sigmoid of the negative, however small."""
    x = widened(input)
    size = xp.exp(-xp.abs(x))
    return grad_output * (xp.where(x < 0, x.dtype.type(1), size) / (1 + size))


logsigmoid_backward.vjp(
    grad_output=lambda g, input: logsigmoid_backward(g, input),
    input=lambda g, grad_output, input: mul(neg(mul(g, grad_output)), softplus_bend(input, 1.0)),
)


# -- normalised, composed ---------------------------------------------------------------------------------------------


@op(composed, namespace=FUNCTIONAL, composite=True)
def softmin(input: Array, dim: int | None = None, _stacklevel: int = 3, dtype: Dtype = None) -> Any:
    """softmax of the negative."""
    warn_of_no_dim("softmin", dim)
    return softmax_of(cast_first(neg(input), dtype), dim)


@op(composed, namespace=FUNCTIONAL, composite=True)
def softsign(input: Array) -> Any:
    """x / (1 + |x|)."""
    if input.dtype.kind == "b":
        raise errors.not_implemented_for("abs_cpu", "Bool")
    return div(input, add(abs(input), 1))


@op(composed, namespace=FUNCTIONAL, composite=True)
def tanhshrink(input: Array) -> Any:
    """x - tanh(x)."""
    return sub(input, tanh(input))


@op(composed, namespace=FUNCTIONAL, composite=True)
def normalize(input: Array, p: Number | None = 2.0, dim: Dims | None = 1, eps: float = 1e-12) -> Any:
    """The input over its p-norm along dims (None: all), or over eps where that is larger."""
    return div(input, expand_as(clamp_min_number(vector_norm(input, 2.0 if p is None else p, dim, True), eps), input))


for _of, _name in ((elu_of, "EluBackward1"), (celu_of, "CeluBackward1")):
    assert _of.twin is not None
    _of.twin.node_name = _name  # torch's names for the in-place forms
alias(celu, "celu")
alias(selu, "selu")

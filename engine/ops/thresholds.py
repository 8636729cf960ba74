"""Activations made of straight pieces: thresholds, leaky and shrinking ones, and their in-place forms."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from engine import arrays, dtypes, errors
from engine.arrays import widened, xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Number, Truth
from engine.op import Op, alias, op
from engine.ops.activations import as_double, backward_of, numbered, refuse_turned, smooth
from engine.ops.arithmetic import mul, scale
from engine.ops.bounds import COMPLEX_TEXT, kept, limit
from engine.ops.compare import ge, gt, logical_and, logical_not, lt
from engine.ops.creation import zeros_like
from engine.ops.properties import dtype_of
from engine.ops.selection import where
from engine.ops.unary import relu as relu_of
from engine.ops.views import reshape
from engine.rules import FUNCTIONAL, INT64, check_number, elementwise, refusing, roomy, same_as_input, stored

relu_: Any = relu_of.twin
SIXTH = float(np.float32(1 / 6))  # of this precision in torch, whatever the dtype
ELEMENTWISE = roomy(elementwise(), 1)


@op(composed, namespace=FUNCTIONAL, composite=True)
def relu(input: Array, inplace: Truth = False) -> Any:
    """Zero for negative elements, else the element."""
    return (relu_ if inplace else relu_of)(input)


# -- leaky_relu, prelu -----------------------------------------------------------------------------------------------


@op(numbered(smooth("leaky_relu_cpu", 3)), hidden=True, inplace=True, node="LeakyReluBackward0")
def leaky_relu_of(input: Array, negative_slope: Number) -> Any:
    """x above 0, negative_slope * x below."""
    x = widened(input)
    return xp.maximum(x, 0) + xp.minimum(x, 0) * negative_slope


leaky_relu_of.vjp(input=lambda g, input, negative_slope: leaky_relu_backward(g, input, negative_slope))
leaky_relu_: Any = leaky_relu_of.twin
leaky_relu_.node_name = "LeakyReluBackward1"
leaky_relu_.formulas = {}  # of its result: what was there before is gone
leaky_relu_.vjp(input=lambda g, out, negative_slope: leaky_relu_grad_from(g, out, negative_slope))


def leaky_relu_grad_from(g: Any, out: Any, slope: Any) -> Any:
    """The gradient of leaky_relu in place, told from its result."""
    refuse_turned(
        "leakyReLu",
        slope,
        " File an issue at https://github.com/pytorch/pytorch if you do require supporting in-place leakRelu backward "
        "calculation with negative slope",
    )
    return leaky_relu_backward(g, out, slope)


@op(backward_of(1, 1), hidden=True, node="LeakyReluBackwardBackward0")
def leaky_relu_backward(grad_output: Array, input: Array, negative_slope: float) -> Any:
    """The gradient above 0, negative_slope times the gradient below."""
    kind = grad_output.dtype.type
    return grad_output * xp.where(input > 0, kind(1), kind(negative_slope))


leaky_relu_backward.vjp(
    grad_output=lambda g, input, negative_slope: leaky_relu_backward(g, input, negative_slope),
    input=lambda g: zeros_like(g),
)


@op(composed, namespace=FUNCTIONAL, composite=True)
def leaky_relu(input: Array, negative_slope: Number = 0.01, inplace: Truth = False) -> Any:
    """x above 0, negative_slope * x below."""
    return (leaky_relu_ if inplace else leaky_relu_of)(input, negative_slope)


@op(smooth("prelu_cpu", 1, 1), hidden=True, node="PreluKernelBackward0")
def prelu_kernel(input: Array, weight: Array) -> Any:
    """x above 0, weight * x below."""
    return xp.where(input > 0, input, input * weight)


prelu_kernel.vjp(
    input=lambda g, input, weight: prelu_input(g, input, weight),
    weight=lambda g, input, weight: prelu_weight(g, input, weight),
)


@op(backward_of(1, 2, 0), hidden=True, node="PreluKernelBackwardBackward0")
def prelu_input(grad_output: Array, input: Array, weight: Array) -> Any:
    """The gradient above 0, weight times the gradient below."""
    return xp.where(input > 0, grad_output, grad_output * weight)


prelu_input.vjp(  # torch's second derivative counts 0 as above
    grad_output=lambda g, input, weight: where(ge(input, 0), g, mul(g, weight)),
    input=lambda g: zeros_like(g),
    weight=lambda g, grad_output, input: mul(g, kept(grad_output, logical_not(ge(input, 0)))),
)


@op(backward_of(1, 2, 0), hidden=True, node="PreluKernelBackwardBackward0")
def prelu_weight(grad_output: Array, input: Array, weight: Array) -> Any:
    """The gradient times x below 0, zero above; the weight is here as torch's node has it too."""
    return arrays.keep(~(input > 0), grad_output * input)


prelu_weight.vjp(
    grad_output=lambda g, input: kept(mul(g, input), logical_not(ge(input, 0))),
    input=lambda g, grad_output, input: kept(mul(g, grad_output), logical_not(ge(input, 0))),
    weight=lambda g: zeros_like(g),
)


@op(composed, namespace=FUNCTIONAL, composite=True, method=True)
def prelu(input: Array, weight: Array) -> Any:
    """x above 0, weight * x below: one weight, or one for each channel."""
    if input.dtype != weight.dtype:
        raise errors.dtype_mismatch(
            f"prelu: Type promoting not supported. Got {dtype_of(input).type_name} and {dtype_of(weight).type_name}"
        )
    check_weight(tuple(input.shape), tuple(weight.shape))
    ndim = len(input.shape)
    if ndim != len(weight.shape):
        size = weight.shape[0] if len(weight.shape) else 1
        weight = reshape(weight, (1, size, *(1,) * (ndim - 2)) if ndim > 1 else (1,) * ndim)
    return prelu_kernel(input, weight)


def check_weight(shape: tuple[int, ...], weight: tuple[int, ...]) -> None:
    """Raise RuntimeError for weights that are neither one nor one for each channel."""
    count = 1
    for size in weight:
        count *= size
    if count != 1:
        if not shape:
            raise errors.bad_argument("Not allow zero-dim input tensor.")
        channels = shape[1] if len(shape) > 1 else 1
        if channels != count:
            raise errors.shape_mismatch(
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{count} and channel size = {channels}."
            )
    if len(weight) > 1:
        raise errors.bad_argument(
            f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {len(weight)}"
        )


# -- hardtanh, relu6, hardsigmoid, hardswish -------------------------------------------------------------------------


def hardtanh_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of hardtanh: no bools, no complex numbers, no negative limits of unsigned tensors."""
    array, low, high = values
    dtype = dtypes.BY_NUMPY[array.dtype]
    if dtype is dtypes.bool_:
        raise errors.dtype_mismatch("Bool inputs not supported for hardtanh")
    if isinstance(low, complex) or isinstance(high, complex):
        raise errors.bad_argument("value cannot be converted to type double without overflow")
    if dtype.category == dtypes.INTEGRAL:
        for each in (low, high):
            check_number(each, INT64)
    if dtype is dtypes.uint8 and (int(low) < 0 or int(high) < 0):
        raise errors.dtype_mismatch("cannot do hardtanh on an unsigned type with negative limits")
    estimate = roomy(refusing(same_as_input, (dtypes.COMPLEX,), COMPLEX_TEXT, NotImplementedError), 1)(op, values)
    for each in (low, high):
        stored(each if dtype.is_floating_point else int(each), array.dtype)
    return estimate


@op(hardtanh_rule, hidden=True, inplace=True, node="HardtanhBackward0")
def hardtanh_of(input: Array, min_val: Number, max_val: Number) -> Any:
    """x held between two numbers."""
    return xp.minimum(xp.maximum(input, limit(input, min_val)), limit(input, max_val))


hardtanh_of.vjp(input=lambda g, input, min_val, max_val: hardtanh_backward(g, input, min_val, max_val))


@op(ELEMENTWISE, hidden=True, node="HardtanhBackwardBackward0")
def hardtanh_backward(grad_output: Array, input: Array, low: Number, high: Number) -> Any:
    """The gradient strictly between two numbers (and for NaN), zero elsewhere."""
    return arrays.keep(~((input <= low) | (input >= high)), grad_output)


hardtanh_backward.vjp(
    grad_output=lambda g, input, low, high: hardtanh_backward(g, input, low, high), input=lambda g: zeros_like(g)
)
hardtanh_: Any = hardtanh_of.twin


@op(composed, namespace=FUNCTIONAL, composite=True)
def hardtanh(input: Array, min_val: Number = -1.0, max_val: Number = 1.0, inplace: Truth = False) -> Any:
    """x held between two numbers.

    Raises ValueError if the first is above the second, TypeError for complex ones.
    """
    if isinstance(min_val, complex) or isinstance(max_val, complex):
        kinds = [type(each).__name__ for each in (min_val, max_val)]
        raise errors.bad_type("'>' not supported between instances of '{}' and '{}'".format(*kinds))
    if min_val > max_val:
        raise errors.bad_value("min_val cannot be greater than max_val")
    return (hardtanh_ if inplace else hardtanh_of)(input, min_val, max_val)


@op(composed, namespace=FUNCTIONAL, composite=True)
def relu6(input: Array, inplace: Truth = False) -> Any:
    """x held between 0 and 6."""
    return (hardtanh_ if inplace else hardtanh_of)(input, 0, 6)


@op(smooth("hardsigmoid_cpu", 2), hidden=True, inplace=True, node="HardsigmoidBackward0")
def hardsigmoid_of(input: Array) -> Any:
    """x / 6 + 1 / 2, held between 0 and 1."""
    x = widened(input)
    return xp.minimum(xp.maximum(x + 3, 0), 6) / 6


hardsigmoid_of.vjp(input=lambda g, input: hardsigmoid_backward(g, input))


@op(roomy(elementwise(), 3), hidden=True, node="HardsigmoidBackwardBackward0")
def hardsigmoid_backward(grad_output: Array, input: Array) -> Any:
    """A sixth of the gradient between -3 and 3, zero elsewhere."""
    return arrays.keep((input > -3) & (input < 3), widened(grad_output) * SIXTH)


hardsigmoid_backward.vjp(grad_output=lambda g, input: hardsigmoid_backward(g, input), input=lambda g: zeros_like(g))
hardsigmoid_: Any = hardsigmoid_of.twin


@op(composed, namespace=FUNCTIONAL, composite=True)
def hardsigmoid(input: Array, inplace: Truth = False) -> Any:
    """x / 6 + 1 / 2, held between 0 and 1."""
    return (hardsigmoid_ if inplace else hardsigmoid_of)(input)


@op(smooth("hardswish_cpu", 3), hidden=True, inplace=True, node="HardswishBackward0")
def hardswish_of(input: Array) -> Any:
    """x times its hardsigmoid."""
    x = widened(input)
    return x * xp.minimum(xp.maximum(x + 3, 0), 6) / 6


hardswish_of.vjp(input=lambda g, input: hardswish_backward(g, input))
hardswish_: Any = hardswish_of.twin


@op(backward_of(1, 2), hidden=True, node="HardswishBackwardBackward0")
def hardswish_backward(grad_output: Array, input: Array) -> Any:
    """The gradient times 0 below -3, x / 3 + 1 / 2 up to 3, 1 above."""
    x = widened(input)
    kind = x.dtype.type
    return grad_output * xp.where(x <= -3, kind(0), xp.where(x < 3, x / 3 + kind(0.5), kind(1)))


hardswish_backward.vjp(
    grad_output=lambda g, input: hardswish_backward(g, input),
    input=lambda g, grad_output, input: kept(
        scale(mul(g, grad_output), 1 / 3), logical_and(gt(input, -3), lt(input, 3))
    ),
)


@op(composed, namespace=FUNCTIONAL, composite=True)
def hardswish(input: Array, inplace: Truth = False) -> Any:
    """x times its hardsigmoid."""
    return (hardswish_ if inplace else hardswish_of)(input)


# -- shrinking -------------------------------------------------------------------------------------------------------


@op(numbered(smooth("hardshrink_cpu", 0, masks=1)), namespace=FUNCTIONAL, node="HardshrinkBackward0", method=True)
def hardshrink(input: Array, lambd: Number = 0.5) -> Any:
    """x, but 0 between -lambd and lambd."""
    return xp.where((input >= -lambd) & (input <= lambd), input.dtype.type(0), input)


hardshrink.vjp(input=lambda g, input, lambd: shrink_backward(g, input, lambd))


@op(ELEMENTWISE, hidden=True, node="HardshrinkBackwardBackward0")
def shrink_backward(grad_output: Array, input: Array, lambd: float) -> Any:
    """The gradient where the input (or NaN) is not between -lambd and lambd, zero elsewhere."""
    return arrays.keep(~((input >= -lambd) & (input <= lambd)), grad_output)


shrink_backward.vjp(grad_output=lambda g, input, lambd: shrink_backward(g, input, lambd), input=lambda g: zeros_like(g))


def softshrink_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of softshrink: a lambda that is neither negative nor above what the dtype holds."""
    input, lambd = values
    dtype = dtypes.BY_NUMPY[input.dtype]
    if dtype.is_floating_point:
        lambd = as_double(lambd)
        largest = float(ml_dtypes.finfo(dtype.numpy).max)  # type: ignore[no-untyped-call]
        if not 0 <= lambd <= largest:
            raise errors.bad_argument(
                f"lambda must be in range [0, {largest:g}] for input dtype {dtype.type_name}, but found {lambd:g}"
            )
    return smooth("softshrink_check", 4)(op, [input, lambd])


@op(softshrink_rule, namespace=FUNCTIONAL, node="SoftshrinkBackward0")
def softshrink(input: Array, lambd: Number = 0.5) -> Any:
    """x moved by lambd towards 0, and not beyond."""
    x = widened(input)
    return xp.maximum(x - lambd, 0) + xp.minimum(x + lambd, 0)


softshrink.vjp(input=lambda g, input, lambd: shrink_backward(g, input, lambd))


# -- threshold -------------------------------------------------------------------------------------------------------

THRESHOLD = numbered(roomy(elementwise(refuse=(dtypes.BOOL, dtypes.COMPLEX), kernel="threshold_cpu"), 0, 1))


@op(THRESHOLD, hidden=True, inplace=True, node="ThresholdBackward0")
def threshold_of(input: Array, threshold: Number, value: Number) -> Any:
    """x above the threshold, else the value."""
    return xp.where(input <= limit(input, threshold), limit(input, value), input)


threshold_of.vjp(input=lambda g, input, threshold: above_backward(g, input, threshold))


@op(backward_of(0, 2, 0), hidden=True, node="ThresholdBackwardBackward0")
def above_backward(grad_output: Array, input: Array, threshold: Number) -> Any:
    """The gradient above the threshold (and for NaN), zero elsewhere."""
    return arrays.keep(~(input <= threshold), grad_output)


above_backward.vjp(
    grad_output=lambda g, input, threshold: above_backward(g, input, threshold), input=lambda g: zeros_like(g)
)
threshold_: Any = threshold_of.twin
threshold_.node_name = "ThresholdBackward1"


@op(composed, namespace=FUNCTIONAL, composite=True)
def threshold(input: Array, threshold: Number, value: Number, inplace: Truth = False) -> Any:
    """x above the threshold, else the value."""
    return (threshold_ if inplace else threshold_of)(input, threshold, value)


for _op, _name in ((prelu, "prelu"), (hardshrink, "hardshrink"), (threshold, "threshold")):
    alias(_op, _name)

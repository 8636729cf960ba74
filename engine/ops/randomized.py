"""rrelu: an activation whose slopes are drawn."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Number, Truth
from engine.op import Op, op
from engine.ops.activations import as_double, smooth
from engine.ops.arithmetic import mul
from engine.ops.creation import stream, zeros_like
from engine.rules import FUNCTIONAL, elementwise

KERNEL = "rrelu_with_noise_out_cpu", "leaky_relu_cpu"  # in training, and else


def slopes_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of the slopes: an interval of slopes, real floats."""
    array, lower, upper, training = values
    for name, each in (("lower", lower), ("upper", upper)):
        if not math.isfinite(each):
            raise errors.bad_argument(f"rrelu: {name} bound must be finite, got {each}")
    if not lower <= upper:
        raise errors.bad_argument("Lower bound should be less than or equal to the upper bound")
    dtype = dtypes.BY_NUMPY[array.dtype]
    if not dtype.is_floating_point or (training and dtype is dtypes.float16):
        raise errors.not_implemented_for(KERNEL[0] if training else KERNEL[1], dtype.type_name)
    width = 2 * max(array.dtype.itemsize, 4) + 1 if training else 1
    return Estimate(values, [(array.shape, array.dtype)], None, width * array.size, 5 * array.size)


@op(slopes_rule, hidden=True)
def slopes(input: Array, lower: float, upper: float, training: bool) -> Any:
    """1 above 0, else a slope: each drawn in training, their mean otherwise."""
    kind = input.dtype.type
    if not training:
        return xp.where(input > 0, kind(1), kind((lower + upper) / 2))
    drawn = xp.asarray(stream(None).uniform(input.shape, input.dtype))
    return xp.where(input <= 0, drawn * kind(upper - lower) + kind(lower), kind(1))


@op(smooth("leaky_relu_cpu", 0), hidden=True, inplace=True, node="RreluWithNoiseBackward0")
def sloped(input: Array, noise: Array) -> Any:
    """The input times its slopes."""
    return input * noise


sloped.vjp(input=lambda g, input, noise: sloped_backward(g, input, noise))
sloped_: Any = sloped.twin
sloped_.node_name = "RreluWithNoiseBackward1"


@op(elementwise(), hidden=True, node="RreluWithNoiseBackwardBackward0")
def sloped_backward(grad_output: Array, input: Array, noise: Array) -> Any:
    """The gradient times the slopes."""
    return grad_output * noise


sloped_backward.vjp(grad_output=lambda g, noise: mul(g, noise), input=lambda g: zeros_like(g))


@op(composed, composite=True, method=False)
def rrelu(input: Array, lower: Number = 1 / 8, upper: Number = 1 / 3, training: bool = False) -> Any:
    """x above 0, else x times a slope: in training one drawn between two bounds, otherwise their mean."""
    return sloped(input, slopes(input, as_double(lower), as_double(upper), training))


@op(composed, composite=True, method=False)
def rrelu_(input: Array, lower: Number = 1 / 8, upper: Number = 1 / 3, training: bool = False) -> Any:
    """rrelu in place."""
    return sloped_(input, slopes(input, as_double(lower), as_double(upper), training))


@op(composed, namespace=FUNCTIONAL, name="rrelu", composite=True)
def functional_rrelu(
    input: Array, lower: Number = 1 / 8, upper: Number = 1 / 3, training: bool = False, inplace: Truth = False
) -> Any:
    """x above 0, else x times a slope: in training one drawn between two bounds, otherwise their mean."""
    return (sloped_ if inplace else sloped)(input, slopes(input, as_double(lower), as_double(upper), training))

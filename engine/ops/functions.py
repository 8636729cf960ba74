"""Further elementwise functions of one tensor: inverse hyperbolic ones, degrees, parts of floats, signs."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import widened, xp
from engine.infer import Estimate, composed
from engine.kinds import Array
from engine.op import Op, alias, op
from engine.ops import arithmetic, unary
from engine.ops.arithmetic import conj_of, div, mul, neg, scale, shift
from engine.ops.creation import zeros_like
from engine.ops.pairs import ldexp, pow_number_into
from engine.ops.unary import FLOAT, rsqrt
from engine.rules import elementwise, is_complex, refusing, roomy, weak

WHOLE = (dtypes.BOOL, dtypes.INTEGRAL)
COMPLEX = (dtypes.COMPLEX,)


@weak
def degrees_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of deg2rad and rad2deg: half types are computed in float32."""
    estimate = elementwise("float")(op, values)
    if estimate.compute in dtypes.HALF_TYPES:
        estimate.temporaries += 8 * values[0].size
    return estimate


@op(FLOAT, inplace=True)
def acosh(input: Array) -> Any:
    """The inverse hyperbolic cosine."""
    return xp.arccosh(input)


acosh.vjp(input=lambda g, input: mul(g, conj_of(acosh_slope(input))))


def acosh_slope(x: Any) -> Any:
    """The derivative; of complex numbers as a product of roots, for the branch."""
    if is_complex(x):
        return mul(rsqrt(shift(x, -1)), rsqrt(shift(x, 1)))
    return rsqrt(shift(mul(x, x), -1))


@op(FLOAT, inplace=True)
def asinh(input: Array) -> Any:
    """The inverse hyperbolic sine."""
    return xp.arcsinh(input)


asinh.vjp(input=lambda g, input: mul(g, conj_of(rsqrt(shift(mul(input, input), 1)))))


@op(FLOAT, inplace=True)
def atanh(input: Array) -> Any:
    """The inverse hyperbolic tangent."""
    return xp.arctanh(input)


atanh.vjp(input=lambda g, input: div(g, conj_of(shift(neg(mul(input, input)), 1))))


@weak
def exp2_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of exp2: of complex numbers it is an exponential of a product."""
    estimate = FLOAT(op, values)
    if estimate.compute.kind == "c":
        estimate.temporaries += estimate.output_bytes
    return estimate


@op(exp2_rule, inplace=True)
def exp2(input: Array) -> Any:
    """2 to the power of each element."""
    return xp.exp(input * math.log(2)) if input.dtype.kind == "c" else xp.exp2(input)


exp2.vjp(input=lambda g, out: mul(g, scale(conj_of(out), math.log(2))))


@op(
    refusing(degrees_rule, COMPLEX, "deg2rad is not supported for complex tensors."),
    inplace=True,
    node="Deg2RadBackward0",
)
def deg2rad(input: Array) -> Any:
    """Degrees as radians."""
    return widened(input) * (math.pi / 180)


deg2rad.vjp(input=lambda g: scale(g, math.pi / 180))


@op(
    refusing(degrees_rule, COMPLEX, "rad2deg is not supported for complex tensors."),
    inplace=True,
    node="Rad2DegBackward0",
)
def rad2deg(input: Array) -> Any:
    """Radians as degrees."""
    return widened(input) * (180 / math.pi)


rad2deg.vjp(input=lambda g: scale(g, 180 / math.pi))


@op(roomy(elementwise(refuse=(*WHOLE, *COMPLEX), kernel="frac_cpu"), 1), inplace=True)
def frac(input: Array) -> Any:
    """What the integer part leaves, with the sign of the element."""
    return input - xp.trunc(input)


frac.vjp(input=lambda g: g)


@op(composed, composite=True, operators=("__pos__",))
def positive(input: Array) -> Any:
    """The tensor itself.

    Raises RuntimeError for bools.
    """
    if input.dtype.kind == "b":
        raise errors.dtype_mismatch("The `+` operator, on a bool tensor is not supported.")
    return input


@op(composed, composite=True, inplace_only=True)
def square_(input: Array) -> Any:
    """The square, in place."""
    return pow_number_into(input, 2)


LARGEST_POWER = 308  # of 10 that a double holds


def decimals_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of round to decimals: floats only."""
    kernel = "round_cpu" if values[op.index["decimals"]] else "round_vml_cpu"
    return roomy(elementwise(refuse=(*WHOLE, *COMPLEX), kernel=kernel), 2)(op, values)


@op(decimals_rule, name="round", inplace=True, node="RoundBackward1")
def round_decimals(input: Array, *, decimals: int) -> Any:
    """The nearest number of so many decimals; halves to the even one."""
    power = 10.0 ** abs(decimals) if abs(decimals) <= LARGEST_POWER else math.inf
    x = widened(input)
    return xp.rint(x * power) / power if decimals >= 0 else xp.rint(x / power) * power


round_decimals.vjp(input=lambda g: zeros_like(g))


@op(composed, name="round", namespace="special", composite=True)
def special_round(input: Array, *, decimals: int = 0) -> Any:
    """The nearest number of so many decimals; halves to the even one."""
    return round_decimals(input, decimals=decimals)


def frexp_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of frexp: floats in, a float and an int32 out."""
    array = values[0]
    if not dtypes.BY_NUMPY[array.dtype].is_floating_point:
        raise errors.dtype_mismatch("torch.frexp() only supports floating-point dtypes")
    outputs = [(array.shape, array.dtype), (array.shape, dtypes.int32.numpy)]
    held = 8 * array.size if array.dtype in dtypes.HALF_TYPES else 0
    return Estimate(values, outputs, None, held, 4 * array.size)


@op(frexp_rule, outputs=("mantissa", "exponent"), differentiable=("mantissa",))
def frexp(input: Array) -> Any:
    """Mantissa, from 1/2 to 1, and exponent of 2."""
    mantissa, exponent = xp.frexp(widened(input))
    return mantissa, exponent


frexp.vjp(input=lambda g, exponent: ldexp(g[0], neg(exponent)))

SIGNS = elementwise("bool")


@op(refusing(SIGNS, COMPLEX, "signbit is not implemented for complex tensors.", NotImplementedError))
def signbit(input: Array) -> Any:
    """Whether the sign is negative, of -0 too."""
    return xp.signbit(input) if input.dtype.kind in "fV" else input < 0


@op(refusing(SIGNS, COMPLEX, "isposinf does not support complex inputs."))
def isposinf(input: Array) -> Any:
    """Whether the element is plus infinity."""
    return input == math.inf if input.dtype.kind in "fV" else xp.zeros(input.shape, bool)


@op(refusing(SIGNS, COMPLEX, "isneginf does not support complex inputs."))
def isneginf(input: Array) -> Any:
    """Whether the element is minus infinity."""
    return input == -math.inf if input.dtype.kind in "fV" else xp.zeros(input.shape, bool)


for _inverse in (acosh, asinh, atanh):
    assert _inverse.twin is not None
    _inverse.twin.node_name = _inverse.node_name.replace("0", "1")  # torch's name for the in-place form


def also(target: Op, *names: str) -> None:
    """Aliases, of the in-place form too for names outside namespaces."""
    alias(target, *names)
    if target.twin is not None:
        alias(target.twin, *(f"{name}_" for name in names if "." not in name))


for _op, _names in (
    (acosh, ("arccosh",)),
    (asinh, ("arcsinh",)),
    (atanh, ("arctanh",)),
    (unary.acos, ("arccos",)),
    (unary.asin, ("arcsin",)),
    (unary.atan, ("arctan",)),
    (unary.trunc, ("fix",)),
    (unary.expm1, ("special.expm1",)),
    (unary.log1p, ("special.log1p",)),
    (arithmetic.neg, ("negative",)),
    (exp2, ("special.exp2",)),
):
    also(_op, *_names)

"""Functions of two tensors: angles and lengths, signs and extrema, remainders, logarithms of sums."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import widened, xp
from engine.infer import Estimate, composed
from engine.inplace import check_shape
from engine.kinds import Array, Number, Operand
from engine.op import Op, alias, is_number, op
from engine.ops.arithmetic import (
    NOT_THERE,
    add,
    conj_of,
    div,
    div_rounded,
    modulus,
    mul,
    neg,
    refuse_zero_division,
    scale,
    shift,
    sub,
)
from engine.ops.bounds import kept, limit
from engine.ops.compare import eq, ge, le, logical_not, logical_or, ne
from engine.ops.copies import to_copy
from engine.ops.creation import zeros_like
from engine.ops.powers import number_pow, pow, pow_number
from engine.ops.selection import masked_fill, where
from engine.ops.unary import exp, isnan, reciprocal
from engine.rules import (
    cast_bytes,
    default_dtype,
    elementwise,
    operands,
    refuse_dtype,
    refusing,
    roomy,
    shape_of,
    weak,
)

NOT_FLOATING = (dtypes.BOOL, dtypes.INTEGRAL, dtypes.COMPLEX)
COMPLEX = (dtypes.COMPLEX,)
WHOLE = (dtypes.BOOL, dtypes.FLOATING, dtypes.COMPLEX)


@op(roomy(elementwise("float", COMPLEX, "atan2_cpu", 20), 0), inplace=True)
def atan2(input: Array, other: Array) -> Any:
    """The angle of the point (other, input), from -pi to pi."""
    return xp.arctan2(input, other)


atan2.vjp(
    input=lambda g, input, other: mul(mul(g, other), over_squares(input, other)),
    other=lambda g, input, other: mul(mul(g, neg(input)), over_squares(input, other)),
)
alias(atan2, "arctan2")
alias(atan2.twin, "arctan2_")  # type: ignore[arg-type]  # declared in place


def over_squares(a: Any, b: Any) -> Any:
    """1 / (a^2 + b^2); 0 at the origin (torch's convention)."""
    squares = add(mul(a, a), mul(b, b))
    return masked_fill(reciprocal(squares), eq(squares, 0), 0)


@op(elementwise(refuse=NOT_FLOATING, kernel="hypot_cpu", cost=10), inplace=True)
def hypot(input: Array, other: Array) -> Any:
    """The square root of the sum of squares, without overflow."""
    return xp.hypot(input, other)


hypot.vjp(
    input=lambda g, input, out: div(mul(g, input), out),
    other=lambda g, other, out: div(mul(g, other), out),
)


@op(elementwise("float", COMPLEX, "copysign_cpu"), inplace=True, number_node="CopysignBackward1")
def copysign(input: Array, other: Operand) -> Any:
    """The magnitude of `input` with the sign of `other`."""
    return xp.copysign(input, other)


copysign.vjp(
    input=lambda g, input, out: mul(g, where(eq(input, 0), zeros_like(out), div(out, input))),
    other=lambda g: zeros_like(g),
)


@op(refusing(elementwise(), COMPLEX, "fmax not implemented for complex tensors."))
def fmax(input: Array, other: Array) -> Any:
    """The larger of each pair; a number beside NaN is the number."""
    return xp.fmax(input, other)


fmax.vjp(
    input=lambda g, input, other: masked_fill(g, logical_not(logical_or(ge(input, other), isnan(other))), 0),
    other=lambda g, input, other: masked_fill(g, logical_or(ge(input, other), isnan(other)), 0),
)


@op(refusing(elementwise(), COMPLEX, "fmin not implemented for complex tensors."))
def fmin(input: Array, other: Array) -> Any:
    """The smaller of each pair; a number beside NaN is the number."""
    return xp.fmin(input, other)


fmin.vjp(
    input=lambda g, input, other: masked_fill(g, logical_not(logical_or(le(input, other), isnan(other))), 0),
    other=lambda g, input, other: masked_fill(g, logical_or(le(input, other), isnan(other)), 0),
)


@weak
def fmod_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of fmod: no bools, no complex numbers, no integer division by zero."""
    estimate = elementwise(refuse=(dtypes.BOOL, dtypes.COMPLEX), kernel="fmod_cpu", cost=10)(op, values)
    refuse_zero_division(estimate, values)
    return estimate


@op(fmod_rule, inplace=True, node="FmodBackward1", number_node="FmodBackward0")
def fmod(input: Array, other: Operand) -> Any:
    """C's remainder: the result has the sign of `input`."""
    return xp.fmod(input, other)


fmod.vjp(
    input=lambda g: g,
    other=lambda g, input, other: mul(neg(g), div_rounded(input, other, rounding_mode="trunc")),
)


def number_first_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of remainder and shifts of a number: it promotes as an operand."""
    array = values[1]
    dtype = dtypes.result_type(values, default_dtype())
    refuse_dtype(op, dtype, REFUSED.get(op.name, WHOLE), f"{KERNELS.get(op.name, op.name)}_cpu")
    compute, size = dtype.numpy, array.size
    held = cast_bytes([array], compute)
    if op.name == "remainder":
        held += (2 * compute.itemsize + 1) * size * (compute.kind in "fV")
    else:
        held += (compute.itemsize + 3) * size
    estimate = Estimate(values, [(array.shape, compute)], compute, held, 10 * size)
    if op.name == "remainder":
        refuse_zero_division(estimate, values)
    return estimate


KERNELS = {"bitwise_left_shift": "lshift", "bitwise_right_shift": "rshift"}
REFUSED = {"remainder": (dtypes.BOOL, dtypes.COMPLEX)}  # else WHOLE


@op(number_first_rule, name="remainder", method=False, node=NOT_THERE)
def number_remainder(self: Number, other: Array) -> Any:
    """Python's modulus of a number by a tensor."""
    return modulus(limit(other, self), other)


def no_remainder_derivative(g: Any) -> Any:
    """torch has no derivative of the remainder of a number."""
    raise errors.underived("remainder")


number_remainder.vjp(other=no_remainder_derivative)


@op(number_first_rule, name="bitwise_and", method=False)
def number_and(self: Number, other: Array) -> Any:
    """The bits of a number and of a tensor under and."""
    return limit(other, self) & other


@op(number_first_rule, name="bitwise_or", method=False)
def number_or(self: Number, other: Array) -> Any:
    """The bits of a number and of a tensor under or."""
    return limit(other, self) | other


@op(number_first_rule, name="bitwise_xor", method=False)
def number_xor(self: Number, other: Array) -> Any:
    """The bits of a number and of a tensor under xor."""
    return limit(other, self) ^ other


def ldexp_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of ldexp: the power has the exponent's shape."""
    input, other = values
    if op.inplace_only and input.dtype.kind in "biu":
        name = dtypes.BY_NUMPY[input.dtype].type_name
        raise errors.dtype_mismatch(f"ldexp can't be cast to the desired output type {name}")
    estimate = elementwise("float", cost=20)(op, values)
    if op.inplace_only:
        check_shape(estimate.outputs[0][0], input.shape)
    if getattr(getattr(other, "dtype", None), "kind", "") == "b" and getattr(input, "dtype", other.dtype).kind in "fV":
        raise errors.not_implemented_for("ldexp_cpu_exp", "Bool")
    estimate.temporaries += math.prod(shape_of(values[1])) * estimate.compute.itemsize
    return estimate


@op(weak(ldexp_rule), inplace=True)
def ldexp(input: Array, other: Array) -> Any:
    """`input` times 2 to the power of `other`."""
    return input * xp.power(input.dtype.type(2), other)


ldexp.vjp(
    input=lambda g, other: mul(g, conj_of(number_pow(2.0, other))),
    other=lambda g, out: mul(g, scale(conj_of(out), math.log(2))),
)


def logaddexp_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of logaddexp: NumPy knows it of real numbers, of complex ones it is put together."""
    estimate = elementwise(refuse=(dtypes.BOOL, dtypes.INTEGRAL), kernel="logaddexp_cpu", cost=30)(op, values)
    if estimate.compute.kind == "c":
        estimate.temporaries += 4 * estimate.output_bytes
    return estimate


@op(weak(logaddexp_rule))
def logaddexp(input: Array, other: Array) -> Any:
    """The logarithm of the sum of exponentials, without overflow."""
    if input.dtype.kind != "c":
        return xp.logaddexp(input, other)
    swap = input.real < other.real
    high, low = xp.where(swap, other, input), xp.where(swap, input, other)
    same = (high == low) & ~xp.isfinite(high.real)  # inf - inf is no number
    return xp.where(same, high, high + xp.log1p(xp.exp(low - high)))


logaddexp.vjp(
    input=lambda g, input, other: div(g, conj_of(shift(exp(sub(other, input)), 1))),
    other=lambda g, input, other: div(g, conj_of(shift(exp(sub(input, other)), 1))),
)


@op(elementwise(refuse=NOT_FLOATING, kernel="logaddexp2_cpu", cost=30))
def logaddexp2(input: Array, other: Array) -> Any:
    """The logarithm to base 2 of the sum of powers of 2."""
    return xp.logaddexp2(input, other)


logaddexp2.vjp(
    input=lambda g, input, other: div(g, shift(number_pow(2.0, sub(other, input)), 1)),
    other=lambda g, input, other: div(g, shift(number_pow(2.0, sub(input, other)), 1)),
)


def widest(*operands: Any) -> Any:
    """float64, or complex128 where an operand is complex."""
    kinds = [isinstance(each, complex) if is_number(each) else each.dtype.kind == "c" for each in operands]
    return dtypes.complex128 if any(kinds) else dtypes.float64


def as_widest(x: Any, dtype: Any) -> Any:
    """The tensor in a dtype, recorded as a step of its own."""
    return x if x.dtype is dtype else to_copy(x, dtype, None)


@op(composed, composite=True)
def float_power(input: Array, exponent: Array) -> Any:
    """`input` to the power `exponent`, in double precision."""
    dtype = widest(input, exponent)
    return pow(as_widest(input, dtype), as_widest(exponent, dtype))


@op(composed, name="float_power", composite=True)
def float_power_number(input: Array, exponent: Number) -> Any:
    """`input` to the power of a number, in double precision."""
    dtype = widest(input, exponent)
    return pow_number(as_widest(input, dtype), exponent if dtype.is_complex else float(exponent))


@op(composed, name="float_power", composite=True, method=False)
def number_float_power(self: Number, exponent: Array) -> Any:
    """A number to the power of a tensor, in double precision."""
    return number_pow(self, as_widest(exponent, widest(self, exponent)))


@op(composed, composite=True, inplace_only=True)
def float_power_(input: Array, exponent: Operand) -> Any:
    """`float_power` in place: of double precision only."""
    dtype, own = widest(input, exponent), dtypes.BY_NUMPY.get(input.dtype, input.dtype)
    if own is not dtype:
        raise errors.dtype_mismatch(
            f"the base given to float_power_ has dtype {own.type_name} but the operation's result requires dtype "
            f"{dtype.type_name}"
        )
    return power_into(input, exponent if is_number(exponent) else as_widest(exponent, dtype))


pow_into: Any = pow.twin
pow_number_into: Any = pow_number.twin


def power_into(input: Any, exponent: Any) -> Any:
    """The power written into the base."""
    return (pow_number_into if is_number(exponent) else pow_into)(input, exponent)


@op(elementwise("bool"), inplace=True)
def logical_xor(input: Array, other: Array) -> Any:
    """Whether one, and only one, is nonzero."""
    return xp.logical_xor(input, other)


@op(elementwise(refuse=NOT_FLOATING, kernel="nextafter_cpu"), inplace=True)
def nextafter(input: Array, other: Array) -> Any:
    """The next number after `input` towards `other`."""
    return xp.nextafter(input, other)


nextafter.vjp(
    input=lambda g, input, other: kept(g, ne(input, other)),
    other=lambda g: zeros_like(g),
)


def heaviside_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of heaviside: two tensors of one real dtype."""
    args = operands(op, values)
    if any(each.dtype.kind == "c" for each in args):
        raise errors.dtype_mismatch("heaviside is not yet implemented for complex tensors.")
    if args[0].dtype != args[1].dtype:
        raise errors.dtype_mismatch("heaviside is not yet implemented for tensors with different dtypes.")
    return roomy(elementwise(), 1, masks=2)(op, values)


@op(heaviside_rule, inplace=True, node=NOT_THERE)
def heaviside(input: Array, values: Array) -> Any:
    """0 below zero, 1 above, `values` at zero."""
    return xp.where(input == 0, values, (input > 0).astype(input.dtype))


def no_heaviside(g: Any) -> Any:
    """torch has no derivative of heaviside."""
    raise errors.underived("heaviside")


heaviside.vjp(input=no_heaviside, values=no_heaviside)


@op(elementwise(refuse=WHOLE, kernel="gcd_cpu", cost=50), inplace=True)
def gcd(input: Array, other: Array) -> Any:
    """The greatest common divisor."""
    return xp.gcd(input, other)


@op(elementwise(refuse=WHOLE, kernel="lcm_cpu", cost=50, extra=1), inplace=True)
def lcm(input: Array, other: Array) -> Any:
    """The least common multiple."""
    made = xp.lcm(input, other)  # overflow may leave it negative; C computes shorter integers as int32
    return xp.absolute(made) if made.dtype.itemsize > 2 else made


@op(
    roomy(elementwise(refuse=WHOLE, kernel="lshift_cpu"), 1, masks=3),
    inplace=True,
    operators=("__lshift__", "__ilshift__"),
)
def bitwise_left_shift(input: Array, other: Operand) -> Any:
    """The bits moved up by `other` places; 0 for a shift that leaves none, or below zero."""
    return moved_up(input, other)


def moved_up(x: Any, places: Any) -> Any:
    """The kernel of bitwise_left_shift."""
    none = (places < 0) | (places >= 8 * x.dtype.itemsize)
    return xp.where(none, x.dtype.type(0), x << xp.where(none, x.dtype.type(0), places))


@op(number_first_rule, name="bitwise_left_shift", method=False)
def number_left_shift(self: Number, other: Array) -> Any:
    """The bits of a number moved up by a tensor's places."""
    return moved_up(limit(other, self), other)


@op(
    roomy(elementwise(refuse=WHOLE, kernel="rshift_cpu"), 1, masks=3),
    inplace=True,
    operators=("__rshift__", "__irshift__"),
)
def bitwise_right_shift(input: Array, other: Operand) -> Any:
    """The bits moved down by `other` places, the sign filling up; all of them for a shift too far or below zero."""
    return moved_down(input, other)


def moved_down(x: Any, places: Any) -> Any:
    """The kernel of bitwise_right_shift."""
    bits = 8 * x.dtype.itemsize
    far = (places < 0) | (places >= bits)
    out = x >> xp.where(far, x.dtype.type(bits - 1), places)
    return out if x.dtype.kind == "i" else xp.where(far, x.dtype.type(0), out)


@op(number_first_rule, name="bitwise_right_shift", method=False)
def number_right_shift(self: Number, other: Array) -> Any:
    """The bits of a number moved down by a tensor's places."""
    return moved_down(limit(other, self), other)


def isclose_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of isclose: two tensors of one dtype, tolerances that are not negative."""
    input, other, rtol, atol, _ = values
    if input.dtype != other.dtype:
        names = [dtypes.BY_NUMPY[each.dtype].type_name for each in (input, other)]
        raise errors.dtype_mismatch(f"{names[0]} did not match {names[1]}")
    for name, value in (("rtol", rtol), ("atol", atol)):
        if not value >= 0:
            raise errors.bad_argument(f"{name} must be greater than or equal to zero, but got {value:g}")
    estimate = elementwise("bool", cost=6)(op, values)
    itemsize = max(estimate.compute.itemsize, 4)
    wide = {"f": 3 * itemsize, "c": 2 * itemsize}.get(estimate.compute.kind, 40)  # others are compared in float64
    wide = 20 if estimate.compute in dtypes.HALF_TYPES else wide
    estimate.temporaries += (wide + 3) * math.prod(estimate.outputs[0][0])
    return estimate


@op(isclose_rule)
def isclose(input: Array, other: Array, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """Whether |input - other| <= atol + rtol * |other|, element by element."""
    close = input == other
    if equal_nan and input.dtype.kind in "fcV":
        close = close | ((input != input) & (other != other))
    if rtol == 0 and atol == 0:
        return close
    a, b = (x.astype(xp.float64) if x.dtype.kind in "iub" else widened(x) for x in (input, other))
    gap = abs(a - b)
    return close | (xp.isfinite(gap) & (gap <= atol + abs(rtol * b)))

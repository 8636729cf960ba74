"""Powers: of tensors by tensors, of tensors by numbers, of numbers by tensors."""

from __future__ import annotations

from typing import Any

from engine import arrays, dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import Array, Number
from engine.op import Op, op
from engine.ops.arithmetic import conj_of, log, mul, scale, sub
from engine.ops.compare import eq, ge, logical_and
from engine.ops.creation import zeros_like
from engine.ops.parts import imag, real
from engine.ops.selection import where
from engine.rules import cast_bytes, default_dtype, elementwise, is_complex, refuse_dtype, stored

POW = elementwise(refuse=(dtypes.BOOL,), kernel="pow")


def power_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of a tensor to a tensor's power: complex bases are held as their logarithms."""
    estimate = POW(op, values)
    if estimate.compute.kind == "c":
        estimate.temporaries += values[0].size * estimate.compute.itemsize
    return estimate


@op(power_rule, node="PowBackward1", inplace=True)
def pow(input: Array, exponent: Array) -> Any:
    """`input` to the power `exponent`, element by element."""
    return power(input, exponent)


def power(base: Any, exponent: Any) -> Any:
    """The power; of integers with negative exponents what C makes of it: 0, or a power of 1 or -1."""
    if base.dtype.kind == "c":
        return complex_power(base, exponent)
    if exponent.dtype.kind != "i" or not (exponent < 0).any():
        return xp.power(base, exponent)
    one = base.dtype.type(1)
    result = xp.power(base, xp.where(exponent < 0, exponent.dtype.type(0), exponent))
    sign = xp.where((base == -one) & (exponent % 2 != 0), -one, one)
    return xp.where(exponent >= 0, result, xp.where(xp.abs(base) == one, sign, base.dtype.type(0)))


def complex_power(base: Any, exponent: Any) -> Any:
    """exp(exponent * log(base)) as C has it: NaN for 0 to the power 0, where NumPy has 1."""
    made = exponent * xp.log(base)
    return xp.exp(made, out=made) if made.ndim else xp.exp(made)


pow.vjp(
    input=lambda g, input, exponent: pow_input(g, input, exponent),
    exponent=lambda g, input, exponent, out: pow_exponent(g, input, exponent, out),
)


def pow_input(g: Any, input: Any, exponent: Any) -> Any:
    """The gradient to the base; zero where the exponent is zero, whatever the base."""
    gradient = mul(g, conj_of(mul(exponent, pow(input, sub(exponent, 1)))))
    return where(eq(exponent, 0), zeros_like(gradient), gradient)


def pow_exponent(g: Any, input: Any, exponent: Any, out: Any) -> Any:
    """The gradient to the exponent; zero at base 0 where the exponent is not negative (torch's convention)."""
    slope = conj_of(mul(out, log(input)))
    return mul(g, where(logical_and(eq(input, 0), not_negative(exponent)), zeros_like(slope), slope))


def not_negative(x: Any) -> Any:
    """Where a number is real and not below 0."""
    return logical_and(eq(imag(x), 0), ge(real(x), 0)) if is_complex(x) else ge(x, 0)


def scalar_power_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of a tensor to a Python number's power: integers have no negative powers."""
    array, exponent = values
    dtype = dtypes.result_type([array, exponent], default_dtype())
    if dtype.category == dtypes.INTEGRAL and exponent < 0:
        raise errors.bad_argument("Integers to negative integer powers are not allowed.")
    if dtype.numpy.itemsize == 2 or not dtype.differentiable:
        stored(exponent, dtype.numpy)
    held = cast_bytes([array], dtype.numpy)
    if exponent in (-0.5, -2):
        held += array.size * dtype.itemsize  # the root, or the square
    return Estimate(values, [(array.shape, dtype.numpy)], dtype.numpy, held, 20 * array.size)


@op(scalar_power_rule, name="pow", operators=("__pow__", "__ipow__"), inplace=True)
def pow_number(input: Array, exponent: Number) -> Any:
    """`input` to the power of a number."""
    if exponent == 2:
        return input * input
    if exponent == 1:
        return input.copy()
    if input.dtype.kind in "fc" and input.dtype.itemsize > 2:  # torch's own functions, which differ at -0 and -inf
        if exponent == -1:
            return xp.true_divide(input.dtype.type(1), input)
        if exponent in (0.5, -0.5):
            root = xp.sqrt(input)
            return root if exponent == 0.5 else 1 / root
        if exponent in (3, -2):
            square = input * input
            if exponent == -2:
                return input.dtype.type(1) / square
            square *= input
            return square
    if exponent in (0.5, -0.5) and input.dtype.kind == "V":
        root = xp.sqrt(input)
        return root if exponent == 0.5 else 1 / root
    if is_whole(input.dtype, exponent):
        return whole_power(input, exponent)
    exponent = xp.asarray(exponent).astype(input.dtype)
    if input.dtype.kind == "c" and exponent != 0:
        return complex_power(input, exponent)
    return xp.power(input, exponent)


def is_whole(dtype: Any, exponent: Any) -> bool:
    """Whether it is a float's power by a whole number."""
    return bool(dtype.kind == "f" and dtype.itemsize > 2 and exponent == exponent // 1)


def whole_power(input: Any, exponent: Any) -> Any:
    """The power by a whole number, of which the base's sign is none but the result's.

    NumPy takes 40 times longer for negative bases than for positive ones.
    """
    made = xp.absolute(input, out=xp.empty_like(input))
    xp.power(made, xp.asarray(exponent).astype(input.dtype), out=made)
    return xp.copysign(made, input, out=made) if float(exponent) % 2 == 1 else made


pow_number.vjp(input=lambda g, input, exponent: pow_number_input(g, input, exponent))


def pow_number_input(g: Any, input: Any, exponent: Any) -> Any:
    """The gradient: exponent times the power one lower."""
    if exponent == 0 and exponent is not False:  # which torch does not take for a zero
        return zeros_like(g)
    return mul(g, conj_of(scale(pow_number(input, exponent - 1), exponent)))


def number_pow_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of a number to a tensor's power: the number promotes as an operand."""
    dtype = dtypes.result_type(values, default_dtype())
    refuse_dtype(op, dtype, (dtypes.BOOL,), "pow")
    compute, exponent = dtype.numpy, values[1]
    return Estimate(values, [(exponent.shape, compute)], compute, cast_bytes([exponent], compute), 20 * exponent.size)


@op(number_pow_rule, name="pow", node="PowBackward2", method=False)
def number_pow(self: Number, exponent: Array) -> Any:
    """A number to the power of a tensor."""
    return power(arrays.operand(self, exponent), exponent)


number_pow.vjp(exponent=lambda g, self, exponent, out: number_pow_exponent(g, self, exponent, out))


def number_pow_exponent(g: Any, base: Any, exponent: Any, out: Any) -> Any:
    """The gradient to the exponent; zero at base 0 where the exponent is not negative."""
    slope = conj_of(mul(out, log_number(complex(base) if is_complex(exponent) else base)))
    if base == 0:
        slope = where(not_negative(exponent), zeros_like(slope), slope)
    return mul(g, slope)


def log_number(base: Any) -> Any:
    """The natural logarithm of a Python number: complex for negative bases of complex results, else nan."""
    if isinstance(base, complex):
        return complex(xp.log(xp.asarray(base)))
    return float(xp.log(xp.asarray(float(base))))

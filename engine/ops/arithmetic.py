"""Arithmetic: the elementwise ops that most formulas are made of."""

from __future__ import annotations

import math
import operator as python
from typing import Any

import numpy as np

from engine import arrays, dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import Array, Number, Operand
from engine.op import Op, Rule, alias, is_number, op
from engine.ops.creation import zeros_like
from engine.ops.parts import real
from engine.rules import broadcast, check_number, elementwise, is_complex, operands, same_as_input, shape_of, weak


@op(same_as_input, hidden=True)
def conj(input: Array) -> Any:
    """The complex conjugate."""
    return xp.conjugate(input)


conj.vjp(input=lambda g: conj(g))


@op(same_as_input, hidden=True, node="ConjPhysicalBackward0")
def conjugated(input: Array) -> Any:
    """The complex conjugate, in memory of its own."""
    return xp.conjugate(input)


conjugated.vjp(input=lambda g: conjugated(g))


@op(same_as_input, composite=True)
def conj_physical(input: Array) -> Any:
    """The complex conjugate; a real tensor itself."""
    return conjugated(input) if is_complex(input) else input


@op(same_as_input, inplace_only=True, node="ConjPhysicalBackward1")
def conj_physical_(input: Array) -> Any:
    """Conjugate in place."""
    return xp.conjugate(input)


conj_physical_.vjp(input=lambda g: conj_of(g))


def conj_of(x: Any) -> Any:
    """The conjugate; a real operand itself."""
    if type(x) in NUMBERS:
        return x.conjugate()
    return conj(x) if x.dtype.kind == "c" else x


NUMBERS = frozenset((bool, int, float, complex))


def neg_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of neg: no bools."""
    if values[0].dtype == bool:
        raise errors.dtype_mismatch(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use "
            "the `~` or `logical_not()` operator instead."
        )
    return same_as_input(op, values)


@op(neg_rule, operators=("__neg__",), inplace=True, fast=python.neg)
def neg(input: Array) -> Any:
    """The negative."""
    return -input


neg.vjp(input=lambda g: neg(g))


@op(elementwise("float"), inplace=True, fast=xp.log)
def log(input: Array) -> Any:
    """The natural logarithm."""
    return xp.log(input)


log.vjp(input=lambda g, input: div(g, conj_of(input)))


def real_of(x: Any) -> Any:
    """The real part of a complex operand, a real one itself."""
    return real(x) if is_complex(x) else x


def with_alpha(name: str) -> Rule:
    """The rule of add and sub: `alpha` may not be of a higher category than the operands."""
    base = elementwise()

    def rule(op: Op, values: list[Any]) -> Estimate:
        if name == "sub":
            refuse_bools(operands(op, values))
        if op.name == "rsub":
            broadcast(shape_of(values[1]), shape_of(values[0]))  # named in the order of the subtraction
        estimate = base(op, values)
        alpha = values[op.index["alpha"]]
        dtype = dtypes.BY_NUMPY[estimate.compute]
        if isinstance(alpha, bool) and dtype is not dtypes.bool_:
            raise errors.bad_argument("Boolean alpha only supported for Boolean results.")
        if isinstance(alpha, (float, complex)) and not dtype.differentiable:
            raise errors.bad_argument("For integral input tensors, argument alpha must not be a floating point number.")
        if isinstance(alpha, complex) and not dtype.is_complex:
            raise errors.bad_argument("For non-complex input tensors, argument alpha must not be a complex number.")
        check_number(alpha, estimate.compute)
        if alpha != 1:
            scaled = values[0] if op.name == "rsub" else values[1]
            estimate.temporaries += 0 if is_number(scaled) else scaled.size * estimate.compute.itemsize
        return estimate

    return weak(rule)


def refuse_bools(pair: list[Any]) -> None:
    """Raise RuntimeError for the difference of bools, with torch's two texts."""
    bools = [_is_bool(each) for each in pair]
    if all(bools):
        raise errors.bad_argument(
            "Subtraction, the `-` operator, with two bool tensors is not supported. "
            "Use the `^` or `logical_xor()` operator instead."
        )
    if any(bools):
        raise errors.bad_argument(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, "
            "use the `~` or `logical_not()` operator instead."
        )


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool) if is_number(value) else value.dtype == bool


def times(alpha: Any, other: Any, input: Any) -> Any:
    """`alpha * other`, in the form that the library of the two operands takes; one of them may be a number."""
    return arrays.operand(alpha, input if arrays.is_array(input) else other) * other


@op(with_alpha("add"), operators=("__add__", "__radd__", "__iadd__"), inplace=True, fast=python.add)
def add(input: Operand, other: Operand, *, alpha: Number = 1) -> Any:
    """The sum `input + alpha * other`."""
    return input + other if type(alpha) is int and alpha == 1 else input + times(alpha, other, input)


add.vjp(input=lambda g: g, other=lambda g, alpha: scaled(g, alpha))


def scaled(g: Any, alpha: Any) -> Any:
    """`g` times the conjugate of a Python number, itself for 1."""
    return g if alpha == 1 else mul(g, alpha.conjugate())


@op(with_alpha("sub"), operators=("__sub__", "__isub__"), inplace=True, fast=python.sub)
def sub(input: Operand, other: Operand, *, alpha: Number = 1) -> Any:
    """The difference `input - alpha * other`."""
    return input - other if type(alpha) is int and alpha == 1 else input - times(alpha, other, input)


sub.vjp(input=lambda g: g, other=lambda g, alpha: neg(scaled(g, alpha)))


@op(with_alpha("sub"), operators=("__rsub__",), node="RsubBackward0", number_node="RsubBackward1")
def rsub(input: Array, other: Operand, *, alpha: Number = 1) -> Any:
    """The difference the other way round: `other - alpha * input`."""
    return other - input if type(alpha) is int and alpha == 1 else other - arrays.operand(alpha, input) * input


rsub.vjp(input=lambda g, alpha: neg(scaled(g, alpha)), other=lambda g: g)


@op(elementwise(), operators=("__mul__", "__rmul__", "__imul__"), inplace=True, fast=python.mul)
def mul(input: Operand, other: Operand) -> Any:
    """The product."""
    return input * other


mul.vjp(input=lambda g, other: mul(g, conj_of(other)), other=lambda g, input: mul(g, conj_of(input)))
mul.fused(
    input=lambda g, other: g * (other if other.dtype.kind != "c" else other.conj()),
    other=lambda g, input: g * (input if input.dtype.kind != "c" else input.conj()),
)


@op(elementwise(), hidden=True, node="MulBackward1")
def scale(input: Array, factor: Number) -> Any:
    """The product with a number of a formula (torch's node for that differs)."""
    return input * factor


scale.vjp(input=lambda g, factor: scale(g, factor.conjugate()))


@op(elementwise("float"), hidden=True, node="DivBackward1")
def div_number(input: Array, number: Number) -> Any:
    """The quotient by a number of a formula (torch's node for that differs)."""
    return xp.true_divide(input, number)


div_number.vjp(input=lambda g, number: div_number(g, number.conjugate()))


@op(elementwise(), hidden=True, node="AddBackward1")
def shift(input: Array, number: Number) -> Any:
    """The sum with a number of a formula (torch's node for that differs)."""
    return input + number


shift.vjp(input=lambda g: g)


@op(elementwise("float"), operators=("__truediv__", "__itruediv__"), inplace=True, fast=python.truediv)
def div(input: Operand, other: Operand) -> Any:
    """The true quotient; integers give the default floating dtype."""
    return xp.true_divide(input, other)


div.vjp(
    input=lambda g, other: div(g, conj_of(other)),
    other=lambda g, input, other: mul(neg(g), conj_of(div(div(input, other), other))),
)


@weak
def rounded_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of div with a rounding mode: integers stay integers."""
    mode = values[op.index["rounding_mode"]]
    if mode is None:
        return elementwise("float")(op, values)
    if mode not in ("trunc", "floor"):
        raise errors.bad_argument(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{mode!s:.64}'"
        )
    estimate = elementwise(refuse=(dtypes.BOOL, dtypes.COMPLEX), kernel=f"div_{mode}_cpu")(op, values)
    if mode == "trunc":
        estimate.temporaries += (3 if estimate.compute.kind in "iu" else 1) * estimate.output_bytes
    refuse_zero_division(estimate, values)
    return estimate


def refuse_zero_division(estimate: Estimate, values: list[Any]) -> None:
    """Raise RuntimeError for an integer division by zero, as torch does on the CPU."""
    other = values[1]
    if estimate.compute.kind in "iu" and not isinstance(other, (float, complex)):
        if is_number(other):
            zero = not int(other) % (1 << 8 * estimate.compute.itemsize)  # as the dtype has it
        else:
            zero = isinstance(other, np.ndarray) and not other.all()
        if zero and math.prod(estimate.outputs[0][0]) > 0:
            raise errors.coded(RuntimeError, "bad_argument", "ZeroDivisionError")


@op(rounded_rule, name="div", inplace=True, node="DivBackward2")
def div_rounded(input: Operand, other: Operand, *, rounding_mode: str | None) -> Any:
    """The quotient rounded towards zero (`trunc`) or down (`floor`)."""
    if rounding_mode is None:
        return xp.true_divide(input, other)
    if input.dtype.kind in "iu" and rounding_mode == "trunc":
        quotient = xp.floor_divide(input, other)
        return quotient + ((quotient < 0) & (quotient * other != input))  # the least integer has no magnitude
    return xp.floor_divide(input, other) if rounding_mode == "floor" else xp.trunc(xp.true_divide(input, other))


div_rounded.vjp(
    input=lambda g, other, rounding_mode: div(g, conj_of(other)) if rounding_mode is None else zeros_like(g),
    other=lambda g, input, other, rounding_mode: (
        mul(neg(g), conj_of(div(div(input, other), other))) if rounding_mode is None else zeros_like(g)
    ),
)


NOT_THERE = "torch::autograd::NotImplemented"  # torch's node of ops it has no derivative of


@weak
def floor_divide_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of floor_divide."""
    estimate = elementwise(refuse=(dtypes.BOOL, dtypes.COMPLEX), kernel="div_floor_cpu")(op, values)
    refuse_zero_division(estimate, values)
    return estimate


@op(
    floor_divide_rule,
    operators=("__floordiv__", "__ifloordiv__"),
    inplace=True,
    node=NOT_THERE,
    number_node=NOT_THERE,
)
def floor_divide(input: Operand, other: Operand) -> Any:
    """The quotient rounded down."""
    return xp.floor_divide(input, other)


def no_derivative(g: Any) -> Any:
    """torch has no derivative of floor_divide."""
    raise errors.underived("floor_divide")


floor_divide.vjp(input=no_derivative, other=no_derivative)


@weak
def remainder_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of remainder."""
    estimate = elementwise(refuse=(dtypes.BOOL, dtypes.COMPLEX), kernel="remainder_cpu")(op, values)
    if estimate.compute.kind in "fV":
        estimate.temporaries += 2 * estimate.output_bytes + math.prod(estimate.outputs[0][0])
    refuse_zero_division(estimate, values)
    return estimate


@op(
    remainder_rule,
    operators=("__mod__", "__imod__"),
    inplace=True,
    node="RemainderBackward1",
    number_node="RemainderBackward0",
)
def remainder(input: Array, other: Operand) -> Any:
    """Python's modulus: the result has the sign of `other`."""
    return modulus(input, other)


def modulus(a: Any, b: Any) -> Any:
    """The remainder with the sign of `b`; a zero has that of `a`, other than NumPy's."""
    made = xp.asarray(xp.remainder(a, b))
    if made.dtype.kind in "fV" and not made.all():
        return xp.where(made == 0, xp.copysign(made, a), made)
    return made


remainder.vjp(
    input=lambda g: g,
    other=lambda g, input, other: mul(neg(g), div_rounded(input, other, rounding_mode="floor")),
)


for _op, _names in (
    (mul, ("multiply",)),
    (mul.twin, ("multiply_",)),
    (sub, ("subtract",)),
    (sub.twin, ("subtract_",)),
    (div, ("divide", "true_divide")),
    (div.twin, ("divide_", "true_divide_")),
):
    assert _op is not None
    alias(_op, *_names)

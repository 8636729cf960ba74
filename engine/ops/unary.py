"""Elementwise functions of one tensor."""

from __future__ import annotations

import math
from typing import Any

from engine import arrays, dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array
from engine.op import Op, alias, op
from engine.ops.arithmetic import conj_of, div, mul, neg, real_of, scale, shift, sub
from engine.ops.compare import eq
from engine.ops.creation import zeros_like
from engine.ops.powers import pow_number
from engine.ops.selection import where
from engine.rowwise import rectified
from engine.rules import elementwise, is_complex, roomy, same_as_input

FLOAT = elementwise("float", cost=10)
FLOAT_HELD = elementwise("float", cost=10, extra=1)  # the kernel holds one more array


@op(FLOAT, inplace=True, fast=xp.exp)
def exp(input: Array) -> Any:
    """e to the power of each element."""
    return xp.exp(input)


exp.vjp(input=lambda g, out: mul(g, conj_of(out)))


@op(FLOAT, inplace=True)
def expm1(input: Array) -> Any:
    """exp(x) - 1, exact near 0."""
    return xp.expm1(input)


expm1.vjp(input=lambda g, out: mul(g, conj_of(add_one(out))))


def add_one(x: Any) -> Any:
    """x + 1."""
    return shift(x, 1)


@op(FLOAT, inplace=True, node="Log1PBackward0")
def log1p(input: Array) -> Any:
    """log(1 + x), exact near 0."""
    return xp.log1p(input)


log1p.vjp(input=lambda g, input: div(g, conj_of(add_one(input))))


@op(FLOAT, inplace=True)
def log2(input: Array) -> Any:
    """The logarithm to base 2."""
    return xp.log2(input)


log2.vjp(input=lambda g, input: div(g, scale(conj_of(input), math.log(2))))


@op(FLOAT, inplace=True)
def log10(input: Array) -> Any:
    """The logarithm to base 10."""
    return xp.log10(input)


log10.vjp(input=lambda g, input: div(g, scale(conj_of(input), math.log(10))))


@op(FLOAT, inplace=True, fast=xp.sqrt)
def sqrt(input: Array) -> Any:
    """The square root."""
    return xp.sqrt(input)


sqrt.vjp(input=lambda g, out: div(g, scale(conj_of(out), 2)))


@op(FLOAT_HELD, inplace=True)
def rsqrt(input: Array) -> Any:
    """One over the square root."""
    return 1 / xp.sqrt(input)


rsqrt.vjp(input=lambda g, out: mul(scale(g, -0.5), conj_of(pow_number(out, 3))))


@op(FLOAT, inplace=True)
def reciprocal(input: Array) -> Any:
    """One over each element."""
    return xp.true_divide(input.dtype.type(1), input)


reciprocal.vjp(input=lambda g, out: mul(neg(g), conj_of(mul(out, out))))


@op(FLOAT, inplace=True, fast=xp.sin)
def sin(input: Array) -> Any:
    """The sine."""
    return xp.sin(input)


sin.vjp(input=lambda g, input: mul(g, conj_of(cos(input))))


@op(FLOAT, inplace=True, fast=xp.cos)
def cos(input: Array) -> Any:
    """The cosine."""
    return xp.cos(input)


cos.vjp(input=lambda g, input: mul(g, neg(conj_of(sin(input)))))


@op(FLOAT, inplace=True)
def tan(input: Array) -> Any:
    """The tangent."""
    return xp.tan(input)


tan.vjp(input=lambda g, out: mul(g, conj_of(add_one(mul(out, out)))))


@op(FLOAT, inplace=True)
def sinh(input: Array) -> Any:
    """The hyperbolic sine."""
    return xp.sinh(input)


sinh.vjp(input=lambda g, input: mul(g, conj_of(cosh(input))))


@op(FLOAT, inplace=True)
def cosh(input: Array) -> Any:
    """The hyperbolic cosine."""
    return xp.cosh(input)


cosh.vjp(input=lambda g, input: mul(g, conj_of(sinh(input))))


@op(FLOAT, inplace=True)
def asin(input: Array) -> Any:
    """The arc sine."""
    return xp.arcsin(input)


asin.vjp(input=lambda g, input: mul(g, conj_of(rsqrt(shift(mul(neg(input), input), 1)))))


@op(FLOAT, inplace=True)
def acos(input: Array) -> Any:
    """The arc cosine."""
    return xp.arccos(input)


acos.vjp(input=lambda g, input: mul(g, neg(conj_of(rsqrt(shift(mul(neg(input), input), 1))))))


@op(FLOAT, inplace=True)
def atan(input: Array) -> Any:
    """The arc tangent."""
    return xp.arctan(input)


atan.vjp(input=lambda g, input: div(g, conj_of(add_one(mul(input, input)))))


@op(FLOAT, inplace=True, fast=xp.tanh)
def tanh(input: Array) -> Any:
    """The hyperbolic tangent."""
    return xp.tanh(input)


tanh.vjp(input=lambda g, out: tanh_backward(g, out))


@op(roomy(elementwise(), 2), hidden=True)
def tanh_backward(grad_output: Array, output: Array) -> Any:
    """The gradient of tanh from its result."""
    square = output * output
    return grad_output * xp.conjugate(1 - square) if square.dtype.kind == "c" else grad_output * (1 - square)


tanh_backward.vjp(
    grad_output=lambda g, output: tanh_backward(g, conj_of(output)),
    output=lambda g, grad_output, output: conj_of(mul(mul(mul(g, conj_of(grad_output)), output), -2)),
)


@op(FLOAT_HELD, inplace=True, fast=True)
def sigmoid(input: Array) -> Any:
    """1 / (1 + exp(-x)), without overflow."""
    if input.dtype.kind == "c":
        return 1 / (1 + xp.exp(-input))
    half = input.dtype.type(0.5)
    return xp.tanh(input * half) * half + half


sigmoid.vjp(input=lambda g, out: sigmoid_backward(g, out))


@op(roomy(elementwise(), 2), hidden=True)
def sigmoid_backward(grad_output: Array, output: Array) -> Any:
    """The gradient of sigmoid from its result."""
    slope = (1 - output) * output
    return grad_output * xp.conjugate(slope) if slope.dtype.kind == "c" else grad_output * slope


sigmoid_backward.vjp(
    grad_output=lambda g, output: sigmoid_backward(g, conj_of(output)),
    output=lambda g, grad_output, output: conj_of(mul(mul(g, conj_of(grad_output)), shift(mul(output, -2), 1))),
)


def real_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of relu and its like: no bools, no complex numbers."""
    dtype = dtypes.BY_NUMPY[values[0].dtype]
    if dtype is dtypes.bool_:
        raise errors.dtype_mismatch("Boolean inputs not supported for relu")
    if dtype.is_complex:
        raise errors.coded(NotImplementedError, "dtype_mismatch", "clamp is not supported for complex types")
    return same_as_input(op, values)


@op(real_rule, inplace=True, fast=True)
def relu(input: Array) -> Any:
    """Zero for negative elements, else the element; NaN stays."""
    return rectified(input)


relu.vjp(input=lambda g, out: threshold_backward(g, out))


@op(elementwise(), hidden=True)
def threshold_backward(grad_output: Array, output: Array) -> Any:
    """The gradient where the output is above zero (or NaN), exactly zero elsewhere."""
    return arrays.keep(~(output <= 0), grad_output)


threshold_backward.vjp(
    grad_output=lambda g, output: threshold_backward(g, output), output=lambda g, output: zeros_like(output)
)


def magnitude_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of abs: a complex tensor has a real magnitude."""
    if values[0].dtype == bool:
        raise errors.not_implemented_for("abs_cpu", "Bool")
    if op.inplace_only and values[0].dtype.kind == "c":
        raise errors.dtype_mismatch("In-place abs is not supported for complex tensors.")
    estimate = same_as_input(op, values)
    shape, dtype = estimate.outputs[0]
    real = dtypes.BY_NUMPY[dtype].to_real().numpy
    return Estimate(values, [(shape, real)], None, 0, estimate.flops)


@op(magnitude_rule, inplace=True, fast=xp.absolute, operators=("__abs__",))
def abs(input: Array) -> Any:
    """The magnitude."""
    return xp.absolute(input)


abs.vjp(input=lambda g, input: mul(g, sgn(input)))
alias(abs, "absolute")
alias(abs.twin, "absolute_")  # type: ignore[arg-type]  # declared in place


def real_sign(x: Any) -> Any:
    """-1, 0 or 1 in the dtype; 0 for NaN; a bool itself."""
    if x.dtype.kind in "fV":
        return arrays.keep(x == x, xp.sign(x))
    return x.copy() if x.dtype.kind == "b" else xp.sign(x)


def signed(op: Op, values: list[Any]) -> Estimate:
    """The rule of sgn: shape and dtype stay, the kernel of floats holds a sign and a mask."""
    estimate = same_as_input(op, values)
    shape, dtype = estimate.outputs[0]
    width = {"f": dtype.itemsize + 1, "V": dtype.itemsize + 1, "c": 3 * dtype.itemsize // 2 + 2}.get(dtype.kind, 0)
    estimate.temporaries = width * math.prod(shape)
    return estimate


@op(signed, inplace=True)
def sgn(input: Array) -> Any:
    """The sign; of a complex element its direction."""
    if input.dtype.kind == "c":
        size = xp.absolute(input)
        return xp.where(size == 0, input.dtype.type(0), input / xp.where(size == 0, size.dtype.type(1), size))
    return real_sign(input)


sgn.vjp(input=lambda g, input, out: sgn_backward(g, input, out))


def sgn_backward(g: Any, input: Any, out: Any) -> Any:
    """Zero for real numbers; for complex ones the part across the direction, over the magnitude."""
    if not is_complex(input):
        return zeros_like(g)
    size = abs(input)
    across = div(sub(g, mul(real_of(mul(g, conj_of(out))), out)), size)
    return where(eq(size, 0), zeros_like(g), across)


def real_step_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of sign, floor and their like: no complex numbers, and bools for sign alone."""
    dtype = dtypes.BY_NUMPY[values[0].dtype]
    name = op.name.rstrip("_")
    if (dtype.is_complex and name == "round") or (dtype is dtypes.bool_ and name != "sign"):
        raise errors.not_implemented_for(f"{name}_vml_cpu", dtype.type_name)
    if dtype.is_complex:
        text = f"{name} is not supported for complex inputs"
        if name == "sign":
            text = "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn instead."
        raise errors.coded(NotImplementedError, "dtype_mismatch", text)
    return same_as_input(op, values)


def real_signed(op: Op, values: list[Any]) -> Estimate:
    """The rule of sign: that of sgn, without complex numbers."""
    real_step_rule(op, values)
    return signed(op, values)


@op(real_signed, inplace=True)
def sign(input: Array) -> Any:
    """-1, 0 or 1; 0 for NaN."""
    return real_sign(input)


sign.vjp(input=lambda g: zeros_like(g))


@op(real_step_rule, inplace=True)
def floor(input: Array) -> Any:
    """The largest integer not above."""
    return xp.floor(input) if input.dtype.kind in "fV" else +input


floor.vjp(input=lambda g: zeros_like(g))


@op(real_step_rule, inplace=True)
def ceil(input: Array) -> Any:
    """The smallest integer not below."""
    return xp.ceil(input) if input.dtype.kind in "fV" else +input


ceil.vjp(input=lambda g: zeros_like(g))


@op(real_step_rule, inplace=True)
def trunc(input: Array) -> Any:
    """The integer part."""
    return xp.trunc(input) if input.dtype.kind in "fV" else +input


trunc.vjp(input=lambda g: zeros_like(g))


@op(real_step_rule, inplace=True)
def round(input: Array) -> Any:
    """The nearest integer; halves to the even one."""
    return xp.rint(input) if input.dtype.kind in "fV" else +input


round.vjp(input=lambda g: zeros_like(g))


@op(elementwise("bool"))
def isnan(input: Array) -> Any:
    """Whether the element is NaN."""
    return input != input


@op(elementwise("bool"))
def isinf(input: Array) -> Any:
    """Whether the element is infinite."""
    return xp.isinf(input) if input.dtype.kind in "fcV" else xp.zeros(input.shape, bool)


@op(elementwise("bool"))
def isfinite(input: Array) -> Any:
    """Whether the element is neither infinite nor NaN."""
    return xp.isfinite(input) if input.dtype.kind in "fcV" else xp.ones(input.shape, bool)


@op(composed, composite=True)
def square(input: Array) -> Any:
    """The square."""
    return pow_number(input, 2)

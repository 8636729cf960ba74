"""Complex numbers from parts and from angles, and their angles."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import Array
from engine.op import Op, op
from engine.ops.arithmetic import conj_of, div, mul, real_of
from engine.ops.compare import eq
from engine.ops.creation import zeros_like
from engine.ops.selection import where
from engine.ops.unary import abs, sgn
from engine.rules import as_float, broadcast, cast_bytes, is_complex, same_as_input


def two_parts_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of complex and polar: two tensors of one dtype, float32 or float64."""
    a, b = (dtypes.BY_NUMPY[each.dtype] for each in values)
    if not (a.is_floating_point and b.is_floating_point) or dtypes.bfloat16 in (a, b):
        raise errors.dtype_mismatch(
            f"Expected both inputs to be Half, Float or Double tensors but got {a.type_name} and {b.type_name}"
        )
    if a is not b:
        raise errors.dtype_mismatch(
            f"Expected object of scalar type {a.type_name} but got scalar type {b.type_name} for second argument"
        )
    if a is dtypes.float16:
        raise errors.not_implemented_for(f"{op.name}_cpu", a.type_name)
    shape = broadcast(*[each.shape for each in values])
    size = math.prod(shape)
    held = 2 * size * a.itemsize if op.name == "polar" else 0
    return Estimate(values, [(shape, a.to_complex().numpy)], None, held, size)


def joined(real: Any, imag: Any) -> Any:
    """The complex array of two parts, whatever they hold (inf times i is nan)."""
    shape = xp.broadcast_shapes(real.shape, imag.shape)
    kind = xp.complex128 if real.dtype == xp.float64 else xp.complex64
    out = xp.empty_like(real, kind) if shape == real.shape else xp.empty(shape, kind)
    out.real, out.imag = real, imag
    return out


@op(two_parts_rule, name="complex", method=False)
def complex_of(real: Array, imag: Array) -> Any:
    """The complex tensor of a real and an imaginary part."""
    return joined(real, imag)


# as in torch, both are saved though nobody reads them
complex_of.vjp(real=lambda g, real: real_of(g), imag=lambda g, imag: real_of(mul(g, -1j)))


@op(two_parts_rule, method=False)
def polar(abs: Array, angle: Array) -> Any:
    """The complex tensor of magnitudes and angles."""
    return joined(abs * xp.cos(angle), abs * xp.sin(angle))


polar.vjp(
    abs=lambda g, out: real_of(mul(conj_of(g), sgn(out))),  # as torch: the sign of a magnitude is not looked at
    angle=lambda g, out: real_of(mul(conj_of(g), mul(out, 1j))),
)


def angle_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of angle: real results."""
    array = values[0]
    dtype = as_float(dtypes.BY_NUMPY[array.dtype])
    real, size = dtype.to_real().numpy, array.size
    held = 0 if dtype.is_complex else cast_bytes([array], real) + size * (real.itemsize + 1)
    return Estimate(values, [(array.shape, real)], dtype.numpy, held, 20 * size)


@op(angle_rule)
def angle(input: Array) -> Any:
    """The angle of each complex element; pi for negative real numbers, 0 for the others."""
    if input.dtype.kind == "c":
        return xp.angle(input)
    kind = input.dtype.type
    return xp.where(input != input, input, xp.where(input < 0, kind(math.pi), kind(0)))


angle.vjp(input=lambda g, input: angle_input(g, input))


def angle_input(g: Any, input: Any) -> Any:
    """The gradient: across the direction, over the magnitude; zero for real numbers and at 0."""
    if not is_complex(input):
        return zeros_like(g)
    size = abs(input)
    turned = mul(g, mul(div(div(input, size), size), 1j))
    return where(eq(size, 0), zeros_like(turned), turned)


def is_real_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of isreal: any dtype, bools out."""
    estimate = same_as_input(op, values)
    return Estimate(values, [(estimate.outputs[0][0], dtypes.bool_.numpy)], None, 0, estimate.flops)


@op(is_real_rule)
def isreal(input: Array) -> Any:
    """Whether the imaginary part is zero."""
    return input.imag == 0 if input.dtype.kind == "c" else xp.ones(input.shape, bool)

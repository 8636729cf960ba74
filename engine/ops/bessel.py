"""Bessel functions, and Airy's."""

from __future__ import annotations

from typing import Any

from engine.arrays import xp
from engine.kinds import Array
from engine.op import Op, op
from engine.ops.arithmetic import add, div, mul, sub
from engine.ops.compare import gt
from engine.ops.creation import full_like, ones_like
from engine.ops.functions import also
from engine.ops.selection import where
from engine.ops.special import SPECIAL, real_function
from engine.ops.unary import abs, reciprocal, sgn
from engine.special_functions import special

TINY = 2.0**-52


@op(real_function("i0_vml_cpu"), inplace=True)
def i0(input: Array) -> Any:
    """The modified Bessel function of the first kind, of order 0."""
    return special("i0", input)


i0.vjp(input=lambda g, input: mul(g, i1(input)))
also(i0, "special.i0")


@op(real_function("i0e_cpu"), namespace=SPECIAL, node="SpecialI0EBackward0")
def i0e(input: Array) -> Any:
    """`i0` scaled by exp(-|x|)."""
    return special("i0e", input)


i0e.vjp(input=lambda g, input, out: mul(g, sub(i1e(input), mul(sgn(input), out))))


@op(real_function("i1_cpu"), namespace=SPECIAL, node="SpecialI1Backward0")
def i1(input: Array) -> Any:
    """The modified Bessel function of the first kind, of order 1."""
    return special("i1", input)


i1.vjp(input=lambda g, input, out: mul(g, i1_slope(input, out)))


def i1_slope(x: Any, out: Any) -> Any:
    """i0(x) - i1(x) / x, 1/2 at 0."""
    clear = gt(abs(x), TINY)
    safe = where(clear, x, ones_like(x))
    slope = sub(i0(safe), div(out, safe))
    return where(clear, slope, full_like(slope, 0.5))


@op(real_function("i1e_cpu"), namespace=SPECIAL, node="SpecialI1EBackward0")
def i1e(input: Array) -> Any:
    """`i1` scaled by exp(-|x|)."""
    return special("i1e", input)


i1e.vjp(input=lambda g, input, out: mul(g, i1e_slope(input, out)))


def i1e_slope(x: Any, out: Any) -> Any:
    """i0e(x) - i1e(x) (sign(x) + 1 / x), 1/2 at 0."""
    clear = gt(abs(x), TINY)
    safe = where(clear, x, ones_like(x))
    slope = sub(i0e(safe), mul(out, add(sgn(safe), reciprocal(safe))))
    return where(clear, slope, full_like(slope, 0.5))


@op(real_function("spherical_bessel_j0_cpu", half=False, buffers=3), namespace=SPECIAL)
def spherical_bessel_j0(input: Array) -> Any:
    """sin(x) / x: 1 at 0, 0 at the infinities."""
    far, zero = xp.isinf(input), input == 0
    safe = xp.where(far | zero, input.dtype.type(1), input)
    return xp.where(zero, input.dtype.type(1), xp.where(far, input.dtype.type(0), xp.sin(safe) / safe))


def from_scipy(name: str, function: str, doc: str) -> Op:
    """Declare a special function that torch has no derivative of; SciPy's airy gives four at once."""

    def kernel(input: Array) -> Any:
        return special(function, input)

    kernel.__name__, kernel.__doc__ = name, doc
    return op(real_function(f"{name}_cpu", half=False, buffers=3 * (name == "airy_ai")), namespace=SPECIAL)(kernel)


for _name, _function, _doc in (
    ("bessel_j0", "j0", "The Bessel function of the first kind, of order 0."),
    ("bessel_j1", "j1", "The Bessel function of the first kind, of order 1."),
    ("bessel_y0", "y0", "The Bessel function of the second kind, of order 0."),
    ("bessel_y1", "y1", "The Bessel function of the second kind, of order 1."),
    ("modified_bessel_i0", "i0", "The modified Bessel function of the first kind, of order 0."),
    ("modified_bessel_i1", "i1", "The modified Bessel function of the first kind, of order 1."),
    ("modified_bessel_k0", "k0", "The modified Bessel function of the second kind, of order 0."),
    ("modified_bessel_k1", "k1", "The modified Bessel function of the second kind, of order 1."),
    ("scaled_modified_bessel_k0", "k0e", "`modified_bessel_k0` times exp(x)."),
    ("scaled_modified_bessel_k1", "k1e", "`modified_bessel_k1` times exp(x)."),
    ("airy_ai", "airy_ai", "The Airy function Ai."),
):
    from_scipy(_name, _function, _doc)

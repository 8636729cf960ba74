"""Orthogonal polynomials; the degree is a tensor or a number too, cut to an integer, and 0 results below 0."""

from __future__ import annotations

import math
from typing import Any

from engine import errors
from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import Operand
from engine.op import Op, Rule, is_number, op
from engine.ops.special import SPECIAL, real_function
from engine.rules import shape_of, weak
from engine.special_functions import special


def chebyshev_t(x: Any, n: Any) -> Any:
    """cos(n t) for x = cos(t); outside [-1, 1] in hyperbolic functions."""
    return xp.where(abs(x) <= 1, xp.cos(n * xp.arccos(x)), sign_of(x, n) * xp.cosh(n * xp.arccosh(abs(x))))


def chebyshev_u(x: Any, n: Any) -> Any:
    """sin((n + 1) t) / sin(t)."""
    t, far = xp.arccos(x), xp.arccosh(abs(x))
    inside, outside = xp.sin((n + 1) * t) / xp.sin(t), xp.sinh((n + 1) * far) / xp.sinh(far)
    values = xp.where(abs(x) < 1, inside, sign_of(x, n) * outside)
    return xp.where(abs(x) == 1, sign_of(x, n) * (n + 1), values)


def chebyshev_v(x: Any, n: Any) -> Any:
    """cos((n + 1/2) t) / cos(t / 2)."""
    return xp.where(x < 0, sign_of(x, n) * half_sines(-x, n), half_cosines(x, n))


def chebyshev_w(x: Any, n: Any) -> Any:
    """sin((n + 1/2) t) / sin(t / 2)."""
    return xp.where(x < 0, sign_of(x, n) * half_cosines(-x, n), half_sines(x, n))


def half_cosines(x: Any, n: Any) -> Any:
    """cos((n + 1/2) t) / cos(t / 2) for x not below 0."""
    t, far = xp.arccos(x), xp.arccosh(x)
    inside = xp.cos((n + 0.5) * t) / xp.cos(t / 2)
    return xp.where(x <= 1, inside, xp.cosh((n + 0.5) * far) / xp.cosh(far / 2))


def half_sines(x: Any, n: Any) -> Any:
    """sin((n + 1/2) t) / sin(t / 2) for x not below 0."""
    t, far = xp.arccos(x), xp.arccosh(x)
    inside = xp.sin((n + 0.5) * t) / xp.sin(t / 2)
    outside = xp.sinh((n + 0.5) * far) / xp.sinh(far / 2)
    return xp.where(x == 1, 2 * n + 1, xp.where(x < 1, inside, outside))


def sign_of(x: Any, n: Any) -> Any:
    """The sign of x to the power n."""
    return xp.where((x < 0) & (n % 2 == 1), -1.0, 1.0)


def filled_in(compute: Any, argument: Any, n: Any) -> Any:
    """A polynomial in double precision, of a degree cut to an integer: 0 where that is below 0."""
    x, degree = xp.asarray(argument, xp.float64), xp.trunc(n).astype(xp.float64)
    below = ~(degree >= 0)
    made = compute(x, xp.where(below, 0.0, degree))
    lost = xp.isnan(made)
    if lost.any():  # a constant at NaN and infinity, and what is linear or quadratic at infinity
        x, powers = (xp.broadcast_to(each, made.shape)[lost] for each in (x, degree))
        known = (powers == 0) | (xp.isinf(x) & (powers <= 2))
        made[lost] = xp.where(known, x**powers, math.nan)
    return xp.where(below, 0.0, made).astype(argument.dtype)


MOST_STEPS = 4_000_000_000


def by_recurrence(function: str, x: Any, n: Any, most: int) -> Any:
    """SciPy's polynomial, whose time grows with the degree: nan above `most`.

    Raises MemoryError (`too_large`) for more steps than take some ten seconds.
    """
    degree = xp.where(n > most, 0, n).astype(xp.int64)
    steps = int(xp.broadcast_to(degree, xp.broadcast_shapes(degree.shape, x.shape)).sum())
    if steps > MOST_STEPS:
        raise errors.too_large(f"{function}: the degrees add up to {steps}, over the limit of {MOST_STEPS}")
    values = special(function, degree, x)
    return xp.where(n > most, xp.nan, values)


def hermite_h(x: Any, n: Any) -> Any:
    """Nan above degree 512, as in torch."""
    return by_recurrence("eval_hermite", x, n, 512)


def hermite_he(x: Any, n: Any) -> Any:
    """Nan above degree 512, as in torch."""
    return by_recurrence("eval_hermitenorm", x, n, 512)


def laguerre(x: Any, n: Any) -> Any:
    """Nan above degree 100000."""
    return by_recurrence("eval_laguerre", x, n, 100_000)


def legendre(x: Any, n: Any) -> Any:
    """Nan above degree 100000."""
    return by_recurrence("eval_legendre", x, n, 100_000)


HELD = {"t": 7, "u": 11, "v": 12, "w": 11}  # arrays, of float64, on the way to a Chebyshev polynomial of each kind
SHARED = 3  # of them as small as the degree


def rule_of(name: str) -> Rule:
    """The rule of the polynomial of that name: one operand at least is a tensor."""
    base = real_function(f"{name}_cpu", half=False)
    held = (HELD[name[-1]] if "chebyshev" in name else 6) + name.startswith("shifted")

    def rule(op: Op, values: list[Any]) -> Estimate:
        if all(is_number(each) for each in values):
            kinds = ", ".join(type(each).__name__ for each in values)
            raise errors.bad_type(f"special_{name}() received an invalid combination of arguments - got ({kinds})")
        estimate = base(op, values)
        size, degrees = math.prod(estimate.outputs[0][0]), math.prod(shape_of(values[1]))
        single = estimate.compute.itemsize < 8  # the result is cast
        estimate.temporaries += 8 * ((held + single) * size - SHARED * (size - degrees))
        return estimate

    return weak(rule)


@op(rule_of("chebyshev_polynomial_t"), namespace=SPECIAL)
def chebyshev_polynomial_t(x: Operand, n: Operand) -> Any:
    """The Chebyshev polynomial of the first kind, of degree n."""
    return filled_in(chebyshev_t, x, n)


@op(rule_of("shifted_chebyshev_polynomial_t"), namespace=SPECIAL)
def shifted_chebyshev_polynomial_t(x: Operand, n: Operand) -> Any:
    """The Chebyshev polynomial of the first kind, of degree n, at 2 x - 1."""
    return filled_in(chebyshev_t, 2 * x - 1, n)


@op(rule_of("chebyshev_polynomial_u"), namespace=SPECIAL)
def chebyshev_polynomial_u(x: Operand, n: Operand) -> Any:
    """The Chebyshev polynomial of the second kind, of degree n."""
    return filled_in(chebyshev_u, x, n)


@op(rule_of("shifted_chebyshev_polynomial_u"), namespace=SPECIAL)
def shifted_chebyshev_polynomial_u(x: Operand, n: Operand) -> Any:
    """The Chebyshev polynomial of the second kind, of degree n, at 2 x - 1."""
    return filled_in(chebyshev_u, 2 * x - 1, n)


@op(rule_of("chebyshev_polynomial_v"), namespace=SPECIAL)
def chebyshev_polynomial_v(x: Operand, n: Operand) -> Any:
    """The Chebyshev polynomial of the third kind, of degree n."""
    return filled_in(chebyshev_v, x, n)


@op(rule_of("shifted_chebyshev_polynomial_v"), namespace=SPECIAL)
def shifted_chebyshev_polynomial_v(x: Operand, n: Operand) -> Any:
    """The Chebyshev polynomial of the third kind, of degree n, at 2 x - 1."""
    return filled_in(chebyshev_v, 2 * x - 1, n)


@op(rule_of("chebyshev_polynomial_w"), namespace=SPECIAL)
def chebyshev_polynomial_w(x: Operand, n: Operand) -> Any:
    """The Chebyshev polynomial of the fourth kind, of degree n."""
    return filled_in(chebyshev_w, x, n)


@op(rule_of("shifted_chebyshev_polynomial_w"), namespace=SPECIAL)
def shifted_chebyshev_polynomial_w(x: Operand, n: Operand) -> Any:
    """The Chebyshev polynomial of the fourth kind, of degree n, at 2 x - 1."""
    return filled_in(chebyshev_w, 2 * x - 1, n)


@op(rule_of("hermite_polynomial_h"), namespace=SPECIAL)
def hermite_polynomial_h(x: Operand, n: Operand) -> Any:
    """The physicist's Hermite polynomial of degree n."""
    return filled_in(hermite_h, x, n)


@op(rule_of("hermite_polynomial_he"), namespace=SPECIAL)
def hermite_polynomial_he(x: Operand, n: Operand) -> Any:
    """The probabilist's Hermite polynomial of degree n."""
    return filled_in(hermite_he, x, n)


@op(rule_of("laguerre_polynomial_l"), namespace=SPECIAL)
def laguerre_polynomial_l(x: Operand, n: Operand) -> Any:
    """The Laguerre polynomial of degree n."""
    return filled_in(laguerre, x, n)


@op(rule_of("legendre_polynomial_p"), namespace=SPECIAL)
def legendre_polynomial_p(x: Operand, n: Operand) -> Any:
    """The Legendre polynomial of degree n."""
    return filled_in(legendre, x, n)

"""The gamma function's family: its logarithm and that one's derivatives, incomplete gammas, the zeta function."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import widened, xp
from engine.infer import Estimate
from engine.kinds import Array, Number, Operand
from engine.op import Op, op
from engine.ops.arithmetic import add, log, mul, neg, scale, shift, sub
from engine.ops.functions import also
from engine.ops.special import SPECIAL, beside, real_function
from engine.ops.unary import exp
from engine.rules import default_dtype
from engine.special_functions import special


@op(real_function("lgamma_vml_cpu", buffers=1, masks=2), inplace=True)
def lgamma(input: Array) -> Any:
    """The logarithm of the magnitude of the gamma function."""
    return log_gamma(input)


def log_gamma(x: Any) -> Any:
    """SciPy's gammaln, plus infinity at minus infinity too, and finite where 1 / x is not."""
    x = widened(x)
    out = xp.asarray(special("gammaln", x))
    infinite = xp.isinf(out)
    if infinite.any():
        size = x[infinite]
        size = xp.absolute(size, out=size)
        far = size >= 1
        size = xp.negative(xp.log(size, out=size), out=size)
        size[far] = math.inf
        out[infinite] = size
    return out


lgamma.vjp(input=lambda g, input: mul(g, digamma(input)))


@op(real_function("digamma"), inplace=True)
def digamma(input: Array) -> Any:
    """The logarithmic derivative of the gamma function."""
    return special("digamma", input)


digamma.vjp(input=lambda g, input: mul(g, polygamma_of(input, 1)))


def polygamma_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of polygamma: an order that is not negative."""
    n = values[op.index["n"]]
    if n < 0:
        raise errors.bad_argument("polygamma(n, x) does not support negative n.")
    kernel = "trigamma" if n == 1 else "digamma" if n == 0 else "polygamma"
    return real_function(kernel, buffers=(0, 6, 1)[min(n, 2)], masks=3 * int(n > 0))(op, values)


@op(polygamma_rule, name="polygamma")
def polygamma(n: int, input: Array) -> Any:
    """The n-th derivative of digamma."""
    return derivative_of_digamma(n, input)


def derivative_of_digamma(n: int, x: Any) -> Any:
    """The kernel of polygamma: a Hurwitz zeta function, times a factorial."""
    if n == 0:
        return special("digamma", x)
    if n == 1:
        return trigamma(widened(x))
    x = widened(x)
    return hurwitz_zeta(xp.asarray(n + 1, x.dtype), x) * ((-1) ** (n + 1) * gamma_of(n + 1))


def trigamma(x: Any) -> Any:
    """The derivative of digamma as PyTorch computes it: right to 1e-9, large but finite at the poles below 0.

    Reflected at 1 / 2, brought above 6 by its recurrence, and there the asymptotic series.
    """
    low = x < 0.5
    sine = xp.sin(x * math.pi)
    total = xp.where(low, -(math.pi**2) / (sine * sine), x.dtype.type(0))
    y = xp.where(low, 1 - x, x)
    for _ in range(6):
        total += 1 / (y * y)
        y += 1
    square = 1 / (y * y)
    total += (1 + 1 / (2 * y) + square * (1 / 6 - square * (1 / 30 - square * (1 / 42)))) / y
    return xp.where(low, -total, total)


def hurwitz_zeta(x: Any, q: Any) -> Any:
    """SciPy's Hurwitz zeta function; NaN where PyTorch's sums are 0 times infinity, far from the first term."""
    made = xp.asarray(special("zeta", x, q))
    none = made == 0
    if none.any():
        far = [xp.broadcast_to(each, made.shape)[none] == math.inf for each in (x, q)]
        made[none] = xp.where(far[0] | far[1], math.nan, 0.0)
    return made


def gamma_of(n: int) -> float:
    """(n - 1)! as a float, infinite where it is too large."""
    return math.gamma(n) if n <= 171 else math.inf


polygamma.vjp(input=lambda g, n, input: mul(g, polygamma(n + 1, input)))


@op(polygamma_rule, name="polygamma", inplace=True)
def polygamma_of(input: Array, n: int) -> Any:
    """The n-th derivative of digamma (the method's order of arguments)."""
    return derivative_of_digamma(n, input)


polygamma_of.vjp(input=lambda g, input, n: mul(g, polygamma(n + 1, input)))
assert polygamma_of.twin is not None
polygamma_of.twin.node_name = "PolygammaBackward1"


MOST_DIMENSIONS = 10_000  # of mvlgamma, which takes a pass over the tensor for each


def mvlgamma_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of mvlgamma: a dimension of 1 at least."""
    dtype = dtypes.BY_NUMPY[values[0].dtype]
    if dtype is dtypes.bool_:
        raise errors.dtype_mismatch("The input tensor may not be a boolean tensor.")
    if values[1] < 1:
        raise errors.bad_argument("p has to be greater than or equal to 1")
    if values[1] > MOST_DIMENSIONS:
        raise errors.too_large(f"mvlgamma(): p of {values[1]} is over the limit of {MOST_DIMENSIONS}")
    if op.inplace_only and not dtype.differentiable:
        names = dtype.type_name, default_dtype().type_name  # torch's slip: the other way round
        raise errors.dtype_mismatch(
            "mvlgamma: result type {} can't be cast to the desired output type {}".format(*names)
        )
    return real_function("arange_cpu", buffers=1 if values[1] == 1 else 3, masks=1)(op, values)


@op(mvlgamma_rule, inplace=True)
def mvlgamma(input: Array, p: int) -> Any:
    """The logarithm of the multivariate gamma function of dimension p."""
    x = widened(input)
    total = log_gamma(x) + p * (p - 1) / 4 * math.log(math.pi)
    for step in range(1, p):
        total = total + log_gamma(x - step / 2)
    return total


mvlgamma.vjp(input=lambda g, input, p: mul(g, digammas(input, p)))


def digammas(x: Any, p: int) -> Any:
    """The sum of digamma(x - j / 2) for j below p."""
    total = digamma(shift(x, 0.0))  # the pole at -0.0 is that at 0.0
    for step in range(1, p):
        total = add(total, digamma(shift(x, -step / 2)))
    return total


@op(real_function("igamma_cpu", floats_only=True, masks=1), inplace=True)
def igamma(input: Array, other: Array) -> Any:
    """The lower incomplete gamma function of order `input`, regularised."""
    return incomplete("gammainc", input, other, 0.0)


def incomplete(name: str, a: Any, x: Any, at_zero: float) -> Any:
    """An incomplete gamma function: PyTorch looks at the ends before it looks for NaN in the other operand."""
    made = xp.asarray(special(name, a, x))
    lost = xp.isnan(made)
    if lost.any():
        a, x = (xp.broadcast_to(each, made.shape)[lost] for each in (a, x))
        known = xp.where((x == 0) | (a == math.inf), at_zero, xp.where(x == math.inf, 1 - at_zero, math.nan))
        made[lost] = xp.where(xp.isnan(a) | xp.isnan(x), known, math.nan)
    return made


def no_order(g: Any) -> Any:
    """torch has no derivative to the order of igamma."""
    raise errors.not_differentiable("the derivative for 'igamma: input' is not implemented.")


igamma.vjp(input=no_order, other=lambda g, input, other: mul(g, gamma_density(input, other)))


def gamma_density(a: Any, x: Any) -> Any:
    """The density of the gamma distribution of order a."""
    return exp(sub(sub(mul(shift(a, -1), log(x)), x), lgamma(a)))


@op(real_function("igammac_cpu", floats_only=True, masks=1), inplace=True)
def igammac(input: Array, other: Array) -> Any:
    """The upper incomplete gamma function of order `input`, regularised."""
    return incomplete("gammaincc", input, other, 1.0)


def no_order_above(g: Any) -> Any:
    """torch has no derivative to the order of igammac."""
    raise errors.not_differentiable("the derivative for 'igammac: input' is not implemented.")


igammac.vjp(input=no_order_above, other=lambda g, input, other: mul(neg(g), gamma_density(input, other)))


@op(
    real_function("zeta_cpu", half=False, masks=1),
    namespace=SPECIAL,
    node="SpecialZetaBackward0",
    number_node="SpecialZetaBackward2",
)
def zeta(input: Array, other: Operand) -> Any:
    """The Hurwitz zeta function."""
    return hurwitz_zeta(widened(input), widened(other))


def no_exponent(g: Any) -> Any:
    """torch has no derivative to the exponent of zeta."""
    raise errors.not_differentiable("the derivative for 'zeta' is not implemented.")


zeta.vjp(
    input=no_exponent,
    other=lambda g, input, other: mul(g, neg(mul(input, zeta(shift(input, 1), other)))),
)


@op(
    real_function("zeta_cpu", half=False, masks=1, number_first=True),
    namespace=SPECIAL,
    name="zeta",
    node="SpecialZetaBackward1",
    cast=("other",),
)
def number_zeta(self: Number, other: Array) -> Any:
    """The Hurwitz zeta function of a number as exponent."""
    return hurwitz_zeta(beside(self, other), other)


number_zeta.vjp(other=lambda g, self, other: scale(mul(g, number_zeta(self + 1, other)), -self))


for _op, _names in (
    (lgamma, ("special.gammaln",)),
    (digamma, ("special.digamma", "special.psi")),
    (polygamma, ("special.polygamma",)),
    (mvlgamma, ("special.multigammaln",)),
    (igamma, ("special.gammainc",)),
    (igammac, ("special.gammaincc",)),
):
    also(_op, *_names)

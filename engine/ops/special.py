"""Special functions: error functions, logarithms and entropies, the cardinal sine; `gammas` has the gamma function."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import widened, xp
from engine.infer import Estimate, composed
from engine.inplace import check_cast, check_shape
from engine.kinds import Array, Number, Operand
from engine.op import Op, Rule, op
from engine.ops.arithmetic import add, conj_of, div, log, mul, neg, scale, shift, sub
from engine.ops.bounds import kept
from engine.ops.compare import eq, ge, gt, le, logical_and, logical_not, logical_or, lt
from engine.ops.copies import to_copy
from engine.ops.creation import full_like
from engine.ops.functions import also
from engine.ops.selection import masked_fill, where
from engine.ops.unary import cos, exp, sin
from engine.rules import (
    FEW,
    as_float,
    broadcast,
    cast_bytes,
    default_dtype,
    operands,
    refuse_dtype,
    relaid_bytes,
    shape_of,
    weak,
)
from engine.special_functions import by_blocks, special

SPECIAL = "special"


def real_function(
    kernel: str,
    half: bool = True,
    floats_only: bool = False,
    buffers: int = 0,
    masks: int = 0,
    number_first: bool = False,
) -> Rule:
    """The rule of a special function: real operands, integers as the default floating dtype.

    `half`: half types have a kernel too; `floats_only`: integers have none; `buffers`: arrays of the result's size
    that the kernel holds beside it, and `masks` of bools; `number_first`: a Python number promotes in the place of the
    first operand.
    """
    refused = (dtypes.BOOL, dtypes.INTEGRAL, dtypes.COMPLEX) if floats_only else (dtypes.COMPLEX,)

    def rule(op: Op, values: list[Any]) -> Estimate:
        args = values[:2] if number_first else operands(op, values)
        dtype = dtypes.result_type(args, default_dtype())
        shape = broadcast(*[shape_of(each) for each in args])
        if op.inplace_only:  # before the kernel is chosen
            check_shape(shape, values[0].shape)
            check_cast(dtype if floats_only else as_float(dtype), dtypes.BY_NUMPY[values[0].dtype])
        refuse_dtype(op, dtype, refused, kernel)
        dtype = as_float(dtype)
        small = dtype.numpy in dtypes.HALF_TYPES
        if small and not half:
            raise errors.not_implemented_for(kernel, dtype.type_name)
        size, compute = math.prod(shape), dtype.numpy
        width = (buffers + (1 + len(args)) * small) * max(compute.itemsize, 4) + masks
        held = max(cast_bytes(args, compute) + size * width, relaid_bytes(args, shape, compute) if size >= FEW else 0)
        return Estimate(values, [(shape, compute)], compute, held, 50 * size)

    return weak(rule)


# -- error functions ------------------------------------------------------------------------------------------------


@op(by_blocks(real_function("erf_vml_cpu")), inplace=True)
def erf(input: Array) -> Any:
    """The error function."""
    return special("erf", input)


erf.vjp(input=lambda g, input: mul(g, bell(input, 2 / math.sqrt(math.pi))))


def bell(x: Any, factor: float) -> Any:
    """factor * exp(-x^2)."""
    return scale(exp(neg(mul(x, x))), factor)


@op(real_function("erfc_vml_cpu"), inplace=True)
def erfc(input: Array) -> Any:
    """1 - erf(x), exact for large x."""
    return special("erfc", input)


erfc.vjp(input=lambda g, input: mul(g, bell(input, -2 / math.sqrt(math.pi))))


@op(real_function("erfinv_vml_cpu"), inplace=True)
def erfinv(input: Array) -> Any:
    """The inverse of the error function."""
    return special("erfinv", input)


erfinv.vjp(input=lambda g, input: erfinv_grad(g, erfinv(input)))  # as torch: the result itself may be written over


def erfinv_grad(g: Any, y: Any) -> Any:
    """sqrt(pi) / 2 exp(y^2) times the gradient, y the result."""
    return mul(g, scale(exp(mul(y, y)), math.sqrt(math.pi) / 2))


@op(real_function("erfcx_cpu", half=False), namespace=SPECIAL, node="SpecialErfcxBackward0")
def erfcx(input: Array) -> Any:
    """exp(x^2) erfc(x), without overflow."""
    return special("erfcx", input)


erfcx.vjp(input=lambda g, input, out: mul(g, shift(scale(mul(input, out), 2), -2 / math.sqrt(math.pi))))


@op(composed, namespace=SPECIAL, composite=True)
def ndtr(input: Array) -> Any:
    """The normal distribution function."""
    x = to_copy(input, default_dtype(), None) if input.dtype.kind in "iub" else input
    return scale(shift(erf(scale(x, math.sqrt(0.5))), 1), 0.5)


@op(real_function("ndtri_cpu", half=False), namespace=SPECIAL, node="SpecialNdtriBackward0")
def ndtri(input: Array) -> Any:
    """The inverse of the normal distribution function."""
    return special("ndtri", input)


ndtri.vjp(input=lambda g, out: mul(g, scale(exp(scale(mul(out, out), 0.5)), math.sqrt(2 * math.pi))))


@op(real_function("log_ndtr_cpu", half=False), namespace=SPECIAL, node="SpecialLogNdtrBackward0")
def log_ndtr(input: Array) -> Any:
    """The logarithm of the normal distribution function, also far below zero."""
    return special("log_ndtr", input)


log_ndtr.vjp(input=lambda g, input, out: mul(g, normal_ratio(input, out)))


def normal_ratio(x: Any, log_share: Any) -> Any:
    """The normal density at x over the share below x, whose logarithm is given."""
    return scale(exp(neg(add(log_share, scale(mul(x, x), 0.5)))), 1 / math.sqrt(2 * math.pi))


# -- logarithms -----------------------------------------------------------------------------------------------------


LOGIT, LOGIT_HELD = (real_function("logit_cpu", buffers=buffers, masks=buffers // 2) for buffers in (0, 2))


@weak
def logit_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of logit: what is held between bounds is another array."""
    return (LOGIT if values[op.index["eps"]] is None else LOGIT_HELD)(op, values)


@op(logit_rule, inplace=True)
def logit(input: Array, eps: float | None = None) -> Any:
    """log(x / (1 - x)), of x held between eps and 1 - eps."""
    x = widened(input)
    if eps is not None:
        eps = float(input.dtype.type(eps))
        x = xp.where(x < eps, x.dtype.type(eps), xp.minimum(x, 1 - eps))  # an eps above 1 / 2 is not refused
    return special("logit", x)


logit.vjp(input=lambda g, input, eps: logit_input(g, input, eps))


def logit_input(g: Any, x: Any, eps: float | None) -> Any:
    """The gradient: none outside [eps, 1 - eps]; without eps, nan outside [0, 1]."""
    gradient = div(g, mul(x, shift(neg(x), 1)))
    if not hasattr(g, "_array"):  # torch's kernel, which differs from the formula that it records at -0.0 and NaN
        gradient = where(eq(x, 0), scale(g, math.inf), gradient)
        eps = None if eps is None or eps < 0 else eps
        if eps is not None:
            return kept(gradient, logical_not(logical_or(lt(x, eps), gt(x, 1 - eps))))
    if eps is None:
        return where(logical_and(ge(x, 0), le(x, 1)), gradient, full_like(gradient, math.nan))
    return kept(gradient, logical_and(ge(x, eps), le(x, 1 - eps)))


@op(real_function("entr_cpu"), namespace=SPECIAL, node="SpecialEntrBackward0")
def entr(input: Array) -> Any:
    """-x log(x): 0 at 0, minus infinity below."""
    return special("entr", input)


entr.vjp(input=lambda g, input: mul(g, neg(shift(log(input), 1))))


@op(real_function("xlogy_cpu"), inplace=True, number_node="XlogyBackward2")
def xlogy(input: Array, other: Operand) -> Any:
    """x log(y): 0 where x is 0, unless y is NaN."""
    return special("xlogy", input, other)


xlogy.vjp(
    input=lambda g, input, other: xlogy_input(g, input, other),
    other=lambda g, input, other: div(mul(g, input), other),
)


def xlogy_input(g: Any, x: Any, y: Any) -> Any:
    """The gradient to x: zero where x is 0 and y not above 0 (torch's convention)."""
    none = logical_and(eq(x, 0), le(y, 0))
    return masked_fill(xlogy(g, y), none, 0)


@op(real_function("xlogy_cpu", number_first=True), name="xlogy", node="XlogyBackward1", cast=("other",), method=False)
def number_xlogy(self: Number, other: Array) -> Any:
    """x log(y) of a number x."""
    return special("xlogy", beside(self, other), other)


number_xlogy.vjp(other=lambda g, self, other: div(scale(g, self), other))


def beside(number: Any, array: Any) -> Any:
    """A Python number as a 0-d array beside another."""
    return xp.asarray(number).astype(array.dtype)


@op(
    real_function("xlog1py_cpu"),
    namespace=SPECIAL,
    node="SpecialXlog1PyBackward0",
    number_node="SpecialXlog1PyBackward2",
)
def xlog1py(input: Array, other: Operand) -> Any:
    """x log(1 + y): 0 where x is 0, unless y is NaN."""
    return special("xlog1py", input, other)


xlog1py.vjp(
    input=lambda g, input, other: xlog1py_input(g, input, other),
    other=lambda g, input, other: mul(g, div(input, shift(other, 1))),
)


def xlog1py_input(g: Any, x: Any, y: Any) -> Any:
    """The gradient to x: zero where x is 0 and y not above -1 (torch's convention)."""
    none = logical_and(eq(x, 0), le(y, -1))
    gradient = xlog1py(g, y)
    return where(none, full_like(gradient, 0), gradient)


@op(
    real_function("xlog1py_cpu", number_first=True),
    namespace=SPECIAL,
    name="xlog1py",
    node="SpecialXlog1PyBackward1",
    cast=("other",),
)
def number_xlog1py(self: Number, other: Array) -> Any:
    """x log(1 + y) of a number x."""
    return special("xlog1py", beside(self, other), other)


number_xlog1py.vjp(other=lambda g, self, other: div(scale(g, self), shift(other, 1)))


# -- the cardinal sine ----------------------------------------------------------------------------------------------


def sinc_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of sinc: complex numbers too."""
    array = values[0]
    compute = as_float(dtypes.BY_NUMPY[array.dtype]).numpy
    width = 3 * compute.itemsize + 1 if compute.itemsize > 2 else 17
    held = cast_bytes([array], compute) + array.size * width
    return Estimate(values, [(array.shape, compute)], compute, held, 20 * array.size)


@op(sinc_rule, inplace=True)
def sinc(input: Array) -> Any:
    """sin(pi x) / (pi x), 1 at 0."""
    x = widened(input) * math.pi
    zero = x == 0
    return xp.where(zero, x.dtype.type(1), xp.sin(x) / xp.where(zero, x.dtype.type(1), x))


sinc.vjp(input=lambda g, input: sinc_input(g, input))


def sinc_input(g: Any, x: Any) -> Any:
    """The gradient, 0 at 0; second derivatives there are NaN as PyTorch's, for a quotient is taken all the same."""
    y, square = scale(x, math.pi), scale(mul(x, x), math.pi)
    gradient = mul(g, conj_of(div(sub(mul(y, cos(y)), sin(y)), square)))
    return where(eq(square, 0), full_like(gradient, 0), gradient)


for _op, _names in (
    (erf, ("special.erf",)),
    (erfc, ("special.erfc",)),
    (erfinv, ("special.erfinv",)),
    (logit, ("special.logit",)),
    (xlogy, ("special.xlogy",)),
    (sinc, ("special.sinc",)),
):
    also(_op, *_names)

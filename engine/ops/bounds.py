"""Bounds: values held between limits."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes

from engine import arrays, dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import Array, Number
from engine.op import Op, alias, is_number, op
from engine.ops.compare import ge, gt, le, logical_and, logical_or, lt
from engine.ops.creation import filled
from engine.ops.unary import isfinite
from engine.rules import default_dtype, elementwise, roomy, same_as_input, weak


def limit(x: Any, number: Any) -> Any:
    """A Python number as a 0-d operand beside `x`; ints wrap around (-1 as uint8 is 255)."""
    return arrays.backend_of(x).scalar(number, x.dtype)


@op(same_as_input, hidden=True, node="WhereBackward0")
def kept(input: Array, mask: Array) -> Any:
    """The input where the mask holds, exactly zero elsewhere."""
    return arrays.keep(mask, input)


kept.vjp(input=lambda g, mask: kept(g, mask))

COMPLEX_TEXT = "clamp is not supported for complex types"


LEAST = elementwise(refuse=(dtypes.COMPLEX,), kernel="maximum_cpu")
MOST = elementwise(refuse=(dtypes.COMPLEX,), kernel="minimum_cpu")
BETWEEN = roomy(elementwise(refuse=(dtypes.BOOL, dtypes.COMPLEX), kernel="clamp_cpu"), 1)


@weak
def clamp_tensors_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of clamp by tensors: one bound at least; bools only with one; no complex numbers."""
    if values[1] is None and values[2] is None:
        raise errors.bad_argument("torch.clamp: At least one of 'min' or 'max' must not be None")
    if not is_number(values[0]) and values[0].dtype.kind == "c":
        raise errors.coded(NotImplementedError, "dtype_mismatch", COMPLEX_TEXT)
    return (MOST if values[1] is None else LEAST if values[2] is None else BETWEEN)(op, values)


@op(clamp_tensors_rule, inplace=True)
def clamp(input: Array, min: Array | None = None, max: Array | None = None) -> Any:
    """The input, not below `min` and not above `max`; above a `max` below `min` it is `max`."""
    raised = input if min is None else xp.maximum(input, min)
    return raised if max is None else xp.minimum(raised, max)


clamp.vjp(
    input=lambda g, input, min, max: kept(g, within(input, min, max)),
    min=lambda g, input, min, max: kept(
        g, lt(input, min) if max is None else logical_and(lt(min, max), lt(input, min))
    ),
    max=lambda g, input, min, max: kept(g, gt(input, max) if min is None else logical_or(gt(input, max), lt(max, min))),
)


def within(x: Any, low: Any, high: Any) -> Any:
    """Where the bounds (None: there is none) let `x` through."""
    if low is None or high is None:
        return le(x, high) if low is None else ge(x, low)
    return logical_and(ge(x, low), le(x, high))


def number_bounds_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of clamp by numbers: they promote as operands."""
    array = values[0]
    given = [each for each in values[1:] if each is not None]
    if not given:
        raise errors.bad_argument("torch.clamp: At least one of 'min' or 'max' must not be None")
    own = dtypes.BY_NUMPY[array.dtype]
    dtype = dtypes.result_type([array, *given], default_dtype())
    if op.inplace_only and dtype.category > own.category and (op.name == "clamp_" or not dtype.is_complex):
        raise errors.dtype_mismatch(
            f"result type {dtype.type_name} can't be cast to the desired output type {own.cpp_name}"
        )
    if own.is_complex or (op.name.startswith("clamp_m") and dtype.is_complex):
        raise errors.coded(NotImplementedError, "dtype_mismatch", COMPLEX_TEXT)
    if any(isinstance(each, complex) for each in given):
        if own.differentiable:
            raise errors.bad_argument("value cannot be converted to type double without overflow")
        raise errors.coded(NotImplementedError, "dtype_mismatch", COMPLEX_TEXT)
    if dtype is dtypes.bool_:
        kernel = "clamp" if len(given) == 2 else f"clamp_{_side(op, values)}"
        raise errors.not_implemented_for(f"{kernel}_scalar_cpu", "Bool")
    compute, size = dtype.numpy, array.size * dtype.itemsize
    temporaries = size if len(given) == 2 or array.dtype != compute else 0
    estimate = Estimate(values, [(array.shape, compute)], compute, temporaries * len(given), array.size)
    for each in given:
        filled(estimate, each)
    return estimate


def _side(op: Op, values: list[Any]) -> str:
    """Which of the bounds is given."""
    return "max" if op.name.startswith("clamp_max") or values[1] is None else "min"


@op(number_bounds_rule, name="clamp", inplace=True, node="ClampBackward1")
def clamp_numbers(input: Array, min: Number = None, max: Number = None) -> Any:
    """The input, not below `min` and not above `max`, which are numbers."""
    if min != min or max != max:
        return xp.full(input.shape, math.nan, input.dtype)
    raised = input if min is None else xp.maximum(input, limit(input, min))
    return raised if max is None else xp.minimum(raised, limit(raised, max))


clamp_numbers.vjp(input=lambda g, input, min, max: kept(g, within(input, min, max)))
alias(clamp, "clip")
alias(clamp.twin, "clip_")  # type: ignore[arg-type]  # declared in place


@op(elementwise(refuse=(dtypes.COMPLEX,), kernel="maximum_cpu"), inplace=True, node="ClampMinBackward1")
def clamp_min(input: Array, min: Array) -> Any:
    """The input, not below `min`."""
    return xp.maximum(input, min)


clamp_min.vjp(
    input=lambda g, input, min: kept(g, ge(input, min)),
    min=lambda g, input, min: kept(g, lt(input, min)),
)


@op(number_bounds_rule, name="clamp_min", inplace=True, node="ClampMinBackward0")
def clamp_min_number(input: Array, min: Number) -> Any:
    """The input, not below a number."""
    return xp.maximum(input, limit(input, min))


clamp_min_number.vjp(input=lambda g, input, min: kept(g, ge(input, min)))


@op(elementwise(refuse=(dtypes.COMPLEX,), kernel="minimum_cpu"), inplace=True, node="ClampMaxBackward1")
def clamp_max(input: Array, max: Array) -> Any:
    """The input, not above `max`."""
    return xp.minimum(input, max)


clamp_max.vjp(
    input=lambda g, input, max: kept(g, le(input, max)),
    max=lambda g, input, max: kept(g, gt(input, max)),
)


@op(number_bounds_rule, name="clamp_max", inplace=True, node="ClampMaxBackward0")
def clamp_max_number(input: Array, max: Number) -> Any:
    """The input, not above a number."""
    return xp.minimum(input, limit(input, max))


clamp_max_number.vjp(input=lambda g, input, max: kept(g, le(input, max)))


def nan_to_num_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of nan_to_num: a mask at a time; integers are copied."""
    estimate = same_as_input(op, values)
    if values[0].dtype.kind in "fcV":
        estimate.temporaries = values[0].size
    return estimate


@op(nan_to_num_rule, inplace=True, real_grad="nan_to_num")
def nan_to_num(input: Array, nan: float | None = None, posinf: float | None = None, neginf: float | None = None) -> Any:
    """The input with NaN and the infinities replaced: by 0 and the dtype's largest and smallest numbers, or as told."""
    out = xp.array(input)
    if out.dtype.kind not in "fcV":
        return out
    for part in (out.real, out.imag) if out.dtype.kind == "c" else (out,):
        replace(part, nan, posinf, neginf)
    return out


def replace(x: Any, nan: Any, posinf: Any, neginf: Any) -> None:
    """nan_to_num of a real array, in place."""
    largest = float(ml_dtypes.finfo(x.dtype).max)  # type: ignore[no-untyped-call]
    x[x != x] = nan or 0.0
    x[x == math.inf] = largest if posinf is None else posinf
    x[x == -math.inf] = -largest if neginf is None else neginf


nan_to_num.vjp(input=lambda g, input: kept(g, isfinite(input)))

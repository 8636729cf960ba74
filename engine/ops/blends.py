"""Blends: an input moved towards or by a product, a quotient, another tensor."""

from __future__ import annotations

import math
import operator as python
from typing import Any

from engine import arrays, dtypes, errors
from engine.arrays import widened, xp
from engine.infer import Estimate
from engine.kinds import Array, Number
from engine.op import Op, is_number, op
from engine.ops.arithmetic import conj_of, div, mul, neg, scale, scaled, shift, sub
from engine.rules import broadcast, check_number, elementwise, refuse_dtype, roomy

WHOLE = (dtypes.BOOL, dtypes.INTEGRAL)


def lerp_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of lerp: one floating dtype; a 0-d weight may have another."""
    input, end, weight = values
    kernel = "lerp_kernel_scalar" if is_number(weight) else "lerp_kernel_tensor"
    for name, each in (("end", end), ("weight", weight)):
        free = is_number(each) or (name == "weight" and not each.shape)
        if not free and each.dtype != input.dtype:
            expected, got = (dtypes.BY_NUMPY[one.dtype].cpp_name for one in (input, each))
            raise errors.dtype_mismatch(f"expected dtype {expected} for `{name}` but got dtype {got}")
    rule = elementwise(refuse=WHOLE, kernel=kernel, cost=5)
    if is_number(weight):
        refuse_dtype(op, dtypes.BY_NUMPY[input.dtype], WHOLE, kernel)
        check_number(weight, input.dtype)
    return (roomy(rule, 0, half=3) if is_number(weight) else roomy(rule, 3, masks=1, half=3))(op, values)


@op(lerp_rule, inplace=True, node="LerpBackward1")
def lerp(input: Array, end: Array, weight: Array) -> Any:
    """input + weight * (end - input), exact at both ends."""
    start, end, weight = widened(input), widened(end), widened(weight)
    gap = end - start
    near = abs(weight) < 0.5
    return xp.where(near, start + weight * gap, end - gap * (1 - weight))


lerp.vjp(
    input=lambda g, weight: mul(g, conj_of(shift(neg(weight), 1))),
    end=lambda g, weight: mul(g, conj_of(weight)),
    weight=lambda g, input, end: mul(g, conj_of(sub(end, input))),
)


@op(lerp_rule, name="lerp", inplace=True, node="LerpBackward0")
def lerp_number(input: Array, end: Array, weight: Number) -> Any:
    """input + weight * (end - input) for a number as weight."""
    start, end = widened(input), widened(end)
    gap = end - start
    if abs(weight) < 0.5:
        gap *= weight
        gap += start
        return gap
    gap *= 1 - weight
    return xp.subtract(end, gap, out=gap) if gap.ndim else end - gap


lerp_number.vjp(
    input=lambda g, weight: scale(g, (1 - weight).conjugate()),
    end=lambda g, weight: scale(g, weight.conjugate()),
)


def addcmul_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of addcmul: no bools; the value fits the dtype."""
    estimate = elementwise(refuse=(dtypes.BOOL,), kernel="addcmul_cpu_out", cost=3)(op, values)
    check_number(values[op.index["value"]], estimate.compute)
    return shifting(estimate, values)


def shifting(estimate: Estimate, values: list[Any]) -> Estimate:
    """The estimate with room for the product or quotient, unless the sum is made in its memory."""
    start, a, b, value = values
    itemsize = max(estimate.compute.itemsize, 4)
    shape = broadcast(a.shape, b.shape)
    if start.shape != shape:
        estimate.temporaries += math.prod(shape) * itemsize
    if value != 1 and a.shape != b.shape:
        estimate.temporaries += a.size * itemsize
    if estimate.compute in dtypes.HALF_TYPES:
        estimate.temporaries += 4 * (start.size + a.size + b.size + math.prod(shape))
    return estimate


@op(addcmul_rule, inplace=True)
def addcmul(input: Array, tensor1: Array, tensor2: Array, *, value: Number = 1) -> Any:
    """input + value * tensor1 * tensor2."""
    start, a, b = widened(input), widened(tensor1), widened(tensor2)
    if value == 1:
        return shifted(start, a * b)
    made = arrays.operand(value, start) * a
    return shifted(start, into(made, b, python.imul, python.mul))


def into(x: Any, y: Any, write: Any, combine: Any) -> Any:
    """`combine(x, y)`, in the memory of `x` where both have one shape."""
    return write(x, y) if x.shape == y.shape else combine(x, y)


def shifted(start: Any, made: Any) -> Any:
    """The sum of both, in the memory of `made` where both have one shape."""
    return into(made, start, python.iadd, python.add)


addcmul.vjp(
    input=lambda g: g,
    tensor1=lambda g, tensor2, value: mul(g, conj_of(scale(tensor2, value))),
    tensor2=lambda g, tensor1, value: mul(g, conj_of(scale(tensor1, value))),
)

ADDCDIV_WHOLE = (
    "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true "
    "division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * "
    "torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / tensor2) "
    "for float inputs. The future addcdiv behavior is just the latter implementation: (input + value * tensor1 / "
    "tensor2), for all dtypes."
)


def addcdiv_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of addcdiv: no integer division; the value fits the dtype."""
    if all(each.dtype.kind in "iub" for each in values[1:3]):
        raise errors.dtype_mismatch(ADDCDIV_WHOLE)
    estimate = elementwise(cost=3)(op, values)
    check_number(values[op.index["value"]], estimate.compute)
    return shifting(estimate, values)


@op(addcdiv_rule, inplace=True)
def addcdiv(input: Array, tensor1: Array, tensor2: Array, *, value: Number = 1) -> Any:
    """input + value * tensor1 / tensor2."""
    start, a, b = widened(input), widened(tensor1), widened(tensor2)
    if value == 1:
        return shifted(start, a / b)
    made = start.dtype.type(value) * a
    return shifted(start, into(made, b, python.itruediv, python.truediv))


addcdiv.vjp(
    input=lambda g: g,
    tensor1=lambda g, tensor2, value: div(scaled(g, value), conj_of(tensor2)),
    tensor2=lambda g, tensor1, tensor2, value: mul(neg(g), conj_of(div(scale(tensor1, value), mul(tensor2, tensor2)))),
)

"""Further factories: logarithmic ranges, single numbers, chosen strides."""

from __future__ import annotations

from math import isfinite
from typing import Any

from engine import arrays, dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import Array, DeviceLike, Dtype, Number, Operand, Size
from engine.modes import warn
from engine.op import Op, is_number, op
from engine.ops.creation import check_ends, check_inferred, checked_size, evenly, factory, number_of, ramp_of
from engine.rules import default_dtype, is_complex


def logspace_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of logspace."""
    start, end, steps = values[:3]
    check_ends("logspace", start, end)
    if steps < 0:
        raise errors.bad_argument("number of steps must be non-negative")
    wide = is_complex(start) or is_complex(end)
    fallback = default_dtype().to_complex() if wide else default_dtype()
    estimate = factory(op, values, (steps,), fallback)
    if estimate.values[op.index["dtype"]].category == dtypes.BOOL and steps > 1:
        raise errors.not_implemented_for("logspace_cpu", "Bool")
    estimate.temporaries = 64 * steps
    if wide:
        check_inferred("logspace", estimate.values[op.index["dtype"]])
    if estimate.values[op.index["dtype"]].category == dtypes.INTEGRAL and not all(
        isfinite(each) for each in (start, end) if is_number(each)
    ):
        raise errors.bad_argument("value cannot be converted to type int64_t without overflow")
    return estimate


@op(logspace_rule, method=False, leaf=True)
def logspace(
    start: Number,
    end: Number,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """`steps` powers of `base`, with exponents evenly spaced from `start` to `end`."""
    return powers_between(start, end, steps, base, dtype)


@op(logspace_rule, name="logspace", method=False, leaf=True)
def logspace_between(
    start: Operand,
    end: Operand,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """The same between the values of 0-d tensors."""
    return powers_between(number_of(start), number_of(end), steps, base, dtype)


def powers_between(start: Any, end: Any, steps: int, base: float, dtype: dtypes.DType) -> Any:
    """The kernel of logspace."""
    kind = dtype.numpy.kind
    exponents = evenly(start, end, steps, dtype)
    if base < 0 and exponents.dtype.kind != "c":
        exponents = exponents.astype(complex)
        made = xp.where(exponents.imag == 0, base**exponents, 0)
        return (made if kind == "c" else xp.where(exponents.real % 1 == 0, made.real, xp.nan)).astype(dtype.numpy)
    made = xp.power(xp.asarray(float(base)), exponents)
    return (made.real if made.dtype.kind == "c" and kind != "c" else made).astype(dtype.numpy)


def inclusive_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of range: as arange, but with its end, and of the default dtype."""
    warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with "
        "Python's range builtin. Instead, use torch.arange, which produces values in [start, end).",
        level=7,
    )
    start, end, step = values[:3]
    dtype = values[op.index["dtype"]] or default_dtype()
    ramp_of(start, end, step, dtype)
    if dtype.category not in (dtypes.INTEGRAL, dtypes.FLOATING):
        raise errors.not_implemented_for("range_cpu", dtype.type_name)
    count = int((end - start) / step + 1)
    return factory(op, values, (count,), default_dtype())


@op(inclusive_rule, name="range", method=False, leaf=True)
def inclusive_range(
    start: Number,
    end: Number,
    step: Number = 1,
    *,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """The numbers from `start` to `end`, `step` apart, `end` among them."""
    if dtype.category == dtypes.INTEGRAL:
        start, end, step = int(start), int(end), int(step)
    return (start + step * xp.arange(int((end - start) / step + 1))).astype(dtype.numpy)


def scalar_tensor_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of scalar_tensor."""
    estimate = factory(op, values, (), default_dtype())
    dtype = estimate.values[op.index["dtype"]]
    if isinstance(values[0], complex) and not dtype.is_complex and values[0].imag:
        raise errors.bad_argument(f"value cannot be converted to type {dtype.cpp_name} without overflow")
    return estimate


@op(scalar_tensor_rule, method=False, leaf=True)
def scalar_tensor(s: Number, *, dtype: Dtype = None, device: DeviceLike = None, requires_grad: bool = False) -> Any:
    """A 0-d tensor of one number."""
    number = s.real if isinstance(s, complex) and dtype.kind != "c" else s
    return xp.array(arrays.scalar(number, dtype.numpy))


def strided_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of empty_strided: room for the last element."""
    size, stride = checked_size(values[0]), tuple(values[1])
    if len(size) != len(stride):
        raise errors.bad_argument(
            f"dimensionality of sizes ({len(size)}) must match dimensionality of strides ({len(stride)})"
        )
    if [1 for each in stride if each < 0]:
        raise errors.bad_argument(
            f"Storage size calculation overflowed with sizes={list(size)} and strides={list(stride)}"
        )
    estimate = factory(op, [size, stride, *values[2:]], size, default_dtype())
    extent = extent_of(size, stride)
    estimate.temporaries = extent * estimate.outputs[0][1].itemsize
    return estimate


def extent_of(size: Any, stride: Any) -> Any:
    """The elements of memory that a tensor of this size and strides spans."""
    if 0 in size:
        return 0
    return 1 + sum((n - 1) * step for n, step in zip(size, stride, strict=True))


@op(strided_rule, method=False, leaf=True)
def empty_strided(
    size: Size,
    stride: Size,
    *,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """A tensor of chosen strides to be filled: zeros here."""
    memory = xp.zeros(extent_of(size, stride), dtype.numpy)
    return arrays.as_strided(memory, size, stride, 0)


def permuted_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of empty_permuted: each dim once in the layout."""
    size, layout = checked_size(values[0]), tuple(values[1])
    if len(size) != len(layout):
        raise errors.bad_argument(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = "
            f"{len(size)} is not equal to len(physical_layout) = {len(layout)}"
        )
    for at, each in enumerate(layout):
        if not 0 <= each < len(size):
            raise errors.bad_argument(
                f"Dimension out of range (expected to be between 0 and {len(size) - 1}, but got {each} at index {at}). "
                "NB: negative dims not currently supported; file an issue if you want it."
            )
        if each in layout[:at]:
            raise errors.bad_argument("Duplicate dim not allowed")
    return factory(op, [size, layout, *values[2:]], size, default_dtype())


@op(permuted_rule, method=False, leaf=True)
def empty_permuted(
    size: Size,
    physical_layout: Size,
    *,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """A tensor whose dims lie in memory in a chosen order, to be filled: zeros here."""
    memory = xp.zeros([size[each] for each in physical_layout], dtype.numpy)
    back = [physical_layout.index(each) for each in range(len(size))]
    return memory.transpose(back)


def new_strided_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of new_empty_strided."""
    like = values[0]
    values = list(values)
    values[3] = values[3] or dtypes.BY_NUMPY[like.dtype]
    estimate = strided_rule(empty_strided, values[1:])
    return Estimate([like, *estimate.values], estimate.outputs, None, estimate.temporaries)


@op(new_strided_rule, function=False, leaf=True)
def new_empty_strided(
    input: Array,
    size: Size,
    stride: Size,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """A tensor of chosen strides and this one's dtype, to be filled: zeros here."""
    memory = xp.zeros(extent_of(size, stride), dtype.numpy)
    return arrays.as_strided(memory, size, stride, 0)

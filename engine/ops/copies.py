"""Ops that copy values as they are: clones, other dtypes, other devices, and overwriting in place."""

from __future__ import annotations

import math
from typing import Any

from engine import arrays, errors
from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import Array, DeviceLike, Dtype, Number, Operand, Size
from engine.layouts import dense_copy
from engine.modes import warn_once
from engine.op import Op, is_number, op
from engine.ops.creation import zeros_like
from engine.rules import Shape, broadcast, same_as_input, shape_of, stored


def copied(values: list[Any], shape: Shape, dtype: Any = None) -> Estimate:
    """The estimate of a copy."""
    return Estimate(values, [(shape, dtype or values[0].dtype)], None, 0, math.prod(shape))


def formatted(op: Op, values: list[Any]) -> Estimate:
    """The rule of copies that choose their layout."""
    name = values[op.index["memory_format"]]
    if name is not None and name.removeprefix("torch.") not in ("contiguous_format", "preserve_format"):
        raise errors.bad_argument(f"unsupported memory format option {name!s:.64}")
    return same_as_input(op, values)


@op(formatted)
def clone(input: Array, *, memory_format: str | None = None) -> Any:
    """A copy that gradients flow through; `memory_format="contiguous_format"` makes it row-major."""
    if memory_format is not None and "contiguous" in memory_format:
        return xp.array(input, order="C")
    return dense_copy(input) if arrays.overlaps_itself(input) else xp.array(input, order="K")


clone.vjp(input=lambda g: g)


@op(same_as_input, hidden=True, node="CloneBackward0")
def contiguous_copy(input: Array) -> Any:
    """A row-major copy."""
    return xp.array(input, order="C")


contiguous_copy.vjp(input=lambda g: g)


@op(formatted, composite=True)
def contiguous(input: Array, *, memory_format: str | None = None) -> Any:
    """The tensor itself if it lies in row-major order, else a copy that does."""
    return input if input.is_contiguous() else contiguous_copy(input)


@op(same_as_input, hidden=True, node="CloneBackward0")
def lay_out(input: Array, strides: Size) -> Any:
    """A copy with the given strides in memory, in elements."""
    return arrays.laid_out(input, strides)


lay_out.vjp(input=lambda g: g)


def same_as_source(op: Op, values: list[Any]) -> Estimate:
    """The rule of a copy of the second argument."""
    return copied(values, values[1].shape, values[1].dtype)


@op(same_as_source, hidden=True, node="torch::autograd::CopyBackwards")
def grad_copy(input: Array | None, source: Array) -> Any:
    """The copy that a first recorded gradient is kept as; torch's node has an edge for what it was copied to."""
    return xp.array(source, order="C")


grad_copy.vjp(input=lambda g: None, source=lambda g: g)


def discarding(source: Any, dtype: Any) -> None:
    """Warn of complex values cast to real ones."""
    if source.dtype.kind == "c" and dtype.kind not in "cb" and hasattr(source, "flags"):
        warn_once("Casting complex values to real discards the imaginary part", level=5)


def to_copy_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of a copy to another dtype."""
    dtype = values[1]
    if dtype is not None:
        discarding(values[0], dtype.numpy)
    estimate = copied(values, values[0].shape, values[0].dtype if dtype is None else dtype.numpy)
    if hasattr(values[0], "strides") and arrays.overlaps_itself(values[0]):
        estimate.temporaries += values[0].nbytes  # written out first
    return estimate


@op(to_copy_rule, hidden=True, node="ToCopyBackward0")
def to_copy(input: Array, dtype: Dtype | None, device: DeviceLike | None) -> Any:
    """A copy in another dtype or on another device."""
    if dtype is not None:
        source = input.real if input.dtype.kind == "c" and dtype.numpy.kind not in "cb" else input
        input = (dense_copy(source) if arrays.overlaps_itself(source) else source).astype(dtype.numpy)
    return input if device is None else arrays.put(input, device)


to_copy.vjp(input=lambda g, input_device: sent_back(g, input_device))


def sent_back(g: Any, device: Any) -> Any:
    """A gradient on the device of the tensor it belongs to."""
    return g.to(device) if hasattr(g, "_array") else arrays.put(g, device)


def overwrite_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of copy_: the source broadcasts to the destination."""
    array, source = values[0], values[1]
    shape = broadcast(array.shape, shape_of(source))
    if not is_number(source):
        discarding(source, array.dtype)
    held = 0  # what is written is the source itself, or a copy where both lie in one memory
    if arrays.is_array(source) and arrays.owner(source) is arrays.owner(array):
        held = source.nbytes
    return Estimate(values, [(shape, array.dtype)], None, held, array.size, shared=True)


@op(
    overwrite_rule,
    name="copy_",
    inplace_only=True,
    any_device=True,
    node="torch::autograd::CopyBackwards",
    checks_cast=False,
    function=False,
)
def copy_(input: Array, src: Operand) -> Any:
    """Overwrite with the values of `src`, broadcast and cast."""
    return arrays.put(
        src.real if src.dtype.kind == "c" and input.dtype.kind not in "cb" else src, arrays.device_of(input)
    )


copy_.vjp(input=lambda g: zeros_like(g), src=lambda g: g)


def fill_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of fill_ and zero_: the tensor's own shape and dtype."""
    array = values[0]
    if len(values) > 1 and not is_number(values[1]) and values[1].ndim:
        raise errors.shape_mismatch(
            f"fill_ only supports 0-dimension value tensor but got tensor with {values[1].ndim} dimensions."
        )
    if len(values) > 1 and is_number(values[1]):
        values = [array, stored(values[1], array.dtype)]
    return Estimate(values, [(array.shape, array.dtype)], array.dtype, 0, array.size, shared=op.inplace_only)


@op(fill_rule, name="fill_", inplace_only=True, node="FillBackward3", checks_cast=False)
def fill_tensor(input: Array, value: Array) -> Any:
    """Overwrite every element with the value of a 0-d tensor."""
    return value


fill_tensor.vjp(input=lambda g: zeros_like(g), value=lambda g: g)  # the edge sums


@op(fill_rule, name="fill_", inplace_only=True, node="FillBackward2", checks_cast=False)
def fill_number(input: Array, value: Number) -> Any:
    """Overwrite every element with a number."""
    return arrays.scalar(value, input.dtype)[()]


fill_number.vjp(input=lambda g: zeros_like(g))


@op(fill_rule, method=False, node="FillBackward1")
def fill(input: Array, value: Array) -> Any:
    """A tensor like `input` of one value, that of a 0-d tensor."""
    return xp.full_like(input, value)


fill.vjp(input=lambda g: zeros_like(g), value=lambda g: g)


@op(fill_rule, name="fill", method=False, node="FillBackward0")
def fill_with(input: Array, value: Number) -> Any:
    """A tensor like `input` of one number."""
    return xp.full_like(input, arrays.scalar(value, input.dtype)[()])


fill_with.vjp(input=lambda g: zeros_like(g))


@op(fill_rule, inplace_only=True, checks_cast=False)
def zero_(input: Array) -> Any:
    """Overwrite every element with 0."""
    return input.dtype.type(0)


zero_.vjp(input=lambda g: zeros_like(g))

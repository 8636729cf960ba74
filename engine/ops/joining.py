"""Joining tensors and cutting them apart."""

from __future__ import annotations

from typing import Any

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Arrays, Size
from engine.op import Op, alias, op
from engine.ops.creation import zeros_like
from engine.ops.views import narrow, select
from engine.rules import cast_bytes, default_dtype
from engine.shapes import check_parts
from engine.tensor import check_dim


def cat_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of cat: shapes equal but for `dim`; 1-d empty tensors are skipped, as torch does."""
    tensors, dim = values
    if not tensors:
        raise errors.bad_value("torch.cat(): expected a non-empty list of Tensors")
    counted = [each for each in tensors if each.shape != (0,)]
    for at, each in enumerate(tensors):
        if each.ndim == 0:
            raise errors.shape_mismatch(f"zero-dimensional tensor (at position {at}) cannot be concatenated")
    first = counted[0] if counted else tensors[0]
    dim = check_dim(dim, first.ndim) if counted else 0
    total = 0
    for at, each in enumerate(counted):
        if each.ndim != first.ndim:
            raise errors.shape_mismatch(
                f"Tensors must have same number of dimensions: got {first.ndim} and {each.ndim}"
            )
        for axis, (a, b) in enumerate(zip(first.shape, each.shape, strict=True)):
            if axis != dim and a != b:
                raise errors.shape_mismatch(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size {a} but got size {b} for "
                    f"tensor number {at} in the list."
                )
        total += each.shape[dim]
    compute = dtypes.result_type(tensors, default_dtype()).numpy
    shape = (*first.shape[:dim], total, *first.shape[dim + 1 :])
    return Estimate([tensors, dim], [(shape, compute)], compute, cast_bytes(tensors, compute))


@op(cat_rule, method=False)
def cat(tensors: Arrays, dim: int = 0) -> Any:
    """The tensors one after the other along an existing dim."""
    counted = [each for each in tensors if each.shape != (0,)] or tensors[:1]
    if all(each.flags.c_contiguous for each in counted):
        return xp.concatenate(counted, axis=dim)
    shape = list(counted[0].shape)
    shape[dim] = sum([each.shape[dim] for each in counted])
    return xp.concatenate(counted, axis=dim, out=xp.empty(shape, counted[0].dtype))  # row-major, NumPy's may not be


cat.vjp(tensors=lambda g, tensors_shape, dim: cut(g, tensors_shape, dim))
alias(cat, "concat", "concatenate")


def cut(g: Any, shapes: Any, dim: int) -> list[Any]:
    """The pieces of a gradient that belong to the joined tensors."""
    pieces: list[Any] = []
    start = 0
    for shape in shapes:
        if shape == (0,):
            pieces.append(zeros_of(g, (0,)))
            continue
        pieces.append(piece(g, dim, start, shape[dim]))
        start += shape[dim]
    return pieces


def piece(g: Any, dim: int, start: int, length: int) -> Any:
    """A part of a gradient, array or tensor."""
    if hasattr(g, "_array"):
        return narrow(g, dim, start, length)
    return g[(slice(None),) * dim + (slice(start, start + length),)]


def stack_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of stack: all shapes equal."""
    tensors, dim = values
    if not tensors:
        raise errors.bad_argument("stack expects a non-empty TensorList")
    first = tensors[0]
    dim = check_dim(dim, first.ndim + 1)
    for at, each in enumerate(tensors):
        if each.shape != first.shape:
            raise errors.shape_mismatch(
                f"stack expects each tensor to be equal size, but got {list(first.shape)} at entry 0 and "
                f"{list(each.shape)} at entry {at}"
            )
    compute = dtypes.result_type(tensors, default_dtype()).numpy
    shape = (*first.shape[:dim], len(tensors), *first.shape[dim:])
    return Estimate([tensors, dim], [(shape, compute)], compute, cast_bytes(tensors, compute))


@op(stack_rule, method=False)
def stack(tensors: Arrays, dim: int = 0) -> Any:
    """The tensors side by side along a new dim."""
    if all(each.flags.c_contiguous for each in tensors):
        return xp.stack(tensors, axis=dim)
    shape = tensors[0].shape
    return xp.stack(tensors, axis=dim, out=xp.empty((*shape[:dim], len(tensors), *shape[dim:]), tensors[0].dtype))


stack.vjp(tensors=lambda g, tensors_shape, dim: slices(g, len(tensors_shape), dim))


def slices(g: Any, count: int, dim: int) -> list[Any]:
    """The entries of a gradient along a dim."""
    return [select(g, dim, at) for at in range(count)]


def unbind_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of unbind."""
    array = values[0]
    if array.ndim == 0:
        raise errors.bad_argument("Dimension specified as 0 but tensor has no dimensions", IndexError)
    dim = check_dim(values[1], array.ndim)
    shape = (*array.shape[:dim], *array.shape[dim + 1 :])
    return Estimate([array, dim], [(shape, array.dtype)] * check_parts(array.shape[dim]), shared=True)


@op(unbind_rule, view=True, multi_view=True, returns_list=True)
def unbind(input: Array, dim: int = 0) -> Any:
    """The entries along a dim, as views."""
    return [input[(slice(None),) * dim + (at, ...)] for at in range(input.shape[dim])]


unbind.vjp(input=lambda g, input_shape, dim: stack(filled(g), dim))


def filled(grads: list[Any]) -> list[Any]:
    """Gradients with zeros in place of those that never came."""
    known = next(each for each in grads if each is not None)
    return [zeros_like(known) if each is None else each for each in grads]


def split_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of split by a size."""
    array, size, dim = values
    if array.ndim == 0:
        raise errors.bad_argument("split expects at least a 1-dimensional tensor")
    dim = check_dim(dim, array.ndim)
    if size < 0:
        raise errors.bad_argument(f"split expects split_size be non-negative, but got split_size={size}")
    length = array.shape[dim]
    if size == 0 and length:
        raise errors.bad_argument(
            f"split_size can only be 0 if dimension size is 0, but got dimension size of {length}"
        )
    count = check_parts(max(-(-length // size), 1) if size else 1)
    sections = [size] * (count - 1) + [length - size * (count - 1)]
    return sections_estimate(array, [array, size, dim], sections, dim)


def sections_estimate(array: Any, values: list[Any], sections: list[int], dim: int) -> Estimate:
    """The estimate of views of a dim's consecutive sections."""
    shapes = [(*array.shape[:dim], size, *array.shape[dim + 1 :]) for size in sections]
    return Estimate(values, [(shape, array.dtype) for shape in shapes], shared=True)


@op(split_rule, view=True, multi_view=True, returns_list=True)
def split(input: Array, split_size_or_sections: int, dim: int = 0) -> Any:
    """Consecutive parts of at most this size along a dim, as views."""
    size, length = split_size_or_sections, input.shape[dim]
    starts = range(0, length, size) if length else (0,)
    return [piece(input, dim, start, min(size, length - start)) for start in starts]


split.vjp(input=lambda g, input_shape, split_size_or_sections, dim: joined(g, input_shape, dim, split_size_or_sections))


def joined(grads: list[Any], shape: Any, dim: int, size: int) -> Any:
    """The gradient of split: its parts joined, zeros where none came."""
    length = shape[dim]
    lengths = [min(size, length - start) for start in range(0, length, size)] if length else [0]
    return joined_sections(grads, shape, dim, lengths)


def joined_sections(grads: list[Any], shape: Any, dim: int, lengths: Any) -> Any:
    """The parts of a gradient joined, zeros where none came."""
    known = next(each for each in grads if each is not None)
    parts = []
    for grad, length in zip(grads, lengths, strict=True):
        if grad is None:
            blank = zeros_of(known, (*shape[:dim], length, *shape[dim + 1 :]))
        parts.append(blank if grad is None else grad)
    return cat(parts, dim)


@op(lambda op, values: Estimate(values, [(tuple(values[1]), values[0].dtype)]), hidden=True)
def zeros_of(input: Array, size: Size) -> Any:
    """Zeros of another shape in the dtype and on the device of a gradient."""
    return xp.zeros(size, input.dtype)


def split_sections_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of split by sections."""
    array, sections, dim = values
    if array.ndim == 0:
        name = "split" if op.name == "split" else "split_with_sizes"
        raise errors.bad_argument(f"{name} expects at least a 1-dimensional tensor")
    dim = check_dim(dim, array.ndim)
    length = array.shape[dim]
    for each in sections:
        if each < 0:
            raise errors.bad_argument(
                "split_with_sizes expects split_sizes have only non-negative entries, but got "
                f"split_sizes={list(sections)}"
            )
    total = 0
    for each in sections:
        total += each
    if total != length:
        raise errors.bad_argument(
            f"split_with_sizes expects split_sizes to sum exactly to {length} (input tensor's size at dimension "
            f"{dim}), but got split_sizes={list(sections)}"
        )
    return sections_estimate(array, [array, tuple(sections), dim], list(sections), dim)


@op(split_sections_rule, name="split", view=True, multi_view=True, returns_list=True, node="SplitWithSizesBackward0")
def split_with_sizes(input: Array, split_size_or_sections: Size, dim: int = 0) -> Any:
    """Consecutive parts of the given sizes along a dim, as views."""
    pieces, start = [], 0
    for size in split_size_or_sections:
        pieces.append(piece(input, dim, start, size))
        start += size
    return pieces


split_with_sizes.vjp(
    input=lambda g, input_shape, split_size_or_sections, dim: joined_sections(
        g, input_shape, dim, split_size_or_sections
    )
)


@op(composed, composite=True, returns_list=True)
def chunk(input: Array, chunks: int, dim: int = 0) -> Any:
    """At most `chunks` parts of equal size along a dim, as views."""
    if chunks <= 0:
        raise errors.bad_argument(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    if input.ndim == 0:
        raise errors.bad_argument("chunk expects at least a 1-dimensional tensor")
    dim = check_dim(dim, input.ndim)
    length = tuple(input.shape)[dim]
    if not length:
        return split_with_sizes(input, [0] * chunks, dim)
    return split(input, max(-(-length // chunks), 1), dim)

"""Further ways to see a tensor: as another dtype, transposed and conjugated, resolved; and parts as copies."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Dims, Dtype, Size
from engine.op import Op, op
from engine.ops.conjugates import conjugate
from engine.ops.joining import joined, joined_sections, piece, split_rule, split_sections_rule, unbind
from engine.ops.properties import CONJUGATE, deprecated, flipped
from engine.ops.views import slice_backward, transpose
from engine.rules import INT64
from engine.shapes import Shape
from engine.tensor import check_dim


def dtype_view_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of view as another dtype: the last dim takes up the difference of widths."""
    array, dtype = values
    have, want = array.dtype.itemsize, dtype.itemsize
    shape: Shape = array.shape
    names = f"{dtypes.BY_NUMPY[array.dtype].type_name} as {dtype.type_name} (different element sizes)"
    if have != want:
        if not array.ndim:
            raise errors.shape_mismatch(f"self.dim() cannot be 0 to view {names}")
        stride = array.strides[-1] // have
        if array.size and stride != 1:
            raise errors.shape_mismatch(f"self.stride(-1) must be 1 to view {names}, but got {stride}")
        ratio = max(want // have, 1)
        if shape[-1] % ratio:
            raise errors.shape_mismatch(
                f"self.size(-1) must be divisible by {ratio} to view {names}, but got {shape[-1]}"
            )
        for at, step in enumerate(array.strides[:-1]):
            if ratio > 1 and (step // have) % ratio:
                raise errors.shape_mismatch(
                    f"self.stride({at}) must be divisible by {ratio} to view {names}, but got {step // have}"
                )
        shape = (*shape[:-1], shape[-1] * have // want)
    estimate = Estimate(values, [(shape, dtype.numpy)], shared=True)
    return estimate


@op(dtype_view_rule, name="view", view=True, function=False)
def view_dtype(input: Array, dtype: Dtype) -> Any:
    """The same memory read as another dtype, as a view; it has no gradient."""
    return input.view(dtype.numpy)


@op(composed, composite=True)
def adjoint(input: Array) -> Any:
    """The matrices transposed and conjugated, as a view where they are real."""
    if not input.shape:
        deprecated("adjoint()", CONJUGATE)
    return conjugate(flipped(input, "adjoint()"))


@op(composed, composite=True, prop=True, function=False)
def H(input: Array) -> Any:
    """A matrix transposed and conjugated, as a view where it is real."""
    ndim = len(input.shape)
    if ndim not in (0, 2):
        raise errors.shape_mismatch(
            f"tensor.H is only supported on matrices (2-D tensors). Got {ndim}-D tensor."
            + (" For batches of matrices, consider using tensor.mH" if ndim > 2 else "")
        )
    if not ndim:
        deprecated("Tensor.H", CONJUGATE)
    return conjugate(transpose(input, 0, 1)) if ndim else conjugate(input)


# -- parts as copies -------------------------------------------------------------------------------------------------


def narrow_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of narrow_copy."""
    array, dim, start, length = values
    if not array.ndim:
        raise errors.bad_argument("narrow() cannot be applied to a 0-dim tensor.")
    if dim >= array.ndim:
        raise errors.bad_argument(
            "Expected dim < static_cast<int64_t>(self_sizes.size()) to be true, but got false.  (Could this error "
            "message be improved?  If so, please report an enhancement request to PyTorch.)"
        )
    dim = check_dim(dim, array.ndim)
    size = array.shape[dim]
    if length < 0:
        raise errors.bad_argument("narrow(): length must be non-negative.")
    if not -size <= start <= size:
        raise errors.bad_index(f"start out of range (expected to be in range of [{-size}, {size}], but got {start})")
    start += size if start < 0 else 0
    if start + length > size:
        raise errors.bad_argument(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    shape = (*array.shape[:dim], length, *array.shape[dim + 1 :])
    return Estimate([array, dim, start, length], [(shape, array.dtype)], None, 0, math.prod(shape))


@op(narrow_rule)
def narrow_copy(input: Array, dim: int, start: int, length: int) -> Any:
    """`length` entries of a dim from `start` on, as a copy."""
    return xp.array(piece(input, dim, start, length), order="C")


narrow_copy.vjp(
    input=lambda g, input_shape, dim, start, length: slice_backward(g, input_shape, dim, start, start + length, 1)
)


def unsafe_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of the unsafe splits: as the others, but no views."""
    estimate = (split_rule if op.name == "unsafe_split" else split_sections_rule)(op, values)
    return Estimate(estimate.values, estimate.outputs)


@op(unsafe_rule, returns_list=True)
def unsafe_split(input: Array, split_size: int, dim: int = 0) -> Any:
    """Consecutive parts of at most this size along a dim: they share memory, but nobody is told (as views would be)."""
    size, length = split_size, input.shape[dim]
    starts = range(0, length, size) if length else (0,)
    return [piece(input, dim, start, min(size, length - start)) for start in starts]


unsafe_split.vjp(input=lambda g, input_shape, split_size, dim: joined(g, input_shape, dim, split_size))


@op(unsafe_rule, returns_list=True)
def unsafe_split_with_sizes(input: Array, split_sizes: Size, dim: int = 0) -> Any:
    """Consecutive parts of the given sizes along a dim: they share memory, but nobody is told (as views would be)."""
    starts = [sum(split_sizes[:at]) for at in range(len(split_sizes))]
    return [piece(input, dim, start, size) for start, size in zip(starts, split_sizes, strict=True)]


unsafe_split_with_sizes.vjp(
    input=lambda g, input_shape, split_sizes, dim: joined_sections(g, input_shape, dim, split_sizes)
)


@op(composed, composite=True, returns_list=True)
def unsafe_chunk(input: Array, chunks: int, dim: int = 0) -> Any:
    """At most `chunks` parts of equal size along a dim: they share memory, but nobody is told (as views would be)."""
    if not len(input.shape):
        raise errors.shape_mismatch("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise errors.bad_argument(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    length = tuple(input.shape)[check_dim(dim, len(input.shape))]
    if not length:
        return unsafe_split_with_sizes(input, [0] * chunks, dim)
    return unsafe_split(input, max(-(-length // chunks), 1), dim)


# -- places of a flat tensor -----------------------------------------------------------------------------------------


def unravel_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of unravel_index."""
    indices, shape = values
    if indices.dtype.kind not in "iu":
        name = dtypes.BY_NUMPY[indices.dtype].name
        raise errors.bad_type(f"expected 'indices' to be integer dtype, but got torch.{name}")
    for each in shape:
        if each < 0:
            raise errors.bad_value(f"'shape' cannot have negative values, but got {tuple(shape)}")
    if 0 in shape:
        raise errors.bad_argument("ZeroDivisionError")
    return Estimate(values, [((*indices.shape, len(shape)), INT64)], None, 24 * indices.size, 4 * indices.size)


@op(unravel_rule, hidden=True)
def unraveled(indices: Array, shape: Dims) -> Any:
    """The places in a tensor of a shape, a last dim for their coordinates."""
    out, left = xp.empty((*indices.shape, len(shape)), xp.int64), indices.astype(xp.int64)
    for at in reversed(range(len(shape))):
        out[..., at] = left % shape[at]
        left = left // shape[at]
    return out


@op(composed, composite=True, method=False, returns_list=True)
def unravel_index(indices: Array, shape: Dims) -> Any:
    """The places in a tensor of a shape that places in its flattened form stand for, a tensor for each dim."""
    return tuple(unbind(unraveled(indices, shape), len(indices.shape)))

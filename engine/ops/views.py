"""Ops that change how values are seen (views, which share storage) or copy them as they are."""

from __future__ import annotations

import math
from typing import Any

import numpy as xp

from engine import arrays, dtypes, errors
from engine.infer import Estimate
from engine.kinds import Array, DeviceLike, Dims, Dtype, Number, Size
from engine.op import Op, alias, op
from engine.ops.creation import zeros_like
from engine.rules import Shape, check_dim, is_number, normal_dims, same_as_input, shape_of
from engine.shapes import can_view, expanded, infer_size


MAX_INT = 2**63 - 1  # torch's end of an open slice


def viewed(values: list[Any], *shapes: Shape) -> Estimate:
    """The estimate of a view: nothing allocated."""
    dtype = values[0].dtype
    return Estimate(values, [(shape, dtype) for shape in shapes], shared=True)


def copied(values: list[Any], shape: Shape, dtype: Any = None) -> Estimate:
    """The estimate of a copy."""
    return Estimate(values, [(shape, dtype or values[0].dtype)], None, 0, math.prod(shape))


# -- copies ---------------------------------------------------------------------------------------------------------


@op(same_as_input)
def clone(input: Array) -> Any:
    """A copy that gradients flow through."""
    return xp.array(input, order="K")


clone.vjp(input=lambda g: g)


@op(same_as_input, hidden=True, node="CloneBackward0")
def contiguous_copy(input: Array) -> Any:
    """A row-major copy."""
    return xp.array(input, order="C")


contiguous_copy.vjp(input=lambda g: g)


@op(same_as_input, composite=True)
def contiguous(input: Array) -> Any:
    """The tensor itself if it lies in row-major order, else a copy that does."""
    return input if input.is_contiguous() else contiguous_copy(input)


@op(same_as_input, hidden=True, node="CloneBackward0")
def lay_out(input: Array, strides: Size) -> Any:
    """A copy with the given strides in memory, in elements."""
    return arrays.laid_out(input, strides)


lay_out.vjp(input=lambda g: g)


@op(same_as_input, hidden=True, node="torch::autograd::CopyBackwards")
def grad_copy(input: Array) -> Any:
    """The copy that a first recorded gradient is kept as."""
    return xp.array(input, order="C")


grad_copy.vjp(input=lambda g: g)


def to_copy_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of a copy to another dtype."""
    dtype = values[1]
    return copied(values, values[0].shape, values[0].dtype if dtype is None else dtype.numpy)


@op(to_copy_rule, hidden=True, node="ToCopyBackward0")
def to_copy(input: Array, dtype: Dtype | None, device: DeviceLike | None) -> Any:
    """A copy in another dtype or on another device."""
    if dtype is not None:
        source = input.real if input.dtype.kind == "c" and dtype.numpy.kind not in "cb" else input
        input = source.astype(dtype.numpy)
    return input if device is None else arrays.put(input, device)


to_copy.vjp(input=lambda g: g)


@op(to_copy_rule, composite=True, function=False)
def to_dtype(input: Array, dtype: Dtype, *, copy: bool = False) -> Any:
    """The tensor in another dtype; itself if it has it already."""
    return input if input.dtype is dtype and not copy else to_copy(input, dtype, None)


# -- reshaping ------------------------------------------------------------------------------------------------------


def view_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of view: only where no copy is needed."""
    array = values[0]
    size = infer_size(values[1], array.size)
    if not can_view(array.shape, array.strides, size):
        raise errors.shape_mismatch(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        )
    return viewed([array, size], size)


@op(view_rule, view=True, function=False)
def view(input: Array, size: Size) -> Any:
    """The same values in another shape, as a view."""
    return input.reshape(size)


view.vjp(input=lambda g, input_shape: reshape(g, input_shape))


@op(view_rule, hidden=True)
def unsafe_view(input: Array, size: Size) -> Any:
    """A fresh tensor in another shape."""
    return input.reshape(size)


unsafe_view.vjp(input=lambda g, input_shape: reshape(g, input_shape))


def reshape_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of reshape."""
    return copied(values, infer_size(values[1], values[0].size))


@op(reshape_rule, composite=True)
def reshape(input: Array, shape: Size) -> Any:
    """The same values in another shape: a view where possible, else a copy."""
    if not hasattr(input, "_array"):
        return input.reshape(shape)
    array = input._array
    size = infer_size(shape, array.size)
    if can_view(array.shape, array.strides, size):
        return view(input, size)
    return unsafe_view(contiguous_copy(input), size)


@op(reshape_rule, composite=True)
def flatten(input: Array, start_dim: int = 0, end_dim: int = -1) -> Any:
    """The dims from `start_dim` to `end_dim` as one."""
    shape = tuple(input.shape)
    first, last = check_dim(start_dim, len(shape)), check_dim(end_dim, len(shape))
    if first > last:
        raise errors.shape_mismatch("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return reshape(input, (1,))
    if first == last:
        return input
    return reshape(input, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


@op(reshape_rule, composite=True)
def ravel(input: Array) -> Any:
    """The values in one dimension."""
    return reshape(input, (-1,))


@op(reshape_rule, composite=True, function=False)
def view_as(input: Array, other: Array) -> Any:
    """The values in the shape of `other`, as a view."""
    return view(input, tuple(other.shape))


@op(reshape_rule, composite=True, function=False)
def reshape_as(input: Array, other: Array) -> Any:
    """The values in the shape of `other`."""
    return reshape(input, tuple(other.shape))


# -- dims -----------------------------------------------------------------------------------------------------------


def transpose_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of transpose."""
    shape = list(values[0].shape)
    a, b = (check_dim(each, len(shape)) for each in values[1:])
    if shape:
        shape[a], shape[b] = shape[b], shape[a]
    return viewed([values[0], a, b], tuple(shape))


@op(transpose_rule, view=True)
def transpose(input: Array, dim0: int, dim1: int) -> Any:
    """Two dims exchanged, as a view."""
    return xp.swapaxes(input, dim0, dim1) if input.ndim else input[...]


transpose.vjp(input=lambda g, dim0, dim1: transpose(g, dim0, dim1))
alias(transpose, "swapaxes", "swapdims")


def t_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of t: at most two dims."""
    shape = values[0].shape
    if len(shape) > 2:
        raise errors.shape_mismatch(f"t() expects a tensor with <= 2 dimensions, but self is {len(shape)}D")
    return viewed(values, shape[::-1])


@op(t_rule, view=True)
def t(input: Array) -> Any:
    """The transpose of a matrix, as a view; a vector stays."""
    return input.T


t.vjp(input=lambda g: t(g))


def permute_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of permute: every dim once."""
    shape, dims = values[0].shape, values[1]
    if len(dims) != len(shape):
        raise errors.shape_mismatch(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {len(shape)} is not equal to len(dims) = {len(dims)}"
        )
    order = tuple(check_dim(each, len(shape)) for each in dims)
    if len(set(order)) != len(order):
        raise errors.bad_argument("permute(): duplicate dims are not allowed.")
    return viewed([values[0], order], tuple(shape[each] for each in order))


@op(permute_rule, view=True)
def permute(input: Array, dims: Size) -> Any:
    """The dims in another order, as a view."""
    return input.transpose(dims)


permute.vjp(input=lambda g, dims: permute(g, inverse(dims)))


def inverse(dims: Shape) -> Shape:
    """The permutation that undoes one."""
    return tuple(sorted(range(len(dims)), key=dims.__getitem__))


def unsqueeze_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of unsqueeze."""
    shape = values[0].shape
    dim = check_dim(values[1], len(shape) + 1)
    return viewed([values[0], dim], (*shape[:dim], 1, *shape[dim:]))


@op(unsqueeze_rule, view=True)
def unsqueeze(input: Array, dim: int) -> Any:
    """A dim of size 1 put in, as a view."""
    return xp.expand_dims(input, dim)


unsqueeze.vjp(input=lambda g, dim: squeeze_dim(g, dim))


def squeeze_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of squeeze: which dims of size 1 go."""
    shape = values[0].shape
    if len(values) == 1:
        return viewed(values, tuple(each for each in shape if each != 1))
    dims = normal_dims(values[1], len(shape)) or ()
    gone = tuple(each for each in dims if shape[each] == 1) if shape else ()
    return viewed([values[0], gone], tuple(size for at, size in enumerate(shape) if at not in gone))


@op(squeeze_rule, view=True)
def squeeze(input: Array) -> Any:
    """Without its dims of size 1, as a view."""
    return xp.squeeze(input)


squeeze.vjp(input=lambda g, input_shape: reshape(g, input_shape))


@op(squeeze_rule, name="squeeze", view=True, node="SqueezeBackward1")
def squeeze_dim(input: Array, dim: Dims) -> Any:
    """Without those of the given dims that have size 1, as a view."""
    return xp.squeeze(input, axis=dim)


squeeze_dim.vjp(input=lambda g, input_shape: reshape(g, input_shape))


def expand_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of expand."""
    size = expanded(values[0].shape, values[1])
    return viewed([values[0], size], size)


@op(expand_rule, view=True, function=False)
def expand(input: Array, size: Size) -> Any:
    """Dims of size 1 repeated without a copy, as a view."""
    return arrays.expanded(input, size)


expand.vjp(input=lambda g, input_shape: g)  # the edge sums to its target's shape; torch's node shows the sizes


@op(expand_rule, composite=True)
def broadcast_to(input: Array, size: Size) -> Any:
    """The tensor expanded to `size`, as a view."""
    return expand(input, size)


@op(expand_rule, composite=True, function=False)
def expand_as(input: Array, other: Array) -> Any:
    """The tensor expanded to the shape of `other`, as a view."""
    return expand(input, tuple(other.shape))


# -- parts ----------------------------------------------------------------------------------------------------------


def select_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of select."""
    shape = values[0].shape
    if not shape:
        raise errors.bad_index("select() cannot be applied to a 0-dim tensor.")
    dim, index = check_dim(values[1], len(shape)), values[2]
    if not -shape[dim] <= index < shape[dim]:
        raise errors.bad_index(
            f"select(): index {index} out of range for tensor of size {list(shape)} at dimension {dim}"
        )
    return viewed([values[0], dim, index % shape[dim]], (*shape[:dim], *shape[dim + 1 :]))


@op(select_rule, view=True)
def select(input: Array, dim: int, index: int) -> Any:
    """The part at one index of a dim, as a view."""
    return input[(slice(None),) * dim + (index, ...)]


select.vjp(input=lambda g, input_shape, dim, index: select_backward(g, input_shape, dim, index))


def padded_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of the gradients of select and slice: zeros of the input's shape, with a part filled in."""
    return copied(values, tuple(values[1]))


@op(padded_rule, hidden=True)
def select_backward(grad_output: Array, input_sizes: Size, dim: int, index: int) -> Any:
    """Zeros with the gradient at one index of a dim."""
    out = xp.zeros(input_sizes, grad_output.dtype)
    out[(slice(None),) * dim + (index, ...)] = grad_output
    return out


select_backward.vjp(grad_output=lambda g, dim, index: select(g, dim, index))


def slice_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of slice: bounds clipped as Python does, steps positive."""
    array, dim, start, end, step = values
    shape = array.shape
    if not shape:
        raise errors.bad_argument("slice() cannot be applied to a 0-dim tensor.")
    if step <= 0:
        raise errors.bad_argument("slice step must be positive")
    dim = check_dim(dim, len(shape))
    start, end = start or 0, MAX_INT if end is None else end
    length = len(range(*slice(start, end, step).indices(shape[dim])))
    return viewed([array, dim, start, end, step], (*shape[:dim], length, *shape[dim + 1 :]))


@op(slice_rule, view=True, hidden=True, name="slice")
def slice_(input: Array, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Any:
    """A range of a dim, as a view."""
    return input[(slice(None),) * dim + (slice(start, end, step), ...)]


slice_.vjp(
    input=lambda g, input_shape, dim, start, end, step: slice_backward(g, input_shape, dim, start, end, step)
)


@op(padded_rule, hidden=True)
def slice_backward(grad_output: Array, input_sizes: Size, dim: int, start: int, end: int, step: int) -> Any:
    """Zeros with the gradient in a range of a dim."""
    out = xp.zeros(input_sizes, grad_output.dtype)
    out[(slice(None),) * dim + (slice(start, end, step), ...)] = grad_output
    return out


slice_backward.vjp(grad_output=lambda g, dim, start, end, step: slice_(g, dim, start, end, step))


@op(slice_rule, composite=True)
def narrow(input: Array, dim: int, start: int, length: int) -> Any:
    """`length` entries of a dim from `start` on, as a view."""
    shape = tuple(input.shape)
    if not shape:
        raise errors.bad_argument("narrow() cannot be applied to a 0-dim tensor.")
    dim = check_dim(dim, len(shape))
    if length < 0:
        raise errors.bad_argument("narrow(): length must be non-negative.")
    if not -shape[dim] <= start <= shape[dim]:
        raise errors.bad_index(
            f"start out of range (expected to be in range of [{-shape[dim]}, {shape[dim]}], but got {start})"
        )
    start += shape[dim] if start < 0 else 0
    if start + length > shape[dim]:
        raise errors.bad_argument(f"start ({start}) + length ({length}) exceeds dimension size ({shape[dim]}).")
    return slice_(input, dim, start, start + length, 1)


@op(lambda op, values: viewed(values, values[0].shape), view=True, hidden=True, name="alias")
def alias_(input: Array) -> Any:
    """The whole tensor, as a view."""
    return input[...]


alias_.vjp(input=lambda g: g)


def as_strided_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of as_strided: every element lies in the input's storage."""
    array, size, stride, offset = values
    if len(size) != len(stride):
        raise errors.bad_argument("mismatch in length of strides and shape")
    if [each for each in (*size, *stride) if each < 0]:
        raise errors.bad_argument(f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}")
    if offset is None:
        offset = 0
    reach = 1 + offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    memory = arrays.owner(array).size if hasattr(array, "base") else array.size
    if 0 not in size and (offset < 0 or reach > memory):
        raise errors.bad_argument(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize "
            f"{array.dtype.itemsize} requiring a storage size of {reach * array.dtype.itemsize} are out of bounds "
            f"for storage of size {memory * array.dtype.itemsize}"
        )
    return viewed([array, size, stride, offset], tuple(size))


@op(as_strided_rule, view=True)
def as_strided(input: Array, size: Size, stride: Size, storage_offset: int | None = None) -> Any:
    """The input's memory under another size and strides, counted in elements from its first one; a view."""
    return arrays.as_strided(input, size, stride, storage_offset)


as_strided.vjp(
    input=lambda g, input_shape, input_strides, size, stride, storage_offset: strided_scatter(
        g, input_shape, input_strides, size, stride, storage_offset
    )
)


def scatter_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of as_strided's gradient."""
    return copied(values, tuple(values[1]))


@op(scatter_rule, hidden=True, node="AsStridedBackwardBackward0")
def strided_scatter(grad: Array, shape: Size, strides: Size, size: Size, stride: Size, offset: int) -> Any:
    """The gradient of as_strided: each element added where it was read from."""
    memory = xp.zeros(extent(shape, strides, size, stride, offset), grad.dtype)
    where = element_index(size, stride) + offset
    arrays.backend_of(memory).add_at(memory, where, grad)
    return xp.array(arrays.as_strided(memory, shape, strides, 0))


strided_scatter.vjp(
    grad=lambda g, shape, strides, size, stride, offset: strided_gather(g, shape, strides, size, stride, offset)
)


@op(lambda op, values: copied(values, tuple(values[3])), hidden=True, node="AsStridedBackward0")
def strided_gather(input: Array, shape: Size, strides: Size, size: Size, stride: Size, offset: int) -> Any:
    """What as_strided reads from a tensor laid out with the given shape and strides."""
    memory = xp.zeros(extent(shape, strides, size, stride, offset), input.dtype)
    arrays.as_strided(memory, shape, strides, 0)[...] = input
    return xp.array(arrays.as_strided(memory, size, stride, offset))


strided_gather.vjp(
    input=lambda g, shape, strides, size, stride, offset: strided_scatter(g, shape, strides, size, stride, offset)
)


def extent(shape: Shape, strides: Shape, size: Shape, stride: Shape, offset: int) -> int:
    """The elements of memory that two geometries reach."""
    reach = [
        1 + start + sum(max(n - 1, 0) * step for n, step in zip(lengths, steps, strict=True))
        for lengths, steps, start in ((shape, strides, 0), (size, stride, offset))
    ]
    return max(reach)


def element_index(size: Shape, stride: Shape) -> Any:
    """The place in memory of each element of a strided tensor."""
    where = xp.zeros(size, xp.int64)
    for dim, (length, step) in enumerate(zip(size, stride, strict=True)):
        where += xp.arange(length).reshape((-1,) + (1,) * (len(size) - dim - 1)) * step
    return where


# -- in-place -------------------------------------------------------------------------------------------------------


def overwrite_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of copy_: the source broadcasts to the destination."""
    array, source = values[0], values[1]
    expanded(shape_of(source), array.shape)
    return Estimate(values, [(array.shape, array.dtype)], None, 0, array.size)


@op(overwrite_rule, name="copy_", inplace_only=True, node="torch::autograd::CopyBackwards", checks_cast=False,
    function=False)
def copy_(input: Array, src: Array) -> Any:
    """Overwrite with the values of `src`, broadcast and cast."""
    return arrays.put(src.real if src.dtype.kind == "c" and input.dtype.kind not in "cb" else src,
                      arrays.device_of(input))


copy_.vjp(input=lambda g: zeros_like(g), src=lambda g: g)


def fill_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of fill_ and zero_: the tensor's own shape and dtype."""
    array = values[0]
    if len(values) > 1 and not is_number(values[1]) and values[1].ndim:
        raise errors.shape_mismatch(
            f"fill_ only supports 0-dimension value tensor but got tensor with {values[1].ndim} dimensions."
        )
    if len(values) > 1 and isinstance(values[1], complex) and array.dtype.kind != "c":
        target = dtypes.BY_NUMPY[array.dtype].cpp_name
        raise errors.bad_argument(f"value cannot be converted to type {target} without overflow")
    return Estimate(values, [(array.shape, array.dtype)], array.dtype, 0, array.size)


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


@op(fill_rule, inplace_only=True, checks_cast=False)
def zero_(input: Array) -> Any:
    """Overwrite every element with 0."""
    return input.dtype.type(0)


zero_.vjp(input=lambda g: zeros_like(g))


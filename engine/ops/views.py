"""Views: ops that change how values are seen, and share their storage."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import expanded as expanded_array
from engine.arrays import unsqueezed as unsqueezed_array
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Size
from engine.op import Op, alias, op, registry
from engine.ops.copies import contiguous, contiguous_copy, copied
from engine.rules import Shape, normal_dims
from engine.shapes import can_view, expanded, infer_size
from engine.tensor import check_dim

MAX_INT = 2**63 - 1  # torch's end of an open slice


def viewed(values: list[Any], *shapes: Shape) -> Estimate:
    """The estimate of a view: nothing allocated."""
    dtype = values[0].dtype
    return Estimate(values, [(shape, dtype) for shape in shapes], shared=True)


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


@op(view_rule, view=True, hidden=True)
def reshape_alias(input: Array, size: Size) -> Any:
    """`view` of a tensor that is not row-major, where reshape needs no copy."""
    return input.reshape(size)


reshape_alias.vjp(input=lambda g, input_shape: reshape(g, input_shape))


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
    array = input._memory
    size = infer_size(shape, array.size)
    if can_view(array.shape, array.strides, size):
        return view(input, size) if array.flags.c_contiguous else reshape_alias(input, size)
    return unsafe_view(contiguous_copy(input), size)


@op(composed, composite=True)
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


@op(composed, composite=True)
def ravel(input: Array) -> Any:
    """The values in one dimension: a view where possible, else a copy."""
    return view(contiguous(input), (-1,)) if hasattr(input, "_array") else reshape(input, (-1,))


@op(composed, composite=True, function=False)
def view_as(input: Array, other: Array) -> Any:
    """The values in the shape of `other`, as a view."""
    return view(input, tuple(other.shape))


@op(composed, composite=True, function=False)
def reshape_as(input: Array, other: Array) -> Any:
    """The values in the shape of `other`."""
    return reshape(input, tuple(other.shape))


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
    return unsqueezed_array(input, dim)


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


squeeze.vjp(input=lambda g, input_shape: unsqueezed(g, input_shape, range(len(input_shape))))


def unsqueezed(g: Any, shape: Any, dims: Any) -> Any:
    """A gradient with those of the given dims put back that had size 1, one by one as torch does."""
    for at in sorted(dims):  # each place counts those before it
        if shape and shape[at] == 1:
            g = unsqueeze(g, at)
    return g


@op(squeeze_rule, name="squeeze", view=True, node="SqueezeBackward1")
def squeeze_dim(input: Array, dim: int) -> Any:
    """Without the given dim if it has size 1, as a view."""
    return xp.squeeze(input, axis=dim)


squeeze_dim.vjp(input=lambda g, input_shape, dim: unsqueezed(g, input_shape, dim))


@op(squeeze_rule, name="squeeze", view=True, node="SqueezeBackward2")
def squeeze_dims(input: Array, dim: Size) -> Any:
    """Without those of the given dims that have size 1, as a view."""
    return xp.squeeze(input, axis=dim)


squeeze_dims.vjp(input=lambda g, input_shape, dim: unsqueezed(g, input_shape, dim))


@op(squeeze_rule, hidden=True, node="SqueezeBackward4")
def squeeze_product(input: Array, dim: int) -> Any:
    """A product of a vector and matrices without the dim that was put in; not a view."""
    return xp.squeeze(input, axis=dim)


squeeze_product.vjp(input=lambda g, input_shape: reshape(g, input_shape))


def expand_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of expand."""
    size = expanded(values[0].shape, values[1], dtypes.BY_NUMPY[values[0].dtype].options)
    return viewed([values[0], size, *values[2:]], size)


@op(expand_rule, view=True, function=False)
def expand(input: Array, size: Size, *, implicit: bool = False) -> Any:
    """Dims of size 1 repeated without a copy, as a view."""
    return expanded_array(input, size)


expand.vjp(input=lambda g, input_shape: g)  # the edge sums to its target's shape; torch's node shows the sizes


@op(composed, composite=True)
def broadcast_to(input: Array, size: Size) -> Any:
    """The tensor expanded to `size`, as a view."""
    return expand(input, size)


@op(composed, composite=True, function=False)
def expand_as(input: Array, other: Array) -> Any:
    """The tensor expanded to the shape of `other`, as a view."""
    return expand(input, tuple(other.shape))


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


slice_.vjp(input=lambda g, input_shape, dim, start, end, step: slice_backward(g, input_shape, dim, start, end, step))


@op(padded_rule, hidden=True)
def slice_backward(grad_output: Array, input_sizes: Size, dim: int, start: int, end: int, step: int) -> Any:
    """Zeros with the gradient in a range of a dim."""
    out = xp.zeros(input_sizes, grad_output.dtype)
    out[(slice(None),) * dim + (slice(start, end, step), ...)] = grad_output
    return out


slice_backward.vjp(grad_output=lambda g, dim, start, end, step: slice_(g, dim, start, end, step))


@op(composed, composite=True)
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


@op(composed, composite=True, name="narrow")
def narrow_from(input: Array, dim: int, start: Array, length: int) -> Any:
    """The same from a start that is a tensor of no dims."""
    if len(start.shape) or start.dtype.kind not in "iu":
        raise errors.bad_argument("start must be an 0-dim integral Tensor.")
    return narrow(input, dim, int(start.item()), length)


registry["narrow"].ops.reverse()  # a tensor first: a one-element one passes as an int too


@op(lambda op, values: viewed(values, values[0].shape), view=True, hidden=True, name="alias")
def alias_(input: Array) -> Any:
    """The whole tensor, as a view."""
    return input[...]


alias_.vjp(input=lambda g: g)


@op(lambda op, values: viewed(values, values[0].shape), view=True, hidden=True, node="torch::autograd::Identity")
def primal_of(input: Array) -> Any:
    """The values of a dual tensor, without their tangent."""
    return input[...]


primal_of.vjp(input=lambda g: g)

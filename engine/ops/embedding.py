"""Rows of a table by number: embeddings, sums of them in bags, and one-hot rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import adding, arrays, dtypes, errors
from engine.arrays import xp
from engine.grad_mode import no_grad
from engine.infer import Estimate, Meta, composed
from engine.kinds import Array, Size
from engine.op import Op, op
from engine.ops.arithmetic import mul
from engine.ops.picking import index_select
from engine.ops.properties import dtype_of
from engine.ops.reduction import norm_kernel, sum_dim
from engine.ops.views import reshape
from engine.rules import INT64, same_as_input
from engine.tensor import wrap


def check_numbers(index: Any, count: int, name: str) -> None:
    """Raise unless `index` holds row numbers of a table of `count` rows."""
    if index.dtype not in (INT64, xp.int32):
        raise errors.dtype_mismatch(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{dtypes.BY_NUMPY[index.dtype].options} instead (while checking arguments for {name})"
        )
    if isinstance(index, np.ndarray) and index.size and (index.min() < 0 or index.max() >= count):
        raise errors.bad_index("index out of range in self")


def rows_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of embedding: a row for each number."""
    weight, index = values[:2]
    if weight.ndim != 2:
        raise errors.shape_mismatch("'weight' must be 2-D")
    check_numbers(index, weight.shape[0], "embedding")
    shape = (*index.shape, weight.shape[1])
    return Estimate(values, [(shape, weight.dtype)], None, 0, index.size * weight.shape[1])


@op(rows_rule, hidden=True, node="EmbeddingBackward0", real_grad="embedding")
def rows_of(weight: Array, indices: Array, padding_idx: int, scale_grad_by_freq: bool) -> Any:
    """The rows of a table that an index names."""
    return weight.take(indices, 0)


rows_of.vjp(
    weight=lambda g, indices, weight_shape, padding_idx, scale_grad_by_freq: rows_backward(
        g, weight_shape, indices, padding_idx, scale_grad_by_freq
    )
)


def table_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of embedding's gradient: the table's shape."""
    array = values[0]
    return Estimate(values, [(tuple(values[1]), array.dtype)], None, 4 * array.size * array.dtype.itemsize, array.size)


@op(table_rule, hidden=True, node="EmbeddingDenseBackwardBackward0")
def rows_backward(grad: Array, sizes: Size, indices: Array, padding_idx: int, scale_grad_by_freq: bool) -> Any:
    """Zeros with each gradient added to the row it was read from."""
    out = xp.zeros(sizes, grad.dtype)
    flat = indices.reshape(-1)
    rows = grad.reshape(flat.size, sizes[1])
    shares = shares_of(flat, padding_idx, scale_grad_by_freq, grad.dtype)
    adding.add_rows(out, flat, rows if shares is None else rows * shares)
    return out


def shares_of(flat: Any, padding_idx: int, by_frequency: bool, dtype: Any) -> Any:
    """The factor of each row's gradient, as a column: none for padding, less for frequent ones; None if all are 1."""
    if padding_idx < 0 and not by_frequency:
        return None
    shares = (flat != padding_idx).astype(dtype)
    if by_frequency and flat.size:
        shares = shares / xp.bincount(flat)[flat].astype(dtype)
    return shares[:, None]


rows_backward.vjp(
    grad=lambda g, indices, padding_idx, scale_grad_by_freq: rows_scaled(g, indices, padding_idx, scale_grad_by_freq)
)


@op(rows_rule, hidden=True, node="EmbeddingBackward0")
def rows_scaled(weight: Array, indices: Array, padding_idx: int, scale_grad_by_freq: bool) -> Any:
    """The rows of a table, each times its share: the adjoint of the gradient."""
    shares = shares_of(indices.reshape(-1), padding_idx, scale_grad_by_freq, weight.dtype)
    rows = weight.take(indices, 0)
    return rows if shares is None else rows * shares.reshape(*indices.shape, 1)


rows_scaled.vjp(
    weight=lambda g, indices, weight_shape, padding_idx, scale_grad_by_freq: rows_backward(
        g, weight_shape, indices, padding_idx, scale_grad_by_freq
    )
)


def padding_of(padding_idx: int | None, count: int) -> int:
    """The padding row counted from the front, -1 for none."""
    if padding_idx is None:
        return -1
    if not -count <= padding_idx < count:
        raise errors.coded(AssertionError, "bad_argument", "Padding_idx must be within num_embeddings")
    return padding_idx % count


@op(composed, namespace="nn.functional", composite=True)
def embedding(
    input: Array,
    weight: Array,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    """The rows of `weight` that `input` names; the row `padding_idx` gets no gradient.

    With `max_norm`, rows in use are shrunk in place to that norm first. Gradients are dense, `sparse` or not.
    """
    if len(weight.shape) != 2:
        raise errors.shape_mismatch("'weight' must be 2-D")
    padding_idx = padding_of(padding_idx, weight.shape[0])
    if max_norm is not None:
        check_numbers(input._array if hasattr(input, "_array") else input, weight.shape[0], "embedding")
        shrink(weight, input, max_norm, norm_type)
    return rows_of(weight, input, padding_idx, scale_grad_by_freq)


def shrink(weight: Any, index: Any, max_norm: float, norm_type: float) -> None:
    """Bring the rows that an index names to a norm of at most `max_norm`, outside the graph."""
    if hasattr(weight, "_array"):
        with no_grad():
            renorm_rows_(weight, index, max_norm, norm_type)


@op(same_as_input, hidden=True, inplace_only=True)
def renorm_rows_(weight: Array, indices: Array, max_norm: float, norm_type: float) -> Any:
    """Shrink rows in place to a norm of at most `max_norm`."""
    used = xp.unique(indices)
    norms = norm_kernel(weight[used], norm_type, 1, True)
    out = xp.array(weight)
    out[used] *= xp.where(norms > max_norm, max_norm / (norms + 1e-7), 1).astype(weight.dtype)
    return out


# -- bags ------------------------------------------------------------------------------------------------------------


def bag_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of embeddings in bags: a row for each bag."""
    weight, indices, _, count = values[:4]
    check_numbers(indices, weight.shape[0], "embedding_bag")
    shape: tuple[int, ...] = (count, weight.shape[1])
    outputs = [(shape, weight.dtype), (shape, INT64)][: len(op.outputs)]
    held = (4 * indices.size + 2 * count) * weight.shape[1] * 8
    return Estimate(values, outputs, None, held, 2 * indices.size * weight.shape[1])


@op(bag_rule, hidden=True, node="EmbeddingBagBackward0")
def bag_sum(
    weight: Array,
    indices: Array,
    bags: Array,
    count: int,
    factor: Array,
    per_sample_weights: Array | None,
    scale_grad_by_freq: bool,
) -> Any:
    """The sum of rows in each bag, each times its factor and its weight."""
    share = factor if per_sample_weights is None else factor * per_sample_weights
    out = xp.zeros((count, weight.shape[1]), weight.dtype)
    adding.add_rows(out, bags, weight[indices] * share[:, None])
    return out


bag_sum.vjp(
    weight=lambda g, weight_shape, indices, bags, factor, per_sample_weights, scale_grad_by_freq: bag_rows_backward(
        g, weight_shape, indices, bags, factor, per_sample_weights, scale_grad_by_freq
    ),
    per_sample_weights=lambda g, weight, indices, bags, factor: sum_dim(
        mul(mul(index_select(g, 0, bags), reshape(factor, (-1, 1))), index_select(weight, 0, indices)), (1,), False
    ),
)


def bag_rows_backward(
    g: Any, shape: Any, indices: Any, bags: Any, factor: Any, weights: Any, by_frequency: bool
) -> Any:
    """The gradient of sums in bags to the table."""
    rows = mul(index_select(g, 0, bags), reshape(factor, (-1, 1)))
    if weights is not None:
        rows = mul(rows, reshape(weights, (-1, 1)))
    return rows_backward(rows, shape, indices, -1, by_frequency)


@op(bag_rule, hidden=True, node="EmbeddingBagBackward0", outputs=("out", "places"), differentiable=("out",))
def bag_max(
    weight: Array, indices: Array, bags: Array, count: int, factor: Array, per_sample_weights: Array | None
) -> Any:
    """The largest of the rows in each bag, column by column, and the rows they come from (-1 for an empty bag)."""
    valid = factor != 0
    rows, bags, indices = weight[indices[valid]], bags[valid], indices[valid]
    out = xp.full((count, weight.shape[1]), -xp.inf, weight.dtype)
    adding.combine_at(out, (bags,), rows, "amax")
    order = xp.arange(indices.size)[:, None]
    first = xp.full(out.shape, indices.size)
    adding.combine_at(first, (bags,), xp.where(rows == out[bags], order, indices.size), "amin")
    known = first < indices.size
    places = xp.where(known, xp.append(indices, -1)[first], -1)
    return xp.where(known, out, 0).astype(weight.dtype), places


bag_max.vjp(weight=lambda g, places, weight_shape: columns_backward(g[0], weight_shape, places))
bag_max.vjp(per_sample_weights=lambda g: None)


@op(table_rule, hidden=True)
def columns_backward(grad: Array, sizes: Size, places: Array) -> Any:
    """Zeros with each gradient added to the row its column was taken from."""
    out = xp.zeros(sizes, grad.dtype)
    columns = xp.broadcast_to(xp.arange(sizes[1]), places.shape)
    known = places >= 0
    arrays.backend_of(out).add_at(out, (places[known], columns[known]), grad[known])
    return out


columns_backward.vjp(grad=lambda g, places: columns_of(g, places))


@op(lambda op, values: Estimate(values, [(values[1].shape, values[0].dtype)], None, 8 * values[1].size), hidden=True)
def columns_of(weight: Array, places: Array) -> Any:
    """For each column the element of the row named; zero where none is."""
    return xp.where(places >= 0, xp.take_along_axis(weight, xp.maximum(places, 0), 0), weight.dtype.type(0))


columns_of.vjp(weight=lambda g, weight_shape, places: columns_backward(g, weight_shape, places))


def check_floating(weight: Any) -> None:
    """Raise RuntimeError for a table of integers or complex numbers."""
    dtype = dtype_of(weight)
    if not dtype.is_floating_point:
        raise errors.dtype_mismatch(
            "Expected tensor for argument #1 'weight' to have one of the following scalar types: Half, BFloat16, "
            f"Float, Double; but got {dtype.options} instead (while checking arguments for embedding_bag)"
        )


@op(composed, namespace="nn.functional", composite=True)
def embedding_bag(
    input: Array,
    weight: Array,
    offsets: Array | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Array | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Any:
    """Sums, means or maxima of the rows of `weight` in bags: rows of `input`, or runs of it from `offsets` on."""
    check_bags(input, weight, offsets, mode, sparse, scale_grad_by_freq, per_sample_weights)
    check_floating(weight)
    if isinstance(weight, Meta):
        count = input.shape[0] if offsets is None else offsets.shape[0] - include_last_offset
        return Meta((count, weight.shape[1]), weight.dtype)
    bags, count = bags_of(input._array, None if offsets is None else offsets._array, include_last_offset)
    padding = padding_of(padding_idx, weight.shape[0])
    check_numbers(input._array, weight.shape[0], "embedding_bag")
    if max_norm is not None:
        shrink(weight, input, max_norm, norm_type)
    flat = reshape(input, (-1,))
    if per_sample_weights is not None:
        per_sample_weights = reshape(per_sample_weights, (-1,))
    library = arrays.backend_of(bags).xp
    factor = (flat._array != padding) & (bags >= 0) & (bags < count)
    bags = library.clip(bags, 0, max(count - 1, 0))
    factor = factor.astype(weight._array.dtype)
    if mode == "max":
        return bag_max(weight, flat, wrap(bags), count, wrap(factor), per_sample_weights)[0]
    if mode == "mean":
        factor = factor / library.maximum(library.bincount(bags, factor != 0, count), 1)[bags].astype(factor.dtype)
    return bag_sum(weight, flat, wrap(bags), count, wrap(factor), per_sample_weights, scale_grad_by_freq)


def check_bags(
    input: Any, weight: Any, offsets: Any, mode: str, sparse: bool, by_frequency: bool, weights: Any
) -> None:
    """Raise what torch raises for arguments of embedding_bag that do not fit each other."""
    shape = tuple(input.shape)
    if weights is not None and tuple(weights.shape) != shape:
        raise errors.bad_value(
            f"embedding_bag: If per_sample_weights ({weights.shape}) is not None, then it must have the same shape as "
            f"the input ({input.shape})"
        )
    if len(weight.shape) != 2:
        raise errors.bad_value(f"weight has to be a 2D Tensor, but got Tensor of dimension {len(weight.shape)}")
    if len(shape) == 2 and offsets is not None:
        raise errors.bad_value(
            "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length "
            f"sequences. However, found offsets of type {type(offsets)}"
        )
    if len(shape) == 1 and (offsets is None or len(offsets.shape) != 1):
        but = " but got None" if offsets is None else ""
        raise errors.bad_value(f"offsets has to be a 1D Tensor{but}")
    if len(shape) not in (1, 2):
        raise errors.bad_value(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {len(shape)}")
    if mode not in ("sum", "mean", "max"):
        raise errors.bad_value("mode has to be one of sum, mean or max")
    if mode == "max" and by_frequency:
        raise errors.bad_value("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise errors.bad_value("max mode does not support sparse weights")
    if weights is not None and mode != "sum":
        raise errors.coded(
            NotImplementedError,
            "not_implemented",
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' "
            f"(got mode='{mode}'). Please open a feature request on GitHub.",
        )


def bags_of(index: Any, offsets: Any, include_last: bool) -> tuple[Any, int]:
    """The number of the bag each index lies in, and how many bags there are."""
    xp = arrays.backend_of(index).xp
    if offsets is None:
        return xp.repeat(xp.arange(index.shape[0]), index.shape[1]), index.shape[0]
    if offsets.size and int(offsets[0]):
        raise errors.bad_argument(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. "
            f"However, got {int(offsets[0])}"
        )
    if offsets.size and int(offsets[-1]) > index.size:
        raise errors.bad_argument(
            f"offsets[-1] can not be greater than input's length {index.size} but got offsets[-1] of {int(offsets[-1])}"
        )
    return xp.searchsorted(offsets, xp.arange(index.size), "right") - 1, offsets.size - include_last


# -- one-hot ---------------------------------------------------------------------------------------------------------


def one_hot_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of one_hot: a last dim for the classes, as many as the largest number says unless told."""
    array, count = values
    if array.dtype != INT64:
        raise errors.dtype_mismatch("one_hot is only applicable to index tensor of type LongTensor.")
    if array.size == 0 and count <= 0:
        raise errors.bad_argument("Can not infer total number of classes from empty tensor.")
    if not isinstance(array, Meta) and array.size:
        if int(array.min()) < 0:
            raise errors.bad_argument("Class values must be non-negative.")
        top = int(array.max())
        if count == -1:
            count = top + 1
        elif top >= count:
            raise errors.bad_argument("Class values must be smaller than num_classes.")
    elif count == -1:
        raise errors.coded(
            NotImplementedError, "not_implemented", "one_hot(): the size of the result depends on values"
        )
    shape = (*array.shape, count)
    return Estimate([array, count], [(shape, INT64)], None, 16 * array.size, array.size * count)


@op(one_hot_rule, namespace="nn.functional")
def one_hot(input: Array, num_classes: int = -1) -> Any:
    """Rows of zeros with a one where each number says."""
    out = xp.zeros((input.size, num_classes), xp.int64)
    out[xp.arange(input.size), input.reshape(-1)] = 1
    return out.reshape(*input.shape, num_classes)

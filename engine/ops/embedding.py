"""Rows of a table by number: embeddings, rows brought to a largest norm, and one-hot rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import adding, dtypes, errors
from engine.arrays import xp
from engine.grad_mode import no_grad
from engine.infer import Estimate, Meta, composed
from engine.kinds import Array, Size
from engine.op import Op, op
from engine.ops.reduction import norm_kernel
from engine.rules import INT64, same_as_input


def check_numbers(index: Any, count: int | None, name: str, place: int = 1) -> None:
    """Raise unless `index` holds row numbers of a table, of `count` rows if that is known."""
    if index.dtype not in (INT64, xp.int32):
        raise errors.dtype_mismatch(
            f"Expected tensor for argument #{place} 'indices' to have one of the following scalar types: Long, Int; "
            f"but got {dtypes.BY_NUMPY[index.dtype].options} instead (while checking arguments for {name})"
        )
    if count is None or not isinstance(index, np.ndarray) or not index.size:
        return
    if index.min() < 0 or index.max() >= count:
        if not count:
            raise errors.shape_mismatch("index_select(): self indexing axis dim should be positive")
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
    size = array.size * array.dtype.itemsize
    held = 4 * size
    if array.dtype.char in adding.QUICK:  # in parts
        shared = op.name == "rows_backward" and (values[3] >= 0 or values[4])
        held = min(held, 24 * adding.PART) + shared * size
    return Estimate(values, [(tuple(values[1]), array.dtype)], None, held, array.size)


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
    if len(weight.shape) != 2 and not padding_idx and max_norm is None:
        raise errors.shape_mismatch("'weight' must be 2-D")
    if not weight.shape:
        raise errors.bad_index("Dimension specified as 0 but tensor has no dimensions")
    padding_idx = padding_of(padding_idx, weight.shape[0])
    if max_norm is not None:
        shrink(weight, input, max_norm, norm_type)
    return rows_of(weight, input, padding_idx, scale_grad_by_freq)


def shrink(weight: Any, index: Any, max_norm: float, norm_type: float) -> None:
    """Bring the rows that an index names to a norm of at most `max_norm`, outside the graph."""
    if hasattr(weight, "_array"):
        with no_grad():
            renorm_rows_(weight, index, max_norm, norm_type)


def renorm_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of shrinking rows: of a table of floats."""
    weight, index = values[:2]
    if weight.ndim != 2:
        raise errors.shape_mismatch(
            f"Expected 2-dimensional tensor, but got {weight.ndim}-dimensional tensor for argument #1 'self' (while "
            "checking arguments for embedding_renorm_)"
        )
    check_numbers(index, None, "embedding_renorm_", 2)
    if isinstance(index, np.ndarray):
        for each in np.unique(index).tolist():
            if not 0 <= each < weight.shape[0]:
                raise errors.bad_index(
                    f"select(): index {each} out of range for tensor of size {list(weight.shape)} at dimension 0"
                )
    if weight.dtype.kind in "iub":
        name = dtypes.BY_NUMPY[weight.dtype].type_name
        raise errors.dtype_mismatch(
            f"norm(): input dtype should be either floating point or complex. Got {name} instead."
        )
    return same_as_input(op, values)


@op(renorm_rule, hidden=True, inplace_only=True)
def renorm_rows_(weight: Array, indices: Array, max_norm: float, norm_type: float) -> Any:
    """Shrink rows in place to a norm of at most `max_norm`."""
    used = xp.unique(indices)
    norms = norm_kernel(weight[used], norm_type, 1, True)
    out = xp.array(weight)
    out[used] *= xp.where(norms > max_norm, max_norm / (norms + 1e-7), 1).astype(weight.dtype)
    return out


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

"""Embeddings in bags: sums, means and maxima of the rows of a table that numbers name."""

from __future__ import annotations

from typing import Any

from engine import adding, arrays, dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, Meta, composed
from engine.kinds import Array, Size
from engine.modes import warn
from engine.op import Op, op
from engine.ops.arithmetic import mul
from engine.ops.embedding import rows_backward, shrink, table_rule
from engine.ops.picking import index_select
from engine.ops.properties import dtype_of
from engine.ops.reduction import sum_dim
from engine.ops.views import reshape
from engine.rules import INT64
from engine.tensor import wrap

NUMBERS = (dtypes.int64, dtypes.int32)
ORDER_CHANGED = (
    "Argument order of nn.functional.embedding_bag was changed. Usage `embedding_bag(weight, input, ...)` is "
    "deprecated, and should now be `embedding_bag(input, weight, ...)`."
)
ONLY_SUMS = (
    "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got "
    "mode='{}'). Please open a feature request on GitHub."
)


def bag_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of embeddings in bags: a row for each bag."""
    weight, indices, _, count = values[:4]
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


def check_bag_dtypes(input: Any, weight: Any, offsets: Any, weights: Any) -> None:
    """Raise RuntimeError for numbers of rows that are none, and a table that is not of floats or not of its weights."""
    here = "(while checking arguments for embedding_bag)"
    numbers = dtype_of(input)
    if offsets is not None:  # both are brought to one dtype
        numbers = dtypes.promote_types(numbers, dtype_of(offsets))
    elif numbers is dtypes.bool_:
        raise errors.not_implemented_for("arange_cpu", "Bool")
    if numbers not in NUMBERS:
        raise errors.dtype_mismatch(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{numbers.options} instead {here}"
        )
    dtype = dtype_of(weight)
    if not dtype.is_floating_point:
        raise errors.dtype_mismatch(
            "Expected tensor for argument #1 'weight' to have one of the following scalar types: Half, BFloat16, "
            f"Float, Double; but got {dtype.options} instead {here}"
        )
    if weights is not None and dtype_of(weights) is not dtype:
        raise errors.dtype_mismatch(
            "Expected tensor for argument #1 'weight' to have the same type as tensor for argument #1 "
            f"'per_sample_weights'; but type {dtype.options} does not equal {dtype_of(weights).options} {here}"
        )


def bag_padding(padding_idx: int | None, count: int) -> int:
    """The padding row counted from the front, -1 for none."""
    if padding_idx is not None and not -count <= padding_idx < count:
        raise errors.bad_argument(
            f"padding_idx must be within the number of embeddings, {-count} through {count - 1}, but got {padding_idx}"
        )
    return -1 if padding_idx is None else padding_idx % count


def check_bag_numbers(index: Any, weight: Any, mode: str, padding: int) -> None:
    """Raise RuntimeError, as torch's two kernels do, for a number that is no row of the table."""
    count = weight.shape[0]
    library = arrays.backend_of(index).xp
    (wrong,) = library.nonzero((index < 0) | (index >= count))
    if not wrong.size:
        return
    place = int(wrong[0])
    if mode == "max" or padding >= 0 or weight.dtype is dtypes.float64:
        text = f"embedding_bag: Expected idx >= 0 && idx < num_embeddings but found idx to be {int(index[place])}"
    else:
        text = f"Index {place} of input takes value {int(index[place])} which is not in the valid range [0, {count})"
    raise errors.bad_argument(text)


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
    if dtype_of(weight) is dtypes.int64 and dtype_of(input).is_floating_point:
        warn(ORDER_CHANGED, level=5)
        weight, input = input, weight
    check_bags(input, weight, offsets, mode, sparse, scale_grad_by_freq, per_sample_weights)
    if max_norm is not None:
        shrink(weight, input, max_norm, norm_type)
    if per_sample_weights is not None and mode != "sum":
        raise errors.coded(NotImplementedError, "not_implemented", ONLY_SUMS.format(mode))
    padding = bag_padding(padding_idx, weight.shape[0])
    check_bag_dtypes(input, weight, offsets, per_sample_weights)
    if include_last_offset and offsets is not None and not offsets.shape[0]:
        raise errors.bad_argument("include_last_offset: number of offset should be at least 1")
    if isinstance(weight, Meta):
        count = input.shape[0] if offsets is None else offsets.shape[0] - include_last_offset
        return Meta((count, weight.shape[1]), weight.dtype)
    bags, count = bags_of(input._array, None if offsets is None else offsets._array, include_last_offset)
    flat = reshape(input, (-1,)) if dtype_of(input) in NUMBERS else wrap(input._array.reshape(-1).astype(INT64))
    check_bag_numbers(flat._array, weight, mode, padding)
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
    if len(shape) == 2 and not shape[1]:
        raise errors.bad_argument("step must be nonzero")
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


def bags_of(index: Any, offsets: Any, include_last: bool) -> tuple[Any, int]:
    """The number of the bag each index lies in, and how many bags there are."""
    xp = arrays.backend_of(index).xp
    if offsets is None:
        return xp.repeat(xp.arange(index.shape[0]), index.shape[1]), index.shape[0]
    if offsets.size and int(offsets[0]):
        raise errors.bad_argument(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. "
            f"However, got {int(offsets[0])}\n[ {dtypes.of(offsets).options}{{}} ]"
        )
    if offsets.size and int(offsets[-1]) > index.size:
        raise errors.bad_argument(
            f"offsets[-1] can not be greater than input's length {index.size} but got offsets[-1] of {int(offsets[-1])}"
        )
    return xp.searchsorted(offsets, xp.arange(index.size), "right") - 1, offsets.size - include_last

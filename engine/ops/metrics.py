"""Distances between the rows of matrices, and norms brought under a bound."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import widened, xp
from engine.infer import Estimate, Meta, composed
from engine.kinds import Array, Number, Word
from engine.op import Op, Rule, op
from engine.ops.arithmetic import add, conj_of, div, mul, neg, real_of, refuse_bools, sub
from engine.ops.compare import eq, gt
from engine.ops.creation import zeros_like
from engine.ops.linalg import FOUND, M1_M2, matmul, same_dtype
from engine.ops.matrices import HALF, as_column, last_sum, real_dtype, transposed
from engine.ops.reduction import (
    norm_backward,
    norm_kernel,
    norm_width,
    refuse_empty,
    sum_dim,
    vector_norm,
    zero_where,
)
from engine.ops.selection import where
from engine.ops.unary import abs as magnitude
from engine.ops.unary import reciprocal, sgn
from engine.ops.views import unsqueeze, view
from engine.rules import Shape, broadcast, cast_bytes, default_dtype
from engine.tensor import check_dim

# -- dist -------------------------------------------------------------------------------------------------------------


def dist_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of dist."""
    a, b, p = values
    refuse_bools([a, b])
    shape = broadcast(a.shape, b.shape)
    dtype = dtypes.result_type([a, b], default_dtype())
    if not dtype.differentiable:
        raise errors.dtype_mismatch(
            f"norm(): input dtype should be either floating point or complex. Got {dtype.type_name} instead."
        )
    if isinstance(p, complex):
        raise errors.bad_argument("linalg.vector_norm: Expected a non-complex scalar as the order of norm.")
    if 0 in shape and (p == math.inf or p < 0):
        refuse_empty(Meta(shape, dtype.numpy), p, None)
    work = (dtype.itemsize + norm_width(dtype, p)) * math.prod(shape) + cast_bytes([a, b], dtype.numpy)
    return Estimate(values, [((), dtype.to_real().numpy)], dtype.numpy, work, 5 * math.prod(shape))


@op(dist_rule)
def dist(input: Array, other: Array, p: Number = 2) -> Any:
    """The p-norm of the difference."""
    gap = input - other
    return norm_kernel(gap, p, None, False) if gap.size else xp.zeros((), real_dtype(gap))


dist.vjp(
    input=lambda g, input, other, out, p: dist_grad(g, input, other, out, p),
    other=lambda g, input, other, out, p: None if p == 0 else neg(dist_grad(g, input, other, out, p)),
)


def dist_grad(g: Any, a: Any, b: Any, out: Any, p: Any) -> Any:
    """The gradient to the difference."""
    gap = sub(a, b)
    return norm_backward(g, gap, out, p, None, False)


# -- cdist ------------------------------------------------------------------------------------------------------------

MODES = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")


def cdist_checks(a: Any, b: Any, p: float) -> Shape:
    """What cdist refuses; gives the batch shape."""
    pair = (("X1", a), ("X2", b))
    for name, each in pair:
        if len(each.shape) < 2:
            raise errors.shape_mismatch(f"cdist only supports at least 2D tensors, {name} got: {len(each.shape)}D")
    if a.shape[-1] != b.shape[-1]:
        raise errors.shape_mismatch(
            f"X1 and X2 must have the same number of columns. X1: {a.shape[-1]} X2: {b.shape[-1]}"
        )
    for name, each in pair:
        dtype = dtypes.BY_NUMPY[each.dtype]
        if not dtype.is_floating_point:
            raise errors.dtype_mismatch(f"cdist only supports floating-point dtypes, {name} got: {dtype.type_name}")
    if not p >= 0:
        raise errors.bad_argument("cdist only supports non-negative p values")
    return broadcast(a.shape[:-2], b.shape[:-2])


def cdist_rule(by_product: bool) -> Rule:
    """The rule of distances between rows, with the dtype of the first; where there are none, that of the second and
    half types are all the same.
    """

    def rule(op: Op, values: list[Any]) -> Estimate:
        a, b, p = values
        batch = cdist_checks(a, b, p)
        shape = (*batch, a.shape[-2], b.shape[-2])
        count, width = math.prod(batch), a.shape[-1]
        if math.prod(shape) * width:
            if a.dtype in HALF and not by_product:
                raise errors.not_implemented_for("cdist", dtypes.BY_NUMPY[a.dtype].type_name)
            same_dtype(a, b, M1_M2 if by_product and not batch else FOUND)
        size = max(a.dtype.itemsize, 4)
        work = (4 * count * b.shape[-2] * (width + 2) + 2 * math.prod(shape)) * size
        if a.dtype in HALF:
            work += 4 * (a.size + 2 * math.prod(shape))
        return Estimate(values, [(shape, a.dtype)], a.dtype, work, 4 * math.prod(shape) * width)

    return rule


@op(cdist_rule(by_product=False), hidden=True, node="CdistBackward0")
def row_distances(x1: Array, x2: Array, p: float) -> Any:
    """The p-norms of all differences of rows, row by row."""
    batch = xp.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    out = xp.zeros((*batch, x1.shape[-2], x2.shape[-2]), x1.dtype)
    if out.size and x1.shape[-1]:
        for at in range(x1.shape[-2]):
            out[..., at, :] = norm_kernel(x1[..., at : at + 1, :] - x2, p, -1, False)
    return out


row_distances.vjp(
    x1=lambda g, x1, x2, p, out: distance_grad(g, x1, x2, p, out),
    x2=lambda g, x1, x2, p, out: distance_grad(transposed(g), x2, x1, p, transposed(out)),
)


def distance_grad(g: Any, a: Any, b: Any, p: Any, out: Any) -> Any:
    """The gradient to the first rows; Euclidean ones by a matrix product, so that no difference is kept."""
    if p == 2:
        shares = zero_where(eq(out, 0), div(g, out))
        return sub(mul(as_column(last_sum(shares)), a), matmul(shares, b))
    gap = sub(unsqueeze(a, len(a.shape) - 1), unsqueeze(b, len(b.shape) - 2))
    ndim = len(gap.shape)
    if p == 0:
        return sum_dim(zeros_like(gap), (ndim - 2,), False)
    if p == math.inf:  # each of several largest differences gets the whole gradient here, as in torch
        slopes = mul(sgn(gap), unsqueeze(g, ndim - 1))
        largest = eq(magnitude(gap), unsqueeze(out, ndim - 1))
        return sum_dim(where(largest, slopes, zeros_like(slopes)), (ndim - 2,), False)
    return sum_dim(norm_backward(g, gap, out, p, (ndim - 1,), False), (ndim - 2,), False)


@op(cdist_rule(by_product=True), hidden=True, node="EuclideanDistBackward0")
def euclidean_distances(x1: Array, x2: Array, p: float) -> Any:
    """Euclidean distances of rows by one matrix product: quicker, and rougher for rows close to each other."""
    a, b = (widened(each) for each in (x1, x2))
    squares = [(each * each).sum(-1, keepdims=True) for each in (a, b)]
    made = squares[0] + xp.swapaxes(squares[1], -1, -2) - 2 * xp.matmul(a, xp.swapaxes(b, -1, -2))
    return xp.sqrt(xp.maximum(made, 0)).astype(x1.dtype, copy=False)


euclidean_distances.vjp(
    x1=lambda g, x1, x2, p, out: distance_grad(g, x1, x2, p, out),
    x2=lambda g, x1, x2, p, out: distance_grad(transposed(g), x2, x1, p, transposed(out)),
)


@op(composed, composite=True, method=False)
def cdist(x1: Array, x2: Array, p: float = 2.0, compute_mode: Word = "use_mm_for_euclid_dist_if_necessary") -> Any:
    """The p-norms of the differences of every row of `x1` and every row of `x2`."""
    if compute_mode not in MODES:
        raise errors.bad_value(f"{compute_mode!s:.64} is not a valid value for compute_mode")
    rows = max(tuple(each.shape)[-2] if len(each.shape) > 1 else 0 for each in (x1, x2))
    if p == 2 and (compute_mode == MODES[1] or (compute_mode == MODES[0] and rows > 25)):
        made = euclidean_distances(x1, x2, p)
        return view(made, tuple(made.shape))
    return row_distances(x1, x2, p)


ROW = 144  # bytes of an array that is one of many, and of its place in their list


def pdist_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of pdist."""
    a, p = values
    if len(a.shape) != 2:
        raise errors.shape_mismatch(f"pdist only supports 2D tensors, got: {len(a.shape)}D")
    if not dtypes.BY_NUMPY[a.dtype].is_floating_point:
        raise errors.dtype_mismatch("pdist only supports floating-point dtypes")
    if not p >= 0:
        raise errors.bad_argument("pdist only supports non-negative p values")
    if a.dtype in HALF and a.shape[0] > 1:
        raise errors.not_implemented_for("pdist", dtypes.BY_NUMPY[a.dtype].type_name)
    n = a.shape[0]
    pairs = n * (n - 1) // 2
    parts = pairs * a.dtype.itemsize  # row by row, then joined
    first = (a.dtype.itemsize + norm_width(dtypes.BY_NUMPY[a.dtype], p)) * a.size - parts if n > 1 else 0
    return Estimate(values, [((pairs,), a.dtype)], None, max(parts + ROW * n, first), 3 * n * a.size)


@op(pdist_rule, namespace="nn.functional", node="PdistBackward0")
def pdist(input: Array, p: float = 2.0) -> Any:
    """The p-norms of the differences of all pairs of rows."""
    n, width = input.shape
    parts = [norm_kernel(input[at] - input[at + 1 :], p, -1, False) for at in range(n - 1) if width]
    return xp.concatenate(parts) if parts else xp.zeros(n * (n - 1) // 2, input.dtype)


pdist.vjp(input=lambda g, input, p, out, input_shape: pdist_grad(g, input, p, out, input_shape[0]))


def pdist_grad(g: Any, x: Any, p: Any, out: Any, n: Any) -> Any:
    """The gradient of pdist: that of cdist with itself."""
    return distance_grad(square_of(g, n), x, x, p, square_of(out, n))


def square_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of a symmetric matrix: its upper half, and the places of that."""
    array, n = values
    return Estimate(values, [((n, n), array.dtype)], None, n * n * (array.dtype.itemsize + 9))


@op(square_rule, hidden=True)
def square_of(input: Array, n: int) -> Any:
    """What belongs to pairs of rows as a symmetric matrix with a zero diagonal."""
    out = xp.zeros((n, n), input.dtype)
    above = xp.triu_indices(n, 1)
    out[above] = input
    return out + out.T


square_of.vjp(input=lambda g, n: pairs_of(add(g, transposed(g)), n))


@op(lambda op, values: Estimate(values, [((values[1] * (values[1] - 1) // 2,), values[0].dtype)]), hidden=True)
def pairs_of(input: Array, n: int) -> Any:
    """The entries above the diagonal of a square matrix."""
    return input[xp.triu_indices(n, 1)]


pairs_of.vjp(input=lambda g, n: mul(square_of(g, n), 0.5))


# -- renorm -----------------------------------------------------------------------------------------------------------


def renorm_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of renorm."""
    a, p, dim, bound = values
    if isinstance(p, complex):
        raise errors.bad_argument("renorm: p must be real-valued")
    if not p > 0:
        raise errors.bad_argument("renorm: non-positive-norm not supported")
    if isinstance(bound, complex):
        raise errors.bad_argument("renorm: maxnorm must be real-valued")
    if not bound >= 0:
        raise errors.bad_argument(f"renorm: expected maxnorm to be >= 0 but got {bound:g}")
    ndim = len(a.shape)
    if ndim < 2:
        raise errors.shape_mismatch(f"renorm: input needs at least 2 dimensions, got {ndim} dimensions")
    dtype = dtypes.BY_NUMPY[a.dtype]
    dim = check_dim(dim, ndim)
    if not dtype.differentiable:
        raise errors.dtype_mismatch(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {dtype.type_name}"
        )
    if a.size == 0 and p == math.inf:
        refuse_empty(a, p, tuple(at for at in range(ndim) if at != dim))
    width = norm_width(dtype, p) - (0 if op.inplace_only else a.dtype.itemsize)
    held = max(width, 4 if a.dtype in HALF else 0) * a.size + 4 * a.shape[dim] * max(a.dtype.itemsize, 4)
    return Estimate([a, p, dim, bound], [(a.shape, a.dtype)], None, held, 6 * a.size)


@op(renorm_rule, inplace=True, rows=True)
def renorm(input: Array, p: Number, dim: int, maxnorm: Number) -> Any:
    """The parts along a dim whose p-norm is above `maxnorm` scaled down to it."""
    axes = tuple(at for at in range(input.ndim) if at != dim)
    size = norm_kernel(input, p, axes, True)
    factor = xp.where(size > maxnorm, maxnorm / (size + 1e-7), 1)
    return (input * factor.astype(size.dtype)).astype(input.dtype, copy=False)


renorm.vjp(input=lambda g, input, p, dim, maxnorm: renorm_grad(g, input, p, dim, maxnorm))


def renorm_grad(g: Any, x: Any, p: Any, dim: Any, bound: Any) -> Any:
    """The gradient of renorm: through the factor where a part was scaled."""
    dims = tuple(at for at in range(len(x.shape)) if at != dim)
    size = vector_norm(x, p, dims, True)
    along = sum_dim(real_of(mul(conj_of(x), g)), dims, True)
    inverse = reciprocal(add(size, 1e-7))
    through = norm_backward(along, x, size, p, dims, True)
    scaled = mul(mul(inverse, bound), sub(g, mul(inverse, through)))
    return where(gt(size, bound), scaled, g)

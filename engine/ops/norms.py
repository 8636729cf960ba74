"""Norms and condition numbers of matrices."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.infer import composed
from engine.kinds import Array, Dims, Dtype, Number
from engine.op import op
from engine.ops.arithmetic import div, mul
from engine.ops.bounds import nan_to_num
from engine.ops.compare import ne
from engine.ops.copies import to_copy
from engine.ops.matrices import HALF, check_square
from engine.ops.reduction import amax, amin, sum_dim, vector_norm
from engine.ops.selection import masked_fill
from engine.ops.solving import inv_ex
from engine.ops.spectral import svdvals
from engine.ops.views import permute, slice_, squeeze_dim, unsqueeze
from engine.tensor import check_dim

Shape = tuple[int, ...]


# -- norms ------------------------------------------------------------------------------------------------------------


def dtype_of(x: Any) -> dtypes.DType:
    """The dtype of a tensor or of what stands for one."""
    return x.dtype if isinstance(x.dtype, dtypes.DType) else dtypes.BY_NUMPY[x.dtype]


def check_norm(a: Any, dims: Any, dtype: Any, low: bool) -> tuple[int, int]:
    """What matrix norms refuse; gives their two dims."""
    name = "linalg.matrix_norm"
    given = dtype_of(a)
    if len(a.shape) < 2:
        raise errors.shape_mismatch(f"{name}: The input tensor A must have at least 2 dimensions.")
    if not given.differentiable:
        raise errors.dtype_mismatch(
            f"{name}: Expected a floating point or complex tensor as input. Got {given.type_name}"
        )
    if not low and given.numpy in HALF:
        raise errors.dtype_mismatch(f"{name}: Low precision dtypes not supported. Got {given.type_name}")
    if len(dims) != 2:
        raise errors.bad_argument(f"{name}: dim must be a 2-tuple. Got {' '.join(str(each) for each in dims)}")
    first, second = (check_dim(each, len(a.shape)) for each in dims)
    if first == second:
        raise errors.bad_argument(f"{name}: dims must be different. Got ({first}, {second})")
    if dtype is not None:
        check_norm_dtype(name, given, dtype)
    return first, second


def check_norm_dtype(name: str, given: dtypes.DType, dtype: dtypes.DType) -> None:
    """Raise RuntimeError for a dtype that a norm cannot be computed in."""
    if not dtype.differentiable:
        raise errors.dtype_mismatch(f"{name}: dtype should be floating point or complex, but got {dtype.type_name}")
    if given.is_complex != dtype.is_complex:
        kind = "complex" if given.is_complex else "real"
        raise errors.dtype_mismatch(f"{name}: dtype should be {kind} for {kind} inputs, but got {dtype.type_name}")
    if dtypes.promote_types(given, dtype) is not dtype:
        raise errors.dtype_mismatch(
            f"{name}: the dtype of the input ({given.type_name}) should be convertible without narrowing to the "
            f"specified dtype ({dtype.type_name})"
        )


def largest(x: Any, dims: tuple[int], keepdim: bool) -> Any:
    """The largest entries along a dim, 0 where it is empty."""
    return amax(x, dims, keepdim) if tuple(x.shape)[dims[0]] else sum_dim(x, dims, keepdim)


def singular_norm(a: Any, dims: tuple[int, int], keepdim: bool, dtype: Any, reduce: Any) -> Any:
    """A norm of the singular values over two dims."""
    ndim = len(a.shape)
    order = tuple([at for at in range(ndim) if at not in dims] + list(dims))
    a = a if dtype is None else to_copy(a, dtype, None)
    made = reduce(svdvals(permute(a, order)))
    if not keepdim:
        return made
    back = tuple(order.index(at) for at in range(ndim))
    return permute(unsqueeze(made, ndim - 1), back)


@op(composed, namespace="linalg", composite=True)
def matrix_norm(A: Array, ord: Number, dim: Dims = (-2, -1), keepdim: bool = False, *, dtype: Dtype = None) -> Any:
    """The matrix norm of order 1, -1, 2, -2, inf or -inf over two dims."""
    if isinstance(ord, complex):
        raise errors.bad_argument("linalg.matrix_norm: Expected a non-complex scalar as the order of norm.")
    size = abs(ord)
    if size not in (1, 2, math.inf):
        raise errors.bad_argument(f"linalg.matrix_norm: Order {ord:g} not supported.")
    first, second = check_norm(A, dim, dtype, size != 2)
    extremum = largest if ord > 0 else amin
    if size == 2:
        return singular_norm(A, (first, second), keepdim, dtype, lambda s: extremum(s, (len(s.shape) - 1,), keepdim))
    if size == math.inf:
        first, second = second, first
    sums = vector_norm(A, 1.0, (first,), keepdim, dtype=dtype)
    return extremum(sums, (second - (first < second and not keepdim),), keepdim)


@op(composed, namespace="linalg", name="matrix_norm", composite=True)
def named_matrix_norm(
    A: Array, ord: str = "fro", dim: Dims = (-2, -1), keepdim: bool = False, *, dtype: Dtype = None
) -> Any:
    """The Frobenius (`fro`) or nuclear (`nuc`) norm over two dims."""
    if ord not in ("fro", "nuc"):
        raise errors.bad_argument(f"linalg.matrix_norm: Order {ord!s:.64} not supported.")
    dims = check_norm(A, dim, dtype, ord != "nuc")
    if ord == "fro":
        return vector_norm(A, 2, dims, keepdim, dtype=dtype)
    return singular_norm(A, dims, keepdim, dtype, lambda s: sum_dim(s, (len(s.shape) - 1,), keepdim))


def whole(a: Any, dim: Any) -> Any:
    """The dims of a norm whose order is given: both of a matrix."""
    if dim is not None:
        if len(dim) not in (1, 2):
            raise errors.bad_argument(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}")
        return dim
    if len(a.shape) not in (1, 2):
        raise errors.bad_argument(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {len(a.shape)}D."
        )
    return (0, 1) if len(a.shape) == 2 else None


@op(composed, namespace="linalg", name="norm", composite=True)
def linalg_norm(
    A: Array, ord: Number | None = None, dim: Dims | None = None, keepdim: bool = False, *, dtype: Dtype = None
) -> Any:
    """The vector norm over one dim or all elements, or with an order and two dims the matrix norm."""
    if ord is None:
        return checked_vector_norm(A, 2, dim, keepdim, dtype)
    dims = whole(A, dim)
    if dims is not None and len(dims) == 2:
        return matrix_norm(A, ord, dims, keepdim, dtype=dtype)
    return checked_vector_norm(A, ord, dims, keepdim, dtype)


def checked_vector_norm(a: Any, order: Any, dim: Any, keepdim: bool, dtype: Any) -> Any:
    """`vector_norm` after a check of the dtype asked for."""
    given = dtype_of(a)
    if dtype is not None and given.differentiable:
        check_norm_dtype("linalg.vector_norm", given, dtype)
    return vector_norm(a, order, dim, keepdim, dtype=dtype)


@op(composed, namespace="linalg", name="norm", composite=True)
def named_norm(A: Array, ord: str, dim: Dims | None = None, keepdim: bool = False, *, dtype: Dtype = None) -> Any:
    """The Frobenius or nuclear norm of matrices."""
    dims = whole(A, dim)
    return named_matrix_norm(A, ord, (-2, -1) if dims is None else dims, keepdim, dtype=dtype)


@op(composed, name="norm", composite=True)
def old_named_norm(
    input: Array, p: str = "fro", dim: Dims | None = None, keepdim: bool = False, *, dtype: Dtype = None
) -> Any:
    """The Frobenius norm over some or all dims, or the nuclear norm over two."""
    if p not in ("fro", "nuc"):
        raise errors.bad_argument(f"linalg.matrix_norm: Order {p!s:.64} not supported.")
    if p == "fro":
        return vector_norm(input, 2, dim, keepdim, dtype=dtype)
    return named_matrix_norm(input, "nuc", (-2, -1) if dim is None else dim, keepdim, dtype=dtype)


# -- condition numbers ------------------------------------------------------------------------------------------------


@op(composed, namespace="linalg", composite=True)
def cond(A: Array, p: Number | None = None) -> Any:
    """The condition number in a matrix norm, by default that of the singular values."""
    if len(A.shape) < 2:
        raise errors.shape_mismatch("linalg.cond: The input tensor must have at least 2 dimensions.")
    if p is None or abs(p) == 2:
        s = svdvals(A)
        dim = len(s.shape) - 1
        count = tuple(s.shape)[dim]
        largest, smallest = slice_(s, dim, 0, min(1, count), 1), slice_(s, dim, max(count - 1, 0), count, 1)
        if not count:
            return sum_dim(s, (dim,), False)
        return squeeze_dim(div(smallest, largest) if p == -2 else div(largest, smallest), dim)
    if isinstance(p, complex) or abs(p) not in (1, math.inf):
        raise errors.bad_argument(f"linalg.cond got an invalid norm type: {p:g}")
    return norm_product(A, p, matrix_norm)


@op(composed, namespace="linalg", name="cond", composite=True)
def named_cond(A: Array, p: str) -> Any:
    """The condition number in the Frobenius or nuclear norm."""
    check_square(f"linalg.cond(ord={p!s:.64})", A)
    if p not in ("fro", "nuc"):
        raise errors.bad_argument(f"linalg.cond got an invalid norm type: {p!s:.64}")
    return norm_product(A, p, named_matrix_norm)


def norm_product(a: Any, p: Any, norm: Any) -> Any:
    """The norm of a matrix times that of its inverse, infinite where there is none."""
    check_square(f"linalg.cond(ord={p if isinstance(p, str) else format(p, 'g')})", a)
    inverse, info = inv_ex(a)
    inverse = masked_fill(inverse, unsqueeze(unsqueeze(ne(info, 0), len(info.shape)), len(info.shape) + 1), math.inf)
    made = mul(norm(a, p, (-2, -1), False), norm(inverse, p, (-2, -1), False))
    return made if p == "nuc" else nan_to_num(made, math.inf, math.inf, -math.inf)

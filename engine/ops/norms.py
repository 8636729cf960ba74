"""Norms and condition numbers of matrices."""

from __future__ import annotations

import math
from typing import Any

from engine import errors
from engine.arguments import refuse
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Dims, Dtype, Flag, Given, Ints, Number, Size
from engine.op import op
from engine.ops.arithmetic import div, mul
from engine.ops.bounds import nan_to_num
from engine.ops.compare import ne
from engine.ops.copies import to_copy
from engine.ops.matrices import HALF, check_square, real_dtype
from engine.ops.properties import dtype_of
from engine.ops.reduction import amax, amin, check_norm_dtype, sum_dim, vector_norm
from engine.ops.selection import masked_fill
from engine.ops.solving import inv_ex
from engine.ops.spectral import svdvals
from engine.ops.views import permute, slice_, squeeze_dim, unsqueeze
from engine.rules import reduced_shape
from engine.tensor import check_dim

# -- norms ------------------------------------------------------------------------------------------------------------


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


@op(lambda op, values: Estimate(values, [(values[1], real_dtype(values[0]))]), hidden=True)
def zeros_of_norms(input: Array, size: Size) -> Any:
    """Zeros, real, that do not depend on the input."""
    return xp.zeros(size, real_dtype(input))


def largest(x: Any, dims: tuple[int], keepdim: bool) -> Any:
    """The largest entries along a dim, 0 where it is empty."""
    shape = tuple(x.shape)
    return amax(x, dims, keepdim) if shape[dims[0]] else zeros_of_norms(x, reduced_shape(shape, dims, keepdim))


def smallest(x: Any, dims: tuple[int], keepdim: bool) -> Any:
    """The smallest entries along a dim.

    Raises IndexError, of the dim from the end, where there are none.
    """
    if not tuple(x.shape)[dims[0]]:
        raise errors.bad_index(f"amin(): Expected reduction dim {dims[0] - len(x.shape)} to have non-zero size.")
    return amin(x, dims, keepdim)


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
def matrix_norm(A: Array, ord: Number, dim: Ints = (-2, -1), keepdim: bool = False, *, dtype: Dtype = None) -> Any:
    """The matrix norm of order 1, -1, 2, -2, inf or -inf over two dims."""
    if isinstance(ord, complex):
        raise errors.bad_argument("linalg.matrix_norm: Expected a non-complex scalar as the order of norm.")
    size = abs(ord)
    if size not in (1, 2, math.inf):
        raise errors.bad_argument(f"linalg.matrix_norm: Order {ord:g} not supported.")
    first, second = check_norm(A, dim, dtype, size != 2)
    extremum = largest if ord > 0 else amin
    if size == 2:
        ends = largest if ord > 0 else smallest
        return singular_norm(A, (first, second), keepdim, dtype, lambda s: ends(s, (len(s.shape) - 1,), keepdim))
    if size == math.inf:
        first, second = second, first
    sums = vector_norm(A, 1.0, (first,), keepdim, dtype=dtype)
    return extremum(sums, (second - (first < second and not keepdim),), keepdim)


@op(composed, namespace="linalg", name="matrix_norm", composite=True)
def named_matrix_norm(
    A: Array, ord: str = "fro", dim: Ints = (-2, -1), keepdim: bool = False, *, dtype: Dtype = None
) -> Any:
    """The Frobenius (`fro`) or nuclear (`nuc`) norm over two dims."""
    if ord not in ("fro", "nuc"):
        raise errors.bad_argument(f"linalg.matrix_norm: Order {ord!s:.64} not supported.")
    dims = check_norm(A, dim, dtype, ord != "nuc")
    if ord == "fro":
        return vector_norm(A, 2, dims, keepdim, dtype=dtype)
    return singular_norm(A, dims, keepdim, dtype, lambda s: sum_dim(s, (len(s.shape) - 1,), keepdim))


def given_dims(dim: Any) -> Any:
    """The dims of a norm, one or two.

    Raises RuntimeError for none or more.
    """
    if len(dim) not in (1, 2):
        raise errors.bad_argument(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}")
    return dim


def whole(a: Any, dim: Any) -> Any:
    """The dims of a norm whose order is given: both of a matrix."""
    if dim is not None:
        return given_dims(dim)
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
        return checked_vector_norm(A, 2, dim if dim is None else given_dims(dim), keepdim, dtype)
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


@op(composed, composite=True)
def norm(input: Array, p: Number | None, dim: Given | None = None, keepdim: Flag = False, dtype: Dtype = None) -> Any:
    """The p-norm of the elements over the dims."""
    return vector_norm(input, 2.0 if p is None else p, listed(dim), keepdim, dtype=dtype)


@op(composed, name="norm", composite=True)
def norm_by_name(
    input: Array, p: str = "fro", dim: Given | None = None, keepdim: Flag = False, dtype: Dtype = None
) -> Any:
    """The Frobenius norm over all elements, one dim or two, or the nuclear norm over two dims."""
    dims = listed(dim)
    if dims is not None and not hasattr(dims, "__len__"):
        raise errors.bad_type(f"object of type '{type(dims).__name__}' has no len()")
    if p == "fro" and (dims is None or len(dims) <= 2):
        return vector_norm(input, 2, dims, keepdim, dtype=dtype)
    dims = list(range(len(input.shape))) if dims is None else dims
    try:
        return named_matrix_norm(input, p, dims, keepdim, dtype=dtype)
    except TypeError:
        wrong = (input, p, dims, keepdim), {"dtype": dtype}
        raise refuse("linalg.matrix_norm", (matrix_norm, named_matrix_norm), *wrong) from None


def listed(dim: Any) -> Any:
    """Dims, of which one alone stands for a list of it."""
    return [dim] if isinstance(dim, int) else dim


# -- condition numbers ------------------------------------------------------------------------------------------------


@op(composed, namespace="linalg", composite=True)
def cond(A: Array, p: Number | None = None) -> Any:
    """The condition number in a matrix norm, by default that of the singular values."""
    if len(A.shape) < 2:
        raise errors.shape_mismatch("linalg.cond: The input tensor must have at least 2 dimensions.")
    if isinstance(p, complex):
        raise errors.bad_argument("value cannot be converted to type double without overflow")
    if p is not None and abs(p) not in (1, 2, math.inf):
        raise errors.bad_argument(f"linalg.cond got an invalid norm type: {p:g}")
    if 0 in tuple(A.shape):
        return zeros_of_norms(A, tuple(A.shape)[:-2])
    if p is not None and abs(p) != 2:
        return norm_product(A, p, matrix_norm)
    s = svdvals(A)
    dim = len(s.shape) - 1
    count = tuple(s.shape)[dim]
    first, last = slice_(s, dim, 0, 1, 1), slice_(s, dim, count - 1, count, 1)
    return squeeze_dim(div(last, first) if p == -2 else div(first, last), dim)


@op(composed, namespace="linalg", name="cond", composite=True)
def named_cond(A: Array, p: str) -> Any:
    """The condition number in the Frobenius or nuclear norm."""
    check_square(f"linalg.cond(ord={p!s:.64})", A)
    if p not in ("fro", "nuc"):
        raise errors.bad_argument(f"linalg.cond got an invalid norm type: {p!s:.64}")
    if 0 in tuple(A.shape):
        return zeros_of_norms(A, tuple(A.shape)[:-2])
    if p == "fro":
        return norm_product(A, p, named_matrix_norm)
    sums = [sum_dim(svdvals(A), (len(A.shape) - 2,), False)]
    inverse, info = inv_ex(A)
    sums.append(sum_dim(svdvals(masked_fill(inverse, failed(info), 0)), (len(A.shape) - 2,), False))
    return mul(sums[0], masked_fill(sums[1], ne(info, 0), math.inf))


def failed(info: Any) -> Any:
    """Where matrices have no inverse."""
    return unsqueeze(unsqueeze(ne(info, 0), len(info.shape)), len(info.shape) + 1)


def norm_product(a: Any, p: Any, norm: Any) -> Any:
    """The norm of a matrix times that of its inverse, infinite where there is none."""
    check_square(f"linalg.cond(ord={p if isinstance(p, str) else format(p, 'g')})", a)
    inverse, info = inv_ex(a)
    inverse = masked_fill(inverse, failed(info), math.inf)
    made = mul(norm(a, p, (-2, -1), False), norm(inverse, p, (-2, -1), False))
    return nan_to_num(made, math.inf, math.inf, -math.inf)

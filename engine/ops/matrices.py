"""Parts of matrices that formulas need: adjoints, triangles, diagonals; and the checks all matrix ops share."""

from __future__ import annotations

from typing import Any

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import Array
from engine.op import Op, op
from engine.ops.arithmetic import conj_of, mul
from engine.ops.copies import copied
from engine.ops.diagonals import diagonal, diagonal_backward
from engine.ops.reduction import sum_dim
from engine.ops.views import transpose, unsqueeze
from engine.workspace import matrix_bytes

HALF = dtypes.HALF_TYPES


# -- checks -----------------------------------------------------------------------------------------------------------


def check_matrix(name: str, a: Any, what: str = "A") -> None:
    """Raise RuntimeError unless the array has two dims or more."""
    if len(a.shape) < 2:
        raise errors.shape_mismatch(f"{name}: The input tensor {what} must have at least 2 dimensions.")


def check_square(name: str, a: Any) -> None:
    """Raise RuntimeError unless the array is a batch of square matrices; no name, no prefix."""
    if name:
        check_matrix(name, a)
    if a.shape[-1] != a.shape[-2]:
        raise errors.shape_mismatch(
            f"{name}{': ' if name else ''}A must be batches of square matrices, but they are {a.shape[-2]} by "
            f"{a.shape[-1]} matrices"
        )


def check_differentiable(name: str, a: Any) -> None:
    """Raise RuntimeError for integers and bools."""
    dtype = dtypes.BY_NUMPY[a.dtype]
    if not dtype.differentiable:
        raise errors.dtype_mismatch(
            f"{name}: Expected a floating point or complex tensor as input. Got {dtype.type_name}"
        )


def check_float(name: str, a: Any, low: str | None = None) -> None:
    """Raise unless the dtype is float32, float64 or complex; `low` names the kernel half types lack.

    A kernel looks at dtypes only where there are elements.
    """
    check_differentiable(name, a)
    dtype = dtypes.BY_NUMPY[a.dtype]
    if a.dtype in HALF:
        if low is not None:
            if a.size:
                raise errors.not_implemented_for(low, dtype.type_name)
            return
        raise errors.dtype_mismatch(f"{name}: Low precision dtypes not supported. Got {dtype.type_name}")


def check_kernel(kernel: str, a: Any) -> None:
    """Raise NotImplementedError for a dtype that LAPACK does not have."""
    dtype = dtypes.BY_NUMPY[a.dtype]
    if not dtype.differentiable or a.dtype in HALF:
        raise errors.not_implemented_for(kernel, dtype.type_name)


def same_type(text: str, a: Any, b: Any) -> None:
    """Raise RuntimeError with `text`, which has two places for dtypes, unless these are equal."""
    if a.dtype != b.dtype:
        raise errors.dtype_mismatch(text.format(*(dtypes.BY_NUMPY[each.dtype].type_name for each in (a, b))))


def real_dtype(a: Any) -> Any:
    """The NumPy dtype of an array's real part."""
    return dtypes.BY_NUMPY[a.dtype].to_real().numpy


def complex_dtype(a: Any) -> Any:
    """The NumPy dtype of complex numbers of an array's width."""
    return dtypes.BY_NUMPY[a.dtype].to_complex().numpy


# -- helpers of kernels -----------------------------------------------------------------------------------------------


def columns_first(a: Any) -> Any:
    """The array with its last two dims in column-major order, as LAPACK leaves its results."""
    return xp.swapaxes(xp.ascontiguousarray(xp.swapaxes(a, -1, -2)), -1, -2)


# -- helpers of formulas ----------------------------------------------------------------------------------------------


def adjoint(x: Any) -> Any:
    """The conjugate transpose of each matrix."""
    ndim = len(x.shape)
    return conj_of(transpose(x, ndim - 2, ndim - 1))


def transposed(x: Any) -> Any:
    """The transpose of each matrix."""
    ndim = len(x.shape)
    return transpose(x, ndim - 2, ndim - 1)


def as_column(x: Any) -> Any:
    """A vector, or batch of them, as matrices of one column."""
    return unsqueeze(x, len(x.shape))


def as_row(x: Any) -> Any:
    """A vector, or batch of them, as matrices of one row."""
    return unsqueeze(x, len(x.shape) - 1)


def last_sum(x: Any) -> Any:
    """The sum over the last dim."""
    return sum_dim(x, (len(x.shape) - 1,), False)


def trace_product(a: Any, b: Any) -> Any:
    """The traces of the products of matrices, without the products."""
    return last_sum(last_sum(mul(a, transposed(b))))


# -- triangles and diagonals ------------------------------------------------------------------------------------------


def same_form(op: Op, values: list[Any]) -> Estimate:
    """The rule of an op whose result has its input's shape and dtype."""
    return copied(values, values[0].shape)


def unit_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of unit matrices of the input's shape and dtype: one is made, and repeated."""
    estimate = same_form(op, values)
    estimate.temporaries = matrix_bytes(values[0])
    return estimate


@op(unit_rule, hidden=True)
def unit_matrix(input: Array) -> Any:
    """Matrices of the input's shape and dtype with ones on their main diagonals, zeros elsewhere."""
    return xp.broadcast_to(xp.eye(*input.shape[-2:], dtype=input.dtype), input.shape).copy()


def diagonal_of(x: Any) -> Any:
    """The main diagonals of matrices."""
    ndim = len(x.shape)
    return diagonal(x, 0, ndim - 2, ndim - 1)


def diagonal_matrix(x: Any) -> Any:
    """Square matrices with these main diagonals."""
    shape = tuple(x.shape)
    return diagonal_backward(x, (*shape, shape[-1]), 0, len(shape) - 1, len(shape))


@op(same_form, hidden=True, node="MaskedFillBackward0")
def zero_diagonal(input: Array) -> Any:
    """Square matrices with zeros on their main diagonals, whatever was there."""
    return xp.where(xp.eye(input.shape[-1], dtype=bool), input.dtype.type(0), input)


zero_diagonal.vjp(input=lambda g: zero_diagonal(g))


@op(same_form, hidden=True, node="MaskedFillBackward0")
def unit_diagonal(input: Array) -> Any:
    """Square matrices with ones on their main diagonals."""
    return xp.where(xp.eye(input.shape[-1], dtype=bool), input.dtype.type(1), input)


unit_diagonal.vjp(input=lambda g: zero_diagonal(g))

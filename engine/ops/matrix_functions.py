"""The exponential of matrices, Vandermonde matrices, bilinear forms, diagonals by their linalg name."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import widened, xp
from engine.infer import Estimate, composed
from engine.kinds import Array
from engine.op import Op, alias, op
from engine.ops.arithmetic import add, conj_of
from engine.ops.diagonals import diagonal
from engine.ops.einsum import einsum
from engine.ops.flipping import flip
from engine.ops.joining import cat, piece
from engine.ops.matrices import HALF, adjoint, check_square
from engine.ops.properties import dtype_of
from engine.ops.scans import cumprod
from engine.ops.views import expand, reshape, slice_, unsqueeze, view
from engine.tensor import counted_dim

# The [13/13] Pade approximant of exp, and the norm up to which it holds in double precision. (Higham 2005.)
PADE = (
    64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0, 129060195264000.0,
    10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0, 960960.0, 16380.0, 182.0, 1.0,
)  # fmt: skip
REACH = 5.371920351148152


# -- the exponential --------------------------------------------------------------------------------------------------


def matrix_exp_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of matrix_exp: square floating matrices; half types are computed wider."""
    a = values[0]
    check_square("linalg.matrix_exp", a)
    dtype = dtypes.BY_NUMPY[a.dtype]
    if not dtype.differentiable:
        raise errors.dtype_mismatch(
            f"linalg.matrix_exp: Expected a floating point or complex tensor as input. Got {dtype.type_name}"
        )
    several = 12 if a.dtype in (xp.float64, xp.complex128) else 16  # NumPy solves in double precision
    work = several * a.size * max(a.dtype.itemsize, 4)
    return Estimate(values, [(a.shape, a.dtype)], None, work, 30 * a.size * a.shape[-1])


@op(matrix_exp_rule, node="LinalgMatrixExpBackward0")
def matrix_exp(input: Array) -> Any:
    """The exponential of square matrices."""
    if not input.size:
        return xp.zeros(input.shape, input.dtype)
    a = widened(input)
    size = abs(a).sum(-2).max(-1)
    finite = xp.isfinite(size)
    steps = xp.ceil(xp.log2(xp.maximum(xp.where(finite, size, 1), REACH) / REACH)).astype(xp.int64)
    made = pade(a / (2.0 ** steps[..., None, None]).astype(a.real.dtype))
    for step in range(int(steps.max(initial=0))):
        made = xp.where((step < steps)[..., None, None], xp.matmul(made, made), made)
    return xp.where(finite[..., None, None], made, xp.nan).astype(input.dtype)


alias(matrix_exp, "linalg.matrix_exp")
matrix_exp.vjp(input=lambda g, input: matrix_exp_grad(g, input))


def pade(a: Any) -> Any:
    """The approximant of the exponential of matrices of small norm."""
    one = xp.eye(a.shape[-1], dtype=a.dtype)
    a = xp.where(xp.isfinite(a), a, 0)
    a2 = xp.matmul(a, a)
    a4 = xp.matmul(a2, a2)
    a6 = xp.matmul(a4, a2)
    b = [a.dtype.type(each) for each in PADE]
    odd = xp.matmul(a6, b[13] * a6 + b[11] * a4 + b[9] * a2) + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * one
    even = xp.matmul(a6, b[12] * a6 + b[10] * a4 + b[8] * a2) + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * one
    odd = xp.matmul(a, odd)
    return xp.linalg.solve(even - odd, even + odd)


def matrix_exp_grad(g: Any, a: Any) -> Any:
    """The upper right block of exp([[A^H, G], [0, A^H]]). (Mathias 1996.)"""
    n, dim = tuple(a.shape)[-1], len(a.shape) - 1
    turned = adjoint(a)
    below = add(turned, 0)
    zeros = difference(turned)
    block = cat([cat([turned, g], dim), cat([zeros, below], dim)], dim - 1)
    return piece(piece(matrix_exp(block), dim - 1, 0, n), dim, n, n)


@op(lambda op, values: Estimate(values, [(values[0].shape, values[0].dtype)]), hidden=True)
def difference(input: Array) -> Any:
    """Zeros of the input's shape."""
    return xp.zeros(input.shape, input.dtype)


# -- Vandermonde matrices ---------------------------------------------------------------------------------------------


@op(composed, namespace="linalg", name="vander", composite=True)
def linalg_vander(x: Array, *, N: int | None = None) -> Any:
    """The matrices of the powers 0 to N - 1 of vectors' elements."""
    dtype = dtype_of(x)
    if dtype is dtypes.bool_ or dtype.numpy in HALF:
        raise errors.dtype_mismatch(
            f"linalg.vander supports floating point, complex, and integer tensors, but got {dtype.type_name}"
        )
    x = x if len(x.shape) else unsqueeze(x, 0)
    shape = tuple(x.shape)
    count = shape[-1] if N is None else N
    if count <= 1:
        raise errors.bad_argument("N must be greater than 1.")
    powers = cumprod(expand(unsqueeze(x, len(shape)), (*shape, count - 1)), len(shape))
    return cat([ones_of(x), powers], len(shape))


@op(lambda op, values: Estimate(values, [((*values[0].shape, 1), values[0].dtype)]), hidden=True)
def ones_of(input: Array) -> Any:
    """A column of ones for vectors."""
    return xp.ones((*input.shape, 1), input.dtype)


@op(composed, composite=True, method=False)
def vander(x: Array, N: int | None = None, increasing: bool = False) -> Any:
    """The matrix of powers of a vector's elements, falling unless `increasing`."""
    shape = tuple(x.shape)
    if len(shape) != 1:
        raise errors.shape_mismatch("x must be a one-dimensional tensor.")
    count = shape[0] if N is None else N
    if count < 0:
        raise errors.bad_argument("N must be non-negative.")
    if count == 0:
        return slice_(ones_of(x), 1, 0, 0, 1)
    made = ones_of(x)
    if count > 1:
        made = cat([made, cumprod(expand(unsqueeze(x, 1), (shape[0], count - 1)), 1)], 1)
    return made if increasing else flip(made, (1,))


@op(composed, namespace="linalg", name="diagonal", composite=True)
def linalg_diagonal(A: Array, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """The diagonals of matrices, as a view."""
    return diagonal(A, offset, dim1, dim2)


# -- bilinear forms ---------------------------------------------------------------------------------------------------


def trilinear_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of bilinear forms of rows."""
    a, w, b = values
    shape = (a.shape[0], w.shape[0])
    work = (w.shape[0] * w.shape[1] * a.shape[0] + 2 * math.prod(shape)) * max(a.dtype.itemsize, 4)
    return Estimate(
        values, [(shape, a.dtype)], None, 2 * work + 4 * (a.size + w.size + b.size), 2 * w.size * a.shape[0]
    )


@op(trilinear_rule, hidden=True, node="TrilinearBackward0", real_grad="_trilinear")
def trilinear(i1: Array, i2: Array, i3: Array) -> Any:
    """The sums over i and j of `i1[b, i] * i2[k, i, j] * i3[b, j]`."""
    a, w, b = (widened(each) for each in (i1, i2, i3))
    inner = xp.matmul(w, xp.swapaxes(b, 0, 1))
    return xp.ascontiguousarray((inner * xp.swapaxes(a, 0, 1)).sum(1).swapaxes(0, 1)).astype(i1.dtype)


trilinear.vjp(
    i1=lambda g, i2, i3: einsum("bk,kij,bj->bi", [g, conj_of(i2), conj_of(i3)]),
    i2=lambda g, i1, i3: einsum("bk,bi,bj->kij", [g, conj_of(i1), conj_of(i3)]),
    i3=lambda g, i1, i2: einsum("bk,bi,kij->bj", [g, conj_of(i1), conj_of(i2)]),
)


@op(composed, namespace="nn.functional", composite=True)
def bilinear(input1: Array, input2: Array, weight: Array, bias: Array | None = None) -> Any:
    """`input1 @ weight[k] @ input2` for each k, plus `bias`."""
    given = {"input1": input1, "input2": input2, "weight": weight, "bias": bias}
    types = {name: dtype_of(each).cpp_name for name, each in given.items() if each is not None}
    if len(set(types.values())) > 1:
        told = ", ".join(f"{name}: {kind}" for name, kind in types.items())
        raise errors.dtype_mismatch(f"All tensors must have the same dtype, got {told}")
    a, b, w = tuple(input1.shape), tuple(input2.shape), tuple(weight.shape)
    if len(a) != len(b):
        raise errors.shape_mismatch(f"bilinear(): input dimensions do not match: got {len(a)} and {len(b)}")
    for dim in range(len(a) - 1):
        if a[dim] != b[dim]:
            raise errors.shape_mismatch(
                f"bilinear(): input batch dimensions do not match at dim {dim}: got {a[dim]} and {b[dim]}"
            )
    for number, sizes in enumerate((a, b), 1):
        expected, got = w[counted_dim(number, len(w))], sizes[counted_dim(-1, len(sizes))]
        if got != expected:
            raise errors.shape_mismatch(
                f"bilinear(): input{number} size does not match weight size: got {got} but expected {expected}"
            )
    if bias is not None and (got := bias.shape[counted_dim(0, len(bias.shape))]) != w[0]:
        raise errors.shape_mismatch(f"bilinear(): bias size does not match weight size: got {got} but expected {w[0]}")
    if len(w) != 3:
        raise errors.shape_mismatch("number of dimensions must match")
    if dtype_of(input1) is dtypes.bool_ and 0 not in (*a, *w):
        raise errors.not_implemented_for("bmm", "Bool")
    rows = math.prod(a[:-1])
    made = trilinear(reshape(input1, (rows, a[-1])), weight, reshape(input2, (rows, b[-1])))
    made = view(made, (*a[:-1], w[0]))
    return made if bias is None else add(made, bias)

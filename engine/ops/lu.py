"""LU factors, and equations solved with them."""

from __future__ import annotations

import math
from typing import Any

from engine import errors, lapack
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Truth
from engine.op import Op, op
from engine.ops.arithmetic import add, neg
from engine.ops.diagonals import tril, triu
from engine.ops.joining import cat, piece, zeros_of
from engine.ops.linalg import matmul
from engine.ops.matrices import (
    adjoint,
    check_differentiable,
    check_kernel,
    check_matrix,
    check_square,
    same_type,
    transposed,
    unit_matrix,
)
from engine.ops.solving import fit, triangle
from engine.ops.superseded import warn_of
from engine.rules import Shape, broadcast
from engine.tensor import counted_dim
from engine.workspace import matrix_bytes


def lu_checks(name: str, a: Any, pivot: bool) -> tuple[tuple[int, ...], int, int]:
    """What LU refuses; gives batch, rows and columns."""
    if len(a.shape) < 2:
        raise errors.shape_mismatch(
            f"{name}: Expected tensor with 2 or more dimensions. Got size: {list(a.shape)} instead"
        )
    if a.size:
        check_kernel("lu_cpu", a)
    if not pivot and a.size:
        raise errors.bad_argument("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    return a.shape[:-2], a.shape[-2], a.shape[-1]


def lu_factor_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of lu_factor and lu_factor_ex."""
    a, pivot = values[:2]
    batch, m, n = lu_checks("torch.lu_factor", a, pivot)
    outputs = [(a.shape, a.dtype), ((*batch, min(m, n)), lapack.INT32), (batch, lapack.INT32)]
    work = matrix_bytes(a) + 8 * min(m, n)
    return Estimate(values, outputs[: len(op.outputs)], None, work, a.size * min(m, n))


def refuse_zero_pivot(name: str, a: Any, info: Any) -> None:
    """Raise RuntimeError if a factor U has a zero on its diagonal."""
    place, number = lapack.first_failure(info)
    if info.any():
        raise errors.coded(
            RuntimeError,
            "singular",
            f"{name}: {lapack.batch_note(place, a.shape[:-2])}U[{number},{number}] is zero and using it on lu_solve "
            "would result in a division by zero. If you still want to perform the factorization, consider calling "
            "linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)",
        )


@op(lu_factor_rule, namespace="linalg", outputs=("LU", "pivots"), node="LinalgLuFactorExBackward0")
def lu_factor(A: Array, *, pivot: bool = True) -> Any:
    """The LU factors in one matrix, and the rows exchanged (from 1)."""
    lu, pivots, info = lapack.lu_factor(A)
    refuse_zero_pivot("torch.linalg.lu_factor", A, info)
    return lu, pivots


lu_factor.vjp(A=lambda g, LU, pivots: packed_grad(g[0], LU, pivots))


@op(lu_factor_rule, namespace="linalg", outputs=("LU", "pivots", "info"), node="LinalgLuFactorExBackward0")
def lu_factor_ex(A: Array, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """`lu_factor` that tells by `info` of zero pivots, and raises only if asked to."""
    lu, pivots, info = lapack.lu_factor(A)
    if check_errors:
        refuse_zero_pivot("torch.linalg.lu_factor_ex", A, info)
    return lu, pivots, info


lu_factor_ex.vjp(A=lambda g, LU, pivots: packed_grad(g[0], LU, pivots))


@op(composed, name="lu", composite=True, returns_list=True)
def old_lu(A: Array, pivot: bool = True, get_infos: Truth = False) -> Any:
    """The LU factors in one matrix, the rows exchanged, and on request what went wrong."""
    warn_of("lu")
    made = lu_factor_ex(A, pivot=pivot)
    return tuple(made) if get_infos else tuple(made)[:2]


def lower_factor(lu: Any) -> Any:
    """L of packed factors, with its unit diagonal."""
    (*_, m, n) = tuple(lu.shape)
    part = piece(lu, len(lu.shape) - 1, 0, min(m, n))
    return add(tril(part, -1), unit_matrix(part))


def upper_factor(lu: Any) -> Any:
    """U of packed factors."""
    (*_, m, n) = tuple(lu.shape)
    return triu(piece(lu, len(lu.shape) - 2, 0, min(m, n)), 0)


def packed_grad(g: Any, lu: Any, pivots: Any) -> Any:
    """The gradient of packed factors."""
    (*_, m, n) = tuple(lu.shape)
    k, ndim = min(m, n), len(lu.shape)
    g_low = tril(piece(g, ndim - 1, 0, k), -1)
    g_up = triu(piece(g, ndim - 2, 0, k), 0)
    return lu_grad(g_low, g_up, permutation(pivots, lu), lower_factor(lu), upper_factor(lu))


def lu_grad(g_low: Any, g_up: Any, p: Any, low: Any, up: Any) -> Any:
    """The gradient of A = P L U: of the square part, after the rows below or columns beside it.

    Square: P L^-H [tril(L^H gL, -1) + triu(gU U^H)] U^-H. Below: L2 = A2 U^-1; beside: U2 = L^-1 A2.
    """
    (*_, m, k), n = tuple(low.shape), tuple(up.shape)[-1]
    dim = len(low.shape) - 1
    g_below = g_beside = None
    if m > k:
        below, low = piece(low, dim - 1, k, m - k), piece(low, dim - 1, 0, k)
        if g_low is not None:
            g_below, g_low = piece(g_low, dim - 1, k, m - k), piece(g_low, dim - 1, 0, k)
            g_below = triangle(adjoint(up), g_below, False, False)
            more = neg(matmul(adjoint(below), g_below))
            g_up = more if g_up is None else add(g_up, more)
    if n > k:
        beside, up = piece(up, dim, k, n - k), piece(up, dim, 0, k)
        if g_up is not None:
            g_beside, g_up = piece(g_up, dim, k, n - k), piece(g_up, dim, 0, k)
            g_beside = triangle(adjoint(low), g_beside, True, True, True)
            more = neg(matmul(g_beside, adjoint(beside)))
            g_low = more if g_low is None else add(g_low, more)
    made = square_lu_grad(g_low, g_up, low, up)
    if m > k:
        g_below = g_below if g_below is not None else zeros_of(made, (*tuple(made.shape)[:-2], m - k, k))
        made = cat([made, g_below], dim - 1)
    if n > k:
        g_beside = g_beside if g_beside is not None else zeros_of(made, (*tuple(made.shape)[:-1], n - k))
        made = cat([made, g_beside], dim)
    return matmul(p, made) if len(p.shape) > 1 else made  # of nothing, without exchanged rows


def square_lu_grad(g_low: Any, g_up: Any, low: Any, up: Any) -> Any:
    """The gradient of square LU factors before the exchange of rows."""
    inner = None
    if g_low is not None:
        inner = tril(matmul(adjoint(low), g_low), -1)
    if g_up is not None:
        part = triu(matmul(g_up, adjoint(up)), 0)
        inner = part if inner is None else add(inner, part)
    inner = triangle(adjoint(up), inner, False, False)
    return triangle(adjoint(low), inner, True, True, True)


def permutation_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of the permutation matrix of pivots."""
    lu = values[1]
    shape = (*lu.shape[:-1], lu.shape[-2])
    own = lu.shape[-2] ** 2 * lu.dtype.itemsize
    return Estimate(values, [(shape, lu.dtype)], None, own + 16 * math.prod(shape[:-1]))


@op(permutation_rule, hidden=True)
def permutation(pivots: Array, lu: Array) -> Any:
    """The permutation matrices of pivots, for factors of this shape."""
    return permutation_matrix(pivots, lu.shape[-2], lu.dtype)


def permutation_matrix(pivots: Any, m: int, dtype: Any) -> Any:
    """P with A = P L U, from the rows that were exchanged one after the other."""
    batch = pivots.shape[:-1]
    order = xp.broadcast_to(xp.arange(m), (*batch, m)).copy()
    for at in range(pivots.shape[-1]):
        other = (pivots[..., at : at + 1] - 1).astype(xp.int64)
        here = order[..., at : at + 1].copy()
        there = xp.take_along_axis(order, other, -1)
        xp.put_along_axis(order, other, here, -1)
        order[..., at : at + 1] = there
    return xp.swapaxes(xp.eye(m, dtype=dtype)[order], -1, -2)


def unpacked_shapes(shape: Shape) -> list[Shape]:
    """The shapes of P, L and U."""
    (*batch, m, n) = shape
    k = min(m, n)
    return [(*batch, m, m), (*batch, m, k), (*batch, k, n)]


def lu_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of linalg.lu."""
    a = values[0]
    batch, m, n = lu_checks("linalg.lu", a, values[1])
    shapes = unpacked_shapes(a.shape)
    shapes[0] = shapes[0] if values[1] else (0,)
    more = max(math.prod(shapes[0]) - math.prod(shapes[2]), 0)  # the permutation is laid out before U is made
    work = (a.size + more) * a.dtype.itemsize + m * (2 * n + 32 * math.prod(batch))
    return Estimate(values, [(shape, a.dtype) for shape in shapes], None, work, a.size * min(m, n))


@op(lu_rule, namespace="linalg", outputs=("P", "L", "U"), differentiable=("L", "U"), node="LinalgLuBackward0")
def lu(A: Array, *, pivot: bool = True) -> Any:
    """A permutation P, a unit lower triangle L and an upper triangle U with A = P L U."""
    packed, pivots, _ = lapack.lu_factor(A)
    p, low, up = unpacked(packed, pivots)
    return p if pivot else xp.zeros((0,), A.dtype), low, up


lu.vjp(A=lambda g, P, L, U: lu_grad(g[1], g[2], P, L, U))


def unpacked(packed: Any, pivots: Any) -> tuple[Any, Any, Any]:
    """P, L and U of packed factors."""
    (m, n) = packed.shape[-2:]
    k = min(m, n)
    low = xp.tril(packed[..., :k], -1) + xp.eye(m, k, dtype=packed.dtype)
    p = xp.ascontiguousarray(permutation_matrix(pivots, m, packed.dtype))
    return p, xp.ascontiguousarray(low), xp.ascontiguousarray(xp.triu(packed[..., :k, :]))


def lu_unpack_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of lu_unpack: int32 pivots; empty results for what is not asked for."""
    packed, pivots, data, exchange = values
    if len(packed.shape) < 2:
        raise errors.shape_mismatch(
            f"torch.lu_unpack: Expected tensor with 2 or more dimensions. Got size: {list(packed.shape)} instead"
        )
    if exchange and pivots.dtype != lapack.INT32:
        raise errors.dtype_mismatch(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\n"
            "Note: this function is intended to be used with the output produced by torch.linalg.lu_factor"
        )
    if exchange and tuple(pivots.shape) != (*packed.shape[:-2], min(packed.shape[-2:])):
        raise errors.shape_mismatch(
            "pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive.Did you properly pass the result "
            "of lu_factor?"
        )
    p, low, up = unpacked_shapes(packed.shape)
    shapes = [p if exchange else (0,), low if data else (0,), up if data else (0,)]
    triangles = (math.prod(low) + math.prod(up)) * bool(data)
    order = math.prod(p) * bool(exchange)  # laid out before there are triangles
    ones = math.prod(low[-2:]) + math.prod(low) - math.prod(up) if data else 0  # added to one triangle before the other
    work = max(order - triangles, ones, 0) * packed.dtype.itemsize + 3 * packed.size + 32 * math.prod(p[:-1])
    return Estimate(values, [(shape, packed.dtype) for shape in shapes], None, work, packed.size)


@op(lu_unpack_rule, outputs=("P", "L", "U"), differentiable=("L", "U"), method=False)
def lu_unpack(LU_data: Array, LU_pivots: Array, unpack_data: bool = True, unpack_pivots: bool = True) -> Any:
    """P, L and U of what `linalg.lu_factor` gives."""
    none = xp.zeros((0,), LU_data.dtype)
    if unpack_pivots:
        m = LU_data.shape[-2]
        if LU_pivots.size and (int(LU_pivots.min()) < 1 or int(LU_pivots.max()) > m):
            raise errors.bad_argument(
                "pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive.Did you properly pass the "
                "result of lu_factor?"
            )
        p = xp.ascontiguousarray(permutation_matrix(LU_pivots, m, LU_data.dtype))
    else:
        p = none
    if not unpack_data:
        return p, none, none
    k = min(LU_data.shape[-2:])
    low = xp.tril(LU_data[..., :k], -1) + xp.eye(LU_data.shape[-2], k, dtype=LU_data.dtype)
    return p, low, xp.triu(LU_data[..., :k, :])


lu_unpack.vjp(LU_data=lambda g, LU_data_shape: repacked(g[1], g[2], LU_data_shape))


def repacked(g_low: Any, g_up: Any, shape: Any) -> Any:
    """The gradients of L and U as one of packed factors."""
    (*batch, m, n) = shape
    k, dim = min(m, n), len(shape) - 1
    made = None
    if g_low is not None:
        made = tril(g_low, -1)
        made = cat([made, zeros_of(made, (*batch, m, n - k))], dim) if n > k else made
    if g_up is not None:
        part = triu(g_up, 0)
        part = cat([part, zeros_of(part, (*batch, m - k, n))], dim - 1) if m > k else part
        made = part if made is None else add(made, part)
    return made


# -- solving with LU factors ------------------------------------------------------------------------------------------


def lu_solve_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of linalg.lu_solve."""
    packed, pivots, b, left = values[:4]
    name = "linalg.lu_solve"
    check_differentiable(f"torch.{name}", packed)
    same_type(
        f"{name}: Expected LU and B to have the same dtype, but found LU of type {{}} and B of type {{}} instead",
        packed,
        b,
    )
    if pivots.dtype != lapack.INT32:
        raise errors.dtype_mismatch(f"{name}: pivots should be a Tensor of scalar type torch.int32")
    check_square(f"torch.{name}", packed)
    check_matrix(name, b, "B")
    fit(name, packed.shape, b.shape, left)
    if packed.shape[-1] != pivots.shape[counted_dim(-1, pivots.ndim)]:
        raise errors.shape_mismatch(f"{name}: Number of pivots per batch should be same as the dimension of the matrix")
    if packed.shape[:-2] != pivots.shape[:-1]:
        raise errors.shape_mismatch(
            f"{name}: Expected LU.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
            f"{list(pivots.shape)} instead"
        )
    check_kernel("linalg.lu_solve_cpu", packed)
    shape = (*broadcast(b.shape[:-2], packed.shape[:-2]), *b.shape[-2:])
    work = (2 * packed.shape[-1] ** 2 + 2 * math.prod(shape)) * packed.dtype.itemsize
    return Estimate(values, [(shape, b.dtype)], None, work, 2 * math.prod(shape) * packed.shape[-1])


def check_pivots(pivots: Any, rows: int) -> None:
    """Raise RuntimeError for a pivot that is no row: LAPACK would write beyond the matrix."""
    for wrong, bound in ((pivots < 1, "greater or equal to 1"), (pivots > rows, "smaller or equal to LU.size(-2)")):
        if wrong.any():
            raise errors.bad_argument(
                f"Pivots given to lu_solve must all be {bound}. Did you properly pass the result of lu_factor?"
            )


@op(lu_solve_rule, namespace="linalg", name="lu_solve", node="LinalgLuSolveBackward0")
def linalg_lu_solve(LU: Array, pivots: Array, B: Array, *, left: bool = True, adjoint: bool = False) -> Any:
    """The solution of A X = B (of X A = B if not `left`, of A^H instead of A if `adjoint`) from A's LU factors."""
    check_pivots(pivots, LU.shape[-1])
    batch = xp.broadcast_shapes(B.shape[:-2], LU.shape[:-2])
    packed, b = xp.broadcast_to(LU, (*batch, *LU.shape[-2:])), xp.broadcast_to(B, (*batch, *B.shape[-2:]))
    rows = xp.broadcast_to(pivots, (*batch, pivots.shape[-1]))
    if left:
        return lapack.lu_solve(packed, rows, b, 2 if adjoint else 0)
    turned = xp.swapaxes(b, -1, -2)  # X A = B is A^T X^T = B^T, X A^H = B is A X^H = B^H
    if adjoint:
        return xp.conjugate(xp.swapaxes(lapack.lu_solve(packed, rows, xp.conjugate(turned), 0), -1, -2))
    return xp.swapaxes(lapack.lu_solve(packed, rows, turned, 1), -1, -2)


linalg_lu_solve.vjp(
    LU=lambda g, LU, pivots, out, left, adjoint: lu_solve_grad(g, LU, pivots, out, left, adjoint),
    B=lambda g, LU, pivots, left, adjoint: linalg_lu_solve(LU, pivots, g, left=left, adjoint=not adjoint),
)


def lu_solve_grad(g: Any, packed: Any, pivots: Any, out: Any, left: Any, turned: Any) -> Any:
    """The gradient of lu_solve to the packed factors, in whose triangles those of L and U are.

    With R = -U^-H gX X^H these are L^-H R U^H and R. Of A^H with R = -P^T X gX^H P L^-H they are R and L^H R U^-H.
    From the right it is the same of adjoints. Where U is singular, the order decides what is NaN: it is torch's.
    """
    low, up = lower_factor(packed), upper_factor(packed)
    g, x = (g, out) if left else (adjoint(g), adjoint(out))
    if left != turned:
        inner = triangle(adjoint(up), matmul(neg(g), adjoint(x)), False)
        g_low = triangle(adjoint(low), matmul(inner, adjoint(up)), True, True, True)
        return add(tril(g_low, -1), triu(inner, 0))
    p = permutation(pivots, packed)
    inner = neg(matmul(matmul(matmul(transposed(p), x), adjoint(g)), p))
    inner = triangle(adjoint(low), inner, True, False, True)
    g_up = triangle(adjoint(up), matmul(adjoint(low), inner), False, False)
    return add(tril(inner, -1), triu(g_up, 0))


@op(composed, composite=True)
def lu_solve(b: Array, LU_data: Array, LU_pivots: Array) -> Any:
    """The solution of A X = b from A's LU factors."""
    warn_of("lu_solve")
    return linalg_lu_solve(LU_data, LU_pivots, b)

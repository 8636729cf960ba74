"""Cholesky factors, and what is solved with them."""

from __future__ import annotations

import math
from typing import Any

from engine import errors, lapack
from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import Array
from engine.op import Op, op
from engine.ops.arithmetic import add, mul, neg
from engine.ops.diagonals import tril
from engine.ops.linalg import matmul
from engine.ops.matrices import adjoint, check_float, check_kernel, check_square, columns_first
from engine.ops.solving import INVERT, old_checks, triangle
from engine.ops.superseded import warn_of
from engine.rules import broadcast
from engine.workspace import by_numpy, matrix_bytes, triangular_bytes

MINOR = (
    "The factorization could not be completed because the input is not positive-definite (the leading minor of order "
    "{} is not positive-definite)."
)


def cholesky_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of the Cholesky factor."""
    a = values[0]
    if not op.namespace:
        warn_of("cholesky")
    if op.namespace:
        check_square(op.wire_name.removesuffix("_ex"), a)
        check_float("linalg.cholesky", a, "cholesky_cpu")
    elif not a.size:
        return Estimate(values, [(a.shape, a.dtype)])
    else:
        check_square("cholesky", a)
        check_kernel("cholesky_cpu", a)
    outputs = [(a.shape, a.dtype), (a.shape[:-2], lapack.INT32)][: len(op.outputs)]
    size = a.size * a.dtype.itemsize
    work = max(by_numpy(matrix_bytes(a), size, size, a.dtype), size)  # the driver's, or the factors column by column
    if len(op.outputs) > 1:
        work = max(work, 2 * matrix_bytes(a))
    return Estimate(values, outputs, None, work, a.size * a.shape[-1])


def factor(a: Any, upper: bool) -> Any:
    """The Cholesky factor from one triangle, in column-major order; raises LinAlgError."""
    if not a.size:
        return xp.zeros(a.shape, a.dtype)
    if upper:
        made = xp.swapaxes(xp.linalg.cholesky(xp.swapaxes(a, -1, -2)), -1, -2)
    else:
        made = columns_first(xp.linalg.cholesky(a))
    if xp.isnan(made[..., -1, -1]).any():  # what LAPACK counts as a failure, and NumPy does not
        raise xp.linalg.LinAlgError
    return made


def checked_factor(name: str, a: Any, upper: bool) -> Any:
    """The same, refusing matrices that are not positive-definite in torch's words."""
    try:
        return factor(a, upper)
    except xp.linalg.LinAlgError:
        place, order = lapack.first_failure(failing(a, upper)[1])
        raise errors.singular(f"{name}: {lapack.batch_note(place, a.shape[:-2])}{MINOR.format(order)}") from None


def failing(a: Any, upper: bool) -> tuple[Any, Any]:
    """Factors where one fails, and for each matrix 0 or the order of the minor that is not positive, or NaN."""
    made, info = lapack.cholesky(xp.swapaxes(a, -1, -2) if upper else a)
    undefined = xp.isnan(xp.diagonal(made, 0, -2, -1))
    orders = xp.where(undefined.any(-1), undefined.argmax(-1) + 1, 0)
    return made, xp.where(info == 0, orders, info).astype(lapack.INT32)


@op(cholesky_rule)
def cholesky(input: Array, upper: bool = False) -> Any:
    """The lower (or upper) Cholesky factor of positive-definite matrices; only that triangle is read."""
    return checked_factor("cholesky", input, upper)


cholesky.vjp(input=lambda g, out, upper: cholesky_grad(g, out, upper))


def cholesky_grad(g: Any, out: Any, upper: Any) -> Any:
    """L^-H sym(L^H gL) L^-1, where sym takes the lower triangle and mirrors it. (Murray 2016, arXiv:1602.07527.)"""
    low, g = (adjoint(out), adjoint(g)) if upper else (out, g)
    inner = tril(matmul(adjoint(low), g), 0)
    inner = mul(add(inner, adjoint(tril(inner, -1))), 0.5)
    return triangle(low, triangle(adjoint(low), inner, True), False, False)


@op(cholesky_rule, namespace="linalg", name="cholesky", node="LinalgCholeskyExBackward0")
def linalg_cholesky(A: Array, *, upper: bool = False) -> Any:
    """The lower (or upper) Cholesky factor of positive-definite matrices; only that triangle is read."""
    return checked_factor("linalg.cholesky", A, upper)


linalg_cholesky.vjp(A=lambda g, out, upper: cholesky_grad(g, out, upper))


@op(cholesky_rule, namespace="linalg", outputs=("L", "info"), node="LinalgCholeskyExBackward0")
def cholesky_ex(A: Array, *, upper: bool = False, check_errors: bool = False) -> Any:
    """`cholesky` that tells by `info` which matrices are not positive-definite, and raises only if asked to."""
    if check_errors:
        return checked_factor("linalg.cholesky_ex", A, upper), xp.zeros(A.shape[:-2], lapack.INT32)
    try:
        return factor(A, upper), xp.zeros(A.shape[:-2], lapack.INT32)
    except xp.linalg.LinAlgError:
        made, info = failing(A, upper)
        return (xp.swapaxes(made, -1, -2) if upper else made), info


cholesky_ex.vjp(A=lambda g, L, upper: cholesky_grad(g[0], L, upper))


def cholesky_inverse_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of cholesky_inverse."""
    a = values[0]
    check_square("cholesky_inverse", a)
    check_kernel("cholesky_inverse_out_cpu", a)
    work = 2 * a.size * a.dtype.itemsize + matrix_bytes(a) + triangular_bytes(a, a)
    return Estimate(values, [(a.shape, a.dtype)], None, work, 2 * a.size * a.shape[-1])


@op(cholesky_inverse_rule)
def cholesky_inverse(L: Array, upper: bool = False) -> Any:
    """The inverse of the matrices whose Cholesky factors are given."""
    zero = xp.diagonal(L, 0, -2, -1) == 0
    if zero.any():
        place, number = lapack.first_failure(xp.where(zero.any(-1), zero.argmax(-1) + 1, 0))
        note = lapack.batch_note(place, L.shape[:-2])
        raise errors.singular(f"cholesky_inverse: {note}{INVERT.format(number)}")
    eye = xp.broadcast_to(xp.eye(L.shape[-1], dtype=L.dtype), L.shape)
    return solved_by_factor(L, eye, upper)


cholesky_inverse.vjp(L=lambda g, L, out, upper: cholesky_inverse_grad(g, L, out, upper))


def solved_by_factor(low: Any, b: Any, upper: bool) -> Any:
    """The solution of L L^H X = B (of U^H U X = B)."""
    turned = xp.conjugate(xp.swapaxes(low, -1, -2))
    first, second = (turned, low) if upper else (low, turned)
    return lapack.solve_triangular(second, lapack.solve_triangular(first, b, False, True, False), True, True, False)


def cholesky_inverse_grad(g: Any, low: Any, out: Any, upper: Any) -> Any:
    """Minus the gradient of the inverse, symmetrised, times the factor."""
    common = matmul(out, matmul(add(g, adjoint(g)), out))
    return neg(matmul(low, common) if upper else matmul(common, low))


def cholesky_solve_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of cholesky_solve."""
    b, a = values[:2]
    for what, each in (("b", b), ("u", a)):
        if len(each.shape) < 2:
            raise errors.shape_mismatch(
                f"{what} should have at least 2 dimensions, but has {len(each.shape)} dimensions instead"
            )
    old_checks("cholesky_solve", b, a)
    check_kernel("cholesky_solve_cpu", a)
    shape = (*broadcast(b.shape[:-2], a.shape[:-2]), *b.shape[-2:])
    work = (a.size + math.prod(shape)) * a.dtype.itemsize + triangular_bytes(a, b)
    return Estimate(values, [(shape, a.dtype)], None, work, 2 * math.prod(shape) * a.shape[-1])


@op(cholesky_solve_rule)
def cholesky_solve(B: Array, L: Array, upper: bool = False) -> Any:
    """The solution of A X = B where A is given by its Cholesky factor."""
    batch = xp.broadcast_shapes(B.shape[:-2], L.shape[:-2])
    b, low = xp.broadcast_to(B, (*batch, *B.shape[-2:])), xp.broadcast_to(L, (*batch, *L.shape[-2:]))
    return solved_by_factor(low, b, upper)


def cholesky_solve_grads(g: Any, needs: Any, L: Any, out: Any, upper: Any) -> tuple[Any, Any]:
    """The gradients of cholesky_solve to the right side and to the factor."""
    side = cholesky_solve(g, L, upper)
    if not needs[1]:
        return side, None
    common = matmul(side, adjoint(out))
    common = add(common, adjoint(common))
    return side, neg(matmul(L, common) if upper else matmul(common, L))


cholesky_solve.vjp_joint(cholesky_solve_grads, "B", "L")

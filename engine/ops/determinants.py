"""Determinants, their signs and logarithms."""

from __future__ import annotations

from typing import Any

from engine import lapack
from engine.arrays import widened, xp
from engine.infer import Estimate, composed
from engine.kinds import Array
from engine.op import Op, alias, op
from engine.ops.arithmetic import add, conj_of, log, mul, sub
from engine.ops.compare import eq
from engine.ops.linalg import matmul
from engine.ops.matrices import (
    adjoint,
    as_column,
    check_float,
    check_square,
    real_dtype,
    same_form,
    trace_product,
    unit_matrix,
)
from engine.ops.selection import where
from engine.ops.solving import inverse_or_nan, solve
from engine.workspace import by_numpy, matrix_bytes

KERNEL = "lu_cpu"


def det_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of det and slogdet: square floating matrices."""
    a = values[0]
    name = f"linalg.{op.name}"
    check_square(name, a)
    check_float(name, a, KERNEL if op.name == "det" else None)
    outputs = [(a.shape[:-2], a.dtype), (a.shape[:-2], real_dtype(a))][: len(op.outputs)]
    work = by_numpy(matrix_bytes(a) + 8 * a.shape[-1], a.size * a.dtype.itemsize, 0, a.dtype)
    return Estimate(values, outputs, None, work, a.size * a.shape[-1])


@op(det_rule, namespace="linalg", node="LinalgDetBackward0", method=True)
def det(A: Array) -> Any:
    """The determinants."""
    return xp.linalg.det(widened(A)).astype(A.dtype, copy=False)


alias(det, "det")
det.vjp(A=lambda g, A: mul(as_column(as_column(g)), cofactors(A)))


def cofactor_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of the matrix of cofactors."""
    a = values[0]
    return Estimate(values, [(a.shape, a.dtype)], None, 8 * a.size * a.dtype.itemsize, 20 * a.size * a.shape[-1])


@op(cofactor_rule, hidden=True, node="LinalgDetBackward0")
def cofactors(A: Array) -> Any:
    """The conjugate cofactors: the derivative of the determinant, whether or not the matrix is singular."""
    if not A.size:
        return xp.zeros(A.shape, A.dtype)
    made, good = regular_cofactors(A)
    if good.all():
        return made
    return xp.where(good[..., None, None], made, singular_cofactors(A))


cofactors.vjp(A=lambda g, A: cofactors_grad(g, A))


def regular_cofactors(a: Any) -> Any:
    """det(A) times the inverse's adjoint, and where that is to be trusted."""
    _, _, info = lapack.lu_factor(a)
    safe = xp.where((info == 0)[..., None, None], a, xp.eye(a.shape[-1], dtype=a.dtype))
    inverse = xp.linalg.inv(safe)
    condition = abs(safe).sum(-1).max(-1) * abs(inverse).sum(-1).max(-1)
    good = (info == 0) & (condition < 1e-3 / xp.finfo(a.dtype).eps)
    return xp.conjugate(xp.swapaxes(xp.linalg.det(safe)[..., None, None] * inverse, -1, -2)), good


def finite_svd(a: Any) -> Any:
    """The SVD, of matrices with NaN or infinity NaN: LAPACK does not converge on these."""
    good = xp.isfinite(a).all((-2, -1))
    u, s, vh = xp.linalg.svd(xp.where(good[..., None, None], a, 0))
    return u, xp.where(good[..., None], s, xp.nan), vh


def singular_cofactors(a: Any) -> Any:
    """The same by the SVD: the products of all singular values but one, between the singular vectors."""
    u, s, vh = finite_svd(a)
    phase = xp.conjugate(xp.linalg.det(u) * xp.linalg.det(vh))
    return xp.matmul(u * (phase[..., None] * others(s))[..., None, :], vh)


def others(s: Any) -> Any:
    """For each entry of the last dim the product of the others."""
    n = s.shape[-1]
    return xp.stack([xp.delete(s, at, -1).prod(-1) for at in range(n)], -1)


def cofactors_grad(g: Any, a: Any) -> Any:
    """The gradient through the cofactors; exact for singular matrices too, but then not differentiable again."""
    if not is_regular(a):
        return cofactors_backward(g, a)
    inverse = inverse_or_nan(a)
    whole = as_column(as_column(trace_product(g, inverse)))
    inner = matmul(matmul(inverse, g), inverse)
    return adjoint(mul(as_column(as_column(det(a))), sub(mul(whole, inverse), inner)))


def is_regular(a: Any) -> bool:
    """Whether all matrices can be inverted safely."""
    array = a._array if hasattr(a, "_array") else a
    return bool(regular_cofactors(array)[1].all()) if array.size else True


@op(same_form, hidden=True)
def cofactors_backward(g: Array, a: Array) -> Any:
    """The second derivative of the determinant along `g`, by the SVD: products of all singular values but two."""
    u, s, vh = finite_svd(a)
    n = s.shape[-1]
    phase = xp.conjugate(xp.linalg.det(u) * xp.linalg.det(vh))[..., None, None]
    uh, v = xp.conjugate(xp.swapaxes(u, -1, -2)), xp.conjugate(xp.swapaxes(vh, -1, -2))
    x = phase * xp.conjugate(xp.matmul(xp.matmul(uh, g), v))
    out = xp.zeros_like(x)
    for i in range(n):
        for j in range(n):
            if i != j:
                rest = xp.delete(s, (i, j), -1).prod(-1)
                out[..., i, i] += rest * x[..., j, j]
                out[..., j, i] -= rest * x[..., i, j]
    return xp.matmul(xp.matmul(u, out), vh)


# -- slogdet ----------------------------------------------------------------------------------------------------------


@op(det_rule, namespace="linalg", outputs=("sign", "logabsdet"), node="LinalgSlogdetBackward0", method=True)
def slogdet(A: Array) -> Any:
    """The sign (of complex matrices the phase) of the determinants and the logarithm of their size."""
    sign, size = xp.linalg.slogdet(A)
    return sign, size


alias(slogdet, "slogdet")
slogdet.vjp(A=lambda g, A, sign: slogdet_grad(g, A, sign))


def slogdet_grad(g: Any, a: Any, sign: Any) -> Any:
    """The gradient: the inverse's adjoint, turned by what comes to the phase."""
    factor = g[1]
    if g[0] is not None and a.dtype.kind == "c":
        phase = mul(conj_of(g[0]), sign)
        turn = mul(sub(conj_of(phase), phase), 0.5)  # minus i times the imaginary part
        factor = turn if factor is None else add(factor, turn)
    if factor is None:
        return None
    return solve(adjoint(a), mul(as_column(as_column(factor)), unit_matrix(a)), left=True)  # refuses singular matrices


@op(composed, composite=True)
def logdet(input: Array) -> Any:
    """The logarithm of the determinants; of real matrices NaN where that is negative."""
    check_square("logdet", input)
    check_float("logdet", as_array_like(input))
    sign, size = slogdet(input)
    if input.dtype.kind == "c":
        return add(log(sign), size)
    return where(eq(sign, -1), float("nan"), size)


def as_array_like(x: Any) -> Any:
    """What has a NumPy dtype: a tensor's array, or the Meta."""
    return x._array if hasattr(x, "_array") else x

"""QR factors, and matrices given by Householder reflections."""

from __future__ import annotations

import math
from typing import Any

from engine import errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array
from engine.op import Op, op
from engine.ops.arithmetic import add, neg, real_of, sub
from engine.ops.diagonals import triu
from engine.ops.joining import cat, piece, zeros_of
from engine.ops.linalg import matmul
from engine.ops.matrices import (
    adjoint,
    check_differentiable,
    check_kernel,
    check_matrix,
    columns_first,
    diagonal_matrix,
    diagonal_of,
)
from engine.ops.solving import triangle
from engine.ops.superseded import warn_of
from engine.workspace import geqrf_bytes, orgqr_bytes


def qr_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of QR: which sizes Q and R have in each mode."""
    a, mode = values
    check_matrix("linalg.qr", a)
    check_differentiable("linalg.qr", a)
    if mode not in ("reduced", "complete", "r"):
        raise errors.bad_argument(
            f"qr received unrecognized mode '{mode!s:.64}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    check_kernel("geqrf_cpu", a)
    (*batch, m, n) = a.shape
    k = min(m, n) if mode != "complete" else m
    q = (0,) if mode == "r" else (*batch, m, k)
    outputs = [(q, a.dtype), ((*batch, k, n), a.dtype)]
    results = sum(math.prod(shape) for shape, _ in outputs) * a.dtype.itemsize
    steps = [geqrf_bytes(a), results]
    if mode != "r":
        steps.append(math.prod(q) * a.dtype.itemsize + orgqr_bytes(a, k))
    work = a.size * a.dtype.itemsize + max(steps)  # NumPy factors a copy
    work = 2 * work if a.dtype.char in "fF" else max(work - results, results)  # and computes in double precision
    return Estimate(values, outputs, None, work, 4 * a.size * min(m, n))


@op(qr_rule, namespace="linalg", outputs=("Q", "R"), node="LinalgQrBackward0")
def qr(A: Array, mode: str = "reduced") -> Any:
    """A unitary Q and an upper triangle R with A = Q R."""
    if mode == "r":
        return xp.zeros((0,), A.dtype), columns_first(xp.linalg.qr(A, mode="r"))
    q, r = xp.linalg.qr(A, mode=mode)
    return columns_first(q), columns_first(r)


qr.vjp(A=lambda g, Q, R, mode: qr_grad(g, Q, R, mode))


def qr_grad(g: Any, q: Any, r: Any, mode: Any) -> Any:
    """The gradient of QR; a wide matrix is a square one and columns that follow from it."""
    if mode == "r":
        raise errors.bad_argument(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
            "linalg.qr(A, mode='reduced') if you are going to differentiate through linalg.qr."
        )
    g_q, g_r = g
    m, n = tuple(q.shape)[-2], tuple(r.shape)[-1]
    if mode == "complete" and m > n:
        raise errors.bad_argument("The QR decomposition is not differentiable when mode='complete' and nrows > ncols.")
    if m >= n:
        return qr_tall_grad(g_q, g_r, q, r)
    dim = len(r.shape) - 1
    square, rest = piece(r, dim, 0, m), piece(r, dim, m, n - m)
    if g_r is None:
        return cat([qr_tall_grad(g_q, None, q, square), zeros_of(g_q, tuple(rest.shape))], dim)
    g_rest = piece(g_r, dim, m, n - m)
    more = matmul(matmul(q, rest), adjoint(g_rest))
    g_q = more if g_q is None else add(g_q, more)
    return cat([qr_tall_grad(g_q, piece(g_r, dim, 0, m), q, square), matmul(q, g_rest)], dim)


def qr_tall_grad(g_q: Any, g_r: Any, q: Any, r: Any) -> Any:
    """[gQ + Q sym(gR R^H - Q^H gQ)] R^-H, where sym mirrors the upper triangle. (Walter and Lehmann 2011.)"""
    inner = None if g_r is None else matmul(g_r, adjoint(r))
    if g_q is not None:
        part = matmul(adjoint(q), g_q)
        inner = neg(part) if inner is None else sub(inner, part)
    inner = triu(inner, 0)
    inner = sub(add(inner, adjoint(inner)), diagonal_matrix(as_dtype_of(real_of(diagonal_of(inner)), inner)))
    made = matmul(q, inner)
    made = made if g_q is None else add(made, g_q)
    return triangle(adjoint(r), made, False, False)


def as_dtype_of(x: Any, like: Any) -> Any:
    """A real tensor as complex where another is."""
    return add(x, 0j) if like.dtype.kind == "c" else x


@op(composed, name="qr", composite=True, outputs=("Q", "R"))
def old_qr(input: Array, some: bool = True) -> Any:
    """`linalg.qr`, reduced or complete."""
    warn_of("qr")
    return PACK["qr"](list(qr(input, "reduced" if some else "complete")))


PACK = {"qr": old_qr.pack}  # by a table: on shapes the name of an op stands for its rule

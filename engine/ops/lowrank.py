"""Approximations of low rank: by random projections (Halko, Martinsson and Tropp 2009, algorithms 4.4 and 5.1)."""

from __future__ import annotations

from typing import Any

from engine import errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Truth
from engine.op import op
from engine.ops.arithmetic import sub
from engine.ops.creation import stream
from engine.ops.linalg import matmul
from engine.ops.matrices import adjoint
from engine.ops.orthogonal import qr
from engine.ops.reduction import mean_dim
from engine.ops.spectral import svd
from engine.ops.views import expand

PARTS = ("U", "S", "V")


@op(lambda op, values: Estimate(values, [((values[0].shape[-1], values[1]), values[0].dtype)]), hidden=True)
def directions(input: Array, count: int) -> Any:
    """As many random directions as asked for, normal numbers."""
    return xp.asarray(stream(None).normal((input.shape[-1], count), input.dtype))


def basis(a: Any, q: int, niter: int) -> Any:
    """Orthonormal columns that span about what the first singular vectors span."""
    columns = qr(matmul(a, directions(a, q)))[0]
    for _ in range(niter):
        columns = qr(matmul(adjoint(a), columns))[0]
        columns = qr(matmul(a, columns))[0]
    return columns


def factors(a: Any, q: int, niter: int) -> Any:
    """U, S and V of rank q."""
    if a.shape[-2] < a.shape[-1]:
        v, s, u = factors(adjoint(a), q, niter)
        return u, s, v
    columns = basis(a, q, niter)
    u, s, vh = svd(matmul(adjoint(columns), a), False)
    return matmul(columns, u), s, adjoint(vh)


def need_matrix(a: Any) -> None:
    """Raise ValueError, as Python does in torch, for fewer dims than two."""
    if len(a.shape) < 2:
        raise errors.bad_value(f"not enough values to unpack (expected 2, got {len(a.shape)})")


@op(composed, composite=True, method=False, outputs=PARTS)
def svd_lowrank(A: Array, q: int | None = 6, niter: int | None = 2, M: Array | None = None) -> Any:
    """The singular values and vectors of A (of A - M), about the first q of them, found at random."""
    need_matrix(A)
    a = A if M is None else sub(A, expand(M, tuple(A.shape)))
    q = 6 if q is None else q
    if q < 0:
        sizes = [min(tuple(A.shape)[-2:]), q]
        raise errors.shape_mismatch(f"Trying to create tensor with negative dimension {q}: {sizes}")
    return factors(a, q, 2 if niter is None else niter)


@op(composed, composite=True, method=False, outputs=PARTS)
def pca_lowrank(A: Array, q: int | None = None, center: Truth = True, niter: int = 2) -> Any:
    """Principal components of the rows of A: `svd_lowrank` of it less the mean row."""
    need_matrix(A)
    least = min(tuple(A.shape)[-2:])
    q = min(6, least) if q is None else q
    if not 0 <= q <= least:
        raise errors.bad_value(f"q(={q}) must be non-negative integer and not greater than min(m, n)={least}")
    if niter < 0:
        raise errors.bad_value(f"niter(={niter}) must be non-negative integer")
    return factors(sub(A, mean_dim(A, (len(A.shape) - 2,), True)) if center else A, q, niter)

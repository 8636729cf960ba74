"""Eigenvalues and singular values, with their vectors."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import widened, xp
from engine.infer import Estimate, composed
from engine.kinds import Array
from engine.modes import state
from engine.op import Op, op
from engine.ops.arithmetic import add, conj_of, div, mul, real_of, sub
from engine.ops.joining import piece
from engine.ops.linalg import matmul
from engine.ops.matrices import (
    HALF,
    adjoint,
    as_column,
    as_row,
    check_float,
    check_kernel,
    check_matrix,
    check_square,
    columns_first,
    complex_dtype,
    diagonal_matrix,
    diagonal_of,
    real_dtype,
    unit_diagonal,
    zero_diagonal,
)
from engine.ops.solving import inverse_or_nan
from engine.ops.views import transpose
from engine.workspace import by_numpy, eig_bytes, eigh_bytes, svd_bytes

PHASE = (
    "{}_backward: The {}vectors in the complex case are specified up to multiplication by e^{{i phi}}. The specified "
    "loss function depends on this {}, {} ill-defined."
)
FAILED = (
    "linalg.{}: The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated "
    "{}."
)


def check_phase(diagonal: Any, text: str) -> None:
    """Raise RuntimeError if the loss depends on the phase of vectors that have none of their own."""
    array = diagonal._array if hasattr(diagonal, "_array") else diagonal
    if array.size and not bool((abs(array.imag) <= 1e-2).all()):
        raise errors.bad_argument(text)


def tracked(x: Any) -> bool:
    """Whether a graph is recorded for this tensor."""
    return bool(state.ctx.grad_enabled and getattr(x, "requires_grad", False))


# -- eigh -----------------------------------------------------------------------------------------------------------


def eigh_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of eigh: a batch of square floating matrices."""
    a, uplo = values
    if len(a.shape) < 2:
        raise errors.shape_mismatch("linalg.eigh: The input tensor A must have at least 2 dimensions.")
    if a.shape[-1] != a.shape[-2]:
        raise errors.shape_mismatch(
            f"linalg.eigh: A must be batches of square matrices, but they are {a.shape[-2]} by {a.shape[-1]} matrices"
        )
    dtype = dtypes.BY_NUMPY[a.dtype]
    if a.size:
        check_kernel("linalg_eigh_cpu", a)
    if not isinstance(uplo, str) or uplo.upper() not in ("L", "U"):
        raise errors.bad_argument(f"Expected UPLO argument to be 'L' or 'U', but got {uplo}")
    n, size = a.shape[-1], a.size * dtype.itemsize
    work = max(by_numpy(eigh_bytes(a), size, size, a.dtype), size)  # the driver's, or the vectors column by column
    return Estimate(values, [(a.shape[:-1], dtype.to_real().numpy), (a.shape, a.dtype)], None, work, 10 * a.size * n)


@op(eigh_rule, namespace="linalg", outputs=("eigenvalues", "eigenvectors"), node="LinalgEighBackward0")
def eigh(A: Array, UPLO: str = "L") -> Any:
    """The eigenvalues, ascending, and eigenvectors of Hermitian matrices; only one triangle is read."""
    if not A.size:
        return xp.zeros(A.shape[:-1], real_dtype(A)), xp.zeros(A.shape, A.dtype)
    try:
        values, vectors = xp.linalg.eigh(A, UPLO=UPLO.upper())
    except xp.linalg.LinAlgError:
        raise errors.singular(
            "linalg.eigh: The algorithm failed to converge because the input matrix is "
            "ill-conditioned or has too many repeated eigenvalues.",
        ) from None
    return values, columns_first(vectors)


def eigh_backward(g: Any, needs: Any, eigenvalues: Any, eigenvectors: Any) -> tuple[Any, ...]:
    """The gradient of eigh: V (diag(gL) + skew(V^H gV) / E) V^H with E_ij = L_j - L_i.

    The skew part of a gradient is what a change of an orthogonal matrix can follow, so that the result is Hermitian.
    Equal eigenvalues make it infinite, as in torch. (Boeddeker et al. 2017, "On the Computation of Complex-valued
    Gradients".)
    """
    g_values, g_vectors = g
    v, vh = eigenvectors, adjoint(eigenvectors)
    inner: Any = None
    if g_vectors is not None:
        inner = matmul(vh, g_vectors)
        check_phase(diagonal_of(inner), PHASE.format("linalg_eigh", "eigen", "quantity", "so it is"))
        skew = div(sub(inner, adjoint(inner)), 2)
        inner = zero_diagonal(div(skew, unit_diagonal(sub(as_row(eigenvalues), as_column(eigenvalues)))))
    if g_values is not None:
        part = matmul(mul(v, as_row(g_values)), vh)
        return (part if inner is None else add(part, matmul(matmul(v, inner), vh)),)
    return (matmul(matmul(v, inner), vh),)


eigh.vjp_joint(eigh_backward, "A")


# -- eigenvalues ------------------------------------------------------------------------------------------------------


def eig_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of eig and eigvals: square matrices, complex results."""
    a = values[0]
    dtype = dtypes.BY_NUMPY[a.dtype]
    if not dtype.differentiable:
        raise errors.dtype_mismatch(f"Unknown Complex ScalarType for {dtype.type_name}")
    check_square(f"linalg.{'eig' if op.multiple else 'eigvals'}", a)
    if a.dtype in HALF:
        raise errors.not_implemented_for("linalg_eig_out_cpu", dtype.type_name)
    wide = complex_dtype(a)
    outputs = [(a.shape[:-1], wide), (a.shape, wide)][: len(op.outputs)]
    size = a.size * wide.itemsize
    work = by_numpy(eig_bytes(a, op.multiple), a.size * a.dtype.itemsize, size if op.multiple else 0, a.dtype)
    if op.multiple:
        work = max(work, size * (2 if a.dtype != wide else 1))
    return Estimate(values, outputs, None, work, 25 * a.size * a.shape[-1])


def refuse_nan(name: str, a: Any) -> None:
    """Raise RuntimeError for a matrix with entries that are not finite."""
    if not xp.isfinite(a).all():
        raise errors.bad_argument(f"torch.linalg.{name}: input tensor should not contain infs or NaNs.")


@op(eig_rule, namespace="linalg", outputs=("eigenvalues", "eigenvectors"), node="LinalgEigBackward0")
def eig(A: Array) -> Any:
    """The eigenvalues and eigenvectors of square matrices, both complex."""
    refuse_nan("eig", A)
    try:
        values, vectors = xp.linalg.eig(A)
    except xp.linalg.LinAlgError:
        raise errors.coded(RuntimeError, "singular", FAILED.format("eig", "eigenvalues")) from None
    return values, columns_first(vectors)


eig.vjp(A=lambda g, eigenvalues, eigenvectors: eig_grad(g, eigenvalues, eigenvectors))


def eig_grad(g: Any, values: Any, v: Any) -> Any:
    """V^-H (diag(gL) + (V^H gV - V^H V diag(Re V^H gV)) / conj(E)) V^H with E_ij = L_j - L_i.

    (Boeddeker et al. 2017, "On the Computation of Complex-valued Gradients"; vectors of length 1.)
    """
    g_values, g_vectors = g
    vh = adjoint(v)
    inner = None
    if g_vectors is not None:
        inner = matmul(vh, g_vectors)
        lengths = diagonal_of(inner)
        check_phase(lengths, PHASE.format("linalg_eig", "eigen", "quantity", "so it is"))
        inner = sub(inner, matmul(vh, mul(v, as_row(real_of(lengths)))))
        gaps = conj_of(sub(as_row(values), as_column(values)))
        inner = zero_diagonal(div(inner, unit_diagonal(gaps)))
    if g_values is not None:
        part = diagonal_matrix(g_values)
        inner = part if inner is None else add(inner, part)
    return matmul(matmul(adjoint(inverse_or_nan(v)), inner), vh)


@op(eig_rule, hidden=True)
def eig_values(A: Array) -> Any:
    """The eigenvalues alone."""
    refuse_nan("eigvals", A)
    return xp.linalg.eigvals(A)


@op(composed, namespace="linalg", composite=True)
def eigvals(A: Array) -> Any:
    """The eigenvalues of square matrices, complex."""
    if tracked(A):
        return eig(A)[0]
    return eig_values(A)


@op(composed, namespace="linalg", composite=True)
def eigvalsh(A: Array, UPLO: str = "L") -> Any:
    """The eigenvalues, ascending, of Hermitian matrices; only one triangle is read."""
    return eigh(A, UPLO)[0]


# -- singular values --------------------------------------------------------------------------------------------------


def svd_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of svd and svdvals."""
    a = values[0]
    check_matrix("linalg.svd", a)
    check_float("linalg.svd", a, "linalg_svd_cpu")
    if "driver" in op.index and values[op.index["driver"]] is not None:
        raise errors.bad_argument(
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
        )
    (*batch, m, n) = a.shape
    k, flops, size = min(m, n), 20 * a.size * min(m, n), a.size * a.dtype.itemsize
    real = ((*batch, k), real_dtype(a))
    if not op.multiple:
        return Estimate(values, [real], None, by_numpy(svd_bytes(a), size, 0, a.dtype), flops)
    full = values[1]
    rows, columns = (m, n) if full else (k, k)
    outputs = [((*batch, m, rows), a.dtype), real, ((*batch, columns, n), a.dtype)]
    vectors = math.prod(batch) * (m * rows + n * columns) * a.dtype.itemsize
    work = by_numpy(svd_bytes(a, rows, columns), size, vectors, a.dtype)
    return Estimate(values, outputs, None, max(work, vectors), flops)


def no_svd(a: Any) -> RuntimeError:
    """The refusal of a matrix whose SVD does not converge."""
    if not bool(xp.isfinite(a).all()):
        return errors.singular(
            "linalg.svd: The algorithm failed to converge because the input matrix contained non-finite values."
        )
    return errors.singular(FAILED.format("svd", "singular values"))


@op(svd_rule, namespace="linalg", outputs=("U", "S", "Vh"), node="LinalgSvdBackward0")
def svd(A: Array, full_matrices: bool = True, *, driver: str | None = None) -> Any:
    """Unitary U and Vh and singular values S, descending, with A = U diag(S) Vh."""
    if A.dtype in HALF:
        return tuple(each.astype(A.dtype) for each in xp.linalg.svd(widened(A), full_matrices=full_matrices))
    try:
        u, s, vh = xp.linalg.svd(A, full_matrices=full_matrices)
    except xp.linalg.LinAlgError:
        raise no_svd(A) from None
    return columns_first(u), s, columns_first(vh)


svd.vjp(A=lambda g, U, S, Vh: svd_grad(g, U, S, Vh))


def svd_grad(g: Any, u: Any, s: Any, vh: Any) -> Any:
    """The gradient of the SVD: U [((U^H gU) S + S (V^H gV)) / E + diag(gS)] V^H, and what leaves the spaces of U and V.

    X stands for X - X^H, E_ij = S_j^2 - S_i^2. Only the first vectors of full matrices count.
    """
    g_u, g_s, g_vh = g
    (*_, m, _), (*_, n), k = tuple(u.shape), tuple(vh.shape), tuple(s.shape)[-1]
    u, g_u = first_of(u, len(u.shape) - 1, k), first_of(g_u, len(u.shape) - 1, k)
    vh, g_vh = first_of(vh, len(vh.shape) - 2, k), first_of(g_vh, len(vh.shape) - 2, k)
    if g_u is None and g_vh is None:
        return matmul(mul(u, as_row(g_s)), vh)
    inner = svd_inner(g_u, g_vh, u, s, vh)
    if g_s is not None:
        inner = add(inner, diagonal_matrix(g_s))
    made = matmul(matmul(u, inner), vh)
    if m > k and g_u is not None:
        side = div(g_u, as_row(s))
        made = add(made, matmul(sub(side, matmul(u, matmul(adjoint(u), side))), vh))
    if n > k and g_vh is not None:
        side = div(g_vh, as_column(s))
        made = add(made, matmul(u, sub(side, matmul(matmul(side, adjoint(vh)), vh))))
    return made


def first_of(x: Any, dim: int, count: int) -> Any:
    """The first entries along a dim."""
    return x if x is None or tuple(x.shape)[dim] == count else piece(x, dim, 0, count)


def svd_inner(g_u: Any, g_vh: Any, u: Any, s: Any, vh: Any) -> Any:
    """What comes through the singular vectors, between U and Vh."""
    left = None if g_u is None else skew(matmul(adjoint(u), g_u))
    right = None if g_vh is None else skew(matmul(vh, adjoint(g_vh)))
    squares = mul(s, s)
    gaps = unit_diagonal(sub(as_row(squares), as_column(squares)))
    turns = None
    if u.dtype.kind == "c":
        parts = [diagonal_of(each) for each in (left, right) if each is not None]
        turns = parts[0]
        check_phase(
            parts[0] if len(parts) == 1 else add(*parts), PHASE.format("svd", "singular ", "phase term", "making it")
        )
    made = None
    if left is not None:
        made = mul(left, as_row(s))
    if right is not None:
        part = mul(as_column(s), right)
        made = part if made is None else add(made, part)
    made = zero_diagonal(div(made, gaps))
    if turns is not None and left is not None and right is not None:
        made = add(made, diagonal_matrix(div(turns, mul(s, 2))))
    return made


def skew(x: Any) -> Any:
    """The matrix less its adjoint."""
    return sub(x, adjoint(x))


@op(svd_rule, hidden=True)
def singular_values(A: Array) -> Any:
    """The singular values alone."""
    return bare_values(A)


def bare_values(a: Any) -> Any:
    """The singular values; raises LinAlgError where there are none."""
    if not a.size:
        return xp.zeros((*a.shape[:-2], min(a.shape[-2:])), real_dtype(a))
    try:
        made = xp.linalg.svd(a, compute_uv=False)
    except xp.linalg.LinAlgError:
        raise no_svd(a) from None
    if xp.isnan(made[..., 0]).any():  # LAPACK gave up without saying so
        raise no_svd(a)
    return made


@op(composed, namespace="linalg", composite=True)
def svdvals(A: Array, *, driver: str | None = None) -> Any:
    """The singular values, descending."""
    return svd(A, False, driver=driver)[1] if tracked(A) else singular_values(A)


@op(composed, name="svd", composite=True, outputs=("U", "S", "V"))
def old_svd(input: Array, some: bool = True, compute_uv: bool = True) -> Any:
    """The SVD with V instead of its adjoint; zeros in the place of vectors not asked for."""
    shape = tuple(input.shape)
    if len(shape) < 2:
        raise errors.shape_mismatch(
            f"linalg.svd: input should have at least 2 dimensions, but has {len(shape)} dimensions instead"
        )
    if compute_uv:
        u, s, vh = svd(input, not some)
        v = conj_of(transpose(vh, len(shape) - 2, len(shape) - 1))
        return PACK["svd"]([u, s, v])
    s = svdvals(input)
    return PACK["svd"]([blank(input, shape[-2]), s, blank(input, shape[-1])])


PACK = {"svd": old_svd.pack}  # by a table: on shapes the name of an op stands for its rule


def blank_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of zeros in the place of singular vectors."""
    a, size = values
    return Estimate(values, [((*a.shape[:-2], size, size), a.dtype)])


@op(blank_rule, hidden=True)
def blank(input: Array, size: int) -> Any:
    """Square matrices of zeros."""
    return xp.zeros((*input.shape[:-2], size, size), input.dtype)

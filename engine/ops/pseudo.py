"""Pseudo-inverses, ranks and least squares of matrices."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, Padded, composed
from engine.kinds import Array
from engine.op import Op, is_number, op
from engine.ops.arithmetic import add, mul, neg, sub
from engine.ops.creation import zeros_like
from engine.ops.linalg import matmul
from engine.ops.matrices import (
    HALF,
    adjoint,
    as_column,
    as_row,
    check_float,
    check_kernel,
    check_square,
    real_dtype,
)
from engine.ops.solving import is_vector
from engine.ops.spectral import bare_values, no_svd
from engine.ops.views import squeeze_dim
from engine.rules import Shape, broadcast
from engine.tensor import counted_dim
from engine.workspace import by_numpy, eigh_bytes, eigvalsh_bytes, svd_bytes


def check_pinv(a: Any) -> None:
    """Raise RuntimeError for what has no pseudo-inverse."""
    dtype = dtypes.BY_NUMPY[a.dtype]
    if len(a.shape) < 2 or not dtype.differentiable or a.dtype in HALF:
        raise errors.dtype_mismatch(
            f"linalg.pinv({dtype.type_name}{{{list(a.shape)}}}): expected a tensor with 2 or more dimensions of float, "
            "double, cfloat or cdouble types"
        )


def check_tolerances(name: str, *tolerances: tuple[str, Any]) -> None:
    """Raise RuntimeError for complex tolerances."""
    for what, value in tolerances:
        if value is not None and not is_number(value) and value.dtype.kind == "c":
            raise errors.dtype_mismatch(
                f"torch.linalg.{name}: {what} tensor of complex type is not supported. Got "
                f"{dtypes.BY_NUMPY[value.dtype].type_name}"
            )


def hermitian_check(a: Any, hermitian: bool) -> None:
    """A Hermitian matrix is square, be there anything in it."""
    if hermitian and a.size:
        check_square("linalg.eigh", a)


def limit_shape(a: Any, *tolerances: Any) -> Shape:
    """The batch shape, broadcast with that of the tolerances where there is something to compare with them."""
    shapes = [each.shape for each in tolerances if each is not None and not is_number(each)]
    return broadcast(a.shape[:-2], *shapes) if a.size else a.shape[:-2]


def pinv_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of pinv with tolerances as tensors or numbers."""
    a, atol, rtol, hermitian = values
    if is_number(atol) and rtol is None:
        counted_dim(-2, len(a.shape))
        check_precise(a)
    check_pinv(a)
    check_tolerances("pinv", ("atol", atol), ("rtol", rtol))
    hermitian_check(a, hermitian)
    return pinv_estimate(values, a, limit_shape(a, atol, rtol), hermitian)


def check_precise(a: Any) -> None:
    """Raise RuntimeError for a dtype that has no default tolerance."""
    if not dtypes.BY_NUMPY[a.dtype].differentiable or a.dtype in HALF:
        raise errors.dtype_mismatch("This function doesn't handle types other than float and double")


def pinv_estimate(values: list[Any], a: Any, batch: Shape, hermitian: bool) -> Estimate:
    """The estimate of a pseudo-inverse: the driver's work, then the vectors, their adjoints and a product of these."""
    m, n = a.shape[-2:]
    out = math.prod(batch) * m * n * a.dtype.itemsize
    work = max(spectrum_bytes(a, hermitian) - out, adjoint_bytes(a) + out // max(m, 1) * min(m, n))
    return Estimate(values, [((*batch, n, m), a.dtype)], None, work, 20 * a.size * min(m, n))


def spectrum_bytes(a: Any, hermitian: bool = False) -> int:
    """The bytes of singular vectors, and of the driver that finds them."""
    small, size = min(a.shape[-2:]), int(a.size * a.dtype.itemsize)
    vectors = size if hermitian else adjoint_bytes(a) // 2
    return vectors + by_numpy(eigh_bytes(a) if hermitian else svd_bytes(a, small, small), size, vectors, a.dtype)


def adjoint_bytes(a: Any) -> int:
    """The bytes of singular vectors and of their adjoints."""
    m, n = a.shape[-2:]
    return int(2 * math.prod(a.shape[:-2]) * (m + n) * min(m, n) * a.dtype.itemsize)


def spectrum(a: Any, hermitian: bool) -> tuple[Any, Any, Any]:
    """U, S and V^H with A = U diag(S) V^H; of Hermitian matrices by their eigenvectors, S with signs."""
    try:
        if not hermitian:
            u, s, vh = xp.linalg.svd(a, full_matrices=False)
            return u, s, vh
        s, u = xp.linalg.eigh(a)
        return u, s, xp.conjugate(xp.swapaxes(u, -1, -2))
    except xp.linalg.LinAlgError:
        raise no_svd(a) from None


def limits(a: Any, size: Any, atol: Any, rtol: Any) -> Any:
    """Below which size a singular value counts as zero: the larger of `atol` and `rtol` times the largest."""
    if rtol is None:
        rtol = max(a.shape[-2:]) * float(xp.finfo(a.dtype).eps)
        if atol is not None:
            rtol = xp.where(xp.asarray(atol) > 0, 0.0, rtol)
    largest = size.max(-1, initial=0) if size.shape[-1] else size.sum(-1)
    limit = xp.asarray(rtol) * largest
    return (limit if atol is None else xp.maximum(xp.asarray(atol), limit))[..., None]


def pseudo_inverse(a: Any, atol: Any, rtol: Any, hermitian: bool) -> Any:
    """V diag(1/S) U^H over the singular values that count."""
    if not a.size:
        return xp.zeros((*limit_shape(a, atol, rtol), a.shape[-1], a.shape[-2]), a.dtype)
    u, s, vh = spectrum(a, hermitian)
    keep = abs(s) > limits(a, abs(s), atol, rtol)
    inverse = xp.where(keep, 1 / xp.where(keep, s, 1), 0).astype(a.dtype)
    return xp.matmul(
        xp.conjugate(xp.swapaxes(vh, -1, -2)) * inverse[..., None, :], xp.conjugate(xp.swapaxes(u, -1, -2))
    )


@op(pinv_rule, namespace="linalg", node="LinalgPinvBackward0", cast=())
def pinv(A: Array, *, atol: float | None = None, rtol: float | None = None, hermitian: bool = False) -> Any:
    """The pseudo-inverse; singular values up to the larger of `atol` and `rtol` times the largest count as zero."""
    return pseudo_inverse(A, atol, rtol, hermitian)


@op(pinv_rule, namespace="linalg", name="pinv", node="LinalgPinvBackward0", cast=())
def pinv_of_tensors(A: Array, *, atol: Array | None = None, rtol: Array | None = None, hermitian: bool = False) -> Any:
    """The same, with tolerances for each matrix of a batch."""
    return pseudo_inverse(A, atol, rtol, hermitian)


pinv.vjp(A=lambda g, A, out: pinv_grad(g, A, out))
pinv_of_tensors.vjp(A=lambda g, A, out: pinv_grad(g, A, out))


def pinv_rcond_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of pinv with a relative tolerance."""
    a, rcond, hermitian = values
    check_pinv(a)
    check_tolerances("pinv", ("rcond", rcond))
    hermitian_check(a, hermitian)
    return pinv_estimate(values, a, limit_shape(a, rcond), hermitian)


@op(pinv_rcond_rule, namespace="linalg", name="pinv", node="LinalgPinvBackward0", cast=())
def pinv_rcond(A: Array, rcond: float, hermitian: bool = False) -> Any:
    """The pseudo-inverse; singular values up to `rcond` times the largest count as zero."""
    return pseudo_inverse(A, None, rcond, hermitian)


@op(pinv_rcond_rule, namespace="linalg", name="pinv", node="LinalgPinvBackward0", cast=())
def pinv_rcond_of_tensor(A: Array, rcond: Array, hermitian: bool = False) -> Any:
    """The same, with a tolerance for each matrix of a batch."""
    return pseudo_inverse(A, None, rcond, hermitian)


pinv_rcond.vjp(A=lambda g, A, out: pinv_grad(g, A, out))
pinv_rcond_of_tensor.vjp(A=lambda g, A, out: pinv_grad(g, A, out))


@op(composed, composite=True)
def pinverse(input: Array, rcond: float = 1e-15) -> Any:
    """The pseudo-inverse (`linalg.pinv`)."""
    return pinv_rcond(input, rcond, False)


def pinv_grad(g: Any, a: Any, out: Any) -> Any:
    """The gradient of the pseudo-inverse for constant rank. (Golub and Pereyra 1973.)"""
    turned, gh = adjoint(out), adjoint(g)
    if tuple(a.shape)[-2] <= tuple(a.shape)[-1]:
        k = matmul(gh, out)
        kp = matmul(k, turned)
        made = sub(kp, adjoint(matmul(out, k)))
        made = sub(made, matmul(matmul(a, out), kp))
        return add(made, matmul(matmul(turned, out), sub(gh, matmul(k, a))))
    k = matmul(out, gh)
    pk = matmul(turned, k)
    made = sub(pk, adjoint(matmul(k, out)))
    made = add(made, matmul(matmul(sub(gh, matmul(a, k)), out), turned))
    return sub(made, matmul(matmul(pk, out), a))


# -- rank -------------------------------------------------------------------------------------------------------------


def rank_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of matrix_rank."""
    a, hermitian = values[0], values[-1]
    if len(a.shape) < 2:
        raise errors.shape_mismatch("torch.linalg.matrix_rank: The input tensor input must have at least 2 dimensions.")
    names = [(param.name, value) for param, value in zip(op.params[1:-1], values[1:-1], strict=True)]
    check_tolerances("matrix_rank", *[("atol" if name == "tol" else name, value) for name, value in names])
    default = all(value is None for name, value in names if name in ("rtol", "tol"))
    if default:
        check_precise(a)
    if a.size and hermitian:
        check_square("linalg.eigh", a)
        check_kernel("linalg_eigh_cpu", a)
    elif a.size:
        check_float("linalg.svd", a, "linalg_svd_cpu")
    work = by_numpy(eigvalsh_bytes(a) if hermitian else svd_bytes(a), a.size * a.dtype.itemsize, 0, a.dtype)
    work += 40 * math.prod(a.shape[:-2]) * min(a.shape[-2:])
    batch = limit_shape(a, *(value for _, value in names))
    return Estimate(values, [(batch, xp.dtype(xp.int64))], None, work, 20 * a.size * min(a.shape[-2:]))


def rank_of(a: Any, atol: Any, rtol: Any, hermitian: bool) -> Any:
    """How many singular values are above the limit."""
    if not a.size:
        return xp.zeros(a.shape[:-2], xp.int64)
    try:
        s = abs(xp.linalg.eigvalsh(a)) if hermitian else bare_values(a)
    except xp.linalg.LinAlgError:
        raise no_svd(a) from None
    return (s > limits(a, s, atol, rtol)).sum(-1)


@op(rank_rule, namespace="linalg", cast=())
def matrix_rank(A: Array, *, atol: float | None = None, rtol: float | None = None, hermitian: bool = False) -> Any:
    """The rank: how many singular values are above the larger of `atol` and `rtol` times the largest."""
    return rank_of(A, atol, rtol, hermitian)


@op(rank_rule, namespace="linalg", name="matrix_rank", cast=())
def rank_by_tensors(A: Array, *, atol: Array | None = None, rtol: Array | None = None, hermitian: bool = False) -> Any:
    """The same, with tolerances for each matrix of a batch."""
    return rank_of(A, atol, rtol, hermitian)


@op(rank_rule, namespace="linalg", name="matrix_rank", cast=())
def matrix_rank_tol(A: Array, tol: float, hermitian: bool = False) -> Any:
    """The rank: how many singular values are above `tol`."""
    return rank_of(A, tol, 0.0, hermitian)


@op(rank_rule, namespace="linalg", name="matrix_rank", cast=())
def rank_by_tensor(A: Array, tol: Array, hermitian: bool = False) -> Any:
    """The same, with a tolerance for each matrix of a batch."""
    return rank_of(A, tol, 0.0, hermitian)


# -- least squares ----------------------------------------------------------------------------------------------------


def lstsq_checks(a: Any, b: Any, rcond: Any, driver: Any) -> None:
    """What lstsq refuses."""
    name = "torch.linalg.lstsq"
    if len(a.shape) < 2:
        raise errors.shape_mismatch(f"{name}: input must have at least 2 dimensions.")
    if not b.shape:
        raise errors.shape_mismatch(f"{name}: other must have at least 1 dimension.")
    if a.dtype != b.dtype:
        names = [dtypes.BY_NUMPY[each.dtype].type_name for each in (a, b)]
        raise errors.dtype_mismatch(
            f"{name}: Expected input and other to have the same dtype, but got input's dtype {names[0]} and other's "
            f"dtype {names[1]}"
        )
    gap = len(a.shape) - len(b.shape)
    if not 0 <= gap <= 1:
        raise errors.shape_mismatch(
            f"{name}: input.dim() must be greater or equal to other.dim() and (input.dim() - other.dim()) <= 1"
        )
    rows = b.shape[-1] if is_vector(a.shape, b.shape) else b.shape[-2]
    if a.shape[-2] != rows:
        place = -1 if is_vector(a.shape, b.shape) else -2
        raise errors.shape_mismatch(f"{name}: input.size(-2) should match other.size({place})")
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise errors.bad_argument(f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)")
    if gap and not is_vector(a.shape, b.shape):
        broadcast(a.shape[:-2], b.shape[:-1])
    if rcond is None:
        check_precise(a)
    check_kernel("linalg_lstsq_cpu", a)


def lstsq_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of lstsq; which further results there are depends on the driver."""
    a, b, rcond, driver = values
    lstsq_checks(a, b, rcond, driver)
    vector = is_vector(a.shape, b.shape)
    right = (*b.shape, 1) if vector else b.shape
    batch = broadcast(a.shape[:-2], right[:-2])
    m, n = a.shape[-2:]
    driver = driver or "gelsy"
    solution = (*batch, n) if vector else (*batch, n, right[-1])
    residuals = (*batch, right[-1]) if m > n and driver != "gelsy" else (0,)
    real = real_dtype(a)
    outputs = [
        (solution, a.dtype),
        (residuals, real),
        (batch if driver != "gels" else (0,), xp.dtype(xp.int64)),
        ((*batch, min(m, n)) if driver in ("gelsd", "gelss") else (0,), real),
    ]
    count = math.prod(batch)
    solutions = count * (min(m, n) + n + max(m, n)) * right[-1] + (3 * count * m * right[-1] if residuals[-1] else 0)
    work = max(spectrum_bytes(a), adjoint_bytes(a) + solutions * a.dtype.itemsize)
    padding = 0 if vector else max(m - n, 0) * right[-1] * count * a.dtype.itemsize
    estimate = Padded([a, b, rcond, driver], outputs, None, work + padding, 20 * a.size * min(m, n))
    estimate.padding = padding
    return estimate


@op(
    lstsq_rule,
    namespace="linalg",
    outputs=("solution", "residuals", "rank", "singular_values"),
    differentiable=("solution", "residuals"),
    node="LinalgLstsqBackward0",
)
def lstsq(A: Array, B: Array, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """The X of smallest norm that makes the columns of A X - B shortest."""
    vector = is_vector(A.shape, B.shape)
    b = B[..., None] if vector else B
    m, n = A.shape[-2:]
    if rcond is None:
        rcond = float(xp.finfo(A.dtype).eps) * max(m, n)
    if driver == "gels":
        rcond = 0.0
    x, rank, s = least_squares(A, b, rcond)
    none = xp.zeros((0,), s.dtype)
    residuals = none
    if m > n and driver != "gelsy" and (driver == "gels" or bool((rank == n).all())):
        rest = xp.matmul(A, x) - b
        residuals = (rest.real**2 + rest.imag**2 if rest.dtype.kind == "c" else rest**2).sum(-2)
    return (
        x[..., 0] if vector else in_rows(x, max(m, n)),
        residuals,
        rank if driver != "gels" else xp.zeros((0,), xp.int64),
        s if driver in ("gelsd", "gelss") else none,
    )


def least_squares(a: Any, b: Any, rcond: float) -> tuple[Any, Any, Any]:
    """Least-squares solutions of smallest norm by the SVD, with ranks and singular values."""
    if not a.size:
        batch = xp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        real = xp.zeros((), a.dtype).real.dtype
        x = xp.zeros((*batch, a.shape[-1], b.shape[-1]), a.dtype)
        return x, xp.zeros(batch, xp.int64), xp.zeros((*batch, min(a.shape[-2:])), real)
    u, s, vh = spectrum(a, False)
    keep = s > rcond * s.max(axis=-1, keepdims=True)
    inverse = xp.where(keep, 1 / xp.where(keep, s, 1), 0).astype(a.dtype)
    made = inverse[..., None] * xp.matmul(xp.conjugate(xp.swapaxes(u, -1, -2)), b)
    return xp.matmul(xp.conjugate(xp.swapaxes(vh, -1, -2)), made), keep.sum(axis=-1), s


def in_rows(x: Any, rows: int) -> Any:
    """The solution in column-major order in as many rows as LAPACK needs for either side."""
    out = xp.zeros((*x.shape[:-2], x.shape[-1], rows), x.dtype)
    made = xp.swapaxes(out, -1, -2)[..., : x.shape[-2], :]
    made[...] = x
    return made


def lstsq_parts(g: Any, a: Any, b: Any, x: Any) -> tuple[Any, Any, Any, Any]:
    """The gradients of solution and squared residuals, B and X, all with matrices in the place of vectors."""
    g_x, g_r = g[0], g[1]
    if is_vector(tuple(a.shape), tuple(b.shape)):
        b, x = as_column(b), as_column(x)
        g_x = None if g_x is None else as_column(g_x)
    if g_r is not None and not math.prod(tuple(g_r.shape)):
        g_r = None
    return g_x, None if g_r is None else mul(as_row(g_r), 2.0), b, x


def lstsq_grads(g: Any, needs: Any, A: Any, B: Any, solution: Any) -> tuple[Any, Any]:
    """The gradients to A and B: through X = A^+ B, and of the residuals 2 g (A X - B) X^H and -2 g (A X - B)."""
    vector = is_vector(tuple(A.shape), tuple(B.shape))
    g_x, g_r, b, x = lstsq_parts(g, A, B, solution)
    inverse = None if g_x is None else pinv(A, atol=None, rtol=None, hermitian=False)
    rest = None if g_r is None else mul(sub(matmul(A, x), b), g_r)
    to_a = to_b = None
    if needs[0]:
        if g_x is not None:
            to_a = pinv_grad(matmul(g_x, adjoint(b)), A, inverse)
        if rest is not None:
            part = matmul(rest, adjoint(x))
            to_a = part if to_a is None else add(to_a, part)
    if needs[1]:
        if g_x is not None:
            to_b = matmul(adjoint(inverse), g_x)
        if rest is not None:
            to_b = neg(rest) if to_b is None else sub(to_b, rest)
        to_b = zeros_like(b) if to_b is None else to_b
        to_b = squeeze_dim(to_b, len(to_b.shape) - 1) if vector else to_b
    return to_a, to_b


lstsq.vjp_joint(lstsq_grads, "A", "B")

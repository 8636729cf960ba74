"""Householder reflections: QR factors as LAPACK packs them, and what such reflections make of matrices.

A packed matrix holds below its diagonal the vectors v of reflections H = I - tau v v^H, each with a 1 on the diagonal.
"""

from __future__ import annotations

from typing import Any

from engine import dtypes, errors, lapack
from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import Array
from engine.op import Op, alias, op
from engine.ops.arithmetic import add, conj_of, mul, neg, sub
from engine.ops.diagonals import tril
from engine.ops.joining import cat, piece, zeros_of
from engine.ops.linalg import matmul
from engine.ops.matrices import adjoint, as_column, check_kernel, columns_first, unit_matrix
from engine.tensor import counted_dim


def need_matrix(name: str, a: Any, what: str = "input") -> None:
    """Raise RuntimeError unless an argument has two dims or more."""
    if len(a.shape) < 2:
        raise errors.shape_mismatch(f"torch.{name}: {what} must have at least 2 dimensions.")


def geqrf_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of geqrf."""
    a = values[0]
    need_matrix("geqrf", a)
    check_kernel("geqrf_cpu", a)
    (*batch, m, n) = a.shape
    work = (2 * a.size + m + n) * a.dtype.itemsize
    return Estimate(values, [(a.shape, a.dtype), ((*batch, min(m, n)), a.dtype)], None, work, 2 * a.size * min(m, n))


@op(geqrf_rule, outputs=("a", "tau"), real_grad="geqrf")
def geqrf(input: Array) -> Any:
    """R and below it the vectors of the reflections whose product is Q, and their scales, as LAPACK gives them."""
    return lapack.qr_factor(input)


def no_geqrf(g: Any) -> Any:
    """torch has no derivative of geqrf."""
    raise errors.not_differentiable("the derivative for 'geqrf' is not implemented.")


geqrf.vjp(input=no_geqrf)


def check_scales(name: str, a: Any, tau: Any) -> None:
    """Raise RuntimeError unless `tau` is a batch of vectors where `a` is one of matrices."""
    if len(tau.shape) != len(a.shape) - 1:
        raise errors.shape_mismatch(
            f"torch.{name}: Expected tau to have one dimension less than input, but got tau.ndim equal to "
            f"{len(tau.shape)} and input.ndim is equal to {len(a.shape)}"
        )
    if a.shape[:-2] != tau.shape[:-1]:
        raise errors.shape_mismatch(
            f"torch.{name}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got "
            f"{list(tau.shape[:-1])}"
        )


def product_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of householder_product."""
    a, tau = values
    name = "linalg.householder_product"
    need_matrix(name, a)
    for larger, smaller, text in (
        (a.shape[-2], a.shape[-1], "input.shape[-2] must be greater than or equal to input.shape[-1]"),
        (
            a.shape[-1],
            tau.shape[counted_dim(-1, tau.ndim)],
            "input.shape[-1] must be greater than or equal to tau.shape[-1]",
        ),
    ):
        if larger < smaller:
            raise errors.shape_mismatch(f"torch.{name}: {text}")
    check_scales(name, a, tau)
    if a.dtype != tau.dtype:
        names = [dtypes.BY_NUMPY[each.dtype].type_name for each in (tau, a)]
        raise errors.dtype_mismatch("torch.{}: tau dtype {} does not match input dtype {}".format(name, *names))
    check_kernel("orgqr_cpu", a)
    flops = 4 * a.size * tau.shape[-1]
    return Estimate(values, [(a.shape, a.dtype)], None, 5 * a.size * a.dtype.itemsize, flops)


@op(product_rule, namespace="linalg", node="LinalgHouseholderProductBackward0", method=True)
def householder_product(input: Array, tau: Array) -> Any:
    """The first columns of the product of reflections."""
    return columns_first(reflected(input, tau, unit_part(input), False))


householder_product.vjp_joint(
    lambda g, needs, input, tau: reflections_grad(g, input, tau, unit_matrix(input), False)[:2], "input", "tau"
)
alias(householder_product, "orgqr")


def reflected(a: Any, tau: Any, c: Any, inverse: bool) -> Any:
    """The kernel: the product of reflections, or its adjoint, times matrices."""
    vectors = xp.tril(a, -1) + unit_part(a)
    steps = range(tau.shape[-1])
    for at in steps if inverse else reversed(steps):
        column, factor = vectors[..., at : at + 1], tau[..., at, None, None]
        row = xp.matmul(xp.conjugate(xp.swapaxes(column, -1, -2)), c)
        c = c - (xp.conjugate(factor) if inverse else factor) * column * row
    return c


def unit_part(a: Any) -> Any:
    """Matrices of an array's form with ones on the diagonal."""
    return xp.broadcast_to(xp.eye(*a.shape[-2:], dtype=a.dtype), a.shape)


def reflections_grad(g: Any, a: Any, tau: Any, c: Any, inverse: Any) -> Any:
    """The gradients of `reflected` to packed vectors, scales and matrices, one reflection after the other."""
    vectors, last, count = add(tril(a, -1), unit_matrix(a)), len(a.shape) - 1, tuple(tau.shape)[-1]
    if not count or 0 in tuple(a.shape):
        return None, None, g  # as torch: no reflection, nothing to send back
    passed = []
    for at in range(count) if inverse else reversed(range(count)):
        column, factor = piece(vectors, last, at, 1), as_column(piece(tau, last - 1, at, 1))
        factor = conj_of(factor) if inverse else factor
        row = matmul(adjoint(column), c)
        passed.append((at, column, factor, c, row))
        c = sub(c, mul(factor, matmul(column, row)))
    g_vectors, g_tau = [None] * count, [None] * count
    for at, column, factor, before, row in reversed(passed):
        inner = matmul(adjoint(column), g)
        g_factor = neg(matmul(inner, adjoint(row)))
        g_tau[at] = conj_of(g_factor) if inverse else g_factor
        outer = mul(conj_of(factor), matmul(g, adjoint(row)))
        g_vectors[at] = neg(add(outer, mul(factor, matmul(before, adjoint(inner)))))
        g = sub(g, mul(conj_of(factor), matmul(column, inner)))
    return packed_grad(g_vectors, a), scales_grad(g_tau, tau), g


def packed_grad(columns: Any, a: Any) -> Any:
    """The gradients of vectors as that of the packed matrix: nothing on and above the diagonal."""
    shape = tuple(a.shape)
    rest = zeros_of(a, (*shape[:-1], shape[-1] - len(columns)))
    return tril(cat([*columns, rest], len(shape) - 1), -1)


def scales_grad(entries: Any, tau: Any) -> Any:
    """The gradients of single scales, matrices of one element, as that of all."""
    shape = tuple(tau.shape)
    return piece(cat(entries, len(shape)), len(shape) - 1, 0, 1)[..., 0, :]


def ormqr_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of ormqr."""
    a, tau, other, left = values[:4]
    need_matrix("ormqr", a)
    need_matrix("ormqr", other, "other")
    side = -2 if left else -1
    count = tau.shape[counted_dim(-1, tau.ndim)]
    if other.shape[side] != a.shape[-2]:
        raise errors.shape_mismatch(f"torch.ormqr: other.shape[{side}] must be equal to input.shape[-2]")
    if count != min(other.shape[side], a.shape[-1]):
        raise errors.shape_mismatch(
            f"torch.ormqr: tau.shape[-1] must be equal to min(other.shape[{side}], input.shape[-1])"
        )
    check_scales("ormqr", a, tau)
    if len(other.shape) != len(a.shape):
        raise errors.shape_mismatch(
            "torch.ormqr: Expected other to have the same number of dimensions as input, but got other.ndim equal to "
            f"{len(other.shape)} and input.ndim is equal to {len(a.shape)}"
        )
    if a.shape[:-2] != other.shape[:-2]:
        raise errors.shape_mismatch(
            "torch.ormqr: Expected batch dimensions of other to be equal to input.shape[:-2], but got "
            f"{list(other.shape[:-2])}"
        )
    for name, each in (("tau", tau), ("other", other)):
        if each.dtype != a.dtype:
            names = [dtypes.BY_NUMPY[one.dtype].type_name for one in (a, each)]
            raise errors.dtype_mismatch(
                f"torch.ormqr: Expected input and {name} to have the same dtype, but input has dtype{names[0]} and "
                f"{name} has dtype {names[1]}"
            )
    check_kernel("ormqr_cpu", a)
    flops = 4 * other.size * tau.shape[-1]
    work = (4 * other.size + 2 * a.size) * a.dtype.itemsize
    return Estimate(values, [(other.shape, other.dtype)], None, work, flops)


@op(ormqr_rule)
def ormqr(input: Array, tau: Array, other: Array, left: bool = True, transpose: bool = False) -> Any:
    """The product of reflections (or its adjoint, `transpose`) times matrices, from the left or the right."""
    if left:
        return columns_first(reflected(input, tau, other, transpose))
    made = reflected(input, tau, xp.conjugate(xp.swapaxes(other, -1, -2)), not transpose)
    return columns_first(xp.conjugate(xp.swapaxes(made, -1, -2)))


def ormqr_grads(g: Any, needs: Any, input: Any, tau: Any, other: Any, left: Any, transpose: Any) -> Any:
    """The gradients of ormqr; from the right it is the adjoint of a product from the left."""
    if left:
        return reflections_grad(g, input, tau, other, transpose)
    packed, scales, made = reflections_grad(adjoint(g), input, tau, adjoint(other), not transpose)
    return packed, scales, adjoint(made)


ormqr.vjp_joint(ormqr_grads, "input", "tau", "other")

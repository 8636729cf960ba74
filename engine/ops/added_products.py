"""Sums with products of matrices: `baddbmm`, `addbmm`, `addmv`, `addr`."""

from __future__ import annotations

import math
from typing import Any

from engine import arrays, dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import Array, Number
from engine.op import Op, op
from engine.ops.arithmetic import conj_of, mul
from engine.ops.linalg import (
    MAT1_MAT2,
    bmm,
    check_batched,
    fits_in_place,
    mv,
    product,
    refuse_added_bools,
    refuse_bools,
    same_as_second,
    scaled,
    sum_bytes,
)
from engine.ops.matrices import HALF
from engine.ops.products import check_vector
from engine.ops.views import expand, t, transpose, unsqueeze
from engine.rules import cast_bytes, check_number, default_dtype
from engine.shapes import expanded
from engine.tensor import counted_dim


def check_numbers(op: Op, values: list[Any], dtype: Any) -> None:
    """Raise RuntimeError for a floating alpha or beta of integers."""
    for name in ("beta", "alpha"):
        value = values[op.index[name]]
        if isinstance(value, bool) and dtype.kind != "b":
            raise errors.bad_argument(f"Boolean {name} only supported for Boolean results.")
        if isinstance(value, (float, complex)) and not dtypes.BY_NUMPY[dtype].differentiable:
            raise errors.bad_argument(
                f"For integral input tensors, argument {name} must not be a floating point number."
            )


def joined(input: Any, made: Any, beta: Any, alpha: Any, strict: bool = True) -> Any:
    """`beta * input + alpha * made`; `input` is not looked at for beta 0, nor `made` for alpha 0 if not `strict`."""
    dtype = made.dtype
    wide = xp.float32 if dtype in HALF else dtype
    out = made.astype(wide, copy=False)
    del made  # it has been widened
    if not alpha and not strict:
        out.fill(0)
    elif alpha != 1:
        out *= arrays.operand(alpha, out)
    if beta != 0:
        out += input if beta == 1 else input.astype(wide, copy=False) * arrays.operand(beta, out)
    return out.astype(dtype, copy=False)


def expand_to(input: Any, shape: tuple[int, ...]) -> None:
    """Raise RuntimeError with torch's text unless the tensor expands to this shape."""
    expanded(tuple(input.shape), shape, dtypes.BY_NUMPY[input.dtype].options)


def sum_estimate(values: list[Any], shape: tuple[int, ...], dtype: Any, flops: int) -> Estimate:
    """The estimate of a sum with a product: of them two at a time, in float32 for half types.

    Raises RuntimeError for a beta or alpha that the dtype cannot hold.
    """
    for number in values[3:]:
        check_number(number, dtype)
    held = sum_bytes(*values[:4])
    if dtype in HALF:
        held += 4 * math.prod(shape)
    return Estimate(values, [(shape, dtype)], None, held, flops)


def check_batches(a: Any, b: Any) -> None:
    """Raise RuntimeError for operands that are not batches of matrices."""
    for name, each in (("batch1", a), ("batch2", b)):
        if len(each.shape) != 3:
            raise errors.shape_mismatch(f"{name} must be a 3D tensor")


def baddbmm_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of baddbmm."""
    added, a, b = values[:3]
    ndim = len(a.shape)
    shape = (*(a.shape[counted_dim(at, ndim)] for at in (0, 1)), b.shape[counted_dim(2, len(b.shape))])
    expand_to(added, shape)
    check_batches(a, b)
    if a.shape[0] != b.shape[0] or a.shape[2] != b.shape[1]:
        raise errors.shape_mismatch(
            f"Expected size for first two dimensions of batch2 tensor to be: [{a.shape[0]}, {a.shape[2]}] but got: "
            f"[{b.shape[0]}, {b.shape[1]}]."
        )
    if added.dtype != a.dtype:
        found = [dtypes.BY_NUMPY[each.dtype].cpp_name for each in (added, a, b)]
        raise errors.dtype_mismatch(
            "Input dtypes must be the same, got: input {}, batch1: {}, batch2: {}".format(*found)
        )
    if op.inplace_only and added.dtype != b.dtype:
        names = [dtypes.BY_NUMPY[each.dtype].cpp_name for each in (added, b)]
        raise errors.dtype_mismatch(
            "Bad in-place call: input tensor dtype {} and output tensor dtype {} should match".format(*names)
        )
    fits_in_place(op, added, shape)
    check_batched("baddbmm", a, b, MAT1_MAT2)
    refuse_added_bools(values, "baddbmm")
    estimate = sum_estimate(values, shape, b.dtype, 2 * a.size * b.shape[2])
    estimate.compute = None if a.dtype == b.dtype else b.dtype  # where there is nothing to multiply
    return estimate


@op(baddbmm_rule, inplace=True)
def baddbmm(input: Array, batch1: Array, batch2: Array, *, beta: Number = 1, alpha: Number = 1) -> Any:
    """`beta * input + alpha * (batch1 @ batch2)`."""
    return joined(input, product(batch1, batch2), beta, alpha)


baddbmm.vjp(
    input=lambda g, beta: scaled(g, beta),
    batch1=lambda g, batch2, alpha: scaled(bmm(g, conj_of(transpose(batch2, 1, 2))), alpha),
    batch2=lambda g, batch1, alpha: scaled(bmm(conj_of(transpose(batch1, 1, 2)), g), alpha),
)


def addbmm_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of addbmm."""
    added, a, b = values[:3]
    shape = (a.shape[counted_dim(1, len(a.shape))], b.shape[counted_dim(2, len(b.shape))])
    expand_to(added, shape)
    check_batches(a, b)
    if a.shape[0] != b.shape[0]:
        raise errors.shape_mismatch(
            f"batch1 and batch2 must have same number of batches, got {a.shape[0]} and {b.shape[0]}"
        )
    if a.shape[2] != b.shape[1]:
        raise errors.shape_mismatch(
            f"Incompatible matrix sizes for bmm ({a.shape[1]}x{a.shape[2]} and {b.shape[1]}x{b.shape[2]})"
        )
    if op.inplace_only and tuple(added.shape) != shape:
        raise errors.shape_mismatch("Trying to resize storage that is not resizable")  # torch's would hold anything
    same_as_second(added, a, b)
    refuse_bools(a, b, "addmm_impl_cpu_")
    estimate = sum_estimate(values, shape, a.dtype, 2 * a.size * b.shape[2])
    estimate.temporaries += a.shape[0] * math.prod(shape) * (a.dtype.itemsize if a.dtype not in HALF else 6)
    return estimate


@op(addbmm_rule, inplace=True)
def addbmm(input: Array, batch1: Array, batch2: Array, *, beta: Number = 1, alpha: Number = 1) -> Any:
    """`beta * input + alpha * sum of batch1 @ batch2 over the batch`."""
    made = product(batch1, batch2)
    total = xp.add.reduce(made, axis=0, dtype=xp.float32 if made.dtype in HALF else None).astype(made.dtype, copy=False)
    return joined(input, total, beta, alpha, strict=False)


addbmm.vjp(
    input=lambda g, beta: scaled(g, beta),
    batch1=lambda g, batch2, alpha: scaled(bmm(repeated(g, batch2), conj_of(transpose(batch2, 1, 2))), alpha),
    batch2=lambda g, batch1, alpha: scaled(bmm(conj_of(transpose(batch1, 1, 2)), repeated(g, batch1)), alpha),
)


def repeated(g: Any, like: Any) -> Any:
    """A matrix as a batch of as many as another tensor has."""
    return expand(unsqueeze(g, 0), (len(like), *tuple(g.shape)))


def addmv_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of addmv."""
    added, a, v = values[:3]
    if len(a.shape) != 2 or len(v.shape) != 1 or len(added.shape) > 1:
        ndims = [len(each.shape) for each in (added, a, v)]
        raise errors.shape_mismatch("vector + matrix @ vector expected, got {}, {}, {}".format(*ndims))
    length = added.shape[0] if added.shape else 1
    if a.shape[1] != v.shape[0] or length not in (1, a.shape[0]):
        counted_dim(0, len(added.shape))
        raise errors.shape_mismatch(
            f"size mismatch, got input ({length}), mat ({a.shape[0]}x{a.shape[1]}), vec ({v.shape[0]})"
        )
    if added.dtype != a.dtype or a.dtype != v.dtype:
        names = [dtypes.BY_NUMPY[each.dtype].type_name for each in (added, a, v)]
        raise errors.dtype_mismatch(
            "addmv input tensors must have the same dtype, but got {}, {}, and {}".format(*names)
        )
    fits_in_place(op, added, (a.shape[0],))
    if a.dtype == bool:
        raise errors.not_implemented_for("addmv_impl_cpu", "Bool")
    return sum_estimate(values, (a.shape[0],), a.dtype, 2 * a.size)


@op(addmv_rule, inplace=True)
def addmv(input: Array, mat: Array, vec: Array, *, beta: Number = 1, alpha: Number = 1) -> Any:
    """`beta * input + alpha * (mat @ vec)`."""
    return joined(input, product(mat, vec), beta, alpha, strict=mat.dtype.kind == "c")


addmv.vjp(
    input=lambda g, beta: scaled(g, beta),
    mat=lambda g, vec, alpha: scaled(mul(unsqueeze(g, 1), conj_of(vec)), alpha),
    vec=lambda g, mat, alpha: scaled(mv(conj_of(t(mat)), g), alpha),
)


def check_written(matrix: Any, a: Any, b: Any) -> None:
    """Raise RuntimeError unless a matrix, written in place, has room for the product of two vectors."""
    if len(matrix.shape) != 2:
        raise errors.shape_mismatch(f"2D tensor expected, got {len(matrix.shape)}D tensor for input")
    if tuple(matrix.shape) != (a.shape[0], b.shape[0]):
        shapes = [list(each.shape) for each in (matrix, a, b)]
        raise errors.shape_mismatch("size mismatch, input: {}, v1: {}, v2: {}".format(*shapes))


def addr_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of addr: operands promote."""
    added, a, b = values[:3]
    check_vector("addr", "vec1", a)
    check_vector("addr", "vec2", b)
    shape = (a.shape[0], b.shape[0])
    if op.inplace_only:
        check_written(added, a, b)
    expand_to(added, shape)
    dtype = dtypes.result_type([added, a, b], default_dtype()).numpy
    check_numbers(op, values, dtype)
    estimate = sum_estimate(values, shape, dtype, 3 * math.prod(shape))
    estimate.compute = dtype
    estimate.temporaries += cast_bytes([added, a, b], dtype)
    return estimate


@op(addr_rule, inplace=True)
def addr(input: Array, vec1: Array, vec2: Array, *, beta: Number = 1, alpha: Number = 1) -> Any:
    """`beta * input + alpha * outer(vec1, vec2)`."""
    return joined(input, vec1[:, None] * vec2, beta, alpha)


addr.vjp(
    input=lambda g, beta: scaled(g, beta),
    vec1=lambda g, vec2, alpha: scaled(mv(g, conj_of(vec2)), alpha),
    vec2=lambda g, vec1, alpha: scaled(mv(t(g), conj_of(vec1)), alpha),
)

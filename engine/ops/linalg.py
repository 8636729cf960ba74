"""Products of matrices and vectors."""

from __future__ import annotations

import math
from typing import Any

from engine import arrays, dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Number
from engine.modes import is_grad_enabled
from engine.op import Op, Rule, alias, op
from engine.ops.arithmetic import conj_of, mul
from engine.ops.copies import contiguous
from engine.ops.views import expand, reshape, squeeze_product, t, transpose, unsafe_view, unsqueeze
from engine.rules import broadcast, check_number
from engine.shapes import expanded
from engine.tensor import counted_dim

HALF = dtypes.HALF_TYPES


def product(a: Any, b: Any) -> Any:
    """The matrix product; half types and bools are computed wider and rounded once."""
    if a.dtype in HALF:
        return xp.matmul(a.astype(xp.float32), b.astype(xp.float32)).astype(a.dtype)
    return xp.matmul(a, b)


def same_dtype(a: Any, b: Any, text: str) -> None:
    """Raise RuntimeError with `text`, in which `{0}` is the first operand, unless the dtypes are equal."""
    if a.dtype != b.dtype:
        raise errors.dtype_mismatch(text.format(*(dtypes.BY_NUMPY[each.dtype] for each in (a, b))))


MAT1_MAT2 = "mat1 and mat2 must have the same dtype, but got {0.type_name} and {1.type_name}"
M1_M2 = "expected m1 and m2 to have the same dtype, but got: {0.cpp_name} != {1.cpp_name}"
ADDMV = "addmv input tensors must have the same dtype, but got {1.type_name}, {0.type_name}, and {1.type_name}"


BOOL_KERNELS = {"mm": "addmm_impl_cpu_", "mv": "addmv_impl_cpu"}  # torch's names where they are not the op's


def refuse_bools(a: Any, b: Any, kernel: str) -> None:
    """Raise NotImplementedError for a product of bools, unless there is nothing to multiply."""
    if a.dtype == bool and a.size and b.size:
        raise errors.not_implemented_for(kernel, "Bool")


def refuse_added_bools(values: list[Any], kernel: str) -> None:
    """The same for what is added to `beta` times a tensor: the number has no place among bools."""
    a, b = values[1:3]
    refuse_bools(a, b, kernel)
    if b.dtype == bool and a.size == b.size == 0 and math.prod(a.shape[:-1]) * b.shape[-1] and values[3] is not True:
        kind = "Float" if isinstance(values[3], float) else "Long"
        raise errors.bad_argument(f"result type {kind} can't be cast to the desired output type Bool")


def product_rule(shape: Any, text: str = M1_M2) -> Rule:
    """The rule of a product whose result shape `shape(a, b)` checks and gives."""

    def rule(op: Op, values: list[Any]) -> Estimate:
        a, b = values[0], values[1]
        out = shape(a.shape, b.shape)
        same_dtype(a, b, text)
        refuse_bools(a, b, BOOL_KERNELS.get(op.name, op.name))
        flops = 2 * a.size * (b.shape[-1] if len(b.shape) > 1 else 1)
        extra = 4 * (a.size + b.size + math.prod(out)) if a.dtype in HALF else 0
        return Estimate(values, [(out, a.dtype)], None, extra, flops)

    return rule


def _mm_shape(a: Any, b: Any) -> tuple[int, ...]:
    if len(a) != 2:
        raise errors.shape_mismatch("self must be a matrix")
    if len(b) != 2:
        raise errors.shape_mismatch("mat2 must be a matrix")
    if a[1] != b[0]:
        raise errors.shape_mismatch(f"mat1 and mat2 shapes cannot be multiplied ({a[0]}x{a[1]} and {b[0]}x{b[1]})")
    return (a[0], b[1])


@op(product_rule(_mm_shape), shows_geometry=True)
def mm(input: Array, mat2: Array) -> Any:
    """The product of two matrices."""
    return product(input, mat2)


mm.vjp(input=lambda g, mat2: mm(g, conj_of(t(mat2))), mat2=lambda g, input: mm(conj_of(t(input)), g))


def _mv_shape(a: Any, b: Any) -> tuple[int, ...]:
    counted_dim(0, len(a))
    if len(a) != 2 or len(b) != 1:
        raise errors.shape_mismatch(f"vector + matrix @ vector expected, got {min(len(a), 1)}, {len(a)}, {len(b)}")
    if a[1] != b[0]:
        raise errors.shape_mismatch(f"size mismatch, got input ({a[0]}), mat ({a[0]}x{a[1]}), vec ({b[0]})")
    return (a[0],)


@op(product_rule(_mv_shape, ADDMV))
def mv(input: Array, vec: Array) -> Any:
    """The product of a matrix and a vector."""
    return product(input, vec)


mv.vjp(input=lambda g, vec: outer_product(g, conj_of(vec)), vec=lambda g, input: mv(conj_of(t(input)), g))


def outer_product(a: Any, b: Any) -> Any:
    """The matrix of all products of two vectors."""
    return mul(unsqueeze(a, 1), b)


DOT_DTYPES = "dot : expected both vectors to have same dtype, but found {} and {}"


def dot_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of dot: its message names dtypes the short way."""
    a, b = values
    if len(a.shape) != 1 or len(b.shape) != 1:
        raise errors.shape_mismatch(f"1D tensors expected, but got {len(a.shape)}D and {len(b.shape)}D tensors")
    if a.dtype != b.dtype:
        names = [dtypes.BY_NUMPY[each.dtype].type_name for each in (a, b)]
        raise errors.dtype_mismatch(DOT_DTYPES.format(*names))
    if a.shape != b.shape:
        raise errors.shape_mismatch(
            f"inconsistent tensor size, expected tensor [{a.size}] and src [{b.size}] to have the same number of "
            f"elements, but got {a.size} and {b.size} elements respectively"
        )
    if a.dtype == bool:
        raise errors.not_implemented_for("dot", "Bool")
    return Estimate(values, [((), a.dtype)], None, 8 * a.size if a.dtype in HALF else 0, 2 * a.size)


@op(dot_rule)
def dot(input: Array, tensor: Array) -> Any:
    """The sum of the products of two vectors' elements."""
    return product(input, tensor)


dot.vjp(input=lambda g, tensor: mul(conj_of(tensor), g), tensor=lambda g, input: mul(conj_of(input), g))


def _bmm_shape(a: Any, b: Any) -> tuple[int, ...]:
    if len(a) != 3 or len(b) != 3:
        raise errors.shape_mismatch("batch1 must be a 3D tensor" if len(a) != 3 else "batch2 must be a 3D tensor")
    if a[0] != b[0] or a[2] != b[1]:
        raise errors.shape_mismatch(
            f"Expected size for first two dimensions of batch2 tensor to be: [{a[0]}, {a[2]}] but got: "
            f"[{b[0]}, {b[1]}]."
        )
    return (a[0], a[1], b[2])


SMALL_BATCH = 400  # products each of which torch computes by itself, or hands to a library
FOUND = "expected scalar type {0.type_name} but found {1.type_name}"


def check_batched(name: str, a: Any, b: Any, differ: str) -> None:
    """Raise for dtypes that torch's kernel for these sizes does not multiply; it looks at none where all is empty."""
    work = a.shape[1] * a.shape[2] * b.shape[2]
    if not a.shape[0] or not work:
        return
    if work < SMALL_BATCH:
        refuse_bools(a, b, name)
        same_dtype(a, b, FOUND)
    elif b.dtype.kind in "fc" and b.dtype.itemsize > 2:
        same_dtype(b, a, FOUND)
    else:
        same_dtype(a, b, differ)
        refuse_bools(a, b, BOOL_KERNELS["mm"])


def bmm_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of bmm; the result has the second's dtype, the first's may differ where there is nothing to multiply."""
    a, b = values
    out = _bmm_shape(a.shape, b.shape)
    check_batched("bmm", a, b, M1_M2)
    extra = 4 * (a.size + b.size + math.prod(out)) if a.dtype in HALF else 0
    compute = None if a.dtype == b.dtype else b.dtype
    return Estimate(values, [(out, b.dtype)], compute, extra, 2 * a.size * b.shape[2])


@op(bmm_rule)
def bmm(input: Array, mat2: Array) -> Any:
    """The products of two batches of matrices."""
    return product(input, mat2)


bmm.vjp(
    input=lambda g, mat2: bmm(g, conj_of(transpose(mat2, 1, 2))),
    mat2=lambda g, input: bmm(conj_of(transpose(input, 1, 2)), g),
)


def rows(x: Any) -> Any:
    """All but the last dim as one."""
    shape = tuple(x.shape)
    return reshape(x, (math.prod(shape[:-1]), shape[-1]))


def matmul_shape(input: Any, other: Any) -> tuple[int, ...]:
    """The shape of `input @ other`.

    Raises RuntimeError with torch's texts.
    """
    a, b = tuple(input.shape), tuple(other.shape)
    if not a or not b:
        raise errors.shape_mismatch(
            f"both arguments to matmul need to be at least 1D, but they are {len(a)}D and {len(b)}D"
        )
    if len(a) == 1 and len(b) == 1:
        return ()  # `dot` looks at their lengths
    if len(b) == 1 and len(a) == 2:
        return _mv_shape(a, b)
    left = a if len(a) > 1 else (1, *a)
    right = b if len(b) > 1 else (*b, 1)
    if left[-1] != right[-2]:
        raise unfitting(input, other, left, right)
    batch = broadcast(left[:-2], right[:-2])
    return batch + (left[-2:-1] if len(a) > 1 else ()) + (right[-1:] if len(b) > 1 else ())


def unfitting(input: Any, other: Any, left: Any, right: Any) -> Exception:
    """What is said of sizes that do not fit: of those of the product that torch brings this one down to."""
    a, b = tuple(input.shape), tuple(other.shape)
    if len(left) == len(right) == 2:
        (m, k), (n, width) = left, right
    elif folds(input, other):
        if len(b) > len(a):  # the batch's matrices transposed come first
            (m, k), (n, width) = (math.prod(right) // max(right[-2], 1), right[-2]), (left[-1], left[-2])
        else:
            (m, k), (n, width) = (math.prod(left) // max(left[-1], 1), left[-1]), right[-2:]
        if min(len(a), len(b)) == 1:
            return errors.shape_mismatch(f"size mismatch, got input ({m}), mat ({m}x{k}), vec ({n})")
    else:
        count = math.prod(broadcast(left[:-2], right[:-2]))
        return errors.shape_mismatch(
            f"Expected size for first two dimensions of batch2 tensor to be: [{count}, {left[-1]}] but got: "
            f"[{count}, {right[-2]}]."
        )
    return errors.shape_mismatch(f"mat1 and mat2 shapes cannot be multiplied ({m}x{k} and {n}x{width})")


def folds(input: Any, other: Any) -> bool:
    """Whether torch multiplies a batch of matrices and a matrix or vector as two matrices."""
    swapped = len(other.shape) > len(input.shape)
    batch, small = (other, input) if swapped else (input, other)
    if len(batch.shape) < 3 or len(small.shape) > 2:
        return False
    if getattr(small, "requires_grad", False) and is_grad_enabled():
        return True
    if len(input.shape) == 2:
        return False
    sizes, steps = list(batch.shape), list(getattr(batch, "_array", batch).strides)
    if swapped:
        for each in (sizes, steps):
            each[-2:] = each[:-3:-1]
    return 0 in sizes or all(steps[at] == steps[at + 1] * sizes[at + 1] for at in range(len(sizes) - 2))


@op(composed, operators=("__matmul__",), composite=True)
def matmul(input: Array, other: Array) -> Any:
    """The matrix product: of vectors, matrices, or broadcast batches of matrices."""
    a, b = tuple(input.shape), tuple(other.shape)
    out = matmul_shape(input, other)
    if len(a) == 1:
        if len(b) == 1:
            return dot(input, other)
        if len(b) == 2:
            return squeeze_product(mm(unsqueeze(input, 0), other), 0)
    if len(b) == 1:
        if len(a) == 2:
            return mv(input, other)
        return unsafe_view(mv(rows(input), other), out)
    if len(a) == 2 and len(b) == 2:
        return mm(input, other)
    if len(b) == 2:
        return unsafe_view(mm(rows(input), other), out)
    if len(a) < 3 and (getattr(input, "requires_grad", False) or (len(a) == 1 and 0 in b)):
        return folded(input, other, out)
    a = (1, *a)[-max(len(a), 2) :]
    batch = broadcast(a[:-2], b[:-2])
    count = math.prod(batch)
    left = reshape(expand(input, (*batch, *a[-2:])), (count, *a[-2:]))
    right = reshape(expand(other, (*batch, *b[-2:])), (count, *b[-2:]))
    return unsafe_view(bmm(left, right), out)


alias(matmul, "linalg.matmul")


def folded(small: Any, batch: Any, out: tuple[int, ...]) -> Any:
    """A matrix or vector that requires grad times a batch: as torch, the batch's adjoint is one tall matrix, so that
    backward expands nothing.
    """
    last = len(batch.shape) - 1
    tall = rows(transpose(batch, last - 1, last))
    if len(small.shape) == 1:
        return unsafe_view(mv(tall, small), out)
    return contiguous(transpose(unsafe_view(mm(tall, t(small)), (*out[:-2], out[-1], out[-2])), last - 1, last))


def addmm_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of addmm: the added tensor broadcasts to the product's shape."""
    added, a, b = values[:3]
    alike = added.dtype is a.dtype is b.dtype
    if not alike:
        same_as_second(added, a, b)
    out = _mm_shape_named(a.shape, b.shape)
    flops = 2 * a.size * b.shape[1]
    alike = alike and a.dtype.char in "fd"
    if alike and added.shape == out[1:] and values[3] == values[4] == 1 and not op.inplace_only:
        return Estimate(values, [(out, a.dtype)], None, 0, flops)  # a layer's bias, most often
    fits_in_place(op, added, out)
    expanded(added.shape, out, dtypes.BY_NUMPY[added.dtype].options)
    refuse_added_bools(values, "addmm_impl_cpu_")
    for number in values[3:]:
        check_number(number, a.dtype)
    held = 0
    if a.dtype.itemsize == 2 or values[3] not in (0, 1):
        held = sum_bytes(*values[:4]) + (4 * out[0] * out[1] if a.dtype in HALF else 0)
    return Estimate(values, [(out, a.dtype)], None, held, flops)


def fits_in_place(op: Op, added: Any, shape: tuple[int, ...]) -> None:
    """Raise RuntimeError unless what a product is added to in place has its shape."""
    if op.inplace_only and tuple(added.shape) != shape:
        sizes = f"input tensor size {list(added.shape)} and output tensor size {list(shape)}"
        raise errors.shape_mismatch(f"Bad in-place call: {sizes} should match")


def same_as_second(added: Any, a: Any, b: Any) -> None:
    """Raise RuntimeError unless the operands of a sum with a product have the dtype of its last."""
    for name, each in (("self", added), ("mat1", a)):
        if each.dtype != b.dtype:
            names = [dtypes.BY_NUMPY[one.dtype].type_name for one in (each, b)]
            raise errors.dtype_mismatch("{} and mat2 must have the same dtype, but got {} and {}".format(name, *names))


def sum_bytes(added: Any, a: Any, b: Any, beta: Any) -> int:
    """The bytes of what is added times its factor, and of factors that are halves in float32."""
    scaled = 0 if beta in (0, 1) else added.size * max(added.dtype.itemsize, 4)
    return int(scaled + (4 * (a.size + b.size) if a.dtype in HALF else 0))


def _mm_shape_named(a: Any, b: Any) -> tuple[int, ...]:
    for name, shape in (("mat1", a), ("mat2", b)):
        if len(shape) != 2:
            raise errors.shape_mismatch(f"{name} must be a matrix, got {len(shape)}-D tensor")
    return _mm_shape(a, b)


@op(addmm_rule, inplace=True)
def addmm(input: Array, mat1: Array, mat2: Array, *, beta: Number = 1, alpha: Number = 1) -> Any:
    """`beta * input + alpha * (mat1 @ mat2)`."""
    out = product(mat1, mat2)
    if not alpha:
        out.fill(0)  # also of NaN, as the BLAS
    elif alpha != 1:
        out *= arrays.operand(alpha, out)
    if beta == 0:
        return out
    out += input if beta == 1 else input * arrays.operand(beta, input)
    return out


addmm.vjp(
    input=lambda g, beta: g if beta == 1 else mul(g, conj_of(beta)),
    mat1=lambda g, mat2, alpha: scaled(mm(g, conj_of(t(mat2))), alpha),
    mat2=lambda g, mat1, alpha: scaled(mm(conj_of(t(mat1)), g), alpha),
)


def scaled(x: Any, factor: Any) -> Any:
    """The product with the conjugate of a number, itself for 1."""
    return x if factor == 1 else mul(x, conj_of(factor))

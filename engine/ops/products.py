"""Products of vectors and matrices beyond `matmul`: outer, inner, Kronecker and cross products, chains of many."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Arrays
from engine.op import Op, alias, op
from engine.ops.arithmetic import conj_of, mul
from engine.ops.copies import clone, contiguous, copy_
from engine.ops.diagonals import diagonal_backward
from engine.ops.einsum import tensordot
from engine.ops.joining import piece
from engine.ops.linalg import DOT_DTYPES, dot_rule, matmul, mm, product
from engine.ops.matrices import HALF, check_square, same_type, unit_matrix
from engine.ops.properties import dtype_of
from engine.ops.reduction import sum_dim
from engine.ops.solving import inv
from engine.ops.stacks import several
from engine.ops.superseded import warn_of
from engine.ops.views import expand, reshape, unsafe_view, view
from engine.rules import broadcast, default_dtype
from engine.tensor import check_dim, counted_dim

# -- vectors ----------------------------------------------------------------------------------------------------------


def check_vector(name: str, what: str, x: Any) -> None:
    """Raise RuntimeError unless the tensor has one dim."""
    if len(x.shape) != 1:
        raise errors.shape_mismatch(f"{name}: Expected 1-D argument {what}, but got {len(x.shape)}-D")


@op(composed, composite=True)
def outer(input: Array, vec2: Array) -> Any:
    """The matrix of all products of two vectors' elements."""
    check_vector("outer", "self", input)
    check_vector("outer", "vec2", vec2)
    return mul(reshape(input, (*tuple(input.shape), 1)), vec2)


alias(outer, "ger")


def vdot_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of vdot: it looks at dtypes before lengths."""
    a, b = values
    if len(a.shape) == len(b.shape) == 1:
        same_type(DOT_DTYPES, a, b)
    estimate = dot_rule(op, values)
    estimate.temporaries += a.size * a.dtype.itemsize
    return estimate


@op(vdot_rule)
def vdot(input: Array, other: Array) -> Any:
    """The sum of the products of two vectors' elements, those of the first conjugated."""
    return product(xp.conjugate(input), other)


vdot.vjp(input=lambda g, other: mul(conj_of(g), other), other=lambda g, input: mul(g, input))


@op(composed, namespace="linalg", composite=True)
def vecdot(x: Array, y: Array, *, dim: int = -1) -> Any:
    """The sum over a dim of the products of elements, those of the first conjugated."""
    dtype = dtype_of(x)
    if not dtype.differentiable:
        raise errors.dtype_mismatch(
            f"linalg.vecdot: Expected a floating point or complex tensor as input. Got {dtype.type_name}"
        )
    if x.dtype != y.dtype:
        raise errors.dtype_mismatch(
            f"linalg.vecdot: Expected x and y to have the same dtype, but found x of type {dtype.type_name} and y of "
            f"type {dtype_of(y).type_name} instead"
        )
    if len(x.shape) == len(y.shape) == 1:
        return vdot(x, y)
    made = mul(conj_of(x), y)
    return sum_dim(made, (check_dim(dim, len(made.shape)),), False)


@op(composed, composite=True)
def inner(input: Array, other: Array) -> Any:
    """The sums over the last dims of the products of elements."""
    a, b = tuple(input.shape), tuple(other.shape)
    if not a or not b:
        return mul(input, other)
    if a[-1] != b[-1]:
        raise errors.shape_mismatch(
            f"inner() the last dimension must match on both input tensors but got shapes {list(a)} and {list(b)}"
        )
    return tensordot(input, other, ([-1], [-1]))


@op(composed, composite=True)
def kron(input: Array, other: Array) -> Any:
    """The Kronecker product: every element of the first times the second."""
    a, b = tuple(input.shape), tuple(other.shape)
    ndim = max(len(a), len(b))
    a, b = (1,) * (ndim - len(a)) + a, (1,) * (ndim - len(b)) + b
    left = unsafe_view(contiguous(input), tuple(each for size in a for each in (size, 1)))
    right = unsafe_view(contiguous(other), tuple(each for size in b for each in (1, size)))
    return unsafe_view(mul(left, right), tuple(m * n for m, n in zip(a, b, strict=True)))


def cross_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of the cross product: a dim of length 3 in both."""
    a, b, dim = values
    if len(a.shape) != len(b.shape):
        raise errors.shape_mismatch("linalg.cross: inputs must have the same number of dimensions.")
    at = counted_dim(dim, len(a.shape))
    if a.shape[at] != 3 or b.shape[at] != 3:
        raise errors.shape_mismatch(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {a.shape[at]} and {b.shape[at]}"
        )
    shape = broadcast(a.shape, b.shape)
    if a.dtype == bool:
        raise errors.not_implemented_for("cross", "Bool")
    if a.dtype != b.dtype:
        names = [dtypes.BY_NUMPY[each.dtype].type_name for each in (a, b)]
        raise errors.dtype_mismatch("expected scalar type {} but found {}".format(*names))
    return Estimate([a, b, at], [(shape, a.dtype)], None, 4 * math.prod(shape) * a.dtype.itemsize, 3 * math.prod(shape))


@op(cross_rule, namespace="linalg", name="cross", node="LinalgCrossBackward0")
def linalg_cross(input: Array, other: Array, *, dim: int = -1) -> Any:
    """The cross product of vectors along a dim of length 3."""
    a, b = xp.moveaxis(input, dim, 0), xp.moveaxis(other, dim, 0)
    parts = [a[i] * b[j] - a[j] * b[i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return xp.stack(parts, axis=dim)


linalg_cross.vjp(
    input=lambda g, other, dim: linalg_cross(conj_of(other), g, dim=dim),
    other=lambda g, input, dim: linalg_cross(g, conj_of(input), dim=dim),
)


@op(composed, composite=True)
def cross(input: Array, other: Array, dim: int | None = None) -> Any:
    """The cross product of vectors along a dim of length 3, by default the first such."""
    if dim is None:
        warn_of("cross")
        found = [at for at, size in enumerate(tuple(input.shape)) if size == 3]
        if not found:
            raise errors.bad_argument("no dimension of size 3 in input")
        dim = found[0]
    return linalg_cross(input, other, dim=dim)


# -- traces -----------------------------------------------------------------------------------------------------------


def trace_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of trace: one matrix; integers sum to int64."""
    a = values[0]
    dtype = dtypes.BY_NUMPY[a.dtype]
    if dtype is dtypes.bool_:
        raise errors.not_implemented_for("trace", "Bool")
    if len(a.shape) != 2:
        raise errors.shape_mismatch(f"trace: expected a matrix, but got tensor with dim {len(a.shape)}")
    out = dtype if dtype.differentiable else dtypes.int64
    return Estimate(values, [((), out.numpy)], None, 64, min(a.shape))


@op(trace_rule)
def trace(input: Array) -> Any:
    """The sum of the main diagonal of a matrix."""
    wide = xp.float32 if input.dtype in HALF else None
    return xp.diagonal(input).sum(dtype=wide)


trace.vjp(input=lambda g, input_shape: diagonal_backward(expand(g, (min(input_shape),)), input_shape, 0, 0, 1))


# -- products of many -------------------------------------------------------------------------------------------------


def dot_shapes(tensors: list[Any]) -> list[tuple[int, ...]]:
    """The shapes of multi_dot's matrices, a vector first as a row and last as a column; raises what does not fit."""
    if len(tensors) < 2:
        raise errors.bad_argument(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    shapes = [tuple(each.shape) for each in tensors]
    for at, what in ((0, "first"), (-1, "last")):
        if len(shapes[at]) not in (1, 2):
            raise errors.shape_mismatch(f"multi_dot(): the {what} tensor must be 1D or 2D but got {len(shapes[at])}D")
    for at, shape in enumerate(shapes):
        if len(shape) != 2 and 0 < at < len(shapes) - 1:
            raise errors.shape_mismatch(f"multi_dot(): tensor {at} must be 2D but got {len(shape)}D")
        if tensors[at].dtype != tensors[0].dtype:
            names = [type_name(each) for each in (tensors[0], tensors[at])]
            raise errors.dtype_mismatch(
                f"multi_dot(): all tensors must have be the same dtype but tensor 0 is {names[0]} and tensor {at} "
                f"{names[1]}"
            )
    for at in range(len(shapes) - 1):
        if shapes[at][-1] != shapes[at + 1][0]:
            raise errors.shape_mismatch(
                f"multi_dot(): tensors {at} and {at + 1} with shapes {list(shapes[at])} and {list(shapes[at + 1])} "
                "cannot be multiplied"
            )
    if len(shapes[0]) == 1:
        shapes[0] = (1, *shapes[0])
    if len(shapes[-1]) == 1:
        shapes[-1] = (*shapes[-1], 1)
    return shapes


def type_name(x: Any) -> str:
    """The C++ name of a tensor's or Meta's dtype."""
    return (x.dtype if isinstance(x.dtype, dtypes.DType) else dtypes.BY_NUMPY[x.dtype]).cpp_name


def cheapest(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where to cut each span of a chain of matrices, for the fewest multiplications (dynamic programming)."""
    count = len(sizes) - 1
    cost = {(at, at): 0 for at in range(count)}
    cuts: dict[tuple[int, int], int] = {}
    for span in range(1, count):
        for i in range(count - span):
            j = i + span
            options = [(cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)]
            cost[i, j], cuts[i, j] = min(options, key=lambda each: (each[0], -each[1] if count == 3 else each[1]))
    return cuts


def chained(tensors: list[Any], cuts: dict[tuple[int, int], int], i: int, j: int) -> Any:
    """The product of a span of matrices."""
    if i == j:
        return tensors[i]
    k = cuts[i, j]
    return mm(chained(tensors, cuts, i, k), chained(tensors, cuts, k + 1, j))


@op(composed, namespace="linalg", composite=True)
def multi_dot(tensors: Arrays) -> Any:
    """The product of several matrices in the order that takes the fewest multiplications."""
    shapes = dot_shapes(tensors)
    sizes = [shape[0] for shape in shapes] + [shapes[-1][1]]
    first, last = len(tensors[0].shape), len(tensors[-1].shape)
    ready = [
        reshape(each, shape) if len(each.shape) == 1 else each for each, shape in zip(tensors, shapes, strict=True)
    ]
    out = (sizes[0],) * (first == 2) + (sizes[-1],) * (last == 2)
    return view(chained(ready, cheapest(sizes), 0, len(ready) - 1), out)


@op(composed, namespace="linalg", composite=True, method=True)
def matrix_power(A: Array, n: int) -> Any:
    """A square matrix multiplied with itself; negative powers are those of the inverse."""
    check_square("linalg.matrix_power", A)
    if n == 0:
        made = clone(A)
        copy_(made, unit_matrix(A))
        return made
    if n < 0:
        A, n = inv(A), -n
        if n == 1:
            return A
    if n == 1:
        return clone(A)
    if n == 3:
        return matmul(matmul(A, A), A)
    result, power = None, A
    while True:
        if n % 2:
            result = power if result is None else matmul(result, power)
        n //= 2
        if not n:
            return result
        power = matmul(power, power)


alias(matrix_power, "matrix_power")


# -- block_diag -------------------------------------------------------------------------------------------------------


def block_diag_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of block_diag: at most two dims each."""
    tensors = values[0]
    for at, each in enumerate(tensors):
        if len(each.shape) > 2:
            raise errors.shape_mismatch(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {at} has {len(each.shape)} "
                "dimensions"
            )
    blocks = [block_shape(each.shape) for each in tensors]
    shape = (math.fsum(rows for rows, _ in blocks), math.fsum(columns for _, columns in blocks))
    dtype = dtypes.result_type(tensors, default_dtype()).numpy if tensors else default_dtype().numpy
    out = (int(shape[0]), int(shape[1])) if tensors else (1, 0)
    return Estimate(values, [(out, dtype)], dtype, math.prod(out) * dtype.itemsize)


def block_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """The shape of a block: a number or vector is a row."""
    return (1,) * (2 - len(shape)) + tuple(shape)  # type: ignore[return-value]  # two entries


@op(block_diag_rule, method=False)
def block_diag(tensors: Arrays) -> Any:
    """Matrices, given one by one, along the diagonal of a matrix of zeros."""
    if not tensors:
        return xp.zeros((1, 0), xp.float32)
    shapes = [block_shape(each.shape) for each in tensors]
    height, width = map(python_sum, zip(*shapes, strict=True))
    out = xp.zeros((height, width), tensors[0].dtype)
    row = column = 0
    for each, (rows, columns) in zip(tensors, shapes, strict=True):
        out[row : row + rows, column : column + columns] = each
        row, column = row + rows, column + columns
    return out


python_sum = sum
block_diag.vjp(tensors=lambda g, tensors_shape: blocks_of(g, tensors_shape))


def blocks_of(g: Any, shapes: Any) -> list[Any]:
    """The blocks of a gradient, each in its tensor's shape."""
    made = []
    row = column = 0
    for shape in shapes:
        rows, columns = block_shape(shape)
        made.append(reshape(piece(piece(g, 0, row, rows), 1, column, columns), shape))
        row, column = row + rows, column + columns
    return made


several(block_diag)


@op(composed, composite=True, method=False)
def chain_matmul(matrices: Arrays) -> Any:
    """The product of matrices, given one by one (`linalg.multi_dot` of a list)."""
    warn_of("chain_matmul")
    for each in matrices:
        if len(each.shape) != 2:
            raise errors.shape_mismatch(f"Tensor dimension is {len(each.shape)}, expected 2 instead.")
    if not matrices:
        raise errors.bad_argument("chain_matmul(): Expected one or more matrices")
    return matrices[0] if len(matrices) == 1 else multi_dot(matrices)


several(chain_matmul)

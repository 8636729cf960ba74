"""Linear equations: `solve`, `inv`, triangular systems."""

from __future__ import annotations

import math
from typing import Any

from engine import errors, lapack
from engine.arrays import widened, xp
from engine.infer import Estimate, composed
from engine.kinds import Array, Ints
from engine.op import Op, op
from engine.ops.arithmetic import add, conj_of, neg
from engine.ops.diagonals import tril, triu
from engine.ops.linalg import matmul
from engine.ops.matrices import (
    HALF,
    adjoint,
    as_column,
    check_differentiable,
    check_float,
    check_kernel,
    check_matrix,
    check_square,
    columns_first,
    same_type,
    transposed,
)
from engine.ops.superseded import warn_of
from engine.ops.views import permute, reshape
from engine.rules import Shape, broadcast
from engine.tensor import check_dim
from engine.workspace import by_numpy, matrix_bytes, solve_bytes, triangular_bytes

SOLVE = "The solver failed because the input matrix is singular."
INVERT = "The diagonal element {} is zero, the inversion could not be completed because the input matrix is singular."


# -- solve ------------------------------------------------------------------------------------------------------------


def is_vector(a: Shape, b: Shape) -> bool:
    """Whether the right side is a vector, or a batch of vectors as the left side is one of matrices."""
    return len(b) == 1 or (len(a) - 1 == len(b) and b == a[:-1])


def fit(name: str, a: Shape, b: Shape, left: bool) -> None:
    """Raise RuntimeError unless A and the matrices B fit each other."""
    if a[-2] != (b[-2] if left else b[-1]):
        raise errors.shape_mismatch(
            f"{name}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({a[-2]}x{a[-1]} and {b[-2]}x{b[-1]})"
        )


def solve_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of solve: square floating matrices, and a right side that fits."""
    a, b, left = values[:3]
    name = "linalg.solve"
    check_differentiable(name, a)
    same_type(
        f"{name}: Expected A and B to have the same dtype, but found A of type {{}} and B of type {{}} instead", a, b
    )
    check_square(name, a)
    check_float(name, a, "lu_cpu")
    vector = is_vector(a.shape, b.shape)
    if not vector:
        check_matrix(name, b, "B")
    matrix = (*b.shape, 1) if vector else b.shape
    fit(name, a.shape, matrix, left)
    if vector and not left:
        raise errors.shape_mismatch(
            "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. In this case "
            "linalg.solve is equivalent to B / A.squeeze(-1)"
        )
    shape = (*broadcast(matrix[:-2], a.shape[:-2]), *matrix[-2:])
    out = shape[:-1] if vector else shape
    n, count = a.shape[-1], math.prod(shape[:-2])
    made = math.prod(shape) * a.dtype.itemsize
    arguments = (a.size + b.size) * a.dtype.itemsize
    work = by_numpy(solve_bytes(a, matrix[-1] if left else matrix[-2]), arguments, made, a.dtype)
    if not vector:
        work = max(work, made)  # the solutions column by column
    if len(op.outputs) > 1:
        work = max(work, (math.prod(shape[:-2]) + 1) * matrix_bytes(a))  # the factors of singular ones
    outputs = [(out, a.dtype), (a.shape[:-2], lapack.INT32)][: len(op.outputs)]
    return Estimate(values, outputs, None, work, count * n * n * n)


def solved(A: Any, B: Any, left: bool) -> Any:
    """The solution; raises LinAlgError for a singular matrix."""
    if A.dtype in HALF:
        return solved(widened(A), widened(B), left).astype(A.dtype)
    if is_vector(A.shape, B.shape):
        return xp.linalg.solve(A, B[..., None])[..., 0]
    if left:
        return columns_first(xp.linalg.solve(A, B))
    made = xp.linalg.solve(xp.swapaxes(A, -1, -2), xp.swapaxes(B, -1, -2))
    return xp.ascontiguousarray(xp.swapaxes(made, -1, -2))


@op(solve_rule, namespace="linalg", node="LinalgSolveExBackward0")
def solve(A: Array, B: Array, *, left: bool = True) -> Any:
    """The solution X of A X = B, or of X A = B where `left` is False."""
    try:
        return solved(A, B, left)
    except xp.linalg.LinAlgError:
        place, _ = lapack.first_zero_pivot(A)
        raise errors.singular(f"torch.linalg.solve: {lapack.batch_note(place, A.shape[:-2])}{SOLVE}") from None


def solve_grads(g: Any, needs: Any, a: Any, out: Any, left: Any) -> tuple[Any, Any]:
    """The gradients to the matrix and to the right side: the first is minus the second, times the solution."""
    side = solve_side(adjoint(a), g, left)
    if not needs[0]:
        return None, side
    column, columns = side, out
    if len(out.shape) < len(a.shape) and is_vector(tuple(a.shape), tuple(out.shape)):
        column, columns = as_column(side), as_column(out)
    return neg(matmul(column, adjoint(columns)) if left else matmul(adjoint(columns), column)), side


def solve_side(a: Any, b: Any, left: Any) -> Any:
    """`solve` in a formula."""
    return solve(a, b, left=left)


solve.vjp_joint(lambda g, needs, A, out, left: solve_grads(g, needs, A, out, left), "A", "B")


@op(solve_rule, namespace="linalg", outputs=("result", "info"), node="LinalgSolveExBackward0")
def solve_ex(A: Array, B: Array, *, left: bool = True, check_errors: bool = False) -> Any:
    """`solve` that tells by `info` which matrices are singular, and raises only if asked to."""
    try:
        return solved(A, B, left), xp.zeros(A.shape[:-2], lapack.INT32)
    except xp.linalg.LinAlgError:
        place, _ = lapack.first_zero_pivot(A)
    if check_errors:
        raise errors.singular(f"torch.linalg.solve_ex: {lapack.batch_note(place, A.shape[:-2])}{SOLVE}") from None
    vector = is_vector(A.shape, B.shape)
    matrices = B[..., None] if vector else B
    batch = xp.broadcast_shapes(A.shape[:-2], matrices.shape[:-2])
    lu, pivots, info = lapack.lu_factor(xp.broadcast_to(A, (*batch, *A.shape[-2:])))
    right = xp.broadcast_to(matrices, (*batch, *matrices.shape[-2:]))
    if left:
        made = lapack.lu_solve(lu, pivots, right, 0)
    else:
        made = xp.swapaxes(lapack.lu_solve(lu, pivots, xp.swapaxes(right, -1, -2), 1), -1, -2)
    return (made[..., 0] if vector else made), info if batch == A.shape[:-2] else lapack.lu_factor(A)[2]


solve_ex.vjp_joint(lambda g, needs, A, result, left: solve_grads(g[0], needs, A, result, left), "A", "B")


# -- inv --------------------------------------------------------------------------------------------------------------


def inv_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of inv: square floating matrices."""
    a = values[0]
    check_square("linalg.inv", a)
    check_float("linalg.inv", a)
    outputs = [(a.shape, a.dtype), (a.shape[:-2], lapack.INT32)][: len(op.outputs)]
    size = a.size * a.dtype.itemsize
    work = by_numpy(solve_bytes(a, a.shape[-1]), size, size, a.dtype)
    if len(op.outputs) > 1:
        work = max(work, size + 2 * matrix_bytes(a))  # the factors of singular ones
    return Estimate(values, outputs, None, work, 2 * a.size * a.shape[-1])


def inverted(a: Any) -> Any:
    """The inverses in column-major order: those of the transposes, transposed; raises LinAlgError."""
    return xp.swapaxes(xp.linalg.inv(xp.swapaxes(a, -1, -2)), -1, -2)


@op(inv_rule, namespace="linalg", node="LinalgInvExBackward0")
def inv(A: Array) -> Any:
    """The inverse matrices."""
    try:
        return inverted(A)
    except xp.linalg.LinAlgError:
        place, number = lapack.first_zero_pivot(A)
        raise errors.singular(f"linalg.inv: {lapack.batch_note(place, A.shape[:-2])}{INVERT.format(number)}") from None


inv.vjp(A=lambda g, out: inv_grad(g, out))


def inv_grad(g: Any, out: Any) -> Any:
    """The gradient of the inverse: minus its adjoint on both sides."""
    turned = adjoint(out)
    return neg(matmul(turned, matmul(g, turned)))


@op(composed, composite=True)
def inverse(input: Array) -> Any:
    """The inverse matrices (`linalg.inv`)."""
    return inv(input)


@op(inv_rule, namespace="linalg", outputs=("inverse", "info"), node="LinalgInvExBackward0")
def inv_ex(A: Array, *, check_errors: bool = False) -> Any:
    """`inv` that tells by `info` which matrices are singular, and raises only if asked to."""
    try:
        return inverted(A), xp.zeros(A.shape[:-2], lapack.INT32)
    except xp.linalg.LinAlgError:
        lu, pivots, info = lapack.lu_factor(A)
    if check_errors:
        place, number = lapack.first_failure(info)
        raise errors.singular(f"linalg.inv_ex: {lapack.batch_note(place, A.shape[:-2])}{INVERT.format(number)}")
    eye = xp.broadcast_to(xp.eye(A.shape[-1], dtype=A.dtype), A.shape)
    return lapack.lu_solve(lu, pivots, eye, 0), info


inv_ex.vjp(A=lambda g, inverse: inv_grad(g[0], inverse))


def inverse_or_nan_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of an inverse whose argument is known to be square."""
    a = values[0]
    return Estimate(values, [(a.shape, a.dtype)], None, 3 * a.size * a.dtype.itemsize, 2 * a.size * a.shape[-1])


@op(inverse_or_nan_rule, hidden=True, node="LinalgInvExBackward0")
def inverse_or_nan(A: Array) -> Any:
    """The inverse matrices, NaN where there is none."""
    try:
        return inverted(A)
    except xp.linalg.LinAlgError:
        _, _, info = lapack.lu_factor(xp.swapaxes(A, -1, -2))  # as `inverted` does: rounding decides what is singular
    good = (info == 0)[..., None, None]
    made = inverted(xp.where(good, A, xp.eye(A.shape[-1], dtype=A.dtype)))
    return xp.where(good, made, A.dtype.type(xp.nan))


inverse_or_nan.vjp(A=lambda g, out: inv_grad(g, out))


@op(composed, namespace="linalg", composite=True)
def tensorinv(A: Array, ind: int = 2) -> Any:
    """The inverse of a tensor seen as a matrix whose rows are its first `ind` dims."""
    if ind <= 0:
        raise errors.bad_argument(f"Expected a strictly positive integer for 'ind', but got {ind}")
    shape = tuple(A.shape)
    if ind > len(shape):
        raise errors.bad_argument(f"ArrayRef: invalid slice, N = {ind}; size = {len(shape)}")
    rows, columns = shape[:ind], shape[ind:]
    if math.prod(rows) != math.prod(columns):
        raise errors.shape_mismatch(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{math.prod(columns)} != {math.prod(rows)}"
        )
    try:
        return reshape(inv(reshape(A, (math.prod(rows), math.prod(columns)))), (*columns, *rows))
    except errors.LinAlgError as error:
        raise errors.singular(str(error).removeprefix("linalg.")) from None


@op(composed, namespace="linalg", composite=True)
def tensorsolve(A: Array, B: Array, dims: Ints | None = None) -> Any:
    """The tensor X with `tensordot(A, X, X.ndim) == B`; `dims` of A go to its end first."""
    ndim = len(A.shape)
    if dims is not None:
        moved = [check_dim(each, ndim) for each in dims]
        A = permute(A, tuple([at for at in range(ndim) if at not in moved] + moved))
    shape, count = tuple(A.shape), len(B.shape)
    if count > ndim:
        raise errors.shape_mismatch("cannot create std::vector larger than max_size()")  # torch's, of dims that are not
    columns, wanted = shape[count:], math.prod(tuple(B.shape))
    if math.prod(columns) != wanted:  # torch says one thing and looks at another
        raise errors.shape_mismatch(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), "
            f"but got {math.prod(columns)} != {wanted}"
        )
    return reshape(solve(reshape(A, (math.prod(columns), math.prod(columns))), reshape(B, (-1,))), columns)


# -- triangular systems -----------------------------------------------------------------------------------------------


def triangular_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of solve_triangular."""
    a, b = values[:2]
    name, left = "linalg.solve_triangular", values[op.index["left"]]
    check_square(name, a)
    check_matrix(name, b, "B")
    fit(name, a.shape, b.shape, left)
    check_kernel("triangular_solve_cpu", a)
    shape = (*broadcast(b.shape[:-2], a.shape[:-2]), *b.shape[-2:])
    work = triangular_bytes(a, b)
    return Estimate(values, [(shape, a.dtype)], a.dtype, work, math.prod(shape) * a.shape[-1])


@op(triangular_rule, namespace="linalg", node="LinalgSolveTriangularBackward0")
def solve_triangular(A: Array, B: Array, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Any:
    """The solution X of A X = B (of X A = B if not `left`) where A is a triangle; the other half is not read."""
    batch = xp.broadcast_shapes(A.shape[:-2], B.shape[:-2])
    a, b = xp.broadcast_to(A, (*batch, *A.shape[-2:])), xp.broadcast_to(B, (*batch, *B.shape[-2:]))
    return lapack.solve_triangular(a, b, upper, left, unitriangular)


solve_triangular.vjp_joint(
    lambda g, needs, A, out, upper, left, unitriangular: triangle_grads(g, needs, A, out, upper, left, unitriangular),
    "A",
    "B",
)


def triangle(a: Any, b: Any, upper: Any, left: Any = True, unit: Any = False) -> Any:
    """`solve_triangular` in a formula."""
    return solve_triangular(a, b, upper=upper, left=left, unitriangular=unit)


def triangle_grads(g: Any, needs: Any, a: Any, out: Any, upper: Any, left: Any, unit: Any) -> tuple[Any, Any]:
    """The gradients to a triangle, that of a full matrix where the triangle is, and to the right side."""
    side = triangle(adjoint(a), g, not upper, left, unit)
    if not needs[0]:
        return None, side
    full = neg(matmul(side, adjoint(out)) if left else matmul(adjoint(out), side))
    return (triu(full, int(unit)) if upper else tril(full, -int(unit))), side


def old_triangular_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of triangular_solve."""
    b, a = values[:2]
    for what, each in (("b", b), ("A", a)):
        if len(each.shape) < 2:
            raise errors.shape_mismatch(
                f"torch.triangular_solve: Expected {what} to have at least 2 dimensions, but it has {len(each.shape)} "
                "dimensions instead"
            )
    old_checks("triangular_solve", b, a)
    warn_of("triangular_solve")
    check_kernel("triangular_solve_cpu", a)
    batch = broadcast(b.shape[:-2], a.shape[:-2])
    out, copy = (*batch, *b.shape[-2:]), (*batch, *a.shape[-2:])
    work = triangular_bytes(a, b) if values[op.index["transpose"]] else matrix_bytes(b)
    return Estimate(values, [(out, a.dtype), (copy, a.dtype)], None, work, math.prod(out) * a.shape[-1])


def old_checks(name: str, b: Any, a: Any) -> None:
    """What the older solvers refuse: dtypes that differ, matrices that are not square or do not fit."""
    same_type("Expected b and A to have the same dtype, but found b of type {} and A of type {} instead.", b, a)
    check_square("", a)
    if a.shape[-1] != b.shape[-2]:
        raise errors.shape_mismatch(
            f"Incompatible matrix sizes for {name}: each A matrix is {a.shape[-1]} by {a.shape[-1]} but each b matrix "
            f"is {b.shape[-2]} by {b.shape[-1]}"
        )


@op(old_triangular_rule, outputs=("solution", "cloned_coefficient"))
def triangular_solve(
    input: Array, A: Array, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Any:
    """The solution X of A X = input for a triangle A (or its transpose), and a copy of A."""
    batch = xp.broadcast_shapes(A.shape[:-2], input.shape[:-2])
    a = columns_first(xp.broadcast_to(A, (*batch, *A.shape[-2:])))
    b = xp.broadcast_to(input, (*batch, *input.shape[-2:]))
    turned = xp.swapaxes(a, -1, -2) if transpose else a
    return lapack.solve_triangular(turned, b, upper != transpose, True, unitriangular), a


triangular_solve.vjp(
    input=lambda g, A, upper, transpose, unitriangular: old_side(g[0], A, upper, transpose, unitriangular),
    A=lambda g, A, solution, upper, transpose, unitriangular: old_triangle_grad(
        g, A, solution, upper, transpose, unitriangular
    ),
)


def old_side(g: Any, a: Any, upper: Any, turn: Any, unit: Any) -> Any:
    """The gradient of triangular_solve to its right side."""
    if g is None:
        return None
    return triangle(conj_of(a) if turn else adjoint(a), g, upper if turn else not upper, True, unit)


def old_triangle_grad(g: Any, a: Any, out: Any, upper: Any, turn: Any, unit: Any) -> Any:
    """The gradient of triangular_solve to its triangle, and what came to the copy of it."""
    if g[0] is None:
        return g[1]
    full = neg(matmul(old_side(g[0], a, upper, turn, unit), adjoint(out)))
    full = transposed(full) if turn else full
    part = triu(full, int(unit)) if upper else tril(full, -int(unit))
    return part if g[1] is None else add(part, g[1])

"""LDL factors of symmetric and Hermitian matrices, and what they solve."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors, lapack
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array
from engine.op import Op, op
from engine.ops.arithmetic import NOT_THERE
from engine.ops.matrices import check_differentiable, check_float, check_kernel, check_square
from engine.ops.solving import old_checks
from engine.rules import broadcast
from engine.tensor import counted_dim


def factor_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of ldl_factor_ex."""
    a = values[0]
    name = "torch.linalg.ldl_factor_ex"
    check_square(name, a)
    check_float(name, a, "ldl_factor_kernel_cpu")
    batch = a.shape[:-2]
    outputs = [(a.shape, a.dtype), (a.shape[:-1], lapack.INT32), (batch, lapack.INT32)]
    return Estimate(values, outputs, None, 2 * a.size * a.dtype.itemsize, a.size * a.shape[-1])


@op(factor_rule, namespace="linalg", outputs=("LD", "pivots", "info"), differentiable=("LD",), node=NOT_THERE)
def ldl_factor_ex(input: Array, *, hermitian: bool = False, check_errors: bool = False) -> Any:
    """L and D in one matrix, the pivots, and for each matrix 0 or the first zero pivot."""
    made = lapack.ldl_factor(input, hermitian)
    if check_errors:
        refuse_singular("torch.linalg.ldl_factor_ex", made[2])
    return made


def no_factor(g: Any) -> Any:
    """torch has no derivative of ldl_factor."""
    raise errors.underived("linalg_ldl_factor_ex")


ldl_factor_ex.vjp(input=no_factor)


def refuse_singular(name: str, info: Any) -> None:
    """Raise RuntimeError where a factor has a zero pivot."""
    if info.any():
        at, number = lapack.first_failure(info)
        raise errors.bad_argument(f"{name}: {lapack.batch_note(at, info.shape)}Unknown error code: {number}.")


@op(composed, namespace="linalg", composite=True, outputs=("LD", "pivots"))
def ldl_factor(input: Array, *, hermitian: bool = False) -> Any:
    """L and D in one matrix, and the pivots.

    Raises RuntimeError for a singular matrix.
    """
    packed, pivots, _ = ldl_factor_ex(input, hermitian=hermitian, check_errors=True)
    return PACK["ldl_factor"]([packed, pivots])


PACK = {"ldl_factor": ldl_factor.pack}  # by a table: on shapes the name of an op stands for its rule


def solve_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of ldl_solve."""
    packed, pivots, b = values[:3]
    name = "torch.linalg.ldl_solve"
    check_square(name, packed)
    counted_dim(-2, len(b.shape))
    check_differentiable(name, packed)
    old_checks(name, b, packed)
    if packed.shape[:-1] != pivots.shape:
        raise errors.shape_mismatch(
            f"{name}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
            f"{list(pivots.shape)} instead"
        )
    if pivots.dtype.kind not in "iu":
        got = dtypes.BY_NUMPY[pivots.dtype].type_name
        raise errors.dtype_mismatch(f"{name}: Expected pivots to be integers. Got {got}")
    check_kernel("ldl_solve_kernel_cpu", packed)
    shape = (*broadcast(b.shape[:-2], packed.shape[:-2]), *b.shape[-2:])
    work = (2 * packed.shape[-1] ** 2 + 2 * math.prod(shape)) * b.dtype.itemsize
    return Estimate(values, [(shape, b.dtype)], None, work, 2 * math.prod(shape) * packed.shape[-1])


@op(solve_rule, namespace="linalg", node=NOT_THERE)
def ldl_solve(LD: Array, pivots: Array, B: Array, *, hermitian: bool = False) -> Any:
    """The solution of A X = B from what `ldl_factor` gives for A."""
    rows = LD.shape[-1]
    for wrong, bound in ((xp.abs(pivots) < 1, ">= 1"), (xp.abs(pivots) > rows, "<= LD.size(-2)")):
        if wrong.any():
            raise errors.bad_argument(
                f"Pivots given to ldl_solve must all satisfy |pivot| {bound}. Did you properly pass the result of "
                "ldl_factor?"
            )
    batch = xp.broadcast_shapes(B.shape[:-2], LD.shape[:-2])
    packed, b = xp.broadcast_to(LD, (*batch, *LD.shape[-2:])), xp.broadcast_to(B, (*batch, *B.shape[-2:]))
    places = xp.broadcast_to(pivots, (*batch, rows)).astype(lapack.INT32)
    return lapack.ldl_solve(packed, places, b, hermitian)


def no_solution(g: Any) -> Any:
    """torch has no derivative of ldl_solve."""
    raise errors.underived("linalg_ldl_solve")


ldl_solve.vjp(LD=no_solution, B=no_solution)

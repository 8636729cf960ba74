"""Dropouts as torch itself exports them: with `train` in the place of `training`, in place by a name of their own."""

from __future__ import annotations

from typing import Any

from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array
from engine.op import Op, op
from engine.ops.arithmetic import mul
from engine.ops.creation import stream
from engine.ops.distributions import check_chance
from engine.ops.dropout import applied, dropped, self_normalized
from engine.rules import BOOL


def declare(name: str, alpha: bool, feature: bool) -> None:
    """A dropout, SELU's with `alpha`, and its in-place form."""

    def kernel(input: Array, p: float, train: bool) -> Any:
        return made(alpha, input, p, train, feature, False)

    def into(input: Array, p: float, train: bool) -> Any:
        return made(alpha, input, p, train, feature, True)

    kernel.__name__, into.__name__ = name, f"{name}_"
    what = "Whole channels" if feature else "Elements"
    kernel.__doc__ = f"{what} dropped with probability p in training, what is left scaled."
    into.__doc__ = f"{name} in place."
    for each in (kernel, into):
        op(composed, composite=True, method=False)(each)


def made(alpha: bool, *args: Any) -> Any:
    """The dropout of one kind."""
    return applied(self_normalized if alpha else dropped, *args)


declare("feature_dropout", False, True)
declare("alpha_dropout", True, False)
declare("feature_alpha_dropout", True, True)


def native_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of native_dropout."""
    array, p, train = values
    dtype = dtypes.BY_NUMPY[array.dtype]
    if train is not False and p:
        check_chance(dtype, 1 - p)
        if array.size and not dtype.differentiable and p != 1:
            raise errors.dtype_mismatch(f"result type Float can't be cast to the desired output type {dtype.type_name}")
    return Estimate(values, [(array.shape, array.dtype), (array.shape, BOOL)], None, 13 * array.size, 10 * array.size)


@op(native_rule, method=False, outputs=("out", "mask"), differentiable=("out",))
def native_dropout(input: Array, p: float, train: bool | None) -> Any:
    """Elements dropped with probability p in training, the rest scaled, and which of them were kept."""
    if train is False or not p:
        return xp.array(input), xp.ones(input.shape, bool)
    mask = xp.asarray(stream(None).bernoulli(1 - p, input.shape))
    return (input * mask * input.dtype.type(scale_of(p, train))).astype(input.dtype, copy=False), mask


def scale_of(p: float, train: bool | None) -> float:
    """What is kept is multiplied by this."""
    return 1.0 if train is False else 0.0 if p == 1 else 1 / (1 - p)


native_dropout.vjp(input=lambda g, mask, p, train: mul(mul(g[0], mask), scale_of(p, train)))
native_dropout.pack = tuple

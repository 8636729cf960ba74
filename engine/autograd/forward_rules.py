"""Tangents of an op's result in one step, where they are short; elsewhere `forward_ad` differentiates twice.

An elementwise op of real numbers has a diagonal Jacobian, so its gradient formula, fed with a tangent, gives the
tangent. A linear op is its own derivative, a bilinear one the sum of itself with each operand's tangent in its place.
"""

from __future__ import annotations

from typing import Any

from engine import arrays, dtypes
from engine.infer import Estimate
from engine.op import Op, formula_names, is_number, registry
from engine.ops.arithmetic import add
from engine.ops.views import expand
from engine.recording import attribute
from engine.tangents import Tangents
from engine.tensor import Tensor, wrap

LINEAR = frozenset(
    {
        "cat",
        "cumsum",
        "diag",
        "diag_embed",
        "flip",
        "gather",
        "index",
        "index_select",
        "mean",
        "repeat",
        "roll",
        "stack",
        "sum",
        "take",
        "to_copy",
        "trace",
        "tril",
        "triu",
        "where",
    }
)
BILINEAR = frozenset({"bmm", "dot", "mm", "mv"})


def push(op: Op, values: list[Any], outputs: list[Tensor], tangents: Tangents) -> list[Tensor | None] | None:
    """The tangents of the outputs; None if the op has no short rule for these operands."""
    if op.composite or op.multiple or op.joint is not None or not outputs[0].dtype.differentiable:
        return None
    if op.name in LINEAR:
        result: Tensor = Op.door(op, [_moved(op, at, value, tangents) for at, value in enumerate(values)])
        return [result]
    if op.name in BILINEAR:
        return [_bilinear(op, values, tangents)]
    if op.weak and not any(_is_complex(each) for each in (*values, *outputs)) and outputs[0].is_floating_point():
        return [_elementwise(op, values, outputs[0], tangents)]
    return None


def _is_complex(value: Any) -> bool:
    return isinstance(value, complex) or (isinstance(value, Tensor) and value.is_complex())


def _moved(op: Op, at: int, value: Any, tangents: Tangents) -> Any:
    """An argument of a linear op with its tangent in its place: zeros where it has none, attributes as they are."""
    if isinstance(value, list) and at in op.diff_at:
        return [_moved(op, at, each, tangents) for each in value]
    if at not in op.diff_at:
        return value
    if is_number(value):
        return type(value)(0)
    if not isinstance(value, Tensor):
        return value
    tangent = tangents.get(value._array)
    return registry["zeros_like"](value.detach()) if tangent is None else tangent


def _bilinear(op: Op, values: list[Any], tangents: Tangents) -> Tensor:
    parts = []
    for at in op.diff_at:
        tangent = tangents.get(values[at]._array)
        if tangent is not None:
            parts.append(Op.door(op, [*values[:at], tangent, *values[at + 1 :]]))
    return _sum(parts)


def _elementwise(op: Op, values: list[Any], out: Tensor, tangents: Tangents) -> Tensor:
    raw = [value._array if isinstance(value, Tensor) else value for value in values]
    estimate: Estimate = op.rule(op, raw)
    parts = []
    for at in op.diff_at:
        tangent = tangents.get(values[at]._array) if isinstance(values[at], Tensor) else None
        if tangent is not None:
            formula = op.formulas[op.params[at].name]
            names = [_named(op, name, values, raw, out, estimate) for name in formula_names(formula)]
            made = formula(expand(tangent.to(out.dtype), tuple(out.shape)), *names)
            parts.append(registry["zeros_like"](out.detach()) if made is None else made)
        elif isinstance(values[at], Tensor) and op.name == "mul":
            parts.append(registry["zeros_like"](out.detach()))  # torch adds a zero here, which grad_fn shows
    return _sum(parts)


def _named(op: Op, name: str, values: list[Any], raw: list[Any], out: Tensor, estimate: Estimate) -> Any:
    """What a formula asks for by a name: an operand in the dtype computed in, the output, or an attribute."""
    if name in op.outputs:
        return out
    at = op.index.get(name)
    if at is None or at not in op.tensor_at:
        return attribute(op, name, raw, estimate)
    value = values[at]
    if value is None:
        return None
    if is_number(value):
        return wrap(arrays.scalar(value, estimate.compute))
    wanted = estimate.compute
    return value if wanted is None or at not in op.cast_at else value.to(dtypes.BY_NUMPY[wanted])


def _sum(parts: list[Tensor]) -> Tensor:
    total = parts[0]
    for each in parts[1:]:
        total = add(total, each)
    return total


__all__ = ["push"]

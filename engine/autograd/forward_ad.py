"""`torch.autograd.forward_ad`: forward mode, by dual tensors.

A tangent belongs to an array for the time of a level. Views carry it through themselves, and `forward_rules` knows
what elementwise and linear ops make of it; any other op's tangent is the derivative of its gradient with respect to the
incoming one (the double-vjp trick), so no op needs a rule of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ContextDecorator, contextmanager
from types import TracebackType
from typing import Any, NamedTuple

from engine import arrays, errors
from engine.autograd import forward_rules
from engine.backward import grad
from engine.grad_mode import enable_grad
from engine.modes import state
from engine.op import Op, registry
from engine.ops.copies import copy_, lay_out, zero_
from engine.ops.strided import as_strided
from engine.ops.views import alias_, expand, primal_of
from engine.tangents import Tangents
from engine.tensor import Tensor
from engine.views import geometry


class UnpackedDualTensor(NamedTuple):
    """The parts of a dual tensor; `tangent` is None for a plain one."""

    primal: Tensor
    tangent: Tensor | None


def enter_dual_level() -> int:
    """Open a level; its number is 0.

    Raises RuntimeError if one is open already.
    """
    if state.ctx.dual_level:
        raise errors.bad_argument("Nested forward mode AD is not supported at the moment")
    state.ctx.dual_level = Tangents(_push, _write)
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """Close the level; its tangents are gone.

    Raises RuntimeError if none is open.
    """
    if level not in (None, 0):
        raise errors.bad_argument(
            "Trying to exit a forward AD level that was not the last one that was created. This is not supported."
        )
    if not state.ctx.dual_level:
        raise errors.bad_argument("Dual level must be a positive number.")
    state.ctx.dual_level = None


class dual_level(ContextDecorator):
    """A level of forward mode for the block."""

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        exit_dual_level()


@contextmanager
def _set_fwd_grad_enabled(mode: bool) -> Iterator[None]:
    """Whether ops in the block carry tangents."""
    tangents = state.ctx.dual_level
    previous = tangents.enabled if tangents else mode
    if tangents:
        tangents.enabled = mode
    try:
        yield
    finally:
        if tangents:
            tangents.enabled = previous


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """A view of a tensor that carries a tangent through the ops it goes into.

    Raises RuntimeError without a level, ValueError for dtypes that have no derivatives, RuntimeError for another size.
    """
    tangents = state.ctx.dual_level
    if not tangents:
        raise errors.bad_argument(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    for each, what in ((tensor, "primal"), (tangent, "tangent")):
        if not (each.is_floating_point() or each.is_complex()):
            raise errors.bad_value(f"Expected {what} to be floating point or complex, but got: {each.dtype}")
    if level not in (None, 0):
        raise errors.bad_argument("Invalid level given to _make_dual")
    _check_size(tensor, tangent)
    tensor = tensor.resolve_conj().resolve_neg()  # tangents go by array
    if tangents.get(tensor._array) is not None:
        raise errors.bad_argument(
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the same level 0 is not "
            "supported."
        )
    if tangents.get(tangent._array) is not None:
        raise errors.bad_argument(
            "Setting a forward grad that itself has a forward gradient at the same level0 is not supported."
        )
    dual: Tensor = tensor.view_as(tensor)
    strides = arrays.element_strides(tensor._array)
    tangents.set(dual._array, tangent if tangent.stride() == strides else lay_out(tangent, strides))
    return dual


def _check_size(tensor: Tensor, tangent: Tensor) -> None:
    """Refuse a tangent of another size than its tensor.

    Raises RuntimeError.
    """
    if tensor.shape != tangent.shape:
        raise errors.forward_size(tensor.shape, tangent.shape)


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """The primal and the tangent of a tensor."""
    tangents = state.ctx.dual_level
    tangent = tangents.get(tensor._array) if tangents else None
    if tangent is None:
        return UnpackedDualTensor(tensor, None)
    state.ctx.dual_level = None
    try:
        return UnpackedDualTensor(primal_of(tensor), tangent)
    finally:
        state.ctx.dual_level = tangents


def _push(made: Op, values: list[Any], outputs: list[Tensor], tangents: Tangents) -> list[Tensor | None]:
    """The tangents of an op's outputs from those of its inputs."""
    ctx = state.ctx
    if ctx.inference:
        return [None] * len(outputs)
    ctx.dual_level = None
    try:
        if made.view or made.multi_view:
            tangent: Any = tangents.get(values[0]._array)
            if made.name in ("view", "reshape_alias"):  # its strides need not be the primal's
                return [tangent.reshape(values[1])]
            moved = Op.door(made, [tangent, *values[1:]])
            return list(moved) if isinstance(moved, (list, tuple)) else [moved]
        short = forward_rules.push(made, values, outputs, tangents)
        if short is not None:
            return short
        with enable_grad():
            return _double_vjp(made, values, outputs, tangents)
    finally:
        ctx.dual_level = tangents


def _write(tensor: Tensor, tangent: Tensor | None, tangents: Tangents) -> None:
    """After an in-place op: the new tangent goes where the old one lies, so that views keep seeing it."""
    ctx = state.ctx
    ctx.dual_level = None
    try:
        known = tangents.get(tensor._array)
        if known is None and tensor._view is not None:
            known = _part_of_base(tensor, tangents)
        if known is None:
            if tangent is not None:
                tangents.set(tensor._array, expand(tangent, tuple(tensor.shape)))
        elif tangent is None:
            zero_(known)
        else:
            copy_(known, tangent)
    finally:
        ctx.dual_level = tangents


def _part_of_base(tensor: Tensor, tangents: Tangents) -> Tensor:
    """The part of its base's tangent that a view has, zeros if the base had none; from now on the view's tangent."""
    assert tensor._view is not None
    base = tensor._view.base
    whole = tangents.get(base._array)
    if whole is None:
        whole = registry["zeros_like"](base.detach())
        tangents.set(base._array, whole)
    part: Tensor = as_strided(whole, *geometry(tensor))
    tangents.set(tensor._array, part)
    return part


def _connected(tensor: Tensor) -> Tensor:
    """A stand-in to differentiate by, still connected to what the tensor came from."""
    made: Tensor = alias_(tensor) if tensor.requires_grad else tensor.detach().requires_grad_()
    return made


def _double_vjp(made: Op, values: list[Any], outputs: list[Tensor], tangents: Tangents) -> list[Tensor | None]:
    points: list[Tensor] = []
    directions: list[Tensor] = []

    def stand_in(value: Any) -> Any:
        if isinstance(value, list):
            return [stand_in(each) for each in value]
        tangent = tangents.get(value._array) if isinstance(value, Tensor) else None
        if tangent is None:
            return value
        point = _connected(value)
        points.append(point)
        directions.append(tangent)
        return point

    result = Op.door(made, [stand_in(value) for value in values])
    again = list(result) if isinstance(result, (list, tuple)) else [result]
    return [_tangent_of(each, points, directions) for each in again]


def _tangent_of(out: Tensor, points: list[Tensor], directions: list[Tensor]) -> Tensor | None:
    if not out.requires_grad:
        return None
    dummy = registry["zeros_like"](out).requires_grad_()
    flows = grad(out, points, dummy, create_graph=True, allow_unused=True)
    used = [(flow, way) for flow, way in zip(flows, directions, strict=True) if flow is not None and flow.requires_grad]
    if not used:
        zeros: Tensor = registry["zeros_like"](out.detach())
        return zeros
    sources, ways = zip(*used, strict=True)
    keep = any(each.requires_grad for each in (*points, *ways) if each._edge is not None)
    (tangent,) = grad(sources, dummy, ways, create_graph=keep, allow_unused=True)
    return tangent


__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]

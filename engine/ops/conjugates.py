"""The conjugate as torch gives it: a view of the same memory, read as its conjugate (`engine.lazy`)."""

from __future__ import annotations

from typing import Any

from engine import lazy
from engine.infer import composed
from engine.kinds import Array
from engine.modes import state
from engine.op import op
from engine.ops.arithmetic import conj as conj_copy
from engine.ops.arithmetic import conj_of, neg
from engine.ops.copies import clone
from engine.ops.parts import conj_shared, neg_shared
from engine.rules import is_complex
from engine.tensor import Tensor

conj_shared.vjp(input=lambda g: conj_copy(g))
neg_shared.vjp(input=lambda g: neg(g))


def conjugate(input: Any) -> Any:
    """The conjugate, as a view where it can be one; a real tensor itself."""
    if isinstance(input, Tensor) and is_complex(input) and lazy.possible(state.ctx):
        return conj_shared(input)
    return conj_of(input)


@op(composed, composite=True)
def conj(input: Array) -> Any:
    """The complex conjugate, as a view; a real tensor itself."""
    return conjugate(input)


@op(composed, composite=True)
def resolve_conj(input: Array) -> Any:
    """The tensor itself, or a copy of a conjugate that shares memory."""
    return clone(input) if isinstance(input, Tensor) and input.is_conj() else input


@op(composed, composite=True)
def resolve_neg(input: Array) -> Any:
    """The tensor itself, or a copy of a negative that shares memory."""
    return clone(input) if isinstance(input, Tensor) and input.is_neg() else input

"""The short way for `ones` and `zeros` of a small size: default dtype, host, nobody watching.

It makes what the op makes; anything else goes through the ordinary door. Its worth stands in docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from engine.devices import CPU
from engine.fast import result
from engine.methods import function_door, named
from engine.modes import state
from engine.op import Function
from engine.tensor import Tensor

VALUES = {"ones": 1, "zeros": 0}  # by the name of the function
MOST = 2**16  # elements: what is larger costs more than the way there
DIMS = 32


def small(value: int, size: tuple[Any, ...], dtype: Any, device: Any, requires_grad: bool) -> Tensor | None:
    """A leaf full of a value, or None where the arguments need a closer look."""
    ctx = state.ctx
    guard = None if ctx.plain else ctx.lone_guard
    watched = ctx.recorder is not None or not (ctx.plain or guard)
    if watched or dtype is not None or device is not None or ctx.default_device is not CPU or len(size) > DIMS:
        return None
    count = 1
    for each in size:
        if type(each) is not int or each < 1:
            return None
        count *= each
    kind = ctx.default_dtype.numpy
    if count > MOST or (guard is not None and not guard.spares(count * kind.itemsize, node=False)):
        return None
    made = np.empty(size, kind)
    made.fill(value)
    if guard is not None:
        guard.used += made.nbytes
    tensor = result(made)
    tensor._requires_grad = requires_grad
    return tensor


def door(function: Function) -> Callable[..., Any] | None:
    """The short way for calls by name of one of these functions, else None."""
    if function.name not in VALUES:
        return None
    value, general = VALUES[function.name], function_door(function)

    def call(*size: Any, **options: Any) -> Any:
        requires_grad = options.get("requires_grad", False)
        known = not options or (len(options) == 1 and "requires_grad" in options)
        if known and size and type(requires_grad) is bool and state.ctx.plain:  # else the op asks `small`, once
            sizes = size[0] if len(size) == 1 and type(size[0]) is tuple else size
            made = small(value, sizes, None, None, requires_grad)
            if made is not None:
                return made
        return general(*size, **options)

    return named(call, function)  # type: ignore[no-any-return]  # it is the call


def open_factories(functions: dict[str, Function]) -> None:
    """Give the ops their short way for bound arguments."""
    for name, value in VALUES.items():
        functions[name].ops[0].small = partial(small, value)

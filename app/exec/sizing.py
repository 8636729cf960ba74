"""Sizes of what a transform is about to make: Jacobians grow with the product of what a function takes and gives.

The engine makes them row by row out of sight of the guard's account, which knows what names and code hold. So the guard
is asked for all of it as soon as the function has shown how much it gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from engine.modes import state
from engine.tensor import Tensor

TWICE = 2  # the rows, and the result that is put together of them


def sized(name: str, function: Callable[..., Any], power: int = 1, copies: int = TWICE) -> Callable[..., Any]:
    """The function, which asks for the room of its Jacobian (`power` 1) or Hessian (2) when it has run.

    The room is not held: the rows are counted as they are made, until the account is next made anew.
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        out = function(*args, **kwargs)
        entries = sum(each.numel() for each in _tensors(args) if each.requires_grad) ** power
        results = list(_tensors(out))
        size = copies * entries * sum(each.numel() * each.element_size() for each in results)
        guard = state.ctx.guard
        if guard is not None and size:
            guard.allocate(name, size)
            guard.release(size)
        return out

    call.__name__ = call.__qualname__ = getattr(function, "__name__", name)
    return call


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in nested lists, whose nesting whoever made them has bounded."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from _tensors(each)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))

"""`torch.autograd.graph`: what is saved, versions, and hooks on several gradients."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NamedTuple, Self

from engine import errors
from engine.graph import Node
from engine.hooks import RemovableHandle
from engine.modes import state
from engine.tensor import Tensor
from engine.views import edge_of
from engine.walk import current_walk


class GradientEdge(NamedTuple):
    """A place in the graph: a node and the number of its output."""

    node: Node
    output_nr: int


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """Where the gradient of a tensor is computed.

    Raises RuntimeError if it does not require grad.
    """
    edge = edge_of(tensor)
    if edge is None:
        raise errors.bad_argument(
            "It is not possible to get the gradient edge for a Tensor that does not require gradients"
        )
    return GradientEdge(edge[0], edge[1])


def increment_version(tensor: Tensor | Sequence[Tensor]) -> None:
    """Count a change of a tensor's values that the engine did not see."""
    for each in (tensor,) if isinstance(tensor, Tensor) else tensor:
        if state.ctx.log is not None:
            state.ctx.log.version(each._counter)
        each._counter[0] += 1


@contextmanager
def unsafe_preserve_version_counter(tensor: Tensor) -> Iterator[None]:
    """Changes inside are not counted."""
    before = tensor._counter[0]
    try:
        yield
    finally:
        tensor._counter[0] = before


class saved_tensors_hooks:
    """Tensors saved inside go through `pack_hook`, and through `unpack_hook` when backward asks for them."""

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self._pair = (pack_hook, unpack_hook)

    def __enter__(self) -> Self:
        hooks = state.ctx.saved_hooks
        if hooks and isinstance(hooks[-1], str):
            raise errors.bad_argument(hooks[-1])
        state.ctx.saved_hooks = (*hooks, self._pair)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        state.ctx.saved_hooks = state.ctx.saved_hooks[:-1]


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Inside, `saved_tensors_hooks` is refused with this message."""
    before = state.ctx.saved_hooks
    if before:
        raise errors.bad_argument(error_message)
    state.ctx.saved_hooks = (error_message,)
    try:
        yield
    finally:
        state.ctx.saved_hooks = before


def save_on_cpu(pin_memory: bool = False) -> saved_tensors_hooks:
    """Saved tensors wait in host memory and go back to their device for backward."""
    return saved_tensors_hooks(lambda tensor: (tensor.device, tensor.cpu()), lambda held: held[1].to(held[0]))


@contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[None]:
    """Tensors saved inside may be overwritten: what was saved is kept (here as a copy made when saving)."""
    before = state.ctx.clone_saved
    state.ctx.clone_saved = True
    try:
        yield
    finally:
        state.ctx.clone_saved = before


class _MultiHandle(RemovableHandle):
    """A handle that removes the hooks of several tensors."""

    __slots__ = ("_handles",)

    def __init__(self, handles: list[RemovableHandle]) -> None:
        self._handles = handles

    def remove(self) -> None:
        """Take all of them away."""
        for handle in self._handles:
            handle.remove()


def register_multi_grad_hook(
    tensors: Sequence[Tensor], fn: Callable[..., None], *, mode: str = "all"
) -> RemovableHandle:
    """Call `fn` once a backward pass, with all gradients (`all`) or with the first that is computed (`any`)."""
    if mode not in ("all", "any"):
        raise errors.bad_value(f"Expects mode to be one of ('all', 'any') but got {mode}")
    seen: dict[Any, list[Any]] = {}
    numbers = itertools.count()

    def hook_of(at: int) -> Callable[[Tensor], None]:
        def hook(grad: Tensor) -> None:
            walk = current_walk()
            if mode == "any":
                if walk not in seen:
                    seen.clear()
                    seen[walk] = []
                    fn(grad)
                return
            if walk not in seen:
                seen.clear()
                seen[walk] = [None] * len(tensors)
            seen[walk][at] = grad
            if all(each is not None for each in seen[walk]):
                fn(seen[walk])

        return hook

    return _MultiHandle([each.register_hook(hook_of(next(numbers))) for each in tensors])


__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
    "unsafe_preserve_version_counter",
]

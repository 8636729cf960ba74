"""`torch.autograd.graph`: what is saved, versions, and hooks on several gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import Any

from engine import errors
from engine.grad_mode import no_grad
from engine.graph import Node
from engine.hooks import RemovableHandle
from engine.modes import state
from engine.roots import GradientEdge, get_gradient_edge
from engine.tensor import Tensor
from engine.views import edge_of
from engine.walk import current_walk


def increment_version(tensor: Tensor | Sequence[Tensor]) -> None:
    """Count a change of a tensor's values that the engine did not see.

    Raises RuntimeError for anything but tensors.
    """
    several = (tensor,) if isinstance(tensor, Tensor) else tensor
    if not isinstance(several, Iterable) or not all(isinstance(each, Tensor) for each in several):
        raise errors.bad_argument("increment_version expect a Iterable[Tensor] as input")
    for each in several:
        if state.ctx.log is not None:
            state.ctx.log.version(each._counter)
        each._counter[0] += 1


@contextmanager
def unsafe_preserve_version_counter(tensors: Tensor | tuple[Tensor, ...]) -> Iterator[None]:
    """Changes of a tensor, or of several, are not counted inside.

    Raises AssertionError for anything else.
    """
    several = (tensors,) if isinstance(tensors, Tensor) else tensors
    if not isinstance(several, tuple):
        raise errors.coded(AssertionError, "bad_argument", "Expected tensors to be a tuple")
    before = [each._version for each in several]
    try:
        yield
    finally:
        for each, count in zip(several, before, strict=True):
            each._counter[0] = count


class saved_tensors_hooks:
    """Tensors saved inside go through `pack_hook`, and through `unpack_hook` when backward asks for them."""

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self._pair = (pack_hook, unpack_hook)

    def __enter__(self) -> None:
        hooks = state.ctx.saved_hooks
        if not all(map(callable, self._pair)):
            raise errors.bad_type(
                "_push_saved_tensors_default_hooks(): incompatible function arguments. The following argument types "
                "are supported:\n    1. (arg0: collections.abc.Callable, arg1: collections.abc.Callable) -> None\n\n"
                f"Invoked with: {self._pair[0]!r}, {self._pair[1]!r}"
            )
        if hooks and isinstance(hooks[-1], str):
            raise errors.bad_argument(hooks[-1])
        state.ctx.saved_hooks = (*hooks, self._pair)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        state.ctx.saved_hooks = state.ctx.saved_hooks[:-1]


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Inside, `saved_tensors_hooks` is refused with this message."""
    before = state.ctx.saved_hooks
    if before and not isinstance(before[-1], str):
        raise errors.bad_argument(error_message)
    state.ctx.saved_hooks = (error_message,)
    try:
        yield
    finally:
        state.ctx.saved_hooks = before


def save_on_cpu(pin_memory: bool = False) -> saved_tensors_hooks:
    """Saved tensors wait in host memory and go back to their device for backward."""
    return saved_tensors_hooks(lambda tensor: (tensor.device, tensor.cpu()), lambda held: held[1].to(held[0]))


class _AllowMutationOnSavedContext:
    """The hooks of `allow_mutation_on_saved_tensors`: copies, given back until they are cleared or its block ends."""

    def __init__(self) -> None:
        self._kept: set[Tensor] = set()

    def clear(self) -> None:
        """Let go of all copies."""
        self._kept.clear()

    def pack(self, tensor: Tensor) -> Tensor:
        """What was saved, as it is now."""
        with no_grad():
            copied: Tensor = tensor.detach().clone()
        self._kept.add(copied)
        return copied

    def unpack(self, copied: Tensor) -> Tensor:
        """The copy.

        Raises AssertionError when it is gone.
        """
        if copied not in self._kept:
            raise errors.coded(
                AssertionError,
                "bad_argument",
                "Trying to backward outside of the 'allow_mutation_on_saved_tensors' contextin which the graph was "
                "originally recorded.",
            )
        return copied


@contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[_AllowMutationOnSavedContext]:
    """Tensors saved inside may be overwritten: what was saved is kept (here as a copy made when saving)."""
    copies = _AllowMutationOnSavedContext()
    owners = [getattr(pair[0], "__self__", None) for pair in state.ctx.saved_hooks]
    if any(isinstance(each, _AllowMutationOnSavedContext) for each in owners):
        raise errors.bad_argument("allow_mutation_on_saved_tensors contexts cannot be nested")
    try:
        with saved_tensors_hooks(copies.pack, copies.unpack):
            yield copies
    finally:
        copies.clear()


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
    """Call `fn` once a backward pass: with all gradients (`all`), or with the first that is computed (`any`).

    Under `all`, tensors that the pass does not reach are not waited for: their gradient is None.
    """
    if mode not in ("all", "any"):
        raise errors.bad_value(f"Expects mode to be one of ('all', 'any') but got {mode}")
    if mode == "any":
        ran: list[Any] = [None]

        def first(grad: Tensor) -> None:
            walk = current_walk()
            if ran[0] is not walk:
                ran[0] = walk
                fn(grad)

        return _MultiHandle([each.register_hook(first) for each in tensors if each.requires_grad])
    edges = [edge_of(each) for each in tensors]
    if None in edges:
        raise errors.coded(AssertionError, "bad_argument", "Expected gradient function to be set")
    gathering = _Gathering([edge[0] for edge in edges if edge is not None], fn)
    return _MultiHandle([each.register_hook(partial(gathering.take, at)) for at, each in enumerate(tensors)])


class _Gathering:
    """The gradients of several tensors in one backward pass, handed on when the last has come."""

    def __init__(self, nodes: list[Node], fn: Callable[..., None]) -> None:
        self.nodes = nodes
        self.fn = fn
        self.walk: Any = None
        self.left = 0
        self.grads: list[Any] = []

    def take(self, at: int, grad: Tensor) -> None:
        """One gradient."""
        walk = current_walk()
        assert walk is not None
        if walk is not self.walk:
            self.walk, self.left = walk, sum(map(walk.runs, self.nodes))
            self.grads = [None] * len(self.nodes)
        self.grads[at] = grad
        self.left -= 1
        if not self.left:
            grads, self.walk, self.grads = self.grads, None, []
            self.fn(grads)


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

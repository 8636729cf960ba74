"""What stands in a node in place of a saved tensor that hooks have packed, and what a node shows of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from engine import errors
from engine.modes import state

if TYPE_CHECKING:
    from engine.graph import Node

IN_PLACE = (
    "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook cannot be "
    "modified by in-place operations as this can lead to unexpected side-effects. Please open an issue if you need to "
    "perform in-place operations on the input to a pack hook."
)
FREED = (
    "Calling register_hooks on a saved tensor after it has been freed. Saved intermediate values of the graph are "
    "freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through "
    "the graph a second time or if you need to access saved variables after calling backward."
)
TWICE = (
    "Calling register_hooks on a saved tensor whose hooks have already been set. Hint: only one pair of hooks is "
    "allowed at a time."
)


class Packed:
    """A saved tensor as a pack hook gave it, with the hook that gives it back."""

    __slots__ = ("unpack", "value")

    def __init__(self, value: Any, unpack: Callable[[Any], Any]) -> None:
        self.value = value
        self.unpack = unpack

    def array(self) -> Any:
        """The tensor's values.

        Raises TypeError if the hook gives something else than a tensor.
        """
        tensor = self.unpack(self.value)
        if not hasattr(tensor, "_array"):
            raise errors.bad_type(
                "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                f"{type(tensor).__name__}"
            )
        return tensor._array


def packed(tensor: Any, pack: Callable[[Any], Any], unpack: Callable[[Any], Any]) -> Packed:
    """A tensor through its pack hook, which runs without recording.

    Raises RuntimeError if the hook writes into it.
    """
    ctx, before = state.ctx, tensor._counter[0]
    recording, ctx.grad_enabled = ctx.grad_enabled, False
    try:
        value = pack(tensor)
    finally:
        ctx.grad_enabled = recording
    if tensor._counter[0] != before:
        raise errors.bad_argument(IN_PLACE)
    return Packed(value, unpack)


class SavedTensor:
    """A place of a node for a saved tensor (`grad_fn._raw_saved_self`), which takes hooks; None: nothing was saved."""

    __slots__ = ("_at", "_node")

    def __init__(self, node: Node, at: int | None) -> None:
        self._node = node
        self._at = at

    def register_hooks(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> None:
        """Pack what is saved here now, and unpack it whenever it is asked for.

        Raises TypeError for what cannot be called, RuntimeError if it was freed or has hooks already.
        """
        if not (callable(pack_hook) and callable(unpack_hook)):
            raise errors.bad_type(
                "register_hooks(): incompatible function arguments. The following argument types are supported:\n"
                "    1. (self: torch._C._autograd.SavedTensor, arg0: collections.abc.Callable, "
                "arg1: collections.abc.Callable) -> None\n\n"
                f"Invoked with: {self!r}, {pack_hook!r}, {unpack_hook!r}"
            )
        node = self._node
        if node.saved is None:
            raise errors.bad_argument(FREED)
        if self._at is None:
            raise errors.bad_argument("Calling register_hooks on a saved tensor with value None is forbidden")
        if type(node.saved[self._at][0]) is Packed:
            raise errors.bad_argument(TWICE)
        node.pack(self._at, packed(node.unpacked(self._at).detach(), pack_hook, unpack_hook))

    def __repr__(self) -> str:
        return f"<torch._C._autograd.SavedTensor object at {id(self):#x}>"

"""The context of a custom Function: what `ctx` is, and the node that runs its backward."""

from __future__ import annotations

import weakref
from typing import Any, ClassVar

from engine import arrays, errors
from engine.graph import FROZEN, Edge, Node, Rare, short_name
from engine.inspection import readonly
from engine.modes import state
from engine.order import next_sequence
from engine.replaced import current, differs
from engine.saved import Packed, SavedTensor, packed
from engine.tensor import Tensor, wrap, wrap_saved
from engine.views import edge_of

REALNESS = (
    "Expected isFloatingType(grad.scalar_type()) || (input_is_complex == grad_is_complex) to be true, but got false.  "
    "(Could this error message be improved?  If so, please report an enhancement request to PyTorch.)"
)


ONCE = (
    "saved_tensors can only be accessed once when clear_saved_tensors_on_access=True is set on the autograd.Function. "
    "Either access saved_tensors only once, or set clear_saved_tensors_on_access=False."
)


class FunctionCtx(Node):
    """The node of a custom Function: what `ctx` is."""

    ordinary = False
    owner = "torch._C._FunctionBase"
    _function: ClassVar[Any]

    def __init__(self) -> None:
        self.rare = Rare()
        self.saved = ()
        self.edges = ()
        self.attributes = ()
        self.sequence = next_sequence()
        self.needs_input_grad: tuple[bool, ...] = ()
        self.to_save: tuple[Any, ...] | None = None
        self.saved_for_forward: tuple[Any, ...] = ()
        self.dirty_tensors: tuple[Any, ...] | None = None
        self.non_differentiable: tuple[Any, ...] | None = None
        self._is_tensor: list[bool] = []
        self._materialize = True
        self._forward: bool = False  # whether `jvp` is running
        self._seen = False  # whether the saved tensors were asked for

    def name(self) -> str:
        """The function's name with `Backward`."""
        return type(self).__name__

    def __getattr__(self, name: str) -> Any:
        if name == "materialize_grads":
            raise AttributeError(f"attribute '{name}' of '{self.owner}' objects is not readable")
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __dir__(self) -> list[str]:
        return list(object.__dir__(self))

    def __repr__(self) -> str:
        return f"<torch.autograd.function.{type(self).__name__} object at {id(self):#x}>"

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for `backward`, which finds them in `saved_tensors`; None may stand among them."""
        for at, each in enumerate(tensors):
            if each is not None and not isinstance(each, Tensor):
                raise errors.bad_type(
                    f"save_for_backward can only save variables, but argument {at} is of type {type(each).__name__}"
                )
        self.to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Keep tensors for `jvp`, which finds them in `saved_tensors`."""
        if not all(each is None or isinstance(each, Tensor) for each in tensors):
            raise errors.coded(
                AssertionError,
                "bad_argument",
                "save_for_forward expects all arguments to be tensors; you should save non-tensors as attributes on "
                "ctx.",
            )
        self.saved_for_forward = tensors

    def mark_dirty(self, *tensors: Any) -> None:
        """Say which inputs `forward` changed in place."""
        self.dirty_tensors = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say which outputs have no gradient."""
        self.non_differentiable = tensors

    def set_materialize_grads(self, value: Any) -> None:
        """Whether gradients that never came are zeros (True) or None in `backward`."""
        if not isinstance(value, bool):
            text = "set_materialize_grads received an invalid combination of arguments - got (), but expected (bool)"
            raise errors.bad_type(text)
        self._materialize = value

    materialize_grads = property(None, set_materialize_grads)

    @readonly
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` kept; in `jvp` what `save_for_forward` did.

        Raises RuntimeError if it was freed, or changed in place since, or where the function wants it to be asked for
        once only.
        """
        if self._forward:
            return self.saved_for_forward
        once = self._function.clear_saved_tensors_on_access
        if not isinstance(once, bool):
            kind = type(once).__name__
            raise errors.bad_argument(f"clear_saved_tensors_on_access must be a bool, got {kind}")
        if once and self._seen:
            raise errors.bad_argument(ONCE)
        if self.saved is None:
            raise errors.graph_freed()
        self._seen = True
        return tuple(each and self._checked(*each) for each in self.saved)

    saved_variables = saved_tensors  # the old name

    @property
    def _raw_saved_tensors(self) -> tuple[SavedTensor, ...]:
        if self.saved is None:
            raise errors.graph_freed()
        return tuple(SavedTensor(self, at) for at in range(len(self.saved)))

    def _checked(
        self,
        array: Any,
        counter: list[Any],
        stamp: int,
        edge: Edge | None = None,
        nr: int | None = None,
        it: Any = None,
    ) -> Any:
        if type(array) is Packed:
            return wrap_saved(array.array(), counter, edge, anew=True)
        if nr is None:
            array = current(array, counter)
        if differs(counter, stamp):
            what = f"{wrap(array).dtype.options} {list(array.shape)}"
            if nr is not None:
                origin = f", which is output {nr} of {short_name(self)},"
            else:
                origin = f", which is output {counter[2]} of {counter[1]}," if len(counter) > 1 else ""
            raise errors.modified_inplace(what, origin, counter[0], stamp, state.ctx.anomaly is not None)
        original = it and it()
        if original is not None and original._array is array and original._edge is edge:
            return original
        if nr is not None:
            edge = (self, nr, array.shape, array.dtype)
        return wrap_saved(array, counter, edge)

    def keep(self, outputs: list[Any]) -> None:
        """Turn what was saved into data: no output tensor is held, so nothing refers to itself."""
        kept: list[Any] = []
        for each in self.to_save or ():
            if each is None:
                kept.append(None)
                continue
            nr = next((at for at, out in enumerate(outputs) if out is each), None)
            edge = edge_of(each) if nr is None else None
            hooks = state.ctx.saved_hooks
            if hooks and not isinstance(hooks[-1], str):
                kept.append((packed(each, *hooks[-1]), FROZEN, 0, edge))
                continue
            it = weakref.ref(each) if nr is None else None
            kept.append((each._array, each._counter, each._counter[0], edge, nr, it))
        self.saved = tuple(kept)
        self.to_save = self.dirty_tensors = self.non_differentiable = None

    def unpack(self) -> list[Any]:
        """The saved tensors."""
        return list(self.saved_tensors)

    def backward(self, grads: list[Any], record: bool, wanted: list[bool]) -> list[Any]:
        """Call the user's `backward` on tensors, and check what it gives.

        Raises RuntimeError for the wrong number or shape of gradients, NotImplementedError if there is none.
        """
        given = self._given(grads, record)
        previous, state.ctx.grad_enabled = state.ctx.grad_enabled, record
        try:
            results = self._function._run_backward(self, given)
        finally:
            state.ctx.grad_enabled = previous
        if not isinstance(results, tuple):
            results = (results,)
        results = self._counted(list(results))
        return [self._fitted(at, each, record) for at, each in enumerate(results)]

    def _given(self, grads: list[Any], record: bool) -> list[Any]:
        given = []
        for each, (shape, dtype) in zip(grads, self.outputs, strict=True):
            if each is None and self._materialize and dtype is not None:
                each = wrap(arrays.xp.zeros(shape, dtype))
            elif each is not None and not record:
                each = wrap(arrays.as_array(each))
            given.append(each)
        return given

    def _counted(self, results: list[Any]) -> list[Any]:
        count = len(self.needs_input_grad)
        if len(results) > count and all(each is None for each in results[count:]):
            del results[count:]
        if len(results) != count:
            raise errors.bad_argument(
                f"function {self.name()} returned an incorrect number of gradients (expected {count}, "
                f"got {len(results)})"
            )
        tensors = [each for each, is_tensor in zip(results, self._is_tensor, strict=True) if is_tensor]
        for at, (each, is_tensor) in enumerate(zip(results, self._is_tensor, strict=True)):
            if each is not None and not is_tensor:
                raise errors.bad_argument(
                    f"function {self.name()} returned a gradient different than None at position {at + 1}, but the "
                    "corresponding forward input was not a Variable"
                )
        return tensors

    def _fitted(self, at: int, grad: Any, record: bool) -> Any:
        edge = self.edges[at]
        if grad is None:
            return None
        if not isinstance(grad, Tensor):
            raise errors.bad_argument(f"expected Variable or None (got {type(grad).__name__})")
        if edge is None:
            return None
        want = edge[2]
        have = tuple(grad.shape)
        if have != want:
            extra = len(have) - len(want)
            fits = extra >= 0 and all(w in (1, h) for w, h in zip(want, have[extra:], strict=True))
            if not fits:
                raise errors.invalid_gradient(self.name(), at, have, want)
        if grad.is_complex() and edge[3].kind != "c":
            raise errors.bad_argument(REALNESS)
        return grad if record else grad._array


class BackwardCFunction(FunctionCtx):
    """The base of the nodes of custom functions."""

    def __call__(self, *grads: Any) -> Any:
        """Refused: `apply` is there instead.

        Raises TypeError.
        """
        raise errors.bad_type(f"'{type(self).__name__}' object is not callable")

    def apply(self, *grads: Any) -> Any:
        """What the function's `backward` gives."""
        return self._function._run_backward(self, list(grads))


__all__ = ["BackwardCFunction", "FunctionCtx"]

"""`torch.autograd.Function`: ops with gradients written by the user.

The context handed to `forward` and `backward` is the node of the graph itself, as in torch, so attributes put on it
are seen through `grad_fn`.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, ClassVar

from engine import arrays, errors
from engine.graph import AccumulateGrad, Edge, Node, Rare
from engine.modes import state
from engine.order import next_sequence
from engine.tensor import Tensor, wrap, wrap_saved
from engine.views import check_inplace, edge_of, rebase

LEGACY = (
    "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd function "
    "with static forward method. (Example: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
)
NO_BACKWARD = "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
NO_JVP = "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."


class FunctionCtx(Node):
    """The node of a custom Function: what `ctx` is."""

    ordinary = False
    _function: ClassVar[type[Function]]

    def __init__(self) -> None:
        self.rare = Rare()
        self.saved = ()
        self.edges = ()
        self.attributes = ()
        self.sequence = next_sequence()
        self.needs_input_grad: tuple[bool, ...] = ()
        self._to_save: tuple[Any, ...] = ()
        self._is_tensor: list[bool] = []
        self._dirty: tuple[Any, ...] = ()
        self._non_differentiable: tuple[Any, ...] = ()
        self._materialize = True
        self._forward_saved: tuple[Any, ...] = ()

    def name(self) -> str:
        """The function's name with `Backward`."""
        return type(self).__name__

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __dir__(self) -> list[str]:
        return list(object.__dir__(self))

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for `backward`, which finds them in `saved_tensors`; None may stand among them."""
        for each in tensors:
            if each is not None and not isinstance(each, Tensor):
                raise errors.bad_type(
                    f"save_for_backward can only save variables, but argument 0 is of type {type(each).__name__}"
                )
        self._to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Keep tensors for `jvp`."""
        self._forward_saved = tensors

    def mark_dirty(self, *tensors: Any) -> None:
        """Say which inputs `forward` changed in place."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say which outputs have no gradient."""
        self._non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether gradients that never came are zeros (True) or None in `backward`."""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` kept.

        Raises RuntimeError if it was freed, or changed in place since.
        """
        if self.saved is None:
            raise errors.graph_freed()
        return tuple(each and self._checked(*each) for each in self.saved)  # type: ignore[call-arg]  # pairs

    def _checked(self, array: Any, counter: list[Any], stamp: int, edge: Edge | None, nr: int | None) -> Any:
        if counter[0] != stamp:
            what = f"{wrap(array).dtype.tensor_type} {list(array.shape)}"
            if nr is not None:
                origin = f", which is output {nr} of {self.name()},"
            else:
                origin = f", which is output {counter[2]} of {counter[1]}," if len(counter) > 1 else ""
            raise errors.modified_inplace(what, origin, counter[0], stamp)
        if nr is not None:
            edge = (self, nr, array.shape, array.dtype)
        return wrap_saved(array, counter, edge)

    def keep(self, outputs: list[Any]) -> None:
        """Turn what was saved into data: no output tensor is held, so nothing refers to itself."""
        kept: list[Any] = []
        for each in self._to_save:
            if each is None:
                kept.append(None)
                continue
            nr = next((at for at, out in enumerate(outputs) if out is each), None)
            edge = edge_of(each) if nr is None else None
            kept.append((each._array, each._counter, each._counter[0], edge, nr))
        self.saved = tuple(kept)
        self._to_save = self._dirty = self._non_differentiable = ()

    def release(self) -> None:
        """Free what was saved."""
        super().release()

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
            if each is None and self._materialize:
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
        if grad is None or edge is None:
            return None
        if not isinstance(grad, Tensor):
            raise errors.bad_type(f"expected Variable or None (got {type(grad).__name__})")
        want = edge[2]
        have = tuple(grad.shape)
        if have != want:
            extra = len(have) - len(want)
            fits = extra >= 0 and all(w in (1, h) for w, h in zip(want, have[extra:], strict=True))
            if not fits:
                raise errors.shape_mismatch(
                    f"Function {self.name()} returned an invalid gradient at index {at} - got {list(have)} but "
                    f"expected shape compatible with {list(want)}"
                )
        return grad if record else grad._array


class _FunctionMeta(type):
    """Makes, beside a Function, the class of its nodes: `<name>Backward`."""

    def __init__(cls, name: str, bases: tuple[type, ...], attributes: dict[str, Any]) -> None:
        cls._node_class = type(f"{name}Backward", (FunctionCtx,), {"_function": cls})
        super().__init__(name, bases, attributes)


class Function(metaclass=_FunctionMeta):
    """Base of custom ops: static `forward` and `backward`, called by `apply`."""

    _node_class: ClassVar[type[FunctionCtx]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should "
            "invoke them on the class itself. Instantiating an autograd function will raise an error in a future "
            "version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refused: use `apply` on the class.

        Raises RuntimeError.
        """
        raise errors.bad_argument(LEGACY)

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the outputs; to be overridden."""
        raise errors.coded(
            NotImplementedError,
            "not_implemented",
            "You must implement the forward function for custom autograd.Function.",
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Fill the context where `forward` does not take it; to be overridden."""
        raise errors.coded(NotImplementedError, "not_implemented", "setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of the inputs from those of the outputs; to be overridden."""
        raise errors.not_differentiable(f"{NO_BACKWARD}backward mode AD.")

    vjp = backward

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """The tangents of the outputs from those of the inputs; to be overridden."""
        raise errors.not_differentiable(NO_JVP)

    @classmethod
    def _run_backward(cls, ctx: FunctionCtx, grads: list[Any]) -> Any:
        own, base = cls.backward, Function.backward
        return (cls.vjp if own is base else own)(ctx, *grads)

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run the function and record it as one node."""
        ctx = cls._node_class()
        tensors = [each for each in args if isinstance(each, Tensor)]
        recording = state.ctx.recording
        ctx._is_tensor = [isinstance(each, Tensor) for each in args]
        ctx.needs_input_grad = tuple(isinstance(each, Tensor) and each.requires_grad for each in args)
        edges = tuple(edge_of(each) for each in tensors) if recording else ()
        previous, state.ctx.grad_enabled = state.ctx.grad_enabled, False
        try:
            output = _forward(cls, ctx, args, kwargs)
        finally:
            state.ctx.grad_enabled = previous
        outputs = list(output) if isinstance(output, tuple) else [output]
        for each in ctx._dirty:
            _mark_changed(each, tensors, recording)
        if recording and any(edge is not None for edge in edges):
            ctx.edges = edges
            outputs = _link(ctx, outputs, tensors)
        ctx.keep(outputs)
        return tuple(outputs) if isinstance(output, tuple) else outputs[0]


def _forward(cls: type[Function], ctx: FunctionCtx, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if cls.setup_context is Function.setup_context:
        return cls.forward(ctx, *args, **kwargs)
    output = cls.forward(*args, **kwargs)
    cls.setup_context(ctx, args, output)
    return output


def _mark_changed(tensor: Any, inputs: list[Tensor], recording: bool) -> None:
    if not any(tensor is each for each in inputs):
        raise errors.bad_argument("mark_dirty: only inputs of forward may be marked")
    if recording and tensor.requires_grad:
        if tensor.is_leaf:
            text = "a leaf Variable that requires grad has been used in an in-place operation."
            raise errors.coded(RuntimeError, "inplace_on_leaf", text)
        check_inplace(tensor)
    tensor._counter[0] += 1


def _link(ctx: FunctionCtx, outputs: list[Any], inputs: list[Tensor]) -> list[Any]:
    """Hang the node into the outputs that have gradients."""
    ctx.outputs = tuple(
        (each._array.shape, each._array.dtype) if isinstance(each, Tensor) else ((), None) for each in outputs
    )
    linked: list[Any] = []
    for nr, each in enumerate(outputs):
        fixed = not isinstance(each, Tensor) or any(each is other for other in ctx._non_differentiable)
        if fixed or not each.dtype.differentiable:
            linked.append(each)
            continue
        if any(each is other for other in ctx._dirty):
            rebase(each, ctx)
            linked.append(each)
            continue
        if any(each is other for other in inputs):
            each = _alias(each)  # an input handed through becomes a view with a history of its own
        each._edge = (ctx, nr, each._array.shape, each._array.dtype)
        linked.append(each)
    return linked


def _alias(tensor: Tensor) -> Tensor:
    made = wrap(tensor._array)
    made._counter = tensor._counter
    return made


class DelayedError(FunctionCtx):
    """The node of a gradient that may not be differentiated again."""

    def __init__(self, text: str, edges: tuple[Any, ...]) -> None:
        super().__init__()
        self.text = text
        self.edges = edges

    def name(self) -> str:
        """torch's name of it."""
        return "torch::autograd::Error"

    def backward(self, grads: list[Any], record: bool, wanted: list[bool]) -> list[Any]:
        """Refuse.

        Raises RuntimeError.
        """
        raise errors.coded(RuntimeError, "not_differentiable", self.text)


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a `backward` whose result may not be differentiated: it runs without recording."""

    @functools.wraps(fn)
    def wrapper(ctx: Any, *args: Any) -> Any:
        recording = state.ctx.grad_enabled
        state.ctx.grad_enabled = False
        try:
            outputs = fn(ctx, *args)
        finally:
            state.ctx.grad_enabled = recording
        requires = any(isinstance(each, Tensor) and each.requires_grad for each in args)
        if not recording or not requires:
            return outputs
        several = outputs if isinstance(outputs, tuple) else (outputs,)
        marked = tuple(_refusing(each) for each in several)
        return marked if isinstance(outputs, tuple) else marked[0]

    return wrapper


def _refusing(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    fake = wrap(value._array)
    fake._requires_grad = True
    leaf = AccumulateGrad(fake)
    shape, dtype = value._array.shape, value._array.dtype
    node = DelayedError(
        "trying to differentiate twice a function that was marked with @once_differentiable",
        ((leaf, 0, shape, dtype),),
    )
    node.outputs = ((shape, dtype),)
    made = wrap(value._array)
    made._edge = (node, 0, shape, dtype)
    return made


__all__ = ["DelayedError", "Function", "FunctionCtx", "once_differentiable"]

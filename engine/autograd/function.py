"""`torch.autograd.Function`: ops with gradients written by the user.

The context handed to `forward` and `backward` is the node of the graph itself, as in torch, so attributes put on it
are seen through `grad_fn`.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any, ClassVar

from engine import arrays, errors
from engine.autograd.context import BackwardCFunction, FunctionCtx
from engine.graph import AccumulateGrad
from engine.modes import state
from engine.tensor import Tensor, wrap
from engine.views import FUNCTION, MULTI, check_inplace, edge_of, rebase

LEGACY = (
    "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd function "
    "with static forward method. (Example: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
)
NO_BACKWARD = "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
NO_JVP = "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
BOTH = (
    "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only implement one of "
    "them."
)
NOT_RETURNED = (
    "Some elements marked as dirty during the forward method were not returned as output. The inputs that are modified "
    "inplace must all be outputs of the Function."
)
DIRTY_VIEW = (
    "If your Function modifies inplace an input that is a view of another Tensor, your Function cannot return more "
    "than one Tensor. This is not supported by the current autograd engine. You should either make sure the input is "
    "not a view (using .clone() for example) or make your Function only return one Tensor (potentially splitting it "
    "into two Functions: one doing the inplace that returns a single Tensor and a second one that does the other "
    "operations). You can ask on the forum https://discuss.pytorch.org/ if you need help to do this change."
)
NOT_INPUT = (
    "Only input Tensors should be given to ctx.mark_dirty(). If a Tensor is not an input, there is no need to pass it "
    "to mark_dirty()."
)
EXTENDING = "For more details, please see https://pytorch.org/docs/main/notes/extending.func.html"


class _FunctionMeta(type):
    """Makes, beside a Function, the class of its nodes: `<name>Backward`."""

    def __init__(cls, name: str, bases: tuple[type, ...], attributes: dict[str, Any]) -> None:
        cls._backward_cls = type(f"{name}Backward", (BackwardCFunction,), {"_function": cls})
        super().__init__(name, bases, attributes)


class Function(metaclass=_FunctionMeta):
    """Base of custom ops: static `forward` and `backward`, called by `apply`."""

    _backward_cls: ClassVar[type[FunctionCtx]]
    generate_vmap_rule: ClassVar[bool] = False
    clear_saved_tensors_on_access: ClassVar[bool] = False  # whether `ctx.saved_tensors` may be asked for once only
    boxed_grads_call: ClassVar[bool] = False  # whether `backward` takes its gradients as one list

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

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        """How the function acts on batches; here every entry of a batch runs by itself."""
        raise errors.coded(NotImplementedError, "not_implemented", "vmap is not implemented.")

    @classmethod
    def _run_backward(cls, ctx: FunctionCtx, grads: list[Any]) -> Any:
        own, base = cls.backward, Function.backward
        if own is not base and cls.vjp is not base:
            raise errors.bad_argument(BOTH)
        return (cls.vjp if own is base else own)(ctx, *([grads] if cls.boxed_grads_call else grads))

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run the function and record it as one node."""
        if cls.setup_context is not Function.setup_context:
            args = _bound(cls, args, kwargs)
        elif kwargs:
            args = _by_position(cls, args, kwargs)
        if state.ctx.transforms:
            _check_transforms(cls)
        ctx = cls._backward_cls()
        tensors = [each for each in args if isinstance(each, Tensor)]
        recording = state.ctx.recording
        ctx._is_tensor = [isinstance(each, Tensor) for each in args]
        ctx.needs_input_grad = tuple(isinstance(each, Tensor) and each.requires_grad for each in args)
        edges = tuple(edge_of(each) for each in tensors) if recording else ()
        level, previous = state.ctx.dual_level, state.ctx.grad_enabled
        dual = level is not None and level.reaches(tensors)
        state.ctx.grad_enabled = False
        if dual:
            state.ctx.dual_level = None
        try:
            output = _forward(cls, ctx, args)
        finally:
            state.ctx.grad_enabled = previous
            if dual:
                state.ctx.dual_level = level
        outputs = list(output) if isinstance(output, tuple) else [output]
        linked = _Linking(ctx, tensors, edges, outputs).linked()
        ctx.keep(linked)
        if dual:
            _push_forward(cls, ctx, args, linked)
        return tuple(linked) if isinstance(output, tuple) else linked[0]


def _bound(cls: type[Function], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """The arguments of a `forward` without context, defaults filled in, by position."""
    try:
        bound = inspect.signature(cls.forward).bind(*args, **kwargs)
    except TypeError as error:
        raise errors.bad_type(str(error)) from None
    bound.apply_defaults()
    return bound.args


def _by_position(cls: type[Function], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """The arguments of a `forward` with context, those given by name in their places.

    Raises TypeError for a name that has no place, or has two values, and for a place left empty before one.
    """
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [name for name, each in inspect.signature(cls.forward).parameters.items() if each.kind in kinds][1:]
    for name in kwargs:
        if name not in names:
            raise errors.bad_type(f"forward() got an unexpected keyword argument '{name}'")
        if names.index(name) < len(args):
            raise errors.bad_type(f"forward() got multiple values for argument '{name}'")
    last = max(names.index(name) for name in kwargs)
    for at in range(len(args), last):
        if names[at] not in kwargs:
            raise errors.bad_type(f"forward() missing required argument: '{names[at]}' (position {at})")
    return (*args, *(kwargs[name] for name in names[len(args) : last + 1]))


def _check_transforms(cls: type[Function]) -> None:
    """What torch refuses inside `torch.func`."""
    if cls.setup_context is Function.setup_context:
        raise errors.bad_argument(
            "In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, jacrev, ...), it must "
            f"override the setup_context staticmethod. {EXTENDING}"
        )
    if state.ctx.transforms[-1] == "jvp" and cls.jvp is Function.jvp:
        raise errors.not_differentiable(NO_JVP)
    rule = cls.vmap is not Function.vmap
    if state.ctx.transforms[-1] == "vmap" and rule and cls.generate_vmap_rule:
        raise errors.bad_argument(
            f"You tried to vmap over {cls.__name__}, but it has both generate_vmap_rule=True and an overridden vmap "
            "staticmethod. Please set generate_vmap_rule=False or delete the overridden vmap staticmethod to avoid "
            f"ambiguity. {EXTENDING}"
        )
    if state.ctx.transforms[-1] == "vmap" and not (rule or cls.generate_vmap_rule):
        raise errors.bad_argument(
            f"You tried to vmap over {cls.__name__}, but it does not have vmap support. Please override and implement "
            f"the vmap staticmethod or set generate_vmap_rule=True. {EXTENDING}"
        )


def _forward(cls: type[Function], ctx: FunctionCtx, args: tuple[Any, ...]) -> Any:
    if cls.setup_context is Function.setup_context:
        return cls.forward(ctx, *args)
    output = cls.forward(*args)
    cls.setup_context(ctx, args, output)
    return output


def _push_forward(cls: type[Function], ctx: FunctionCtx, args: tuple[Any, ...], outputs: list[Any]) -> None:
    """Give the outputs the tangents that `jvp` tells.

    Raises RuntimeError if it tells another number of them.
    """
    level = state.ctx.dual_level
    assert level is not None
    tangents = [_tangent(level.get(each._array), each) if isinstance(each, Tensor) else None for each in args]
    ctx._forward = True
    try:
        made = cls.jvp(ctx, *tangents)
    finally:
        ctx._forward = False
    several = made if isinstance(made, tuple) else (made,)
    if len(several) != len(outputs):
        raise errors.bad_argument(
            "Function's jvp returned an invalid number of forward gradients (expected "
            f"{len(outputs)} but got {len(several)})"
        )
    for nr, (out, tangent) in enumerate(zip(outputs, several, strict=True)):
        if tangent is not None and not isinstance(tangent, Tensor):
            raise errors.bad_argument(f"expected Variable or None (got {type(tangent).__name__}) for grad output {nr}.")
        if isinstance(out, Tensor) and tangent is not None:
            if out.shape != tangent.shape:
                raise errors.forward_size(out.shape, tangent.shape)
            level.set(out._array, tangent)


def _tangent(known: Any, tensor: Tensor) -> Any:
    return wrap(arrays.backend_of(tensor._array).xp.zeros_like(tensor._array)) if known is None else known


class InplaceFunction(Function):
    """The old base of functions that change their inputs."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class _Linking:
    """The outputs of a Function as its caller gets them: with its node where they have gradients."""

    def __init__(self, ctx: FunctionCtx, inputs: list[Tensor], edges: tuple[Any, ...], outputs: list[Any]) -> None:
        self.ctx = ctx
        self.inputs = inputs
        self.outputs = outputs
        self.recording = any(edge is not None for edge in edges)
        self.dirty = _marked(ctx.dirty_tensors, "mark_dirty can only accept variables, but argument ")
        self.fixed = _marked(
            ctx.non_differentiable, "mark_non_differentiable only accepts variable arguments, but got "
        )
        if self.recording:
            ctx.edges = edges
            ctx.outputs = tuple(
                (each._array.shape, each._array.dtype) if isinstance(each, Tensor) else ((), None) for each in outputs
            )

    def linked(self) -> list[Any]:
        """Every output in its place; raises RuntimeError for changed inputs that torch refuses."""
        for each in self.dirty:
            self._count_change(each)
        made = [self._link(nr, each) if isinstance(each, Tensor) else each for nr, each in enumerate(self.outputs)]
        if sum(isinstance(each, Tensor) and each._edge is not None for each in made) > 1:
            for each in made:
                if isinstance(each, Tensor) and each._view is not None:
                    each._view.creation = MULTI
        if not all(_among(each, self.outputs) for each in self.dirty):
            raise errors.bad_argument(NOT_RETURNED)
        return made

    def _count_change(self, tensor: Tensor) -> None:
        if not _among(tensor, self.inputs):
            warnings.warn(NOT_INPUT, UserWarning, stacklevel=5)
        if self.recording and tensor.requires_grad:
            if tensor._requires_grad and tensor._edge is None:
                text = "a leaf Variable that requires grad has been used in an in-place operation."
                raise errors.coded(RuntimeError, "inplace_on_leaf", text)
            check_inplace(tensor)
        if state.ctx.log is not None:
            state.ctx.log.version(tensor._counter)
        tensor._counter[0] += 1

    def _link(self, nr: int, tensor: Tensor) -> Tensor:
        given, changed = _among(tensor, self.inputs), _among(tensor, self.dirty)
        if not (self.recording and tensor.dtype.differentiable) or _among(tensor, self.fixed):
            if given and (tensor.requires_grad or not changed):
                return _alias(tensor)
            return tensor
        if changed:
            if tensor._view is not None and len(self.outputs) > 1:
                raise errors.bad_argument(DIRTY_VIEW)
            rebase(tensor, self.ctx)
            return tensor
        if given:  # an input handed through becomes a view with a history of its own
            tensor = _view_of_itself(tensor)
        tensor._edge = (self.ctx, nr, tensor._array.shape, tensor._array.dtype)
        if tensor._view is not None:
            tensor._view.creation = FUNCTION
        return tensor


def _marked(tensors: tuple[Any, ...] | None, refusal: str) -> tuple[Tensor, ...]:
    if not all(isinstance(each, Tensor) for each in tensors or ()):
        raise errors.bad_argument(refusal)
    return tensors or ()


def _among(tensor: Any, others: Any) -> bool:
    return any(tensor is each for each in others)


def _alias(tensor: Tensor) -> Tensor:
    """The same values and version without a graph."""
    made = wrap(tensor._array)
    made._counter = tensor._counter
    return made


def _view_of_itself(tensor: Tensor) -> Tensor:
    previous, state.ctx.grad_enabled = state.ctx.grad_enabled, False
    try:
        made: Tensor = tensor.view_as(tensor)
    finally:
        state.ctx.grad_enabled = previous
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


__all__ = ["BackwardCFunction", "DelayedError", "Function", "FunctionCtx", "InplaceFunction", "once_differentiable"]

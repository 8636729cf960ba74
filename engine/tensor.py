"""`Tensor`: an array, its place in the graph, and torch's attributes.

The ops' methods and operators are put on the class when all declarations are loaded (`install`). Slots are few and set
by hand in `wrap`, because making a tensor is on the path of every op.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from engine import arrays, dtypes, errors
from engine.description import Description, readonly
from engine.graph import FROZEN, Edge, Node
from engine.hooks import Hooks, RemovableHandle
from engine.modes import state
from engine.op import registry
from engine.replaced import Replaced
from engine.size import Size as Size
from engine.size import check_dim as check_dim
from engine.size import counted_dim as counted_dim
from engine.views import View, edge_of

UNSET: Any = object()


class InferenceCounter(list[int]):
    """The version counter of a tensor made under inference mode, which has no versions."""

    __slots__ = ()


class Tensor(Description):
    """An n-dimensional array that can require gradients."""

    __slots__ = (
        "__dict__",  # attributes of the user's own
        "__weakref__",
        "_accumulator",
        "_array",
        "_counter",
        "_edge",
        "_grad",
        "_hooks",
        "_requires_grad",
        "_retains",
        "_view",
    )

    _array: Any
    _counter: Any  # [count] or [count, name of the last in-place node, its output]; shared by aliases
    _edge: Edge | None
    _requires_grad: bool  # of a leaf
    _grad: Tensor | None
    _view: View | None
    _accumulator: weakref.ref[Any] | None
    _retains: bool
    _hooks: Hooks | None  # of a leaf
    _grad_dtype: Any = UNSET  # the NumPy dtype of `.grad` where it is not the tensor's own; None for any

    backward: Any  # `engine.backward.tensor_backward`, declared above this module

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """The ops' methods, installed at import."""

    __array_priority__ = 1000  # `ndarray * tensor` asks the tensor first

    def __hash__(self) -> int:
        return id(self)

    # -- its place in the graph ---------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this tensor, or to the base it is a view of."""
        if self._requires_grad or self._edge is not None:
            return True
        view = self._view
        return view is not None and view.base.requires_grad

    @requires_grad.setter
    def requires_grad(self, value: Any) -> None:
        if not isinstance(value, bool):
            raise errors.bad_argument("requires_grad must be a bool")
        if value and not self.dtype.differentiable:
            raise errors.dtype_mismatch("only Tensors of floating point and complex dtype can require gradients")
        if value and self.grad_fn is not None:
            raise errors.bad_argument("you can only change requires_grad flags of leaf variables.")
        self.requires_grad_(value)

    @requires_grad.deleter
    def requires_grad(self) -> None:
        raise errors.bad_argument("requires_grad must be a bool")

    def requires_grad_(self, requires_grad: Any = True) -> Tensor:
        """Set whether a leaf requires grad.

        Raises RuntimeError for a non-leaf set to False, and for dtypes that cannot require grad.
        """
        if not isinstance(requires_grad, bool):
            kind = type(requires_grad).__name__
            raise errors.bad_type(f"requires_grad_(): argument 'requires_grad' (position 1) must be bool, not {kind}")
        if requires_grad and type(self._counter) is InferenceCounter and not state.ctx.inference:
            text = "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed."
            raise errors.bad_argument(text)
        if self._edge is not None and not requires_grad:
            raise errors.bad_argument(errors.NOT_LEAF)
        if edge_of(self) is not None and self._edge is not None:
            return self
        if requires_grad and not self.dtype.differentiable:
            raise errors.dtype_mismatch("only Tensors of floating point dtype can require gradients")
        self._log()
        self._requires_grad = requires_grad
        return self

    @readonly
    def grad_fn(self) -> Node | None:
        """The node that made this tensor, or None for a leaf."""
        if edge_of(self) is None or self._edge is None:
            return None
        return self._edge[0]

    @readonly
    def output_nr(self) -> int:
        """Which output of its node this tensor is."""
        return 0 if self._edge is None else self._edge[0].number_of(self._edge[1])

    @readonly
    def is_leaf(self) -> bool:
        """True if no recorded op made this tensor."""
        return self.grad_fn is None

    @property
    def grad(self) -> Tensor | None:
        """The accumulated gradient, or None."""
        return self._grad

    @grad.setter
    def grad(self, grad: Tensor | None) -> None:
        check_grad(self, grad)
        if grad is not None:
            grad.settle()  # backward adds to its memory
        self._log()
        self._grad = grad

    @grad.deleter
    def grad(self) -> None:
        self._log()
        self._grad = None

    @property
    def grad_dtype(self) -> dtypes.DType | None:
        """The dtype of a leaf's `.grad`: the leaf's own unless set; None allows any.

        Raises RuntimeError for a non-leaf.
        """
        if not self.is_leaf:
            raise errors.bad_argument("grad_dtype can only be accessed on leaf tensors.")
        chosen = self._grad_dtype
        return self.dtype if chosen is UNSET else chosen and dtypes.BY_NUMPY[chosen]

    @grad_dtype.setter
    def grad_dtype(self, value: Any) -> None:
        if not self.is_leaf:
            raise errors.bad_argument("grad_dtype can only be set on leaf tensors.")
        if value is not None and not isinstance(value, dtypes.DType):
            kind = type(value).__name__
            raise errors.bad_argument(f"grad_dtype must be a torch.dtype or None, but got {kind}")
        if value is not None and self._grad is not None and self._grad.dtype is not value:
            raise errors.dtype_mismatch(
                f"Cannot set grad_dtype to '{value.type_name}' because there is already a gradient with dtype "
                f"'{self._grad.dtype.cpp_name}'. Please clear the gradient (.grad = None) before changing grad_dtype, "
                "or ensure the new grad_dtype matches the existing gradient's dtype."
            )
        self._grad_dtype = value and value.numpy
        self._accumulator = None  # the next graph's leaf node takes gradients of this dtype

    def retain_grad(self) -> None:
        """Keep `.grad` of this non-leaf in backward.

        Raises RuntimeError if it does not require grad.
        """
        if not self.requires_grad:
            raise errors.bad_argument(errors.RETAIN)
        edge = edge_of(self)
        if self._edge is None or edge is None or self._retains:
            return
        self._log()
        self._retains = True
        edge[0].hook_tables().retains[edge[1]] = weakref.ref(self)

    def register_hook(self, hook: Callable[[Tensor], Any]) -> RemovableHandle:
        """Call `hook(grad)` whenever this tensor's gradient is computed; a result other than None takes its place.

        Raises RuntimeError if the tensor does not require grad.
        """
        if not self.requires_grad:
            raise errors.bad_argument("cannot register a hook on a tensor that doesn't require gradient")
        edge = edge_of(self)
        if self._edge is not None and edge is not None:
            return edge[0].hook_tables().on_tensor(edge[1], hook)
        return self._leaf_hooks().on_tensor(0, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Call `hook(tensor)` after a gradient was accumulated into this leaf.

        Raises RuntimeError for a non-leaf or a tensor that does not require grad.
        """
        if not self.requires_grad:
            raise errors.bad_argument("cannot register a hook on a tensor that doesn't require gradient")
        if not self.is_leaf:
            raise errors.bad_argument("post accumulate grad hooks cannot be registered on non-leaf tensors")
        return RemovableHandle([self._leaf_hooks().accumulated], hook)

    def _leaf_hooks(self) -> Hooks:
        if self._hooks is None:
            self._hooks = Hooks()
        return self._hooks

    @readonly
    def retains_grad(self) -> bool:
        """True if `retain_grad` was called on this non-leaf."""
        return self._retains

    @property
    def data(self) -> Tensor:
        """The values, outside the graph: same storage, a version counter of its own."""
        return wrap(self._array[...] if state.ctx.dual_level else self._array)  # tangents go by array

    @data.setter
    def data(self, other: Any) -> None:
        if not isinstance(other, Tensor):
            raise errors.bad_type(f"Variable data has to be a tensor, but got {type(other).__name__}")
        if self.requires_grad and not other.dtype.differentiable:
            raise errors.dtype_mismatch(
                "data set to a tensor that requires gradients must be floating point or complex dtype"
            )
        self._set_array(other._array)

    @data.deleter
    def data(self) -> None:
        raise errors.bad_argument("Deleting tensor data is not allowed. Delete tensor instead!")

    def _set_array(self, array: Any, count: int = 0) -> None:
        """Have other values, also where graphs saved this tensor; `count` says whether they notice it as a change.

        Gradients of graphs there are arrive in the old form.
        """
        self._log()
        if state.ctx.log is not None:
            state.ctx.log.version(self._counter)
        old = self._array
        self._counter[0] = Replaced(self._counter[0], old, array, count)
        node: Any = self._accumulator and self._accumulator()
        if array.dtype != old.dtype or arrays.device_of(array) != arrays.device_of(old):
            self._accumulator = None
        elif node is not None:
            node.hook_tables()  # no longer the leaf's form: it takes the way of leaves with hooks
        self._array = array

    def detach_(self) -> Tensor:
        """Take this tensor out of its graph, as a leaf that does not require grad; its hooks stay with it.

        Raises RuntimeError for a view.
        """
        if self._view is not None:
            raise errors.bad_argument(DETACH_VIEW)
        self._log()
        if self._edge is not None and self._edge[0].hooks is not None:
            table = self._edge[0].hooks.tensors.get(self._edge[1])
            if table:
                self._leaf_hooks().tensors[0] = table
        self._edge = None
        self._requires_grad = False
        self._retains = False
        return self

    @readonly
    def _version(self) -> int:
        if type(self._counter) is InferenceCounter:
            raise errors.bad_argument("Inference tensors do not track version counter.")
        return int(self._counter[0])

    def is_inference(self) -> bool:
        """True for a tensor made under inference mode."""
        return type(self._counter) is InferenceCounter

    @property
    def _memory(self) -> Any:
        """What lies in memory: the values, but for a conjugate that shares it."""
        return self._array

    def settle(self) -> None:
        """Give a conjugate that shares memory some of its own."""

    def is_conj(self) -> bool:
        """Whether this is a conjugate that shares its memory."""
        return False

    def is_neg(self) -> bool:
        """Whether this is a negative that shares its memory."""
        return False

    def _is_view(self) -> bool:
        return self._view is not None

    @property
    def _base(self) -> Tensor | None:
        return None if self._view is None else self._view.base

    def _log(self) -> None:
        log = state.ctx.log
        if log is not None:
            log.tensor(self)

    def snapshot(self) -> tuple[Any, ...]:
        """The fields an undo log keeps."""
        view = self._view
        stamp = None if view is None else (view.stamp, view.replay)
        leaf = self._accumulator
        return (self._array, self._edge, self._requires_grad, self._grad, self._retains, leaf, view, stamp)

    def restore(self, fields: tuple[Any, ...]) -> None:
        """Put back what `snapshot` gave."""
        self._array, self._edge, self._requires_grad, self._grad, self._retains = fields[:5]
        self._accumulator, self._view, stamp = fields[5:]
        if self._view is not None:
            self._view.stamp, self._view.replay = stamp

    def __getitem__(self, index: Any) -> Tensor:
        from engine.indexing import getitem

        return getitem(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        from engine.indexing import setitem

        setitem(self, index, value)

    def __invert__(self) -> Any:
        if self.dtype.differentiable:
            raise errors.bad_type("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
        return registry["bitwise_not"](self)

    def __delitem__(self, index: Any) -> None:
        raise errors.bad_type("Tensor does not support deleting items")

    def __copy__(self) -> Tensor:
        made = _leaf_of(self._array, self.requires_grad)
        made.__dict__.update(self.__dict__)
        return made

    def __reduce_ex__(self, protocol: Any) -> Any:
        values = arrays.to_host(self._array).copy(order="K"), self.requires_grad
        return (_leaf_of, values, self.__dict__) if self.__dict__ else (_leaf_of, values)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if not self.is_leaf:
            raise errors.bad_argument(errors.DEEPCOPY)
        made = _leaf_of(_copied_memory(self._array, memo), self._requires_grad)
        memo[id(self)] = made
        if self._grad is not None:
            made._grad = self._grad.__deepcopy__(memo)
        made.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return made


DETACH_VIEW = (
    "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for training, "
    "and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence detach_() cannot be "
    "called on these gradients. To fix this error, please refer to the Optimizer.zero_grad() function in "
    "torch/optim/optimizer.py as the solution."
)

_new = object.__new__


def wrap(array: Any) -> Tensor:
    """A leaf that does not require grad and owns its version counter."""
    tensor = _new(Tensor)
    tensor._array = array
    tensor._counter = [0]
    tensor._edge = None
    tensor._requires_grad = False
    tensor._grad = None
    tensor._view = None
    tensor._accumulator = None
    tensor._retains = False
    tensor._hooks = None
    return tensor


def _leaf_of(array: Any, requires_grad: bool) -> Tensor:
    """A leaf with these values: what copies and pickles give back, at the version at which torch has filled it."""
    made = wrap(array)
    made._counter[0] = 1
    made._requires_grad = requires_grad
    return made


def _copied_memory(array: Any, memo: dict[int, Any]) -> Any:
    """The array in a copy of its whole memory, which what shares it shares afterwards."""
    root = arrays.owner(array)
    if id(root) not in memo:
        memo[id(root)] = root.copy(order="K"), root  # held, so that the number stays its own
    strides = arrays.element_strides(array)
    return arrays.as_strided(memo[id(root)][0], array.shape, strides, arrays.offset_of(array))


Tensor.requires_grad_.__qualname__ = "requires_grad_"  # as messages about its arguments name it


def wrap_saved(array: Any, version: list[Any], edge: Edge | None = None, anew: bool = False) -> Any:
    """A saved value as a tensor at its place in the graph.

    A leaf comes back as itself, or (`anew`: the value is not the leaf's own) as another tensor at its place.
    """
    if array is None:
        return None
    array = arrays.as_array(array)
    variable = getattr(edge[0], "variable", None) if edge is not None else None
    if variable is not None and not anew:
        return variable
    tensor = wrap(array)
    tensor._counter = [0] if version is FROZEN else version
    if variable is None:
        tensor._edge = edge
    else:
        tensor._requires_grad = True
        tensor._accumulator = variable._accumulator
    return tensor


Node.wrap_saved = staticmethod(wrap_saved)


def full_as(like: Tensor, value: Any) -> Tensor:
    """A Python number as a 0-d tensor beside `like`, of the dtype both promote to."""
    dtype = dtypes.result_type([like._array, value], state.ctx.default_dtype)
    return wrap(arrays.put(arrays.scalar(value, dtype.numpy), like.device))


def check_grad(tensor: Tensor, grad: Any) -> None:
    """Whether `grad` may be assigned as the tensor's `.grad`.

    Raises TypeError or RuntimeError with torch's texts.
    """
    if grad is None:
        return
    if not isinstance(grad, Tensor):
        kind = type(grad).__name__
        raise errors.bad_type(f"assigned grad expected to be a Tensor or None but got grad of type {kind}")
    if grad is tensor:
        raise errors.bad_argument("can't assign Variable as its own grad")
    wanted = tensor.grad_dtype if tensor.is_leaf else tensor.dtype
    if wanted is not None and grad.dtype is not wanted:
        raise errors.dtype_mismatch(
            f"attempting to assign a gradient with dtype '{grad.dtype.cpp_name}' to a tensor with grad_dtype "
            f"'{wanted.type_name}'. The gradient must match the tensor's grad_dtype (defaults to the tensor's "
            "dtype). You can set the tensor's grad_dtype attribute with a specific dtype, or None to allow any dtype. "
            "Set grad_dtype with caution. Diverging the dtypes of a tensor and its gradient may break downstream "
            "systems that assume they match."
        )
    if grad.shape != tensor.shape:
        raise errors.shape_mismatch(
            f"attempting to assign a gradient of size '{list(grad.shape)}' to a tensor of size "
            f"'{list(tensor.shape)}'. Please ensure that the gradient and the tensor are the same size"
        )

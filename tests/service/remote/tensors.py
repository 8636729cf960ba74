"""Tensors: names in the session, whose methods and operators are steps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np

from engine.printing import format_tensor
from engine.size import Size

from .nodes import RemoteNode
from .speech import DTYPE_OF, NotSayable, decoded, spoken_index

if TYPE_CHECKING:
    from .module import Torch

PROPERTIES = ("T", "mT", "H", "mH", "real", "imag", "data")
ATTRIBUTES = ("device", "output_nr", "itemsize", "nbytes", "is_cpu", "is_cuda")
BINARY = {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "floordiv": "floor_divide", "mod": "remainder",
    "pow": "pow", "matmul": "matmul", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "lshift": "bitwise_left_shift", "rshift": "bitwise_right_shift",
}  # fmt: skip
COMPARISONS = {"lt": "lt", "le": "le", "gt": "gt", "ge": "ge", "eq": "eq", "ne": "ne"}


class RemoteTensor:
    """A name in the session."""

    __hash__ = object.__hash__

    def __init__(self, torch: Torch, name: str) -> None:
        self.__dict__.update(_torch=torch, _name=name)

    def spoken_name(self) -> str:
        """The name; what is being noted of a function of the snippet's own learns that it is used."""
        self._torch.used(self)
        return self._name

    # -- what the tensor object says

    def told(self) -> dict[str, Any]:
        """The tensor object."""
        path, _, grad = self._name.partition(".")
        return self._torch.session.get(path + ("/grad" if grad else ""))

    shape = property(lambda self: Size(self.told()["shape"]))
    dtype = property(lambda self: DTYPE_OF[self.told()["dtype"]])
    requires_grad = property(lambda self: self.told()["requires_grad"])
    is_leaf = property(lambda self: self.told()["is_leaf"])
    retains_grad = property(lambda self: self.told()["retains_grad"])
    _version = property(lambda self: self.told()["version"])
    ndim = property(lambda self: len(self.told()["shape"]))

    @property
    def grad_fn(self) -> RemoteNode | None:
        return None if self.told()["grad_fn"] is None else self._torch.node_of(self._name)

    @property
    def grad(self) -> RemoteTensor | None:
        return None if self.told()["grad"] is None else self._torch.named(f"{self._name}.grad")

    def size(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self._torch.call("size", self, dim)

    def dim(self) -> int:
        return self.ndim

    def numel(self) -> int:
        return math.prod(self.shape)

    def tolist(self) -> Any:
        return decoded(self.told())

    def item(self) -> Any:
        told = self._torch.call("item", self)
        return complex(*told) if isinstance(told, tuple) else told

    def __repr__(self) -> str:
        told = self.told()
        name = told["dtype"]
        kind = np.dtype({"bool": np.bool_, "bfloat16": ml_dtypes.bfloat16}.get(name, name))
        return format_tensor(
            np.array(decoded(told), kind).reshape(told["shape"]),
            dtype=name,
            requires_grad=told["requires_grad"],
            grad_fn=told["grad_fn"],
            default_dtype=self._torch.default_dtype,
        )

    def __format__(self, spec: str) -> str:
        return object.__format__(self, spec) if self.ndim else format(self.item(), spec)

    # -- what Python makes of it

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        item = self.item()
        if type(item) is not int:
            raise NotSayable("an index of this kind")
        return item

    def __bool__(self) -> bool:
        return bool(self._torch.call("is_nonzero", self))

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._torch.call("unbind", self))

    def __contains__(self, element: Any) -> bool:
        if not isinstance(element, (RemoteTensor, bool, int, float, complex)):
            raise NotSayable("`in` of this kind")
        return bool((self == element).any())

    # -- what changes it

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "requires_grad" and isinstance(value, bool):
            self.requires_grad_(value)
        elif name == "grad" and (value is None or isinstance(value, RemoteTensor)):
            self._torch.keep_grad(self._name)
            self._torch.call("set_grad", self, value)
        else:
            raise NotSayable(f"set {name}")

    def __delattr__(self, name: str) -> None:
        if name != "grad":
            raise NotSayable(f"del {name}")
        self.grad = None

    def backward(
        self, gradient: Any = None, retain_graph: Any = None, create_graph: Any = None, inputs: Any = None
    ) -> None:
        self._torch.backward(self, gradient, retain_graph, create_graph, inputs)

    def requires_grad_(self, requires_grad: bool = True) -> RemoteTensor:
        self._torch.call("requires_grad_", self, requires_grad)
        return self

    def retain_grad(self) -> None:
        self._torch.call("retain_grad", self)

    def register_hook(self, function: Any) -> Any:
        return self._torch.hooks.register(f"{self._name}.register_hook", function)

    def register_post_accumulate_grad_hook(self, function: Any) -> Any:
        return self._torch.hooks.register(f"{self._name}.register_post_accumulate_grad_hook", function)

    def __getitem__(self, index: Any) -> Any:
        return self._torch.call("getitem", self, index=spoken_index(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        self._torch.call("setitem_", self, index=spoken_index(index), value=value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._torch.catalogue:
            raise NotSayable(f"Tensor.{name}")
        if name in PROPERTIES or name in ATTRIBUTES:
            return self._torch.call(name, self)
        return lambda *args, **kwargs: self._torch.call(name, self, *args, **kwargs)

    def __neg__(self) -> Any:
        return self._torch.call("neg", self)

    def __pos__(self) -> Any:
        return self._torch.call("positive", self)

    def __invert__(self) -> Any:
        return self._torch.call("bitwise_not", self)

    def __abs__(self) -> Any:
        return self._torch.call("abs", self)

    def __rtruediv__(self, other: Any) -> Any:
        return self._torch.call("mul", self._torch.call("reciprocal", self), other)

    def __rsub__(self, other: Any) -> Any:
        return self._torch.call("rsub", self, other)


def _operator(op: str, swapped: bool = False) -> Any:
    def method(self: RemoteTensor, other: Any) -> Any:
        if not isinstance(other, (RemoteTensor, bool, int, float, complex)):
            return NotImplemented
        return self._torch.call(op, *((other, self) if swapped else (self, other)))

    return method


for _name, _op in BINARY.items():
    setattr(RemoteTensor, f"__{_name}__", _operator(_op))
    if f"__r{_name}__" not in vars(RemoteTensor):
        setattr(RemoteTensor, f"__r{_name}__", _operator(_op, swapped=_op not in ("add", "mul")))
    setattr(RemoteTensor, f"__i{_name}__", _operator(f"{_op}_"))
for _name, _op in COMPARISONS.items():
    setattr(RemoteTensor, f"__{_name}__", _operator(_op))

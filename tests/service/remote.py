"""A module that looks like torch and says every call as a step over HTTP, so that a snippet runs on the server.

What has no step (a hook, a function of the snippet's own, a view's base) raises `NotSayable`.
"""

from __future__ import annotations

import itertools
import math
from collections import namedtuple
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np

from engine.printing import format_tensor
from engine.size import Size

DTYPES = (
    "float16 bfloat16 float32 float64 int8 int16 int32 int64 uint8 bool complex64 complex128".split()  # noqa: SIM905
)
ALIASES = {"half": "float16", "float": "float32", "double": "float64", "int": "int32", "long": "int64"}
NAMESPACES = ("linalg", "nn", "nn.functional", "special", "fft")
PROPERTIES = ("T", "mT", "H", "mH", "real", "imag", "data")
BINARY = {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "floordiv": "floor_divide", "mod": "remainder",
    "pow": "pow", "matmul": "matmul", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
}  # fmt: skip
COMPARISONS = {"lt": "lt", "le": "le", "gt": "gt", "ge": "ge", "eq": "eq", "ne": "ne"}


class NotSayable(Exception):
    """A call that has no step."""


class Refused(NotImplementedError, IndexError, TypeError, ValueError):  # the wire tells no types
    """A problem the server answered with; the text is its detail."""


class Dtype:
    """A dtype by its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dtype) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


class RemoteNode:
    """What the wire tells of a node: its name."""

    def name(self) -> str:
        name = type(self).__name__
        return f"torch::autograd::{name}" if name in ("AccumulateGrad", "CopySlices") else name

    def __getattr__(self, name: str) -> Any:
        raise NotSayable(f"grad_fn.{name}")


class RemoteTensor:
    """A name in the session."""

    __hash__ = object.__hash__

    def __init__(self, torch: Torch, name: str) -> None:
        self.__dict__.update(_torch=torch, _name=name)

    # -- what the tensor object says

    def _object(self) -> dict[str, Any]:
        path, _, grad = self._name.partition(".")
        return self._torch.session.get(path + ("/grad" if grad else ""))

    shape = property(lambda self: Size(self._object()["shape"]))
    dtype = property(lambda self: Dtype(self._object()["dtype"]))
    requires_grad = property(lambda self: self._object()["requires_grad"])
    is_leaf = property(lambda self: self._object()["is_leaf"])
    retains_grad = property(lambda self: self._object()["retains_grad"])
    _version = property(lambda self: self._object()["version"])
    ndim = property(lambda self: len(self._object()["shape"]))

    @property
    def grad_fn(self) -> RemoteNode | None:
        name = self._object()["grad_fn"]
        return name and type(name, (RemoteNode,), {})()

    @property
    def grad(self) -> RemoteTensor | None:
        return None if self._object()["grad"] is None else self._torch.named(f"{self._name}.grad")

    def size(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        return self.ndim

    def numel(self) -> int:
        return math.prod(self.shape)

    def tolist(self) -> Any:
        return decoded(self._object())

    def item(self) -> Any:
        return self._torch.call("item", self)

    def __repr__(self) -> str:
        told = self._object()
        name = told["dtype"]
        kind = np.dtype({"bool": np.bool_, "bfloat16": ml_dtypes.bfloat16}.get(name, name))
        array = np.array(decoded(told), kind).reshape(told["shape"])
        return format_tensor(array, dtype=name, requires_grad=told["requires_grad"], grad_fn=told["grad_fn"])

    def __float__(self) -> float:
        return float(self.item())

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._torch.call("unbind", self))

    def __bool__(self) -> bool:
        raise NotSayable("bool of a tensor")

    # -- what changes it

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "requires_grad" and isinstance(value, bool):
            self.requires_grad_(value)
        elif name == "grad" and (value is None or isinstance(value, RemoteTensor)):
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

    def __getitem__(self, index: Any) -> Any:
        return self._torch.call("getitem", self, index=spoken_index(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        self._torch.call("setitem_", self, index=spoken_index(index), value=value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._torch.catalogue:
            raise NotSayable(f"Tensor.{name}")
        if name in PROPERTIES:
            return self._torch.call(name, self)
        return lambda *args, **kwargs: self._torch.call(name, self, *args, **kwargs)

    def __neg__(self) -> Any:
        return self._torch.call("neg", self)

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


class Namespace:
    """`torch.linalg` and its like."""

    def __init__(self, torch: Torch, path: str) -> None:
        self._torch, self._path = torch, path

    def __getattr__(self, name: str) -> Any:
        return self._torch.found(f"{self._path}.{name}")


class Mode:
    """`torch.no_grad()` and `torch.enable_grad()`, as a block."""

    def __init__(self, torch: Torch, mode: bool) -> None:
        self._torch, self._mode = torch, mode

    def __enter__(self) -> None:
        self._before = self._torch.is_grad_enabled()
        self._torch.set_grad_enabled(self._mode)

    def __exit__(self, *error: object) -> None:
        self._torch.set_grad_enabled(self._before)


class Torch:
    """The module: a session, and the ops the server lists."""

    __name__ = "torch"

    def __init__(self, session: Any, catalogue: set[str]) -> None:
        self.session = session
        self.catalogue = catalogue
        self.autograd = Autograd(self)
        self._known: dict[str, RemoteTensor] = {}
        self._recording = True
        self._names = (f"v{at}" for at in itertools.count())
        self.inf, self.nan, self.pi = math.inf, math.nan, math.pi

    def named(self, name: str) -> RemoteTensor:
        return self._known.setdefault(name, RemoteTensor(self, name))

    def fresh(self) -> str:
        return next(self._names)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        response = self.session.send("POST", path, body)
        if not response.is_success:
            raise Refused(response.json()["detail"])
        return response.json()

    def call(self, op: str, *args: Any, **kwargs: Any) -> Any:
        """One step."""
        if op not in self.catalogue and op not in STEPS:
            raise NotSayable(op)
        body = {name: spoken(value) for name, value in kwargs.items()}
        if args:
            body["args"] = [spoken(each) for each in args]
        answer = self.post(f"ops/{op}", body)
        if "results" in answer:
            return self._several(op, answer["results"])
        if answer["result"] is None:
            return value_of(answer.get("value"))
        return self.named(answer["result"]["name"])

    def _several(self, op: str, results: list[dict[str, Any]]) -> Any:
        tensors = [None if each is None else self.named(each["name"]) for each in results]
        names = self._outputs(op, len(tensors))
        return namedtuple(op.rpartition(".")[2], names)(*tensors) if names else tuple(tensors)

    def _outputs(self, op: str, count: int) -> list[str]:
        """The names of so many results, where the op gives them names."""
        for each in self.session.client.get(f"/v1/ops/{op}").json()["signatures"]:
            if len(each["outputs"]) == count and not each["returns_list"]:
                return each["outputs"]
        return []

    def backward(
        self, tensors: Any, gradient: Any = None, retain_graph: Any = None, create_graph: Any = None, inputs: Any = None
    ) -> None:
        body = {"tensors": spoken(tensors)}
        given = {"grad_tensors": gradient, "retain_graph": retain_graph, "create_graph": create_graph, "inputs": inputs}
        self.post("backward", body | {name: spoken(value) for name, value in given.items() if value is not None})

    def tensor(self, data: Any, dtype: Any = None, requires_grad: bool = False) -> Any:
        said, kind = literal(data)
        body = {"data": said, "requires_grad": requires_grad}
        if dtype is not None or kind:
            body["dtype"] = spoken(dtype) if dtype is not None else kind
        answer = self.post("tensors", {"name": self.fresh(), **body})
        return self.named(answer["name"])

    def is_grad_enabled(self) -> bool:
        return self._recording

    def set_grad_enabled(self, mode: bool) -> None:
        self.call("set_grad_enabled", mode)
        self._recording = mode

    def manual_seed(self, seed: int) -> None:
        self.call("manual_seed", seed)

    def no_grad(self) -> Mode:
        return Mode(self, False)

    def enable_grad(self) -> Mode:
        return Mode(self, True)

    def found(self, path: str) -> Any:
        if path in NAMESPACES:
            return Namespace(self, path)
        if path not in self.catalogue:
            raise NotSayable(f"torch.{path}")

        def function(*args: Any, **kwargs: Any) -> Any:
            return self.call(path, *args, **kwargs)

        function.__name__ = path.rpartition(".")[2]
        return function

    def __getattr__(self, name: str) -> Any:
        if name in DTYPES or name in ALIASES:
            return Dtype(ALIASES.get(name, name))
        return self.found(name)


class Autograd:
    """`torch.autograd`: what of it has steps."""

    def __init__(self, torch: Torch) -> None:
        self._torch = torch

    def backward(self, tensors: Any, grad_tensors: Any = None, retain_graph: Any = None, create_graph: Any = None,
                 inputs: Any = None) -> None:  # fmt: skip
        self._torch.backward(tensors, grad_tensors, retain_graph, create_graph, inputs)

    def grad(self, outputs: Any, inputs: Any, grad_outputs: Any = None, **options: Any) -> Any:
        wanted = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        body = {
            "outputs": spoken(outputs),
            "inputs": spoken(list(wanted)),
            "out": [self._torch.fresh() for _ in wanted],
        }
        if grad_outputs is not None:
            body["grad_outputs"] = spoken(grad_outputs)
        answer = self._torch.post("grad", body | {name: spoken(value) for name, value in options.items()})
        return tuple(None if each is None else self._torch.named(each["name"]) for each in answer["grads"])

    def __getattr__(self, name: str) -> Any:
        raise NotSayable(f"torch.autograd.{name}")


STEPS = {
    "getitem", "setitem_", "requires_grad_", "retain_grad", "detach_", "set_grad", "set_grad_enabled", "manual_seed",
}  # fmt: skip


def spoken(value: Any) -> Any:
    """An argument as JSON."""
    if isinstance(value, RemoteTensor):
        return value._name
    if isinstance(value, Dtype):
        return value.name
    if isinstance(value, complex):
        return {"complex": [spoken(value.real), spoken(value.imag)]}
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [spoken(each) for each in value]
    if isinstance(value, dict) and set(value) == {"at"}:
        return value["at"]
    raise NotSayable(f"an argument of type {type(value).__name__}")


def spoken_index(index: Any) -> Any:
    """An index as the wire writes it."""
    entries = index if isinstance(index, tuple) else (index,)
    return {"at": [_entry(each) for each in entries]}


def _entry(index: Any) -> Any:
    if isinstance(index, slice):
        ends = (index.start, index.stop, index.step)
        if not all(each is None or type(each) is int for each in ends):
            raise NotSayable("a slice of this kind")
        start, stop, step = ("" if each is None else str(each) for each in ends)
        return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"
    if index is Ellipsis:
        return "..."
    if isinstance(index, (float, str, complex)):
        raise NotSayable("an index of this kind")
    return spoken(index)


def literal(data: Any) -> tuple[Any, str | None]:
    """Data as JSON, and the dtype it has to be sent with where JSON alone does not say it."""
    flat = list(numbers(data))
    if any(isinstance(each, complex) for each in flat):
        return paired(data), "complex64"
    return spoken(data), "int64" if flat and all(type(each) is int for each in flat) else None


def numbers(data: Any) -> Iterator[Any]:
    if isinstance(data, (list, tuple)):
        for each in data:
            yield from numbers(each)
    elif isinstance(data, (bool, int, float, complex)):
        yield data
    else:
        raise NotSayable(f"data of type {type(data).__name__}")


def paired(data: Any) -> Any:
    if isinstance(data, (list, tuple)):
        return [paired(each) for each in data]
    return [spoken(complex(data).real), spoken(complex(data).imag)]


def value_of(value: Any) -> Any:
    """A value that is no tensor: sizes as a tuple, numbers that JSON does not have."""
    if isinstance(value, list):
        return tuple(value_of(each) for each in value)
    if isinstance(value, str) and value.removeprefix("-") in ("NaN", "Infinity"):
        return float(value)
    return value


def decoded(told: dict[str, Any]) -> Any:
    """The values of a tensor object as Python numbers."""
    return _values(told["data"], len(told["shape"]), told["dtype"].startswith("complex"))


def _values(data: Any, depth: int, pairs: bool) -> Any:
    if depth:
        return [_values(each, depth - 1, pairs) for each in data]
    if pairs:
        return complex(float(data[0]), float(data[1]))
    return float(data) if isinstance(data, str) else data


__all__ = ["NotSayable", "Refused", "Torch"]

"""What torch's database holds, in the engine's terms: tensors, dtypes, and functions that call torch.

A function of the database is run on the engine by giving its code other globals, in which `torch` is the engine.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import BuiltinFunctionType, CellType, FunctionType
from typing import Any

import ml_dtypes
import numpy as np
import torch

import engine

Array = np.ndarray[Any, Any]
DATABASE = "torch.testing."


class Untranslatable(Exception):
    """A value that has no counterpart in the engine: sparse tensors, complex halves, layouts."""


class Translator:
    """Translates the arguments of one call; a tensor that occurs twice is one tensor there too."""

    def __init__(self) -> None:
        self.memo: dict[int, Any] = {}
        self.leaves: list[tuple[Any, Any]] = []  # torch's and the engine's, those that require grad

    def value(self, value: Any) -> Any:
        """The same value for the engine. Raises Untranslatable."""
        if isinstance(value, torch.Tensor):
            if id(value) not in self.memo:
                self.memo[id(value)] = self._tensor(value)
            return self.memo[id(value)]
        if isinstance(value, torch.Size):
            return tuple(value)
        if isinstance(value, list | tuple):
            made = [self.value(each) for each in value]
            return type(value)(*made) if hasattr(value, "_fields") else type(value)(made)
        if isinstance(value, dict):
            return {key: self.value(each) for key, each in value.items()}
        if isinstance(value, slice):
            return slice(self.value(value.start), self.value(value.stop), self.value(value.step))
        return constant(value)

    def _tensor(self, tensor: torch.Tensor) -> Any:
        made = in_engine(tensor)
        if tensor.requires_grad:
            made = made.detach().requires_grad_()
            self.leaves.append((tensor, made))
        return made


def constant(value: Any) -> Any:
    """A value that is no tensor."""
    if isinstance(value, torch.dtype | torch.memory_format | torch.layout):
        name = str(value).removeprefix("torch.")
        if not hasattr(engine, name):
            raise Untranslatable(name)
        return getattr(engine, name)
    if isinstance(value, torch.device):
        return engine.device(str(value))
    if isinstance(value, torch.Generator):
        return engine.Generator().manual_seed(value.initial_seed())
    if callable(value) and not isinstance(value, type):
        return function(value)
    return value


def in_engine(tensor: torch.Tensor) -> Any:
    """An engine tensor of the same values, sizes, strides and offset."""
    known = tensor.layout is torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
    if (
        not known
        or tensor.ndim > 64
        or tensor.dtype is torch.complex32
        or (tensor.numel() and not tensor.untyped_storage().nbytes())
    ):
        raise Untranslatable(f"{tensor.layout} {tensor.dtype} {tensor.device}")
    tensor = tensor.detach().resolve_conj().resolve_neg()
    if tensor.is_contiguous() and tensor.untyped_storage().nbytes() == tensor.nbytes:
        return engine.from_numpy(numpy_of(tensor).copy())
    flat = torch.empty(0, dtype=tensor.dtype).set_(tensor.untyped_storage())  # type: ignore[call-overload]
    base = engine.from_numpy(numpy_of(flat).copy())
    return base.as_strided(tuple(tensor.shape), tensor.stride(), tensor.storage_offset())


def numpy_of(tensor: torch.Tensor) -> Array:
    """A torch tensor's values."""
    tensor = tensor.detach().resolve_conj().resolve_neg()
    if tensor.dtype is torch.bfloat16:
        return tensor.to(torch.float32).numpy(force=True).astype(ml_dtypes.bfloat16)
    return tensor.numpy(force=True)  # zeros of torch's own kind need the force


def named(path: str) -> Any:
    """The engine's function of this name, or the method that torch has instead. Raises AttributeError."""
    parts = path.removeprefix("torch.").split(".")
    if len(parts) == 1 and not callable(getattr(engine, path, None)):  # `cdouble` is a dtype and a method
        return getattr(engine.Tensor, path)
    return functools.reduce(getattr, parts, engine)


@functools.cache
def function(theirs: Callable[..., Any]) -> Callable[..., Any]:
    """A function of torch or of its database, as one of the engine."""
    if isinstance(theirs, functools.partial):
        return functools.partial(function(theirs.func), *theirs.args, **theirs.keywords)
    if isinstance(theirs, FunctionType) and (theirs.__module__ or "").startswith(DATABASE):
        return _rebound(theirs)
    if isinstance(theirs, torch.nn.PairwiseDistance):
        settings = {"p": theirs.norm, "eps": theirs.eps, "keepdim": theirs.keepdim}
        return functools.partial(engine.nn.functional.pairwise_distance, **settings)
    module = (getattr(theirs, "__module__", None) or "torch").replace("torch._C._", "").replace("torch._C", "")
    owner = getattr(theirs, "__objclass__", None)
    place = "Tensor" if owner is not None else module.removeprefix("torch").strip(".")
    return named(f"{place}.{theirs.__name__}" if place else theirs.__name__)  # type: ignore[no-any-return]


def unseeded(theirs: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the database that draws, without the fixed seed that the database gives it."""
    if not draws(theirs):
        return theirs
    assert isinstance(theirs, FunctionType)
    names = {**theirs.__globals__, "wrapper_set_seed": _call}
    return FunctionType(theirs.__code__, names, theirs.__name__, theirs.__defaults__, theirs.__closure__)


def draws(theirs: Callable[..., Any]) -> bool:
    """Whether the database seeds this function."""
    return isinstance(theirs, FunctionType) and "wrapper_set_seed" in theirs.__code__.co_names


def _rebound(theirs: FunctionType) -> FunctionType:
    names = {**theirs.__globals__, "torch": engine, "wrapper_set_seed": _call, "F": engine.nn.functional}
    for name in theirs.__code__.co_names:
        used = theirs.__globals__.get(name)
        if isinstance(used, FunctionType) and used.__module__.startswith(DATABASE) and name != "wrapper_set_seed":
            names[name] = function(used)
    cells = tuple(CellType(_inside(each.cell_contents)) for each in theirs.__closure__ or ())
    made = FunctionType(theirs.__code__, names, theirs.__name__, theirs.__defaults__, cells)
    made.__kwdefaults__ = theirs.__kwdefaults__
    return made


def _inside(value: Any) -> Any:
    return function(value) if isinstance(value, FunctionType | BuiltinFunctionType) else value


def _call(op: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return op(*args, **kwargs)

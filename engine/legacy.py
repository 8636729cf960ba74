"""Older ways to make and cast tensors: `torch.Tensor(...)`, `torch.FloatTensor(...)`, `x.type(...)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine import arrays, dtypes, errors
from engine.construct import tensor
from engine.modes import state
from engine.tensor import Tensor, wrap

NAMES = {
    kind.tensor_type.removeprefix("torch."): kind
    for kind in (
        dtypes.float16,
        dtypes.bfloat16,
        dtypes.float32,
        dtypes.float64,
        dtypes.uint8,
        dtypes.int8,
        dtypes.int16,
        dtypes.int32,
        dtypes.int64,
        dtypes.bool_,
    )
}


def constructor(name: str) -> Callable[..., Tensor]:
    """`torch.FloatTensor` and its kin: a tensor of one dtype from data, or from sizes."""

    def make(*args: Any) -> Tensor:
        return _made(args, NAMES[name])

    make.__name__ = make.__qualname__ = name
    return make


def new_tensor(cls: type[Tensor], *args: Any) -> Tensor:
    """`torch.Tensor(2, 3)`, `torch.Tensor([1, 2])`: of the default dtype."""
    return _made(args, state.ctx.default_dtype)


def _made(args: tuple[Any, ...], dtype: dtypes.DType) -> Tensor:
    if len(args) == 1 and isinstance(args[0], Tensor):
        return wrap(args[0]._array)
    if len(args) == 1 and isinstance(args[0], (list, tuple, np.ndarray)):
        return tensor(args[0], dtype=dtype)
    if not all(type(each) is int for each in args):
        wrong = next(each for each in args if type(each) is not int)
        raise errors.bad_type(f"new(): data must be a sequence (got {type(wrong).__name__})")
    return wrap(arrays.put(np.zeros(args or (0,), dtype.numpy), state.ctx.default_device))


def tensor_type(self: Tensor, dtype: Any = None) -> Any:
    """The name of the tensor's old type, or the tensor cast to a dtype or to the type of a name.

    Raises ValueError for an unknown name.
    """
    if dtype is None:
        return self.dtype.tensor_type
    if isinstance(dtype, str):
        known = NAMES.get(dtype.removeprefix("torch."))
        if known is None:
            raise errors.bad_value(f"invalid type: '{dtype}'")
        dtype = known
    return self.to(dtype)


def tensor_new(
    self: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A leaf with a copy of the data, of this tensor's dtype and on its device unless told."""
    return tensor(data, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad)


__all__ = ["NAMES", "constructor", "new_tensor", "tensor_new", "tensor_type"]

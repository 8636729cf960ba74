"""Older ways to make and cast tensors: `torch.Tensor(...)`, `torch.FloatTensor(...)`, `x.type(...)`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from engine import arrays, dtypes, errors
from engine.arguments import kind_of
from engine.construct import COPY, MISSING, made_of, tensor
from engine.kinds import ACCEPT, Kind, Mismatch
from engine.modes import state, warn
from engine.op import registry
from engine.size import Size
from engine.tensor import Tensor, wrap
from engine.views import check_inplace

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
    self: Tensor, data: Any = MISSING, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A leaf with a copy of the data, of this tensor's dtype and on its device unless told."""
    if data is MISSING:
        raise errors.bad_type('new_tensor() missing 1 required positional arguments: "data"')
    if data is None:
        raise errors.bad_type("must be real number, not NoneType")
    if isinstance(data, Tensor):
        warn(COPY.format("tensor.new_tensor"), level=3)
    return made_of(data, dtype or self.dtype, device or self.device, requires_grad)


def new(self: Tensor, *args: Any) -> Tensor:
    """A tensor of this dtype from data, or from sizes; of no elements without either."""
    if len(args) == 1 and isinstance(args[0], Size):
        args = tuple(args[0])
    return _made(args, self.dtype)


def resize(self: Tensor, *sizes: Any) -> Tensor:
    """The values in another shape of as many elements, as torch keeps it for old code."""
    warn("non-inplace resize is deprecated")
    shape = tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
    return self.reshape(shape)  # type: ignore[no-any-return]  # an op's method


def resize_as(self: Tensor, other: Tensor) -> Tensor:
    """The values in the shape of another tensor of as many elements."""
    warn("non-inplace resize_as is deprecated")
    return self.reshape(tuple(other.shape))  # type: ignore[no-any-return]  # an op's method


def apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Replace each element by what a function makes of it as a Python number.

    Raises RuntimeError for a tensor that requires grad.
    """
    return map_(self, self, lambda each, _: callable(each), "apply_")


def map_(self: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any], name: str = "map_") -> Tensor:
    """Replace each element by what a function makes of it and another tensor's.

    Raises RuntimeError for a tensor that requires grad.
    """
    if self.requires_grad or tensor.requires_grad:
        raise errors.bad_argument(
            f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead."
        )
    others = registry["broadcast_to"](tensor, tuple(self.shape)).reshape(-1).tolist()
    made = [callable(*pair) for pair in zip(self.reshape(-1).tolist(), others, strict=True)]
    return self.copy_(made_of(made, self.dtype, None, False).reshape(self.shape)) if made else self


def resize_(self: Tensor, *sizes: Any) -> Tensor:
    """Change the shape in place: the values in memory are kept as far as they go, more are zeros.

    Raises RuntimeError for a tensor that requires grad, and for a size below zero.
    """
    if self.requires_grad:
        raise errors.bad_argument("cannot resize variables that require grad")
    if not sizes:
        raise errors.bad_type('resize_() missing 1 required positional arguments: "size"')
    shape = _sizes("resize_", sizes[0] if len(sizes) == 1 else sizes)
    if [each for each in shape if each < 0]:
        raise errors.shape_mismatch("numel: integer multiplication overflow")
    memory = arrays.owner(self._array).reshape(-1)
    wanted = math.prod(shape)
    if memory.size < wanted:
        memory = np.concatenate([memory, np.zeros(wanted - memory.size, memory.dtype)])
    self._set_array(memory[:wanted].reshape(shape), 1)
    return self


def _sizes(said: str, value: Any) -> tuple[int, ...]:
    """Sizes as a tuple of ints; raises TypeError in torch's words for anything else."""
    try:
        return tuple(ACCEPT[Kind.DIMS](value))
    except Mismatch as mismatch:
        detail = str(mismatch) or f", not {kind_of(value)}"
        place = "" if detail.startswith("failed") else "(position 1) must be tuple of ints"
        raise errors.bad_type(f"{said}(): argument 'size' {place}{detail}") from None


def set_(self: Tensor, source: Tensor) -> Tensor:
    """Take the memory and the shape of another tensor.

    Raises RuntimeError for a leaf that requires grad.
    """
    if state.ctx.recording and self.requires_grad:
        check_inplace(self)
    self._set_array(source._array, 1)
    return self


def resize_as_(self: Tensor, the_template: Any) -> Tensor:
    """Change the shape in place to another tensor's."""
    if not isinstance(the_template, Tensor):
        kind = type(the_template).__name__
        raise errors.bad_type(f"resize_as_(): argument 'the_template' (position 1) must be Tensor, not {kind}")
    return resize_(self, tuple(the_template.shape))


def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Fill the main diagonal in place; of a tall matrix with `wrap` again after each block of rows.

    Raises RuntimeError for fewer than two dims, or more than two of unequal sizes.
    """
    shape = tuple(self.shape)
    if len(shape) < 2:
        raise errors.shape_mismatch("dimensions must larger than 1")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise errors.shape_mismatch("all dimensions of input must be of equal length")
    step = sum(self.stride())
    count = min(shape)
    registry["as_strided"](self, (count,), (step,), self.storage_offset()).fill_(fill_value)
    rows, columns = shape[0], shape[1]
    if wrap and len(shape) == 2 and rows > columns + 1:
        start = self.storage_offset() + self.stride(0) * (columns + 1)
        left = -(-(self.numel() - self.stride(0) * (columns + 1)) // step)
        registry["as_strided"](self, (left,), (step,), start).fill_(fill_value)
    return self


__all__ = [
    "NAMES",
    "apply_",
    "constructor",
    "fill_diagonal_",
    "map_",
    "new",
    "new_tensor",
    "resize",
    "resize_",
    "resize_as",
    "resize_as_",
    "set_",
    "tensor_new",
    "tensor_type",
]

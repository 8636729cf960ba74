"""`x[...]` and `x[...] = v`: an index is first views (ints, slices, None, ...), then one advanced index.

torch applies the view part before the tensors; NumPy would broadcast an int among them, so the parts are kept apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import arrays, dtypes, errors
from engine.kinds import INT64_MAX, INT64_MIN, INT_OVERFLOW
from engine.modes import state, warn
from engine.ops.copies import copy_, fill_tensor
from engine.ops.indexing import index, index_put_
from engine.ops.views import alias_, expand, select, slice_, unsqueeze, view
from engine.rules import stored
from engine.tensor import Tensor, wrap
from engine.watching import records, watch, watched

BAD_TYPE = "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got {})"
AS_TUPLE = (
    "Using a non-tuple sequence for multidimensional indexing is deprecated and will be changed in pytorch 2.9; use "
    "x[tuple(seq)] instead of x[seq]. In pytorch 2.9 this will be interpreted as tensor index, x[torch.tensor(seq)], "
    "which will result either in an error or a different result"
)
ZERO_DIM = (
    "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim "
    "tensor to a number"
)


def getitem(tensor: Tensor, key: Any) -> Tensor:
    """`tensor[key]`: a view where the key allows one, else a copy.

    Raises IndexError for indices that do not fit, ValueError for a step that is not positive.
    """
    viewed, advanced = apply_views(tensor, key, True)
    if advanced is not None:
        kept = watched(advanced, _parts(key)) if records(viewed) else ()
        result: Tensor = index(viewed, checked(viewed._array, advanced))
        if kept:
            watch(result, kept)
        return result
    whole: Tensor = alias_(viewed) if viewed is tensor else viewed
    return whole


def setitem(tensor: Tensor, key: Any, value: Any) -> None:
    """`tensor[key] = value`: writes in place, through a view or by an advanced index.

    Raises what `getitem` raises, and RuntimeError for a value that does not broadcast.
    """
    if key is False:
        return
    viewed, advanced = apply_views(tensor, key, False)
    source = as_value(tensor, value)
    if advanced is not None:
        kept = watched(advanced, _parts(key)) if records(viewed, source) else ()
        if source.ndim and source.shape[0] == 1:
            source = view(source, _beyond_ones(source.shape))
        if _fills(advanced, source):
            source = _number_as(tensor, source)
        index_put_(viewed, checked(viewed._array, advanced), source, False)
        if kept:
            watch(viewed, kept)
    elif source.ndim == 0 < viewed.ndim and source.device.type == "cpu":
        fill_tensor(viewed, source)
    else:
        if source.shape != viewed.shape:  # torch has a view also where no ones are
            source = view(source, _beyond_ones(source.shape))
        if source.shape != viewed.shape:
            source = expand(source, tuple(viewed.shape))
        copy_(viewed, source)


def _beyond_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without its leading ones: torch drops all of them."""
    return tuple(shape[next((at for at, size in enumerate(shape) if size != 1), len(shape)) :])


def _parts(key: Any) -> list[Any]:
    return list(key) if isinstance(key, (tuple, list)) else [key]


def as_value(tensor: Tensor, value: Any) -> Tensor:
    """The right-hand side as a tensor; a number in the tensor's own dtype."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, (bool, int, float, complex)):
        dtype = tensor._array.dtype
        if isinstance(value, int) and not INT64_MIN <= value <= INT64_MAX:
            raise errors.bad_value(INT_OVERFLOW)
        return wrap(arrays.scalar(value if dtype in dtypes.HALF_TYPES else stored(value, dtype), dtype))
    if isinstance(value, np.integer):
        return wrap(arrays.scalar(int(value), tensor._array.dtype))
    name = f"numpy.{type(value).__name__}" if isinstance(value, (np.ndarray, np.generic)) else type(value).__name__
    raise errors.bad_type(f"can't assign a {name} to a torch.{tensor.dtype.type_name}Tensor")


def _fills(advanced: list[Any], source: Tensor) -> bool:
    """Whether one value is written where one mask says; torch takes it as a number then, of any dtype."""
    used = [each for each in advanced if each is not None]
    return source.numel() == 1 and len(used) == 1 and bool(used[0].dtype == np.bool_)


def _number_as(target: Tensor, source: Tensor) -> Tensor:
    """One value in the target's dtype.

    Raises RuntimeError for a complex number that a real dtype cannot hold.
    """
    if source.dtype is target.dtype:
        return source
    if source.is_complex() and not target.is_complex() and complex(source.detach()).imag:
        raise errors.bad_argument(f"value cannot be converted to type {target.dtype.scalar_name} without overflow")
    made: Tensor = source.to(target.dtype)
    return made


def apply_views(tensor: Tensor, key: Any, reading: bool) -> tuple[Tensor, list[Any] | None]:
    """The view part of a key, applied; and what is left for an advanced index, or None.

    `reading` a lone slice makes a view in any case; to write to all of it, none is needed.
    """
    if isinstance(key, slice) and tensor.ndim == 0:
        raise errors.bad_index("slice() cannot be applied to a 0-dim tensor.")
    keys = list(key) if isinstance(key, tuple) else [key]
    if _is_written_as_list(key):
        warn(AS_TUPLE, level=4)
        keys = list(key)
    keys = [as_index(each) for each in keys]
    counted = sum(consumed(each) for each in keys)
    if counted > tensor.ndim:
        if tensor.ndim == 0 and type(keys[0]) is int:
            raise errors.bad_index(ZERO_DIM)
        raise errors.bad_index(f"too many indices for tensor of dimension {tensor.ndim}")
    dim = covered = 0  # dims of the result so far, and how many of them the advanced index tells of
    advanced: list[Any] = []
    result = tensor
    for place, each in enumerate(keys):
        if each is None:
            result = unsqueeze(result, dim)
            dim += 1
        elif each is Ellipsis:
            dim += tensor.ndim - counted
        elif type(each) is int:
            check_index(each, result._array.shape[dim], place)
            result = select(result, dim, each)
        elif isinstance(each, slice):
            result = sliced(result, dim, each, keep=reading and isinstance(key, slice))
            dim += 1
        else:
            if each.dtype == np.bool_ and each.ndim == 0:
                result = unsqueeze(result, dim)
            advanced.extend([None] * (dim - covered))
            advanced.append(each)
            dim += max(each.ndim, 1) if each.dtype == np.bool_ else 1
            covered = dim
    return result, advanced or None


def _is_written_as_list(key: Any) -> bool:
    """A short list that holds more than numbers stands for a tuple, as NumPy once had it."""
    parts = (Tensor, list, tuple, str, slice, type(None), type(Ellipsis))
    return isinstance(key, list) and len(key) < 32 and any(isinstance(each, parts) for each in key)


def sliced(tensor: Tensor, dim: int, key: slice, keep: bool) -> Tensor:
    """One slice; one that takes everything is left out unless `keep`, as torch does."""
    step = 1 if key.step is None else key.step
    for each in (key.start, key.stop, step):
        if each is not None and not hasattr(each, "__index__"):
            raise errors.bad_type("slice indices must be integers or None or have an __index__ method")
    start, stop = (None if each is None else int(each) for each in (key.start, key.stop))
    if int(step) == 0:
        raise errors.bad_value("slice step cannot be zero")
    if int(step) < 0:
        raise errors.bad_value("step must be greater than zero")
    length = tensor._array.shape[dim]
    if not keep and step == 1 and not start and (stop is None or stop >= length):
        return tensor
    made: Tensor = slice_(tensor, dim, start, stop, int(step))
    return made


def check_index(index: int, size: int, dim: int) -> None:
    """Raise IndexError for an int outside its dimension."""
    if not -size <= index < size:
        raise errors.bad_index(f"index {index} is out of bounds for dimension {dim} with size {size}")


def as_index(key: Any) -> Any:
    """One entry of a key as None, Ellipsis, int, slice or an index array."""
    if key is None or key is Ellipsis or isinstance(key, slice) or type(key) is int:
        return key
    if isinstance(key, (bool, np.bool_)):
        return np.array(bool(key))
    if isinstance(key, Tensor):
        array = key._array
        batch = state.ctx.batch
        if batch is not None and array.dtype == np.bool_ and batch.holds(array):
            raise errors.bad_argument(
                "vmap: We do not support batching operators that can support dynamic shape. Attempting to batch over "
                "indexing with a boolean mask."
            )
        if array.ndim == 0 and array.dtype.kind in "iu":
            return int(array)
    elif isinstance(key, (list, tuple, range, np.ndarray)):
        array = listed(key)
    elif hasattr(key, "__index__"):
        return int(key)
    elif isinstance(key, str):
        raise errors.bad_type("new(): invalid data type 'str'")
    else:
        raise errors.bad_index(BAD_TYPE.format(type(key).__name__))
    if array.dtype.kind not in "iub":
        raise errors.bad_index("tensors used as indices must be long, int, byte or bool tensors")
    if array.dtype == np.uint8:
        warn("indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.", level=5)
        return array.astype(np.bool_)
    return array


def listed(key: Any) -> Any:
    """A sequence of numbers as an index array; floats lose what is behind the point.

    Raises TypeError for other things in it.
    """
    array = key
    if not isinstance(key, np.ndarray):
        array = np.array([each.item() if isinstance(each, Tensor) else each for each in key], dtype=None)
    if array.dtype.kind in "US":
        raise errors.bad_type("new(): invalid data type 'str'")
    if array.dtype.kind in "uOf" and any(isinstance(each, int) and not INT64_MIN <= each <= INT64_MAX for each in key):
        raise errors.bad_value(INT_OVERFLOW)
    if array.dtype.kind == "c":
        raise errors.bad_type("'complex' object cannot be interpreted as an integer")
    return array.astype(np.int64) if array.size == 0 or array.dtype.kind == "f" else array


def consumed(key: Any) -> int:
    """How many dimensions of the tensor an entry indexes."""
    if key is None or key is Ellipsis:
        return 0
    return key.ndim if isinstance(key, np.ndarray) and key.dtype == np.bool_ else 1


def checked(array: Any, keys: list[Any]) -> tuple[Any, ...]:
    """The advanced index as int64 arrays (masks as positions), all in range and not negative; None for whole dims."""
    result: list[Any] = []
    for key in keys:
        dim = len(result)
        if key is None:
            result.append(None)
        elif key.dtype == np.bool_:
            _check_mask(array, key, dim)
            result.extend(key.reshape(1).nonzero() if key.ndim == 0 else key.nonzero())
        else:
            result.append(_wrapped(key, array.shape[dim], dim))
    shapes = [each.shape for each in result if each is not None]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        listed = ", ".join(str(list(each)) for each in shapes)
        raise errors.coded(
            IndexError,
            "shape_mismatch",
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {listed}",
        ) from None
    return tuple(result)


def _check_mask(array: Any, mask: Any, dim: int) -> None:
    for at, size in enumerate(mask.shape):
        if array.shape[dim + at] != size:
            raise errors.bad_index(
                f"The shape of the mask {list(mask.shape)} at index {at} does not match the shape of the indexed "
                f"tensor {list(array.shape)} at index {dim + at}"
            )


def _wrapped(key: Any, size: int, dim: int) -> Any:
    wide = key.astype(np.int64)
    if wide.size:
        low, high = int(wide.min()), int(wide.max())
        if low < -size or high >= size:
            wrong = high if high >= size else low
            raise errors.bad_index(f"index {wrong} is out of bounds for dimension {dim} with size {size}")
        if low < 0:
            wide = np.where(wide < 0, wide + size, wide)
    return wide

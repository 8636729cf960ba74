"""Tensors from Python data and NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import arrays, dtypes, errors
from engine.devices import Device
from engine.modes import state
from engine.tensor import InferenceCounter, Tensor, wrap

MISSING: Any = object()


def tensor(
    data: Any = MISSING,
    *,
    dtype: dtypes.DType | None = None,
    device: str | Device | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A leaf tensor that copies `data`: a number, nested sequences of numbers, an array or a tensor.

    Without `dtype`, Python floats have the default dtype, ints int64, bools bool, complex numbers the default's
    complex counterpart; arrays and tensors keep theirs. Raises TypeError, ValueError (ragged) or RuntimeError.
    """
    if data is MISSING:
        raise errors.bad_type('tensor() missing 1 required positional arguments: "data"')
    if dtype is not None and not isinstance(dtype, dtypes.DType):
        raise errors.bad_type(f"tensor(): argument 'dtype' must be torch.dtype, not {type(dtype).__name__}")
    array = array_of(data, dtype)
    if dtype is not None:
        array = cast(array, dtype)
    where = state.ctx.default_device if device is None else Device(device)
    if device is None and isinstance(data, Tensor):
        where = data.device
    made = wrap(arrays.put(array, where))
    if state.ctx.inference:
        made._counter = InferenceCounter([0])
    if requires_grad:
        if not made.dtype.differentiable:
            raise errors.dtype_mismatch("Only Tensors of floating point and complex dtype can require gradients")
        made._requires_grad = True
    return made


def array_of(data: Any, dtype: dtypes.DType | None = None) -> Any:
    """A new array of the data, in the dtype torch infers."""
    if isinstance(data, Tensor):
        return data._array.copy()
    if isinstance(data, (np.ndarray, np.generic)):
        array = np.array(data)
        dtypes.of(array)
        return array
    return _from_sequences(data, dtype)


def _from_sequences(data: Any, dtype: dtypes.DType | None) -> Any:
    if isinstance(data, (list, tuple)) and _holds_tensors(data):
        data = _unwrapped(data)
    try:
        array = np.array(data)
    except (ValueError, OverflowError):
        shape = _first_shape(data)
        if 0 not in shape:
            raise _ragged(data, shape) from None
        array = np.empty(shape)  # torch looks no further than the first empty sequence
    kind = array.dtype.kind
    default = state.ctx.default_dtype
    if array.size == 0 and kind == "f":
        return array.astype(default.numpy)
    if kind == "f":
        return array.astype(default.numpy) if dtype is None else array
    if kind == "c":
        return array.astype(default.to_complex().numpy) if dtype is None else array
    if kind in "b" or array.dtype == np.int64:
        return array
    if kind in "iuO" and dtype is not None and dtype.differentiable:
        return _big_numbers(data, array)
    raise _refusal(data, array)


def _big_numbers(data: Any, array: Any) -> Any:
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        raise _refusal(data, array) from None


def _holds_tensors(data: Any) -> bool:
    while isinstance(data, (list, tuple)) and data:
        if any(isinstance(each, Tensor) for each in data):
            return True
        data = data[0]
    return False


def _unwrapped(data: Any) -> Any:
    if isinstance(data, Tensor):
        return data.tolist() if data.numel() != 1 else data.item()
    return [_unwrapped(each) for each in data] if isinstance(data, (list, tuple)) else data


def _refusal(data: Any, array: Any) -> Exception:
    """torch's error for data that are not numbers."""
    first = data
    while isinstance(first, (list, tuple)) and first:
        first = next((each for each in first if not isinstance(each, (bool, int, float, complex))), first[0])
    if isinstance(first, str):
        text = f"new(): invalid data type '{type(first).__name__}'"
        return errors.bad_type(text)
    if first is None or not isinstance(first, (bool, int, float, complex)):
        return errors.bad_argument(f"Could not infer dtype of {type(first).__name__}")
    if array.dtype.kind in "iuO":
        return errors.bad_value("Overflow when unpacking long long")
    return errors.bad_type(f"can't convert data of NumPy dtype {array.dtype}")


def _first_shape(data: Any) -> list[int]:
    """The lengths of the first sequence of each depth."""
    shape: list[int] = []
    while isinstance(data, (list, tuple)):
        shape.append(len(data))
        if not data:
            break
        data = data[0]
    return shape


def _ragged(data: Any, shape: list[int]) -> Exception:
    """torch's error for sequences of unequal lengths."""
    level = [data]
    for dim, size in enumerate(shape):
        for each in level:
            if not isinstance(each, (list, tuple)):
                return errors.bad_type("not a sequence")
            if len(each) != size:
                return errors.bad_value(f"expected sequence of length {size} at dim {dim} (got {len(each)})")
        level = [inner for each in level for inner in each]
    if any(isinstance(each, (list, tuple)) for each in level):
        return errors.bad_type("'list' object cannot be interpreted as an integer")
    return _refusal(data, np.empty(0, object))


def cast(array: Any, dtype: dtypes.DType) -> Any:
    """The array in another dtype; a complex one loses its imaginary part as in torch."""
    if array.dtype == dtype.numpy:
        return array
    if array.dtype.kind == "c" and not dtype.is_complex:
        if array.ndim == 0 and array.imag != 0:
            raise errors.bad_type("must be real number, not complex")
        array = array.real
    return array.astype(dtype.numpy)


def as_tensor(data: Any, dtype: dtypes.DType | None = None, device: str | Device | None = None) -> Tensor:
    """The data as a tensor, sharing memory where it can."""
    if isinstance(data, Tensor):
        made = data
    elif isinstance(data, np.ndarray):
        made = from_numpy(data)
    else:
        return tensor(data, dtype=dtype, device=device)
    if dtype is not None:
        made = made.to(dtype)
    return made if device is None else made.to(device)


def from_numpy(array: np.ndarray[Any, Any]) -> Tensor:
    """A tensor that shares an array's memory.

    Raises TypeError for anything but an ndarray of a dtype torch has; ValueError for negative strides.
    """
    if not isinstance(array, np.ndarray):
        raise errors.bad_type(f"expected np.ndarray (got {type(array).__name__})")
    dtypes.of(array)
    if any(stride < 0 for stride in array.strides):
        raise errors.bad_value(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
            "currently supported. (You can probably work around this by making a copy of your array  with "
            "array.copy().) "
        )
    return wrap(array)


def asarray(
    obj: Any, *, dtype: dtypes.DType | None = None, device: Any = None, requires_grad: bool | None = None
) -> Tensor:
    """`as_tensor`, which may also require grad (True) or be taken out of its graph (False).

    Raises RuntimeError for a dtype that cannot require grad.
    """
    made = as_tensor(obj, dtype, device)
    if requires_grad is None:
        return made
    if requires_grad and not made.dtype.differentiable:
        raise errors.dtype_mismatch("Only Tensors of floating point and complex dtype can require gradients")
    return made.requires_grad_() if requires_grad else made.detach()

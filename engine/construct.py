"""Tensors from Python data and NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import arrays, dtypes, errors
from engine.devices import Device
from engine.modes import state, warn
from engine.tensor import InferenceCounter, Tensor, wrap

MISSING: Any = object()


def tensor(
    data: Any = MISSING,
    *,
    dtype: dtypes.DType | None = None,
    device: str | Device | None = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A leaf tensor that copies `data`: a number, nested sequences of numbers, an array or a tensor.

    Without `dtype`, Python floats have the default dtype, ints int64, bools bool, complex numbers the default's
    complex counterpart; arrays and tensors keep theirs. Raises TypeError, ValueError (ragged) or RuntimeError.
    """
    if isinstance(data, Tensor):
        warn(COPY.format("torch.tensor"), level=3)
    return made_of(data, dtype, device, requires_grad)


COPY = (
    "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
    "sourceTensor.detach().clone().requires_grad_(True), rather than {}(sourceTensor)."
)


def made_of(data: Any, dtype: dtypes.DType | None, device: str | Device | None, requires_grad: bool) -> Tensor:
    """`tensor`, without its warning."""
    if data is MISSING:
        raise errors.bad_type('tensor() missing 1 required positional arguments: "data"')
    if dtype is not None and not isinstance(dtype, dtypes.DType):
        raise errors.bad_type(f"tensor(): argument 'dtype' must be torch.dtype, not {type(dtype).__name__}")
    if type(requires_grad) is not bool:
        raise errors.bad_type(f"tensor(): argument 'requires_grad' must be bool, not {type(requires_grad).__name__}")
    array = array_of(data, dtype)
    if dtype is not None:
        if array.dtype != dtype.numpy and not isinstance(data, (Tensor, np.ndarray, np.generic)):
            array = converted(array, dtype)
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


def converted(array: Any, dtype: dtypes.DType) -> Any:
    """Python numbers on their way to a dtype.

    Raises TypeError for complex ones, RuntimeError for those that an integer dtype cannot hold.
    """
    if array.dtype.kind == "c" and not dtype.is_complex:
        if dtype.category == dtypes.BOOL:
            return array.astype(bool)
        whole = "'complex' object cannot be interpreted as an integer"
        raise errors.bad_type("must be real number, not complex" if dtype.is_floating_point else whole)
    if dtype.category == dtypes.INTEGRAL and array.dtype.kind in "fiu" and array.size:
        info = np.iinfo(dtype.numpy)
        most, least = int(info.max), int(info.min)
        if not least and array.dtype.kind == "i":
            least = -most  # negative ones count from above
        kind = float if array.dtype.kind == "f" else int
        if not (kind(least) <= array.min() and array.max() <= kind(most)):
            raise errors.bad_argument(f"value cannot be converted to type {dtype.name} without overflow")
    return array


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
    if isinstance(data, (list, tuple)) and data and isinstance(data[0], np.ndarray):
        return _of_arrays(data)
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


def _of_arrays(data: Any) -> Any:
    warn(
        "Creating a tensor from a list of numpy.ndarrays is extremely slow. Please consider converting the list to a "
        "single numpy.ndarray with numpy.array() before converting to a tensor.",
        level=7,
    )
    if not all(isinstance(each, np.ndarray) for each in data):
        raise errors.bad_type("not a sequence")
    lengths = [len(each) for each in data if each.ndim]
    uneven = next((each for each in lengths if each != lengths[0]), None)
    if uneven is not None:
        raise errors.bad_value(f"expected sequence of length {lengths[0]} at dim 1 (got {uneven})")
    array = np.array(data)
    dtypes.of(array)
    return array


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
        if data.numel() != 1 and data._array.dtype.kind in "biu":
            raise errors.bad_type("only integer tensors of a single element can be converted to an index")
        if data.numel() != 1:
            raise errors.bad_value("only one element tensors can be converted to Python scalars")
        return data.item()
    return [_unwrapped(each) for each in data] if isinstance(data, (list, tuple)) else data


def _refusal(data: Any, array: Any) -> Exception:
    """torch's error for data that are not numbers."""
    first = data
    while isinstance(first, (list, tuple)) and first:
        first = next((each for each in first if not isinstance(each, (bool, int, float, complex))), first[0])
    if isinstance(first, (str, bytes)):
        inner = data
        while isinstance(inner, (list, tuple)) and inner:
            inner = inner[0]
        if isinstance(inner, str) and isinstance(data, (list, tuple)):
            return errors.bad_value("too many dimensions 'str'")
        return errors.bad_type(f"new(): invalid data type '{type(first).__name__}'")
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
    obj: Any,
    *,
    dtype: dtypes.DType | None = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool | None = None,
) -> Tensor:
    """`as_tensor`, which may also be a copy, require grad (True) or be taken out of its graph (False).

    Raises RuntimeError for a dtype that cannot require grad.
    """
    made = as_tensor(obj, dtype, device)
    if copy and made is obj:
        made = made.clone()
    if requires_grad is None:
        return made
    if requires_grad and not made.dtype.differentiable:
        raise errors.dtype_mismatch("Only Tensors of floating point and complex dtype can require gradients")
    return made.requires_grad_() if requires_grad else made.detach()

"""The array layer: the one place that knows which library holds an array.

Kernels are written against the name `xp`, which stands for NumPy or CuPy (see `engine.op.bind`). What differs between
the two libraries beyond their functions' names is here: finding CuPy, moving arrays, scatter, memory, geometry.
"""

from __future__ import annotations

import functools
import importlib
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from engine import dtypes, errors
from engine.devices import CPU, Device

Array = Any  # numpy.ndarray or cupy.ndarray
xp: Any = np  # the name kernels use for the array library
NO_CUDA = (
    "Torch not compiled with CUDA enabled: no CuPy with a usable GPU was found (install the extra `cuda13` or "
    "`cuda12` on a machine with an NVIDIA GPU and driver)"
)


class Backend:
    """An array library under one face."""

    __slots__ = ("name", "xp")

    def __init__(self, name: str, xp: Any) -> None:
        self.name = name
        self.xp = xp

    def scalar(self, value: complex, dtype: np.dtype[Any]) -> Any:
        """A Python number as an operand of this dtype; ints wrap around as in torch (300 as uint8 is 44)."""
        return scalar(value, dtype)

    def add_at(self, target: Array, index: Any, values: Array) -> None:
        """`target[index] += values`, summing where an index repeats."""
        np.add.at(target, index, values)

    def on_device_of(self, array: Array) -> AbstractContextManager[Any]:
        """A block whose new arrays lie beside this one."""
        return nullcontext()


class CupyBackend(Backend):
    """CuPy: scalars stay NumPy scalars (CuPy refuses host arrays), scatter is CuPy's own."""

    def scalar(self, value: complex, dtype: np.dtype[Any]) -> Any:
        """A NumPy scalar, which CuPy passes to its kernels by value."""
        return scalar(value, dtype)[()]

    def add_at(self, target: Array, index: Any, values: Array) -> None:
        """Atomic scatter-add on the device."""
        self.xp.add.at(target, index, values)

    def on_device_of(self, array: Array) -> AbstractContextManager[Any]:
        """A block in which the array's GPU is the current one (CuPy computes there alone)."""
        device: AbstractContextManager[Any] = self.xp.cuda.Device(array.device.id)
        return device


NUMPY = Backend("numpy", np)
CACHED = frozenset((np.dtype(np.float32), np.dtype(np.float64)))
_scalars: dict[Any, dict[complex, Array]] = {each: {} for each in CACHED}


def cached_scalar(value: float, dtype: np.dtype[Any]) -> Array:
    """`scalar` for an int or float as float32 or float64, kept: NumPy takes an array faster than a Python number."""
    known = _scalars[dtype]
    made = known.get(value)
    if made is None:
        made = scalar(value, dtype)
        if value and len(known) < 1024:  # zeros stay out: 0.0 and -0.0 are one key
            known[value] = made
    return made


def operand(value: complex, beside: Array) -> Any:
    """A Python number in the dtype of an array, in the form its library takes."""
    return backend_of(beside).scalar(value, beside.dtype)


def scalar(value: complex, dtype: np.dtype[Any]) -> Array:
    """A read-only 0-d array of this value and dtype; ints wrap around as in torch (300 as uint8 is 44)."""
    made = _new_scalar(value, dtype)
    made.flags.writeable = False
    return made


def _new_scalar(value: complex, dtype: np.dtype[Any]) -> Array:
    if type(value) is int and not -(2**63) <= value < 2**64:
        raise errors.number_overflow(value)
    if isinstance(value, int) and dtype.kind in "iu":
        bits = 8 * dtype.itemsize
        wrapped = value & ((1 << bits) - 1)
        if dtype.kind == "i" and wrapped >> (bits - 1):
            wrapped -= 1 << bits
        return np.array(wrapped, dtype=dtype)
    if isinstance(value, complex) and dtype.kind != "c":
        name = dtypes.BY_NUMPY[dtype].scalar_name
        raise errors.bad_argument(f"value cannot be converted to type {name} without overflow")
    try:
        number = complex(value) if dtype.kind == "c" else float(value)
    except OverflowError:
        raise errors.bad_argument("value cannot be converted to type double without overflow") from None
    return np.array(number).astype(dtype)


@functools.cache
def cupy() -> CupyBackend | None:
    """CuPy's backend where CuPy imports and sees a GPU, else None."""
    try:
        module = importlib.import_module("cupy")
        if module.cuda.runtime.getDeviceCount() < 1:
            return None
    except Exception:  # noqa: BLE001  # an absent driver shows as one of several errors of CuPy's own
        return None
    return CupyBackend("cupy", module)


def gpu_loaded() -> bool:
    """Whether any array can be on a GPU: CuPy has been imported."""
    return "cupy" in sys.modules


def backend_of(array: Array) -> Backend:
    """The backend that holds an array (host scalars count as NumPy's)."""
    if type(array) is np.ndarray or "cupy" not in sys.modules:
        return NUMPY
    gpu = cupy()
    return gpu if gpu is not None and isinstance(array, gpu.xp.ndarray) else NUMPY


def is_array(value: object) -> bool:
    """True for an ndarray of any backend."""
    return isinstance(value, np.ndarray) or backend_of(value) is not NUMPY


def device_of(array: Array) -> Device:
    """Where an array lives."""
    if type(array) is np.ndarray or backend_of(array) is NUMPY:
        return CPU
    return Device("cuda", array.device.id)


def backend_for(device: Device) -> Backend:
    """The backend of a device.

    Raises RuntimeError (`device_unavailable`) if this machine has no such device.
    """
    if device.type == "cpu":
        return NUMPY
    gpu = cupy()
    if gpu is None:
        raise errors.device_unavailable(NO_CUDA)
    if device.index is not None and device.index >= gpu.xp.cuda.runtime.getDeviceCount():
        raise errors.device_unavailable("CUDA error: invalid device ordinal")
    return gpu


def accelerator(index: int) -> Device:
    """The device that a bare number stands for.

    Raises RuntimeError (`device_unavailable`) if this machine has no GPU.
    """
    device = Device("cuda", index)
    if cupy() is None:
        raise errors.device_unavailable("Cannot access accelerator device when none is available.")
    return device


def resolve(device: Device) -> Device:
    """The device with its index filled in (`cuda` is the current GPU)."""
    backend = backend_for(device)
    if device.type == "cuda" and device.index is None:
        return Device("cuda", backend.xp.cuda.runtime.getDevice())
    return CPU if device.type == "cpu" else device


def put(array: Array, device: Device) -> Array:
    """The array on `device`: itself if it is there already, else a copy."""
    device = resolve(device)
    if device_of(array) == device:
        return array
    if device.type == "cpu":
        return backend_of(array).xp.asnumpy(array)
    gpu = backend_for(device).xp
    with gpu.cuda.Device(device.index):
        return gpu.asarray(array)


def to_host(array: Array) -> np.ndarray[Any, Any]:
    """The array as a NumPy array: itself, or a copy from a GPU."""
    host: np.ndarray[Any, Any] = put(array, CPU)
    return host


def as_array(value: Any) -> Array:
    """A kernel's result as an array (NumPy returns scalars for 0-d results)."""
    return np.asarray(value) if isinstance(value, (np.generic, bool, int, float, complex)) else value


def own_memory(value: Any) -> Array:
    """A kernel's result as an array that may be written to, which one made of a NumPy scalar alone is not."""
    array = as_array(value)
    if type(array) is not np.ndarray or array.flags.writeable or owner(array).flags.writeable:
        return array
    if not array.size or any(array.strides):
        return array.copy()
    return np.ndarray(array.shape, array.dtype, np.array(array[(0,) * array.ndim]), 0, array.strides)


def owner(array: Array) -> Array:
    """The array that owns the memory a view looks at."""
    while True:
        base = array.base
        if not isinstance(base, type(array)):
            base = getattr(base, "base", None)  # as_strided's views have a stand-in between
            if not isinstance(base, type(array)):
                return array
        array = base


def address(array: Array) -> int:
    """The address of the first element."""
    pointer: int = array.__array_interface__["data"][0] if isinstance(array, np.ndarray) else array.data.ptr
    return pointer


def offset_of(array: Array) -> int:
    """The place of the first element in the memory that the array looks at, in elements."""
    return (address(array) - address(owner(array))) // int(array.dtype.itemsize)


def element_strides(array: Array) -> tuple[int, ...]:
    """Strides in elements, as torch counts them."""
    itemsize = array.dtype.itemsize
    return tuple([stride // itemsize for stride in array.strides])


def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides, in elements, of a row-major tensor of this shape."""
    strides = [1] * len(shape)
    for dim in range(len(shape) - 2, -1, -1):
        strides[dim] = strides[dim + 1] * max(shape[dim + 1], 1)
    return tuple(strides)


def overlaps_itself(array: Array) -> bool:
    """True if two indices of the array are surely one memory cell: an expanded dimension."""
    return array.size > 0 and any(
        stride == 0 and size > 1 for stride, size in zip(array.strides, array.shape, strict=True)
    )


def is_dense(array: Array) -> bool:
    """True if the elements fill one run of memory, in any order of dimensions."""
    expected = array.dtype.itemsize
    for stride, size in sorted(zip(array.strides, array.shape, strict=True)):
        if size != 1:
            if stride != expected:
                return False
            expected *= size
    return True


def overlaps_partly(written: Array, read: Array) -> bool:
    """True if two dense arrays share some memory without being the same elements (torch's rule)."""
    if read is written or owner(read) is not owner(written):
        return False
    same = address(written) == address(read) and written.nbytes == read.nbytes and written.strides == read.strides
    return not same and overlaps(written, read)


def overlaps(written: Array, read: Array) -> bool:
    """True if two dense arrays share some memory, or are the same elements."""
    if owner(read) is not owner(written) or not (written.size and read.size):
        return False
    start, other = address(written), address(read)
    ends = start + written.nbytes, other + read.nbytes
    return is_dense(written) and is_dense(read) and start < ends[1] and other < ends[0]


def as_strided(array: Array, shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> Array:
    """A view of the memory from `array`'s first element on: `strides` and `offset` in elements."""
    xp = backend_of(array).xp
    itemsize = array.dtype.itemsize
    # a step that no address has room for is that of a dim of size 1
    steps = tuple(stride * itemsize if abs(stride * itemsize) < 2**63 else 0 for stride in strides)
    if 0 in shape:
        return xp.empty(shape, array.dtype)
    if xp is not np:
        return xp.ndarray(shape, array.dtype, memptr=array.data + offset * itemsize, strides=steps)
    root = owner(array)
    start = (address(array) - address(root)) // itemsize + offset
    memory = root.view(array.dtype).ravel("K") if root.dtype != array.dtype else root.ravel("K")
    return np.lib.stride_tricks.as_strided(memory[start:], shape, steps)


def laid_out(array: Array, strides: tuple[int, ...]) -> Array:
    """A copy of the array whose memory has the given strides (in elements)."""
    xp = backend_of(array).xp
    if strides == contiguous_strides(array.shape) or array.size == 0:
        return xp.array(array, order="C")
    extent = 1 + sum((size - 1) * stride for size, stride in zip(array.shape, strides, strict=True))
    memory = xp.zeros(extent, array.dtype)
    copy = as_strided(memory, array.shape, strides, 0)
    copy[...] = array
    return copy


def _references(array: Array) -> int:
    return sys.getrefcount(array)


def _base_references(array: Array) -> int:
    return sys.getrefcount(array.base)


def _through_one_call(array: Array) -> int:
    return _references(array)


# Interpreters count a caller's own references differently: measure what "nobody else" looks like.
_box = {0: np.empty(2)}
_ALONE = _through_one_call(_box.pop(0))
_views = {0: np.empty((2, 2)).T}
_BASE_ALONE = _base_references(_views.pop(0))


def is_sole_owner(array: Array) -> bool:
    """True if the caller's argument is the only holder of a dense array, so that it may be adopted without a copy.

    To be called with a parameter that the caller got from an expression, never from a name it keeps.
    """
    if sys.getrefcount(array) > _ALONE or not is_array(array):
        return False
    base = array.base
    if base is None:
        return bool(array.flags.owndata)
    dense = base.base is None and base.size == array.size and not overlaps_itself(array)
    del base
    return dense and sys.getrefcount(array.base) <= _BASE_ALONE


_BITS = {1: np.dtype(np.int8), 2: np.dtype(np.int16), 4: np.dtype(np.int32), 8: np.dtype(np.int64)}


def keep(mask: Array, values: Array) -> Array:
    """`values` where the mask holds, else exactly +0, whatever the values (inf and NaN among them).

    As a product of bits and mask: on a random mask 20 times faster than `where`, which mispredicts its branches.
    """
    bits = _BITS.get(values.dtype.itemsize) if values.dtype.kind != "c" else None
    if bits is None:
        return backend_of(values).xp.where(mask, values, values.dtype.type(0))
    return (values.view(bits) * mask).view(values.dtype)


def unsqueezed(array: Array, dim: int) -> Array:
    """A view with a dim of size 1 put in at `dim`, which may be negative: `expand_dims` in a fifth of its time."""
    at = dim if dim >= 0 else dim + array.ndim + 1
    shape = array.shape
    return array.reshape((*shape[:at], 1, *shape[at:]))


def expanded(array: Array, shape: tuple[int, ...]) -> Array:
    """`broadcast_to`, quick for what gradients of full reductions are: 0-d host arrays."""
    if not array.shape and array.dtype in CACHED and not gpu_loaded():
        return np.ndarray(shape, array.dtype, array, 0, (0,) * len(shape))
    if 1 in shape and type(array) is np.ndarray:
        return np.lib.stride_tricks.as_strided(array, shape, _expanded_strides(array, shape), writeable=False)
    return backend_of(array).xp.broadcast_to(array, shape)


def _expanded_strides(array: Array, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides in bytes of an array expanded to a shape it fits: as torch, dims of size 1 keep theirs."""
    strides = list(array.strides)
    for at in range(array.ndim):
        if shape[at - array.ndim] != array.shape[at]:
            strides[at] = 0
    for size in reversed(shape[: len(shape) - array.ndim]):
        step = strides[0] * shape[len(shape) - len(strides)] if strides else array.itemsize
        strides.insert(0, step if size == 1 else 0)
    return tuple(strides)


def writeable(array: Array) -> Array:
    """The array, or where NumPy made a view read-only (an expanded one) another view that is not."""
    if type(array) is np.ndarray and not array.flags.writeable:
        return as_strided(array, array.shape, element_strides(array), 0)
    return array


def widened(array: Array) -> Array:
    """Half types as float32, in which their kernels compute; the rest as they are."""
    return array.astype(np.float32) if array.dtype in dtypes.HALF_TYPES else array


def cast(array: Array, dtype: np.dtype[Any]) -> Array:
    """The array in another dtype, itself if it has it; a complex one loses its imaginary part, as in torch."""
    if array.dtype == dtype:
        return array
    return (array.real if array.dtype.kind == "c" and dtype.kind not in "cb" else array).astype(dtype)

"""A stand-in for CuPy that computes with NumPy and is as strict as a GPU: host and device never mix.

Its `ndarray` wraps a NumPy array on a device of its own. Like CuPy's it refuses host arrays as operands, indices and
values, refuses to become a host array without `asnumpy` or `get`, gives 0-d arrays where NumPy gives scalars, has only
the functions CuPy 14 has, and computes on the current device alone. `install()` puts it into `sys.modules`.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
from scipy import special

DEVICES = 2
_current = [0]
words = str.split

# What NumPy has and CuPy 14.2 has not, of all that a kernel could think of.
MISSING = frozenset(
    words(
        "asmatrix block einsum_path errstate frompyfunc geomspace geterr getbufsize histogram_bin_edges "
        "insert longdouble clongdouble float128 complex256 matvec memmap nanpercentile nanquantile "
        "ndenumerate nditer object_ setbufsize seterr spacing unstack vecdot vecmat testing ma rec char "
        "strings emath"
    )
)
# These make arrays of numbers, sequences or host arrays; all others want device arrays.
MAKERS = frozenset(
    words(
        "array asarray ascontiguousarray asfortranarray arange linspace logspace meshgrid zeros ones empty full eye "
        "identity tri indices tril_indices triu_indices fftfreq rfftfreq"
    )
)
# These are NumPy's own in CuPy too, or take what is no array.
HOSTED = frozenset(
    words("broadcast_shapes result_type promote_types can_cast issubdtype isscalar ndim shape size ndindex")
)
REDUCED = {"add": "sum", "multiply": "prod"}  # the ufuncs whose `reduce` and `accumulate` CuPy has
ACCUMULATED = {"add": "cumsum", "multiply": "cumprod"}
SCATTERED = ("add", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor")


class _Memory:
    """Memory at an address, kept alive; NumPy reads it by this interface."""

    def __init__(self, keeper: Any, pointer: int, shape: Sequence[int], dtype: np.dtype[Any], strides: Any) -> None:
        self.keeper = keeper
        self.__array_interface__ = {
            "data": (pointer, False),
            "shape": tuple(shape),
            "strides": strides,
            "typestr": dtype.str,
            "version": 3,
        }


class MemoryPointer:
    """A place in an array's memory."""

    def __init__(self, keeper: Any, ptr: int) -> None:
        self.keeper = keeper
        self.ptr = ptr

    def __add__(self, offset: int) -> MemoryPointer:
        return MemoryPointer(self.keeper, self.ptr + offset)

    __radd__ = __add__


class Device:
    """`cupy.cuda.Device`: a number, and the current device while used in a `with`."""

    def __init__(self, device: int | None = None) -> None:
        self.id = _current[-1] if device is None else int(device)

    def __enter__(self) -> Device:
        _current.append(self.id)
        return self

    def __exit__(self, *_: object) -> None:
        _current.pop()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)


class Flags:
    """The three flags that CuPy's arrays have."""

    def __init__(self, array: ndarray) -> None:
        flags = array._host.flags
        self.c_contiguous = bool(flags.c_contiguous)
        self.f_contiguous = bool(flags.f_contiguous)
        self.owndata = array.base is None


class ndarray:  # CuPy's name
    """An array on a device."""

    __array_priority__ = 100
    _host: np.ndarray[Any, Any]

    def __init__(
        self, shape: Any, dtype: Any = float, memptr: Any = None, strides: Any = None, order: str = "C"
    ) -> None:
        dtype = np.dtype(dtype)
        if memptr is None:
            self._host = np.empty(shape, dtype, order)
        else:
            plain = dtype if dtype.kind != "V" else np.dtype((np.void, dtype.itemsize))
            self._host = np.asarray(_Memory(memptr.keeper, memptr.ptr, shape, plain, strides)).view(dtype)
        self.base: ndarray | None = None
        self._id = _current[-1]

    # -- what it is -----------------------------------------------------------------------------------------------

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    nbytes = property(lambda self: self._host.nbytes)
    itemsize = property(lambda self: self._host.itemsize)
    strides = property(lambda self: self._host.strides)
    flags = property(Flags)
    device = property(lambda self: Device(self._id))
    data = property(lambda self: MemoryPointer(self._host, self._host.__array_interface__["data"][0]))
    T = property(lambda self: wrapped(self._host.T, [self]))
    real = property(lambda self: wrapped(self._host.real, [self]), lambda self, value: self._set_part("real", value))
    imag = property(lambda self: wrapped(self._host.imag, [self]), lambda self, value: self._set_part("imag", value))

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct one.")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__":
            return NotImplemented
        return function(ufunc.__name__)(*inputs, **kwargs)

    def __array_function__(self, numpy_function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return function(numpy_function.__name__)(*args, **kwargs)

    # -- its values -----------------------------------------------------------------------------------------------

    def get(self) -> np.ndarray[Any, Any]:
        return self._host.copy(order="K")

    def item(self, *args: Any) -> Any:
        return self._host.item(*args)

    def tolist(self) -> Any:
        return self._host.tolist()

    def __bool__(self) -> bool:
        return bool(self._host)

    def __int__(self) -> int:
        return int(self._host)

    def __index__(self) -> int:
        return self._host.__index__()

    def __float__(self) -> float:
        return float(self._host)

    def __complex__(self) -> complex:
        return complex(self._host)

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Iterator[ndarray]:
        return (self[at] for at in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        return wrapped(self._host[on_device(key, self._id)], [self])

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(value, list | tuple):
            raise TypeError("a sequence is no device array")
        self._host[on_device(key, self._id)] = on_device(value, self._id)

    def _set_part(self, part: str, value: Any) -> None:
        setattr(self._host, part, on_device(value, self._id))

    def fill(self, value: Any) -> None:
        self._host.fill(on_device(value, self._id))


def _method(name: str) -> Callable[..., Any]:
    def method(self: ndarray, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = (on_device(each, self._id) for each in (args, kwargs))
        return wrapped(getattr(self._host, name)(*args, **kwargs), [self])

    return method


METHODS = (
    "all any argmax argmin argsort astype clip conj conjugate copy cumprod cumsum diagonal dot flatten max mean min "
    "nonzero prod ravel repeat reshape round sort squeeze std sum swapaxes take trace transpose var view"
)
OPERATORS = (
    "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift radd rsub rmul rtruediv rfloordiv rmod rpow "
    "rmatmul rand ror rxor eq ne lt le gt ge neg pos abs invert"
)
INPLACE = "iadd isub imul itruediv ifloordiv imod ipow iand ior ixor"


def _operator(name: str) -> Callable[..., Any]:
    def operator(self: ndarray, *others: Any) -> Any:
        return wrapped(getattr(self._host, name)(*on_device(others, self._id)), [self])

    return operator


def _inplace(name: str) -> Callable[..., Any]:
    def operator(self: ndarray, other: Any) -> ndarray:
        getattr(self._host, name)(on_device(other, self._id))
        return self

    return operator


for _name in METHODS.split():
    setattr(ndarray, _name, _method(_name))
for _name in OPERATORS.split():
    setattr(ndarray, f"__{_name}__", _operator(f"__{_name}__"))
for _name in INPLACE.split():
    setattr(ndarray, f"__{_name}__", _inplace(f"__{_name}__"))
ndarray.__hash__ = None  # type: ignore[assignment]


# -- the border -------------------------------------------------------------------------------------------------------


def on_device(value: Any, device: int | None = None) -> Any:
    """Arguments with device arrays opened; a host array among them, or one of another device, is refused."""
    if isinstance(value, ndarray):
        if value._id != _current[-1]:
            raise ValueError(
                f"Array device must be same as the current device: array device = {value._id} while current = "
                f"{_current[-1]}"
            )
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}: a host array of shape {value.shape} among device arrays")
    if isinstance(value, dict):
        return {key: on_device(each, device) for key, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(on_device(each, device) for each in value)
    return value


def wrapped(value: Any, sources: Sequence[ndarray] = ()) -> Any:
    """A result on the device: arrays and NumPy scalars wrapped, views with the base CuPy would show."""
    if isinstance(value, list | tuple):
        made = [wrapped(each, sources) for each in value]
        return made if type(value) is list else tuple(made)
    if not isinstance(value, np.ndarray | np.generic):
        return value
    array = ndarray.__new__(ndarray)
    array._host = np.asarray(value)
    if sources and isinstance(value, np.ndarray) and value.base is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            if not value.flags.writeable:  # NumPy guards what diagonal and broadcast_to give; CuPy does not
                array._host.flags.writeable = True
    array._id = _current[-1]
    array.base = next((each if each.base is None else each.base for each in sources if shares(array._host, each)), None)
    return array


def shares(host: np.ndarray[Any, Any], source: ndarray) -> bool:
    """Whether a result looks at a source's memory."""
    return host.base is not None and bool(host.size) and np.may_share_memory(host, source._host)


def arrays_in(value: Any) -> Iterator[ndarray]:
    if isinstance(value, ndarray):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from arrays_in(each)


# -- functions --------------------------------------------------------------------------------------------------------


class Function:
    """A function of NumPy's on device arrays."""

    def __init__(self, name: str, numpy_function: Any) -> None:
        self.__name__ = name
        self.numpy_function = numpy_function
        self.is_ufunc = isinstance(numpy_function, np.ufunc)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        sources = [*arrays_in(args), *arrays_in(tuple(kwargs.values()))]
        if self.__name__ in HOSTED:
            return self.numpy_function(*on_device(args), **kwargs)
        if self.__name__ == "where" and isinstance(args[0], np.generic):
            sources = [wrapped(args[0])]  # CuPy's where wants a condition that it can cast
        if not self.is_ufunc and self.__name__ not in MAKERS and not sources:
            raise TypeError(f"{self.__name__} wants device arrays, not {[type(each).__name__ for each in args]}")
        return wrapped(self.numpy_function(*on_device(args), **on_device(kwargs)), sources)

    def reduce(self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        if self.__name__ not in REDUCED:
            raise NotImplementedError(f"`cupy_{self.__name__}.reduce` is not supported yet")
        return function(REDUCED[self.__name__])(array, axis=axis, dtype=dtype, out=out, keepdims=keepdims)

    def accumulate(self, array: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        if self.__name__ not in ACCUMULATED:
            raise NotImplementedError(f"`cupy_{self.__name__}.accumulate` is not supported yet")
        return function(ACCUMULATED[self.__name__])(array, axis=axis, dtype=dtype, out=out)

    def at(self, target: Any, indices: Any, values: Any) -> None:
        if self.__name__ not in SCATTERED:
            raise NotImplementedError(f"`cupy_{self.__name__}.at` is not supported yet")
        if not isinstance(target, ndarray):
            raise TypeError("the target of a scatter is a device array")
        self.numpy_function.at(*on_device((target, indices, values)))


def maker(name: str) -> Callable[..., Any]:
    """`array` and its like take host data too: they are the way to the device."""
    numpy_function = getattr(np, name)

    def make(data: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(data, ndarray):
            return wrapped(numpy_function(on_device(data), *args, **kwargs), [data])
        kwargs.pop("copy", None)
        return wrapped(np.array(numpy_function(data, *args, **kwargs)))

    return make


FROM_DATA = {name: maker(name) for name in ("array", "asarray", "ascontiguousarray", "asfortranarray")}
_functions: dict[str, Any] = {}


def asnumpy(array: Any, *_: Any, **__: Any) -> np.ndarray[Any, Any]:
    return array.get() if isinstance(array, ndarray) else np.asarray(array)


def function(name: str) -> Any:
    """CuPy's counterpart of a NumPy name: functions wrapped, types and constants as they are."""
    if name in FROM_DATA:
        return FROM_DATA[name]
    if name in MISSING or not hasattr(np, name):
        raise AttributeError(f"module 'cupy' has no attribute '{name}'")
    value = getattr(np, name)
    if isinstance(value, type) or not callable(value):
        return value
    return _functions.setdefault(name, Function(name, value))


class _Namespace:
    """A module of functions: `cupy.linalg`, `cupy.lib.stride_tricks`."""

    def __init__(self, module: Any, names: str) -> None:
        for name in names.split():
            value = getattr(module, name)
            setattr(self, name, value if isinstance(value, type) else Function(name, value))


LINALG = (
    "cholesky qr svd eigh eig eigvalsh eigvals norm cond det matrix_rank slogdet solve tensorsolve lstsq inv pinv "
    "tensorinv matrix_power cross LinAlgError"
)


# What `cupyx.scipy.special` of CuPy 14.2 has, of what the engine may ask for.
SPECIAL = (
    "digamma entr erf erfc erfcx erfinv expit gammainc gammaincc gammaln i0 i0e i1 i1e j0 j1 k0 k0e k1 k1e log_ndtr "
    "log_softmax logit logsumexp multigammaln ndtr ndtri poch polygamma psi sinc softmax xlog1py xlogy y0 y1 yn zeta"
)


def companion() -> dict[str, ModuleType]:
    """A fresh `cupyx` with its `scipy.special`."""
    names = ("cupyx", "cupyx.scipy", "cupyx.scipy.special")
    made = {name: ModuleType(name) for name in names}
    made["cupyx"].scipy = made["cupyx.scipy"]  # type: ignore[attr-defined]
    made["cupyx.scipy"].special = made["cupyx.scipy.special"]  # type: ignore[attr-defined]
    for name in SPECIAL.split():
        setattr(made["cupyx.scipy.special"], name, Function(name, getattr(special, name)))
    return made


class _Runtime:
    getDeviceCount = staticmethod(lambda: DEVICES)  # CUDA's names
    getDevice = staticmethod(lambda: _current[-1])


class _Cuda:
    runtime = _Runtime
    Device = Device
    is_available = staticmethod(lambda: True)


def module() -> ModuleType:
    """A fresh `cupy`."""
    made = ModuleType("cupy")
    own = {"ndarray": ndarray, "asnumpy": asnumpy, "cuda": _Cuda, "__version__": "14.2.0"}
    own["linalg"] = _Namespace(np.linalg, LINALG)
    own["lib"] = type("lib", (), {"stride_tricks": _Namespace(np.lib.stride_tricks, "as_strided")})
    own["fft"] = _Namespace(np.fft, " ".join(np.fft.__all__))
    made.__dict__.update(own)
    made.__getattr__ = function  # type: ignore[method-assign]
    return made


@contextmanager
def installed() -> Iterator[ModuleType]:
    """`import cupy` and `import cupyx` give the stand-ins while this is open."""
    made = {"cupy": module(), **companion()}
    before = {name: sys.modules[name] for name in made if name in sys.modules}
    sys.modules.update(made)
    try:
        yield made["cupy"]
    finally:
        for name in made:
            del sys.modules[name]
        sys.modules.update(before)

"""What a sample is: one call of an op on inputs made of NumPy arrays, with an answer that no engine gave.

A sample names an op of the registry and holds its arguments with `In` in the place of tensors and `Dtype` in the place
of dtypes, so that the same call runs on the engine, on torch, on shapes alone, or in NumPy (its `reference`).
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import ml_dtypes
import numpy as np

Array = np.ndarray[Any, Any]
Reference = Callable[..., Any]

NUMPY_DTYPES = {"bool": np.dtype(np.bool_), "bfloat16": np.dtype(ml_dtypes.bfloat16)}
TOLERANCE = {"float64": 1e-9, "complex128": 1e-9, "float32": 2e-5, "complex64": 2e-5, "float16": 4e-3, "bfloat16": 3e-2}


def numpy_dtype(name: str) -> np.dtype[Any]:
    return NUMPY_DTYPES.get(name) or np.dtype(name)


@dataclass(frozen=True)
class Dtype:
    """A dtype by its name, to be looked up in whatever module runs the sample."""

    name: str


@dataclass(frozen=True)
class In:
    """A tensor input: its values, dtype and strides; `differentiate` says whether gradients are asked for."""

    array: Array
    differentiate: bool = True

    @property
    def differentiable(self) -> bool:
        return self.differentiate and is_inexact(self.array.dtype)


@dataclass(frozen=True)
class Sample:
    """One call.

    `reference` gets the arguments as NumPy arrays and gives the expected values; `dtype` is the expected dtype where
    it is not the reference's. `differentiable`: True where the result has gradients, False where it must not require
    grad, None where it does but backward refuses. `smooth`: central differences hold here. `call` replaces looking
    the op up; `canon` brings results of free choice (the phase of eigenvectors) into one form. `torch`: torch has the
    call and gives the same values. `drawn`: values are random, `reference` gives only their form.
    """

    op: str
    name: str
    args: tuple[Any, ...]
    reference: Reference
    kwargs: dict[str, Any] = field(default_factory=dict)
    dtype: str | None = None
    differentiable: bool | None = True
    smooth: bool = True
    call: Callable[..., Any] | None = None
    canon: Callable[[list[Array]], list[Array]] | None = None
    torch: bool = True
    drawn: bool = False
    device: str = "cpu"

    @property
    def id(self) -> str:
        return f"{self.op}-{self.name}"

    @property
    def inputs(self) -> list[In]:
        return list(find_inputs([self.args, self.kwargs]))

    @property
    def seed(self) -> int:
        return zlib.crc32(self.id.encode())

    @property
    def inplace(self) -> bool:
        return self.op.endswith("_")


def find_inputs(value: Any) -> Iterator[In]:
    """The inputs in a nest of arguments, in the order in which `filled` puts them back."""
    if isinstance(value, In):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from find_inputs(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from find_inputs(each)


def filled(value: Any, tensors: Iterator[Any], dtype_of: Callable[[str], Any]) -> Any:
    """Arguments with tensors in the place of inputs, and a module's dtypes."""
    if isinstance(value, In):
        return next(tensors)
    if isinstance(value, Dtype):
        return dtype_of(value.name)
    if isinstance(value, dict):
        return {key: filled(each, tensors, dtype_of) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(filled(each, tensors, dtype_of) for each in value)
    return value


def arguments(sample: Sample, module: Any, tensors: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The sample's arguments for a module that looks like torch."""
    args, kwargs = filled([sample.args, sample.kwargs], iter(tensors), lambda name: getattr(module, name))
    return args, kwargs


def run(sample: Sample, module: Any, tensors: Sequence[Any]) -> Any:
    """The call, on a module that looks like torch."""
    args, kwargs = arguments(sample, module, tensors)
    if sample.call is not None:
        return sample.call(module, *args, **kwargs)
    if sample.inplace:
        return run_inplace(module, sample.op, *args, **kwargs)
    return found(module, sample.op, args[0] if args else None)(*args, **kwargs)


def run_inplace(module: Any, op: str, tensor: Any, *args: Any, **kwargs: Any) -> Any:
    """The in-place method, or function, on a copy that hangs in the graph."""
    copied = tensor.clone()
    change = getattr(type(copied), op, None) or found(module, op, copied)
    result = change(copied, *args, **kwargs)
    assert result is copied
    return copied


def found(module: Any, op: str, first: Any) -> Callable[..., Any]:
    """An op as a function of a module, else as a method or property of its first argument."""
    holder: Any = module
    for name in op.split("."):
        holder = getattr(holder, name, None)
    if callable(holder) and not isinstance(holder, ModuleType):
        return holder  # type: ignore[no-any-return]
    member = getattr(type(first), op)
    return member if callable(member) else lambda tensor: getattr(tensor, op)


def numpy_arguments(sample: Sample, arrays: Sequence[Array]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    args, kwargs = filled([sample.args, sample.kwargs], iter(arrays), numpy_dtype)
    return args, kwargs


def expected(sample: Sample) -> list[Array]:
    """What the reference answers, in the dtype the sample says."""
    args, kwargs = numpy_arguments(sample, [each.array for each in sample.inputs])
    with np.errstate(all="ignore"):
        made = as_list(sample.reference(*args, **kwargs))
    if sample.dtype is not None:
        made = [each.astype(numpy_dtype(sample.dtype)) for each in made]
    return made


def as_list(result: Any) -> list[Array]:
    """A reference's answer as a list of arrays."""
    return [np.asarray(each) for each in (result if isinstance(result, list | tuple) else [result])]


def tensors_of(result: Any) -> list[Any]:
    """A call's result as a list: of tensors, or of the Python values that some ops give."""
    return list(result) if isinstance(result, list | tuple) else [result]


def is_inexact(dtype: Any) -> bool:
    return dtype.kind in "fcV"


def fresh(array: Array) -> Array:
    """A copy with the same strides, as far as they are dense."""
    return array.copy(order="K") if array.size else array.copy()


def weights(sample: Sample, nr: int, array: Array) -> Array:
    """Fixed random weights in the form of a result, to make a scalar of it."""
    rng = np.random.default_rng([sample.seed, nr])
    drawn = rng.uniform(0.5, 1.5, array.shape) * rng.choice([-1.0, 1.0], array.shape)
    if array.dtype.kind == "c":
        drawn = drawn + 1j * rng.uniform(0.5, 1.5, array.shape)
    return np.asarray(drawn).astype(array.dtype)


# -- inputs -----------------------------------------------------------------------------------------------------------


def tensor(
    *shape: int,
    dtype: str = "float64",
    low: float = -1.9,
    high: float = 2.3,
    seed: int = 0,
    layout: str = "C",
    grad: bool = True,
) -> In:
    """An input of distinct seeded values between `low` and `high`.

    Floating values keep clear of multiples of 1/2 and of each other, where kinks are. `layout`: `C`, `F` (the
    transpose of a row-major array), or `step` (every second element along the last dim).
    """
    array = spread(shape, dtype, low, high, seed)
    if layout == "F":
        array = np.asarray(array, order="F")
    elif layout == "step":
        wide = np.zeros((*shape[:-1], 2 * shape[-1]), array.dtype)
        wide[..., ::2] = array
        array = wide[..., ::2]
    return In(array, grad)


def spread(shape: tuple[int, ...], dtype: str, low: float, high: float, seed: int) -> Array:
    """The values of `tensor`."""
    count = math.prod(shape)
    rng = np.random.default_rng([seed, count])
    target = numpy_dtype(dtype)
    if dtype == "bool":
        return rng.random(shape) < 0.6
    if target.kind in "iu":
        return rng.integers(math.ceil(low), math.floor(high) + 1, shape).astype(target)
    drawn = _ramp(count, low, high, rng).reshape(shape)
    if target.kind == "c":
        drawn = drawn + 1j * _ramp(count, low, high, rng).reshape(shape)
    return np.asarray(drawn).astype(target)


def _ramp(count: int, low: float, high: float, rng: np.random.Generator) -> Array:
    places = (np.arange(count) + 0.5 + rng.uniform(-0.2, 0.2, count)) / max(count, 1)
    values = low + (high - low) * places
    near = np.abs(2 * values - np.round(2 * values)) < 0.08
    return rng.permutation(np.where(near, values + 0.05, values))


def of(values: Any, dtype: str = "float64", grad: bool = True) -> In:
    """An input of these very values."""
    return In(np.array(values, numpy_dtype(dtype)), grad)


def indices(values: Any) -> In:
    """An int64 tensor of positions."""
    return In(np.array(values, np.int64), False)


def mask(values: Any) -> In:
    """A bool tensor."""
    return In(np.array(values, np.bool_), False)

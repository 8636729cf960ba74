"""What goes with Fourier transforms: shifts of the frequency zero, and the frequencies themselves."""

from __future__ import annotations

import math
from typing import Any

from engine import errors
from engine.arrays import xp
from engine.infer import Estimate, composed
from engine.kinds import Array, DeviceLike, Dims, Dtype
from engine.op import Op, op
from engine.ops.creation import factory
from engine.ops.flipping import roll
from engine.rules import default_dtype
from engine.tensor import counted_dim


@op(composed, namespace="fft", composite=True)
def fftshift(input: Array, dim: Dims | None = None) -> Any:
    """The frequency zero brought to the middle of each dim."""
    return shifted(input, dim, 0)


@op(composed, namespace="fft", composite=True)
def ifftshift(input: Array, dim: Dims | None = None) -> Any:
    """The inverse of `fftshift`."""
    return shifted(input, dim, 1)


def shifted(x: Any, dim: Any, more: int) -> Any:
    """The entries moved on by half the size of each dim, rounded up for `more`."""
    shape = tuple(x.shape)
    dims = tuple(range(len(shape))) if dim is None else tuple(counted_dim(each, len(shape)) for each in dim)
    if not dims:
        raise errors.bad_argument("`shifts` required")
    return roll(x, tuple((shape[each] + more) // 2 for each in dims), dims)


def frequencies_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of fftfreq and rfftfreq."""
    n, dtype = values[0], values[op.index["dtype"]]
    if dtype is not None and not dtype.differentiable:
        raise errors.dtype_mismatch(f"{op.name} requires a floating point or complex dtype")
    if dtype is not None and dtype.is_complex:
        raise errors.not_implemented_for("arange_cpu", dtype.type_name)
    count = half_of(n) + 1 if op.name == "rfftfreq" else n
    if count < 0:
        raise errors.shape_mismatch(f"Trying to create tensor with negative dimension {count}: [{count}]")
    return factory(op, values, (count,), default_dtype())


def half_of(n: int) -> int:
    """The half, rounded towards zero as in C++."""
    return n // 2 if n >= 0 else -(-n // 2)


def spacing(n: int, d: float) -> float:
    """The distance between two frequencies; infinite for points that lie 0 apart."""
    return 1.0 / (n * d) if n * d else math.copysign(math.inf, d)


@op(frequencies_rule, namespace="fft", leaf=True)
def fftfreq(
    n: int, d: float = 1.0, *, dtype: Dtype = None, device: DeviceLike = None, requires_grad: bool = False
) -> Any:
    """The frequencies of the entries of a transform of `n` points that lie `d` apart."""
    places = xp.arange(n)
    places[(n + 1) // 2 :] -= n
    return (places * spacing(n, d)).astype(dtype.numpy) if n else xp.zeros(0, dtype.numpy)


@op(frequencies_rule, namespace="fft", leaf=True)
def rfftfreq(
    n: int, d: float = 1.0, *, dtype: Dtype = None, device: DeviceLike = None, requires_grad: bool = False
) -> Any:
    """The frequencies of the entries of a real transform of `n` points that lie `d` apart."""
    return (xp.arange(half_of(n) + 1) * spacing(n, d)).astype(dtype.numpy)

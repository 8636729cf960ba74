"""Windows under names of torch itself: periodic unless told otherwise, of any floating dtype."""

from __future__ import annotations

from typing import Any

from engine import dtypes, errors
from engine.infer import Estimate
from engine.kinds import DeviceLike, Dtype
from engine.op import Op, op
from engine.ops.creation import factory
from engine.ops.tapers import cosines, of_bessel, triangle
from engine.rules import default_dtype


def periodic_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of these windows."""
    length, dtype = values[0], values[op.index["dtype"]] or default_dtype()
    if not dtype.differentiable:
        raise errors.dtype_mismatch(
            f"{op.name} expects floating point dtypes, got: TensorOptions(dtype={dtype.cpp_name}, device=cpu, "
            "layout=Strided (default), requires_grad=false (default), pinned_memory=false, memory_format=(nullopt))"
        )
    if length < 0:
        raise errors.bad_argument(f"{op.name} requires non-negative window_length, got window_length={length}")
    if dtype.is_complex:
        raise errors.not_implemented_for("arange_cpu", dtype.type_name)
    estimate = factory(op, values, (length,), dtypes.float32)
    estimate.values[op.index["dtype"]] = dtype
    estimate.outputs = [((length,), dtype.numpy)]
    estimate.temporaries = 48 * length
    return estimate


@op(periodic_rule, method=False, leaf=True)
def hann_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """Half a cosine wave from 0 to 1 and back."""
    return cosines(window_length, not periodic, dtype, (0.5, 0.5))


@op(periodic_rule, method=False, leaf=True)
def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    *,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """`alpha` less `beta` times a cosine."""
    return cosines(window_length, not periodic, dtype, (alpha, beta))


@op(periodic_rule, method=False, leaf=True)
def blackman_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """A sum of three cosines."""
    return cosines(window_length, not periodic, dtype, (0.42, 0.5, 0.08))


@op(periodic_rule, method=False, leaf=True)
def bartlett_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """A triangle from 0 to 1 and back."""
    return triangle(window_length, not periodic, dtype)


@op(periodic_rule, method=False, leaf=True)
def kaiser_window(
    window_length: int,
    periodic: bool = True,
    beta: float = 12.0,
    *,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """The Kaiser window, of Bessel functions."""
    return of_bessel(window_length, not periodic, dtype, beta)

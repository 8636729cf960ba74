"""Window functions of signal processing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import engine.signal  # noqa: F401  # makes `torch.signal` known
from engine import dtypes, errors
from engine.arrays import xp
from engine.infer import Estimate
from engine.kinds import DeviceLike, Dtype, Index, Truth
from engine.op import Op, op
from engine.ops.creation import factory
from engine.rules import default_dtype

SPACE = "signal.windows"


COSINES = ("general_hamming", "hamming", "hann", "nuttall")  # which PyTorch makes by `general_cosine`


def window_rule(check: Callable[..., None] | None = None) -> Any:
    """The rule of windows: a length, float32 or float64; `check` gets the further arguments by name."""

    def rule(op: Op, values: list[Any]) -> Estimate:
        length, dtype = values[0], values[op.index["dtype"]] or default_dtype()
        name = "general_cosine" if op.name in COSINES else op.name
        if length < 0:
            raise errors.bad_value(f"{name} requires non-negative window length, got M={length}")
        if dtype not in (dtypes.float32, dtypes.float64):
            raise errors.bad_value(f"{name} expects float32 or float64 dtypes, got: {dtype}")
        if check is not None:
            check({name: values[at] for name, at in op.index.items()})
        estimate = factory(op, values, (length,), default_dtype())
        estimate.temporaries = 48 * length
        return estimate

    return rule


def positive(name: str, text: str, zero: bool = False) -> Any:
    """A check that an argument is above 0, or not below."""

    def check(given: dict[str, Any]) -> None:
        value = given[name]
        if value < 0 or (value == 0 and not zero):
            raise errors.bad_value(f"{text}, got: {value} instead.")
        if given.get("center") is not None and given["sym"]:
            raise errors.bad_value("Center must be None for symmetric windows")

    return check


def span(length: int, sym: bool) -> int:
    """The steps of a whole window: one more for a periodic one, whose last element is left out."""
    return length if not sym and length > 1 else length - 1


def triangle(length: int, sym: bool, dtype: Any) -> Any:
    """A triangle that is 0 at its ends."""
    if length == 1:
        return xp.ones(1, dtype.numpy)
    return (1 - xp.absolute(xp.arange(length) * (2 / max(span(length, sym), 1)) - 1)).astype(dtype.numpy)


def of_bessel(length: int, sym: bool, dtype: Any, beta: float) -> Any:
    """The Kaiser window."""
    if length == 1:
        return xp.ones(1, dtype.numpy)
    places = xp.arange(length) * (2 / max(span(length, sym), 1)) - 1
    inside = xp.maximum(1 - places * places, 0)
    return (xp.i0(beta * xp.sqrt(inside)) / xp.i0(float(beta))).astype(dtype.numpy)


def cosines(length: int, sym: bool, dtype: Any, factors: Any) -> Any:
    """A sum of cosines with alternating signs."""
    if length == 1:
        return xp.ones(1, dtype.numpy)
    angles = xp.arange(length) * (2 * math.pi / max(span(length, sym), 1))
    total = xp.zeros(length)
    for number, factor in enumerate(factors):
        total += (-1) ** number * factor * xp.cos(number * angles)
    return total.astype(dtype.numpy)


def check_factors(given: dict[str, Any]) -> None:
    """Raise unless the coefficients are a list of numbers that is not empty."""
    factors = given["a"]
    if not isinstance(factors, (list, tuple)):
        raise errors.bad_type("Coefficients must be a list/tuple")
    if not factors:
        raise errors.bad_value("Coefficients cannot be empty")
    for each in factors:
        if isinstance(each, bool) or not isinstance(each, (int, float)):
            raise errors.bad_type(f"Coefficients must be numbers, not {type(each).__name__}")


@op(window_rule(check_factors), namespace=SPACE, leaf=True)
def general_cosine(
    M: int,
    *,
    a: Index,
    sym: Truth = True,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """A sum of cosines with the given coefficients, signs alternating."""
    return cosines(M, sym, dtype, a)


@op(window_rule(), namespace=SPACE, leaf=True)
def general_hamming(
    M: int,
    *,
    alpha: float = 0.54,
    sym: Truth = True,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """alpha - (1 - alpha) cos."""
    return cosines(M, sym, dtype, (alpha, 1 - alpha))


def of_cosines(name: str, *factors: float) -> Op:
    """A window that is a sum of cosines with fixed coefficients."""

    def window(
        M: int, *, sym: Truth = True, dtype: Dtype = None, device: DeviceLike = None, requires_grad: bool = False
    ) -> Any:
        """A sum of cosines with fixed coefficients."""
        return cosines(M, sym, dtype, factors)

    window.__name__ = name
    return op(window_rule(), namespace=SPACE, leaf=True)(window)


hamming = of_cosines("hamming", 0.54, 0.46)
hann = of_cosines("hann", 0.5, 0.5)
blackman = of_cosines("blackman", 0.42, 0.5, 0.08)
nuttall = of_cosines("nuttall", 0.3635819, 0.4891775, 0.1365995, 0.0106411)


@op(window_rule(), namespace=SPACE, leaf=True)
def bartlett(
    M: int, *, sym: Truth = True, dtype: Dtype = None, device: DeviceLike = None, requires_grad: bool = False
) -> Any:
    """A triangle that is 0 at its ends."""
    return triangle(M, sym, dtype)


@op(window_rule(), namespace=SPACE, leaf=True)
def cosine(
    M: int, *, sym: Truth = True, dtype: Dtype = None, device: DeviceLike = None, requires_grad: bool = False
) -> Any:
    """Half a wave of the sine."""
    return xp.sin((xp.arange(M) + 0.5) * (math.pi / max(span(M, sym) + 1, 1))).astype(dtype.numpy)


@op(window_rule(positive("tau", "Tau must be positive")), namespace=SPACE, leaf=True)
def exponential(
    M: int,
    *,
    center: float | None = None,
    tau: float = 1.0,
    sym: Truth = True,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """exp(-|n - center| / tau)."""
    middle = span(M, sym) / 2 if center is None else center
    return xp.exp(-xp.absolute(xp.arange(M) - middle) / tau).astype(dtype.numpy)


@op(window_rule(positive("std", "Standard deviation must be positive")), namespace=SPACE, leaf=True)
def gaussian(
    M: int,
    *,
    std: float = 1.0,
    sym: Truth = True,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """exp(-(n / std)^2 / 2) around the middle."""
    places = (xp.arange(M) - span(M, sym) / 2) / std
    return xp.exp(-0.5 * places * places).astype(dtype.numpy)


@op(window_rule(positive("beta", "beta must be non-negative", True)), namespace=SPACE, leaf=True)
def kaiser(
    M: int,
    *,
    beta: float = 12.0,
    sym: Truth = True,
    dtype: Dtype = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Any:
    """The Kaiser window, of Bessel functions."""
    return of_bessel(M, sym, dtype, beta)

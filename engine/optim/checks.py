"""Checks of optimizers' options, with torch's texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine import errors
from engine.tensor import Tensor

NUMBERS = (int, float)


def number(name: str, value: Any) -> float:
    """A number, or a tensor of one element, as a Python number.

    Raises ValueError for a tensor of another size, TypeError for anything else.
    """
    if isinstance(value, Tensor):
        if value.numel() != 1:
            raise errors.bad_value(f"Tensor {name} must be 1-element")
        return float(value)
    if not isinstance(value, NUMBERS):
        raise errors.bad_type(f"{name} must be a number, not {type(value).__name__}")
    return value


def integer(name: str, value: Any) -> int:
    """A Python int.

    Raises TypeError for anything else.
    """
    if not isinstance(value, int):
        raise errors.bad_type(f"{name} must be an int, not {type(value).__name__}")
    return value


def not_negative(what: str, value: Any, nan: bool = False) -> None:
    """Raises ValueError unless the value is at least zero; NaN passes only with `nan`."""
    given = number(what.removesuffix(" value"), value)
    if not given >= 0.0 and not (nan and given != given):
        raise errors.bad_value(f"Invalid {what}: {value}")


def learning_rate(lr: Any, nan: bool = False) -> None:
    """Raises ValueError for a negative learning rate."""
    number("lr", lr)
    not_negative("learning rate", lr, nan)


def pair(name: str, values: Any) -> tuple[float, float]:
    """Two numbers.

    Raises ValueError for another count, TypeError for what are no numbers.
    """
    if not isinstance(values, (tuple, list)) or len(values) != 2:
        raise errors.bad_value(f"{name} must be a pair of numbers")
    return number(f"{name}[0]", values[0]), number(f"{name}[1]", values[1])


def betas(values: Any) -> None:
    """Raises ValueError unless both coefficients are in [0, 1)."""
    for at, beta in enumerate(pair("betas", values)):
        if not 0.0 <= beta < 1.0:
            raise errors.bad_value(f"Invalid beta parameter at index {at}: {values[at]}")


def implementation(options: Mapping[str, Any]) -> None:
    """The options that choose how torch computes: there is one way here, and all of them give the same numbers.

    Raises NotImplementedError for updates that are recorded in the graph or in a CUDA graph.
    """
    for name in ("differentiable", "capturable"):
        if options.get(name):
            raise errors.coded(NotImplementedError, "not_implemented", f"{name}=True is not supported")
    if options.get("fused") and options.get("foreach"):
        raise errors.bad_argument("`fused` and `foreach` cannot be `True` together.")

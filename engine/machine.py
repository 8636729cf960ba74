"""Settings of torch's machinery that leave the results here as they are: kept, so that programs that set them run."""

from __future__ import annotations

import os
from typing import Any

from engine import errors
from engine.devices import Device
from engine.modes import set_default_dtype, state

PRECISIONS = ("highest", "high", "medium")
_kept: dict[str, Any] = {"deterministic": False, "warn_only": False, "precision": "highest", "threads": None}


def get_default_device() -> Device:
    """Where tensors are made unless told."""
    return state.ctx.default_device


def set_default_device(device: Any) -> None:
    """Say where tensors are made unless told; None is the host. Raises RuntimeError for an unknown device."""
    state.ctx.default_device = Device("cpu" if device is None else device)


def set_default_tensor_type(t: Any) -> None:
    """Set the default dtype by the name of an old tensor type.

    Raises TypeError for one that is not of real floats.
    """
    from engine.legacy import NAMES  # above this module, which makes no tensors

    name = (t if isinstance(t, str) else getattr(t, "__name__", "")).removeprefix("torch.")
    if name not in NAMES:
        raise errors.bad_type("invalid type object: only floating-point types are supported as the default type")
    set_default_dtype(NAMES[name])


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for results that do not change from run to run, as they do not here.

    Raises TypeError unless both are bools.
    """
    for name, place, value in (("mode", " (position 1)", mode), ("warn_only", "", warn_only)):
        if not isinstance(value, bool):
            raise errors.bad_type(
                f"_set_deterministic_algorithms(): argument '{name}'{place} must be bool, not {type(value).__name__}"
            )
    _kept.update(deterministic=mode, warn_only=warn_only)


def are_deterministic_algorithms_enabled() -> bool:
    """Whether such results were asked for."""
    return bool(_kept["deterministic"])


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether a warning would do where they cannot be had."""
    return bool(_kept["warn_only"])


def get_float32_matmul_precision() -> str:
    """The precision asked for; float32 it is in any case."""
    return str(_kept["precision"])


def set_float32_matmul_precision(precision: str) -> None:
    """Ask for `highest`, `high` or `medium` precision of products of float32."""
    if precision in PRECISIONS:
        _kept["precision"] = precision


def get_num_threads() -> int:
    """The number of threads asked for, or that of the cores."""
    return _kept["threads"] or os.cpu_count() or 1


def set_num_threads(num: int) -> None:
    """Ask for a number of threads.

    Raises RuntimeError unless it is positive.
    """
    if type(num) is not int:
        raise errors.bad_type(f"set_num_threads expects an int, but got {type(num).__name__}")
    if num <= 0:
        raise errors.bad_argument("set_num_threads expects a positive integer")
    _kept["threads"] = num


def set_flush_denormal(mode: bool) -> bool:
    """Whether tiny numbers may be taken as 0, which they are not here: True for `mode` False."""
    return not mode


__all__ = [
    "are_deterministic_algorithms_enabled",
    "get_default_device",
    "get_float32_matmul_precision",
    "get_num_threads",
    "is_deterministic_algorithms_warn_only_enabled",
    "set_default_device",
    "set_default_tensor_type",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_num_threads",
    "use_deterministic_algorithms",
]

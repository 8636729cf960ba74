"""`torch.autograd.detect_anomaly` and `set_detect_anomaly`."""

from __future__ import annotations

import warnings
from types import TracebackType
from typing import Any

from engine import errors
from engine.anomaly import Anomaly
from engine.modes import state


class set_detect_anomaly:
    """Turn anomaly mode on or off at once; as a context manager put the old setting back at the end."""

    def __init__(self, mode: Any, check_nan: Any = True) -> None:
        for at, (name, value) in enumerate((("enabled", mode), ("check_nan", check_nan))):
            if not isinstance(value, bool):
                text = f"argument '{name}' (position {at + 1}) must be bool, not {type(value).__name__}"
                raise errors.bad_type(f"set_anomaly_enabled(): {text}")
        self._before = state.ctx.anomaly
        state.ctx.anomaly = Anomaly(check_nan) if mode else None

    def __enter__(self) -> None:
        """Nothing: the mode is set."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        state.ctx.anomaly = self._before


class detect_anomaly:
    """Inside, a backward that makes NaN is refused, and the forward call that led to it is told."""

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        if state.ctx.log is None:
            warnings.warn(
                "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled "
                "for debugging.",
                stacklevel=2,
            )

    def __enter__(self) -> None:
        self._before = state.ctx.anomaly
        state.ctx.anomaly = Anomaly(self.check_nan)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        state.ctx.anomaly = self._before


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on."""
    return state.ctx.anomaly is not None


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly mode refuses NaN, where it is on."""
    anomaly = state.ctx.anomaly
    return anomaly is None or anomaly.check_nan


__all__ = ["detect_anomaly", "is_anomaly_check_nan_enabled", "is_anomaly_enabled", "set_detect_anomaly"]

"""`torch.finfo` and `torch.iinfo`: the limits of dtypes."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from engine import dtypes, errors
from engine.modes import state

MISSING: Any = object()


def _dtype(name: str, value: Any) -> dtypes.DType:
    if not isinstance(value, dtypes.DType):
        kind = type(value).__name__
        raise errors.bad_type(f"{name}(): argument 'type' (position 1) must be torch.dtype, not {kind}")
    return value


class finfo:  # torch's name
    """The limits of a floating dtype, of the parts of a complex one.

    Raises TypeError for another.
    """

    def __init__(self, type: dtypes.DType | None = None) -> None:
        kind = state.ctx.default_dtype if type is None else _dtype("finfo", type)
        if not kind.differentiable:
            raise errors.bad_type(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'"
            )
        real = np.empty(0, kind.numpy).real.dtype
        info: Any = ml_dtypes.finfo(real)  # type: ignore[no-untyped-call]
        self.bits = real.itemsize * 8
        self.eps, self.max, self.min = float(info.eps), float(info.max), float(info.min)
        self.tiny = self.smallest_normal = float(info.tiny)
        self.resolution = float(f"{float(info.resolution):.0e}")
        self.dtype = dtypes.BY_NUMPY[real].name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, finfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(self.dtype)

    def __repr__(self) -> str:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        shown = ", ".join(f"{name}={getattr(self, name):.6g}" for name in names)
        return f"finfo({shown}, dtype={self.dtype})"


class iinfo:  # torch's name
    """The limits of an integer dtype.

    Raises TypeError for another.
    """

    def __init__(self, type: dtypes.DType = MISSING) -> None:
        if type is MISSING:
            raise errors.bad_type('iinfo() missing 1 required positional arguments: "type"')
        dtype = _dtype("iinfo", type)
        if dtype is dtypes.bool_:
            raise errors.bad_type("torch.bool is not supported by torch.iinfo")
        if dtype.differentiable:
            raise errors.bad_type(
                "torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'"
            )
        info = np.iinfo(dtype.numpy)
        self.bits, self.max, self.min = info.bits, int(info.max), int(info.min)
        self.dtype = dtype.name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, iinfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(self.dtype)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


__all__ = ["finfo", "iinfo"]

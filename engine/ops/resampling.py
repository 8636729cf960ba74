"""Interpolation: tensors resized along their spatial dims."""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes, errors
from engine.infer import Estimate, composed
from engine.kinds import Array, Dims, Index, Truth
from engine.op import Op, op
from engine.ops.adaptive import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from engine.ops.pooling import FUNCTIONAL
from engine.ops.taps import Setting, map_back, mapped, mapped_bytes
from engine.rules import Shape

MODES = {
    "nearest": {3: "UpsampleNearest1D", 4: "UpsampleNearest2D", 5: "UpsampleNearest3D"},
    "nearest-exact": {3: "UpsampleNearestExact1D", 4: "UpsampleNearestExact2D", 5: "UpsampleNearestExact3D"},
    "linear": {3: "UpsampleLinear1D"},
    "bilinear": {4: "UpsampleBilinear2D"},
    "bicubic": {4: "UpsampleBicubic2D"},
    "trilinear": {5: "UpsampleTrilinear3D"},
}
ANTIALIASED = {"bilinear": "UpsampleBilinear2DAa", "bicubic": "UpsampleBicubic2DAa"}
MAPS = {"bilinear": "linear", "trilinear": "linear", "bicubic": "cubic"}


def resize_rule(op: Op, values: list[Any]) -> Estimate:
    """The rule of resizing: sizes above 0, floating dtypes (nearest and the planes also bytes)."""
    array, size, settings = values
    count = len(size)
    have = array.shape[-count:]
    names = ("D", "H", "W")[-count:] if count > 1 else ("W",)
    if min((*size, *have), default=1) <= 0:
        shown = [", ".join(f"{n}: {each}" for n, each in zip(names, sizes, strict=True)) for sizes in (have, size)]
        raise errors.shape_mismatch(
            f"Input and output sizes should be greater than 0, but got input ({shown[0]}) "
            f"{'and ' if count == 1 else ''}output ({shown[1]})"
        )
    if array.shape[1] == 0:
        raise errors.shape_mismatch(
            f"Non-empty {array.ndim}D data tensor expected but got a tensor with sizes {list(array.shape)}"
        )
    dtype = dtypes.BY_NUMPY[array.dtype]
    plane = count == 2 or settings[0][0].startswith("nearest")
    if not (dtype.is_floating_point or (dtype is dtypes.uint8 and plane)):
        kind = settings[0][0].removesuffix("-antialias")
        raise errors.not_implemented_for(f"upsample_{kind}{count}d", dtype.type_name)
    shape = (*array.shape[:-count], *size)
    return Estimate(values, [(shape, array.dtype)], None, mapped_bytes(array.shape, shape, array.dtype), 8 * array.size)


def resizer(node: str) -> Op:
    """The op of one mode and number of dims: torch has a node for each."""

    def resized(input: Array, size: Dims, settings: Index) -> Any:
        """The input resized along its last dims."""
        return mapped(input, (*input.shape[: -len(size)], *size), settings, False)

    resized.__module__ = __name__
    made = op(resize_rule, name=f"resized_{node}", hidden=True, node=f"{node}Backward0")(resized)
    made.vjp(input=lambda g, input_shape, settings: map_back(g, input_shape, settings))
    return made


NODES = [*(each for by_ndim in MODES.values() for each in by_ndim.values()), *ANTIALIASED.values()]
globals().update({node: resizer(node) for node in NODES})  # names of the module, so that `engine.binding` sees them


def target(input: Any, size: Any, scale: Any) -> tuple[Shape, list[float] | None]:
    """The sizes asked for and the scales, one for each spatial dim.

    Raises ValueError unless exactly one of both is given, with as many entries as there are spatial dims.
    """
    spatial = tuple(input.shape)[2:]
    if size is not None and scale is not None:
        raise errors.bad_value("only one of size or scale_factor should be defined")
    if size is None and scale is None:
        raise errors.bad_value("either size or scale_factor should be defined")
    name, value = ("output size", size) if size is not None else ("scale_factor", scale)
    given = tuple(value) if isinstance(value, (list, tuple)) else (value,) * len(spatial)
    if len(given) != len(spatial):
        what = f"output size of {given}" if name == "output size" else f"scale_factor of shape {given}"
        letters = "o1, o2, ...,oK" if name == "output size" else "s1, s2, ...,sK"
        raise errors.bad_value(
            f"Input and {name if size is None else 'output'} must have the same number of spatial dimensions, but got "
            f"input with spatial dimensions of {list(spatial)} and {what}. Please provide input tensor in (N, C, d1, "
            f"d2, ...,dK) format and {name} in ({letters}) format."
        )
    for each in given:
        wrong = bool if size is None else (bool, float)
        if isinstance(each, wrong) or not isinstance(each, (int, float)):
            raise errors.bad_type(f"interpolate(): {name} must be numbers, not {type(each).__name__}")
        if not math.isfinite(float(each)):
            raise errors.bad_value(f"cannot convert float {'NaN' if math.isnan(each) else 'infinity'} to integer")
    if size is not None:
        return given, None
    return tuple(math.floor(n * float(each)) for n, each in zip(spatial, given, strict=True)), list(given)


@op(composed, namespace=FUNCTIONAL, composite=True)
def interpolate(
    input: Array,
    size: Index = None,
    scale_factor: Index = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: Truth | None = None,
    antialias: Truth = False,
) -> Any:
    """The input resized to `size` or by `scale_factor` along its dims after the first two."""
    if mode in ("nearest", "area", "nearest-exact") and align_corners is not None:
        raise errors.bad_value(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
        )
    sizes, scales = target(input, size, scale_factor)
    if recompute_scale_factor and size is not None:
        raise errors.bad_value("recompute_scale_factor is not meaningful with an explicit size.")
    if recompute_scale_factor:
        scales = None
    ndim = len(input.shape)
    if antialias and not (mode in ("bilinear", "bicubic") and ndim == 4):
        raise errors.bad_value(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input"
        )
    if mode == "area" and ndim in (3, 4, 5):
        return averages(input, sizes)
    node = node_of(mode, ndim, antialias)
    kind = MAPS.get(mode, mode) + ("-antialias" if antialias else "")
    each: list[Setting] = [
        (kind, float(scales[at]) if scales is not None and scales[at] > 0 else None, bool(align_corners))
        for at in range(len(sizes))
    ]
    return globals()[node](input, sizes, tuple(each))


def averages(input: Any, sizes: Shape) -> Any:
    """The area mode: adaptive averages."""
    if len(sizes) == 1:
        return adaptive_avg_pool1d(input, sizes)
    return adaptive_avg_pool2d(input, sizes) if len(sizes) == 2 else adaptive_avg_pool3d(input, sizes)


def node_of(mode: str, ndim: int, antialias: bool) -> str:
    """The name of the resizing of a mode and a number of dims.

    Raises NotImplementedError where there is none.
    """
    known = MODES.get(mode)
    if known is None or ndim not in (3, 4, 5):
        raise errors.coded(
            NotImplementedError,
            "not_implemented",
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {ndim}D) for the modes: nearest | linear | "
            f"bilinear | bicubic | trilinear | lanczos | area | nearest-exact (got {mode:.64})",
        )
    if ndim not in known:
        (wanted,) = known
        raise errors.coded(
            NotImplementedError, "not_implemented", f"Got {ndim}D input, but {mode} mode needs {wanted}D input"
        )
    return ANTIALIASED[mode] if antialias else known[ndim]


@op(composed, namespace=FUNCTIONAL, composite=True)
def upsample(
    input: Array,
    size: Index = None,
    scale_factor: Index = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Any:
    """interpolate under its old name."""
    return interpolate(input, size, scale_factor, mode, align_corners)


@op(composed, namespace=FUNCTIONAL, composite=True)
def upsample_nearest(input: Array, size: Index = None, scale_factor: Index = None) -> Any:
    """interpolate by the nearest element."""
    return interpolate(input, size, scale_factor, "nearest")


@op(composed, namespace=FUNCTIONAL, composite=True)
def upsample_bilinear(input: Array, size: Index = None, scale_factor: Index = None) -> Any:
    """interpolate bilinearly, corner to corner."""
    return interpolate(input, size, scale_factor, "bilinear", True)

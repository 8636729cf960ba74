"""Interpolation: tensors resized along their spatial dims."""

from __future__ import annotations

import operator
import re
from typing import Any, SupportsIndex

from engine import dtypes, errors
from engine.arguments import kind_of
from engine.infer import Estimate, composed
from engine.kinds import INT64_MAX, INT64_MIN, INT_OVERFLOW, Array, Dims, Flag, Index, Truth, Word
from engine.modes import warn
from engine.op import Op, op
from engine.ops.adaptive import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from engine.ops.taps import Setting, map_back, mapped, mapped_bytes
from engine.rules import FUNCTIONAL, Shape

MODES = {
    "nearest": {3: "UpsampleNearest1D", 4: "UpsampleNearest2D", 5: "UpsampleNearest3D"},
    "nearest-exact": {3: "UpsampleNearestExact1D", 4: "UpsampleNearestExact2D", 5: "UpsampleNearestExact3D"},
    "linear": {3: "UpsampleLinear1D"},
    "bilinear": {4: "UpsampleBilinear2D"},
    "bicubic": {4: "UpsampleBicubic2D"},
    "trilinear": {5: "UpsampleTrilinear3D"},
}
ANTIALIASED = {
    "bilinear": "UpsampleBilinear2DAa",
    "bicubic": "UpsampleBicubic2DAa",
    "lanczos": "UpsampleLanczos2DAa",
}
MAPS = {"bilinear": "linear", "trilinear": "linear", "bicubic": "cubic"}


DEPRECATED = "`nn.functional.{}` is deprecated. Use `nn.functional.interpolate` instead."


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
        raise errors.not_implemented_for(kernel_of(settings[0][0], count), dtype.type_name)
    shape = (*array.shape[:-count], *size)
    return Estimate(values, [(shape, array.dtype)], None, mapped_bytes(array.shape, shape, array.dtype), 8 * array.size)


def kernel_of(kind: str, count: int) -> str:
    """torch's kernel that has no dtype to offer."""
    if kind.endswith("antialias"):
        return "compute_index_ranges_weights"
    kind = kind.removesuffix("-exact")
    if count == 2 and kind != "cubic":
        return f"upsample_{kind.replace('linear', 'bilinear')}2d_channels_last"
    return f"compute_indices_weights_{kind}"


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


def each_dim(name: str, asked: Any, letters: str, input: Any) -> Any:
    """An entry for each spatial dim of a size or a scale; anything but a list counts for all of them.

    Raises ValueError for another number of entries than spatial dims.
    """
    spatial = list(input.shape)[2:]
    count = len(input.shape) - 2
    if not isinstance(asked, (list, tuple)):
        return [asked] * count
    if len(asked) != count:
        given = f"output size of {asked}" if name == "output size" else f"scale_factor of shape {asked}"
        raise errors.bad_value(
            f"Input and {name.removesuffix(' size')} must have the same number of spatial dimensions, but got input "
            f"with spatial dimensions of {spatial} and {given}. Please provide input tensor in (N, C, d1, d2, ...,dK) "
            f"format and {name} in ({letters}) format."
        )
    return asked


def target(input: Any, size: Any, scale: Any) -> tuple[Any, Any]:
    """The sizes asked for or the scales, one for each spatial dim: the other is None.

    Raises ValueError unless exactly one of both is given, TypeError for sizes that are no ints.
    """
    if size is not None and scale is not None:
        raise errors.bad_value("only one of size or scale_factor should be defined")
    if size is None and scale is None:
        raise errors.bad_value("either size or scale_factor should be defined")
    if size is None:
        return None, each_dim("scale_factor", scale, "s1, s2, ...,sK", input)
    sizes = each_dim("output size", size, "o1, o2, ...,oK", input)
    if isinstance(size, (list, tuple)) and not all(isinstance(each, SupportsIndex) for each in sizes):
        raise errors.bad_type(
            "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got size "
            f"with types {[type(each) for each in sizes]}"
        )
    return sizes, None


def scaled(n: int, scale: float) -> int:
    """A size times a scale.

    Raises RuntimeError for one that is no number of elements.
    """
    made = n * float(scale)
    if not -(2.0**63) <= made < 2.0**63:
        raise errors.bad_argument("value cannot be converted to type int64_t without overflow")
    return int(made)


def whole(input: Any, scales: Any) -> list[int]:
    """The sizes that scales ask for, as Python computes them; raises what Python raises."""
    with errors.of_python():
        return [int(n * each) for n, each in zip(tuple(input.shape)[2:], scales, strict=True)]


@op(composed, namespace=FUNCTIONAL, composite=True)
def interpolate(
    input: Array,
    size: Index = None,
    scale_factor: Index = None,
    mode: Word = "nearest",
    align_corners: Flag | None = None,
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
    if scales is not None and (recompute_scale_factor or mode == "area"):
        sizes, scales = whole(input, scales), None
    ndim = len(input.shape)
    if antialias and not (mode in ANTIALIASED and ndim == 4):
        raise errors.bad_value(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input"
        )
    if mode == "area" and ndim in (3, 4, 5):
        return averages(input, sizes)
    node = node_of(mode, ndim, antialias, align_corners)
    check_settings(node, sizes, scales, align_corners)
    if sizes is None:
        sizes = [scaled(*each) for each in zip(tuple(input.shape)[2:], scales, strict=True)]
    kind = MAPS.get(mode, str(mode)) + ("-antialias" if antialias else "")
    each: list[Setting] = [
        (kind, float(scales[at]) if scales is not None and scales[at] > 0 else None, bool(align_corners))
        for at in range(len(sizes))
    ]
    return globals()[node](input, tuple(map(int, sizes)), tuple(each))


def check_settings(node: str, sizes: Any, scales: Any, align: Any) -> None:
    """Raise TypeError, as torch's own function for this mode does, for sizes, scales or a flag of other types."""
    name = node_said(node)
    if sizes is None:  # the parser looks at the first, then takes it for a tuple of floats
        fit = isinstance(scales[0], (int, float, complex))
    else:
        fit = all(isinstance(each, SupportsIndex) for each in sizes) and type(sizes[0]) is not bool
    if not fit or not (align is None or type(align) is bool):
        flag = [] if "upsample_nearest" in name else [False if align is None else align]
        got = ", ".join(kind_of(each) for each in (sizes, *flag, scales))
        raise errors.bad_type(f"{name}() received an invalid combination of arguments - got (Tensor, {got})")
    for at, each in enumerate(scales or (), 1):
        if not isinstance(each, (int, float)) or (isinstance(each, int) and abs(each) >= 2**1024):
            found = f"but found element of type {type(each).__name__} at pos {at}"
            raise errors.bad_type(f"{name}(): argument 'scale_factors' must be tuple of floats, {found}")
    for at, each in enumerate(sizes or (), 1):
        if not INT64_MIN <= operator.index(each) <= INT64_MAX:
            wrong = f'failed to unpack the object at pos {at} with error "{INT_OVERFLOW}'
            raise errors.bad_type(f"{name}(): argument 'output_size' {wrong}")


def node_said(node: str) -> str:
    """The name of torch's function for a node: `upsample_bilinear2d`, `_upsample_nearest_exact1d`."""
    base, count, last = re.split(r"(\dD)", node)
    name = "_".join(re.findall("[A-Z][a-z]+", base)).lower() + count.lower() + ("_aa" if last else "")
    return f"_{name}" if last or "Exact" in node else name


def averages(input: Any, sizes: Shape) -> Any:
    """The area mode: adaptive averages."""
    if len(sizes) == 1:
        return adaptive_avg_pool1d(input, sizes)
    return adaptive_avg_pool2d(input, sizes) if len(sizes) == 2 else adaptive_avg_pool3d(input, sizes)


def node_of(mode: Any, ndim: int, antialias: bool, align: Any) -> str:
    """The name of the resizing of a mode and a number of dims.

    Raises NotImplementedError where there is none, ValueError for lanczos with corners aligned or without antialias.
    """
    if mode == "lanczos" and ndim == 4:
        if align:
            raise errors.bad_value("Lanczos mode does not support align_corners=True")
        if not antialias:
            raise errors.bad_value("Lanczos mode requires antialias=True")
        return ANTIALIASED[mode]
    known = MODES.get(mode, {}) if isinstance(mode, str) else {}
    if ndim in known:
        return ANTIALIASED[mode] if antialias else known[ndim]
    if mode in ("linear", "bilinear", "trilinear") and ndim in (3, 4, 5):
        text = f"Got {ndim}D input, but {mode} mode needs {next(iter(known))}D input"
    else:
        text = (
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {ndim}D) for the modes: nearest | linear | "
            f"bilinear | bicubic | trilinear | lanczos | area | nearest-exact (got {mode!s:.64})"
        )
    raise errors.coded(NotImplementedError, "not_implemented", text)


@op(composed, namespace=FUNCTIONAL, composite=True)
def upsample(
    input: Array,
    size: Index = None,
    scale_factor: Index = None,
    mode: Word = "nearest",
    align_corners: Flag | None = None,
) -> Any:
    """interpolate under its old name."""
    warn(DEPRECATED.format("upsample"), level=6)
    return interpolate(input, size, scale_factor, mode, align_corners)


@op(composed, namespace=FUNCTIONAL, composite=True)
def upsample_nearest(input: Array, size: Index = None, scale_factor: Index = None) -> Any:
    """interpolate by the nearest element."""
    warn(DEPRECATED.format("upsample_nearest"), level=6)
    return interpolate(input, size, scale_factor, "nearest")


@op(composed, namespace=FUNCTIONAL, composite=True)
def upsample_bilinear(input: Array, size: Index = None, scale_factor: Index = None) -> Any:
    """interpolate bilinearly, corner to corner."""
    warn(DEPRECATED.format("upsample_bilinear"), level=6)
    return interpolate(input, size, scale_factor, "bilinear", True)

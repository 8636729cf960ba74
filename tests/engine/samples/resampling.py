"""Samples of interpolation and grid sampling, against sums written out."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from tests.engine.samples.base import Array, Sample, of, tensor
from tests.engine.samples.convolution import each


def hat(t: float) -> float:
    return max(0.0, 1 - abs(t))


def keys(t: float, a: float = -0.75) -> float:
    """Keys' cubic kernel."""
    t = abs(t)
    if t < 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * (t**3 - 5 * t**2 + 8 * t - 4) if t < 2 else 0.0


def matrix(size: int, out: int, mode: str, align: bool, scale: float | None, smooth: bool) -> Array:
    """The linear map of one dim."""
    made = np.zeros((out, size))
    step = (1 / scale if scale else size / out) if not align else (size - 1) / (out - 1) if out > 1 else 0.0
    for o in range(out):
        if mode.startswith("nearest"):
            made[o, min(int((o + (0.5 if mode == "nearest-exact" else 0)) * step), size - 1)] = 1
            continue
        center = o * step if align else (o + 0.5) * step - 0.5
        if smooth:
            reach = max(step, 1.0)
            kernel = hat if mode == "bilinear" else lambda t: keys(t, -0.5)
            weights = [kernel((i - center) / reach) for i in range(size)]
            made[o] = np.array(weights) / sum(weights)
        elif mode == "bicubic":
            for i in range(math.floor(center) - 1, math.floor(center) + 3):
                made[o, min(max(i, 0), size - 1)] += keys(center - i)
        else:
            center = min(max(center, 0.0), size - 1)
            for i in range(math.floor(center), math.floor(center) + 2):
                made[o, min(i, size - 1)] += hat(center - i)
    return made


def resized(x: Array, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: Any = None,
            recompute_scale_factor: Any = None, antialias: bool = False) -> Array:  # fmt: skip
    count = x.ndim - 2
    scales: list[Any] = [None] * count
    if size is None:
        scales = list(each(scale_factor, count))
        size = [math.floor(n * s) for n, s in zip(x.shape[2:], scales, strict=True)]
        scales = [None] * count if recompute_scale_factor else scales
    out = x.astype(np.float64)
    for dim, (want, scale) in enumerate(zip(each(size, count), scales, strict=True), 2):
        table = matrix(x.shape[dim], want, mode, bool(align_corners), scale, antialias)
        out = np.moveaxis(np.tensordot(table, out, (1, dim)), 0, dim)
    if x.dtype.kind == "u":
        return np.clip(np.floor(out + 0.5), 0, 255).astype(np.uint8)
    return out.astype(x.dtype)


def areas(x: Array, size: Any = None, scale_factor: Any = None, mode: str = "area") -> Array:
    count = x.ndim - 2
    if size is None:
        size = [math.floor(n * s) for n, s in zip(x.shape[2:], each(scale_factor, count), strict=True)]
    made = np.zeros((*x.shape[:2], *each(size, count)), x.dtype)
    for at in np.ndindex(*made.shape[2:]):
        window = [
            slice(i * n // o, -(-(i + 1) * n // o)) for i, n, o in zip(at, x.shape[2:], made.shape[2:], strict=True)
        ]
        made[(..., *at)] = x[(..., *window)].mean(tuple(range(2, x.ndim)))
    return made


LINE, PLANE, BLOCK = tensor(1, 2, 4, seed=1), tensor(1, 2, 3, 4, seed=2), tensor(1, 1, 2, 3, 2, seed=3)
INTERPOLATE = [
    Sample("nn.functional.interpolate", name, args, resized, kwargs)
    for name, args, kwargs in (
        ("line", (LINE, 7), {}),
        ("nearest", (PLANE, (5, 2)), {}),
        ("nearest-scale", (PLANE,), {"scale_factor": 2.0}),
        ("nearest-block", (BLOCK, 3), {"mode": "nearest"}),
        ("exact", (PLANE, (5, 3)), {"mode": "nearest-exact"}),
        ("linear", (LINE, 6), {"mode": "linear"}),
        ("linear-corners", (LINE, 6, None, "linear", True), {}),
        ("bilinear", (PLANE, (5, 2)), {"mode": "bilinear"}),
        ("bilinear-scales", (PLANE,), {"scale_factor": (1.7, 0.6), "mode": "bilinear"}),
        ("bilinear-recomputed", (PLANE,), {"scale_factor": 1.7, "mode": "bilinear", "recompute_scale_factor": True}),
        ("bilinear-corners", (PLANE, (2, 5), None, "bilinear", True), {}),
        ("bilinear-smooth", (tensor(1, 1, 5, 6, seed=4), (2, 4)), {"mode": "bilinear", "antialias": True}),
        ("bicubic", (PLANE, (5, 3)), {"mode": "bicubic"}),
        ("bicubic-corners", (PLANE, (2, 6)), {"mode": "bicubic", "align_corners": True}),
        ("bicubic-smooth", (tensor(1, 1, 6, 5, seed=5), (3, 2)), {"mode": "bicubic", "antialias": True}),
        ("trilinear", (BLOCK, (3, 2, 3)), {"mode": "trilinear"}),
        ("far", (tensor(1, 1, 2, seed=6), 11), {"mode": "linear"}),
        ("float32", (tensor(1, 1, 3, 3, dtype="float32"), 5), {"mode": "bilinear"}),
    )
] + [
    Sample(
        "nn.functional.interpolate", "bytes", (of([[[[3, 250], [90, 7]]]], "uint8"), 3), resized, differentiable=False
    ),
    *[
        Sample("nn.functional.interpolate", name, args, areas, kwargs)
        for name, args, kwargs in (
            ("area", (PLANE, (2, 3)), {"mode": "area"}),
            ("area-line", (LINE, 3, None, "area"), {}),
            ("area-block", (BLOCK,), {"scale_factor": 0.5, "mode": "area"}),
        )
    ],
]
OLD = [
    Sample("nn.functional.upsample", "bilinear", (PLANE, (5, 5)), resized, {"mode": "bilinear"}),
    Sample("nn.functional.upsample", "scale", (PLANE, None, 2), resized),
    Sample("nn.functional.upsample_nearest", "size", (PLANE, (4, 5)), resized),
    Sample("nn.functional.upsample_nearest", "scale", (LINE,), resized, {"scale_factor": 2}),
    *[
        Sample("nn.functional.upsample_bilinear", name, args, lambda x, size=None, scale_factor=None: resized(
            x, size, scale_factor, "bilinear", True), kwargs)
        for name, args, kwargs in (("size", (PLANE, (4, 5)), {}), ("scale", (PLANE,), {"scale_factor": 2}))
    ],
]  # fmt: skip


# -- grids ------------------------------------------------------------------------------------------------------------


def inside(place: float, size: int, padding: str, align: bool) -> float:
    """A coordinate held inside as the padding says."""
    if padding == "reflection":
        low, high = (0.0, size - 1.0) if align else (-0.5, size - 0.5)
        span = high - low
        place = low if span == 0 else low + abs((place - low + span) % (2 * span) - span)
    return place if padding == "zeros" else min(max(place, 0.0), size - 1.0)


def sampled(
    x: Array, grid: Array, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: Any = None
) -> Array:
    align = bool(align_corners)
    sizes = x.shape[2:]
    made = np.zeros((*x.shape[:2], *grid.shape[1:-1]), x.dtype)
    for at in np.ndindex(*made.shape[2:]):
        for n in range(len(x)):
            point = [(g + 1) / 2 * (s - 1) if align else ((g + 1) * s - 1) / 2
                     for g, s in zip(grid[(n, *at)][::-1], sizes, strict=True)]  # fmt: skip
            made[(n, slice(None), *at)] = at_point(x[n], point, mode, padding_mode, align)
    return made


def at_point(x: Array, point: Any, mode: str, padding: str, align: bool) -> Array:
    """Every channel's value at a point."""
    sizes = x.shape[1:]
    if mode != "bicubic":
        point = [inside(place, size, padding, align) for place, size in zip(point, sizes, strict=True)]
    cells, kernel = {
        "nearest": (lambda p: [round(p)], lambda t: 1.0),
        "bilinear": (lambda p: [math.floor(p), math.floor(p) + 1], hat),
        "bicubic": (lambda p: list(range(math.floor(p) - 1, math.floor(p) + 3)), keys),
    }[mode]
    total = np.zeros(len(x))
    for cell in itertools.product(*map(cells, point)):
        weight = math.prod(kernel(p - c) for p, c in zip(point, cell, strict=True))
        where = tuple(int(inside(c, s, padding, align)) for c, s in zip(cell, sizes, strict=True))
        if all(0 <= c < s for c, s in zip(where, sizes, strict=True)):
            total = total + weight * x[(slice(None), *where)]
    return total


GRID = of(np.random.default_rng(7).uniform(-1.3, 1.3, (1, 2, 3, 2)))
SOLID = of(np.random.default_rng(8).uniform(-1.2, 1.2, (1, 2, 1, 2, 3)))
MODES, PADDINGS = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")
PICTURE = tensor(1, 2, 4, 3, seed=9)
# torch has no second derivative of these: its gradients are compared by the scratch oracle alone
GRIDS = [
    Sample("nn.functional.grid_sample", name, args, sampled, kwargs, torch=False)
    for name, args, kwargs in (
        ("plain", (PICTURE, GRID), {}),
        ("corners", (PICTURE, GRID), {"align_corners": True}),
        ("border", (PICTURE, GRID), {"padding_mode": "border", "align_corners": False}),
        ("reflection", (PICTURE, GRID, "bilinear", "reflection", False), {}),
        ("reflection-corners", (PICTURE, GRID, "bilinear", "reflection", True), {}),
        ("nearest", (PICTURE, GRID, "nearest"), {}),
        ("cubic", (PICTURE, GRID, "bicubic"), {}),
        ("cubic-border", (PICTURE, GRID, "bicubic", "border", True), {}),
        ("cubic-reflection", (PICTURE, GRID, "bicubic", "reflection"), {}),
        ("solid", (tensor(1, 1, 2, 3, 2, seed=10), SOLID), {}),
        ("solid-border", (tensor(1, 1, 2, 3, 2, seed=10), SOLID, "bilinear", "border"), {}),
    )
]
NUMBERED = [
    Sample(op, name, (*args, mode, padding, align),
           lambda x, g, m, p, a: sampled(x, g, MODES[m], PADDINGS[p], a),
           torch=False)
    for op, args in (("grid_sampler_2d", (PICTURE, GRID)), ("grid_sampler_3d", (tensor(1, 1, 2, 3, 2, seed=10), SOLID)))
    for name, mode, padding, align in (("plain", 0, 0, False), ("border", 0, 1, True))
]  # fmt: skip


def affine(theta: Array, size: Any, align_corners: Any = None) -> Array:
    axes = size[2:]
    lines = [np.zeros(1) if n == 1 else np.linspace(-1, 1, n) * (1 if align_corners else (n - 1) / n) for n in axes]
    points = np.stack([*np.meshgrid(*lines, indexing="ij")[::-1], np.ones(axes)], -1)
    return np.stack([points @ each.T for each in theta])


AFFINE = [
    Sample("nn.functional.affine_grid", name, args, affine, kwargs)
    for name, args, kwargs in (
        ("plain", (tensor(2, 2, 3, seed=11), (2, 1, 2, 3)), {}),
        ("corners", (tensor(1, 2, 3, seed=12), [1, 2, 3, 1]), {"align_corners": True}),
        ("solid", (tensor(1, 3, 4, seed=13), (1, 1, 2, 1, 3), False), {}),
    )
]

SAMPLES = [*INTERPOLATE, *OLD, *GRIDS, *NUMBERED, *AFFINE]

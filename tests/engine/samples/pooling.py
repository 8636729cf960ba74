"""Samples of pooling, against windows cut out one by one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.engine.samples.base import Array, Sample, indices, tensor
from tests.engine.samples.convolution import each

Windows = list[tuple[tuple[int, ...], tuple[range, ...]]]


def count_of(size: int, k: int, step: int, pad: int, gap: int, ceil: bool) -> int:
    room = (size + 2 * pad - gap * (k - 1) - 1) / step
    count = (math.ceil(room) if ceil else math.floor(room)) + 1
    return count - 1 if ceil and (count - 1) * step >= size + pad else count


def sliding(sizes: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool) -> tuple[Any, Windows]:
    """The result's sizes; for each result its place and the input's places along each dim, outside ones too."""
    settings = list(zip(sizes, kernel, stride, padding, dilation, strict=True))
    out = [count_of(*one, ceil) for one in settings]
    windows = []
    for at in np.ndindex(*out):
        starts = [place * step - pad for place, (_, _, step, pad, _) in zip(at, settings, strict=True)]
        spans = tuple(
            range(start, start + k * gap, gap) for start, (_, k, _, _, gap) in zip(starts, settings, strict=True)
        )
        windows.append((at, spans))
    return out, windows


def averages(x: Array, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
             count_include_pad: bool = True, divisor_override: Any = None, count: int = 2) -> Array:  # fmt: skip
    kernel, padding = each(kernel_size, count), each(padding, count)
    sizes = x.shape[-count:]
    out, windows = sliding(sizes, kernel, each(stride or kernel, count), padding, (1,) * count, ceil_mode)
    made = np.zeros((*x.shape[:-count], *out), x.dtype)
    for at, spans in windows:
        inside = [[i for i in span if 0 <= i < n] for span, n in zip(spans, sizes, strict=True)]
        padded = [[i for i in span if i < n + p] for span, n, p in zip(spans, sizes, padding, strict=True)]
        cells = math.prod(map(len, padded if count_include_pad else inside))
        total = x[(..., *np.ix_(*inside))].sum(tuple(range(-count, 0)))
        made[(..., *at)] = np.trunc(total / (divisor_override or cells))
        if made.dtype.kind != "i":
            made[(..., *at)] = total / (divisor_override or cells)
    return made


def maxima(x: Array, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
           ceil_mode: bool = False, return_indices: bool = False, count: int = 2) -> Any:  # fmt: skip
    kernel, gaps = each(kernel_size, count), each(dilation, count)
    sizes = x.shape[-count:]
    out, windows = sliding(sizes, kernel, each(stride or kernel, count), each(padding, count), gaps, ceil_mode)
    chosen = [(at, [[i for i in span if 0 <= i < n] for span, n in zip(spans, sizes, strict=True)]) for at, spans in windows]  # fmt: skip  # noqa: E501
    return largest(x, out, chosen, return_indices)


def largest(x: Array, out: Any, windows: Any, return_indices: bool) -> Any:
    """The largest element of each window, and its index in the plane."""
    count = len(out)
    front = x.shape[:-count]
    flat = x.reshape(-1, math.prod(x.shape[-count:]))
    values, places = np.zeros((len(flat), *out), x.dtype), np.zeros((len(flat), *out), np.int64)
    for at, inside in windows:
        spots = [np.ravel_multi_index(one, x.shape[-count:]) for one in itertools.product(*inside)]
        best = np.argmax(flat[:, spots], 1)
        places[(slice(None), *at)] = np.array(spots)[best]
        values[(slice(None), *at)] = np.take_along_axis(flat[:, spots], best[:, None], 1)[:, 0]
    values, places = values.reshape(*front, *out), places.reshape(*front, *out)
    return (values, places) if return_indices else values


def of_dims(reference: Callable[..., Any], count: int) -> Callable[..., Any]:
    return lambda *args, **kwargs: reference(*args, **kwargs, count=count)


LINE, PLANE, BLOCK = tensor(2, 2, 6, seed=1), tensor(1, 2, 5, 4, seed=2), tensor(1, 1, 3, 4, 3, seed=3)
Call = tuple[str, tuple[Any, ...], dict[str, Any]]
BOTH: dict[int, list[Call]] = {
    1: [
        ("plain", (LINE, 2), {}),
        ("stride", (LINE, 3, 1), {}),
        ("padding", (LINE, 3, 2, 1), {}),
        ("ceil", (LINE, 4, 3), {"ceil_mode": True}),
        ("unbatched", (tensor(2, 5, seed=4), 2), {}),
        ("tuple", (LINE, (2,), (2,)), {}),
    ],
    2: [
        ("plain", (PLANE, 2), {}),
        ("overlapping", (PLANE, (3, 2), 1), {}),
        ("padding", (PLANE, 3, 2, (1, 0)), {}),
        ("ceil", (PLANE, 2, 2), {"ceil_mode": True}),
        ("ceil-padding", (PLANE, (3, 2), 2, 1), {"ceil_mode": True}),
        ("unbatched", (tensor(2, 4, 4, seed=5), (2, 4)), {}),
        ("transposed", (tensor(1, 2, 4, 4, seed=6, layout="F"), 2), {}),
        ("empty-batch", (tensor(0, 2, 4, 4), 2), {}),
        ("float32", (tensor(1, 1, 4, 4, dtype="float32"), 2), {}),
        ("int64", (tensor(1, 1, 4, 4, dtype="int64", low=-9, high=9), 2), {}),
    ],
    3: [
        ("plain", (BLOCK, (3, 2, 1)), {}),
        ("padding", (BLOCK, 2, (1, 2, 1), (1, 0, 1)), {}),
        ("unbatched", (tensor(1, 2, 4, 2, seed=7), 2), {}),
    ],
}
AVERAGES: dict[int, list[Call]] = {
    1: [("uncounted", (LINE, 3, 2, 1), {"count_include_pad": False})],
    2: [
        ("uncounted", (PLANE, 3, 2, 1, False, False), {}),
        ("uncounted-ceil", (PLANE, 2, 2, 1, True, False), {}),
        ("divisor", (PLANE, 2), {"divisor_override": 3}),
    ],
    3: [
        ("uncounted", (BLOCK, 2, 2, 1), {"count_include_pad": False}),
        ("divisor", (BLOCK, 2), {"divisor_override": 5}),
    ],
}
MAXIMA: dict[int, list[Call]] = {
    1: [("dilation", (LINE, 2, 1, 0, 3), {}), ("indices", (LINE, 3, 1), {"return_indices": True})],
    2: [
        ("dilation", (PLANE, 2, 1, 1, (2, 3)), {}),
        ("indices", (PLANE, 3, 2, 1), {"return_indices": True}),
        ("indices-ceil", (PLANE, 2, 2, 0, 1, True, True), {}),
    ],
    3: [("dilation", (BLOCK, 2, 1, 0, (1, 3, 2)), {}), ("indices", (BLOCK, 2, 1), {"return_indices": True})],
}
POOLS = [
    Sample(f"nn.functional.{kind}_pool{count}d", name, args, of_dims(reference, count), kwargs,
           differentiable=name != "int64")
    for kind, reference, own in (("avg", averages, AVERAGES), ("max", maxima, MAXIMA))
    for count in (1, 2, 3)
    for name, args, kwargs in (*BOTH[count], *own[count])
]  # fmt: skip


# -- to a size --------------------------------------------------------------------------------------------------------


def bins(size: Any, shape: Any, count: int) -> tuple[list[int], Any]:
    """The result's sizes, and for each result its place and those of its window."""
    given = tuple(size) if isinstance(size, tuple | list) else (size,) * count
    out = [n if want is None else want for want, n in zip(given, shape[-count:], strict=True)]
    windows = [
        (at, [list(range(i * n // o, -(-(i + 1) * n // o))) for i, n, o in zip(at, shape[-count:], out, strict=True)])
        for at in np.ndindex(*out)
    ]
    return out, windows


def fractions(x: Array, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
              return_indices: bool = False, _random_samples: Any = None, count: int = 2) -> Any:  # fmt: skip
    """Windows of each channel, that begin at the whole parts of steps of one length from a random place."""
    kernel, sizes = each(kernel_size, count), x.shape[-count:]
    ratios = each(output_ratio, count)
    out = each(output_size, count) if output_size else [int(n * r) for n, r in zip(sizes, ratios, strict=True)]
    found = []
    for at, plane in zip(np.ndindex(*_random_samples.shape[:2]), x.reshape(-1, *sizes), strict=True):
        begins = []
        shares = _random_samples[at] if count == 3 else _random_samples[at][::-1]  # an image's width comes first
        for share, n, k, o in zip(shares, sizes, kernel, out, strict=True):
            step = (n - k) / max(o - 1, 1)
            begins.append([int((i + share) * step) - int(share * step) for i in range(o - 1)] + [n - k])
        spans = [[range(i, i + k) for i in line] for line, k in zip(begins, kernel, strict=True)]
        windows = [(i, [span[j] for span, j in zip(spans, i, strict=True)]) for i in np.ndindex(*out)]
        found.append(largest(plane, out, windows, True))
    values, places = (np.stack(each).reshape(*x.shape[:-count], *out) for each in zip(*found, strict=True))
    return (values, places) if return_indices else values


FRACTIONS: dict[int, list[Call]] = {
    2: [
        ("size", (PLANE, 2, (4, 3)), {}),
        ("indices", (PLANE, (3, 1), (2, 4)), {"return_indices": True}),
        ("ratio", (PLANE, 2), {"output_ratio": (0.7, 0.5)}),
        ("unbatched", (tensor(2, 7, 6, seed=15), 3, 3), {}),
        ("one", (PLANE, 2, 1), {}),
    ],
    3: [
        ("size", (tensor(1, 2, 6, 4, 5, seed=16), 2, (3, 2, 3)), {}),
        ("indices", (tensor(1, 2, 4, 5, 4, seed=17), (1, 2, 1), 2), {"return_indices": True}),
    ],
}
FRACTIONAL = [
    Sample(f"nn.functional.fractional_max_pool{count}d", name, args, of_dims(fractions, count),
           {**kwargs, "_random_samples": tensor(1, 2, count, low=0.05, high=0.95, seed=18, grad=False)})
    for count in (2, 3)
    for name, args, kwargs in FRACTIONS[count]
]  # fmt: skip


def averaged_to(x: Array, output_size: Any, count: int = 2) -> Array:
    out, windows = bins(output_size, x.shape, count)
    made = np.zeros((*x.shape[:-count], *out), x.dtype)
    for at, inside in windows:
        made[(..., *at)] = x[(..., *np.ix_(*inside))].mean(tuple(range(-count, 0)))
    return made


def maximum_to(x: Array, output_size: Any, return_indices: bool = False, count: int = 2) -> Any:
    out, windows = bins(output_size, x.shape, count)
    return largest(x, out, windows, return_indices)


ADAPTIVE: dict[int, list[Call]] = {
    1: [("fewer", (LINE, 4), {}), ("one", (LINE, 1), {}), ("unbatched", (tensor(2, 5, seed=8), (2,)), {})],
    2: [
        ("fewer", (PLANE, (3, 2)), {}),
        ("int", (PLANE, 3), {}),
        ("one", (PLANE, 1), {}),
        ("more", (PLANE, (7, 4)), {}),
        ("none", (PLANE, (None, 2)), {}),
        ("unbatched", (tensor(1, 4, 5, seed=9), (2, 3)), {}),
        ("wide", (tensor(1, 1, 11, 2, seed=10), (1, 2)), {}),
        ("float32", (tensor(1, 1, 5, 4, dtype="float32"), 2), {}),
    ],
    3: [("fewer", (BLOCK, 2), {}), ("none", (BLOCK, (None, 3, 1)), {}), ("one", (BLOCK, (1, 1, 1)), {})],
}
TO_SIZE = [
    Sample(f"nn.functional.adaptive_{kind}_pool{count}d", name, args, of_dims(reference, count), kwargs)
    for kind, reference in (("avg", averaged_to), ("max", maximum_to))
    for count in (1, 2, 3)
    for name, args, kwargs in ADAPTIVE[count]
]
TO_SIZE += [
    Sample(f"nn.functional.adaptive_max_pool{count}d", "indices", (x, 2, True), of_dims(maximum_to, count))
    for count, x in ((1, LINE), (2, PLANE), (3, BLOCK))
]


def norms(x: Array, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False,
          count: int = 2) -> Array:  # fmt: skip
    kernel = each(kernel_size, count)
    means = averages(x**norm_type, kernel, stride, 0, ceil_mode, count=count)
    return np.asarray((means * math.prod(kernel)) ** (1 / norm_type))


NORMS = [
    Sample(f"nn.functional.lp_pool{count}d", name, (x, p, *args), of_dims(norms, count), kwargs)
    for count, shape in ((1, (1, 2, 5)), (2, (1, 1, 4, 3)), (3, (1, 1, 3, 2, 3)))
    for x in (tensor(*shape, low=0.3, high=2.1, seed=11),)
    for name, p, args, kwargs in (
        ("square", 2, (2,), {}),
        ("cube", 3.0, (2, 1), {}),
        ("named", 2, (), {"kernel_size": 2}),
    )
]


def unpooled(x: Array, places: Array, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None,
             count: int = 2) -> Array:  # fmt: skip
    kernel = each(kernel_size, count)
    settings = zip(x.shape[-count:], kernel, each(stride or kernel, count), each(padding, count), strict=True)
    size = [(n - 1) * step + k - 2 * pad for n, k, step, pad in settings]
    if output_size is not None:
        size = list(output_size)[-count:]
    out = np.zeros((math.prod(x.shape[:-count]), math.prod(size)), x.dtype)
    np.put_along_axis(out, places.reshape(len(out), -1), x.reshape(len(out), -1), 1)
    return out.reshape(*x.shape[:-count], *size)


UNPOOL = [
    Sample(f"nn.functional.max_unpool{count}d", name, (x, places, *args), of_dims(unpooled, count), kwargs)
    for count, x, places in (
        (1, tensor(1, 2, 3, seed=12), indices([[[1, 2, 4], [0, 3, 5]]])),
        (2, tensor(1, 1, 2, 2, seed=13), indices([[[[5, 2], [8, 15]]]])),
        (3, tensor(1, 1, 1, 2, 1, seed=14), indices([[[[[5], [8]]]]])),
    )
    for name, args, kwargs in (
        ("plain", (2,), {}),
        ("stride", ((2,) * count, 2, 0), {}),
        ("size", (2,), {"output_size": ((7,), (5, 5), (3, 4, 3))[count - 1]}),
    )
]

SAMPLES = [*POOLS, *FRACTIONAL, *TO_SIZE, *NORMS, *UNPOOL]

"""Samples of convolutions and their transposes, against sums over kernel places."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.engine.samples.base import Array, Sample, tensor


def each(value: Any, count: int) -> tuple[int, ...]:
    given = tuple(value) if isinstance(value, tuple | list) else (value,)
    return given * count if len(given) == 1 else given


def bordered(x: Array, pads: list[tuple[int, int]]) -> Array:
    return np.pad(x, [(0, 0)] * (x.ndim - len(pads)) + pads)


def convolve(x: Array, w: Array, bias: Array | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
             groups: int = 1) -> Array:  # fmt: skip
    """A cross-correlation: for every kernel place, its channels' matrix times the input there."""
    count = w.ndim - 2
    if x.ndim == count + 1:
        return convolve(x[None], w, bias, stride, padding, dilation, groups)[0]
    stride, dilation = each(stride, count), each(dilation, count)
    span = [gap * (k - 1) for gap, k in zip(dilation, w.shape[2:], strict=True)]
    if padding == "same":
        pads = [(n // 2, n - n // 2) for n in span]
    else:
        pads = [(n, n) for n in each(0 if padding == "valid" else padding, count)]
    x = bordered(x, pads)
    out = [(n - reach - 1) // step + 1 for n, reach, step in zip(x.shape[2:], span, stride, strict=True)]
    parts = np.split(x, groups, 1), np.split(w, groups, 0)
    made = [np.zeros((len(x), len(kernel), *out), np.result_type(x, w)) for kernel in parts[1]]
    for place in np.ndindex(*w.shape[2:]):
        where = tuple(
            slice(at * gap, at * gap + step * (n - 1) + 1, step)
            for at, gap, step, n in zip(place, dilation, stride, out, strict=True)
        )
        for total, part, kernel in zip(made, *parts, strict=True):
            total += np.einsum("nc...,oc->no...", part[(..., *where)], kernel[(slice(None), slice(None), *place)])
    total = np.concatenate(made, 1)
    return total if bias is None else total + bias.reshape(-1, *[1] * count)


def transposed(x: Array, w: Array, bias: Array | None = None, stride: Any = 1, padding: Any = 0,
               output_padding: Any = 0, groups: int = 1, dilation: Any = 1) -> Array:  # fmt: skip
    """What the gradient of a convolution does: every input spread over the places of its window."""
    count = w.ndim - 2
    if x.ndim == count + 1:
        return transposed(x[None], w, bias, stride, padding, output_padding, groups, dilation)[0]
    settings = [each(value, count) for value in (stride, dilation, padding, output_padding)]
    sizes = [
        (n - 1) * step + gap * (k - 1) + 1 + more
        for n, k, step, gap, more in zip(x.shape[2:], w.shape[2:], settings[0], settings[1], settings[3], strict=True)
    ]
    wide = np.zeros((len(x), w.shape[1] * groups, *sizes), np.result_type(x, w))
    for place in np.ndindex(*w.shape[2:]):
        where = tuple(
            slice(at * gap, at * gap + step * (n - 1) + 1, step)
            for at, gap, step, n in zip(place, settings[1], settings[0], x.shape[2:], strict=True)
        )
        for nr, (part, kernel) in enumerate(zip(np.split(x, groups, 1), np.split(w, groups, 0), strict=True)):
            channels = slice(nr * w.shape[1], (nr + 1) * w.shape[1])
            spread = np.einsum("nc...,co->no...", part, kernel[(slice(None), slice(None), *place)])
            wide[(slice(None), channels, *where)] += spread
    inner = tuple(slice(pad, size - pad) for pad, size in zip(settings[2], sizes, strict=True))
    total = wide[(..., *inner)]
    return total if bias is None else total + bias.reshape(-1, *[1] * count)


LINE, LINE_W = tensor(2, 2, 5, seed=1), tensor(3, 2, 2, seed=2)
IMAGE, IMAGE_W = tensor(2, 2, 4, 3, seed=3), tensor(2, 2, 2, 2, seed=4)
BLOCK, BLOCK_W = tensor(1, 2, 3, 2, 3, seed=5), tensor(2, 2, 2, 1, 2, seed=6)
B2, B3 = tensor(2, seed=7), tensor(3, seed=8)

FORTH: dict[str, list[tuple[str, tuple[Any, ...], dict[str, Any]]]] = {
    "conv1d": [
        ("plain", (LINE, LINE_W), {}),
        ("bias", (LINE, LINE_W, B3), {}),
        ("all", (LINE, LINE_W, B3), {"stride": 2, "padding": 1, "dilation": 2}),
        ("positional", (LINE, LINE_W, None, 2, 1, 1, 1), {}),
        ("same", (LINE, LINE_W), {"padding": "same", "dilation": 2}),
        ("groups", (LINE, tensor(4, 1, 3, seed=9)), {"groups": 2, "padding": (1,)}),
        ("unbatched", (tensor(2, 4, seed=10), LINE_W, B3), {}),
        ("empty-batch", (tensor(0, 2, 4), LINE_W), {}),
    ],
    "conv2d": [
        ("plain", (IMAGE, IMAGE_W), {}),
        ("bias", (IMAGE, IMAGE_W, B2), {}),
        ("stride", (IMAGE, IMAGE_W), {"stride": (2, 1)}),
        ("padding", (IMAGE, IMAGE_W, B2), {"padding": (0, 1)}),
        ("dilation", (IMAGE, IMAGE_W), {"dilation": (2, 1)}),
        ("all", (IMAGE, IMAGE_W, B2), {"stride": 2, "padding": 1, "dilation": (1, 2)}),
        ("depthwise", (IMAGE, tensor(4, 1, 2, 3, seed=11)), {"groups": 2}),
        ("same", (IMAGE, IMAGE_W), {"padding": "same", "dilation": (2, 4)}),
        ("valid", (IMAGE, IMAGE_W), {"padding": "valid"}),
        ("unbatched", (tensor(2, 3, 3, seed=12), IMAGE_W), {}),
        ("pointwise", (IMAGE, tensor(3, 2, 1, 1, seed=13)), {}),
        ("transposed", (tensor(2, 2, 3, 3, seed=14, layout="F"), IMAGE_W), {}),
        ("float32", (tensor(1, 2, 3, 3, dtype="float32"), tensor(1, 2, 2, 2, dtype="float32", seed=1)), {}),
        ("int64", (tensor(1, 2, 3, 3, dtype="int64", high=5), tensor(1, 2, 2, 2, dtype="int64", high=5)), {}),
    ],
    "conv3d": [
        ("plain", (BLOCK, BLOCK_W), {}),
        ("all", (BLOCK, BLOCK_W, B2), {"stride": (2, 1, 1), "padding": (1, 0, 1), "dilation": (1, 1, 2)}),
        ("unbatched", (tensor(2, 2, 2, 2, seed=15), BLOCK_W), {"padding": 1}),
    ],
}  # fmt: skip
BACK: dict[str, list[tuple[str, tuple[Any, ...], dict[str, Any]]]] = {
    "conv_transpose1d": [
        ("plain", (tensor(2, 3, 3, seed=16), LINE_W), {}),
        ("all", (tensor(2, 3, 3, seed=16), LINE_W, B2, 3), {"padding": 1, "output_padding": 1, "dilation": 2}),
        ("groups", (tensor(1, 2, 3, seed=17), tensor(2, 2, 2, seed=18)), {"groups": 2}),
        ("unbatched", (tensor(3, 3, seed=19), LINE_W), {}),
    ],
    "conv_transpose2d": [
        ("plain", (tensor(1, 2, 2, 3, seed=20), IMAGE_W), {}),
        ("all", (tensor(1, 2, 2, 3, seed=20), IMAGE_W, B2), {"stride": 2, "padding": (1, 0), "output_padding": (0, 1)}),
        ("groups", (tensor(1, 2, 2, 2, seed=21), tensor(2, 1, 2, 1, seed=22)), {"groups": 2, "dilation": (2, 1)}),
        ("positional", (tensor(1, 2, 2, 2, seed=23), IMAGE_W, None, 2, 0, 1, 1, 1), {}),
    ],
    "conv_transpose3d": [
        ("plain", (tensor(1, 2, 2, 1, 2, seed=24), BLOCK_W), {}),
        ("all", (tensor(1, 2, 2, 2, 1, seed=25), BLOCK_W), {"stride": 2, "padding": (0, 0, 1), "output_padding": 1}),
    ],
}  # fmt: skip


def whole(x: Array, w: Array, bias: Any, stride: Any, padding: Any, dilation: Any, back: bool, more: Any,
          groups: int) -> Array:  # fmt: skip
    """The op under the functions."""
    if back:
        return transposed(x, w, bias, stride, padding, more, groups, dilation)
    return convolve(x, w, bias, stride, padding, dilation, groups)


CONV = [
    Sample(op, name, args, reference, kwargs, differentiable=name != "int64", torch=name != "empty-batch")
    for calls, reference in ((FORTH, convolve), (BACK, transposed))
    for short, samples in calls.items()
    for op in (short, f"nn.functional.{short}")
    for name, args, kwargs in (samples if op == short else samples[:2])
]
# torch composes complex convolutions of real ones: the values are one, the nodes are not
COMPLEX = [
    Sample("conv2d", "complex",
           (tensor(1, 2, 2, 3, dtype="complex128"), tensor(2, 2, 2, 2, dtype="complex128", seed=1)), convolve,
           {"padding": 1}, torch=False),
    Sample("conv_transpose1d", "complex",
           (tensor(1, 2, 3, dtype="complex128"), tensor(2, 1, 2, dtype="complex128", seed=1)), transposed, torch=False),
]  # fmt: skip
WHOLE = [
    Sample("convolution", name, (x, w, B2, s, p, (1, 1), back, (0, 0), 1), whole)
    for name, x, w, s, p, back in (
        ("forth", IMAGE, IMAGE_W, (1, 2), (1, 0), False),
        ("back", tensor(1, 2, 2, 2, seed=26), IMAGE_W, (2, 1), (0, 1), True),
    )
]

SAMPLES = [*CONV, *COMPLEX, *WHOLE]

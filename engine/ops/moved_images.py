"""Convolutions that keep the size of images: what `convolution` does there in less time.

Laying out windows costs up to twice what multiplying them does. With a stride of 1, and rows as long after as before, a
window's places are the whole image moved by some elements: long runs of memory, in which only what wraps around from
one row to the next is wrong, and set to zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from engine.arrays import xp
from engine.rules import Shape

LINE_BYTES = 1 << 20  # the moved images laid out at a time


def in_lines(x: Shape, weight: Shape, out: Shape, stride: Shape, padding: Shape, dilation: Shape) -> bool:
    """Whether `moved_images` lays this convolution out; `x` and `out` are shapes of its input and output."""
    spans = [gap * (size - 1) for gap, size in zip(dilation, weight[2:], strict=True)]
    return (
        max(stride) == 1
        and math.prod(weight[2:]) > 1
        and x[3:] == out[3:]
        and x[2] + 2 * padding[0] - spans[0] == out[2]
        and [2 * pad for pad in padding[1:]] == spans[1:]
        and math.prod(out) > 0
    )


def line_room(shape: Shape, weight: Shape, out: Shape, size: int) -> int:
    """The bytes of the moved images laid out at a time, unless one row's are more."""
    return min(math.prod((*shape[:2], *weight[2:], *out[2:])) * size, LINE_BYTES)


def moved_images(
    x: Any, kernel: Shape, out: Shape, padding: Shape, dilation: Shape, groups: int, parts: Callable[..., Any]
) -> Iterator[tuple[Any, Any, slice, Any]]:
    """The images moved by each place of the kernel: (n, groups, channels * places, elements), a part at a time.

    Yields which entries, groups and elements of an output image each part belongs to, and the part; the next one is
    written over it.
    """
    inner = x.shape[3:]
    pitches = [math.prod(x.shape[at + 1 :]) for at in range(2, x.ndim)]
    slack = sum(pad * pitch for pad, pitch in zip(padding, pitches, strict=True))
    size, taps = math.prod(x.shape[2:]), math.prod(kernel)
    lines = xp.empty((*x.shape[:2], size + 2 * slack), x.dtype)
    lines[..., :slack] = 0
    lines[..., slack + size :] = 0
    lines[..., slack : slack + size] = x.reshape(*x.shape[:2], size)
    steps = [gap * pitch * x.itemsize for gap, pitch in zip(dilation, pitches, strict=True)]
    length = math.prod(out)
    views = xp.lib.stride_tricks.as_strided(
        lines, (*x.shape[:2], *kernel, length), (*lines.strides[:2], *steps, x.itemsize)
    )
    each = x.shape[1] // groups
    row = each * taps * pitches[0] * x.itemsize
    rows = min(out[0], max(1, LINE_BYTES // row))
    room = None
    for batch, some in parts(x.shape[0], groups, rows * row, LINE_BYTES):
        for start in range(0, out[0], rows):
            where = slice(start * pitches[0], min(start + rows, out[0]) * pitches[0])
            view = views[(batch, slice(some.start * each, some.stop * each), ..., where)]
            if room is None:
                room = xp.empty(view.size, x.dtype)
            made = room[: view.size].reshape(view.shape)
            made[...] = view
            clear_wrapped(made.reshape(*view.shape[:-1], -1, *inner), kernel, padding, dilation)
            yield batch, some, where, made.reshape(len(view), -1, each * taps, view.shape[-1])


def clear_wrapped(images: Any, kernel: Shape, padding: Shape, dilation: Shape) -> None:
    """Set to zero what came from another row: (n, c, *kernel, *out)."""
    count = len(kernel)
    for dim in range(1, count):
        size = images.shape[2 + count + dim]
        for place in range(kernel[dim]):
            shift = place * dilation[dim] - padding[dim]
            if shift:
                at: list[Any] = [slice(None)] * images.ndim
                at[2 + dim] = place
                at[2 + count + dim] = slice(0, -shift) if shift < 0 else slice(max(size - shift, 0), None)
                images[tuple(at)] = 0


def correlate_lines(
    x: Any, weight: Any, sizes: Shape, padding: Shape, dilation: Shape, groups: int, parts: Callable[..., Any]
) -> Any:
    """The convolution, of shape `sizes`."""
    matrix = weight.reshape(groups, sizes[1] // groups, -1)
    y = xp.empty((sizes[0], groups, sizes[1] // groups, math.prod(sizes[2:])), x.dtype)
    for batch, some, where, part in moved_images(x, weight.shape[2:], sizes[2:], padding, dilation, groups, parts):
        xp.matmul(matrix[some], part, out=y[(batch, some, slice(None), where)])
    return y.reshape(sizes)


def overlap_lines(grad: Any, x: Any, sizes: Shape, padding: Shape, dilation: Shape, parts: Callable[..., Any]) -> Any:
    """The adjoint in the weight, of shape `sizes`, where each output channel sees one input channel."""
    channels = x.shape[1]
    g = grad.reshape(grad.shape[0], channels, sizes[0] // channels, -1)
    total = xp.zeros((channels, sizes[0] // channels, math.prod(sizes[2:])), x.dtype)
    for batch, some, where, part in moved_images(x, sizes[2:], grad.shape[2:], padding, dilation, channels, parts):
        total[some] += xp.matmul(g[(batch, some, slice(None), where)], part.swapaxes(2, 3)).sum(axis=0)
    return total.reshape(sizes)

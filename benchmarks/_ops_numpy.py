"""Ops and their gradients by hand, in float32 NumPy: the yardstick of `benchmarks.ops`, and its floor.

Each function takes the arrays of its case; one for a gradient takes the incoming one last. They are written for the one
case at hand: no checks, no dtypes, nothing kept beyond what the gradient needs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

Array = Any


def columns(x: Array, kernel: int, stride: int, pad: int) -> Array:
    """The windows of padded images as a view: (N, C, k, k, rows, columns)."""
    wide = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    view = np.lib.stride_tricks.sliding_window_view(wide, (kernel, kernel), (2, 3))
    return view[:, :, ::stride, ::stride].transpose(0, 1, 4, 5, 2, 3)


def conv2d(x: Array, w: Array, stride: int) -> Array:
    """A convolution with padding 1 as one product for each image."""
    view = columns(x, w.shape[2], stride, 1)
    flat = view.reshape(len(x), w[0].size, -1)
    return (w.reshape(len(w), -1) @ flat).reshape(len(x), len(w), *view.shape[4:])


def conv2d_both(x: Array, w: Array, g: Array, stride: int) -> tuple[Array, ...]:
    """The convolution, and its gradients to input and weight."""
    view = columns(x, w.shape[2], stride, 1)
    flat = view.reshape(len(x), w[0].size, -1)
    matrix, lines = w.reshape(len(w), -1), g.reshape(len(x), len(w), -1)
    out = (matrix @ flat).reshape(g.shape)
    weight = np.einsum("nos,nks->ok", lines, flat, optimize=True).reshape(w.shape)
    back = (matrix.T @ lines).reshape(view.shape)
    return out, added_windows(back, x.shape, stride), weight


def added_windows(back: Array, shape: tuple[int, ...], stride: int) -> Array:
    """Columns added up to images, which lose their border of 1."""
    count, channels, height, width = shape
    wide = np.zeros((count, channels, height + 2, width + 2), np.float32)
    rows, breadth = back.shape[4:]
    for i in range(back.shape[2]):
        for j in range(back.shape[3]):
            wide[:, :, i : i + stride * rows : stride, j : j + stride * breadth : stride] += back[:, :, i, j]
    return wide[:, :, 1:-1, 1:-1]


def depthwise(x: Array, w: Array) -> Array:
    """A 3 x 3 convolution of each channel alone: one product for each place of the kernel."""
    wide = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    out, product = np.zeros_like(x), np.empty_like(x)
    for i in range(3):
        for j in range(3):
            tap = wide[:, :, i : i + x.shape[2], j : j + x.shape[3]]
            out += np.multiply(tap, w[:, :, i, j][None, :, :, None], out=product)
    return out


def depthwise_both(x: Array, w: Array, g: Array) -> tuple[Array, ...]:
    """The same, and its gradients."""
    wide = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    out, back, product = np.zeros_like(x), np.zeros_like(wide), np.empty_like(x)
    weight = np.empty_like(w)
    for i in range(3):
        for j in range(3):
            place = (slice(None), slice(None), slice(i, i + x.shape[2]), slice(j, j + x.shape[3]))
            factor = w[:, :, i, j][None, :, :, None]
            out += np.multiply(wide[place], factor, out=product)
            back[place] += np.multiply(g, factor, out=product)
            weight[:, 0, i, j] = np.einsum("nchw,nchw->c", g, wide[place])
    return out, back[:, :, 1:-1, 1:-1], weight


def quarters(x: Array) -> tuple[Array, ...]:
    """The four elements of each 2 x 2 window, as views."""
    return tuple(x[:, :, i::2, j::2] for i in range(2) for j in range(2))


def max_pool2d(x: Array) -> Array:
    """The largest of each 2 x 2 window."""
    a, b, c, d = quarters(x)
    return np.maximum(np.maximum(a, b), np.maximum(c, d))


def max_pool2d_both(x: Array, g: Array) -> tuple[Array, ...]:
    """The same, and the gradient to the first of the largest."""
    out = max_pool2d(x)
    back = np.zeros_like(x)
    left = np.ones(out.shape, bool)
    for source, target in zip(quarters(x), quarters(back), strict=True):
        hit = (source == out) & left
        left &= ~hit
        np.multiply(g, hit, out=target)
    return out, back


def avg_pool2d(x: Array) -> Array:
    """The mean of each 2 x 2 window."""
    a, b, c, d = quarters(x)
    out = a + b
    out += c
    out += d
    out *= np.float32(0.25)
    return out


def avg_pool2d_both(x: Array, g: Array) -> tuple[Array, ...]:
    """The same, and each window's gradient shared out."""
    back, share = np.empty_like(x), g * np.float32(0.25)
    for target in quarters(back):
        target[...] = share
    return avg_pool2d(x), back


def softmax(x: Array) -> Array:
    """softmax of rows."""
    e = x - x.max(1, keepdims=True)
    np.exp(e, out=e)
    e /= e.sum(1, keepdims=True)
    return e


def softmax_both(x: Array, g: Array) -> tuple[Array, ...]:
    """The same, and y * (g - sum(g * y))."""
    y = softmax(x)
    back = g - np.einsum("ij,ij->i", g, y)[:, None]
    back *= y
    return y, back


def cross_entropy(x: Array, target: Array) -> Array:
    """The mean negative log-likelihood of the right classes."""
    top = x.max(1)
    e = x - top[:, None]
    np.exp(e, out=e)
    return (np.log(e.sum(1)) + top - x[np.arange(len(x)), target]).mean()


def cross_entropy_both(x: Array, target: Array, g: Array) -> tuple[Array, ...]:
    """The same, and softmax less one at the right classes."""
    top, rows = x.max(1), np.arange(len(x))
    e = x - top[:, None]
    np.exp(e, out=e)
    total = e.sum(1)
    loss = (np.log(total) + top - x[rows, target]).mean()
    share = g / np.float32(len(x))
    e *= (share / total)[:, None]
    e[rows, target] -= share
    return loss, e


def layer_norm(x: Array, w: Array, b: Array) -> Array:
    """Rows standardised, scaled and shifted."""
    return standardized(x)[0] * w + b


def standardized(x: Array) -> tuple[Array, Array]:
    """Rows less their mean over their deviation, and one over that."""
    rest = x - x.mean(1, keepdims=True)
    scale = 1 / np.sqrt(np.einsum("ij,ij->i", rest, rest)[:, None] / np.float32(x.shape[1]) + np.float32(1e-5))
    rest *= scale
    return rest, scale


def layer_norm_both(x: Array, w: Array, b: Array, g: Array) -> tuple[Array, ...]:
    """The same, and its gradients."""
    y, scale = standardized(x)
    out = y * w + b
    weight, bias = np.einsum("ij,ij->j", g, y), g.sum(0)
    back = g * w
    slope = np.einsum("ij,ij->i", back, y)[:, None] / np.float32(x.shape[1])
    back -= back.mean(1, keepdims=True)
    y *= slope
    back -= y
    back *= scale
    return out, back, weight, bias


def group_norm(x: Array, w: Array, b: Array, groups: int) -> Array:
    """Groups of channels standardised, scaled and shifted."""
    rest = standardized(x.reshape(len(x) * groups, -1))[0].reshape(x.shape)
    rest *= w[:, None, None]
    rest += b[:, None, None]
    return rest


def group_norm_both(x: Array, w: Array, b: Array, g: Array, groups: int) -> tuple[Array, ...]:
    """The same, and its gradients."""
    y, scale = standardized(x.reshape(len(x) * groups, -1))
    rest = y.reshape(x.shape)
    out = rest * w[:, None, None] + b[:, None, None]
    weight, bias = np.einsum("nchw,nchw->c", g, rest), g.sum((0, 2, 3))
    back = (g * w[:, None, None]).reshape(y.shape)
    slope = np.einsum("ij,ij->i", back, y)[:, None] / np.float32(y.shape[1])
    back -= back.mean(1, keepdims=True)
    y *= slope
    back -= y
    back *= scale
    return out, back.reshape(x.shape), weight, bias


def cumsum_both(x: Array, g: Array) -> tuple[Array, ...]:
    """Running sums of rows, and sums from the other end."""
    return np.cumsum(x, 1), np.cumsum(g[:, ::-1], 1)[:, ::-1]


def sort(x: Array) -> Array:
    """Rows in order, with the places their elements come from."""
    return np.take_along_axis(x, np.argsort(x, 1), 1)


def sort_both(x: Array, g: Array) -> tuple[Array, ...]:
    """The same, and gradients put back in their places."""
    order = np.argsort(x, 1)
    back = np.empty_like(g)
    np.put_along_axis(back, order, g, 1)
    return np.take_along_axis(x, order, 1), back


def scores(a: Array, b: Array) -> Array:
    """bhid,bhjd->bhij as a batched product."""
    return a @ b.swapaxes(2, 3)


def scores_both(a: Array, b: Array, g: Array) -> tuple[Array, ...]:
    """The same, and its gradients."""
    return scores(a, b), g @ b, g.swapaxes(2, 3) @ a


def picked_both(x: Array, i: Array, g: Array) -> tuple[Array, ...]:
    """Elements of a vector by number, and gradients added where they came from."""
    return x[i], np.bincount(i, g, len(x)).astype(np.float32)


def gather_both(x: Array, i: Array, g: Array) -> tuple[Array, ...]:
    """Elements of rows by number, and gradients added where they came from."""
    flat = (i + x.shape[1] * np.arange(len(x))[:, None]).ravel()
    back = np.bincount(flat, g.ravel(), x.size).astype(np.float32)
    return np.take_along_axis(x, i, 1), back.reshape(x.shape)


def scatter_add(x: Array, i: Array, v: Array) -> Array:
    """Values added to a copy, each in its column, at the row an index says."""
    flat = (i * x.shape[1] + np.arange(x.shape[1])).ravel()
    return x + np.bincount(flat, v.ravel(), x.size).astype(np.float32).reshape(x.shape)


def scatter_add_both(x: Array, i: Array, v: Array, g: Array) -> tuple[Array, ...]:
    """The same, and its gradients."""
    return scatter_add(x, i, v), g.copy(), np.take_along_axis(g, i, 0)


def rows_both(x: Array, i: Array, g: Array) -> tuple[Array, ...]:
    """Rows by number, and gradients added where they came from."""
    return x[i], added_rows(i.ravel(), g.reshape(-1, x.shape[1]), len(x))


def added_rows(i: Array, rows: Array, count: int) -> Array:
    """Rows added where a number repeats, as runs of the sorted numbers."""
    order = np.argsort(i, kind="stable")
    placed = i[order]
    starts = np.flatnonzero(np.concatenate([[True], placed[1:] != placed[:-1]]))
    out = np.zeros((count, rows.shape[1]), np.float32)
    out[placed[starts]] = np.add.reduceat(rows[order], starts, 0)
    return out


def put(x: Array, i: Array, v: Array) -> Array:
    """Values added to a copy where an index says."""
    return x + np.bincount(i, v, len(x)).astype(np.float32)


def put_both(x: Array, i: Array, v: Array, g: Array) -> tuple[Array, ...]:
    """The same, and its gradients."""
    return put(x, i, v), g.copy(), g[i]


def relu_both(x: Array, g: Array) -> tuple[Array, ...]:
    """Zero for negative elements, and the gradient of the others."""
    return np.maximum(x, np.float32(0)), g * (x > 0)


def cube_both(x: Array, g: Array) -> tuple[Array, ...]:
    """The third power, and its gradient."""
    square = x * x
    back = square * g
    back *= np.float32(3)
    square *= x
    return square, back


def gelu(x: Array) -> Array:
    """Each element times the normal distribution's share below it."""
    share: Array = special.ndtr(x)
    share *= x
    return share


def gelu_both(x: Array, g: Array) -> tuple[Array, ...]:
    """The same, and its gradient."""
    share = special.ndtr(x)
    slope = x * x
    slope *= np.float32(-0.5)
    np.exp(slope, out=slope)
    slope *= x
    slope *= np.float32(1 / np.sqrt(2 * np.pi))
    slope += share
    slope *= g
    share *= x
    return share, slope


def chain(x: Array, w: Array) -> Array:
    """Five elementwise steps in one buffer."""
    y = x * w
    y += x
    np.tanh(y, out=y)
    y *= w
    np.exp(y, out=y)
    return y


def chain_both(x: Array, w: Array, g: Array) -> tuple[Array, ...]:
    """The same, and its gradients."""
    t = x * w
    t += x
    np.tanh(t, out=t)
    y = t * w
    np.exp(y, out=y)
    h = g * y
    weight = h * t
    h *= w
    t *= t
    np.subtract(np.float32(1), t, out=t)
    h *= t
    weight += h * x
    h *= w + np.float32(1)
    return y, h, weight

"""What `benchmarks.ops` measures: each op as a program in PyTorch's names, its NumPy twins, and its data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import _ops_numpy as by_hand

Data = tuple[Any, ...]


@dataclass(frozen=True)
class OpCase:
    """One op. `program` takes a module and tensors; `forward` and `both` arrays (`both` the incoming gradient too).

    `wrt` says which of the data are differentiated by.
    """

    title: str
    data: Callable[[np.random.Generator], Data]
    program: Callable[..., Any]
    forward: Callable[..., Any]
    both: Callable[..., tuple[Any, ...]]
    wrt: tuple[int, ...] = (0,)


def normal(*shapes: tuple[int, ...]) -> Callable[[np.random.Generator], Data]:
    """Data of normally distributed float32 numbers."""
    return lambda rng: tuple(rng.standard_normal(shape, dtype=np.float32) for shape in shapes)


def numbered(shape: tuple[int, ...], index: tuple[int, ...], *more: tuple[int, ...]) -> Callable[..., Data]:
    """A table, numbers of its rows, and more arrays."""

    def data(rng: np.random.Generator) -> Data:
        table, *rest = normal(shape, *more)(rng)
        return (table, rng.integers(0, shape[0], index), *rest)

    return data


def labelled(count: int, classes: int) -> Callable[..., Data]:
    """Scores, and the class each row belongs to."""

    def data(rng: np.random.Generator) -> Data:
        return (*normal((count, classes))(rng), rng.integers(0, classes, count))

    return data


def convolution(title: str, x: tuple[int, ...], w: tuple[int, ...], stride: int = 1) -> OpCase:
    """A case of conv2d with padding 1."""
    return OpCase(
        title,
        normal(x, w),
        lambda t, x, w: t.nn.functional.conv2d(x, w, stride=stride, padding=1),
        lambda x, w: by_hand.conv2d(x, w, stride),
        lambda x, w, g: by_hand.conv2d_both(x, w, g, stride),
        (0, 1),
    )


def chain(count: int) -> OpCase:
    """A case of five elementwise ops."""
    return OpCase(
        f"mul, add, tanh, mul, exp on {count:,} elements",
        normal((count,), (count,)),
        lambda t, x, w: ((x * w + x).tanh() * w).exp(),
        by_hand.chain,
        by_hand.chain_both,
        (0, 1),
    )


CASES: dict[str, OpCase] = {
    "conv2d": convolution("3 x 3, 32 to 32 channels, 8 images of 28 x 28", (8, 32, 28, 28), (32, 32, 3, 3)),
    "conv2d-small": convolution("3 x 3, 3 to 8 channels, 4 images of 16 x 16", (4, 3, 16, 16), (8, 3, 3, 3)),
    "conv2d-strided": convolution(
        "stride 2, 16 to 32 channels, 8 images of 32 x 32", (8, 16, 32, 32), (32, 16, 3, 3), 2
    ),
    "conv2d-depthwise": OpCase(
        "3 x 3, 32 groups of one channel, 8 images of 28 x 28",
        normal((8, 32, 28, 28), (32, 1, 3, 3)),
        lambda t, x, w: t.nn.functional.conv2d(x, w, padding=1, groups=32),
        by_hand.depthwise,
        by_hand.depthwise_both,
        (0, 1),
    ),
    "max_pool2d": OpCase(
        "2 x 2 windows of 8 x 32 x 28 x 28",
        normal((8, 32, 28, 28)),
        lambda t, x: t.nn.functional.max_pool2d(x, 2),
        by_hand.max_pool2d,
        by_hand.max_pool2d_both,
    ),
    "avg_pool2d": OpCase(
        "2 x 2 windows of 8 x 32 x 28 x 28",
        normal((8, 32, 28, 28)),
        lambda t, x: t.nn.functional.avg_pool2d(x, 2),
        by_hand.avg_pool2d,
        by_hand.avg_pool2d_both,
    ),
    "softmax": OpCase(
        "rows of 256 x 1,000",
        normal((256, 1000)),
        lambda t, x: t.softmax(x, 1),
        by_hand.softmax,
        by_hand.softmax_both,
    ),
    "cross_entropy": OpCase(
        "256 rows, 1,000 classes",
        labelled(256, 1000),
        lambda t, x, target: t.nn.functional.cross_entropy(x, target),
        by_hand.cross_entropy,
        by_hand.cross_entropy_both,
    ),
    "layer_norm": OpCase(
        "rows of 256 x 512, weight and bias",
        normal((256, 512), (512,), (512,)),
        lambda t, x, w, b: t.nn.functional.layer_norm(x, (512,), w, b),
        by_hand.layer_norm,
        by_hand.layer_norm_both,
        (0, 1, 2),
    ),
    "group_norm": OpCase(
        "8 groups of 32 channels, 8 images of 28 x 28, weight and bias",
        normal((8, 32, 28, 28), (32,), (32,)),
        lambda t, x, w, b: t.nn.functional.group_norm(x, 8, w, b),
        lambda x, w, b: by_hand.group_norm(x, w, b, 8),
        lambda x, w, b, g: by_hand.group_norm_both(x, w, b, g, 8),
        (0, 1, 2),
    ),
    "cumsum": OpCase(
        "rows of 256 x 1,000",
        normal((256, 1000)),
        lambda t, x: t.cumsum(x, 1),
        lambda x: np.cumsum(x, 1),
        by_hand.cumsum_both,
    ),
    "sort": OpCase(
        "rows of 256 x 1,000, values and places",
        lambda rng: (rng.permuted(np.tile(np.arange(1000, dtype=np.float32), (256, 1)), axis=1),),
        lambda t, x: t.sort(x, 1)[0],
        by_hand.sort,
        by_hand.sort_both,
    ),
    "einsum": OpCase(
        "bhid,bhjd->bhij of 8 x 4 x 64 x 32",
        normal((8, 4, 64, 32), (8, 4, 64, 32)),
        lambda t, a, b: t.einsum("bhid,bhjd->bhij", a, b),
        by_hand.scores,
        by_hand.scores_both,
        (0, 1),
    ),
    "index": OpCase(
        "x[i]: 50,000 of 20,000 elements",
        numbered((20_000,), (50_000,)),
        lambda t, x, i: x[i],
        lambda x, i: x[i],
        by_hand.picked_both,
    ),
    "index-rows": OpCase(
        "x[i]: 4,096 of 1,000 rows of 64",
        numbered((1000, 64), (4096,)),
        lambda t, x, i: x[i],
        lambda x, i: x[i],
        by_hand.rows_both,
    ),
    "index_put": OpCase(
        "accumulating 50,000 values in 20,000 places",
        numbered((20_000,), (50_000,), (50_000,)),
        lambda t, x, i, v: x.index_put((i,), v, accumulate=True),
        by_hand.put,
        by_hand.put_both,
        (0, 2),
    ),
    "gather": OpCase(
        "256 x 500 of 256 x 1,000 elements along rows",
        lambda rng: (*normal((256, 1000))(rng), rng.integers(0, 1000, (256, 500))),
        lambda t, x, i: t.gather(x, 1, i),
        lambda x, i: np.take_along_axis(x, i, 1),
        by_hand.gather_both,
    ),
    "scatter_add": OpCase(
        "256 x 1,000 values to rows of 256 x 1,000",
        lambda rng: (*normal((256, 1000))(rng), rng.integers(0, 256, (256, 1000)), *normal((256, 1000))(rng)),
        lambda t, x, i, v: t.scatter_add(x, 0, i, v),
        by_hand.scatter_add,
        by_hand.scatter_add_both,
        (0, 2),
    ),
    "embedding": OpCase(
        "32 x 64 of 5,000 rows of 64",
        numbered((5000, 64), (32, 64)),
        lambda t, x, i: t.nn.functional.embedding(i, x),
        lambda x, i: x[i],
        by_hand.rows_both,
    ),
    "relu": OpCase(
        "256 x 1,000 elements",
        normal((256, 1000)),
        lambda t, x: t.relu(x),
        lambda x: np.maximum(x, np.float32(0)),
        by_hand.relu_both,
    ),
    "pow": OpCase(
        "the third power of 256 x 1,000 elements",
        normal((256, 1000)),
        lambda t, x: x**3,
        lambda x: x * x * x,
        by_hand.cube_both,
    ),
    "gelu": OpCase(
        "256 x 1,000 elements",
        normal((256, 1000)),
        lambda t, x: t.nn.functional.gelu(x),
        by_hand.gelu,
        by_hand.gelu_both,
    ),
    "elementwise-1e4": chain(10_000),
    "elementwise-1e6": chain(1_000_000),
}

"""Samples of torch.masked: reductions and normalisations of the elements that a mask lets in."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.engine.samples.base import Array, Dtype, Sample, mask, of, tensor

X = tensor(3, 4, low=0.3, high=2.4, seed=50)
X3 = tensor(2, 3, 4, seed=51)
Z = tensor(2, 3, dtype="complex128", seed=52)
INTS = of([[3, -1, 2], [5, 0, 4]], "int64")
KEEP = mask([[True, False, True, True], [False, True, True, False], [True, True, True, True]])
ROW = mask([True, False, True, True])
FEW = mask([[True, False, True], [False, True, True]])


def chosen(x: Array, let_in: Any) -> list[tuple[tuple[int, ...], Any]]:
    """The places and values of the elements a mask lets in."""
    shown = np.ones(x.shape, bool) if let_in is None else np.broadcast_to(let_in, x.shape)
    return [(at, x[at]) for at in np.ndindex(*x.shape) if shown[at]]


def reduced(function: Callable[[list[Any]], Any]) -> Callable[..., Any]:
    """A reduction written for a list of numbers, over dims and a mask."""

    def reference(x: Array, dim: Any = None, keepdim: bool = False, mask: Any = None, **_: Any) -> Array:
        dims = range(x.ndim) if dim is None else [each % x.ndim for each in (dim if isinstance(dim, tuple) else [dim])]
        groups: dict[Any, list[Any]] = {
            at: [] for at in np.ndindex(*[1 if d in dims else n for d, n in enumerate(x.shape)])
        }
        for at, value in chosen(x, mask):
            groups[tuple(0 if d in dims else i for d, i in enumerate(at))].append(value)
        made = np.array([function(group) for group in groups.values()])
        shape = [1 if d in dims else n for d, n in enumerate(x.shape)]
        made = made.reshape(shape)
        return made if keepdim else made.reshape([n for d, n in enumerate(x.shape) if d not in dims])

    return reference


def variance(group: list[Any], correction: float = 1) -> Any:
    if len(group) <= correction:
        return math.nan
    middle = sum(group) / len(group)
    return sum(abs(each - middle) ** 2 for each in group) / (len(group) - correction)


def reductions(op: str, function: Callable[[list[Any]], Any]) -> list[Sample]:
    reference = reduced(function)
    return [
        Sample(f"masked.{op}", name, (x,), reference, kwargs, smooth=name != "nothing")
        for name, x, kwargs in (
            ("all", X, {}),
            ("mask", X, {"mask": KEEP}),
            ("dim", X, {"dim": 1, "mask": KEEP}),
            ("keepdim", X, {"dim": -2, "keepdim": True, "mask": KEEP}),
            ("nothing", X, {"dim": 0, "mask": ROW}),
            ("dims", X3, {"dim": (0, 2), "mask": ROW}),
        )
    ]


def along(op: str, function: Callable[[Array], Array], empty: float, *more: Any) -> list[Sample]:
    """Ops that keep the dim: `function` of the elements let in along it, `empty` elsewhere."""

    def reference(x: Array, *args: Any, mask: Any = None, **_: Any) -> Array:
        dim = args[-1]
        shown = np.ones(x.shape, bool) if mask is None else np.broadcast_to(mask, x.shape)
        made = np.full(x.shape, empty, x.dtype)
        for row, use, out in zip(*[np.moveaxis(each, dim, -1) for each in (x, shown, made)], strict=True):
            out[use] = function(row[use])
        return made

    return [
        Sample(f"masked.{op}", name, (X, *more, 1), reference, kwargs, smooth=smooth)
        for name, kwargs, smooth in (("plain", {}, True), ("mask", {"mask": KEEP}, op != "log_softmax"))
    ]


def running(op: str, function: Callable[..., Array], identity: float) -> list[Sample]:
    def reference(x: Array, dim: int, mask: Any = None, **_: Any) -> Array:
        return function(x if mask is None else np.where(mask, x, identity), dim)

    return [
        Sample(f"masked.{op}", "plain", (X, 0), reference),
        Sample(f"masked.{op}", "mask", (X, -1), reference, {"mask": KEEP}),
        Sample(f"masked.{op}", "int", (INTS, 1), reference, {"mask": FEW}, differentiable=False),
    ]


def softmax(row: Array) -> Array:
    shares = np.exp(row - row.max())
    return shares / shares.sum()


def place(best: Callable[[Array], Any], worst: float) -> Callable[..., Any]:
    def reference(x: Array, dim: Any = None, mask: Any = None, keepdim: bool = False, **_: Any) -> Array:
        shown = x.astype(np.float64) if mask is None else np.where(mask, x, worst)
        return np.asarray(best(shown, axis=dim)).astype(x.dtype)  # type: ignore[call-arg]

    return reference


PLACES = [
    Sample(f"masked.{op}", name, (x,), place(best, worst), kwargs, differentiable=False)
    for op, best, worst in (("argmax", np.argmax, -math.inf), ("argmin", np.argmin, math.inf))
    for name, x, kwargs in (
        ("all", X, {"mask": KEEP}),
        ("dim", X, {"dim": 1, "mask": KEEP}),
        ("int", INTS, {"dim": 0, "mask": FEW}),
    )
]


def log_sum(group: list[Any]) -> Any:
    return np.log(np.sum(np.exp(group))) if group else -math.inf


def log_sums(a: Array, b: Array, input_mask: Any = None, other_mask: Any = None) -> Array:
    a, b = (
        each if let_in is None else np.where(let_in, each, -math.inf)
        for each, let_in in ((a, input_mask), (b, other_mask))
    )
    return np.logaddexp(a, b)


PAIR = (X, tensor(3, 4, seed=53))
OTHERS = [
    Sample("masked.logaddexp", "plain", PAIR, log_sums),
    Sample("masked.logaddexp", "masks", PAIR, log_sums, {"input_mask": KEEP}, smooth=False),
    Sample("masked.sum", "complex", (Z,), reduced(sum), {"dim": 0, "mask": FEW}),
    Sample("masked.sum", "int", (INTS,), reduced(sum), {"mask": FEW}, differentiable=False),
    Sample("masked.prod", "bool", (FEW,), lambda x, **_: np.int64(0), differentiable=False),
    Sample("masked.mean", "dtype", (INTS,), reduced(lambda group: np.float64(np.mean(group))),
           {"dtype": Dtype("float64"), "mask": FEW}, differentiable=False),
    Sample("masked.median", "mask", (X, 1), reduced(lambda group: sorted(group)[(len(group) - 1) // 2]),
           {"mask": KEEP}),
    Sample("masked.median", "int", (INTS, 1), reduced(lambda group: sorted(group)[(len(group) - 1) // 2]),
           {"mask": FEW}, differentiable=False),
    Sample("masked.var", "biased", (X, 1, False), lambda x, dim, unbiased, mask: reduced(
           lambda group: variance(group, 0))(x, dim, mask=mask), {"mask": KEEP}),
    Sample("masked.norm", "plain", (X, 3.0, 1), lambda x, ord, dim, mask: reduced(
           lambda group: sum(abs(each) ** ord for each in group) ** (1 / ord))(x, dim, mask=mask), {"mask": KEEP}),
    Sample("masked.norm", "sum", (X, 1, 0), lambda x, ord, dim, mask: reduced(
           lambda group: sum(abs(each) for each in group))(x, dim, mask=mask), {"mask": KEEP}),
]  # fmt: skip

SAMPLES = [
    *reductions("sum", sum),
    *reductions("prod", lambda group: math.prod(group)),
    *reductions("amax", lambda group: max(group, default=-math.inf)),
    *reductions("amin", lambda group: min(group, default=math.inf)),
    *reductions("mean", lambda group: sum(group) / len(group) if group else math.nan),
    *reductions("logsumexp", log_sum),
    *reductions("var", variance),
    *reductions("std", lambda group: variance(group) ** 0.5),
    *running("cumsum", np.cumsum, 0),
    *running("cumprod", np.cumprod, 1),
    *along("softmax", softmax, 0.0),
    *along("log_softmax", lambda row: np.log(softmax(row)), -math.inf),
    *along("softmin", lambda row: softmax(-row), 0.0),
    *along("normalize", lambda row: row / np.sqrt((row * row).sum()), 0.0, 2.0),
    *PLACES,
    *OTHERS,
]

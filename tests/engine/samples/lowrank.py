"""Samples of approximations of low rank, and of rrelu and gumbel_softmax where they are certain."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.engine.samples.base import Array, In, Sample, tensor
from tests.engine.samples.products import table

TALL, WIDE, ZWIDE = tensor(4, 3, seed=71), tensor(2, 3, seed=72), tensor(2, 3, dtype="complex128", seed=73)
BATCH, MEANS = tensor(2, 4, 3, seed=74), tensor(1, 3, seed=75)


def whole(module: Any, a: Any, *args: Any, **kwargs: Any) -> Any:
    """The matrix of the factors."""
    u, s, v = module.svd_lowrank(a, *args, **kwargs)
    return (u * s.unsqueeze(-2)) @ v.mH


def spectrum(module: Any, a: Any, **kwargs: Any) -> Any:
    return module.pca_lowrank(a, **kwargs)[1]


def values(a: Array, center: bool = True, **_: Any) -> Array:
    return np.linalg.svd(a - a.mean(-2, keepdims=True) if center else a, compute_uv=False)


WHOLE = [
    Sample("svd_lowrank", name, args, lambda a, q, M=0.0: a - M, kwargs, call=whole)
    for name, args, kwargs in (
        ("tall", (TALL, 3), {}),
        ("wide", (WIDE, 2), {}),
        ("complex", (ZWIDE, 2), {}),
        ("batch", (BATCH, 3), {}),
        ("mean", (TALL, 3), {"M": MEANS}),
    )
]
SPECTRA = [
    Sample("pca_lowrank", name, (a,), values, kwargs, call=spectrum)
    for name, a, kwargs in (("tall", TALL, {}), ("bare", TALL, {"center": False}), ("batch", BATCH, {"niter": 3}))
]


def leaky(x: Array, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, inplace: bool = False) -> Array:
    return np.where(x > 0, x, x * (lower + upper) / 2)


X = tensor(2, 3, seed=76)
SLOPED = [
    sample
    for name in ("rrelu", "rrelu_", "nn.functional.rrelu")
    for sample in table(name, leaky, ("plain", (X,)), ("bounds", (X, 0.1, 0.5)), ("certain", (X, 0.2, 0.2, True)))
]
IN_PLACE = [
    Sample(
        "nn.functional.rrelu", "inplace", (X,), leaky, call=lambda m, x: m.nn.functional.rrelu(x.clone(), inplace=True)
    )
]
DRAWN = [
    Sample("nn.functional.rrelu", "drawn", (In(X.array, False), 0.1, 0.3, True), lambda x, *_: x, drawn=True,
           differentiable=False),
]  # fmt: skip

ONE = tensor(3, 1, seed=77)  # a choice of one is no choice
GUMBEL = [
    sample
    for hard in (False, True)
    for sample in (
        Sample("nn.functional.gumbel_softmax", f"one-{hard}", (ONE, 0.5, hard), lambda x, *_: np.ones_like(x)),
        Sample("nn.functional.gumbel_softmax", f"drawn-{hard}", (In(X.array, False), 2.0, hard),
               lambda x, *_, dim: x, {"dim": 0}, drawn=True, differentiable=False),
    )
]  # fmt: skip
SAMPLES = [*WHOLE, *SPECTRA, *SLOPED, *IN_PLACE, *DRAWN, *GUMBEL]

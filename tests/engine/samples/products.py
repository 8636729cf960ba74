"""Samples of products of vectors and matrices, contractions, distances and covariances."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.engine.samples.base import Array, In, Sample, is_inexact, of, tensor

A, B = tensor(2, 3, seed=1), tensor(3, 4, seed=2)
V, W, U = tensor(3, seed=3), tensor(4, seed=4), tensor(3, seed=5)
ZV, ZU = tensor(3, dtype="complex128", seed=6), tensor(3, dtype="complex128", seed=7)
ZA = tensor(2, 3, dtype="complex128", seed=8)
IV, IU = tensor(3, dtype="int64", seed=9), tensor(3, dtype="int64", seed=10)
BATCH, OTHER = tensor(2, 2, 3, seed=11), tensor(2, 3, 2, seed=12)
SQ, ZSQ = tensor(3, 3, seed=13), tensor(3, 3, dtype="complex128", seed=14)
S64 = tensor(2, 2, dtype="float32", seed=15)


def table(op: str, reference: Any, *rows: tuple[str, tuple[Any, ...]], **shared: Any) -> list[Sample]:
    """One sample for each named tuple of arguments; a last dict gives keywords."""
    made = []
    for name, args in rows:
        kwargs = args[-1] if args and isinstance(args[-1], dict) else {}
        places = args[:-1] if kwargs else args
        arrays = [each.array for each in places if isinstance(each, In)]
        extra = dict(shared)
        if arrays and not any(is_inexact(each.dtype) for each in arrays):
            extra.setdefault("differentiable", False)
        made.append(Sample(op, name, tuple(places), reference, kwargs, **extra))
    return made


def einsum(equation: str, operands: list[Array]) -> Array:
    return np.asarray(np.einsum(equation, *operands))


EINSUM = [
    Sample("einsum", name, (equation, list(operands)), einsum, torch=len(operands) < 3)
    for name, equation, operands in (
        ("product", "ij,jk->ik", (A, B)),
        ("implicit", "ij,jk", (A, B)),
        ("trace", "ii", (SQ,)),
        ("diagonal", "ii->i", (SQ,)),
        ("sum", "ij->", (A,)),
        ("transpose", "ij->ji", (A,)),
        ("outer", "i,j->ij", (V, W)),
        ("batch", "bij,bjk->bik", (BATCH, OTHER)),
        ("ellipsis", "...ij,...jk->...ik", (BATCH, tensor(3, 2, seed=16))),
        ("ellipsis-implicit", "...i,i", (BATCH, V)),
        ("three", "ij,jk,k->i", (A, B, W)),
        ("bilinear", "bi,kij,bj->bk", (tensor(2, 2, seed=17), tensor(2, 2, 3, seed=18), tensor(2, 3, seed=19))),
        ("hadamard", "ij,ij->ij", (A, tensor(2, 3, seed=20))),
        ("complex", "ij,kj->ik", (ZA, ZA)),
        ("repeated-sum", "iij,j->i", (tensor(2, 2, 3, seed=21), V)),
    )
]
TENSORDOT = [
    Sample("tensordot", name, (a, b), lambda a, b, dims: np.asarray(np.tensordot(a, b, dims)), {"dims": dims})
    for name, a, b, dims in (
        ("one", A, B, 1),
        ("none", V, W, 0),
        ("lists", BATCH, OTHER, ([0, 2], [0, 1])),
        ("negative", A, tensor(4, 3, seed=22), ([-1], [-1])),
        ("complex", ZA, tensor(3, 2, dtype="complex128", seed=23), 1),
    )
]


def outer(a: Array, b: Array) -> Array:
    return np.asarray(a[:, None] * b)


def inner(a: Array, b: Array) -> Array:
    return np.asarray(np.inner(a, b))


VECTORS = [
    *table("outer", outer, ("plain", (V, W)), ("complex", (ZV, ZU)), ("int64", (IV, IU)), ("empty", (tensor(0), V))),
    *table("inner", inner, ("plain", (V, U)), ("matrices", (A, tensor(2, 3, seed=24))), ("0d", (tensor(seed=1), V))),
    *table(
        "vdot", lambda a, b: np.asarray(np.vdot(a, b)), ("plain", (V, U)), ("complex", (ZV, ZU)), ("int64", (IV, IU)),
    ),
    *table(
        "linalg.vecdot",
        lambda a, b, dim=-1: np.asarray((np.conj(a) * b).sum(dim)),
        ("plain", (V, U)),
        ("complex", (ZA, ZV)),
        ("dim", (A, tensor(2, 3, seed=25), {"dim": 0})),
    ),
    *table(
        "kron",
        lambda a, b: np.asarray(np.kron(a, b)),
        ("plain", (A, tensor(2, 2, seed=26))),
        ("vector", (V, A)),
        ("complex", (ZV, ZU)),
        ("0d", (tensor(seed=2), V)),
    ),
    *table(
        "trace", lambda a: np.asarray(np.trace(a)), ("plain", (SQ,)), ("wide", (A,)), ("complex", (ZSQ,)),
        ("int64", (tensor(2, 2, dtype="int64"),)), ("empty", (tensor(0, 2),)),
    ),
]  # fmt: skip


def cross(a: Array, b: Array, dim: int = -1) -> Array:
    return np.asarray(np.stack([np.take(a, i, dim) * np.take(b, j, dim) - np.take(a, j, dim) * np.take(b, i, dim)
                                for i, j in ((1, 2), (2, 0), (0, 1))], dim))  # fmt: skip


CROSS = [
    *table(
        "linalg.cross",
        cross,
        ("plain", (A, tensor(2, 3, seed=27))),
        ("broadcast", (A, tensor(1, 3, seed=28))),
        ("dim", (B, tensor(3, 4, seed=29), {"dim": 0})),
        ("complex", (ZV, ZU)),
        call=lambda module, *args, **kwargs: module.linalg.cross(*args, **kwargs),  # the length 3 does not grow
    ),
    *table("cross", lambda a, b, dim=0: cross(a, b, dim), ("first", (B, tensor(3, 4, seed=30))), ("vectors", (V, U))),
]


def plus(product: Any) -> Any:
    def reference(c: Array, a: Array, b: Array, *, beta: Any = 1, alpha: Any = 1) -> Array:
        made = product(a, b)
        return np.asarray(alpha * made + (beta * c if beta else 0) + np.zeros_like(made))

    return reference


SCALES = {"beta": 0.5, "alpha": -2.0}
C3, C2 = tensor(2, 2, 2, seed=31), tensor(2, 2, seed=32)
SUMS = [
    *table(
        "baddbmm", plus(np.matmul), ("plain", (C3, BATCH, OTHER)), ("both", (C3, BATCH, OTHER, SCALES)),
        ("broadcast", (tensor(2, seed=33), BATCH, OTHER)), ("beta-zero", (C3, BATCH, OTHER, {"beta": 0})),
    ),
    *table(
        "addbmm", plus(lambda a, b: np.matmul(a, b).sum(0)), ("plain", (C2, BATCH, OTHER)),
        ("both", (C2, BATCH, OTHER, SCALES)), ("row", (tensor(2, seed=34), BATCH, OTHER)),
    ),
    *table(
        "addmv", plus(np.matmul), ("plain", (tensor(2, seed=35), A, V)), ("both", (tensor(2, seed=36), A, V, SCALES)),
        ("complex", (tensor(2, dtype="complex128", seed=37), ZA, ZV, {"alpha": 1 - 2j, "beta": 2j})),
        ("0d", (tensor(seed=38), A, V)),
    ),
    *table(
        "addr", plus(outer), ("plain", (tensor(3, 4, seed=39), V, W)), ("both", (tensor(3, 4, seed=40), V, W, SCALES)),
        ("row", (tensor(4, seed=41), V, W)), ("int64", (tensor(3, 3, dtype="int64"), IV, IU)),
    ),
]  # fmt: skip


def many(op: str, reference: Any, *rows: tuple[str, tuple[In, ...]]) -> list[Sample]:
    return [
        Sample(op, name, (list(args),), lambda ts: np.asarray(reference(*ts)), torch=name != "vectors")
        for name, args in rows
    ]


def one_by_one(op: str, samples: list[Sample]) -> list[Sample]:
    """Samples of an op whose tensors are given one by one."""

    def call(module: Any, tensors: list[Any]) -> Any:
        return getattr(module, op)(*tensors)

    return [Sample(op, each.name, each.args, each.reference, call=call) for each in samples]


def block_diag(*parts: Array) -> Array:
    parts = tuple(np.atleast_2d(each) for each in parts)
    out = np.zeros(tuple(np.sum([each.shape for each in parts], 0)), np.result_type(*parts))
    row = column = 0
    for each in parts:
        out[row : row + each.shape[0], column : column + each.shape[1]] = each
        row, column = row + each.shape[0], column + each.shape[1]
    return out


CHAIN = (A, B, tensor(4, 2, seed=42))
MANY = [
    *many(
        "linalg.multi_dot", lambda *ts: np.linalg.multi_dot(ts), ("three", CHAIN), ("two", CHAIN[:2]),
        ("vectors", (tensor(2, seed=43), A, V)), ("four", (*CHAIN, tensor(2, 3, seed=44))),
    ),
    *one_by_one("chain_matmul", many("chain_matmul", lambda *ts: np.linalg.multi_dot(ts), ("three", CHAIN),
                                     ("two", CHAIN[:2]))),
    *one_by_one("block_diag", many("block_diag", block_diag, ("plain", (A, V, SQ)), ("numbers", (tensor(seed=45), A)),
                                   ("one", (SQ,)))),
]  # fmt: skip

POWER = [
    *table(
        "linalg.matrix_power",
        lambda a, n: np.asarray(np.linalg.matrix_power(a, n)),
        ("zero", (SQ, 0)),
        ("one", (SQ, 1)),
        ("three", (SQ, 3)),
        ("five", (SQ, 5)),
        ("inverse", (SQ, -2)),
        ("complex", (ZSQ, 2)),
    )
]


# -- distances and statistics -----------------------------------------------------------------------------------------


def p_norm(x: Array, p: float, axis: int | None) -> Array:
    size = np.abs(x)
    if np.isinf(p):
        return np.asarray(size.max(axis))
    return np.asarray((size != 0).sum(axis).astype(size.dtype) if p == 0 else (size**p).sum(axis) ** (1 / p))


def cdist(a: Array, b: Array, p: float = 2.0, compute_mode: str = "") -> Array:
    return p_norm(a[..., :, None, :] - b[..., None, :, :], p, -1)


def pdist(a: Array, p: float = 2.0) -> Array:
    return cdist(a, a, p)[np.triu_indices(len(a), 1)]


def renorm(x: Array, p: float, dim: int, bound: float) -> Array:
    moved = np.moveaxis(x, dim, 0)
    size = p_norm(moved.reshape(len(moved), -1), p, 1).reshape((-1, *[1] * (x.ndim - 1)))
    return np.moveaxis(moved * np.where(size > bound, bound / (size + 1e-7), 1), 0, dim)


def cov(x: Array, correction: int = 1, fweights: Array | None = None, aweights: Array | None = None) -> Array:
    return np.asarray(np.cov(x, ddof=correction, fweights=fweights, aweights=aweights))


ROWS = tensor(3, 2, seed=46)
COUNTS, SHARES = of([1, 2, 1, 3], "int64"), In(np.array([0.5, 1.0, 0.7, 1.3]))
DISTANCES = [
    *table(
        "cdist",
        cdist,
        ("plain", (ROWS, tensor(2, 2, seed=47))),
        ("one", (ROWS, tensor(2, 2, seed=48), {"p": 1.0})),
        ("three", (ROWS, tensor(2, 2, seed=49), {"p": 3.0})),
        ("inf", (ROWS, tensor(2, 2, seed=50), {"p": float("inf")})),
        ("batch", (tensor(2, 3, 2, seed=51), tensor(2, 2, seed=52))),
        torch=False,  # which has no second derivative of it
    ),
    Sample(
        "cdist",
        "by-product",
        (ROWS, tensor(2, 2, seed=53)),
        cdist,
        {"compute_mode": "use_mm_for_euclid_dist"},
        torch=False,
    ),
    *table(
        "nn.functional.pdist",
        pdist,
        ("plain", (ROWS,)),
        ("one", (ROWS, {"p": 1.0})),
        ("single", (tensor(1, 2),)),
        torch=False,
    ),
    *table(
        "dist",
        lambda a, b, p=2: p_norm(a - b, p, None),
        ("plain", (A, tensor(2, 3, seed=54))),
        ("one", (A, V, {"p": 1})),
        ("three", (A, tensor(2, 3, seed=55), {"p": 3})),
        ("complex", (ZV, ZU)),
    ),
    *table(
        "renorm",
        renorm,
        ("plain", (B, 2, 0, 2.0)),
        ("last", (B, 1, -1, 3.0)),
        ("three", (BATCH, 3, 1, 1.0)),
        ("complex", (ZSQ, 2, 0, 1.5)),
    ),
    *table(
        "cov",
        cov,
        ("plain", (B,)),
        ("vector", (V,)),
        ("correction", (B, {"correction": 0})),
        ("complex", (tensor(2, 4, dtype="complex128", seed=56),)),
        ("counts", (B, {"fweights": COUNTS})),
        ("weights", (B, {"aweights": SHARES})),
        ("both", (B, {"fweights": COUNTS, "aweights": SHARES})),
        torch=False,  # other steps with weights
    ),
    *table(
        "corrcoef",
        lambda x: np.asarray(np.corrcoef(x)),
        ("plain", (tensor(2, 4, seed=57),)),
        ("three", (tensor(3, 4, seed=58),)),
        torch=False,
        smooth=False,  # the diagonal is 1 to within rounding, and clipped there
    ),
    *table(
        "nn.functional.bilinear",
        lambda a, b, w, bias=0: np.einsum("...i,kij,...j->...k", a, w, b) + bias,
        ("plain", (tensor(2, 2, seed=59), tensor(2, 3, seed=60), tensor(2, 2, 3, seed=61), tensor(2, seed=62))),
        ("no-bias", (tensor(2, seed=63), tensor(3, seed=64), tensor(2, 2, 3, seed=65))),
    ),
]

SAMPLES = [*EINSUM, *TENSORDOT, *VECTORS, *CROSS, *SUMS, *MANY, *POWER, *DISTANCES]

"""Samples of products and decompositions of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.engine.samples.base import Array, In, Sample, is_inexact, of, tensor

A, B = tensor(2, 3, seed=1), tensor(3, 4, seed=2)
AT, BT = tensor(2, 3, seed=3, layout="F"), tensor(3, 4, seed=4, layout="F")
V, W = tensor(3, seed=5), tensor(3, seed=6)
BATCH, OTHER = tensor(2, 2, 3, seed=7), tensor(2, 3, 2, seed=8)
ZA, ZB = tensor(2, 3, dtype="complex128", seed=9), tensor(3, 2, dtype="complex128", seed=10)
ZV = tensor(3, dtype="complex128", seed=11)
IA, IB = tensor(2, 3, dtype="int64", seed=12), tensor(3, 2, dtype="int64", seed=13)


def product(a: Array, b: Array) -> Array:
    """The matrix product by its definition, over the last dim of `a` and the last but one of `b`."""
    if a.ndim == 1:
        return product(a[None], b)[..., 0, :] if b.ndim > 1 else np.asarray((a * b).sum())
    if b.ndim == 1:
        return product(a, b[:, None])[..., 0]
    half = a.dtype.itemsize == 2
    wide = (each.astype(np.float64) if half else each for each in (a, b))
    left, right = wide
    made = (left[..., :, :, None] * right[..., None, :, :]).sum(-2)
    return made.astype(a.dtype)


def products(op: str, table: list[tuple[str, In, In]]) -> list[Sample]:
    return [Sample(op, name, (a, b), product, differentiable=is_inexact(a.array.dtype)) for name, a, b in table]


def kinds(shape_a: tuple[int, ...], shape_b: tuple[int, ...]) -> list[tuple[str, In, In]]:
    names = ("float32", "complex128", "complex64", "int64", "bfloat16", "float16")
    return [(name, tensor(*shape_a, dtype=name, seed=1), tensor(*shape_b, dtype=name, seed=2)) for name in names]


PRODUCTS = [
    *products(
        "mm",
        [
            ("plain", A, B),
            ("transposed-left", AT, B),
            ("transposed-both", AT, BT),
            ("one", tensor(1, 1), tensor(1, 1, seed=1)),
            ("empty", tensor(0, 3), B),
            ("empty-inner", tensor(2, 0), tensor(0, 3)),
            *kinds((2, 3), (3, 2)),
        ],
    ),
    *products("mv", [("plain", A, V), ("transposed", AT, V), ("empty", tensor(0, 3), V), *kinds((2, 3), (3,))]),
    *products("dot", [("plain", V, W), ("same", V, V), ("one", tensor(1), tensor(1, seed=1)), *kinds((3,), (3,))[:3]]),
    Sample("dot", "empty", (tensor(0), tensor(0)), lambda a, b: np.float64(0)),
    *products(
        "bmm",
        [
            ("plain", BATCH, OTHER),
            ("one", tensor(1, 2, 3, seed=1), tensor(1, 3, 2, seed=2)),
            ("empty", tensor(0, 2, 3), tensor(0, 3, 2)),
            ("transposed", tensor(2, 2, 3, seed=3, layout="F"), OTHER),
            *kinds((2, 2, 3), (2, 3, 1))[:4],
        ],
    ),
]

PAIRS: list[tuple[str, In, In]] = [
    ("dot", V, W),
    ("matrix-vector", A, V),
    ("vector-matrix", V, B),
    ("matrices", A, B),
    ("transposed", AT, BT),
    ("batch-matrix", BATCH, B),
    ("matrix-batch", A, tensor(2, 3, 2, seed=14)),
    ("batches", BATCH, OTHER),
    ("batch-broadcast", tensor(2, 1, 2, 3, seed=15), tensor(3, 3, 2, seed=16)),
    ("batch-vector", BATCH, V),
    ("vector-batch", V, OTHER),
    ("complex", ZA, ZB),
    ("complex-vector", ZA, ZV),
    ("int64", IA, IB),
    ("empty", tensor(0, 3), B),
    ("empty-inside", tensor(2, 4, 0), tensor(0, 3)),
    ("float32", tensor(2, 2, dtype="float32", seed=17), tensor(2, 3, dtype="float32", seed=18)),
]
MATMUL = [*products("matmul", PAIRS), *products("linalg.matmul", PAIRS[:4])]


def added(c: Array, a: Array, b: Array, *, beta: Any = 1, alpha: Any = 1) -> Array:
    return np.asarray(beta * c + alpha * product(a, b))


ADDMM = [
    Sample("addmm", name, (c, a, b), added, kwargs, differentiable=is_inexact(a.array.dtype))
    for name, c, a, b, kwargs in (
        ("plain", tensor(2, 4, seed=1), A, B, {}),
        ("row", tensor(4, seed=2), A, B, {}),
        ("0d", tensor(seed=3), A, B, {}),
        ("alpha", tensor(2, 4, seed=4), A, B, {"alpha": 2.5}),
        ("beta", tensor(2, 4, seed=5), A, B, {"beta": -0.5}),
        ("both", tensor(2, 1, seed=6), A, B, {"alpha": -2, "beta": 3}),
        ("beta-zero", tensor(2, 4, seed=7), A, B, {"beta": 0}),
        ("transposed", tensor(2, 4, seed=8), AT, BT, {}),
        ("complex", tensor(2, 2, dtype="complex128", seed=9), ZA, ZB, {"alpha": 1 - 2j, "beta": 2j}),
        ("float32", *[tensor(2, 2, dtype="float32", seed=seed) for seed in (1, 2, 3)], {}),
        ("int64", of([1, 2], "int64"), IA, IB, {"alpha": 2}),
        ("empty", tensor(4, seed=10), tensor(0, 3), B, {}),
    )
]


def symmetric(module: Any, a: Any) -> Any:
    return (a + a.mT.conj()) / 2


def hermitian(a: Array) -> Array:
    return np.asarray((a + np.conjugate(np.swapaxes(a, -1, -2))) / 2)


def eigenvalues(module: Any, a: Any) -> Any:
    return module.linalg.eigh(symmetric(module, a))[0]


def parts_of_eigh(module: Any, a: Any) -> Any:
    """What does not depend on the phases of the eigenvectors: eigenvalues, magnitudes, projectors."""
    values, vectors = module.linalg.eigh(symmetric(module, a))
    first = vectors[..., :, :1]
    return values, vectors.abs(), first @ first.mT.conj()


def numpy_parts(a: Array) -> list[Array]:
    values, vectors = np.linalg.eigh(hermitian(a))
    first = vectors[..., :, :1]
    return [values, np.abs(vectors), first @ np.conjugate(np.swapaxes(first, -1, -2))]


def one_phase(results: list[Array]) -> list[Array]:
    """Eigenvectors turned so that the largest entry of each is positive."""
    values, vectors = results
    at = np.argmax(np.abs(vectors), axis=-2, keepdims=True)
    top = np.take_along_axis(vectors, at, -2)
    return [values, vectors * np.conjugate(top) / np.abs(top)]


SQUARE, ZSQUARE = tensor(3, 3, seed=1), tensor(3, 3, dtype="complex128", seed=2)
H = In(hermitian(SQUARE.array), False)
ZH = In(hermitian(ZSQUARE.array), False)


def eigh(A: Array, UPLO: str = "L") -> list[Array]:
    full = np.tril(A) if UPLO.upper() == "L" else np.triu(A)
    return list(np.linalg.eigh(full, UPLO.upper()))


EIGH = [
    *[
        Sample("linalg.eigh", f"values-{name}", (a,), lambda a: np.linalg.eigvalsh(hermitian(a)), call=eigenvalues)
        for name, a in (("real", SQUARE), ("complex", ZSQUARE), ("batch", tensor(2, 3, 3, seed=3)))
    ],
    *[
        Sample("linalg.eigh", f"parts-{name}", (a,), numpy_parts, call=parts_of_eigh)
        for name, a in (
            ("real", SQUARE),
            ("complex", ZSQUARE),
            ("batch", tensor(2, 2, 2, seed=4)),
            ("one", tensor(1, 1)),
        )
    ],
    *[
        Sample("linalg.eigh", name, args, eigh, kwargs, canon=one_phase, differentiable=None)
        for name, args, kwargs in (
            ("plain", (H,), {}),
            ("complex", (ZH,), {}),
            ("lower", (SQUARE,), {"UPLO": "L"}),
            ("upper", (SQUARE, "U"), {}),
            ("float32", (tensor(2, 2, dtype="float32", seed=5),), {}),
            ("transposed", (tensor(3, 3, seed=6, layout="F"),), {}),
            ("batch", (tensor(2, 3, 3, seed=7),), {}),
        )
    ],
]

SAMPLES = [*PRODUCTS, *MATMUL, *ADDMM, *EIGH]

"""Samples of Householder reflections, and of factors of symmetric matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from tests.engine.samples.base import Array, In, Sample, of, tensor
from tests.engine.samples.products import table


def reflections(a: Array, tau: Array) -> Array:
    """The product of reflections I - tau v v^H as a square matrix."""
    whole = np.eye(a.shape[-2], dtype=a.dtype)
    for at in range(tau.shape[-1]):
        v = np.concatenate([np.zeros(at), [1], a[at + 1 :, at]])
        whole = whole @ (np.eye(len(v)) - tau[at] * np.outer(v, v.conj()))
    return whole.astype(a.dtype)


def each(reference: Any) -> Any:
    """The reference for batches of matrices."""

    def run(a: Array, *others: Any, **kwargs: Any) -> Array:
        if a.ndim == 2:
            return np.asarray(reference(a, *others, **kwargs))
        return np.stack([reference(*(one[at] for one in (a, *others)), **kwargs) for at in range(len(a))])

    return run


def applied(a: Array, tau: Array, other: Array, left: bool = True, transpose: bool = False) -> Array:
    q = reflections(a, tau)
    q = q.conj().T if transpose else q
    return q @ other if left else other @ q


TALL, SCALES, RIGHT = tensor(4, 3, seed=51), tensor(3, seed=52), tensor(4, 2, seed=53)
ZTALL, ZSCALES, ZLEFT = (tensor(*shape, dtype="complex128", seed=54) for shape in ((3, 2), (2,), (2, 3)))
ZRIGHT = tensor(3, 3, dtype="complex128", seed=58)
BATCH, BATCH_SCALES = tensor(2, 3, 2, seed=55), tensor(2, 1, seed=56)
PRODUCTS = [
    sample
    for name in ("linalg.householder_product", "orgqr")
    for sample in table(name, each(lambda a, tau: reflections(a, tau)[:, : a.shape[1]]), ("plain", (TALL, SCALES)),
           ("complex", (ZTALL, ZSCALES)), ("batch", (BATCH, BATCH_SCALES)), ("fewer", (TALL, tensor(2, seed=57))),
           ("none", (TALL, tensor(0))), ("float32", (tensor(3, 2, dtype="float32"), tensor(2, dtype="float32"))))
]  # fmt: skip
APPLIED = table("ormqr", applied, ("plain", (TALL, SCALES, RIGHT)), ("complex", (ZTALL, ZSCALES, ZRIGHT)),
                ("right", (ZTALL, ZSCALES, ZLEFT, {"left": False})),
                ("adjoint", (ZTALL, ZSCALES, ZRIGHT, {"transpose": True})),
                ("right-adjoint", (ZTALL, ZSCALES, ZLEFT, False, True)))  # fmt: skip


def packed_qr(a: Array) -> list[Array]:
    return list(scipy.linalg.qr(a, mode="raw")[0])


SYMMETRIC = of([[4.0, 1.0, 0.5], [1.0, 3.0, 0.0], [0.5, 0.0, 5.0]], grad=False)
NONE = tensor(0, 0, grad=False), tensor(0, 2, grad=False)
INDEFINITE, B = of([[0.0, 2.0, 1.0], [2.0, 0.0, 3.0], [1.0, 3.0, 1.0]], grad=False), tensor(3, 2, seed=61, grad=False)
HERMITIAN = of([[2.0, 1 + 2j], [1 - 2j, -1.0]], "complex128", grad=False)
ZB = tensor(2, 1, dtype="complex128", seed=62, grad=False)


def solved(hermitian: bool) -> Any:
    """Solving by factors."""

    def call(module: Any, a: Any, b: Any) -> Any:
        packed, pivots = module.linalg.ldl_factor(a, hermitian=hermitian)
        return module.linalg.ldl_solve(packed, pivots, b, hermitian=hermitian)

    return call


PACKED = [
    *table("geqrf", packed_qr, ("plain", (TALL,)), ("wide", (tensor(2, 3, seed=60),)), differentiable=None),
    *table("geqrf", packed_qr, ("complex", (In(ZTALL.array, False),)), differentiable=False),
    Sample("linalg.ldl_factor", "one-by-one", (of([[4.0, 1.0], [1.0, 3.0]]),),
           lambda a: [np.array([[4.0, 0.0], [0.25, 2.75]]), np.array([1, 2], np.int32)], differentiable=None),
    Sample("linalg.ldl_factor", "of-one", (of([[-3.0]]),),
           lambda a: [np.array([[-3.0]]), np.array([1], np.int32)], differentiable=None),
    Sample("linalg.ldl_factor_ex", "of-one", (of([[2.0]]),),
           lambda a: [np.array([[2.0]]), np.array([1], np.int32), np.zeros((), np.int32)], differentiable=None),
    Sample("linalg.ldl_factor_ex", "blocks", (of([[0.0, 2.0], [2.0, 0.0]]),),
           lambda a: [np.array([[0.0, 0.0], [2.0, 0.0]]), np.array([-2, -2], np.int32), np.zeros((), np.int32)],
           differentiable=None),
    *(Sample("linalg.ldl_solve", name, (a, b), np.linalg.solve, call=solved(hermitian), differentiable=False)
      for name, a, b, hermitian in (("plain", SYMMETRIC, B, False), ("indefinite", INDEFINITE, B, False),
                                    ("hermitian", HERMITIAN, ZB, True), ("empty", *NONE, False))),
]  # fmt: skip
SAMPLES = [*PRODUCTS, *APPLIED, *PACKED]

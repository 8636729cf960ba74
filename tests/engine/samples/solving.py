"""Samples of linear equations, factors, spectra and norms of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from tests.engine.samples.base import Array, In, Sample, of, tensor
from tests.engine.samples.products import table


def heavy(*shape: int, seed: int, dtype: str = "float64") -> In:
    """Square matrices with a heavy diagonal: well-conditioned."""
    array = tensor(*shape, seed=seed, dtype=dtype).array
    return In((array + 5 * np.eye(shape[-1])).astype(array.dtype))


A, ZA, BATCH = heavy(3, 3, seed=1), heavy(3, 3, seed=2, dtype="complex128"), heavy(2, 2, 2, seed=3)
A32 = heavy(2, 2, seed=4, dtype="float32")
B, V, ZB = tensor(3, 2, seed=5), tensor(3, seed=6), tensor(3, 2, dtype="complex128", seed=7)
TALL, WIDE, ZWIDE = tensor(4, 2, seed=8), tensor(2, 4, seed=9), tensor(2, 3, dtype="complex128", seed=10)
ZTALL = tensor(3, 2, dtype="complex128", seed=11)
EMPTY = tensor(0, 0)
SQUARES = (("plain", (A,)), ("complex", (ZA,)), ("batch", (BATCH,)), ("float32", (A32,)), ("empty", (EMPTY,)))


def by_name(*names: str) -> Any:
    """The call of an op that refuses the singular matrices which repeating an input would make."""

    def call(module: Any, *args: Any, **kwargs: Any) -> Any:
        for name in names:
            module = getattr(module, name)
        return module(*args, **kwargs)

    return call


def adjoint(a: Array) -> Array:
    return np.conjugate(np.swapaxes(a, -1, -2))


def solve(a: Array, b: Array, *, left: bool = True) -> Array:
    if not left:
        return np.swapaxes(solve(np.swapaxes(a, -1, -2), np.swapaxes(b, -1, -2)), -1, -2)
    if b.ndim == 1 or b.shape == a.shape[:-1]:
        return np.linalg.solve(a, b[..., None])[..., 0]
    return np.linalg.solve(a, b)


def with_info(reference: Any) -> Any:
    """A reference with zeros for `info`."""
    return lambda a, *args, **kwargs: [reference(a, *args, **kwargs), np.zeros(a.shape[:-2], np.int32)]


SIDES = (
    ("plain", (A, B)),
    ("vector", (A, V)),
    ("complex", (ZA, ZB)),
    ("batch", (BATCH, tensor(2, 2, 1, seed=12))),
    ("broadcast", (BATCH, tensor(2, 3, seed=13))),
    ("right", (A, tensor(2, 3, seed=14), {"left": False})),
    ("float32", (A32, tensor(2, 1, dtype="float32"))),
)
EQUATIONS = [
    *table("linalg.solve", solve, *SIDES, call=by_name("linalg", "solve")),
    *table("linalg.solve_ex", with_info(solve), *SIDES[:4]),
    *table("linalg.inv", np.linalg.inv, *SQUARES, call=by_name("linalg", "inv")),
    *table("inverse", np.linalg.inv, *SQUARES[:3]),
    *table("linalg.inv_ex", with_info(np.linalg.inv), *SQUARES[:3]),
    *table("linalg.det", np.linalg.det, *SQUARES[:4], ("singular", (of([[1.0, 2.0], [2.0, 4.0]]),)),
           ("rank-1", (of([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [-1.0, -2.0, -1.0]]),))),
    *table("linalg.det", np.linalg.det, ("empty", (EMPTY,)), torch=False),  # which has no second derivative of it
    *table("linalg.slogdet", lambda a: list(np.linalg.slogdet(a)), *SQUARES),
    *table("logdet", lambda a: np.log(np.linalg.det(a)), *SQUARES[:4]),
    *table(
        "linalg.tensorinv", lambda a, ind=2: np.linalg.tensorinv(a, ind), ("plain", (tensor(2, 2, 4, seed=15),)),
        ("one", (tensor(4, 2, 2, seed=16), 1)),
    ),
    *table(
        "linalg.tensorsolve", lambda a, b, dims=None: np.linalg.tensorsolve(a, b, dims),
        ("plain", (tensor(2, 2, 4, seed=17), tensor(2, 2, seed=18))),
        ("dims", (tensor(4, 2, 2, seed=19), tensor(2, 2, seed=20), (0,))),
    ),
]  # fmt: skip


def triangle(a: Array, upper: bool, unit: bool = False) -> Array:
    half = np.triu(a) if upper else np.tril(a)
    return half - np.eye(a.shape[-1]) * half + np.eye(a.shape[-1]) if unit else half


def solve_triangular(a: Array, b: Array, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Array:
    return solve(triangle(a, upper, unitriangular), b, left=left)


def old_triangular(b: Array, a: Array, upper: bool = True, transpose: bool = False, unitriangular: bool = False) -> Any:
    half = triangle(a, upper, unitriangular)
    return [solve(np.swapaxes(half, -1, -2) if transpose else half, b), a]


TRIANGLES = [
    *table(
        "linalg.solve_triangular", solve_triangular, ("upper", (A, B, {"upper": True})),
        ("lower", (A, B, {"upper": False})), ("right", (A, tensor(2, 3, seed=21), {"upper": True, "left": False})),
        ("unit", (A, B, {"upper": False, "unitriangular": True})), ("complex", (ZA, ZB, {"upper": True})),
        ("batch", (BATCH, tensor(2, 1, seed=22), {"upper": True})),
    ),
    *table(
        "triangular_solve", old_triangular, ("plain", (B, A)), ("lower", (B, A, {"upper": False})),
        ("transposed", (B, A, {"transpose": True})), ("unit", (B, A, {"unitriangular": True})), ("complex", (ZB, ZA)),
    ),
]  # fmt: skip


# -- factors ----------------------------------------------------------------------------------------------------------


def positive(module: Any, a: Any) -> Any:
    """A positive-definite matrix of any other."""
    return a @ adjoint_of(a) + 2 * identity(module, a)


def adjoint_of(a: Any) -> Any:
    return a.mT.conj() if a.dtype.is_complex else a.mT


def identity(module: Any, a: Any) -> Any:
    return module.eye(a.shape[-1], dtype=a.dtype, device=a.device)


def numpy_positive(a: Array) -> Array:
    return a @ adjoint(a) + 2 * np.eye(a.shape[-1])


SMALL, ZSMALL = tensor(3, 3, seed=23), tensor(2, 2, dtype="complex128", seed=24)
BLOCKS = (("plain", SMALL), ("complex", ZSMALL), ("batch", tensor(2, 2, 2, seed=25)))


def lower(a: Array) -> Array:
    return np.linalg.cholesky(numpy_positive(a))


def called(op: str, call: Any, reference: Any, prefix: str = "", **shared: Any) -> list[Sample]:
    """Samples of an op on what is made of general matrices."""
    return [Sample(op, prefix + name, (a,), reference, call=call, **shared) for name, a in BLOCKS]


GIVEN = In(numpy_positive(SMALL.array), False)
ZGIVEN = In(numpy_positive(ZSMALL.array), False)
FACTOR = In(lower(SMALL.array), False)
PLAIN = [
    *table("cholesky", np.linalg.cholesky, ("given", (GIVEN,)), ("given-complex", (ZGIVEN,)), differentiable=None),
    *table("cholesky_inverse", lambda f: np.linalg.inv(f @ f.T), ("given", (FACTOR,)), differentiable=None),
    *table("cholesky_solve", lambda b, f: np.linalg.solve(f @ f.T, b), ("given", (B, FACTOR)), smooth=False),
    *table("svd", lambda a: numpy_svd(a), ("given", (In(A.array, False),)), differentiable=None),
]


CHOLESKY = [
    *called("cholesky", lambda m, a: m.cholesky(positive(m, a)), lower),
    *called("linalg.cholesky", lambda m, a: m.linalg.cholesky(positive(m, a)), lower),
    *called(
        "linalg.cholesky", lambda m, a: m.linalg.cholesky(positive(m, a), upper=True), lambda a: adjoint(lower(a)),
        "upper-",
    ),
    *called("linalg.cholesky_ex", lambda m, a: m.linalg.cholesky_ex(positive(m, a))[0], lower),
    *called(
        "cholesky_inverse", lambda m, a: m.cholesky_inverse(m.linalg.cholesky(positive(m, a))),
        lambda a: np.linalg.inv(numpy_positive(a)),
    ),
    *called(
        "cholesky_solve", lambda m, a: m.cholesky_solve(a, m.linalg.cholesky(positive(m, a))),
        lambda a: np.linalg.solve(numpy_positive(a), a),
    ),
    *called(
        "cholesky_solve", lambda m, a: m.cholesky_solve(a, m.linalg.cholesky(positive(m, a), upper=True), upper=True),
        lambda a: np.linalg.solve(numpy_positive(a), a), "upper-",
    ),
]  # fmt: skip

SHAPES = (("plain", (A,)), ("tall", (TALL,)), ("wide", (WIDE,)), ("complex", (ZA,)), ("complex-tall", (ZTALL,)),
          ("complex-wide", (ZWIDE,)), ("batch", (BATCH,)))  # fmt: skip


def qr(a: Array, mode: str = "reduced") -> list[Array]:
    return list(np.linalg.qr(a, mode))


def lu(a: Array) -> list[Array]:
    p, low, up = (
        scipy.linalg.lu(a) if a.ndim == 2 else [np.stack(each) for each in zip(*map(scipy.linalg.lu, a), strict=True)]
    )
    return [p.astype(a.dtype), low, up]


def lu_factor(a: Array) -> list[Array]:
    if a.ndim > 2:
        return [np.stack(each) for each in zip(*map(lu_factor, a), strict=True)]
    packed, pivots = scipy.linalg.lu_factor(a)
    return [packed, (pivots + 1).astype(np.int32)]


PACKED, PIVOTS = (In(each, at == 0) for at, each in enumerate(lu_factor(A.array)))
ZPACKED, ZPIVOTS = (In(each, at == 0) for at, each in enumerate(lu_factor(ZA.array)))


def unpacked(packed: Array, pivots: Array, data: bool = True, exchange: bool = True) -> list[Array]:
    k = min(packed.shape)
    p = np.eye(len(packed))
    for at, other in enumerate(pivots):
        p[:, [at, other - 1]] = p[:, [other - 1, at]]
    low = np.tril(packed[:, :k], -1) + np.eye(len(packed), k)
    return [p.astype(packed.dtype), low, np.triu(packed[:k])]


def lu_solve(packed: Array, pivots: Array, b: Array, *, left: bool = True, adjoint: bool = False) -> Array:
    p, low, up = unpacked(packed, pivots)
    a = p @ low @ up
    return solve(np.conjugate(a.T) if adjoint else a, b, left=left)


ROWS2 = tensor(2, 3, seed=26)
FACTORS = [
    *table("linalg.qr", qr, *SHAPES, ("complete", (WIDE, {"mode": "complete"}))),
    *table("linalg.qr", lambda a, mode: [np.zeros(0), np.linalg.qr(a, "r")], ("r", (TALL, "r")),
           differentiable=None),
    *table("qr", lambda a, some=True: qr(a, "reduced" if some else "complete"), *SHAPES[:3], ("all", (WIDE, False))),
    *table("linalg.lu", lu, *SHAPES, torch=False),
    *table("linalg.lu_factor", lu_factor, *SHAPES, call=by_name("linalg", "lu_factor")),
    *table("linalg.lu_factor_ex", lambda a: [*lu_factor(a), np.zeros(a.shape[:-2], np.int32)], *SHAPES[:4]),
    *table("lu", lambda a: lu_factor(a), *SHAPES[:4]),
    *table("lu_unpack", unpacked, ("plain", (PACKED, PIVOTS)), ("complex", (ZPACKED, ZPIVOTS)), torch=False),
    *table(
        "linalg.lu_solve", lu_solve, ("plain", (PACKED, PIVOTS, B)), ("complex", (ZPACKED, ZPIVOTS, ZB)),
        ("adjoint", (ZPACKED, ZPIVOTS, ZB, {"adjoint": True})), ("right", (PACKED, PIVOTS, ROWS2, {"left": False})),
        ("right-adjoint", (PACKED, PIVOTS, ROWS2, {"left": False, "adjoint": True})),
    ),
    *table("lu_solve", lambda b, packed, pivots: lu_solve(packed, pivots, b), ("plain", (B, PACKED, PIVOTS)),
           ("complex", (ZB, ZPACKED, ZPIVOTS))),
]  # fmt: skip


# -- spectra ----------------------------------------------------------------------------------------------------------


def by_size(values: Array) -> Array:
    return np.take_along_axis(values, np.argsort(values.real + 0.37 * values.imag, -1), -1)


APART = In(np.array([[1.0, 0.3, -0.2], [0.4, 2.5, 0.1], [0.2, -0.3, 4.0]]))
ZAPART = In(APART.array + 1j * np.array([[0.2, 0.5, 0.1], [-0.3, 0.4, 0.2], [0.1, 0.2, -0.6]]))
SPECTRA = (("plain", APART), ("complex", ZAPART))


def eig_parts(module: Any, a: Any) -> Any:
    """Eigenvalues, and what does not depend on the vectors' phases: their magnitudes."""
    values, vectors = module.linalg.eig(a)
    return values, vectors.abs()


def numpy_eig_parts(a: Array) -> list[Array]:
    values, vectors = np.linalg.eig(a)
    return [values + 0j, np.abs(vectors)]


def svd_parts(full: bool) -> Any:
    def call(module: Any, a: Any) -> Any:
        u, s, vh = module.linalg.svd(a, full_matrices=full)
        return s, u[..., :, :1] @ vh[..., :1, :], u[..., :, :2].abs()

    return call


def numpy_svd(a: Array) -> list[Array]:
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return [u, s, adjoint(vh)]


def numpy_svd_parts(a: Array) -> list[Array]:
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return [s, u[..., :, :1] @ vh[..., :1, :], np.abs(u[..., :, :2])]


def old_svd_parts(module: Any, a: Any) -> Any:
    u, s, v = module.svd(a)
    return s, u[..., :, :1] @ adjoint_of(v[..., :, :1]), u[..., :, :2].abs()


EIGEN = [
    *[
        Sample("linalg.eig", name, (a,), numpy_eig_parts, call=eig_parts)
        for name, a in SPECTRA
    ],
    *[Sample("linalg.eigvals", name, (a,), lambda a: np.linalg.eigvals(a) + 0j) for name, a in SPECTRA],
    *called(
        "linalg.eigvalsh", lambda m, a: m.linalg.eigvalsh(positive(m, a)),
        lambda a: np.linalg.eigvalsh(numpy_positive(a)),
    ),
    *[
        Sample("linalg.svd", f"{'full' if full else 'reduced'}-{name}", args, numpy_svd_parts, call=svd_parts(full))
        for full in (False, True)
        for name, args in SHAPES
    ],
    *[Sample("svd", name, args, numpy_svd_parts, call=old_svd_parts) for name, args in SHAPES[:4]],
    *table("linalg.svdvals", lambda a: np.linalg.svd(a, compute_uv=False), *SHAPES),
    *table("linalg.pinv", np.linalg.pinv, *SHAPES, ("empty", (tensor(0, 2),))),
    *table("linalg.pinv", lambda a, rcond: np.linalg.pinv(a, rcond), ("rcond", (TALL, 1e-3))),
    *table("pinverse", np.linalg.pinv, *SHAPES[:3]),
    *table("linalg.matrix_rank", lambda a: np.linalg.matrix_rank(a), *SHAPES[:4], differentiable=False),
    *table("linalg.matrix_rank", lambda a, tol: np.linalg.matrix_rank(a, tol), ("tol", (TALL, 0.5)),
           differentiable=False),
]  # fmt: skip


def lstsq(a: Array, b: Array, rcond: Any = None, *, driver: str = "gelsy") -> list[Array]:
    x = np.linalg.pinv(a) @ b
    m, n = a.shape
    none = np.zeros(0)
    return [
        x,
        (np.abs(a @ x - b) ** 2).sum(0) if m > n and driver != "gelsy" else none,
        np.zeros(0, np.int64) if driver == "gels" else np.asarray(np.linalg.matrix_rank(a)),
        np.linalg.svd(a, compute_uv=False) if driver in ("gelsd", "gelss") else none,
    ]


LEAST = [
    *table(
        "linalg.lstsq", lstsq, ("tall", (TALL, tensor(4, 2, seed=27))), ("wide", (WIDE, tensor(2, 2, seed=28))),
        ("gels", (TALL, tensor(4, 2, seed=29), {"driver": "gels"})),
        ("complex", (ZTALL, tensor(3, 1, dtype="complex128", seed=30))),
    ),
    *table("linalg.lstsq", lstsq, ("gelsd", (TALL, tensor(4, 2, seed=31), {"driver": "gelsd"})),
           smooth=False),
]  # fmt: skip


# -- norms ------------------------------------------------------------------------------------------------------------


def matrix_norm(a: Array, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False) -> Array:
    return np.asarray(np.linalg.norm(a, ord, tuple(dim), keepdim))


def norm(a: Array, ord: Any = None, dim: Any = None, keepdim: bool = False) -> Array:
    return np.asarray(np.linalg.norm(a, ord, tuple(dim) if isinstance(dim, list) else dim, keepdim))


INF = float("inf")
ORDERS: list[tuple[str, tuple[Any, ...]]] = [
    (f"{name}{str(order).replace('.', '_')}", (a, order))
    for name, a in (("", WIDE), ("complex-", ZWIDE))
    for order in (1, -1, 2, -2, INF, -INF, "fro", "nuc")
]
NORMS = [
    *table("linalg.matrix_norm", matrix_norm, *ORDERS, ("default", (WIDE,)),
           ("dims", (tensor(2, 3, 2, seed=32), 1, (0, 2))), ("keep", (WIDE, 2, (0, 1), True))),
    *table("linalg.norm", norm, *ORDERS, ("default", (tensor(2, 3, seed=33),)), ("vector", (V, 3)),
           ("dim", (WIDE, 1, 1)), ("dims", (WIDE, "fro", (1, 0)))),
    *table("norm", lambda a, p="fro", dim=None: norm(a, p, dim), ("fro", (WIDE, "fro")), ("nuc", (WIDE, "nuc")),
           ("complex-nuc", (ZWIDE, "nuc"))),
    *table("linalg.cond", lambda a, p=None: np.asarray(np.linalg.cond(a, p)), ("default", (A,)), ("tall", (TALL,)),
           ("minus", (A, -2))),
    *table("linalg.cond", lambda a, p=None: np.asarray(np.linalg.cond(a, p)), ("one", (A, 1)), ("inf", (ZA, INF)),
           ("fro", (A, "fro")), ("nuc", (A, "nuc")), torch=False),  # its backward stumbles over its own in-place step
    *table("matrix_exp", scipy.linalg.expm, ("plain", (SMALL,)), ("complex", (ZSMALL,)),
           ("batch", (tensor(2, 2, 2, seed=34),)), ("large", (tensor(2, 2, low=-9, high=9, seed=35),))),
    *table("linalg.vander", lambda x, N=None: np.vander(x, N, increasing=True), ("plain", (V,)),
           ("more", (V, {"N": 4}))),
    *table("vander", lambda x, N=None, increasing=False: np.vander(x, N, increasing), ("plain", (V,)),
           ("more", (V, 4, True)), ("none", (V, 0)), torch=False),  # likewise
    *table("linalg.diagonal", lambda a, offset=0: np.diagonal(a, offset, -2, -1), ("plain", (A,)),
           ("offset", (BATCH, {"offset": 1}))),
]  # fmt: skip

SAMPLES = [*PLAIN, *EQUATIONS, *TRIANGLES, *CHOLESKY, *FACTORS, *EIGEN, *LEAST, *NORMS]

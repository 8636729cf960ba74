"""Samples of the gamma family of several arguments, Bessel functions, orthogonal polynomials, parts of floats."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.polynomial import chebyshev, hermite, hermite_e, laguerre, legendre
from scipy import special

from tests.engine.samples.base import Array, Reference, Sample, of, tensor
from tests.engine.samples.unary import Function, samples_of, wide

POSITIVE = tensor(2, 3, low=0.4, high=4.2, seed=1)
ORDERS = tensor(2, 3, low=0.4, high=3.2, seed=2, grad=False)
NO_HALVES: dict[str, Any] = {"half": False, "complex": False}

# -- functions of one tensor ------------------------------------------------------------------------------------------


def derived(reference: Reference) -> Reference:
    """A reference that SciPy knows for doubles only."""
    return wide(lambda x: np.asarray(reference(x.astype(np.float64))).astype(x.dtype))


UNARY = [
    Function("i0", derived(lambda x: special.iv(0, x)), **NO_HALVES),
    Function("special.i0e", derived(lambda x: special.ive(0, x)), **NO_HALVES),
    Function("special.i1", derived(lambda x: special.iv(1, x)), **NO_HALVES),
    Function("special.i1e", derived(lambda x: special.ive(1, x)), **NO_HALVES),
    *[
        Function(f"special.{name}", derived(reference), low, 3.7, differentiable=False, **NO_HALVES)
        for name, reference, low in (
            ("bessel_j0", lambda x: special.jv(0, x), -1.9),
            ("bessel_j1", lambda x: special.jv(1, x), -1.9),
            ("bessel_y0", lambda x: special.yv(0, x), 0.3),
            ("bessel_y1", lambda x: special.yv(1, x), 0.3),
            ("modified_bessel_i0", lambda x: special.iv(0, x), -1.9),
            ("modified_bessel_i1", lambda x: special.iv(1, x), -1.9),
            ("modified_bessel_k0", lambda x: special.kv(0, x), 0.3),
            ("modified_bessel_k1", lambda x: special.kv(1, x), 0.3),
            ("scaled_modified_bessel_k0", lambda x: special.kve(0, x), 0.3),
            ("scaled_modified_bessel_k1", lambda x: special.kve(1, x), 0.3),
            ("airy_ai", lambda x: special.airy(x)[0], -1.9),
            ("spherical_bessel_j0", lambda x: special.spherical_jn(0, x), 0.2),
        )
    ],
]
AT_ZERO = [
    Sample("special.i1", "zero", (of([0.0, 1e-20]),), special.i1),
    Sample("special.i1e", "zero", (of([1e-20, 1e-3]),), special.i1e, smooth=False),
    Sample("special.spherical_bessel_j0", "odd-values", (of([0.0, np.inf, -2.0]),),
           lambda x: np.array([1.0, 0.0, np.sin(2.0) / 2]), differentiable=False),
]  # fmt: skip

# -- the gamma family -------------------------------------------------------------------------------------------------


def gamma_sum(x: Array, p: int) -> Any:
    return p * (p - 1) / 4 * np.log(np.pi) + sum(special.gammaln(x - step / 2) for step in range(p))


def many(op: str, reference: Reference, rows: list[tuple[Any, ...]], **options: Any) -> list[Sample]:
    """A sample for each row: a name and the arguments."""
    return [Sample(op, name, tuple(args), reference, **options) for name, *args in rows]


SINGLE = tensor(3, dtype="float32", low=0.5, high=3, seed=3)
GAMMAS = [
    *many(
        "polygamma",
        special.polygamma,
        [("n0", 0, POSITIVE), ("n1", 1, POSITIVE), ("n2", 2, POSITIVE), ("n4", 4, tensor(3, low=0.8, high=3, seed=4))],
    ),
    Sample("polygamma", "float32", (1, SINGLE), lambda n, x: special.polygamma(n, x).astype(x.dtype)),
    Sample("polygamma", "negative", (2, of([-0.5, -1.3])), special.polygamma, torch=True),
    *many("polygamma_", lambda x, n: special.polygamma(n, x), [("n1", POSITIVE, 1), ("n2", POSITIVE, 2)]),
    *many(
        "mvlgamma",
        gamma_sum,
        [
            ("1d", tensor(4, low=2.2, high=5, seed=5), 3),
            ("0d", tensor(low=1.2, high=3, seed=6), 2),
            ("one", POSITIVE, 1),
        ],
    ),
    *many("igamma", special.gammainc, [("row", ORDERS, POSITIVE), ("0d", of(1.3, grad=False), of(2.1))]),
    *many("igammac", special.gammaincc, [("row", ORDERS, POSITIVE), ("0d", of(1.3, grad=False), of(2.1))]),
    *many("igamma", special.gammainc, [("order", POSITIVE, of([1.0, 2.0, 3.0]))], differentiable=None),
    *many("igammac", special.gammaincc, [("order", POSITIVE, of([1.0, 2.0, 3.0]))], differentiable=None),
    *many(
        "special.zeta",
        special.zeta,
        [
            ("row", of([[1.7, 2.3, 3.1], [1.2, 4.5, 2.0]], grad=False), of([1.3, 0.6, 2.2])),
            ("number-first", 2.5, POSITIVE),
            ("float32", of([2.5, 3.5], "float32", grad=False), of([1.5, 2.5], "float32")),
        ],
    ),
    *many("special.zeta", special.zeta, [("number", of([1.7, 2.3]), 1.5)], differentiable=None),
]

# -- polynomials ------------------------------------------------------------------------------------------------------


def by_coefficients(evaluate: Any) -> Reference:
    """A family of polynomials by NumPy's series with one coefficient."""

    def values(x: Any, n: Any) -> Any:
        pairs = np.broadcast(x, n)
        made = [evaluate(float(a), [0.0] * int(b) + [1.0]) for a, b in pairs]
        return np.array(made).reshape(pairs.shape)

    return values


def of_second_kind(x: Any, n: Any) -> Any:
    """U of degree n: the derivative of T of degree n + 1, over n + 1."""
    return by_coefficients(lambda a, c: chebyshev.chebval(a, chebyshev.chebder([0.0, *c])) / len(c))(x, n)


def below(x: Any, n: Any) -> Any:
    """U of degree n - 1."""
    return np.where(np.asarray(n) >= 1, of_second_kind(x, np.maximum(n, 1) - 1), 0.0)


POLYNOMIALS: dict[str, Reference] = {
    "chebyshev_polynomial_t": by_coefficients(chebyshev.chebval),
    "chebyshev_polynomial_u": of_second_kind,
    "chebyshev_polynomial_v": lambda x, n: of_second_kind(x, n) - below(x, n),
    "chebyshev_polynomial_w": lambda x, n: of_second_kind(x, n) + below(x, n),
    "hermite_polynomial_h": by_coefficients(hermite.hermval),
    "hermite_polynomial_he": by_coefficients(hermite_e.hermeval),
    "laguerre_polynomial_l": by_coefficients(laguerre.lagval),
    "legendre_polynomial_p": by_coefficients(legendre.legval),
}
POINTS = of([[-1.7, -1.0, -0.4], [0.3, 1.0, 1.6]], grad=False)
DEGREES = of([[0, 1, 2], [3, 4, 7]], "int64")


def shifted(reference: Reference) -> Reference:
    return lambda x, n: reference(2 * x - 1, n)


DEGREED = [
    sample
    for name, reference in [
        *POLYNOMIALS.items(),
        *[(f"shifted_{name}", shifted(each)) for name, each in POLYNOMIALS.items() if name.startswith("chebyshev")],
    ]
    for sample in many(
        f"special.{name}",
        reference,
        [
            ("tensors", POINTS, DEGREES),
            ("row", POINTS, of([1, 5, 8], "int64")),
            ("number", POINTS, 6),
            ("number-first", 0.45, DEGREES),
        ],
        differentiable=False,
    )
]
DEGREED = [
    Sample(each.op, each.name, each.args, each.reference, dtype="float32", differentiable=False)
    if each.name == "number-first"
    else each
    for each in DEGREED
]

# -- parts of floats --------------------------------------------------------------------------------------------------

SPLIT = [
    Sample("frexp", name, (x,), lambda x: list(np.frexp(x)))
    for name, x in (("2d", tensor(2, 3, seed=7)), ("0d", tensor(seed=8)), ("float32", tensor(3, dtype="float32")))
]
ROUND = [
    Sample("special.round", "0d", (tensor(),), np.round),
    Sample("special.round", "decimals", (tensor(2, 3, seed=9),), lambda x, decimals: np.round(x, decimals),
           {"decimals": 1}, smooth=False),
]  # fmt: skip

SAMPLES = [
    *[each for f in UNARY for each in samples_of(f)],
    *AT_ZERO,
    *GAMMAS,
    *DEGREED,
    *SPLIT,
    *ROUND,
]

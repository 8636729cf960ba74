"""LAPACK for batches, where NumPy has no function: triangular and pivoted factors, and what went wrong in others.

Each function takes arrays of float32, float64, complex64 or complex128 and answers with fresh ones whose matrices lie
in column-major order. Arrays on a GPU go to the host and back: CuPy has no batched form of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from engine import arrays
from engine.devices import CPU

Array = Any
INT32 = np.dtype(np.int32)


def columns(shape: tuple[int, ...], dtype: Any, batch: tuple[int, ...] = ()) -> Array:
    """Zeroed matrices in column-major order."""
    rows, width = shape
    return np.zeros((*batch, width, rows), dtype).swapaxes(-1, -2)


def _routine(library: str, name: str, array: Array) -> Callable[..., Any]:
    """A routine of `blas` or `lapack` for the array's dtype; SciPy is imported at the first, it takes its time."""
    from scipy import linalg

    found: Callable[..., Any] = getattr(linalg, f"get_{library}_funcs")(name, (array,))
    return found


def _matrices(count: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    return iter(np.ndindex(count))


def _on_host(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function for arrays of any backend."""

    def run(*args: Any, **kwargs: Any) -> Any:
        device = next((arrays.device_of(each) for each in args if arrays.is_array(each)), CPU)
        if device is CPU:
            return function(*args, **kwargs)
        made = function(*(arrays.to_host(each) if arrays.is_array(each) else each for each in args), **kwargs)
        if isinstance(made, tuple):
            return tuple(arrays.put(each, device) for each in made)
        return arrays.put(made, device)

    run.__doc__ = function.__doc__
    return run


@_on_host
def lu_factor(a: Array) -> tuple[Array, Array, Array]:
    """LU factors in one matrix, pivots (from 1), and for each matrix 0 or the first zero pivot (from 1)."""
    batch, (m, n) = a.shape[:-2], a.shape[-2:]
    lu = columns((m, n), a.dtype, batch)
    pivots = np.zeros((*batch, min(m, n)), INT32)
    info = np.zeros(batch, INT32)
    if a.size:
        getrf = _routine("lapack", "getrf", a)
        for at in _matrices(batch):
            lu[at], steps, info[at] = getrf(a[at])
            pivots[at] = steps + 1
    return lu, pivots, info


@_on_host
def lu_solve(lu: Array, pivots: Array, b: Array, trans: int) -> Array:
    """The solution of A X = B from A's factors; `trans` 1: of A^T X = B, 2: of A^H X = B."""
    batch = b.shape[:-2]
    out = columns(b.shape[-2:], b.dtype, batch)
    if out.size:
        getrs = _routine("lapack", "getrs", lu)
        for at in _matrices(batch):
            out[at] = getrs(lu[at], pivots[at] - 1, b[at], trans=trans)[0]
    return out


@_on_host
def solve_triangular(a: Array, b: Array, upper: bool, left: bool, unit: bool) -> Array:
    """The solution of A X = B (or X A = B) for triangles A, of which only one half is read; zero pivots give inf."""
    batch = b.shape[:-2]
    out = columns(b.shape[-2:], b.dtype, batch)
    if out.size:
        trsm = _routine("blas", "trsm", a)
        for at in _matrices(batch):
            out[at] = trsm(1, a[at], b[at], side=not left, lower=not upper, diag=unit)
    return out


@_on_host
def cholesky(a: Array) -> tuple[Array, Array]:
    """Lower Cholesky factors from the lower triangles, and for each matrix 0 or the minor that is not positive."""
    batch = a.shape[:-2]
    out = columns(a.shape[-2:], a.dtype, batch)
    info = np.zeros(batch, INT32)
    if a.size:
        potrf = _routine("lapack", "potrf", a)
        for at in _matrices(batch):
            out[at], info[at] = potrf(a[at], lower=1, clean=1)
    return out, info


def first_zero_pivot(a: Array) -> tuple[tuple[int, ...], int]:
    """Of the first singular matrix of a batch its place, and the first zero pivot (from 1)."""
    host = arrays.to_host(a)
    batch = host.shape[:-2]
    getrf = _routine("lapack", "getrf", host)
    for at in _matrices(batch) if host.size else ():
        number = getrf(host[at])[2]
        if number:
            return tuple(at), int(number)
    return (0,) * len(batch), 1


def first_failure(info: Array) -> tuple[tuple[int, ...], int]:
    """The place and number of the first entry that is not 0; the place () and 1 if there is none."""
    host = arrays.to_host(info)
    bad = np.argwhere(host != 0)
    if not len(bad):
        return (0,) * host.ndim, 1
    place = tuple(int(each) for each in bad[0])
    return place, int(host[place])


def batch_note(place: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """How torch's messages name one matrix of a batch: nothing where there is no batch."""
    if not shape:
        return ""
    number = 0
    for at, size in zip(place, shape, strict=True):
        number = number * size + at
    return f"(Batch element {number}): "


@_on_host
def qr_factor(a: Array) -> tuple[Array, Array]:
    """Householder vectors below R in one matrix, and the reflections' scales."""
    batch, (m, n) = a.shape[:-2], a.shape[-2:]
    packed = columns((m, n), a.dtype, batch)
    scales = np.zeros((*batch, min(m, n)), a.dtype)
    if a.size:
        geqrf = _routine("lapack", "geqrf", a)
        for at in _matrices(batch):
            packed[at], scales[at] = geqrf(a[at])[:2]
    return packed, scales


@_on_host
def ldl_factor(a: Array, hermitian: bool) -> tuple[Array, Array, Array]:
    """LDL factors of the lower triangles, pivots (from 1, negative for blocks of 2), and what `info` LAPACK gives."""
    batch, n = a.shape[:-2], a.shape[-1]
    packed = columns((n, n), a.dtype, batch)
    pivots, info = np.zeros((*batch, n), INT32), np.zeros(batch, INT32)
    if a.size:
        factor = _routine("lapack", "hetrf" if hermitian and a.dtype.kind == "c" else "sytrf", a)
        for at in _matrices(batch):
            made, pivots[at], info[at] = factor(a[at], lower=1)
            packed[at] = np.tril(made)
    return packed, pivots, info


@_on_host
def ldl_solve(packed: Array, pivots: Array, b: Array, hermitian: bool) -> Array:
    """The solution of A X = B from A's LDL factors."""
    batch = b.shape[:-2]
    out = columns(b.shape[-2:], b.dtype, batch)
    if out.size:
        solve = _routine("lapack", "hetrs" if hermitian and b.dtype.kind == "c" else "sytrs", b)
        for at in _matrices(batch):
            out[at] = solve(packed[at], pivots[at], b[at], lower=1)[0]
    return out

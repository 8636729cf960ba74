"""The bytes that LAPACK's drivers take beside arguments and results, by the workspace its documentation gives them.

NumPy's and SciPy's functions go through a batch matrix by matrix: in a copy, in results of their own, in workspace.
That is memory of the C library, which no tool for Python's memory sees. NumPy's compute in double precision alone.
"""

from __future__ import annotations

from typing import Any


def by_numpy(work: int, arguments: int, results: int, dtype: Any) -> int:
    """What a function of NumPy's holds beside its results, whose driver takes so much `work` for a matrix.

    In single precision all of it is there in double precision: arguments, work and results.
    """
    return int(2 * (arguments + work) + results if dtype.char in "fF" else work)


def matrix_bytes(a: Any) -> int:
    """The bytes of one matrix of a batch."""
    return int(a.shape[-2] * a.shape[-1] * a.dtype.itemsize)


def triangular_bytes(a: Any, b: Any) -> int:
    """`trsm`: copies of one triangle and of one right side in column-major order."""
    return matrix_bytes(a) + matrix_bytes(b)


def solve_bytes(a: Any, columns: int) -> int:
    """`gesv`: the matrix as it is factored, the right sides as they become solutions, pivots."""
    n, itemsize = a.shape[-1], a.dtype.itemsize
    return matrix_bytes(a) + int(n * columns * itemsize + 8 * n)


def eigh_bytes(a: Any) -> int:
    """`syevd` and `heevd`: the matrix, which becomes the vectors, and twice its size and more of workspace."""
    n, itemsize = a.shape[-1], a.dtype.itemsize
    return 3 * matrix_bytes(a) + int(n * (8 * itemsize + 40))


def eigvalsh_bytes(a: Any) -> int:
    """The same without vectors: the matrix, and some rows."""
    return matrix_bytes(a) + int(40 * a.shape[-1] * a.dtype.itemsize)


def eig_bytes(a: Any, vectors: bool) -> int:
    """`geev`: the matrix, real vectors, and complex ones where there are any; workspace of some rows."""
    n, itemsize = a.shape[-1], a.dtype.itemsize
    copies = 1
    if vectors:
        copies = 3 if a.dtype.kind == "c" else 4
    return copies * matrix_bytes(a) + int(48 * n * itemsize)


def svd_bytes(a: Any, rows: int = 0, columns: int = 0) -> int:
    """`gesdd` for so many vectors on the left and on the right; for none it computes singular values alone."""
    m, n = a.shape[-2:]
    itemsize = a.dtype.itemsize
    small, large = min(m, n), max(m, n)
    if not rows:
        return matrix_bytes(a) + int(40 * (small + large) * itemsize)
    vectors = m * rows + n * columns
    if a.dtype.kind == "c":
        work = small * small + 3 * small + max(5 * small + 5, 2 * large + 2 * small + 1) * small // 2
    else:
        work = 4 * small * small + 7 * small
    return matrix_bytes(a) + int((vectors + work + large) * itemsize)


def geqrf_bytes(a: Any) -> int:
    """`geqrf`: the matrix, and a block of 32 rows."""
    return matrix_bytes(a) + int(32 * a.shape[-1] * a.dtype.itemsize)


def orgqr_bytes(a: Any, columns: int) -> int:
    """`orgqr`: the reflections, and so many columns of Q."""
    m, n = a.shape[-2:]
    return int(m * (min(m, n) + columns) * a.dtype.itemsize)

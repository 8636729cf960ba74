"""What the drivers of LAPACK hold, told by how much memory of this process is resident at most: a line for each call.

Run as a process of its own, in which the C library gives every large block back to the system at once.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import engine as torch
from engine.arguments import bind
from engine.op import Op, registry

REFS = Path("/proc/self/clear_refs")
ENVIRONMENT = {
    **os.environ,
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "65536",
    "MALLOC_TOP_PAD_": "0",
    "OPENBLAS_NUM_THREADS": "1",
}
N = 320
ANY = ("linalg.qr", "linalg.svd", "linalg.pinv", "linalg.matrix_rank", "linalg.lu", "linalg.lu_factor")
SQUARE = ("linalg.det", "linalg.slogdet", "linalg.inv", "linalg.eig")
HERMITIAN = ("linalg.eigh", "linalg.cholesky", "cholesky_inverse")
PAIRS = ("linalg.solve", "linalg.solve_ex", "cholesky_solve")

Call = tuple[str, list[Any], dict[str, Any]]


def matrix(rows: int, columns: int, dtype: str, definite: bool = False) -> Any:
    """Seeded normal numbers, or a Hermitian matrix with positive eigenvalues."""
    rng = np.random.default_rng([rows, columns])
    made = rng.normal(size=(rows, columns))
    if dtype.startswith("complex"):
        made = made + 1j * rng.normal(size=(rows, columns))
    if definite:
        made = made @ made.conj().T + rows * np.eye(rows)
    return torch.from_numpy(made.astype(dtype))


def calls() -> Iterator[Call]:
    """The drivers on square, tall and wide matrices of each precision."""
    for dtype in ("float32", "float64", "complex128"):
        for shape in ((N, N), (2 * N, N // 2), (N // 2, 2 * N)):
            a = matrix(*shape, dtype)
            for name in ANY:
                yield name, [a], {}
            for mode in ("r", "complete"):
                yield "linalg.qr", [a, mode], {}
            yield "linalg.svd", [a, False], {}
        a, definite = matrix(N, N, dtype), matrix(N, N, dtype, definite=True)
        for name in SQUARE:
            yield name, [a], {}
        for name in HERMITIAN:
            yield name, [definite], {}
        for name in PAIRS:
            yield name, [definite, a], {}
        yield "linalg.solve", [a, matrix(N, 1, dtype)], {}
        for name in ("linalg.pinv", "linalg.matrix_rank"):
            yield name, [definite], {"hermitian": True}


def memory(name: str) -> int:
    """A count of /proc/self/status, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def held_by(call: Callable[[], Any]) -> int:
    """The bytes that are resident at most while a call runs, beyond those before."""
    call()  # what is made once is made now
    gc.collect()
    REFS.write_text("5")  # the peak starts anew
    before = memory("VmRSS")
    made = call()
    peak = memory("VmHWM")
    del made
    return peak - before


def bound(name: str, args: list[Any], kwargs: dict[str, Any]) -> tuple[Op, list[Any]]:
    """The overload that takes the arguments, and these in its order."""
    for op in registry[name].ops:
        try:
            return op, bind(op, args, kwargs, int(not op.function))
        except TypeError:
            continue
    raise AssertionError(name)


def main() -> None:
    """Write what each call was told to hold beside its results, and what it held."""
    for name, args, kwargs in calls():
        op, values = bound(name, args, kwargs)
        estimate = op.rule(op, [getattr(each, "_array", each) for each in values])
        with torch.no_grad():
            held = held_by(lambda op=op, values=values: op.door(op, values))  # type: ignore[misc]  # bound at once
        said = [name, list(args[0].shape), str(args[0].dtype), *(each for each in args[1:] if isinstance(each, str))]
        found = {"call": said, "told": estimate.temporaries, "held": held - estimate.output_bytes}
        sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()

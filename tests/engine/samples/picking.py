"""Samples of reading and writing by index: entries, elements, tables, sorted sequences."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from tests.engine.samples.base import Sample, indices, mask, of, tensor
from tests.engine.samples.ordering import Call, calls

X, C, V = tensor(3, 4, seed=1), tensor(2, 3, 4, seed=2), tensor(6, seed=3)
F = tensor(3, 4, seed=4, layout="F")
Z = tensor(3, 4, dtype="complex128", seed=5)
S = tensor(3, 4, dtype="float32", seed=6)
INTS = tensor(3, 4, dtype="int64", seed=7)
POINT = tensor(seed=8)
ROWS, COLUMNS = indices([2, 0]), indices([1, 3, 1])
TWO, ONE = tensor(2, 4, seed=9), tensor(3, 4, seed=10)
LIT = mask([[True, False, True, False], [False, False, True, True], [False, True, False, False]])


def entry(dim: int, index: Any) -> Any:
    """The key of entries along a dim."""
    return (slice(None),) * dim + (index,)


def selected(x: Any, dim: int, index: Any) -> Any:
    return np.take(x, index.reshape(-1), dim) if x.ndim else x


def added(x: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Any:
    if x.ndim == 0:
        return x + alpha * source.reshape(())
    out = x.copy()
    np.add.at(out, entry(dim % x.ndim, index), alpha * source)
    return out


def copied(x: Any, dim: int, index: Any, source: Any) -> Any:
    out = x.copy()
    out[entry(dim % x.ndim, index)] = source
    return out


def filled(x: Any, dim: int, index: Any, value: Any) -> Any:
    out = x.copy()
    out[entry(dim % x.ndim, index)] = value
    return out


def put(x: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    out = x.flatten()
    if accumulate:
        np.add.at(out, index.ravel(), source.ravel())
    else:
        out[index.ravel()] = source.ravel()
    return out.reshape(x.shape)


def put_at(x: Any, index: Any, values: Any, accumulate: bool = False) -> Any:
    out = x.copy()
    if accumulate:
        np.add.at(out, tuple(index), values)
    else:
        out[tuple(index)] = values
    return out


PUT_AT: list[Call] = [
    ("rows", (X, [ROWS], TWO)),
    ("pairs", (X, [ROWS, indices([1, 1])], tensor(2, seed=11))),
    ("mask", (X, [LIT], tensor(seed=12))),
    ("accumulate", (X, [indices([1, 1])], TWO, True)),
    ("int64", (INTS, [ROWS], of([[1, 2, 3, 4]], "int64"))),
    ("negative", (X, [indices([-1])], tensor(4, seed=13))),
]

ENTRIES = [
    *calls(
        "index_select",
        selected,
        ("dim0", (X, 0, ROWS)),
        ("dim-negative", (X, -1, COLUMNS)),
        ("3d", (C, 1, ROWS)),
        ("0d", (POINT, 0, indices([0]))),
        ("0d-index", (X, 0, indices(1))),
        ("empty", (X, 0, indices([]))),
        ("transposed", (F, 1, COLUMNS)),
        ("float32", (S, 0, ROWS)),
        ("complex128", (Z, 1, COLUMNS)),
        ("int64", (INTS, 0, ROWS)),
    ),
    *calls(
        "index_add",
        added,
        ("1d", (V, 0, ROWS, tensor(2, seed=14))),
        ("dim0", (X, 0, indices([1, 1]), TWO)),
        ("alpha", (X, -1, COLUMNS, tensor(3, 3, seed=15)), {"alpha": -2.5}),
        ("3d", (C, 1, ROWS, tensor(2, 2, 4, seed=16))),
        ("0d", (POINT, 0, indices([0]), tensor(seed=17))),
        ("transposed", (F, 0, ROWS, TWO)),
        ("float32", (S, 0, ROWS, tensor(2, 4, dtype="float32", seed=9))),
        ("complex128", (Z, 0, indices([0, 0]), tensor(2, 4, dtype="complex128"))),
        ("int64", (INTS, 0, indices([1, 1]), of([[1, 2, 3, 4], [5, 6, 7, 8]], "int64"))),
    ),
    *calls(
        "index_copy",
        copied,
        ("1d", (V, 0, ROWS, tensor(2, seed=14))),
        ("dim0", (X, 0, ROWS, TWO)),
        ("dim1", (X, 1, indices([3, 1]), tensor(3, 2, seed=18))),
        ("transposed", (F, 0, ROWS, TWO)),
        ("float32", (S, 0, ROWS, tensor(2, 4, dtype="float32", seed=9))),
        ("int64", (INTS, 0, ROWS, of([[1, 2, 3, 4], [5, 6, 7, 8]], "int64"))),
    ),
    *calls(
        "index_fill",
        filled,
        ("1d", (V, 0, ROWS, 1.5)),
        ("number", (X, 0, ROWS, -2.5)),
        ("tensor", (X, 1, COLUMNS, tensor(seed=19)), {}, {"call": lambda module, x, *args: x.index_fill(*args)}),
        ("transposed", (F, -1, COLUMNS, 0.5)),
        ("float32", (S, 0, ROWS, 2)),
        ("complex128", (Z, 0, ROWS, 1 - 2j)),
        ("int64", (INTS, 0, ROWS, 7)),
    ),
    *calls(
        "take",
        lambda x, index: x.ravel()[index],
        ("plain", (X, indices([[0, 5], [11, -1]]))),
        ("repeated", (X, indices([3, 3, 0]))),
        ("transposed", (F, indices([1, 2]))),
        ("0d", (POINT, indices([0, 0]))),
        ("int64", (INTS, indices([2, 5]))),
        ("complex128", (Z, indices(4))),
    ),
    *calls(
        "put",
        put,
        ("1d", (V, indices([4, -6]), tensor(2, seed=14))),
        ("2d", (X, indices([[0, 5]]), tensor(2, seed=20))),
        ("accumulate", (X, indices([3, 3, 0]), tensor(3, seed=21), True)),
        ("transposed", (F, indices([1, 2]), tensor(2, seed=22))),
        ("float32", (S, ROWS, tensor(2, dtype="float32"))),
        ("int64", (INTS, ROWS, of([8, 9], "int64"))),
    ),
    *calls("index_put", put_at, *PUT_AT),
    *calls("index_put_", put_at, *PUT_AT),
    *calls(
        "take_along_dim",
        np.take_along_axis,
        ("plain", (X, indices([[0], [3], [-1]]), 1)),
        ("broadcast", (X, indices([[2, 0]]), 1)),
        ("rows", (X, indices([[0, 1, 2, 0]]), 0)),
        ("int64", (INTS, indices([[2], [1], [0]]), 1)),
    ),
    *calls("take_along_dim", lambda x, index: x.ravel()[index.ravel()], ("flat", (X, indices([[0, 11], [5, 5]])))),
]

# -- scattered ---------------------------------------------------------------------------------------------------------

SPREAD = indices([[0, 1, 2, 0], [2, 0, 0, 1]])
SPREAD_ROWS, APART = indices([[0, 3], [1, 1], [2, 2]]), indices([[0, 3], [1, 2], [2, 0]])


def places(index: Any, dim: int) -> Any:
    grid = list(np.indices(index.shape))
    grid[dim] = index
    return tuple(grid)


def scattered(x: Any, dim: int, index: Any, src: Any, *, reduce: str | None = None) -> Any:
    if x.ndim == 0:
        return src
    out = x.copy()
    if np.ndim(src):
        src = src[tuple(slice(size) for size in index.shape)]
    if reduce is None:
        out[places(index, dim)] = src
    else:
        (np.add if reduce == "add" else np.multiply).at(out, places(index, dim), src)
    return out


def scatter_added(x: Any, dim: int, index: Any, src: Any) -> Any:
    return scattered(x, dim, index, src, reduce="add")


def reduced(x: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True) -> Any:
    """One element after the other."""
    groups: dict[tuple[int, ...], list[Any]] = {}
    for at in np.ndindex(index.shape):
        target = list(at)
        target[dim] = int(index[at])
        groups.setdefault(tuple(target), []).append(src[at])
    out = x.copy()
    how = {"sum": np.sum, "prod": np.prod, "mean": np.mean, "amax": np.max, "amin": np.min}[reduce]
    for place, values in groups.items():
        made = how(([x[place]] if include_self else []) + values)
        out[place] = np.floor(made) if x.dtype.kind == "i" else made
    return out


def entries_reduced(x: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True) -> Any:
    shape = [-1 if at == dim else 1 for at in range(x.ndim)]
    wide = np.broadcast_to(index.reshape(shape), source.shape)
    return reduced(x, dim, wide, source, reduce, include_self=include_self)


ZEROS = of([[0.0, 1.5, 2.0, 0.5], [0.7, 0.0, 3.0, 1.1]])
SCATTERED = [
    *calls(
        "scatter",
        scattered,
        ("1d", (V, 0, indices([4, 1]), tensor(2, seed=23))),
        ("rows", (X, 1, APART, tensor(3, 2, seed=24))),
        ("source-larger", (X, 1, APART, ONE), {}, {"torch": False}),
        ("number", (X, 0, SPREAD, 2.5)),
        ("0d", (POINT, 0, indices(0), tensor(seed=25)), {}, {"torch": True}),
        ("transposed", (F, 1, APART, tensor(3, 2, seed=24))),
        ("float32", (S, 0, SPREAD, 1)),
        ("complex128", (Z, 1, APART, 1j)),
        ("int64", (INTS, 1, APART, of([[1, 2], [3, 4], [5, 6]], "int64"))),
        ("reduce-add", (X, 0, SPREAD, TWO), {"reduce": "add"}, {"differentiable": None}),
        ("reduce-multiply", (X, 0, SPREAD, 3.0), {"reduce": "multiply"}, {"differentiable": None}),
    ),
    *calls(
        "scatter_add",
        scatter_added,
        ("1d", (V, 0, indices([4, 4]), tensor(2, seed=23))),
        ("dim0", (X, 0, SPREAD, TWO)),
        ("source-larger", (X, 1, SPREAD_ROWS, ONE), {}, {"torch": False}),
        ("transposed", (F, 0, SPREAD, TWO)),
        ("float32", (S, 0, SPREAD, tensor(2, 4, dtype="float32", seed=9))),
        ("complex128", (Z, 0, SPREAD, tensor(2, 4, dtype="complex128", seed=9))),
        ("int64", (INTS, 0, SPREAD, of([[1, 2, 3, 4], [5, 6, 7, 8]], "int64"))),
    ),
    *[
        sample
        for how in ("sum", "prod", "mean", "amax", "amin")
        for sample in calls(
            "scatter_reduce",
            reduced,
            (f"{how}", (X, 0, SPREAD, TWO, how)),
            (f"{how}-alone", (X, 0, SPREAD, TWO, how), {"include_self": False}),
            (f"{how}-dim1", (X, 1, SPREAD_ROWS, tensor(3, 2, seed=26), how)),
            (f"{how}-int64", (INTS, 0, SPREAD, of([[1, 2, 3, 4], [5, 6, 7, 8]], "int64"), how)),
        )
    ],
    *calls(
        "scatter_reduce",
        reduced,
        ("1d", (V, 0, indices([4, 4]), tensor(2, seed=23), "sum")),
        ("prod-zeros", (X, 0, SPREAD, ZEROS, "prod"), {}, {"smooth": False}),
        ("transposed", (F, 0, SPREAD, TWO, "amax")),
    ),
    *[
        sample
        for how in ("prod", "mean", "amax", "amin")
        for sample in calls(
            "index_reduce",
            entries_reduced,
            (how, (X, 0, indices([1, 1]), TWO, how)),
            (f"{how}-alone", (X, 0, ROWS, TWO, how), {"include_self": False}),
        )
    ],
    *calls(
        "index_reduce",
        entries_reduced,
        ("1d", (V, 0, ROWS, tensor(2, seed=14), "prod")),
        ("transposed", (F, 0, ROWS, TWO, "amax")),
    ),
]

HOLES = of([[1.0, 0.0, 2.0], [0.0, 0.0, 3.0]])

# -- tables ------------------------------------------------------------------------------------------------------------

TABLE, WORDS = tensor(5, 3, seed=31), indices([[0, 4, 4], [2, 1, 0]])
STARTS = indices([0, 2, 2])
LINE = indices([4, 0, 3, 1, 4])
WEIGHTS = tensor(5, low=0.5, high=2.0, seed=32)


def bags(
    index: Any,
    table: Any,
    offsets: Any = None,
    *,
    mode: str = "mean",
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Any:
    """Bag by bag."""
    if offsets is None:
        ends = [(at * index.shape[1], (at + 1) * index.shape[1]) for at in range(len(index))]
    else:
        bounds = list(offsets) if include_last_offset else [*offsets, index.size]
        ends = list(itertools.pairwise(bounds))
    flat, out = index.ravel(), []
    weights = np.ones(flat.size) if per_sample_weights is None else per_sample_weights.ravel()
    for start, end in ends:
        kept = [at for at in range(start, end) if flat[at] != padding_idx]
        rows = [table[flat[at]] * weights[at] for at in kept]
        how = {"sum": np.sum, "mean": np.mean, "max": np.max}[mode]
        out.append(how(rows, axis=0) if rows else np.zeros(table.shape[1]))
    return np.array(out).astype(table.dtype)


def one_hot(x: Any, num_classes: int = -1) -> Any:
    return np.eye(num_classes if num_classes > 0 else x.max() + 1, dtype=np.int64)[x]


def hot(module: Any, x: Any, *args: Any) -> Any:
    return module.nn.functional.one_hot(x, *args)


def looked_up(x: Any, table: Any, **kwargs: Any) -> Any:
    return table[x]


TABLES = [
    *calls(
        "nn.functional.embedding",
        looked_up,
        ("plain", (WORDS, TABLE)),
        ("line", (LINE, TABLE)),
        ("0d", (indices(2), TABLE)),
        ("float32", (LINE, tensor(5, 2, dtype="float32"))),
        ("padding", (WORDS, TABLE), {"padding_idx": 4}, {"smooth": False}),
        ("frequency", (WORDS, TABLE), {"scale_grad_by_freq": True}, {"smooth": False, "torch": False}),
        differentiable=True,
    ),
    *calls(
        "nn.functional.embedding_bag",
        bags,
        *[(mode, (LINE, TABLE, STARTS), {"mode": mode}) for mode in ("sum", "mean", "max")],
        ("rows", (WORDS, TABLE)),
        ("weights", (LINE, TABLE, STARTS), {"mode": "sum", "per_sample_weights": WEIGHTS}),
        ("last", (LINE, TABLE, indices([0, 3, 5])), {"include_last_offset": True}),
        ("padding", (LINE, TABLE, STARTS), {"padding_idx": 4}),
        ("max-padding", (LINE, TABLE, STARTS), {"padding_idx": 4, "mode": "max"}),
        torch=False,  # it has no second derivative
        differentiable=True,
    ),
    *calls("nn.functional.one_hot", one_hot, ("classes", (WORDS, 6)), ("0d", (indices(2), 4))),
    *calls("nn.functional.one_hot", one_hot, ("told-by-values", (WORDS,)), call=hot),
]

# -- sorted sequences --------------------------------------------------------------------------------------------------

EDGES = of([-1.5, -0.25, 0.5, 1.75], grad=False)
STEPS = of([[0.0, 1.0, 1.0, 2.0], [-1.0, 0.5, 1.5, 3.0]], grad=False)
GIVEN = of([[1.0, 0.5, 2.5], [1.5, -2.0, 0.5]], grad=False)


def bucket(x: Any, edges: Any, *, out_int32: bool = False, right: bool = False) -> Any:
    return np.asarray(np.searchsorted(edges, x, "right" if right else "left"), np.int32 if out_int32 else np.int64)


def search(
    edges: Any, x: Any, *, out_int32: bool = False, right: bool = False, side: str | None = None, sorter: Any = None
) -> Any:
    which = "right" if right or side == "right" else "left"
    if edges.ndim == 1:
        made = np.searchsorted(edges, x, which, sorter)
    else:
        made = np.array([np.searchsorted(row, values, which) for row, values in zip(edges, x, strict=True)])
    return np.asarray(made, np.int32 if out_int32 else np.int64)


def among(x: Any, tests: Any, *, assume_unique: bool = False, invert: bool = False) -> Any:
    return np.isin(x, tests, invert=invert)


SEARCHES = [
    *calls(
        "bucketize",
        bucket,
        ("plain", (X, EDGES)),
        ("right", (of([0.5, 3.0], grad=False), EDGES), {"right": True}),
        ("int32", (X, EDGES), {"out_int32": True}),
        ("number", (0.5, EDGES)),
        ("int64", (INTS, of([-1, 1], "int64"))),
        differentiable=False,
    ),
    *calls(
        "searchsorted",
        search,
        ("plain", (EDGES, X)),
        ("rows", (STEPS, GIVEN)),
        ("right", (STEPS, GIVEN), {"right": True}),
        ("side", (EDGES, X), {"side": "right"}),
        ("int32", (EDGES, X), {"out_int32": True}),
        ("number", (EDGES, 0.5)),
        ("sorter", (of([0.5, -1.5, 1.75, -0.25], grad=False), X), {"sorter": indices([1, 3, 0, 2])}),
        differentiable=False,
    ),
    *calls(
        "isin",
        among,
        ("plain", (INTS, indices([1, 2]))),
        ("invert", (INTS, indices([[1], [2]])), {"invert": True}),
        ("number", (INTS, 1)),
        ("floats", (HOLES, of([0.0, 3.0], grad=False))),
        differentiable=False,
    ),
]

SAMPLES: list[Sample] = [*ENTRIES, *SCATTERED, *TABLES, *SEARCHES]

"""Samples of diagonals and triangles, repetition, joining and splitting by direction, windows and padding."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np

from tests.engine.samples.base import Reference, Sample, found, indices, of, tensor
from tests.engine.samples.ordering import Call, calls, dynamic

X, C, V = tensor(3, 4, seed=1), tensor(2, 3, 4, seed=2), tensor(5, seed=3)
F = tensor(3, 4, seed=4, layout="F")
Z = tensor(3, 4, dtype="complex128", seed=5)
S = tensor(3, 4, dtype="float32", seed=6)
INTS = tensor(3, 4, dtype="int64", seed=7)
BITS = tensor(3, 4, dtype="bool", seed=8)
POINT = tensor(seed=9)
ROW, COLUMN = tensor(4, seed=10), tensor(3, seed=11)
IMAGE, COLUMNS = tensor(2, 3, 4, 6, seed=12), tensor(2, 12, 15, seed=13)


def functional(op: str, reference: Reference, *cases: Call, **more: Any) -> list[Sample]:
    return calls(f"nn.functional.{op}", reference, *cases, **more)


# -- diagonals and triangles

DIAGONALS: list[Call] = [
    ("plain", (X,)),
    ("above", (X, 1)),
    ("below", (X, -2)),
    ("beyond", (X, 9)),
    ("dims", (C, 0, 0, 2)),
    ("dims-negative", (C, 1, -1, -2)),
    ("transposed", (F,)),
    ("complex128", (Z,)),
    ("int64", (INTS,)),
]


def embedded(x: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    size = x.shape[-1] + abs(offset)
    out = np.zeros((*x.shape[:-1], size, size), x.dtype)
    places = np.arange(x.shape[-1])
    out[..., places + max(-offset, 0), places + max(offset, 0)] = x
    return np.moveaxis(out, (-2, -1), (dim1, dim2))


def diagonal_replaced(x: Any, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    out = x.copy()
    moved = np.moveaxis(out, (dim1, dim2), (-2, -1))
    places = np.arange(src.shape[-1])
    moved[..., places + max(-offset, 0), places + max(offset, 0)] = src
    return out


def part_replaced(x: Any, src: Any, dim: int, index: int) -> Any:
    out = x.copy()
    np.moveaxis(out, dim, 0)[index] = src
    return out


def range_replaced(x: Any, src: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    out = x.copy()
    np.moveaxis(out, dim, 0)[start:end:step] = np.moveaxis(src, dim, 0)
    return out


def strided(x: Any, size: Any, stride: Any, storage_offset: Any = None) -> Any:
    flat = x.ravel()
    start = storage_offset or 0
    places = start + sum(
        np.arange(n).reshape([-1] + [1] * (len(size) - at - 1)) * stride[at] for at, n in enumerate(size)
    )
    return flat[places]


def strided_replaced(x: Any, src: Any, size: Any, stride: Any, storage_offset: Any = None) -> Any:
    flat = x.ravel().copy()
    places = strided(np.arange(x.size), size, stride, storage_offset)
    flat[places] = src
    return flat.reshape(x.shape)


TRIANGLES: list[Call] = [
    ("plain", (X,)),
    ("above", (X, 1)),
    ("below", (X, -1)),
    ("3d", (C,)),
    ("transposed", (F,)),
    ("float32", (S,)),
    ("complex128", (Z, 1)),
    ("int64", (INTS,)),
    ("bool", (BITS,)),
]

DIAGONAL = [
    *calls("diagonal", np.diagonal, *DIAGONALS),
    *calls("diagonal_copy", np.diagonal, *DIAGONALS),
    *calls(
        "diag",
        np.diag,
        ("vector", (V,)),
        ("vector-above", (V, 2)),
        ("matrix", (X,)),
        ("matrix-below", (X, -1)),
        ("int64", (INTS,)),
    ),
    *calls(
        "diagflat", lambda x, offset=0: np.diagflat(x, offset), ("plain", (X,)), ("above", (V, 1)), ("0d", (POINT,))
    ),
    *calls(
        "diag_embed",
        embedded,
        ("plain", (X,)),
        ("above", (V, 1)),
        ("below", (X, -2)),
        ("dims", (X, 0, 0, 2)),
        ("int64", (INTS,)),
    ),
    *calls(
        "diagonal_scatter",
        diagonal_replaced,
        ("plain", (X, COLUMN)),
        ("above", (X, COLUMN, 1)),
        ("dims", (C, tensor(3, 2, seed=14), 0, 0, 2)),
        ("transposed", (F, COLUMN)),
    ),
    *calls(
        "select_scatter",
        part_replaced,
        ("plain", (X, ROW, 0, 1)),
        ("negative", (X, COLUMN, -1, -2)),
        ("int64", (INTS, of([1, 2, 3], "int64"), 1, 0)),
    ),
    *calls(
        "slice_scatter",
        range_replaced,
        ("plain", (X, tensor(2, 4, seed=15), 0, 1, 3)),
        ("step", (X, tensor(3, 2, seed=16), 1, 0, 4, 2)),
        ("all", (X, F)),
    ),
    *calls(
        "as_strided_scatter",
        strided_replaced,
        ("plain", (X, tensor(2, 2, seed=17), (2, 2), (4, 1))),
        ("offset", (X, tensor(2, seed=18), (2,), (3,), 2)),
        torch=False,
    ),
    *calls("tril", np.tril, *TRIANGLES),
    *calls("triu", np.triu, *TRIANGLES),
    *calls(
        "tril_indices",
        lambda n, m, offset=0: np.array(np.tril_indices(n, offset, m)),
        ("square", (3, 3)),
        ("wide", (2, 4)),
        ("above", (4, 2, 1)),
        ("below", (4, 2, -2)),
        ("far", (2, 2, 9)),
    ),
    *calls(
        "triu_indices",
        lambda n, m, offset=0: np.array(np.triu_indices(n, offset, m)),
        ("square", (3, 3)),
        ("wide", (2, 4)),
        ("above", (4, 2, 1)),
        ("below", (4, 2, -2)),
        ("far", (2, 2, 9)),
    ),
]

# -- repetition


def repeated(x: Any, *counts: Any) -> Any:
    counts = tuple(counts[0]) if isinstance(counts[0], list | tuple) else counts
    return np.tile(x, counts)


REPEATS: list[Call] = [
    ("plain", (X, (2, 3))),
    ("new-dims", (V, (2, 1, 2))),
    ("ones", (X, (1, 1))),
    ("none", (X, (0, 2)), {}, {"torch": False}),
    ("transposed", (F, (1, 2))),
    ("0d", (POINT, (3,))),
    ("complex128", (Z, (2, 1))),
    ("int64", (INTS, (2, 2))),
]


def interleaved(x: Any, times: Any, dim: Any = None, *, output_size: Any = None) -> Any:
    return np.repeat(x, times, dim)


REPETITION = [
    *calls("repeat", repeated, *REPEATS, ("ints", (X, 2, 1))),
    *calls("tile", lambda x, counts: np.tile(x, counts), *REPEATS, ("fewer", (X, (2,))), ("nothing", (X, ()))),
    *dynamic(
        "repeat_interleave",
        interleaved,
        ("plain", (X, 2), {}, {"differentiable": True}),
        ("dim", (X, 3, 1), {}, {"differentiable": True}),
        ("0d", (POINT, 2), {}, {"differentiable": True}),
        ("transposed", (F, 2, 0), {}, {"differentiable": True}),
        ("int64", (INTS, 2, -1)),
    ),
    *dynamic(
        "repeat_interleave",
        interleaved,
        ("counts", (X, indices([1, 0, 2]), 0), {}, {"differentiable": True}),
        ("counts-one", (X, indices([2]), 1), {}, {"differentiable": True}),
    ),
    *dynamic(
        "repeat_interleave", lambda times: np.repeat(np.arange(times.size), times), ("places", (indices([1, 0, 2]),))
    ),
]

# -- joining, splitting, moving


def each_split(function: Any) -> Reference:
    return lambda x, parts: function(x, [*parts] if isinstance(parts, list | tuple) else parts)


def at_least(function: Any) -> Reference:
    def reference(*arrays: Any) -> Any:
        made = [function(each) for each in arrays]
        return made if len(made) > 1 else made[0]

    return reference


def spread_out(op: str) -> Any:
    """A call with the tensors one by one, as functions take them and ops do not."""

    def call(module: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(module, op)(*args, **kwargs)

    return call


def grid(*arrays: Any, indexing: str | None = None) -> Any:
    return list(np.meshgrid(*arrays, indexing=indexing or "ij"))


def product(*arrays: Any) -> Any:
    return arrays[0] if len(arrays) == 1 else np.array(list(itertools.product(*arrays)))


def chosen(x: Any, r: int = 2, with_replacement: bool = False) -> Any:
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(x, r))
    return np.array(rows).reshape(len(rows), r).astype(x.dtype)


def in_sizes(x: Any, sizes: Any, dim: int = 0) -> Any:
    return np.split(x, np.cumsum(sizes)[:-1], dim)


def unfolded(x: Any, dim: int, size: int, step: int) -> Any:
    if x.ndim == 0:
        return x.reshape(1)
    windows = np.lib.stride_tricks.sliding_window_view(x, size, dim)
    return windows[(slice(None),) * (dim % x.ndim) + (slice(None, None, step),)]


def chunks(x: Any, size: int, dim: int = 0) -> Any:
    return [np.take(x, range(at, min(at + size, x.shape[dim])), dim) for at in range(0, x.shape[dim], size)]


PAIR = [tensor(3, 4, seed=20), tensor(3, 4, seed=21)]
JOINING = [
    *[
        sample
        for op, function in (
            ("hstack", np.hstack),
            ("vstack", np.vstack),
            ("row_stack", np.vstack),
            ("dstack", np.dstack),
            ("column_stack", np.column_stack),
        )
        for sample in calls(
            op,
            function,
            ("matrices", (PAIR,)),
            ("vectors", ([V, tensor(5, seed=22)],)),
            ("mixed", ([X, S],)),
            differentiable=True,
        )
    ],
    *calls("column_stack", np.column_stack, ("vector-first", ([COLUMN, X],)), differentiable=True),
    *calls(
        "tensor_split",
        lambda x, parts, dim=0: np.array_split(x, [*parts] if isinstance(parts, tuple) else parts, dim),
        ("sections", (X, 2)),
        ("uneven", (X, 3, 1)),
        ("places", (X, (1, 3), 1)),
        ("more", (V, 7)),
    ),
    *calls(
        "tensor_split",
        lambda x, parts, dim=0: np.array_split(x, parts.tolist(), dim),
        ("tensor", (X, indices([1, 2]), 1)),
        call=spread_out("tensor_split"),
    ),
    *calls("hsplit", each_split(np.hsplit), ("sections", (X, 2)), ("places", (X, (1, 2))), ("vector", (V, (2,)))),
    *calls("vsplit", each_split(np.vsplit), ("sections", (X, 3)), ("places", (X, (1,)))),
    *calls("dsplit", each_split(np.dsplit), ("sections", (C, 2)), ("places", (C, (1, 3)))),
    *calls("split_with_sizes", in_sizes, ("plain", (X, (1, 2))), ("dim", (X, (1, 0, 3), 1)), ("int64", (INTS, (3,)))),
    *calls("split_with_sizes_copy", in_sizes, ("plain", (X, (1, 2))), ("dim", (X, (1, 0, 3), 1))),
    *calls("unsafe_split", chunks, ("plain", (X, 2)), ("dim", (X, 3, 1))),
    *calls("unsafe_split_with_sizes", in_sizes, ("plain", (X, (1, 2))), ("dim", (X, (1, 0, 3), 1))),
    *calls(
        "unsafe_chunk",
        lambda x, n, dim=0: chunks(x, math.ceil(x.shape[dim] / n), dim),
        ("plain", (X, 2)),
        ("dim", (X, 3, 1)),
    ),
    *[
        sample
        for op, function in (
            ("atleast_1d", np.atleast_1d),
            ("atleast_2d", np.atleast_2d),
            ("atleast_3d", np.atleast_3d),
        )
        for sample in calls(
            op,
            at_least(function),
            ("0d", (POINT,)),
            ("1d", (V,)),
            ("2d", (X,), {}, {"torch": op == "atleast_3d"}),
            ("several", (POINT, V, C), {}, {"torch": False}),
            call=spread_out(op),
        )
    ],
    *calls(
        "broadcast_tensors",
        lambda *arrays: np.broadcast_arrays(*arrays),
        ("plain", (tensor(3, 1, seed=23), ROW)),
        ("three", (POINT, ROW, tensor(2, 1, 4, seed=24))),
        call=spread_out("broadcast_tensors"),
    ),
    *calls(
        "meshgrid",
        grid,
        ("plain", (V, COLUMN)),
        ("xy", (V, COLUMN), {"indexing": "xy"}),
        ("three", (V, COLUMN, ROW), {"indexing": "ij"}),
        ("0d", (POINT, V)),
        call=spread_out("meshgrid"),
    ),
    *calls(
        "cartesian_prod",
        product,
        ("plain", (V, COLUMN)),
        ("three", (tensor(2, seed=25), COLUMN, tensor(2, seed=26))),
        call=spread_out("cartesian_prod"),
    ),
    *calls(
        "combinations",
        chosen,
        ("plain", (ROW,)),
        ("three", (V, 3)),
        ("again", (ROW, 2, True)),
        ("int64", (of([1, 2, 3], "int64"),)),
    ),
    *[
        sample
        for op in ("movedim", "moveaxis")
        for sample in calls(
            op,
            np.moveaxis,
            ("plain", (C, 0, 2)),
            ("negative", (C, -1, 0)),
            ("several", (C, (0, 1), (2, 0))),
            ("int64", (INTS, 0, 1)),
        )
    ],
    *calls(
        "unflatten",
        lambda x, dim, sizes: x.reshape(*x.shape[: dim % x.ndim], *sizes, *x.shape[dim % x.ndim + 1 :]),
        ("plain", (X, 1, (2, 2))),
        ("hole", (C, -1, (2, -1))),
        ("first", (X, 0, (3, 1))),
    ),
    *calls(
        "unfold",
        unfolded,
        ("plain", (X, 1, 2, 1)),
        ("overlap", (V, 0, 3, 1)),
        ("gaps", (V, 0, 2, 3)),
        ("negative", (C, -2, 2, 1)),
        ("transposed", (F, 0, 2, 1)),
        ("0d", (POINT, 0, 1, 1)),
        ("int64", (INTS, 0, 3, 1)),
    ),
    *calls(
        "unravel_index",
        lambda x, shape: list(np.unravel_index(x, shape)),
        ("plain", (indices([0, 5, 11]), (3, 4))),
        ("2d", (indices([[7], [23]]), (2, 3, 4))),
    ),
]

# -- copies of views


COPIES = [
    *calls("alias_copy", lambda x: x, ("plain", (X,)), ("int64", (INTS,))),
    *calls("view_copy", lambda x, size: x.reshape(size), ("plain", (X, (2, 6))), ("hole", (X, (-1,)))),
    *calls(
        "expand_copy",
        lambda x, size: np.broadcast_to(x, size),
        ("plain", (X, (2, 3, 4))),
        ("ones", (tensor(3, 1, seed=27), (3, 4))),
    ),
    *calls("permute_copy", np.transpose, ("plain", (C, (2, 0, 1))), ("matrix", (X, (1, 0)))),
    *calls(
        "squeeze_copy",
        np.squeeze,
        ("plain", (tensor(1, 3, 1, seed=28),)),
        ("dim", (tensor(1, 3, 1, seed=28), 0)),
        ("dims", (tensor(1, 3, 1, seed=28), (0, 2))),
    ),
    *calls("t_copy", np.transpose, ("plain", (X,)), ("vector", (V,))),
    *calls("transpose_copy", np.swapaxes, ("plain", (C, 0, 2)), ("matrix", (X, 0, 1))),
    *calls("unsqueeze_copy", np.expand_dims, ("plain", (X, 0)), ("last", (X, -1))),
    *calls("unfold_copy", unfolded, ("plain", (X, 1, 2, 1)), ("overlap", (V, 0, 3, 1))),
    *calls("as_strided_copy", strided, ("plain", (X, (2, 2), (4, 1))), ("overlap", (V, (3, 2), (1, 1)))),
    *calls("unbind_copy", lambda x, dim=0: list(np.moveaxis(x, dim, 0)), ("plain", (X,)), ("dim", (X, 1))),
    *calls(
        "narrow_copy",
        lambda x, dim, start, length: np.take(x, range(start, start + length), dim),
        ("plain", (X, 1, 1, 2)),
        ("first", (X, 0, 0, 2)),
    ),
    *calls("H", lambda x: x.conj().T, ("plain", (X,)), ("complex128", (Z,), {}, {"torch": False})),
    *calls(
        "adjoint",
        lambda x: x.conj().swapaxes(-1, -2),
        ("plain", (X,)),
        ("batch", (C,)),
        ("complex128", (Z,), {}, {"torch": False}),
    ),
    *calls(
        "resolve_conj",
        lambda x: x,
        ("plain", (X,)),
        ("complex128", (Z,)),
        call=lambda module, x: module.resolve_conj(x * 1),
    ),
    *calls(
        "resolve_neg",
        lambda x: x,
        ("plain", (X,)),
        ("complex128", (Z,)),
        call=lambda module, x: module.resolve_neg(x * 1),
    ),
]

# -- in place


INPLACE = [
    *calls("as_strided_", strided, ("plain", (X, (2, 2), (4, 1))), ("row", (X, (4,), (1,)))),
    *calls("unsqueeze_", np.expand_dims, ("plain", (X, 0)), ("last", (X, -1))),
]

# -- padding, windows over images, shuffles


def padded(x: Any, pad: Any, mode: str = "constant", value: Any = None) -> Any:
    sides = [(0, 0)] * (x.ndim - len(pad) // 2) + [(pad[at], pad[at + 1]) for at in range(len(pad) - 2, -1, -2)]
    cut = tuple(slice(max(-a, 0), size - max(-b, 0)) for size, (a, b) in zip(x.shape, sides, strict=True))
    wide = [(max(a, 0), max(b, 0)) for a, b in sides]
    names = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    extra = {"constant_values": 0 if value is None else value} if mode == "constant" else {}
    return np.pad(x[cut], wide, names[mode], **extra)


def filled(x: Any, pad: Any, value: Any = 0) -> Any:
    return padded(x, pad, "constant", value)


def pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


def windows(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """One window after the other."""
    kernel, gaps, pad, step = (pair(each) for each in (kernel_size, dilation, padding, stride))
    wide = np.pad(x, [(0, 0)] * (x.ndim - 2) + [(each, each) for each in pad])
    spans = [gap * (size - 1) + 1 for size, gap in zip(kernel, gaps, strict=True)]
    made = []
    for top in range(0, wide.shape[-2] - spans[0] + 1, step[0]):
        for left in range(0, wide.shape[-1] - spans[1] + 1, step[1]):
            window = wide[..., top : top + spans[0] : gaps[0], left : left + spans[1] : gaps[1]]
            made.append(window.reshape(*x.shape[:-3], -1))
    return np.stack(made, -1)


def summed(x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """The adjoint of `windows`, as a matrix."""
    kernel, size = pair(kernel_size), pair(output_size)
    channels = x.shape[-2] // math.prod(kernel)
    places = np.arange(1.0, 1 + channels * math.prod(size)).reshape(1, channels, *size)
    where = windows(places, kernel_size, dilation, padding, stride)[0].astype(int)
    out = np.zeros((*x.shape[:-2], 1 + places.size), x.dtype)
    for at in np.ndindex(x.shape):
        out[(*at[:-2], where[at[-2:]])] += x[at]
    return out[..., 1:].reshape(*x.shape[:-2], channels, *size)


def pixels(x: Any, r: int) -> Any:
    *front, channels, height, width = x.shape
    out = np.zeros((*front, channels // r**2, height * r, width * r), x.dtype)
    for row, column in np.ndindex(r, r):
        out[..., row::r, column::r] = x[..., row * r + column :: r**2, :, :]
    return out


def channels(x: Any, r: int) -> Any:
    parts = [x[..., row::r, column::r] for row, column in np.ndindex(r, r)]
    made = np.stack(parts, -3)
    return made.reshape(*x.shape[:-3], -1, *made.shape[-2:])


def dealt(x: Any, groups: int) -> Any:
    order = [group * (x.shape[1] // groups) + at for at in range(x.shape[1] // groups) for group in range(groups)]
    return x[:, order]


BLOCKS = tensor(1, 8, 2, 3, seed=29)
PADDING = [
    *functional(
        "pad",
        padded,
        ("plain", (X, (1, 2))),
        ("value", (X, (1, 0, 0, 1), "constant", 2.5)),
        ("negative", (X, (-1, 1))),
        ("nothing", (X, (0, 0))),
        ("int64", (INTS, (1, 1))),
        ("complex128", (Z, (1, 1))),
        *[
            (f"{mode}-1d", (X, (2, 1), mode), {}, {"torch": mode == "circular"})
            for mode in ("reflect", "replicate", "circular")
        ],
        *[
            (f"{mode}-2d", (C, (1, 2, 1, 0), mode), {}, {"torch": mode == "circular"})
            for mode in ("reflect", "replicate", "circular")
        ],
        *[
            (
                f"{mode}-3d",
                (tensor(1, 1, 2, 3, 3, seed=30), (1, 1, 0, 1, 1, 0), mode),
                {},
                {"torch": mode == "circular"},
            )
            for mode in ("reflect", "replicate", "circular")
        ],
        ("replicate-negative", (X, (-1, 2), "replicate"), {}, {"torch": False}),
    ),
    *calls(
        "constant_pad_nd", filled, ("plain", (X, (1, 2))), ("value", (X, (1, 0, -1, 1), 1.5)), ("float32", (S, (0, 1)))
    ),
    *functional(
        "unfold",
        windows,
        ("plain", (IMAGE, 2)),
        ("strides", (IMAGE, (2, 3), 1, 1, 2)),
        ("dilation", (tensor(2, 4, 5, seed=31), 2, (1, 2))),
    ),
    *functional(
        "fold",
        summed,
        ("plain", (COLUMNS, (4, 6), 2)),
        ("strides", (tensor(1, 6, 4, seed=32), (3, 4), (2, 3), 1, 1, 2)),
    ),
    *functional(
        "pixel_shuffle",
        pixels,
        ("plain", (BLOCKS, 2)),
        ("unbatched", (tensor(4, 2, 2, seed=33), 2)),
        ("int64", (tensor(4, 1, 2, dtype="int64", seed=34), 2)),
    ),
    *functional("pixel_unshuffle", channels, ("plain", (IMAGE, 2)), ("unbatched", (tensor(1, 2, 4, seed=35), 2))),
    *functional("channel_shuffle", dealt, ("plain", (BLOCKS, 2)), ("four", (BLOCKS, 4))),
]

# Their sizes are written out, so that they do not grow with the tensors: test_infer leaves calls of their own alone.
FIXED = {
    "view_copy",
    "expand_copy",
    "split_with_sizes_copy",
    "slice_scatter",
    "as_strided_scatter",
    "nn.functional.fold",
}


def direct(op: str) -> Any:
    """A call of an op by its name."""

    def call(module: Any, first: Any, *args: Any) -> Any:
        return found(module, op, first)(first, *args)

    return call


ALL = [*DIAGONAL, *REPETITION, *JOINING, *COPIES, *INPLACE, *PADDING]
SAMPLES = [replace(each, call=direct(each.op)) if each.op in FIXED else each for each in ALL]

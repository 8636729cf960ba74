"""Samples of reductions: over all dims, some, none; kept or not; of every kind of dtype."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.engine.samples.base import Dtype, In, Reference, Sample, mask, of, tensor

X2, X3 = tensor(3, 4, seed=1), tensor(2, 3, 2, seed=2)
TRANSPOSED = tensor(3, 4, seed=3, layout="F")
STRIDED = tensor(3, 4, seed=4, layout="step")
Z = tensor(2, 3, dtype="complex128", seed=5)
HALF, BRAIN = tensor(3, 4, dtype="float16", seed=6), tensor(3, 4, dtype="bfloat16", seed=6)
WHOLE = of([[3, -1, 4], [1, -5, 9]], "int32")
BITS = mask([[True, False, True], [True, True, True]])

# name, input, arguments, keywords
OVER_DIMS: list[tuple[str, In, tuple[Any, ...], dict[str, Any]]] = [
    ("all", X2, (), {}),
    ("all-0d", tensor(), (), {}),
    ("all-3d", X3, (), {}),
    ("all-transposed", TRANSPOSED, (), {}),
    ("dim0", X2, (0,), {}),
    ("dim-negative", X3, (-1,), {}),
    ("dim-middle", X3, (1,), {}),
    ("keepdim", X2, (1,), {"keepdim": True}),
    ("keepdim-positional", X2, (0, True), {}),
    ("dim-named", X2, (), {"dim": 1}),
    ("dims", X3, ((0, 2),), {}),
    ("dims-negative", X3, ((-1, 0),), {"keepdim": True}),
    ("dims-all", X2, ((0, 1),), {}),
    ("dims-list", X3, ([1],), {}),
    ("dim-transposed", TRANSPOSED, (1,), {}),
    ("dim-strided", STRIDED, (0,), {}),
    ("0d-dim", tensor(seed=7), (0,), {}),
    ("size-one", tensor(1, 4, seed=8), (0,), {}),
]
DTYPES: list[tuple[str, In]] = [
    ("float32", tensor(3, 4, dtype="float32", seed=9)),
    ("float16", HALF),
    ("bfloat16", BRAIN),
    ("complex128", Z),
    ("complex64", tensor(4, dtype="complex64", seed=10)),
]


def numpy_call(function: Any) -> Reference:
    """A NumPy reduction with torch's names of its arguments, computed wide for half types."""

    def reference(x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
        axis = tuple(dim) if isinstance(dim, list | tuple) else dim
        axis = None if axis == () else axis
        if x.ndim == 0 and axis is not None:
            x, axis, keepdim = x.reshape(1), 0, False
        target = dtype or x.dtype
        wide = x.astype(np.float64) if x.dtype.itemsize == 2 and x.dtype.kind in "fV" else x.astype(target)
        return np.asarray(function(wide, axis=axis, keepdims=keepdim)).astype(dtype or _kept(x, function))

    return reference


def _kept(x: Any, function: Any) -> Any:
    probe = function(np.ones(1, np.float64 if x.dtype.itemsize == 2 and x.dtype.kind in "fV" else x.dtype))
    return x.dtype if x.dtype.kind in "fcV" and probe.dtype.kind in "fcV" else probe.dtype


def dims(op: str, function: Any) -> list[Sample]:
    reference = numpy_call(function)
    return [Sample(op, name, (x, *args), reference, kwargs) for name, x, args, kwargs in OVER_DIMS]


def sums() -> list[Sample]:
    made = []
    for op, function in (("sum", np.sum), ("mean", np.mean)):
        reference = numpy_call(function)
        made += dims(op, function)
        made += [Sample(op, name, (x,), reference) for name, x in DTYPES]
        made += [Sample(op, f"{name}-dim", (x, -1), reference) for name, x in DTYPES]
        made += [
            Sample(op, "dtype", (tensor(3, dtype="float32"),), reference, {"dtype": Dtype("float64")}),
            Sample(op, "dtype-dim", (X2, 0), reference, {"dtype": Dtype("float32")}),
            Sample(op, "int-as-float", (WHOLE,), reference, {"dtype": Dtype("float32")}, differentiable=False),
            Sample(op, "empty-dims", (X2, ()), reference),
            Sample(op, "empty-other-dim", (tensor(0, 3), 1), reference),
        ]
    reference = numpy_call(np.sum)
    made += [
        Sample("sum", "empty", (tensor(0, 3),), reference),
        Sample("sum", "empty-dim", (tensor(0, 3), 0), reference),
        Sample("sum", "int32", (WHOLE,), reference, dtype="int64", differentiable=False),
        Sample("sum", "int32-dim", (WHOLE, 1), reference, dtype="int64", differentiable=False),
        Sample("sum", "bool", (BITS,), reference, dtype="int64", differentiable=False),
        Sample("sum", "uint8", (of([200, 100], "uint8"),), lambda x: np.int64(300), differentiable=False),
        Sample("mean", "empty", (tensor(0, 3),), lambda x: np.float64("nan"), smooth=False),
        Sample("mean", "bool-as-float", (BITS, 0), reference_mean_of_bits, {"dtype": Dtype("float64")}, None, False),
    ]
    return made


def reference_mean_of_bits(x: Any, dim: int, dtype: Any) -> Any:
    return x.astype(dtype).mean(dim)


def sum_to(x: Any, *size: Any) -> Any:
    shape = tuple(size[0]) if isinstance(size[0], list | tuple) else size
    while x.ndim > len(shape):
        x = x.sum(0)
    for at, want in enumerate(shape):
        if want == 1:
            x = x.sum(at, keepdims=True)
    return x


SUM_TO_SIZE = [
    Sample("sum_to_size", name, (x, *size), sum_to)
    for name, x, size in (
        ("last", X2, ((4,),)),
        ("ones", X2, (3, 1)),
        ("all", X2, ((),)),
        ("same", X2, ((3, 4),)),
        ("front", X3, ((1, 2),)),
        ("0d", tensor(), ((),)),
        ("transposed", TRANSPOSED, ((1, 4),)),
    )
]
SUM_TO_SIZE.append(Sample("sum_to_size", "0d-bool", (mask(True), ()), lambda x, _: x.astype(np.int64),
                          differentiable=False))  # fmt: skip


def extremum(function: Any) -> Reference:
    def reference(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        axis = tuple(dim) if isinstance(dim, list | tuple) else dim
        return x if x.ndim == 0 else function(x, axis=axis or (None if axis == () else axis), keepdims=keepdim)

    return reference


def pair(function: Any, index: Any) -> Reference:
    """max(dim): values and the first index."""

    def reference(x: Any, dim: int, keepdim: bool = False) -> Any:
        if x.ndim == 0:
            return [x, np.int64(0)]
        return [function(x, axis=dim, keepdims=keepdim), index(x, axis=dim, keepdims=keepdim)]

    return reference


TIES = of([[1.0, 3.0, 3.0], [2.0, 2.0, 0.0]])
NANS = of([[1.0, math.nan, 3.0], [2.0, 0.5, math.nan]])


def extrema() -> list[Sample]:
    made = []
    for op, function, index in (("max", np.max, np.argmax), ("min", np.min, np.argmin)):
        whole, along = extremum(function), pair(function, index)
        made += [Sample(op, name, (x, *args), whole, kwargs) for name, x, args, kwargs in OVER_DIMS[:4]]
        made += [
            Sample(op, name, (x, *args), along, kwargs)
            for name, x, args, kwargs in OVER_DIMS
            if not name.startswith(("all", "dims"))
        ]
        made += [
            Sample(op, "float32", (tensor(5, dtype="float32"),), whole),
            Sample(op, "float16", (HALF, 1), along),
            Sample(op, "bfloat16", (BRAIN,), whole),
            Sample(op, "int32", (WHOLE,), whole, differentiable=False),
            Sample(op, "int32-dim", (WHOLE, 1), along, differentiable=False),
            Sample(op, "bool", (BITS,), whole, differentiable=False),
            Sample(op, "ties", (TIES,), whole, smooth=False),
            Sample(op, "ties-dim", (TIES, 1), along, smooth=False),
            Sample(op, "nan", (NANS,), whole, smooth=False),
            Sample(op, "nan-dim", (NANS, 1), along, smooth=False),
            Sample(op, "empty-other-dim", (tensor(0, 3), 1), along),
        ]
    return made


def over_dims_extrema() -> list[Sample]:
    made = []
    for op, function in (("amax", np.max), ("amin", np.min)):
        reference = extremum(function)
        made += [Sample(op, name, (x, *args), reference, kwargs) for name, x, args, kwargs in OVER_DIMS]
        made += [
            Sample(op, "keepdim-all", (X2,), reference, {"keepdim": True}),
            Sample(op, "int32", (WHOLE, 1), reference, differentiable=False),
            Sample(op, "bool", (BITS, 0), reference, differentiable=False),
            Sample(op, "float32", (tensor(2, 3, dtype="float32"), 1), reference),
            Sample(op, "ties", (TIES, 1), reference, smooth=False),
            Sample(op, "ties-all", (TIES,), reference, smooth=False),
            Sample(op, "nan", (NANS, 1), reference, smooth=False),
        ]
    return made


def positions(function: Any) -> Reference:
    def reference(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        return np.int64(0) if x.ndim == 0 else function(x, axis=dim, keepdims=keepdim)

    return reference


def arguments() -> list[Sample]:
    made = []
    for op, function in (("argmax", np.argmax), ("argmin", np.argmin)):
        reference = positions(function)
        calls = [each for each in OVER_DIMS if not each[0].startswith("dims")]
        made += [
            Sample(op, name, (x, *args), reference, kwargs, differentiable=False) for name, x, args, kwargs in calls
        ]
        made += [
            Sample(op, "keepdim-all", (X2,), reference, {"keepdim": True}, differentiable=False),
            Sample(op, "int32", (WHOLE, 1), reference, differentiable=False),
            Sample(op, "ties", (TIES, 1), reference, differentiable=False),
            Sample(op, "nan", (NANS, 1), reference, differentiable=False),
        ]
    return made


def truths() -> list[Sample]:
    zeros = of([[1.0, 0.0, 2.0], [0.0, 0.0, 0.0], [3.0, 1.0, 2.0]])
    made = []
    for op, function in (("all", np.all), ("any", np.any)):

        def reference(x: Any, dim: Any = None, keepdim: bool = False, function: Any = function) -> Any:
            if x.ndim == 0:
                return np.bool_(x)
            return function(x, axis=tuple(dim) if isinstance(dim, list | tuple) else dim, keepdims=keepdim)

        inputs: list[tuple[str, In, tuple[Any, ...], dict[str, Any]]] = [
            ("bool", BITS, (), {}),
            ("bool-dim", BITS, (1,), {}),
            ("float", zeros, (0,), {}),
            ("keepdim", zeros, (1, True), {}),
            ("dims", zeros, ((0, 1),), {}),
            ("negative", zeros, (-1,), {}),
            ("int", of([[0, 2], [1, 1]], "int64"), (1,), {}),
            ("complex", of([0j, 1j], "complex128"), (), {}),
            ("0d", of(0.0), (), {}),
            ("0d-dim", of(1.0), (0,), {}),
            ("nan", of([math.nan, 0.0]), (), {}),
            ("empty", tensor(0, 3), (), {}),
            ("empty-dim", tensor(0, 3), (0,), {}),
            ("transposed", tensor(2, 3, dtype="bool", layout="F"), (1,), {}),
        ]
        made += [Sample(op, name, (x, *args), reference, kw, differentiable=False) for name, x, args, kw in inputs]
        made.append(Sample(op, "uint8", (of([0, 2, 1], "uint8"),), reference, dtype="uint8", differentiable=False))
    return made


def p_norm(x: Any, p: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    axis = tuple(range(x.ndim)) if dim is None else dim
    size = np.abs(x if dtype is None else x.astype(dtype)).reshape(x.shape or (1,))
    axis = axis if x.ndim else (0,)
    size = size.astype(np.float64) if size.dtype.itemsize == 2 else size
    if p in (math.inf, -math.inf):
        made = (np.max if p > 0 else np.min)(size, axis=axis, keepdims=keepdim)
    elif p == 0:
        made = (size != 0).sum(axis=axis, keepdims=keepdim)
    else:
        made = (size**p).sum(axis=axis, keepdims=keepdim) ** (1 / p)
    return np.asarray(made).astype(np.abs(np.zeros((), dtype or x.dtype)).dtype)


def norms() -> list[Sample]:
    away = tensor(3, 4, low=0.3, high=2.0, seed=11)
    made = []
    for op in ("linalg.vector_norm", "norm"):
        made += [Sample(op, f"p{p}", (X2, p), p_norm) for p in (1, 2, 3, 2.5, 1.5, 0.5, math.inf, -math.inf, -1)]
        made += [
            Sample(op, "plain", (X2,), p_norm),
            Sample(op, "p0", (X2, 0), p_norm, differentiable=None),
            Sample(op, "dim", (away, 2, 1), p_norm),
            Sample(op, "keepdim", (away, 1, 0, True), p_norm),
            Sample(op, "dims", (X3, 3, (0, 2)), p_norm),
            Sample(op, "negative-dim", (X3, math.inf, -1), p_norm),
            Sample(op, "0d", (tensor(),), p_norm),
            Sample(op, "transposed", (TRANSPOSED,), p_norm),
            Sample(op, "float32", (tensor(4, dtype="float32"),), p_norm),
            Sample(op, "float16", (HALF,), p_norm),
            Sample(op, "complex128", (Z,), p_norm),
            Sample(op, "complex-p1", (Z, 1), p_norm),
            Sample(op, "complex-p3", (Z, 3, 0), p_norm),
            Sample(op, "complex-inf", (Z, math.inf), p_norm),
            Sample(op, "empty", (tensor(0),), p_norm, smooth=False),
            Sample(op, "zero", (of([0.0, 0.0]),), p_norm, smooth=False),
            Sample(op, "zero-p1", (of([0.0, 1.0]), 1), p_norm, smooth=False),
            Sample(op, "inf-ties", (of([2.0, -2.0, 1.0]), math.inf), p_norm, smooth=False),
            Sample(op, "dtype", (tensor(3, dtype="float32"),), p_norm, {"dtype": Dtype("float64")}),
        ]
    made.append(Sample("linalg.vector_norm", "ord-named", (X2,), lambda x, ord: p_norm(x, ord), {"ord": 3}))
    made.append(Sample("norm", "dim-named", (X2,), p_norm, {"dim": 1}))
    return made


SAMPLES = [*sums(), *SUM_TO_SIZE, *extrema(), *over_dims_extrema(), *arguments(), *truths(), *norms()]

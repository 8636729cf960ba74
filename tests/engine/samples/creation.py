"""Samples of factories: tensors from sizes and numbers, fixed and drawn."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.engine.samples.base import Dtype, In, Sample, numpy_dtype, of, tensor

NO_GRAD: dict[str, Any] = {"differentiable": False}


def by_size(op: str, value: float, torch: bool = True) -> list[Sample]:
    """zeros, ones, empty: the size as a tuple, a list, or ints one by one."""

    def reference(*size: Any, dtype: Any = np.float32, **_: Any) -> Any:
        shape = tuple(size[0]) if size and isinstance(size[0], tuple | list) else size
        return np.full(shape, value, dtype)

    def one(name: str, *args: Any, **kwargs: Any) -> Sample:
        return Sample(op, name, args, reference, kwargs, torch=torch, **NO_GRAD)

    return [
        one("tuple", (2, 3)),
        one("list", [4]),
        one("ints", 2, 1, 3),
        one("0d", ()),
        one("empty", (0, 3)),
        one("dtype", (2,), dtype=Dtype("float64")),
        one("int", (2, 2), dtype=Dtype("int64")),
        one("bool", 3, dtype=Dtype("bool")),
        one("complex", 3, dtype=Dtype("complex128")),
        one("half", 2, dtype=Dtype("bfloat16")),
        one("requires-grad", 2, 2, requires_grad=True),
    ]


STRIDED = [
    Sample("zeros", "strided", (2,), lambda n: np.zeros(n, np.float32), **NO_GRAD,
           call=lambda torch, n: torch.zeros(n, layout=torch.strided, pin_memory=False)),
]  # fmt: skip


def full(size: Any, fill_value: Any, dtype: Any = None, **_: Any) -> Any:
    kinds = {float: np.float32, complex: np.complex64, int: np.int64, bool: np.bool_}
    return np.full(size, fill_value, dtype or kinds[type(fill_value)])


FULL = [
    Sample("full", name, args, full, kwargs, **NO_GRAD)
    for name, args, kwargs in (
        ("float", ((2, 3), 1.5), {}),
        ("int", ((2,), 7), {}),
        ("bool", ([3], True), {}),
        ("complex", ((2,), 1 - 2j), {}),
        ("0d", ((), 2.5), {}),
        ("empty", ((0,), 1.0), {}),
        ("dtype", ((2,), 7), {"dtype": Dtype("float64")}),
        ("float-as-int", ((2,), 7.9), {"dtype": Dtype("int64")}),
        ("requires-grad", ((2,), 1.0), {"requires_grad": True}),
    )
]


def like(op: str, value: float, *more: Any, torch: bool = True) -> list[Sample]:
    """zeros_like and the like: shape and dtype of the input."""

    def reference(x: Any, *_: Any, dtype: Any = None, **__: Any) -> Any:
        return np.full(x.shape, value, dtype or x.dtype)

    def one(name: str, x: In, **kwargs: Any) -> Sample:
        return Sample(op, name, (x, *more), reference, kwargs, torch=torch, **NO_GRAD)

    return [
        one("float64", tensor(2, 3)),
        one("transposed", tensor(2, 3, layout="F")),
        one("0d", tensor(dtype="float32")),
        one("empty", tensor(0, 2)),
        one("int64", tensor(3, dtype="int64")),
        one("bool", tensor(3, dtype="bool")),
        one("complex64", tensor(3, dtype="complex64")),
        one("dtype", tensor(2, 2), dtype=Dtype("int32")),
        one("requires-grad", tensor(2), requires_grad=True),
    ]


def arange(*bounds: Any, dtype: Any = None, **named: Any) -> Any:
    start, end, step = {1: (0, *bounds, 1), 2: (*bounds, 1), 3: bounds}[len(bounds)]
    step = named.get("step", step)
    if dtype == np.int64:
        start, end, step = int(start), int(end), int(step)
    whole = all(isinstance(each, int) for each in (start, end, step))
    count = max(int(np.ceil((end - start) / step)), 0)
    return np.array([start + step * at for at in range(count)], dtype or (np.int64 if whole else np.float32))


RAMPS = [
    Sample("arange", name, args, arange, kwargs, **NO_GRAD)
    for name, args, kwargs in (
        ("end", (5,), {}),
        ("bounds", (2, 7), {}),
        ("step", (1, 10, 3), {}),
        ("down", (5, 0, -2), {}),
        ("empty", (3, 3), {}),
        ("zero", (0,), {}),
        ("float", (0.0, 1.0, 0.25), {}),
        ("float-end", (2.5,), {}),
        ("mixed", (1, 2.5, 0.5), {}),
        ("dtype", (4,), {"dtype": Dtype("float64")}),
        ("int32", (1, 4), {"dtype": Dtype("int32")}),
        ("named", (0, 6), {"step": 2}),
        ("negative", (-3, 3), {}),
        ("requires-grad", (0.0, 3.0), {"requires_grad": True}),
        ("float-as-int", (0.0, -8.000001, -4.0), {"dtype": Dtype("int64")}),
    )
]


def linspace(start: Any, end: Any, steps: int, dtype: Any = np.float32, **_: Any) -> Any:
    if dtype == np.int64:
        start, end = int(start), int(end)
    if steps == 1:
        return np.array([start], dtype)
    return np.array([start + (end - start) * at / (steps - 1) for at in range(steps)], dtype)


def eye(n: int, m: int | None = None, dtype: Any = np.float32, **_: Any) -> Any:
    return np.array([[i == j for j in range(n if m is None else m)] for i in range(n)], dtype).reshape(n, -1)


def eye_of(n: int, m: int | None = None, dtype: Any = np.float32, **_: Any) -> Any:
    return eye(n, m, dtype) if n else np.zeros((0, n if m is None else m), dtype)


GRIDS = [
    *[
        Sample("linspace", name, args, linspace, kwargs, **NO_GRAD)
        for name, args, kwargs in (
            ("plain", (0, 1, 5), {}),
            ("down", (2.0, -1.0, 4), {}),
            ("one", (3.0, 5.0, 1), {}),
            ("none", (0, 1, 0), {}),
            ("float64", (-1, 1, 7), {"dtype": Dtype("float64")}),
            ("named", (0.0, 1.0), {"steps": 3}),
            ("complex", (0.0, 1.0, 3), {"dtype": Dtype("complex128")}),
            ("int-ends", (4.9, -3.9, 4), {"dtype": Dtype("int64")}),
            ("0d-tensors", (of(1.0, grad=False), of(4, "int64"), 4), {}),
            ("0d-and-number", (1.5, of(3.0, grad=False), 3), {}),
        )
    ],
    *[
        Sample("eye", name, args, eye_of, kwargs, **NO_GRAD)
        for name, args, kwargs in (
            ("square", (3,), {}),
            ("wide", (2, 4), {}),
            ("tall", (4, 2), {}),
            ("empty", (0,), {}),
            ("one", (1,), {}),
            ("int", (2,), {"dtype": Dtype("int64")}),
            ("bool", (2, 3), {"dtype": Dtype("bool")}),
            ("float64", (2,), {"dtype": Dtype("float64")}),
        )
    ],
]


def drawn(op: str, name: str, shape: tuple[int, ...], dtype: str, /, *args: Any, **kwargs: Any) -> Sample:
    """A call whose values are random: its reference says the form alone."""

    def reference(*_: Any, **__: Any) -> Any:
        return np.zeros(shape, numpy_dtype(dtype))

    return Sample(op, name, args, reference, kwargs, drawn=True, **NO_GRAD)


DRAWN = [
    *[
        each
        for op in ("rand", "randn")
        for each in (
            drawn(op, "plain", (2, 3), "float32", 2, 3),
            drawn(op, "tuple", (2, 3), "float32", (2, 3)),
            drawn(op, "0d", (), "float32", ()),
            drawn(op, "empty", (0, 3), "float32", 0, 3),
            drawn(op, "float64", (4,), "float64", 4, dtype=Dtype("float64")),
            drawn(op, "half", (4,), "bfloat16", 4, dtype=Dtype("bfloat16")),
            drawn(op, "requires-grad", (4,), "float32", 4, requires_grad=True),
        )
    ],
    *[
        each
        for op in ("rand_like", "randn_like")
        for each in (
            drawn(op, "float64", (2, 3), "float64", tensor(2, 3)),
            drawn(op, "0d", (), "float32", tensor(dtype="float32")),
            drawn(op, "empty", (0, 3), "float64", tensor(0, 3)),
            drawn(op, "dtype", (2,), "float32", of([1, 2], "int64"), dtype=Dtype("float32")),
        )
    ],
    drawn("randn", "complex", (4,), "complex128", 4, dtype=Dtype("complex128")),
    drawn("randint", "below", (2, 3), "int64", 10, (2, 3)),
    drawn("randint", "between", (4,), "int64", -3, 5, (4,)),
    drawn("randint", "float", (4,), "float32", 3, (4,), dtype=Dtype("float32")),
    drawn("randint", "empty", (0,), "int64", 3, (0,)),
    drawn("randint", "named", (4,), "int32", low=2, high=9, size=(4,), dtype=Dtype("int32")),
]


def new(op: str, value: float, torch: bool = True) -> list[Sample]:
    """new_zeros and the like: another tensor's dtype."""

    def reference(x: Any, *size: Any, dtype: Any = None, **_: Any) -> Any:
        shape = tuple(size[0]) if isinstance(size[0], tuple | list) else size
        return np.full(shape, value, dtype or x.dtype)

    def one(name: str, *args: Any, **kwargs: Any) -> Sample:
        return Sample(op, name, args, reference, kwargs, torch=torch, **NO_GRAD)

    return [
        one("tuple", tensor(2), (2, 3)),
        one("ints", tensor(2, dtype="float32"), 2, 3),
        one("int64", tensor(2, dtype="int64"), [2]),
        one("dtype", tensor(2), (3,), dtype=Dtype("complex64")),
        one("requires-grad", tensor(2), (3,), requires_grad=True),
    ]


NEW_FULL = [
    Sample("new_full", name, args, lambda x, size, v, dtype=None: np.full(size, v, dtype or x.dtype), kwargs, **NO_GRAD)
    for name, args, kwargs in (
        ("float", (tensor(2), (2, 2), 1.5), {}),
        ("int", (of([1], "int64"), (3,), 4), {}),
        ("dtype", (tensor(2), (3,), 4), {"dtype": Dtype("int32")}),
    )
]

SAMPLES = [
    *STRIDED,
    *by_size("zeros", 0),
    *by_size("ones", 1),
    *by_size("empty", 0, torch=False),
    *FULL,
    *like("zeros_like", 0),
    *like("ones_like", 1),
    *like("empty_like", 0, torch=False),
    *like("full_like", 1, 1),
    *RAMPS,
    *GRIDS,
    *DRAWN,
    *new("new_zeros", 0),
    *new("new_ones", 1),
    *new("new_empty", 0, torch=False),
    *NEW_FULL,
]

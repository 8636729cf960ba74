"""Numbers in and out, by the quick ways for ordinary data and by the general ones: no difference but in time."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import numpy as np
import pytest

from app import codec
from app.problems import Problem
from engine import dtypes
from engine.dtypes import DType

DEPTH = 100
TWICE_ROUNDED = np.array([0x15AE43FD], np.uint32).view(np.float32)[0]  # torch prints 7.0385e-26


def made(data: Any, dtype: DType | None = None, shape: tuple[int, ...] | None = None) -> np.ndarray:
    return codec.array_of_numbers(data, dtype, shape, dtypes.float32)


@pytest.mark.parametrize("shape", [(1,), (5,), (2, 3), (3, 1, 4), (1, 1, 1), (200, 100)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32", "complex64"])
def test_lists_of_floats(shape: tuple[int, ...], dtype: str) -> None:
    values = np.random.default_rng(0).standard_normal(shape) * 1000
    found = made(values.tolist(), dtypes.BY_NAME[dtype] if dtype != "complex64" else None)
    expected = values.astype(np.float32 if dtype == "complex64" else dtype)
    assert found.dtype == expected.dtype
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (1.5, 1.5),
        ([1.5, 2, True], [1.5, 2.0, 1.0]),
        ([[1.5, 2], [3, 4.5]], [[1.5, 2.0], [3.0, 4.5]]),
        ([1.5, "NaN", "-Infinity"], [1.5, math.nan, -math.inf]),
        ([1.5, 2**53 + 1], [1.5, 2.0**53]),
    ],
)
def test_what_is_with_a_float_is_a_float(data: Any, expected: Any) -> None:
    np.testing.assert_array_equal(made(data), np.array(expected, np.float32), strict=True)


def test_a_shape_takes_any_nesting_of_its_numbers() -> None:
    expected = np.arange(6, dtype=np.float32).reshape(3, 2)
    for data in ([0.0, 1, 2, 3, 4, 5], [[0.0, 1, 2], [3, 4, 5]], [[0.0], [1, 2, [3]], 4, 5]):
        np.testing.assert_array_equal(made(data, shape=(3, 2)), expected, strict=True)
    with pytest.raises(Problem, match=r"shape '\[4\]' is invalid for input of size 3"):
        made([1.0, 2.0, 3.0], shape=(4,))


@pytest.mark.parametrize(
    "data",
    [
        [1.0, "1e5"],
        [1.0, "nan"],
        [1.0, None],
        [1.0, {}],
        [1.0, [2.0]],
        [[1.0], 2.0],
        [[1.0], [2.0, 3.0]],
        [[1.0, 2.0], "ab"],
        [[1.0, 2.0], {"a": 1, "b": 2}],
        [[[1.0]], [1.0]],
        [[1.0], []],
    ],
    ids=str,
)
def test_what_is_no_tensor_is_refused(data: Any) -> None:
    with pytest.raises((Problem, ValueError, TypeError)):
        made(data)


def test_more_dimensions_than_a_tensor_has_are_refused() -> None:
    data: Any = 1.0
    for _ in range(codec.MAX_DIMS):
        data = [data]
    assert made(data).ndim == codec.MAX_DIMS
    with pytest.raises(Problem, match="at most 64 dimensions"):
        made([data])


@pytest.mark.parametrize("size", [1, codec.TEXT, codec.TEXT + 1, 5000])
@pytest.mark.parametrize("odd", [None, math.nan, math.inf, -math.inf, TWICE_ROUNDED, -TWICE_ROUNDED])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_value_reads_back_as_it_was(size: int, odd: float | None, dtype: type) -> None:
    values = np.random.default_rng(size).standard_normal(size).astype(dtype)
    if odd is not None:
        values[size // 2] = odd
    text = codec.dumps({"data": codec.values(values), "grad": None})
    read = json.loads(text, parse_constant=pytest.fail)["data"]
    back = np.array([codec.NON_FINITE[each] if isinstance(each, str) else each for each in read])
    assert back.astype(dtype).tobytes() == values.tobytes()


def test_long_numbers_are_found_wherever_they_stand_in_a_long_text() -> None:
    random.seed(0)
    for _ in range(500):
        digits = "".join(random.choice("123456789") for _ in range(random.randint(15, 25)))
        number = random.choice(("", "-")) + digits + random.choice(("", ".5", "e3"))
        is_integer = number.lstrip("-") == digits
        before = "0.25," * random.choice((1000, 1001, 1002, 1003))
        text = f"[{before}{' ' * random.randint(0, 4)}{number}{',1.5' * random.randint(0, 4)}]".encode()
        assert len(text) >= codec.LONG
        if is_integer and not -(2**63) <= int(number) < 2**63:
            with pytest.raises(Problem, match="beyond int64"):
                codec.loads(text, DEPTH)
        else:
            assert codec.loads(text, DEPTH) == json.loads(text)


@pytest.mark.parametrize("padding", [0, codec.LONG])
def test_nesting_is_counted_outside_of_texts(padding: int) -> None:
    text = " " * padding
    assert codec.loads(f'[{text}"{"[" * 200}"]'.encode(), DEPTH) == ["[" * 200]
    with pytest.raises(Problem, match="nested deeper than 100"):
        codec.loads(f"{'[' * 101}{text}{']' * 101}".encode(), DEPTH)

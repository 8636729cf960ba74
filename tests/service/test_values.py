"""Inferred dtypes, literals, and numbers bit for bit; dtypes and texts are PyTorch's."""

import base64
import random
import struct

import pytest

from .conftest import float32, problem, unchanged

DTYPES = [
    *("float32", "float64", "float16", "bfloat16", "complex64", "complex128"),
    *("int8", "int16", "int32", "int64", "uint8", "bool"),
]
INFERRED = [
    (1, "int64", [], 1),
    (1.0, "float32", [], 1.0),
    (True, "bool", [], True),
    ([], "float32", [0], []),
    ([[], []], "float32", [2, 0], [[], []]),
    ([1, 2], "int64", [2], [1, 2]),
    ([1, 2.5], "float32", [2], [1.0, 2.5]),
    ([True, False], "bool", [2], [True, False]),
    ([True, 2], "int64", [2], [1, 2]),
    ([True, 2.5], "float32", [2], [1.0, 2.5]),
    ([[1], [2]], "int64", [2, 1], [[1], [2]]),
    ([[[1.5]]], "float32", [1, 1, 1], [[[1.5]]]),
    ({"complex": [1, -2]}, "complex64", [], [1.0, -2.0]),
    ("NaN", "float32", [], "NaN"),
    (["Infinity", 1], "float32", [2], ["Infinity", 1.0]),
]


@pytest.mark.parametrize(("data", "dtype", "shape", "values"), INFERRED)
def test_dtype_and_shape_are_inferred_as_torch_tensor_does(session, data, dtype, shape, values):
    made = session.tensor("x", data)
    assert (made["dtype"], made["shape"], made["data"]) == (dtype, shape, values)
    assert repr(made["data"]) == repr(values)  # 1, 1.0 and true are equal in Python and differ in JSON


@pytest.mark.parametrize("prefix", ["", "torch."])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_dtype_casts_the_data(session, dtype, prefix):
    zero_one = {
        "complex": [[0.0, 0.0], [1.0, 0.0]],
        "bool": [False, True],
        "int": [0, 1],
        "float": [0.0, 1.0],
    }
    expected = next(v for k, v in zero_one.items() if k in dtype)
    made = session.tensor("x", expected if "complex" in dtype else [0, 1], dtype=prefix + dtype)
    assert (made["dtype"], made["shape"]) == (dtype, [2])
    assert repr(made["data"]) == repr(expected)


ROUNDED = [
    ([0.1], "float16", [0.0999755859375]),
    ([0.1], "bfloat16", [0.10009765625]),
    ([1.5, -2.7], "int64", [1, -2]),
    ([2, 0], "bool", [True, False]),
    ([70000.0], "float16", ["Infinity"]),
]


@pytest.mark.parametrize(("data", "dtype", "values"), ROUNDED)
def test_a_cast_rounds_as_pytorch_does(session, data, dtype, values):
    assert session.tensor("x", data, dtype=dtype)["data"] == values


@pytest.mark.parametrize(
    ("data", "dtype", "text"),
    [
        ([300], "uint8", "value cannot be converted to type uint8 without overflow"),
        ([2**31], "int32", "value cannot be converted to type int32 without overflow"),
        ([[1, 2], [3]], None, "expected sequence of length 2 at dim 1 (got 1)"),
    ],
)
def test_data_that_torch_tensor_refuses_is_refused_in_its_words(session, data, dtype, text):
    body = {"name": "x", "data": data, **({"dtype": dtype} if dtype else {})}
    with unchanged(session):
        problem(session.send("POST", "tensors", body), 422, None, text)


@pytest.mark.parametrize("data", [[1, 2, 3, 4], [[1, 2], [3, 4]], [[[1], [2]], [[3], [4]]], [[1, 2, 3, 4]]])
def test_with_a_shape_any_nesting_of_that_many_numbers_will_do(session, data):
    made = session.tensor("x", data, shape=[2, 2])
    assert (made["shape"], made["data"]) == ([2, 2], [[1, 2], [3, 4]])


@pytest.mark.parametrize(("data", "shape"), [(5, []), ([5], []), (5, [1, 1]), ([], [0]), ([], [3, 0])])
def test_a_shape_may_hold_one_number_or_none(session, data, shape):
    assert session.tensor("x", data, shape=shape)["shape"] == shape


BAD_SHAPES = [[3], [2, 3], [], [-1], [2, -2], [4.0], ["4"], [True], 4, "4", [2**63], [2**32, 2**32]]


@pytest.mark.parametrize("shape", BAD_SHAPES)
def test_a_shape_that_does_not_fit_is_refused(session, shape):
    with unchanged(session):
        body = {"name": "x", "data": [1, 2, 3, 4], "shape": shape}
        problem(session.send("POST", "tensors", body), (413, 422))


def packed(code: str, *values) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}{code}", *values)).decode()


BINARY = [
    ("float32", packed("f", 1.5, -2), [1.5, -2.0]),
    ("float64", packed("d", 0.1, -2), [0.1, -2.0]),
    ("float16", packed("e", 1.5, -2), [1.5, -2.0]),
    ("bfloat16", packed("H", 0x3FC0, 0xC000), [1.5, -2.0]),
    ("int8", packed("b", -1, 2), [-1, 2]),
    ("int16", packed("h", -1, 2), [-1, 2]),
    ("int32", packed("i", -1, 2), [-1, 2]),
    ("int64", packed("q", -(2**63), 2**63 - 1), [-(2**63), 2**63 - 1]),
    ("uint8", packed("B", 255, 2), [255, 2]),
    ("bool", packed("?", True, False), [True, False]),
    ("complex64", packed("f", 1, 2, 3, 4), [[1.0, 2.0], [3.0, 4.0]]),
    ("complex128", packed("d", 1, 2, 3, 4), [[1.0, 2.0], [3.0, 4.0]]),
]


@pytest.mark.parametrize(("dtype", "b64", "values"), BINARY)
def test_a_b64_literal_is_little_endian_and_row_major(session, dtype, b64, values):
    made = session.tensor("x", {"b64": b64, "shape": [2], "dtype": dtype})
    assert (made["dtype"], made["data"]) == (dtype, values)


def test_an_outer_dtype_casts_and_an_outer_shape_reshapes_a_literal(session):
    inner = {"b64": packed("f", 1.5, 2.5, 3.5, 4.5), "shape": [4], "dtype": "float32"}
    made = session.tensor("x", inner, dtype="int64", shape=[2, 2])
    assert (made["dtype"], made["data"]) == ("int64", [[1, 2], [3, 4]])
    assert session.tensor("y", {"data": [1, 2], "dtype": "float64"}, shape=[2, 1])["data"] == [[1.0], [2.0]]


BAD_LITERALS = [
    {"b64": packed("f", 1), "shape": [2], "dtype": "float32"},
    {"b64": packed("f", 1, 2, 3), "shape": [2], "dtype": "float32"},
    {"b64": "!!!!", "shape": [1], "dtype": "float32"},
    {"b64": packed("f", 1), "dtype": "float32"},
    {"b64": packed("f", 1), "shape": [-1], "dtype": "float32"},
    {"b64": 5, "shape": [1], "dtype": "float32"},
    {"data": [1], "b64": packed("f", 1), "shape": [1], "dtype": "float32"},
    {"data": [1], "dtype": "float31"},
    {"data": [1], "device": "tpu"},
    {"data": [1], "colour": "red"},
    {"complex": [1]},
    {"complex": [1, 2, 3]},
    {"complex": ["a", "b"]},
    {},
]


@pytest.mark.parametrize("literal", BAD_LITERALS)
def test_a_bad_literal_is_refused(session, literal):
    with unchanged(session):
        problem(session.send("POST", "tensors", {"name": "x", "data": literal}), 422)


def test_requires_grad_without_a_dtype_gives_the_default_dtype(session):
    assert session.tensor("x", [1, 2], requires_grad=True)["dtype"] == "float32"


@pytest.mark.parametrize("dtype", ["int64", "bool", "uint8"])
def test_only_floating_point_and_complex_tensors_can_require_gradients(session, dtype):
    text = "Only Tensors of floating point and complex dtype can require gradients"
    body = {"name": "x", "data": [1, 0], "dtype": dtype, "requires_grad": True}
    with unchanged(session):
        problem(session.send("POST", "tensors", body), 422, None, text)


EDGES = [0.0, -0.0, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1, 1 / 3, 1e16, -1e-300]


def random_doubles(count: int) -> list[float]:
    bits = random.Random(0)
    raw = (struct.unpack("<d", struct.pack("<Q", bits.getrandbits(64)))[0] for _ in range(count))
    return [v for v in raw if v - v == 0]


def test_any_float64_survives_a_round_trip_bit_for_bit(session):
    values = EDGES + random_doubles(3000)
    code = f"<{len(values)}d"
    session.tensor("x", values, dtype="float64")
    back = session.data("x")
    assert struct.pack(code, *back) == struct.pack(code, *values)
    session.tensor("y", {"b64": packed("d", *values), "shape": [len(values)], "dtype": "float64"})
    assert struct.pack(code, *session.data("y")) == struct.pack(code, *values)


def test_any_float32_survives_a_round_trip_bit_for_bit(session):
    bits = random.Random(1)
    raw = [struct.unpack("<f", struct.pack("<I", bits.getrandbits(32)))[0] for _ in range(3000)]
    values = [0.0, -0.0, 1e-45, float32(0.1), 3.4028234663852886e38, *(v for v in raw if v - v == 0)]
    code = f"<{len(values)}f"
    session.tensor("x", {"b64": packed("f", *values), "shape": [len(values)], "dtype": "float32"})
    back = session.data("x")
    assert struct.pack(code, *back) == struct.pack(code, *values)
    session.tensor("y", back)
    assert struct.pack(code, *session.data("y")) == struct.pack(code, *values)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_non_finite_values_travel_as_strings_in_both_directions(session, dtype):
    values = ["NaN", "Infinity", "-Infinity", 1.0]
    assert session.tensor("x", values, dtype=dtype)["data"] == values
    assert session.tensor("y", session.data("x"), dtype=dtype)["data"] == values
    assert session.op("neg", "y")["data"] == ["NaN", "-Infinity", "Infinity", -1.0]


def test_a_complex_value_is_a_pair_in_both_directions(session):
    values = [[1.5, -0.0], ["NaN", "Infinity"]]
    made = session.tensor("x", values, dtype="complex128")
    assert (made["shape"], made["data"]) == ([2], values)
    assert str(made["data"][0][1]) == "-0.0"
    assert session.tensor("y", {"data": made["data"], "dtype": "complex128"})["data"] == values


@pytest.mark.parametrize(
    ("order", "value"), [("Infinity", 4.0), ("-Infinity", 3.0), (1, 7.0), ("fro", 5.0), (None, 5.0)]
)
def test_an_order_that_may_be_a_name_may_be_infinite_too(session, order, value):
    session.tensor("x", [[3.0, 0.0], [0.0, 4.0]])
    session.tensor("v", [3.0, -4.0])
    assert session.op("norm", "v", p=order)["data"] == value
    assert session.op("norm", "x", p="nuc")["data"] == 7.0


def test_all_of_int64_is_exact(session):
    values = [2**63 - 1, -(2**63), 2**53 + 1, -(2**53) - 1]
    session.tensor("x", values)
    assert session.data("x") == values


def test_integers_beside_floats_are_exact_in_int64_too(session):
    exact = 2**53 + 1
    assert session.tensor("m", [1.5, exact, -(2**63)], dtype="int64")["data"] == [1, exact, -(2**63)]
    for odd in (1e30, "NaN", "-Infinity"):
        body = {"data": [exact, odd], "dtype": "int64"}
        problem(session.send("POST", "tensors", body), 422, "bad_argument", "without overflow")

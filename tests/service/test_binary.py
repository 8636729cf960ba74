"""Values as bytes: files of NumPy's format both ways, and raw values. NumPy on this side of the wire is the oracle."""

import io
import struct

import numpy as np
import pytest

from .conftest import problem, unchanged

NPY = {"content-type": "application/x-npy"}
FILE = {"accept": "application/x-npy"}
RAW = {"accept": "application/octet-stream"}
DTYPES = {
    **{name: name for name in ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool")},
    **{name: name for name in ("complex64", "complex128")},
}
SHAPES = [(), (0,), (3,), (2, 3), (2, 0, 3), (1, 2, 3, 4)]


def example(shape, dtype) -> np.ndarray:
    count = int(np.prod(shape))
    values = np.arange(count) * 0.75 - 1
    return (values * (1 - 2j) if np.dtype(dtype).kind == "c" else values).astype(dtype).reshape(shape)


def file_of(array, **options) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def header(text: str, version: bytes = b"\x01\x00", length: int | None = None) -> bytes:
    size = struct.pack("<H" if version == b"\x01\x00" else "<I", len(text) if length is None else length)
    return b"\x93NUMPY" + version + size + text.encode()


def put(session, path: str, content: bytes, method: str = "PUT", **params):
    return session.send(method, path, content=content, headers=NPY, params=params)


def array_at(session, path: str) -> np.ndarray:
    answer = session.send("GET", path, headers=FILE)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-npy"
    return np.load(io.BytesIO(answer.content), allow_pickle=False)


def assert_same(one: np.ndarray, other: np.ndarray):
    assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


# -- there and back -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_file_comes_back_bit_for_bit(session, dtype):
    for shape in SHAPES:
        array = example(shape, dtype)
        made = put(session, "tensors/x", file_of(array)).json()
        assert (made["dtype"], made["shape"], made["requires_grad"]) == (dtype, list(shape), False)
        assert_same(array_at(session, "tensors/x"), array)
        raw = session.send("GET", "tensors/x", headers=RAW)
        assert raw.headers["content-type"] == "application/octet-stream"
        assert raw.headers["x-tensor-dtype"] == dtype
        assert raw.headers["x-tensor-shape"] == str(list(shape)).replace(" ", "")
        assert raw.content == array.tobytes()


def test_what_is_not_finite_and_every_bit_of_a_float_survive(session):
    array = np.array([0x7FC00001, 0x7F800000, 0xFF800000, 0x80000000, 1, 0x3DCCCCCD], np.uint32).view(np.float32)
    put(session, "tensors/x", file_of(array))
    assert_same(array_at(session, "tensors/x"), array)
    assert session.data("x")[1:4] == ["Infinity", "-Infinity", 0.0]


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_other_orders_of_bytes_and_axes_are_read(session, version):
    array = example((2, 3), "float64")
    for stored in (np.asfortranarray(array), array.astype(">f8"), array[:, ::-1]):
        file = io.BytesIO()
        np.lib.format.write_array(file, stored, version)
        put(session, "tensors/x", file.getvalue())
        assert_same(array_at(session, "tensors/x"), np.ascontiguousarray(stored).astype("<f8"))


def test_views_are_written_in_their_own_order(session):
    session.tensor("x", [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    session.op("t", "x", out="y")
    session.op("expand", "x", 2, 2, 3, out="z")
    assert array_at(session, "tensors/y").tolist() == [[1, 4], [2, 5], [3, 6]]
    assert array_at(session, "tensors/z").shape == (2, 2, 3)
    assert session.send("GET", "tensors/y", headers=RAW).content == struct.pack("<6f", 1, 4, 2, 5, 3, 6)


def test_bfloat16_has_raw_values_but_no_file(session):
    session.tensor("x", [1.0, -2.0], dtype="bfloat16")
    assert session.send("GET", "tensors/x", headers=RAW).content == bytes.fromhex("803f00c0")
    problem(session.send("GET", "tensors/x", headers=FILE), 406, "not_acceptable")


# -- where they stand -----------------------------------------------------------------------------------------------


def test_a_new_tensor_has_its_name_and_requires_grad_in_the_query(session):
    file = file_of(np.array([1.0, 2.0], np.float32))
    answer = put(session, "tensors", file, "POST", name="w", requires_grad="true")
    made = answer.json()
    assert (answer.status_code, made["name"], made["requires_grad"], made["data"]) == (201, "w", True, [1.0, 2.0])
    assert put(session, "tensors", file, "POST").json()["name"] == "t0"
    problem(put(session, "tensors", file, "POST", name="w"), 409, "name_taken")
    assert put(session, "tensors/v", file, requires_grad="true").json()["requires_grad"] is True
    with unchanged(session):
        problem(put(session, "tensors", file, "POST", name="1w"), 422, "bad_argument")
        problem(put(session, "tensors", file, "POST", requires_grad="yes"), 422, "bad_argument")
        problem(put(session, "tensors/v", file, name="u"), 422, "bad_argument")
        problem(session.send("POST", "tensors", {"data": 1}, params={"name": "u"}), 422, "bad_argument")
        whole = file_of(np.array([1, 2]))
        problem(put(session, "tensors", whole, "POST", requires_grad="true"), 422, "dtype_mismatch")


def test_values_and_gradients_are_set_and_read(session):
    session.tensor("x", [1.0, 2.0], requires_grad=True)
    made = put(session, "tensors/x/data", file_of(np.array([3.0, 4.0])))
    assert (made.json()["data"], made.json()["dtype"], made.json()["version"]) == ([3.0, 4.0], "float32", 1)
    put(session, "tensors/x/grad", file_of(np.array([5.0, 6.0], np.float32)))
    assert_same(array_at(session, "tensors/x/grad"), np.array([5.0, 6.0], np.float32))
    with unchanged(session):
        problem(put(session, "tensors/x/grad", file_of(np.array([5.0, 6.0]))), 422)  # of another dtype, as in PyTorch
        problem(put(session, "tensors/x/data", file_of(np.zeros(3, np.float32))), 422, "shape_mismatch")
        problem(put(session, "ops/neg", file_of(np.zeros(3)), "POST"), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/x-npy, */*", "application/x-npy"),
        ("application/json, application/x-npy", "application/json"),
        ("application/json;q=0.5, application/octet-stream", "application/octet-stream"),
        ("application/*", "application/json"),
        ("application/x-npy;q=0, */*;q=0.1", "application/json"),
    ],
)
def test_the_client_chooses_by_accept(session, accept, kind):
    session.tensor("x", 1.5)
    answer = session.send("GET", "tensors/x", headers={"accept": accept})
    assert answer.headers["content-type"] == kind
    assert answer.headers["etag"] == f'"{session.version()}"'


# -- refusals -------------------------------------------------------------------------------------------------------

GOOD = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }"
NOT_FILES = {
    "nothing": b"",
    "JSON": b'{"data": [1]}',
    "the magic alone": b"\x93NUMPY",
    "version 3": header(GOOD, b"\x03\x00") + bytes(4),
    "a header cut off": header(GOOD, length=200),
    "a header without end": header("(" * 9_000) + bytes(4),
    "a huge header": header("[]" + " " * 60_000) + bytes(4),
    "a header that is code": header("__import__('os').abort()") + bytes(4),
    "a list": header("[1]") + bytes(4),
    "a key missing": header("{'descr': '<f4', 'shape': (1,)}") + bytes(4),
    "a key too many": header(GOOD.replace("}", "'more': 1}")) + bytes(4),
    "a negative size": header(GOOD.replace("1,", "-1,")) + bytes(4),
    "a size that is true": header(GOOD.replace("1,", "True,")) + bytes(4),
    "values cut off": header(GOOD) + bytes(3),
    "values too many": header(GOOD) + bytes(5),
    "more values than memory": header(GOOD.replace("1,", f"{2**60},")) + bytes(4),
    "more values than Python writes": header(GOOD.replace("1,", f"{10**4000}, {10**4000}")) + bytes(4),
    "objects": file_of(np.array([None, {}], object), allow_pickle=True),
}


@pytest.mark.parametrize("name", NOT_FILES)
def test_what_is_no_file_is_400_and_changes_nothing(session, name):
    with unchanged(session):
        problem(put(session, "tensors/x", NOT_FILES[name]), 400, "bad_binary")


@pytest.mark.parametrize("dtype", ["uint16", "uint64", "longdouble", "S3", "U3", "datetime64[s]", "V4"])
def test_a_dtype_that_tensors_have_not_is_422(session, dtype):
    with unchanged(session):
        problem(put(session, "tensors/x", file_of(np.zeros(2, dtype))), 422, "dtype_mismatch")
    record = np.zeros(2, [("a", "f4"), ("b", "i4")])
    problem(put(session, "tensors/x", file_of(record)), 422, "dtype_mismatch")


def test_shapes_that_no_tensor_has_are_refused(session):
    with unchanged(session):
        problem(put(session, "tensors/x", header(GOOD.replace("1,", "1," * 100)) + bytes(4)), 422, "bad_argument")
        empty = GOOD.replace("1,", f"0, {2**62}, {2**62}")
        problem(put(session, "tensors/x", header(empty)), (413, 422))


def test_values_past_the_limit_of_a_body_are_413(session):
    session.op("zeros", 1, out="x")
    session.op("expand", "x", 20_000_000, out="y")
    for headers in (FILE, RAW):
        problem(session.send("GET", "tensors/y", headers=headers), 413, "too_large")

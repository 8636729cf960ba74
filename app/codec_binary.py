"""Arrays as bytes: files of NumPy's format (`.npy`), read without pickle, and raw values.

A file is a magic text, a version, the length of a header, the header, and the values. The header is a dict as Python
writes it, of which only three keys with plain values are taken; sizes are checked before anything is made of them.
"""

from __future__ import annotations

import ast
import io
import math
import re
from typing import Any

import numpy as np

from app.codec import MAX_DIMS, Array
from app.problems import Problem
from engine import dtypes
from engine.shapes import check_empty

MAGIC = b"\x93NUMPY"
LENGTHS = {b"\x01\x00": 2, b"\x02\x00": 4}  # bytes that tell how long the header is, by version
MAX_HEADER = 10_000
DESCR = re.compile(r"([<>|=]?)([a-zA-Z])(\d{1,2})\Z")
KEYS = {"descr", "fortran_order", "shape"}
NAMES = {
    "f2": "float16",
    "f4": "float32",
    "f8": "float64",
    "i1": "int8",
    "i2": "int16",
    "i4": "int32",
    "i8": "int64",
    "u1": "uint8",
    "b1": "bool",
    "c8": "complex64",
    "c16": "complex128",
}
PICKLED = "object arrays are pickled, and not read"


def read(body: bytes) -> Array:
    """The array of a file, row-major, its values copied.

    Raises Problem `bad_binary` for what is no such file or holds objects, `dtype_mismatch` for a dtype that tensors
    have not, `bad_argument` for too many dimensions.
    """
    header, start = _header(body)
    dtype = _dtype(header["descr"])
    shape: tuple[int, ...] = header["shape"]
    if len(shape) > MAX_DIMS:
        raise Problem("bad_argument", f"a tensor has at most {MAX_DIMS} dimensions, not {len(shape)}")
    count = math.prod(shape)
    if len(body) - start != count * dtype.itemsize:
        raise _invalid(f"the {len(body) - start} bytes after its header are not as many as it announces")
    if not count:
        check_empty(shape, dtype.itemsize)
    stored = np.frombuffer(body, np.uint8 if dtype == np.bool_ else dtype, count, start)
    values = stored.reshape(shape, order="F" if header["fortran_order"] else "C")
    native: Array = values.astype(dtype.newbyteorder("="), order="C")
    return native


def write(array: Array) -> bytes:
    """The file of an array on the host. Raises Problem `not_acceptable` for bfloat16, which the format has not."""
    if dtypes.of(array) is dtypes.bfloat16:
        raise Problem("not_acceptable", "NumPy's format has no bfloat16; application/octet-stream has its bytes")
    file = io.BytesIO()
    np.save(file, array.copy(order="C"), allow_pickle=False)
    return file.getvalue()


def raw(array: Array) -> bytes:
    """The values of an array on the host, little-endian and row-major."""
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _invalid(why: str) -> Problem:
    return Problem("bad_binary", f"the body is no file of NumPy's format: {why}")


def _header(body: bytes) -> tuple[dict[str, Any], int]:
    """The header, checked, and where the values begin."""
    version = body[len(MAGIC) : len(MAGIC) + 2]
    if not body.startswith(MAGIC) or version not in LENGTHS:
        raise _invalid("it begins otherwise" if not body.startswith(MAGIC) else "its version is not 1.0 or 2.0")
    begin = len(MAGIC) + 2 + LENGTHS[version]
    length = int.from_bytes(body[len(MAGIC) + 2 : begin], "little")
    text = body[begin : begin + length]
    if len(text) != length or length > MAX_HEADER:
        raise _invalid("its header is cut off" if length <= MAX_HEADER else "its header is too long")
    try:
        header = ast.literal_eval(text.decode("latin-1").strip())
    except Exception:  # noqa: BLE001  # whatever a text can make the parser raise
        raise _invalid("its header cannot be read") from None
    if type(header) is not dict or set(header) != KEYS or type(header["fortran_order"]) is not bool:
        raise _invalid("its header has not what it should have")
    shape = header["shape"]
    if type(shape) is not tuple or any(type(each) is not int or each < 0 for each in shape):
        raise _invalid("its shape is none")
    return header, begin + length


def _dtype(descr: Any) -> np.dtype[Any]:
    """The NumPy dtype of a header's text."""
    found = DESCR.match(descr) if type(descr) is str else None
    if found is not None:
        order, kind, size = found.groups()
        dtype = dtypes.BY_NAME.get(NAMES.get(kind + size, ""))
        if dtype is not None:
            stored: np.dtype[Any] = dtype.numpy.newbyteorder(order or "=")
            return stored
    if type(descr) is str and descr.lstrip("<>|=").startswith("O"):
        raise _invalid(PICKLED)
    raise Problem("dtype_mismatch", "tensors have no dtype for the values of this file")

"""JSON to values and back: with `app.codec_binary` all of the service that knows arrays.

Reading is strict (`true` is no number, `"1"` is none) and checked before anything large is made. Writing loses nothing:
every float32, float64 and int64 reads back as it was, and what JSON has no number for goes as the strings of
`NON_FINITE`. Neither loops over elements in Python while all of them are finite.
"""

from __future__ import annotations

import binascii
import gc
import math
import re
import struct
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import orjson

from app.problems import Problem
from engine import arrays, construct, dtypes
from engine.devices import Device
from engine.dtypes import DType
from engine.shapes import check_empty

Array = np.ndarray[Any, Any]

NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
LONG = 2**12  # bytes of a text from which on NumPy looks at it more quickly
PACKED = 2**14  # numbers packed at once: the call has each as an argument
TEXT = 2**10  # elements up to which it is quicker to look for odd values in the text than in the array
MAX_LISTS = 2**21  # a list takes 28 times the memory of its two bytes of JSON
MAX_DIMS = 64  # NumPy's
INT64 = range(-(2**63), 2**63)

# The one float32 whose shortest digits, read as a float64 and then rounded to float32, give its neighbour.
_TWICE_ROUNDED = np.array(0x15AE43FD, np.uint32).view(np.float32)
_ITS_DIGITS = b"7.038531e-26"

# Bytes with every digit as 0, the decimal point as it is and everything else as a space: in them this is
# the beginning of a number whose whole part might not fit int64.
_FOLDED = bytes(ord("0") if chr(each) in "0123456789" else each if chr(each) == "." else 32 for each in range(256))
_MANY_DIGITS = b" " + b"0" * 19
_SUSPECT = re.compile(rb"[\s,:\[](-?(?:\d{20,}|9[2-9]\d{17}))(?![\d.eE])")
_TOO_LARGE = "number is infinity when parsed as double"  # the parser's words for a number like 1e400
_STRING = re.compile(rb'"(?:[^"\\]++|\\.?)*+(?:"|\Z)', re.DOTALL)  # one that does not end goes to the end
_NO_BRACKET = bytes(each for each in range(256) if chr(each) not in '[]{}"')


# -- reading --------------------------------------------------------------------------------------------------------


def loads(body: bytes, depth: int) -> Any:
    """The value of a JSON text.

    Raises Problem `not_json`, `too_large` for nesting beyond `depth` or too many lists (before parsing), and
    `bad_argument` for a number beyond float64, or an integer beyond int64, which the parser would have made a float.
    """
    _check_nesting(body, depth)
    collecting = gc.isenabled()
    gc.disable()  # each of a million lists would be looked at over and over: eight times slower
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if error.msg != _TOO_LARGE:
            raise Problem("not_json", f"the body is not JSON: {error.msg} at {error.pos}") from None
        _check_integers(body)
        raise Problem("bad_argument", 'a number is beyond float64; infinity is written "Infinity"') from None
    finally:
        if collecting:
            gc.enable()
    if _has_many_digits(body):
        _check_integers(body)
    return value


def _check_nesting(body: bytes, depth: int) -> None:
    if len(body) < LONG:
        opened = body.count(b"[") + body.count(b"{")
    else:
        text = np.frombuffer(body, np.uint8)
        opened = int(np.count_nonzero(text == ord("[")) + np.count_nonzero(text == ord("{")))
    if opened <= depth:
        return
    if opened > MAX_LISTS:
        raise Problem("too_large", f"the body has {opened} lists and objects, over the limit of {MAX_LISTS}")
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    brackets = body.translate(None, _NO_BRACKET)
    if b'"' in brackets:
        brackets = b"".join(brackets.split(b'"')[::2])
    codes = np.frombuffer(brackets, np.uint8)
    steps = np.where((codes == ord("[")) | (codes == ord("{")), np.int32(1), np.int32(-1))
    if np.cumsum(steps, dtype=np.int32).max(initial=0) > depth:
        raise Problem("too_large", f"the body is nested deeper than {depth}")


def _has_many_digits(body: bytes) -> bool:
    """Whether some number has a whole part of 19 digits or more: those hold four words of digits in a long text."""
    if len(body) >= LONG:
        words = np.frombuffer(body, np.uint32, len(body) // 4) & 0xF0F0F0F0 == 0x30303030
        if not (words[:-3] & words[1:-2] & words[2:-1] & words[3:]).any():
            return False
    return _MANY_DIGITS in body.translate(_FOLDED)


def _check_integers(body: bytes) -> None:
    if _is_beyond_int64(body) and _is_beyond_int64(_STRING.sub(b'""', body)):
        raise Problem("bad_argument", "Overflow when unpacking long long: an integer is beyond int64") from None


def _is_beyond_int64(text: bytes) -> bool:
    found = (each[1] for each in _SUSPECT.finditer(text))
    return any(len(token.lstrip(b"-")) > 19 or int(token) not in INT64 for token in found)


def is_array(value: Any) -> bool:
    """Whether a value is an array already: what JSON has is none."""
    return isinstance(value, np.ndarray)


def array_of_numbers(
    data: Any, dtype: DType | None, shape: tuple[int, ...] | None, default: DType, floating: bool = False
) -> Array:
    """A new array of a number or nested lists of numbers, as `torch.tensor` makes it.

    `dtype` None infers one (`floating`: `default` for integers too). With `shape` any nesting of that many numbers
    will do. A complex value is a pair. Raises Problem or what `torch.tensor` raises.
    """
    floats = _floats(data)
    if floats is not None and (dtype is None or dtype.is_floating_point):
        final = floats.shape if shape is None else shape
        _check_count(floats.size, final)
        return _cast(floats, dtype or default).reshape(final)
    found, flat = _flattened(data, any_nesting=shape is not None)
    kinds = set(map(type, flat))
    if str in kinds:
        flat = [_finite_or_not(each) for each in flat]
        kinds = {float, *kinds} - {str}
    _check_numbers(kinds)
    if dtype is None:
        inexact = float in kinds or not kinds
        dtype = default if inexact or floating else dtypes.int64 if int in kinds else dtypes.bool_
    if dtype.is_complex:
        return _pairs(flat, found, shape, dtype)
    final = found if shape is None else shape
    _check_count(len(flat), final)
    return _cast(_packed(flat, kinds, dtype), dtype).reshape(final)


def _floats(data: Any) -> Array | None:
    """The array of a float, or of lists of equal lengths with numbers of which the first is a float; else None.

    Most data is of this kind, and need not be looked at number by number.
    """
    shape: list[int] = []
    level: list[Any] = [data]
    while type(level[0]) is list:
        lengths = {len(each) if type(each) is list else -1 for each in level}
        if len(lengths) != 1 or len(shape) == MAX_DIMS or not level[0]:
            return None
        shape.append(len(level[0]))
        level = level[0] if len(level) == 1 else list(chain.from_iterable(level))
    if type(level[0]) is not float:
        return None
    array = np.empty(len(level))
    try:
        for start in range(0, len(level), PACKED):
            part = level[start : start + PACKED]
            struct.pack_into(f"{len(part)}d", array.data, start * array.itemsize, *part)
    except struct.error:  # there is something else than numbers
        return None
    return array.reshape(shape)


def _flattened(data: Any, any_nesting: bool) -> tuple[tuple[int, ...], list[Any]]:
    """The shape of nested lists and their leaves, row-major; with `any_nesting` lists may be ragged."""
    shape: list[int] = []
    level: list[Any] = [data]
    while level and list in set(map(type, level)):
        if set(map(type, level)) != {list} or len(set(map(len, level))) != 1:
            if any_nesting:
                return (), _leaves(data)
            construct.tensor(data)  # raises torch's own error
            raise Problem("bad_argument", "the lists are of unequal lengths")
        shape.append(len(level[0]))
        level = list(chain.from_iterable(level))
    if len(shape) > MAX_DIMS:
        raise Problem("bad_argument", f"a tensor has at most {MAX_DIMS} dimensions, not {len(shape)}")
    return tuple(shape), level


def _leaves(data: list[Any]) -> list[Any]:
    """What is not a list in ragged lists, in order."""
    leaves: list[Any] = []
    stack = [iter(data)]
    while stack:
        for each in stack[-1]:
            if type(each) is list:
                stack.append(iter(each))
                break
            leaves.append(each)
        else:
            stack.pop()
    return leaves


def _finite_or_not(value: Any) -> Any:
    if type(value) is not str:
        return value
    if value not in NON_FINITE:
        raise Problem("bad_argument", 'new(): invalid data type \'str\' (but for "NaN", "Infinity" and "-Infinity")')
    return NON_FINITE[value]


def _check_numbers(kinds: set[type]) -> None:
    for kind in kinds - {int, float, bool}:
        raise Problem("bad_argument", f"Could not infer dtype of {kind.__name__}")


def _check_count(count: int, shape: tuple[int, ...]) -> None:
    if math.prod(shape) != count:
        raise Problem("shape_mismatch", f"shape '{list(shape)}' is invalid for input of size {count}")
    if not count:
        check_empty(shape, 16)


def _packed(flat: list[Any], kinds: set[type], dtype: DType) -> Array:
    """The numbers in the widest NumPy type of their kind; all of them are read in C, but floats among int64."""
    if dtype is dtypes.int64 and kinds >= {int, float}:
        return _whole(flat)
    if float in kinds or dtype.differentiable:
        return np.fromiter(flat, np.float64, len(flat))
    return np.fromiter(flat, np.int64 if int in kinds else np.bool_, len(flat))


def _whole(flat: list[Any]) -> Array:
    """Integers and floats as int64: the integers would lose digits as floats."""
    try:
        return np.fromiter(map(int, flat), np.int64, len(flat))
    except (ValueError, OverflowError):  # of what is not finite, or too large
        raise Problem("bad_argument", "value cannot be converted to type int64 without overflow") from None


def _cast(array: Array, dtype: DType) -> Array:
    """Numbers as the dtype; those that an integer dtype cannot hold are refused, as `torch.tensor` does."""
    if array.dtype == dtype.numpy:
        return array
    if dtype.category == dtypes.INTEGRAL and array.dtype != np.bool_:
        bounds = np.iinfo(dtype.numpy)
        low = int(bounds.min)
        if array.dtype == np.int64 and not dtype.is_signed:
            low = -int(bounds.max)  # negative integers wrap around
        # Compared as the array's own type, where int64's maximum as a float is 2^63: that one is out too.
        over = array >= 2.0**63 if array.dtype == np.float64 and dtype is dtypes.int64 else array > int(bounds.max)
        if not (array >= low).all() or over.any():
            raise Problem("bad_argument", f"value cannot be converted to type {dtype.name} without overflow")
    return array.astype(dtype.numpy, copy=False)


def _pairs(flat: list[Any], found: tuple[int, ...], shape: tuple[int, ...] | None, dtype: DType) -> Array:
    """Complex numbers from pairs; a lone number, or as many numbers as the shape has elements, are real."""
    parts = np.fromiter(flat, np.float64, len(flat))
    if found == () or (shape is not None and len(flat) == math.prod(shape)):
        _check_count(len(flat), found if shape is None else shape)
        return parts.astype(dtype.numpy).reshape(found if shape is None else shape)
    if shape is None:
        if found[-1] != 2 and flat:
            raise Problem("shape_mismatch", f"a complex value is a pair [re, im], not a list of length {found[-1]}")
        shape = found[:-1] if found[-1] == 2 else found
    _check_count(len(flat), (*shape, 2) if flat else shape)
    return parts.view(np.complex128).astype(dtype.numpy, copy=False).reshape(shape)


def array_of_base64(text: str, dtype: DType, shape: tuple[int, ...]) -> Array:
    """A new array of little-endian, row-major bytes in base64.

    Raises Problem if they are not base64, or not as many as the shape takes.
    """
    try:
        raw = binascii.a2b_base64(text.encode(), strict_mode=True)
    except ValueError:
        raise Problem("bad_argument", "b64 is not valid base64") from None
    wanted = math.prod(shape) * dtype.itemsize
    if not wanted:
        check_empty(shape, dtype.itemsize)
    if len(raw) != wanted:
        raise Problem("shape_mismatch", f"b64 has {len(raw)} bytes; {list(shape)} of {dtype.name} takes {wanted}")
    stored = np.uint8 if dtype is dtypes.bool_ else dtype.numpy.newbyteorder("<")
    return np.frombuffer(raw, stored).astype(dtype.numpy).reshape(shape)


def number(value: Any) -> complex | None:
    """A JSON number, boolean, non-finite string or `{"complex": [re, im]}` as a Python number, else None."""
    if type(value) is str:
        return NON_FINITE.get(value)
    if type(value) in (bool, int, float):
        return value  # type: ignore[no-any-return]  # its type was just asked
    if type(value) is dict and value.keys() == {"complex"}:
        pair = value["complex"]
        parts = [number(each) for each in pair] if type(pair) is list and len(pair) == 2 else []
        if parts and all(type(each) in (int, float) for each in parts):
            return complex(*parts)  # type: ignore[arg-type]  # two real numbers
    return None


# -- writing --------------------------------------------------------------------------------------------------------


def dumps(value: Any) -> bytes:
    """The JSON text of an answer, in which `values` stand for arrays."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def values(array: Any) -> Any:
    """The values of an array, on whatever device, as `dumps` takes them: nested lists, or one for shape []."""
    host = arrays.to_host(array)
    shape = host.shape
    if not host.flags.c_contiguous:
        host = np.ascontiguousarray(host)
    if host.dtype.kind == "c":
        host = host.reshape(-1).view(dtypes.of(host).to_real().numpy).reshape((*shape, 2))
    if host.dtype in dtypes.HALF_TYPES:
        host = host.astype(np.float64)  # which has exact digits for them
    if host.size > TEXT and (host.dtype.kind != "f" or _is_ordinary(host)):
        return host
    text = dumps(host if host.ndim else host.reshape(1))
    if host.dtype == np.float32 and _ITS_DIGITS in text:
        host = host.astype(np.float64)
        text = dumps(host if host.ndim else host.reshape(1))
    if host.dtype.kind == "f" and b"null" in text:
        text = _with_non_finite(text, host.reshape(-1))
    return orjson.Fragment(text if host.ndim else text[1:-1])


def _is_ordinary(host: Array) -> bool:
    """Whether the writer has the right digits for all elements of a large array."""
    return bool(np.isfinite(host).all()) and not (host.dtype == np.float32 and (np.abs(host) == _TWICE_ROUNDED).any())


def _with_non_finite(text: bytes, flat: Array) -> bytes:
    """The text with a name in each place where the writer put null."""
    odd = flat[~np.isfinite(flat)].tolist()
    names = [b'"NaN"' if each != each else b'"Infinity"' if each > 0 else b'"-Infinity"' for each in odd]
    parts = text.split(b"null")
    return b"".join(chain.from_iterable(zip(parts, names, strict=False))) + parts[-1]


def plain(value: Any) -> Any:
    """A Python value that an op answered with, as JSON has it."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, complex):
        return [plain(value.real), plain(value.imag)]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(each) for each in value]
    if isinstance(value, DType):
        return value.name
    return str(value) if isinstance(value, Device) else value

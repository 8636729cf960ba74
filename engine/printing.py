"""How a tensor prints: the exact text of ``repr(tensor)``, and the options that shape it.

The text is built in three steps. The array is cut down to what will be shown, every shown element becomes
one padded string (a "cell"), and the cells are laid out as nested brackets, whatever their dtype.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

__all__ = ["format_size", "format_tensor", "get_printoptions", "set_printoptions"]

_PREFIX = "tensor("


@dataclass(frozen=True)
class _Options:
    """One immutable set of print options; a change swaps in a new one, so a reader never sees half of it."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}

_options = _Options()
_options_lock = threading.Lock()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print, for the whole process.

    precision: digits after the point (default 4). threshold: element count above which a tensor is
    summarised (1000). edgeitems: items shown at each end of a summarised dimension (3). linewidth:
    columns before a line breaks (80). profile: "default", "short" or "full", applied before the other
    arguments; any other name is ignored, as in torch. sci_mode: force scientific notation on or off.

    An option left at None keeps its value, except sci_mode: every call sets it, None meaning automatic.
    """
    global _options
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    changes = dict(_PROFILES.get(profile, {})) if profile is not None else {}
    changes.update({name: value for name, value in given.items() if value is not None})
    with _options_lock:
        _options = replace(_options, **changes, sci_mode=sci_mode)


def get_printoptions() -> dict[str, Any]:
    """Return the current print options as a dict that ``set_printoptions(**options)`` accepts."""
    return asdict(_options)


def format_size(shape: Sequence[int]) -> str:
    """Return the text of a shape as ``repr(tensor.shape)`` gives it: ``torch.Size([2, 3])``."""
    return f"torch.Size([{', '.join(str(int(n)) for n in shape)}])"


def format_tensor(
    array: np.ndarray[Any, Any],
    *,
    dtype: str,
    device: str = "cpu",
    requires_grad: bool = False,
    grad_fn: str | None = None,
    default_dtype: str = "float32",
) -> str:
    """Return the text ``repr(tensor)`` gives for a tensor that holds `array`.

    array: the values on the host, any shape (bfloat16 through ml_dtypes). dtype, default_dtype: dtype names
    without "torch.". device: "cpu" or a name with an index such as "cuda:0". grad_fn: the node's name, or
    None for a leaf; a C++ scope before it is dropped. Only the elements shown are read and converted.

    Raises ValueError if the precision in force is negative and a number has to be printed with it.
    """
    options = _options
    body = _body(array, dtype, options) if array.size else "[]"
    suffixes = [] if device == "cpu" else [f"device='{device}'"]
    suffixes += _value_suffixes(array, dtype, default_dtype, options)
    if grad_fn is not None:
        suffixes.append(f"grad_fn=<{grad_fn.rsplit('::', 1)[-1]}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    return _with_suffixes(_PREFIX + body, suffixes, options.linewidth)


def _value_suffixes(array: np.ndarray[Any, Any], dtype: str, default_dtype: str, options: _Options) -> list[str]:
    """Return the size and dtype suffixes: what a reader cannot tell from the printed values."""
    if array.size:
        show_size = options.edgeitems == 0
        default_complex = "complex128" if default_dtype == "float64" else "complex64"
        show_dtype = dtype not in (default_dtype, default_complex, "int64", "bool")
    else:
        show_size = array.ndim != 1
        # With no element to infer it from, even int64 and bool have to be named.
        show_dtype = dtype != default_dtype
    size = [f"size={array.shape}"] if show_size else []
    return size + ([f"dtype=torch.{dtype}"] if show_dtype else [])


def _with_suffixes(text: str, suffixes: list[str], linewidth: int) -> str:
    """Append the suffixes and the closing bracket, breaking before a suffix that would pass linewidth."""
    # torch counts two columns too many on the first line checked; where lines break depends on it.
    column = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if column + len(suffix) + 2 > linewidth:
            text += ",\n" + " " * len(_PREFIX) + suffix
            column = len(_PREFIX) + len(suffix)
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    return text + ")"


def _body(array: np.ndarray[Any, Any], dtype: str, options: _Options) -> str:
    """Return the bracketed values of a non-empty array."""
    cut = [False] * array.ndim
    if array.size > options.threshold and array.ndim:
        if options.edgeitems < 1:
            return "[...]"
        cut = [n > 2 * options.edgeitems for n in array.shape]
        array = _edges(array, cut, options.edgeitems)
    cells, width = _cells(array.reshape(-1), dtype, options)
    room = options.linewidth - len(_PREFIX) - (array.ndim - 1)
    per_line = max(1, math.floor(room / (width + 2)))
    return _nest(cells, array.shape, cut, options.edgeitems, len(_PREFIX), per_line)


def _edges(array: np.ndarray[Any, Any], cut: list[bool], edge: int) -> np.ndarray[Any, Any]:
    """Return `array` with only the first and last `edge` items of each cut dimension."""
    picks = [
        np.concatenate([np.arange(edge), np.arange(n - edge, n)]) if is_cut else np.arange(n)
        for n, is_cut in zip(array.shape, cut, strict=True)
    ]
    # One gather for all dimensions: cutting one at a time would copy most of a large array.
    result: np.ndarray[Any, Any] = array[np.ix_(*picks)]
    return result


def _nest(cells: list[str], shape: tuple[int, ...], cut: list[bool], edge: int, indent: int, per_line: int) -> str:
    """Lay out the cells of an array of `shape`, in row-major order, as nested brackets."""
    if not shape:
        return cells[0]
    if len(shape) == 1:
        items = [*cells[:edge], " ...", *cells[edge:]] if cut[0] else cells
        lines = [", ".join(items[i : i + per_line]) for i in range(0, len(items), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    step = len(cells) // shape[0]
    parts = [
        _nest(cells[i : i + step], shape[1:], cut[1:], edge, indent + 1, per_line) for i in range(0, len(cells), step)
    ]
    if cut[0]:
        parts.insert(edge, "...")
    separator = "," + "\n" * (len(shape) - 1) + " " * (indent + 1)
    return "[" + separator.join(parts) + "]"


def _cells(values: np.ndarray[Any, Any], dtype: str, options: _Options) -> tuple[list[str], int]:
    """Return one padded string for each value, and the column width to reckon with for each."""
    if dtype.startswith("complex"):
        real_cells, real_width = _float_cells(values.real, options)
        imag_cells, imag_width = _float_cells(values.imag, options)
        joined = [_complex_cell(re, im) for re, im in zip(real_cells, imag_cells, strict=True)]
        # The sign between the parts is left out of the width, as in torch.
        return joined, real_width + imag_width + 1
    if dtype.startswith(("int", "uint", "bool")):
        cells = [str(value) for value in values.tolist()]
        width = max(map(len, cells))
        return [cell.rjust(width) for cell in cells], width
    return _float_cells(values, options)


def _complex_cell(real: str, imag: str) -> str:
    """Join the cells of the two parts of a complex number."""
    imag = imag.lstrip()
    return real + ("" if imag.startswith("-") else "+") + imag + "j"


def _float_cells(values: np.ndarray[Any, Any], options: _Options) -> tuple[list[str], int]:
    """Return the cells and column width of a vector of any floating dtype.

    Zeros, infinities and nans choose neither the notation nor the width, so they may stand out of line.
    """
    with np.errstate(invalid="ignore"):
        exact = values.astype(np.float64)
    deciding = np.isfinite(exact) & (exact != 0)
    chosen = exact[deciding]
    sci = bool(chosen.size) and _is_scientific(np.abs(chosen), options)
    integral = not sci and bool(np.all(chosen == np.ceil(chosen)))
    spec = f".{options.precision}e" if sci else ".0f" if integral else f".{options.precision}f"
    cells = [format(value, spec) for value in exact.tolist()]
    if integral:
        # Only the point tells a float from an integer; infinities and nans need none.
        cells = [cell + "." if cell[-1].isdigit() else cell for cell in cells]
    lengths = (len(cell) for cell, counts in zip(cells, deciding.tolist(), strict=True) if counts)
    width = max(lengths, default=1)
    return [cell.rjust(width) for cell in cells], width


def _is_scientific(magnitudes: np.ndarray[Any, Any], options: _Options) -> bool:
    """Decide on scientific notation from the magnitudes of the finite non-zero values."""
    if options.sci_mode is not None:
        return options.sci_mode
    low, high = float(magnitudes.min()), float(magnitudes.max())
    return high / low > 1000.0 or high > 1.0e8 or low < 1.0e-4

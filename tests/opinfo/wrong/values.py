"""What a parameter must not be given: for a right value, wrong ones with a word for each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch

Wrong = Iterator[tuple[str, Any]]

DTYPES = ("float32", "float64", "int64", "int32", "complex64", "bool", "bfloat16", "uint8", "float16")
INTS: tuple[Any, ...] = (
    100,
    -100,
    -1,
    0,
    None,
    "x",
    1.5,
    True,
    1j,
    math.nan,
    2**63,
    2**64,
    -(2**63) - 1,
    [1, 2],
    [100],
    [],
)
FLOATS = (-1.0, 0.0, 2.0, math.nan, math.inf, -math.inf, 2**64, 10**400, "x", None, 1j, True, [1.0])
BOOLS: tuple[Any, ...] = (0, 1, "x", None, 1.5, [], torch.ones(2))
STRINGS = ("nonsense", "", 1, None, ["x"])
SIZES = (-1, -5, 0, 100, 1.5, 2**63, "x", None)


def wrongs(value: Any) -> Wrong:
    """Wrong values in the place of this one; some may be right where the op does not look at them."""
    if isinstance(value, torch.Tensor):
        yield from of_tensor(value)
    elif isinstance(value, list | tuple):
        yield from of_sequence(value)
    elif isinstance(value, torch.dtype):
        yield from _named("x", 1, torch.int64, torch.bool, torch.complex64)
    elif value is None:
        yield from _named("x", 1, 1.5)
    else:
        for kind, given in ((bool, BOOLS), (int, INTS), (float, FLOATS), (complex, FLOATS), (str, STRINGS)):
            if isinstance(value, kind):
                yield from _named(*given)
                return


def _named(*values: Any) -> Wrong:
    for each in values:
        yield short(each), each


def short(value: Any) -> str:
    """A value in a word."""
    shown = repr(value).removeprefix("torch.")
    return shown if len(shown) < 40 else f"{shown[:37]}..."


def of_tensor(tensor: torch.Tensor) -> Wrong:
    """No tensor, one of other sizes, of another dtype, or indices out of range."""
    yield from _named(None, "x", [1.0, 2.0], 1j)
    yield from of_sizes(tensor)
    real = tensor.real if tensor.is_complex() else tensor
    for name in DTYPES:
        dtype = getattr(torch, name)
        if dtype is not tensor.dtype:
            yield name, (tensor if dtype.is_complex else real).to(dtype)
    if tensor.dtype in (torch.int64, torch.int32):
        yield "too large", tensor + 1000
        yield "negative", tensor - 1000


def of_sizes(tensor: torch.Tensor) -> Wrong:
    """The same dtype in other sizes."""
    if tensor.ndim and tensor.numel():
        yield "no dims", tensor.flatten()[0].clone()
        yield "a row", tensor.select(0, 0).clone()
        yield "longer", torch.cat([tensor, tensor, tensor], 0)
        yield "wider", torch.cat([tensor, tensor, tensor], -1)
        if tensor.shape[0] > 1:
            yield "shorter", tensor.narrow(0, 0, tensor.shape[0] - 1).clone()
        if tensor.shape[-1] > 1:
            yield "narrower", tensor.narrow(-1, 0, tensor.shape[-1] - 1).clone()
    yield "a dim before", tensor.unsqueeze(0)
    yield "a dim behind", tensor.unsqueeze(-1)
    yield "three dims before", tensor[None, None, None]
    yield "empty", torch.zeros(0, dtype=tensor.dtype)
    yield "seven ones", torch.ones(7, dtype=tensor.dtype)


def of_sequence(value: Any) -> Wrong:
    """Ints or tensors in a row: no sequence, too short, too long, one of them wrong, one of them twice."""
    made = tuple if isinstance(value, torch.Size) else type(value)
    entries = list(value)
    if all(type(each) is int for each in entries):
        yield from _named("x", None, 1.5, 100, -1, 0)
        yield "longer by 1", made([*entries, 1])
        yield "longer by 100", made([*entries, 100])
        if entries:
            yield "one twice", made([*entries, entries[0]])
        one_by_one: list[list[Any]] = [list(SIZES)] * len(entries)
    elif isinstance(entries[0], torch.Tensor):
        yield from _named("x", None)
        one_by_one = [[wrong for _, wrong in of_tensor(each)] for each in entries]
    else:
        return
    yield "empty", made([])
    if entries:
        yield "shorter", made(entries[:-1])
    for at in sorted({0, len(entries) - 1} if entries else ()):
        for nr, wrong in enumerate(one_by_one[at]):
            word = short(wrong) if not isinstance(wrong, torch.Tensor) else f"wrong tensor {nr}"
            yield f"[{at}] {word}", made([*entries[:at], wrong, *entries[at + 1 :]])

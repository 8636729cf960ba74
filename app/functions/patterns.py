"""Signatures: what a function says of its inputs, and whether tensors fit.

A shape is a list with an entry for each dimension: a size, null for any, or a letter or word that stands for one size
wherever it is in the signature, as in `["n", "n"]`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from app import codec
from app.problems import Problem
from app.session.bodies import body_of, wrong
from app.session.names import SHOWN, checked_name
from engine import dtypes
from engine.dtypes import DType
from engine.tensor import Tensor

RESERVED = frozenset({"op", "args", "out", "no_grad"})  # a step's own fields, beside which inputs stand
MAX_INPUTS = 255

Pattern = tuple[int | str | None, ...]
DEFAULT: Any = object()  # in the place of an argument that is not given
_wide = ContextVar("wide", default=False)


@dataclass(frozen=True, slots=True)
class Input:
    """One input: its name, and the dtype and shape it must have, None for any.

    An `option` has a default, and takes numbers and null as they are; one whose default is a `text`, texts too.
    """

    name: str
    dtype: DType | None = None
    shape: Pattern | None = None
    option: bool = False
    text: bool = False

    @property
    def wanted(self) -> DType | None:
        """The dtype a tensor must have now: the declared one, or its widest form within `widened`."""
        return wide(self.dtype) if self.dtype is not None and _wide.get() else self.dtype

    @property
    def may_differentiate(self) -> bool:
        """Whether the signature leaves it open that gradients flow to it."""
        return not self.option and (self.dtype is None or self.dtype.differentiable)

    def describe(self) -> dict[str, Any]:
        """The input as JSON."""
        shape = None if self.shape is None else list(self.shape)
        dtype = None if self.dtype is None else self.dtype.name
        return {"name": self.name, "dtype": dtype, "shape": shape, **({"option": True} if self.option else {})}


def wide(dtype: DType) -> DType:
    """The widest dtype of the same kind among those that have gradients."""
    if not dtype.differentiable:
        return dtype
    return dtypes.complex128 if dtype.is_complex else dtypes.float64


@contextmanager
def widened() -> Iterator[None]:
    """For the block, signatures ask for float64 and complex128 in the place of every narrower dtype."""
    token = _wide.set(True)
    try:
        yield
    finally:
        _wide.reset(token)


def inputs_of(value: Any) -> tuple[Input, ...]:
    """The inputs of a function from their JSON.

    Raises Problem `bad_argument` with the field that is wrong.
    """
    if type(value) is not list:
        raise wrong("inputs", f"must be a list of inputs, not {type(value).__name__}")
    return distinct(tuple(_input(each, f"inputs[{at}]") for at, each in enumerate(value)))


def distinct(inputs: tuple[Input, ...]) -> tuple[Input, ...]:
    """The inputs, if they are not too many and none has the name of another or of a step's own field.

    Raises Problem `bad_argument`.
    """
    if len(inputs) > MAX_INPUTS:
        raise wrong("inputs", f"are {len(inputs)}, of at most {MAX_INPUTS}")
    seen: set[str] = set()
    for at, each in enumerate(inputs):
        if each.name in RESERVED:
            raise wrong(f"inputs[{at}].name", f"may not be '{each.name}', which is a field of every step")
        if each.name in seen:
            raise wrong(f"inputs[{at}].name", f"is '{each.name[:SHOWN]}', as of an input before")
        seen.add(each.name)
    return inputs


def _input(value: Any, field: str) -> Input:
    body = body_of(value, ("name", "dtype", "shape"), ("name",), what=field)
    dtype = None
    if body.get("dtype") is not None:
        dtype = dtypes.parse(body["dtype"]) if type(body["dtype"]) is str else None
        if dtype is None:
            raise wrong(f"{field}.dtype", f"must be one of {', '.join(each.name for each in dtypes.ALL)}, or null")
    shape = None if body.get("shape") is None else _pattern(body["shape"], f"{field}.shape")
    return Input(checked_name(body["name"]), dtype, shape)


def _pattern(value: Any, field: str) -> Pattern:
    if type(value) is not list or len(value) > codec.MAX_DIMS:
        raise wrong(field, f"must be a list with an entry for each of at most {codec.MAX_DIMS} dimensions")
    for each in value:
        if type(each) is str:
            checked_name(each)
        elif each is not None and (type(each) is not int or each < 0):
            raise wrong(field, 'must hold sizes, null for any, or names that stand for one size, as in [2, null, "n"]')
    return tuple(value)


def check(function: str, inputs: Sequence[Input], values: Sequence[Any]) -> None:
    """Whether the tensors among the arguments fit the signature of a function.

    Raises Problem `dtype_mismatch` or `shape_mismatch`.
    """
    sizes: dict[str, tuple[int, str]] = {}  # of each letter: the size, and the input that first had it
    for each, tensor in zip(inputs, values, strict=True):
        if not isinstance(tensor, Tensor):
            continue  # of an option
        wanted = each.wanted
        if wanted is not None and tensor.dtype is not wanted:
            text = f"{function}(): argument '{each.name}' must have dtype {wanted.name}, not {tensor.dtype.name}"
            raise Problem("dtype_mismatch", text)
        if each.shape is not None:
            _check_shape(function, each.name, each.shape, tuple(tensor.shape), sizes)


def _check_shape(
    function: str, name: str, pattern: Pattern, shape: tuple[int, ...], sizes: dict[str, tuple[int, str]]
) -> None:
    wanted = f"[{', '.join('null' if each is None else str(each) for each in pattern)}]"
    if len(pattern) != len(shape) or any(
        type(want) is int and want != have for want, have in zip(pattern, shape, strict=True)
    ):
        text = f"{function}(): argument '{name}' must have shape {wanted}, not {list(shape)}"
        raise Problem("shape_mismatch", text)
    for dim, (want, have) in enumerate(zip(pattern, shape, strict=True)):
        if type(want) is str:
            size, owner = sizes.setdefault(want, (have, name))
            if size != have:
                raise Problem(
                    "shape_mismatch",
                    f"{function}(): argument '{name}' must have shape {wanted}, but its dimension {dim} is {have} "
                    f"where {want} is {size}, as '{owner}' has it",
                )

"""Functions of `torch` that tell about tensors and dtypes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from engine import dtypes, errors
from engine.modes import state
from engine.size import Size
from engine.tensor import Tensor

MISSING: Any = object()
R = TypeVar("R")


def _asking(question: Callable[[Tensor], R]) -> Callable[[Tensor], R]:
    """A question about one tensor.

    Raises TypeError in torch's words for anything else.
    """
    name = question.__name__

    @functools.wraps(question)
    def ask(input: Tensor = MISSING) -> R:
        if input is MISSING:
            raise errors.bad_type(f'{name}() missing 1 required positional arguments: "input"')
        return question(_tensor(name, input))

    return ask


def _tensor(name: str, value: Any, what: str = "input", place: int = 1) -> Tensor:
    if not isinstance(value, Tensor):
        raise errors.bad_type(
            f"{name}(): argument '{what}' (position {place}) must be Tensor, not {type(value).__name__}"
        )
    return value


def is_tensor(value: Any) -> bool:
    """Whether a value is a tensor."""
    return isinstance(value, Tensor)


@_asking
def is_complex(input: Tensor) -> bool:
    """Whether a tensor's dtype is complex."""
    return input.is_complex()


@_asking
def is_conj(input: Tensor) -> bool:
    """Whether a tensor is a conjugate that shares its memory."""
    return input.is_conj()


@_asking
def is_neg(input: Tensor) -> bool:
    """Whether a tensor is a negative that shares its memory."""
    return input.is_neg()


@_asking
def is_floating_point(input: Tensor) -> bool:
    """Whether a tensor's dtype is a real floating one."""
    return input.is_floating_point()


@_asking
def is_inference(input: Tensor) -> bool:
    """Whether a tensor was made under inference mode."""
    return input.is_inference()


@_asking
def is_nonzero(input: Tensor) -> bool:
    """Whether the one element of a tensor is not zero; raises RuntimeError if there are more."""
    return bool(input)


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape."""
    return _tensor("is_same_size", input).is_same_size(_tensor("is_same_size", other, "other", 2))


@_asking
def numel(input: Tensor) -> int:
    """The number of elements."""
    return input.numel()


@_asking
def is_signed(input: Tensor) -> bool:
    """Whether a tensor's dtype has negative numbers."""
    return input.dtype.is_signed


@_asking
def get_device(input: Tensor) -> int:
    """The number of the GPU a tensor is on, -1 on the host."""
    return input.get_device()  # type: ignore[no-any-return]  # of engine.facts


@_asking
def is_distributed(input: Tensor) -> bool:
    """Whether a tensor is spread over processes: none is."""
    return False


@_asking
def detach_(input: Tensor) -> Tensor:
    """Take a tensor out of its graph."""
    return input.detach_()


def is_storage(obj: Any) -> bool:
    """Whether a value is bare memory of torch's: there is none here."""
    return False


def typename(obj: Any) -> str:
    """The name of a value's type, of a tensor that of its old type."""
    if isinstance(obj, Tensor):
        return obj.dtype.tensor_type
    kind = obj if isinstance(obj, type) else type(obj)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}"


def can_cast(from_: dtypes.DType, to: dtypes.DType = MISSING) -> bool:
    """Whether type promotion allows a result of one dtype to be written into another."""
    if to is MISSING:
        raise errors.bad_type('can_cast() missing 1 required positional arguments: "to"')
    _check_dtypes("can_cast", from_=from_, to=to)
    return from_.category <= to.category


def promote_types(type1: dtypes.DType, type2: dtypes.DType) -> dtypes.DType:
    """The smallest dtype that holds what both do."""
    _check_dtypes("promote_types", type1=type1, type2=type2)
    return dtypes.promote_types(type1, type2)


def _check_dtypes(name: str, **given: Any) -> None:
    """Raise TypeError, as torch does, for an argument that is no dtype."""
    for at, (each, value) in enumerate(given.items()):
        if not isinstance(value, dtypes.DType):
            kind = type(value).__name__
            raise errors.bad_type(f"{name}(): argument '{each}' (position {at + 1}) must be torch.dtype, not {kind}")


def result_type(*args: Any, **kwargs: Any) -> dtypes.DType:
    """The dtype an operation of two tensors or numbers computes in, by whatever names torch has for them."""
    given = [*args, *(value for name, value in kwargs.items() if name in OPERANDS)]
    if len(given) != 2 or kwargs.keys() - OPERANDS:
        kinds = ", ".join(
            [*(type(each).__name__ for each in args), *(f"{k}={type(v).__name__}" for k, v in kwargs.items())]
        )
        raise errors.bad_type(f"result_type() received an invalid combination of arguments - got ({kinds})")
    return _result_type(*given)


OPERANDS = frozenset(("tensor", "other", "scalar", "tensor1", "tensor2", "scalar1", "scalar2"))


def _result_type(tensor1: Any, tensor2: Any) -> dtypes.DType:
    kinds = [type(each).__name__ for each in (tensor1, tensor2)]
    if not all(isinstance(each, (Tensor, int, float, complex)) for each in (tensor1, tensor2)):
        wrong = f"    didn't match because some of the arguments have invalid types: (!{kinds[0]}!, !{kinds[1]}!)"
        forms = ("Tensor tensor, Tensor other", "Number scalar, Tensor tensor", "Tensor tensor, Number other")
        told = "".join(f" * ({form})\n  {wrong}\n" for form in (*forms, "Number scalar1, Number scalar2"))
        raise errors.bad_type(
            "result_type() received an invalid combination of arguments - got "
            f"({kinds[0]}, {kinds[1]}), but expected one of:\n{told}"
        )
    operands = [each._array if isinstance(each, Tensor) else each for each in (tensor1, tensor2)]
    return dtypes.result_type(operands, state.ctx.default_dtype)


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that all of the given ones broadcast to; an int is a shape of one dim.

    Raises RuntimeError with torch's text if they do not fit, ValueError for a negative length.
    """
    result: list[int] = []  # from the last dim on
    for at, each in enumerate(shapes):
        if each is None:
            continue  # as in torch
        if not isinstance(each, (int, Sequence)):
            text = f"Input shapes should be of type ints, a tuple of ints, or a list of ints, got {each}"
            raise errors.bad_argument(text)
        shape = (each,) if isinstance(each, int) else tuple(each)
        with errors.of_python():
            negative = any(length < 0 for length in shape)
        if negative:
            raise errors.bad_value("Attempting to broadcast a dimension with negative length!")
        result += [1] * (len(shape) - len(result))
        for back, length in enumerate(reversed(shape)):
            if length == 1 or result[back] == length:
                continue
            if result[back] != 1:
                given = shape if isinstance(each, int) else each
                raise errors.shape_mismatch(
                    f"Attempting to broadcast a dimension of length {length} at {-1 - back}! Mismatching argument at "
                    f"index {at} had {given}; but expected shape should be broadcastable to {result[::-1]}"
                )
            result[back] = length
    return Size(result[::-1])


__all__ = [
    "broadcast_shapes",
    "can_cast",
    "detach_",
    "get_device",
    "is_complex",
    "is_conj",
    "is_distributed",
    "is_floating_point",
    "is_inference",
    "is_neg",
    "is_nonzero",
    "is_same_size",
    "is_signed",
    "is_storage",
    "is_tensor",
    "numel",
    "promote_types",
    "result_type",
    "typename",
]

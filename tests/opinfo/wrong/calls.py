"""A sample made wrong, in one respect after the other."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from tests.opinfo.drawing import described
from tests.opinfo.wrong.values import DTYPES, wrongs

MANY = tuple(range(1, 13))


@dataclass(frozen=True)
class Call:
    """Arguments, and in a word what is wrong with them; `grad`: they are given with grad mode on."""

    what: str
    input: Any
    args: Sequence[Any] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    grad: bool = False

    def __str__(self) -> str:
        return f"{self.what} {described(self)[:300]}"

    def copied(self) -> Call:
        """The same on tensors of its own."""
        first, args, kwargs = clone(self.input), clone(list(self.args)), clone(self.kwargs)
        return Call(self.what, first, args, kwargs, self.grad)


def clone(value: Any) -> Any:
    """A value whose tensors are copies; those that require grad are leaves again."""
    if isinstance(value, torch.Tensor):
        if value.layout is not torch.strided or any(not each for each in value.stride()):
            return copy.deepcopy(value)
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, list | tuple) and not hasattr(value, "_fields") and not isinstance(value, torch.Size):
        return type(value)(clone(each) for each in value)
    return {name: clone(each) for name, each in value.items()} if isinstance(value, dict) else value


def made_wrong(sample: Any, names: Sequence[str]) -> Iterator[Call]:
    """All wrong calls made of a sample; `names` are those of the function's parameters."""
    first, args, kwargs = sample.input, list(sample.args), dict(sample.kwargs)
    for word, wrong in wrongs(first):
        yield Call(f"input: {word}", wrong, args, kwargs)
    for at, each in enumerate(args):
        for word, wrong in wrongs(each):
            yield Call(f"argument {at + 1}: {word}", first, [*args[:at], wrong, *args[at + 1 :]], kwargs)
    for name, each in kwargs.items():
        for word, wrong in wrongs(each):
            yield Call(f"{name}: {word}", first, args, {**kwargs, name: wrong})
    yield from miscounted(first, args, kwargs)
    yield from misnamed(first, args, kwargs, names)
    if isinstance(first, torch.Tensor) and first.dtype.is_floating_point:
        yield Call("a leaf", first.detach().clone().requires_grad_(), args, kwargs, grad=True)


def miscounted(first: Any, args: list[Any], kwargs: dict[str, Any]) -> Iterator[Call]:
    """Arguments too few or too many."""
    for count in range(len(args)):
        yield Call(f"without argument {count + 1}", first, args[:count], kwargs)
    for name in kwargs:
        rest = {key: each for key, each in kwargs.items() if key != name}
        yield Call(f"without {name}", first, args, rest)
    yield Call("one more", first, [*args, 1], kwargs)
    yield Call("many more", first, [*args, *MANY], kwargs)


def misnamed(first: Any, args: list[Any], kwargs: dict[str, Any], names: Sequence[str]) -> Iterator[Call]:
    """Names that no parameter has, or that has its value already."""
    yield Call("unknown name", first, args, {**kwargs, "nope": 1})
    for name in kwargs:
        rest = {key: each for key, each in kwargs.items() if key != name}
        yield Call(f"misspelt {name}", first, args, {**rest, f"{name}s": kwargs[name]})
    given = dict(zip(names[1:], args, strict=False))
    if len(given) == len(args):
        yield Call("by name", first, [], {**given, **kwargs})
        for name, each in given.items():
            yield Call(f"{name} twice", first, args, {**kwargs, name: each})
    if names:
        yield Call("input twice", first, args, {**kwargs, names[0]: first})


def with_out(sample: Any, function: Callable[..., Any]) -> Iterator[Call]:
    """The call with an `out` that does not fit what PyTorch gives without."""
    first, args, kwargs = sample.input, list(sample.args), dict(sample.kwargs)
    try:
        result = function(clone(first), *clone(args), **clone(kwargs))
    except Exception:  # noqa: BLE001  # then there is nothing to write
        return
    if not isinstance(result, torch.Tensor):
        return
    empty = torch.empty_like(result)
    outs: dict[str, Any] = {name: empty.to(getattr(torch, name)) for name in DTYPES}
    outs |= {"x": "x", "a pair": (empty, empty), "list": [empty], "empty list": []}
    outs["seven"] = torch.empty(7, dtype=result.dtype)
    outs["repeated"] = torch.empty(1, dtype=result.dtype).expand(2)
    outs["one cell"] = torch.empty(1, dtype=result.dtype).expand(result.numel()).reshape(result.shape)
    for word, out in outs.items():
        yield Call(f"out: {word}", first, args, {**kwargs, "out": out})
    if result.dtype.is_floating_point:
        yield Call("out: a leaf", first, args, {**kwargs, "out": empty.clone().requires_grad_()}, grad=True)

"""How the ops' functions become methods, properties and operators of `Tensor`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine import errors
from engine.arguments import received
from engine.op import Function, registry
from engine.tensor import Tensor

# The operators with the tensor on the right that no op declares: it is the second operand there.
REFLECTED = {
    "__rmatmul__": "matmul",
    "__rpow__": "pow",
    "__rlshift__": "bitwise_left_shift",
    "__rrshift__": "bitwise_right_shift",
    "__rfloordiv__": "floor_divide",
    "__rmod__": "remainder",
}


def install(functions: dict[str, Function], fast: Callable[..., Any], fast_operator: Callable[..., Any]) -> None:
    """Put the ops' methods, properties and operators on `Tensor`.

    `fast` and `fast_operator` give a shorter way for a function, or None.
    """
    Tensor.where = _where  # type: ignore[attr-defined]  # its operands stand in another order
    for name, function in functions.items():
        if "." in name:
            continue
        if any(op.method for op in function.ops) and not hasattr(Tensor, name):
            door = fast(function, 1) or method_door(function)
            setattr(Tensor, name, property(door) if function.ops[0].prop else door)
        for operator in {each for op in function.ops for each in op.operators}:
            slow = operator_door(function)
            setattr(Tensor, operator, fast_operator(function, slow) or slow)
    for operator, name in REFLECTED.items():
        setattr(Tensor, operator, _reflected_door(functions[name]))
    Tensor.__rdiv__ = Tensor.__rtruediv__ = _reflected_door(lambda other, self: self.reciprocal() * other)  # type: ignore[attr-defined]  # the class declares no op

    for part in ("real", "imag"):
        setattr(Tensor, part, getattr(Tensor, part).setter(_part_setter(part)))


def _part_setter(name: str) -> Callable[[Any, Any], None]:
    """`x.real = value`: written into the part, which is a view."""

    def write(self: Any, value: Any) -> None:
        part = getattr(self, name)
        (part.copy_ if isinstance(value, Tensor) else part.fill_)(value)

    return write


def _where(self: Any, *args: Any, **kwargs: Any) -> Any:
    """This tensor where the condition holds, else `other`: the method takes the condition first."""
    given = dict(zip(("condition", "other"), args, strict=False)) | kwargs
    if given.keys() != {"condition", "other"} or len(args) + len(kwargs) > 2:
        text = received("where", args, kwargs)
        raise errors.bad_type(f"{text}, but expected one of:\n * (Tensor condition, Tensor other)\n")
    try:
        return registry["where"](given["condition"], self, given["other"])
    except TypeError:
        raise errors.bad_type(received("where", args, kwargs)) from None


def function_door(function: Function) -> Any:
    """A plain function under the op's name, for `torch.name`."""
    run = function.call if function.ops[0].short is not None else function.bound
    return named(lambda *args, **kwargs: run(args, kwargs), function)


def method_door(function: Function) -> Any:
    """A plain function, so that Python binds it as a method; messages do not count the tensor itself."""
    return named(lambda *args, **kwargs: function.call(args, kwargs, 1), function)


def named(door: Any, function: Function) -> Any:
    """The door under the name and with the docstring of its function."""
    door.__name__ = door.__qualname__ = function.name.rpartition(".")[2]
    door.__doc__ = function.ops[0].doc
    return door


def operator_door(function: Function) -> Any:
    """A function for an operator: operands it does not take are left to Python, and so to the other side."""
    if function.ops[0].operands < 2:
        return named(lambda self: function(self), function)

    def door(self: Any, *others: Any) -> Any:
        if others and not isinstance(others[0], (Tensor, bool, int, float, complex, np.generic)):
            return NotImplemented
        try:
            return function(self, *others)
        except TypeError:
            return NotImplemented

    return named(door, function)


def _reflected_door(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same for an operator whose first operand is the other one."""

    def door(self: Any, *others: Any, **named: Any) -> Any:
        if "other" in named:  # which is the first operand here
            others = (*others, named.pop("other"))
        try:
            return function(*others, self, **named)
        except TypeError:
            return NotImplemented

    return door

"""Comparisons, logic and bits: none has a gradient, in-place forms have a zero one."""

from __future__ import annotations

import operator as python
from typing import Any

from engine import dtypes
from engine.arrays import xp
from engine.kinds import Array, Operand
from engine.op import Op, alias, op
from engine.ops.creation import zeros_like
from engine.rules import elementwise

_SIGNS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


def comparison(name: str, *aliases: str) -> Op:
    """Declare a comparison; only `eq` and `ne` take complex numbers."""
    compare = getattr(python, name)

    def kernel(input: Array, other: Operand) -> Any:
        return compare(input, other)

    kernel.__name__ = name
    kernel.__doc__ = f"Whether `input {_SIGNS[name]} other`, element by element."
    refused = () if name in ("eq", "ne") else (dtypes.COMPLEX,)
    title = name.capitalize()
    made = op(
        elementwise("bool", refused, f"{name}_cpu"),
        operators=(f"__{name}__",),
        inplace=True,
        node=f"{title}Backward1",
        number_node=f"{title}Backward0",
    )(kernel)
    overwrites(made)
    alias(made, *aliases)
    alias(made.twin, *(f"{each}_" for each in aliases))  # type: ignore[arg-type]  # declared in place
    return made


def overwrites(made: Op) -> None:
    """The in-place form of an op without a gradient: nothing of the old values flows on."""
    assert made.twin is not None
    made.twin.vjp(input=lambda g: zeros_like(g), other=lambda g: zeros_like(g))


eq = comparison("eq")
ne = comparison("ne", "not_equal")
lt = comparison("lt", "less")
le = comparison("le", "less_equal")
gt = comparison("gt", "greater")
ge = comparison("ge", "greater_equal")


@op(elementwise("bool"), inplace=True)
def logical_and(input: Array, other: Array) -> Any:
    """Whether both are nonzero."""
    return xp.logical_and(input, other)


@op(elementwise("bool"), inplace=True)
def logical_or(input: Array, other: Array) -> Any:
    """Whether either is nonzero."""
    return xp.logical_or(input, other)


@op(elementwise("bool"), inplace=True)
def logical_not(input: Array) -> Any:
    """Whether the element is zero."""
    return xp.logical_not(input)


def bitwise(name: str) -> Op:
    """Declare a bitwise op: integers and bools only."""
    combine = getattr(python, f"{name}_" if name != "xor" else "xor")

    def kernel(input: Array, other: Operand) -> Any:
        return combine(input, other)

    kernel.__name__ = f"bitwise_{name}"
    kernel.__doc__ = f"The bits of both operands under {name}; of bools the logical {name}."
    rule = elementwise(refuse=(dtypes.FLOATING, dtypes.COMPLEX), kernel=f"bitwise_{name}_cpu")
    return op(rule, operators=(f"__{name}__", f"__r{name}__", f"__i{name}__"), inplace=True)(kernel)


bitwise("and")
bitwise("or")
bitwise("xor")


@op(elementwise(refuse=(dtypes.FLOATING, dtypes.COMPLEX), kernel="bitwise_not_cpu"), inplace=True)
def bitwise_not(input: Array) -> Any:
    """The bits inverted; of bools the logical not."""
    return ~input

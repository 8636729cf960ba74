"""One body, three uses: kernels and formulas are written once and bound to NumPy, to CuPy or to shapes alone.

`bind(function, target)` gives the same code with other globals: `xp` is the array library, the name of an op is that
op's kernel (or, for shapes, its rule), and helpers of the ops package are bound likewise. So a formula such as
`lambda g, other: mul(g, conj(other))` costs two bare kernel calls in plain backward, records a graph where it gets
tensors, and gives the sizes of a composed op without computing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from engine.op import Op

META = "meta"
TRACE = "trace"
_lock = threading.RLock()
_globals: dict[tuple[int, str], dict[str, Any]] = {}
_functions: dict[tuple[int, str], tuple[Any, Any]] = {}


def bind(function: Any, target: str, xp: Any = None) -> Any:
    """`function` on the kernels of `target` (a backend's name, or META); `xp` is the backend's array module."""
    key = (id(function), target)
    with _lock:  # a scope is known while it is still being filled
        known = _functions.get(key)
        if known is None:
            scope = _scope(function, target, xp)
            made = FunctionType(
                function.__code__, scope, function.__name__, function.__defaults__, function.__closure__
            )
            made.__kwdefaults__ = function.__kwdefaults__
            known = _functions[key] = (made, function)  # holding `function` keeps its id its own
    return known[0]


def _scope(function: Any, target: str, xp: Any) -> dict[str, Any]:
    source = function.__globals__
    key = (id(source), target)
    scope = _globals.get(key)
    if scope is None:
        scope = _globals[key] = {}  # first, so that helpers that call each other find it
        for name, value in source.items():
            scope[name] = _bound_value(name, value, target, xp)
    return scope


def _bound_value(name: str, value: Any, target: str, xp: Any) -> Any:
    if isinstance(value, Op):
        special = meta_of if target == META else traced_of if target == TRACE else None
        return kernel_of(value, target, xp) if special is None else special(value)
    if name == "xp" and target != META:
        return xp
    if isinstance(value, FunctionType) and value.__module__.startswith("engine.ops."):
        return bind(value, target, xp)
    return value


def kernel_of(op: Op, target: str, xp: Any) -> Callable[..., Any]:
    """The op's kernel on a backend."""
    kernel = op.bound.get(target)
    if kernel is None and target == "numpy" and op.fast is not None:
        kernel = op.bound[target] = op.fast
    if kernel is None:
        kernel = op.bound[target] = bind(op.kernel, target, xp)
    return kernel


def traced_of(op: Op) -> Callable[..., Any]:
    """A function that hands a call of the op to the first stand-in among its arguments (`engine.compiled`)."""

    def call(*args: Any, **kwargs: Any) -> Any:
        for each in args:
            for entry in each if type(each) is list else (each,):
                if hasattr(type(entry), "call_op"):
                    return entry.call_op(op, args, kwargs)
        return kernel_of(op, "numpy", np)(*args, **kwargs)

    return call


def meta_of(op: Op) -> Callable[..., Any]:
    """A function from shapes to shapes: the op's rule, or a composed op's body on such functions."""

    def infer(*args: Any, **kwargs: Any) -> Any:
        from engine.infer import infer_outputs

        return infer_outputs(op, args, kwargs)

    return infer

"""From a kernel to calls: elementwise ones as bare ufuncs, and what changes no bit left out.

Each rewriting keeps every bit of every result: a product with one is its other factor, a doubled number times another
is the number times their product, an elementwise call on equal elements is one on a single element.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from engine import arrays
from engine.binding import kernel_of
from engine.compiled.program import Kind, Program
from engine.compiled.scattering import Part, scatter
from engine.compiled.values import Value
from engine.op import Op

FLOATS = frozenset((np.dtype(np.float32), np.dtype(np.float64)))
UFUNCS: dict[Any, Any] = {
    operator.add: np.add,
    operator.sub: np.subtract,
    operator.mul: np.multiply,
    operator.truediv: np.true_divide,
    operator.neg: np.negative,
}


def call_kernel(program: Program, op: Op, args: list[Any], kernel: Callable[..., Any] | None = None) -> Any:
    """The value (or list of values) of an op's kernel on values and attributes, in the order of its parameters."""
    lower = LOWERED.get(op.name)
    made = None if lower is None or op.namespace else lower(program, op, args)
    if made is None:
        made = _as_ufunc(program, op, args)
    if made is None:
        made = call(program, kernel or kernel_of(op, "numpy", np), args, op.multiple)
    return made


def call(program: Program, fn: Callable[..., Any], args: list[Any], several: bool) -> Any:
    """The value (or list of values) of any function of arrays."""
    return program.emit(fn, [_dense(program, each) for each in args], several)


def _dense(program: Program, arg: Any) -> Any:
    if isinstance(arg, Value):
        return program.dense(arg)
    if isinstance(arg, (list, tuple)):
        return type(arg)([_dense(program, each) for each in arg])
    return arg


# -- ufuncs ---------------------------------------------------------------------------------------------------------


def _as_ufunc(program: Program, op: Op, args: list[Any]) -> Value | None:
    """The op as a ufunc on floats of one dtype, where it is one and its other arguments have their defaults."""
    ufunc = op.fast if isinstance(op.fast, np.ufunc) else UFUNCS.get(op.fast)
    if ufunc is None:
        return None
    rest = zip(args[op.operands :], op.params[op.operands :], strict=False)
    if any(type(value) is not type(param.default) or value != param.default for value, param in rest):
        return None
    return elementwise(program, ufunc, args[: op.operands])


def elementwise(program: Program, ufunc: np.ufunc, operands: list[Any]) -> Value | None:
    """The ufunc on values and numbers, or None where they are not floats of one dtype."""
    types = {each.dtype for each in operands if isinstance(each, Value)}
    plain = [each for each in operands if not isinstance(each, Value)]
    if len(types) != 1 or not types <= FLOATS or any(type(each) not in (int, float) for each in plain):
        return None
    dtype = types.pop()
    values = [_bare(program, each, dtype) for each in operands]
    shape = np.broadcast_shapes(*[each.shape for each in values])
    if all(each.uniform is not None or (each.const and not each.shape) for each in values):
        return program.uniform(ufunc(*[_element(each) for each in values]), shape, scattered=True)
    same = _without_effect(ufunc, values, shape)
    if same is not None:
        return same
    values = _merged(program, ufunc, values)
    narrow = any(each.uniform is None and each.shape == shape for each in values)
    final = [program.constant(each.uniform) if narrow and each.uniform is not None else each for each in values]
    made: Value = program.emit(ufunc, [program.dense(each) for each in final], kind=Kind.BUFFERED)
    return made


def _bare(program: Program, operand: Any, dtype: np.dtype[Any]) -> Value:
    """An operand as a value; a number as a constant, an element that was made an array without that."""
    if not isinstance(operand, Value):
        return program.constant(arrays.cached_scalar(operand, dtype))
    maker = operand.maker
    if maker is not None and maker.fn is np.asarray:
        source: Value = maker.args[0]
        return source
    return operand


def _element(value: Value) -> Any:
    return value.real if value.uniform is None else value.uniform


def _without_effect(ufunc: np.ufunc, values: list[Value], shape: tuple[int, ...]) -> Value | None:
    """The operand that the result equals to the last bit, if it does: times one, divided by one."""
    if ufunc not in (np.multiply, np.true_divide):
        return None
    for factor, other in ((values[1], values[0]), (values[0], values[1])):
        one = (factor.uniform is not None or (factor.const and not factor.shape)) and _element(factor) == 1
        if one and other.shape == shape and (ufunc is np.multiply or factor is values[1]):
            return other
    return None


def _merged(program: Program, ufunc: np.ufunc, values: list[Value]) -> list[Value]:
    """`(x * k) * c` as `x * (k * c)` where k is a power of two, and neither is below one.

    Then `x * k` is exact, or both ways overflow.
    """
    if ufunc is not np.multiply:
        return values
    for at in (0, 1):
        inner, factor = values[at].maker, values[1 - at]
        if inner is None or inner.fn is not np.multiply or not (_is_element(factor) and abs(_element(factor)) >= 1):
            continue
        for place in (0, 1):
            k, x = inner.args[place], inner.args[1 - place]
            if _is_element(k) and x.shape == values[at].shape and _is_doubling(_element(k)):
                product = np.multiply(_element(k), _element(factor))
                if np.isfinite(product) and product / _element(k) == _element(factor):
                    return [x, program.uniform(product, factor.shape, scattered=False)]
    return values


def _is_element(value: Value) -> bool:
    return value.uniform is not None or (value.const and not value.shape)


def _is_doubling(element: Any) -> bool:
    fraction, _ = np.frexp(element)
    return bool(element >= 1 and fraction == 0.5)


# -- kernels that are something else than they are called -----------------------------------------------------------


def _pow(program: Program, op: Op, args: list[Any]) -> Value | None:
    base, exponent = args
    if not isinstance(base, Value) or isinstance(exponent, Value) or base.dtype not in FLOATS:
        return None
    if exponent == 2:
        return elementwise(program, np.multiply, [base, base])
    return base if exponent == 1 else None


def _scale(program: Program, op: Op, args: list[Any]) -> Value | None:
    return elementwise(program, np.multiply, args)


def _shift(program: Program, op: Op, args: list[Any]) -> Value | None:
    return elementwise(program, np.add, args)


def _rsub(program: Program, op: Op, args: list[Any]) -> Value | None:
    plain = len(args) < 3 or (type(args[2]) is int and args[2] == 1)
    return elementwise(program, np.subtract, [args[1], args[0]]) if plain else None


def _sum(program: Program, op: Op, args: list[Any]) -> Value | None:
    source = args[0]
    if op.operands != 1 or "dim" in op.index or any(each is not None for each in args[1:]):
        return None
    if not isinstance(source, Value) or source.dtype not in FLOATS:
        return None
    made: Value = program.emit(np.add.reduce, [program.dense(source), None])
    return made


def _slice(program: Program, op: Op, args: list[Any]) -> Value | None:
    source, dim, start, end, step = args
    key = (*(slice(None),) * dim, slice(start, end, step))
    made: Value = program.emit(operator.getitem, [program.dense(source), key])
    return made


def _slice_backward(program: Program, op: Op, args: list[Any]) -> Value | None:
    source, shape, dim, start, end, step = args
    return _scattered(program, source, tuple(shape), dim, *slice(start, end, step).indices(shape[dim]))


def _select_backward(program: Program, op: Op, args: list[Any]) -> Value | None:
    source, shape, dim, index = args
    return _scattered(program, source, tuple(shape), dim, index % max(shape[dim], 1), None, None)


def _scattered(program: Program, source: Value, shape: Any, dim: int, start: int, end: Any, step: Any) -> Value:
    made: Value = program.emit(scatter(Part(shape, dim, start, end, step)), [program.dense(source)], kind=Kind.FRESH)
    return made


def _alias(program: Program, op: Op, args: list[Any]) -> Value | None:
    made: Value = args[0]
    return made


def _expand(program: Program, op: Op, args: list[Any]) -> Value | None:
    source, size = args[:2]
    if isinstance(source, Value) and source.const and source.real.size == 1 and -1 not in size:
        return program.uniform(source.real.reshape(()), tuple(size), scattered=False)
    return None


LOWERED: dict[str, Callable[[Program, Op, list[Any]], Value | None]] = {
    "alias": _alias,
    "expand": _expand,
    "pow": _pow,
    "rsub": _rsub,
    "scale": _scale,
    "select_backward": _select_backward,
    "shift": _shift,
    "slice": _slice,
    "slice_backward": _slice_backward,
    "sum": _sum,
}

"""Jacobians in two ways: by backward, and by central differences. What `gradcheck` compares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine import arrays
from engine.autograd import forward_ad
from engine.backward import grad
from engine.tensor import Tensor, wrap

Func = Callable[..., Any]


def analytical_jacobians(out: Tensor, inputs: list[Tensor]) -> list[np.ndarray[Any, Any]]:
    """For each input its Jacobian by backward, shape (input elements, output elements)."""
    columns: list[list[Any]] = [[] for _ in inputs]
    for at in range(out.numel()):
        for unit in (1.0, 1j) if out.is_complex() else (1.0,):
            seed = np.zeros(out.numel(), arrays.to_host(out._array).dtype)
            seed[at] = unit
            start = wrap(arrays.put(seed.reshape(tuple(out.shape)), out.device))
            grads = grad(out, inputs, start, retain_graph=True, allow_unused=True)
            for column, (g, each) in enumerate(zip(grads, inputs, strict=True)):
                flat = np.zeros(each.numel(), arrays.to_host(each._array).dtype)
                columns[column].append(flat if g is None else arrays.to_host(g._array).reshape(-1).copy())
    empty = [np.zeros((each.numel(), 0)) for each in inputs]
    return [np.stack(each, axis=1) if each else none for each, none in zip(columns, empty, strict=True)]


def numerical_jacobian(func: Func, inputs: tuple[Any, ...], at: int, nr: int, eps: float) -> np.ndarray[Any, Any]:
    """The Jacobian of one output by one input by central differences, in the form of `analytical_jacobians`."""
    source = inputs[at]
    host = arrays.to_host(source._array)
    rows = []
    for place in range(source.numel()):
        parts = [_difference(func, inputs, at, nr, host, place, eps * unit, eps) for unit in _units(host)]
        rows.append(parts)
    return _wirtinger(rows, host)


def _units(host: Any) -> tuple[complex, ...]:
    return (1.0, 1j) if host.dtype.kind == "c" else (1.0,)


def _difference(
    func: Func, inputs: tuple[Any, ...], at: int, nr: int, host: Any, place: int, step: complex, eps: float
) -> Any:
    values = []
    for sign in (1, -1):
        moved = host.copy().reshape(-1)
        moved[place] += host.dtype.type(sign * step)
        changed = wrap(arrays.put(moved.reshape(host.shape), inputs[at].device)).requires_grad_()
        result = func(*inputs[:at], changed, *inputs[at + 1 :])  # with a graph: it may take gradients itself
        several = result if isinstance(result, (tuple, list)) else (result,)
        floats = [each for each in several if isinstance(each, Tensor) and each.dtype.differentiable]
        values.append(arrays.to_host(floats[nr]._array).reshape(-1).astype(np.complex128, copy=True))
    return (values[0] - values[1]) / (2 * eps)


def _wirtinger(rows: list[list[Any]], host: Any) -> np.ndarray[Any, Any]:
    """Differences along each axis of the input, as the gradients of the real and imaginary parts of the outputs."""
    table = []
    for parts in rows:
        columns = []
        for out in range(len(parts[0])):
            for unit in (1.0, 1j):
                slope = [np.real(np.conj(unit) * part[out]) for part in parts]
                columns.append(slope[0] + 1j * slope[1] if len(slope) == 2 else slope[0])
        table.append(columns)
    return np.array(table)


def forward_jacobians(func: Func, inputs: tuple[Any, ...], at: int) -> list[np.ndarray[Any, Any]]:
    """The Jacobians of all outputs by one input, by forward mode, each of shape (input elements, output elements)."""
    source = inputs[at]
    rows: list[list[Any]] = []
    for place in range(source.numel()):
        seed = np.zeros(source.numel(), arrays.to_host(source._array).dtype)
        seed[place] = 1
        with forward_ad.dual_level():
            tangent = wrap(arrays.put(seed.reshape(tuple(source.shape)), source.device))
            dual = forward_ad.make_dual(source.detach(), tangent)
            result = func(*inputs[:at], dual, *inputs[at + 1 :])
            several = result if isinstance(result, (tuple, list)) else (result,)
            moved = [(each, forward_ad.unpack_dual(each).tangent) for each in several if each.dtype.differentiable]
        rows.append([_flat(out if tangent is None else tangent, tangent is None) for out, tangent in moved])
    return [np.stack(column) for column in zip(*rows, strict=True)]


def _flat(tensor: Tensor, blank: bool) -> np.ndarray[Any, Any]:
    values: np.ndarray[Any, Any] = arrays.to_host(tensor.detach()._array).reshape(-1)
    return np.zeros_like(values) if blank else values


__all__ = ["analytical_jacobians", "forward_jacobians", "numerical_jacobian"]

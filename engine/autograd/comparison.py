"""How far gradients are from central differences, as numbers: `gradcheck` says only whether they agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine import errors
from engine.autograd.differences import analytical_jacobians, numerical_jacobian
from engine.modes import state
from engine.tensor import Tensor

Index = tuple[int, ...]
Rows = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a Jacobian in both forms: of an output's element by an input's."""

    output: int
    output_index: Index
    input: int
    input_index: Index
    analytical: complex
    numerical: complex


@dataclass(slots=True)
class Comparison:
    """Whether all entries agree, the largest differences, and the entry that differs most; None if there is none."""

    ok: bool = True
    max_abs_error: float = 0.0
    max_rel_error: float = 0.0
    worst: Entry | None = None


def compare_gradients(
    func: Callable[..., tuple[Tensor, ...]],
    inputs: Sequence[Tensor],
    places: Sequence[int],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
) -> Comparison:
    """Compare the gradients of all outputs of `func` by the inputs at `places` with central differences of step `eps`.

    As in `gradcheck`, entries agree within `atol + rtol * abs(numerical)`. Raises ValueError (`bad_argument`) where
    either is not finite, MemoryError (`too_large`) where a guard says so.
    """
    leaves = list(inputs)
    for at in places:
        leaves[at] = leaves[at].detach().requires_grad_()
    wanted = [leaves[at] for at in places]
    outputs = [each for each in func(*leaves) if each.dtype.differentiable]
    found = Comparison()
    for nr, out in enumerate(outputs):
        _make_room(out, wanted)
        rows = analytical_jacobians(out, wanted) if out.requires_grad else [_zeros(out, each) for each in wanted]
        for at, analytical in zip(places, rows, strict=True):
            numerical = numerical_jacobian(func, tuple(leaves), at, nr, eps)
            if not out.is_complex() and numerical.size:
                numerical = numerical[:, ::2]  # a real output has no imaginary part to move
            numerical = numerical.reshape(analytical.shape)
            _take(found, _Block(nr, at, out, leaves[at]), analytical, numerical, (atol, rtol))
    return found


def _make_room(out: Tensor, inputs: Sequence[Tensor]) -> None:
    """Ask the guard for both Jacobians: complex columns for each part of an output, and the differences as complex."""
    guard = state.ctx.guard
    if guard is not None:
        size = 2 * 2 * 16 * out.numel() * sum(each.numel() for each in inputs)
        guard.allocate("gradcheck", size)
        guard.release(size)


def _zeros(out: Tensor, source: Tensor) -> Rows:
    return np.zeros((source.numel(), out.numel() * (2 if out.is_complex() else 1)))


@dataclass(frozen=True, slots=True)
class _Block:
    """Which Jacobian: of an output by an input."""

    output: int
    input: int
    out: Tensor
    source: Tensor

    def entry(self, flat: int, analytical: Rows, numerical: Rows) -> Entry:
        """The entry at a place of the flattened Jacobian."""
        row, column = np.unravel_index(flat, analytical.shape)
        element = int(column) // (2 if self.out.is_complex() else 1)
        return Entry(
            self.output,
            _index(element, self.out),
            self.input,
            _index(int(row), self.source),
            analytical.flat[flat].item(),
            numerical.flat[flat].item(),
        )


def _index(element: int, tensor: Tensor) -> Index:
    return tuple(int(each) for each in np.unravel_index(element, tuple(tensor.shape))) if tensor.ndim else ()


def _take(found: Comparison, block: _Block, analytical: Rows, numerical: Rows, tolerance: tuple[float, float]) -> None:
    """Add one Jacobian to what has been found."""
    if not analytical.size:
        return
    if analytical.dtype.kind != "c":
        numerical = numerical.real
    finite = np.isfinite(analytical) & np.isfinite(numerical)
    if not finite.all():
        entry = block.entry(int(np.argmin(finite)), analytical, numerical)
        raise errors.bad_value(
            f"gradcheck: the derivative of output {entry.output} at {list(entry.output_index)} by input {entry.input} "
            f"at {list(entry.input_index)} is not finite: {entry.analytical} by backward, {entry.numerical} by "
            "central differences"
        )
    error = np.abs(analytical - numerical)
    scale = np.maximum(np.abs(analytical), np.abs(numerical))
    relative = np.divide(error, scale, out=np.zeros_like(error), where=scale > 0)
    atol, rtol = tolerance
    found.ok = found.ok and bool((error <= atol + rtol * np.abs(numerical)).all())
    found.max_rel_error = max(found.max_rel_error, float(relative.max()))
    most = int(np.argmax(error))
    if found.worst is None or float(error.flat[most]) > found.max_abs_error:
        found.max_abs_error = float(error.flat[most])
        found.worst = block.entry(most, analytical, numerical)


__all__ = ["Comparison", "Entry", "compare_gradients"]

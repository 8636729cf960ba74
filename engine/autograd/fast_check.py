"""`gradcheck`'s fast mode: Jacobians are not compared whole but along random directions, as v^T J u.

The directions are torch's own, bit for bit: the first numbers of a fresh `torch.Generator` (a Mersenne twister).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine import arrays
from engine.autograd import forward_ad
from engine.backward import grad
from engine.grad_mode import no_grad
from engine.tensor import Tensor, wrap

Func = Callable[..., Any]
DEFAULT_SEED = 67280421310721
PREFACE = (
    "\nThe above quantities relating the numerical and analytical jacobians are computed \nin fast mode. See: "
    "https://github.com/pytorch/pytorch/issues/53876 for more background \nabout fast mode. Below, we recompute "
    "numerical and analytical jacobians in slow mode:\n\n"
)
SLOW_OK = """
Fast gradcheck failed but element-wise differences are small. This means that the
test might've passed in slow_mode!

If you are adding a new operator, please file an issue and then use one of the
workarounds. The workaround depends on how your test invokes gradcheck/gradgradcheck:

If the test
- manually invokes gradcheck/gradgradcheck, then call gradcheck/gradgradcheck
  with `fast_mode=False` as a keyword argument.
- is OpInfo-based (e.g., in test_ops_gradients.py), then modify the OpInfo for the test
  to have `gradcheck_fast_mode=False`
- is a Module test (e.g., in common_nn.py), then modify the corresponding
  module_test entry to have `gradcheck_fast_mode=False`
"""


@dataclass(frozen=True)
class Directions:
    """Unit vectors: one for each input (two, for the real and the imaginary axis, of a complex one) and output."""

    inputs: list[tuple[Any, ...]]
    outputs: list[Any]

    def tolerance(self, atol: float, at: int, nr: int | None) -> float:
        """The absolute tolerance for v^T J u where entries of J have `atol`."""
        across = 1.0 if nr is None else float(self.outputs[nr].sum())
        return atol * float(sum(each.sum() for each in self.inputs[at])) * across


def directions(inputs: list[Tensor], outputs: list[Tensor]) -> Directions:
    """The directions torch draws for these tensors, which are real or, among the inputs, complex."""
    stream = np.random.RandomState(DEFAULT_SEED & 0xFFFFFFFF)

    def unit(tensor: Tensor) -> Any:
        bits = stream.randint(0, 2**32, tensor.numel(), np.uint64) & 0xFFFFFF
        made = (bits.astype(np.float32) * np.float32(2**-24)).astype(tensor.dtype.to_real().numpy)
        return made / np.sqrt((made * made).sum()) if made.size else made

    drawn = [tuple(unit(each) for _ in range(2 if each.is_complex() else 1)) for each in inputs]
    return Directions(drawn, [unit(each) for each in outputs])


def moved(func: Func, inputs: tuple[Any, ...], at: int, along: tuple[Any, ...], eps: float) -> list[Any]:
    """The derivatives of the outputs of `func` along a direction of one input, by central differences."""
    units: tuple[complex, ...] = (1.0, 1j)
    parts = [_difference(func, inputs, at, step * eps * unit, eps) for step, unit in zip(along, units, strict=False)]
    if len(parts) == 1:
        return parts[0]
    return [x + 1j * y for x, y in zip(*parts, strict=True)]


def _difference(func: Func, inputs: tuple[Any, ...], at: int, step: Any, eps: float) -> list[Any]:
    host = arrays.to_host(inputs[at]._array)
    values = []
    for sign in (-1, 1):
        shifted = (host.reshape(-1) + sign * step).astype(host.dtype).reshape(host.shape)
        changed = wrap(arrays.put(shifted, inputs[at].device)).requires_grad_()
        with no_grad():
            result = func(*inputs[:at], changed, *inputs[at + 1 :])
        several = result if isinstance(result, (tuple, list)) else (result,)
        values.append([arrays.to_host(each._array).reshape(-1) for each in several if each.dtype.differentiable])
    return [(b - a) / (2 * eps) for a, b in zip(*values, strict=True)]


def pulled(out: Tensor, inputs: list[Tensor], along: Directions, nr: int) -> list[Any]:
    """v^T J for each input by backward, flattened."""
    seed = along.outputs[nr].astype(arrays.to_host(out._array).dtype).reshape(tuple(out.shape))
    grads = grad(out, inputs, wrap(arrays.put(seed, out.device)), retain_graph=True, allow_unused=True)
    return [
        np.zeros(each.numel(), each.dtype.numpy) if g is None else arrays.to_host(g._array).reshape(-1).copy()
        for g, each in zip(grads, inputs, strict=True)
    ]


def dotted(flat: Any, along: tuple[Any, ...]) -> Any:
    """v^T J times the direction of the input."""
    if len(along) == 2:
        return (flat.real * along[0]).sum() + 1j * (flat.imag * along[1]).sum()
    return (flat * along[0]).sum()


def pushed(func: Func, inputs: tuple[Any, ...], at: int, along: tuple[Any, ...]) -> list[Any]:
    """The derivatives of the outputs along a direction of one real input, by forward mode."""
    source = inputs[at]
    with forward_ad.dual_level():
        tangent = wrap(arrays.put(along[0].reshape(tuple(source.shape)), source.device))
        result = func(*inputs[:at], forward_ad.make_dual(source.detach(), tangent), *inputs[at + 1 :])
        several = result if isinstance(result, (tuple, list)) else (result,)
        found = [(each, forward_ad.unpack_dual(each).tangent) for each in several if each.dtype.differentiable]
    return [
        np.zeros(out.numel(), out.dtype.numpy) if moving is None else arrays.to_host(moving.detach()._array).reshape(-1)
        for out, moving in found
    ]


__all__ = ["PREFACE", "SLOW_OK", "Directions", "directions", "dotted", "moved", "pulled", "pushed"]

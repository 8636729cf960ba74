"""Gradients of every op on every sample: against central differences, of first and second order.

A result is made a real number with fixed weights w: L = sum of Re(conj(w) * out). The gradient of a real input is
dL/dx, of a complex one dL/dRe + i dL/dIm (the conjugate Wirtinger convention). First order differentiates the
samples' references, so that no engine code is its own judge; second order differentiates the first gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import engine as torch
from tests.engine.samples.base import (
    Array,
    Dtype,
    Sample,
    arguments,
    as_list,
    expected,
    fresh,
    is_inexact,
    numpy_arguments,
    weights,
)
from tests.engine.support import ON_CPU, assert_close, by_op, check_each, results, tensors

DIFFERENTIABLE = [each for each in ON_CPU if each.differentiable and any(one.differentiable for one in each.inputs)]
SMOOTH = [each for each in DIFFERENTIABLE if each.smooth]
EXACT = {"float64", "complex128"}
STEP = 1e-5
DIRECTIONS = 3


def inexact_dtypes(sample: Sample) -> set[str]:
    """The floating and complex dtypes of a sample's inputs and results."""
    inputs = [each.array for each in sample.inputs if each.differentiable]
    return {each.dtype.name for each in [*inputs, *expected(sample)] if is_inexact(each.dtype)}


DOUBLE = [each for each in SMOOTH if inexact_dtypes(each) <= EXACT]


# -- numeric -----------------------------------------------------------------------------------------------------------


def differences(scalar: Callable[[list[Array]], float], arrays: list[Array], at: int) -> Array:
    """The gradient of a real function with respect to one of its arrays, by central differences."""
    moved = arrays[at].copy()
    moving = [*arrays[:at], moved, *arrays[at + 1 :]]
    gradient = np.zeros(moved.shape, moved.dtype)
    for place in np.ndindex(moved.shape):
        start = moved[place]
        for direction in (1, 1j) if moved.dtype.kind == "c" else (1,):
            moved[place] = start + STEP * direction
            above = scalar(moving)
            moved[place] = start - STEP * direction
            gradient[place] += direction * (above - scalar(moving)) / (2 * STEP)
            moved[place] = start
    return gradient


def weighted(sample: Sample, outputs: Sequence[Array]) -> float:
    """L: the results made one real number."""
    total = 0.0
    for nr, out in enumerate(outputs):
        if is_inexact(out.dtype):
            total += float(np.sum(np.real(np.conjugate(weights(sample, nr, out)) * out)))
    return total


def shared(sample: Sample, firsts: Sequence[Array]) -> float:
    """The first gradients made one real number."""
    shares = [weights(sample, 50 + nr, each) for nr, each in enumerate(firsts)]
    return sum(float(np.sum(np.real(np.conjugate(a) * b))) for a, b in zip(shares, firsts, strict=True))


def widened(array: Array) -> Array:
    """The array in double precision."""
    if array.dtype.name in EXACT or not is_inexact(array.dtype):
        return array
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


WIDE = {"float32": "float64", "float16": "float64", "bfloat16": "float64", "complex64": "complex128"}


def wide(value: Any) -> Any:
    """A dtype argument in double precision; anything else as it is."""
    return Dtype(WIDE.get(value.name, value.name)) if isinstance(value, Dtype) else value


def numeric(sample: Sample) -> list[Array]:
    """The gradients of the reference, computed in double precision whatever the sample's dtypes."""
    inputs = [widened(each.array) for each in sample.inputs]
    kwargs = {key: wide(value) for key, value in sample.kwargs.items()}
    doubled = replace(sample, args=tuple(map(wide, sample.args)), kwargs=kwargs)

    def scalar(arrays: list[Array]) -> float:
        args, kwargs = numpy_arguments(doubled, arrays)
        return weighted(sample, as_list(sample.reference(*args, **kwargs)))

    return [differences(scalar, inputs, at) for at, each in enumerate(sample.inputs) if each.differentiable]


# -- of the engine -----------------------------------------------------------------------------------------------------


def gradients(sample: Sample, inputs: list[Any], sent: list[Any] | None = None, create: bool = False) -> list[Any]:
    """The gradients of L with respect to the inputs that require grad."""
    outputs = [each for each in results(sample, inputs) if each.requires_grad]
    if sent is None:
        sent = upstream(sample, inputs)
    wanted = [each for each in inputs if each.requires_grad]
    return list(torch.autograd.grad(outputs, wanted, sent, create_graph=create, materialize_grads=True))


def upstream(sample: Sample, inputs: list[Any]) -> list[Any]:
    """The weights of the outputs that have gradients."""
    outputs = results(sample, inputs)
    return [torch.from_numpy(weights(sample, nr, each._array)) for nr, each in enumerate(outputs) if each.requires_grad]


def tolerance(sample: Sample, exact: float) -> float:
    """What the coarsest dtype in a sample allows; `exact` where all are double."""
    coarse = {"float32": 3e-4, "complex64": 3e-4, "float16": 0.05, "bfloat16": 0.1}
    return max(coarse.get(name, exact) for name in inexact_dtypes(sample))


@by_op(SMOOTH)
def test_first_order(group: list[Sample]) -> None:
    check_each("first-order", group, check_first_order)


def check_first_order(sample: Sample) -> None:
    inputs = tensors(sample, track=True)
    got = gradients(sample, inputs)
    wanted = [each for each in inputs if each.requires_grad]
    for gradient, tensor, want in zip(got, wanted, numeric(sample), strict=True):
        assert gradient.dtype is tensor.dtype
        assert not gradient.requires_grad
        assert_close(gradient._array, want, tolerance=tolerance(sample, 1e-7))


@by_op(DOUBLE)
def test_second_order(group: list[Sample]) -> None:
    check_each("second-order", group, check_second_order)


def check_second_order(sample: Sample) -> None:
    inputs = tensors(sample, track=True)
    sent = [each.requires_grad_() for each in upstream(sample, inputs)]
    first = gradients(sample, inputs, sent, create=True)
    wanted = [each for each in inputs if each.requires_grad] + sent
    shares = [torch.from_numpy(weights(sample, 50 + nr, each._array)) for nr, each in enumerate(first)]
    tracked = [(each, share) for each, share in zip(first, shares, strict=True) if each.requires_grad]
    if tracked:
        roots, sends = zip(*tracked, strict=True)
        got = torch.autograd.grad(roots, wanted, sends, materialize_grads=True)
    else:
        got = tuple(torch.from_numpy(np.zeros(each.shape, each._array.dtype)) for each in wanted)
    check_along_directions(sample, inputs, sent, [each._array for each in got])


def check_along_directions(sample: Sample, inputs: list[Any], sent: list[Any], second: list[Array]) -> None:
    """The second gradients against differences of first ones, along random directions of inputs and upstream gradients.

    Along a random direction every element counts, at two evaluations instead of two for each element.
    """
    start = [each.detach().numpy() for each in inputs if each.requires_grad] + [each.detach().numpy() for each in sent]
    for nr in range(DIRECTIONS):
        ways = [weights(sample, 100 * nr + 200 + at, each) for at, each in enumerate(start)]
        above, below = (
            first_at(sample, [np.asarray(each + sign * STEP * way) for each, way in zip(start, ways, strict=True)])
            for sign in (1, -1)
        )
        terms = [np.sum(np.real(np.conjugate(a) * b)) for a, b in zip(second, ways, strict=True)]
        scale = max(1.0, *[float(np.max(np.abs(each), initial=0)) for each in second])
        np.testing.assert_allclose(float(sum(terms)), (above - below) / (2 * STEP), rtol=2e-6, atol=2e-6 * scale)


def first_at(sample: Sample, arrays: list[Array]) -> float:
    """The weighted first gradients at other values of the differentiable inputs and of the upstream gradients."""
    fill = iter(arrays)
    inputs = [torch.from_numpy(next(fill) if each.differentiable else fresh(each.array)) for each in sample.inputs]
    for tensor, each in zip(inputs, sample.inputs, strict=True):
        tensor.requires_grad_(each.differentiable)
    return shared(
        sample, [each._array for each in gradients(sample, inputs, [torch.from_numpy(each) for each in fill])]
    )


@pytest.mark.filterwarnings("ignore:Using backward:UserWarning")  # of the cycle through `.grad`, as in torch
@by_op(DIFFERENTIABLE)
def test_plain_and_recorded_backward_agree(group: list[Sample]) -> None:
    check_each("recorded", group, check_both_ways)


def check_both_ways(sample: Sample) -> None:
    """The formulas on bare arrays give what they give as recording ops."""
    plain, recorded = tensors(sample, track=True), tensors(sample, track=True)
    for inputs, create in ((plain, False), (recorded, True)):
        outputs = [each for each in results(sample, inputs) if each.requires_grad]
        torch.autograd.backward(outputs, upstream(sample, inputs), create_graph=create)
    for one, other in zip(plain, recorded, strict=True):
        assert (one.grad is None) == (other.grad is None)
        if one.grad is not None:
            assert one.grad.dtype is other.grad.dtype
            assert_close(one.grad._array, other.grad.detach()._array, tolerance=tolerance(sample, 1e-13))


NOT_DIFFERENTIABLE = [each for each in ON_CPU if each.differentiable is False and each.inputs]


@by_op(NOT_DIFFERENTIABLE)
def test_results_without_gradient_do_not_require_it(group: list[Sample]) -> None:
    check_each("constant", group, check_constant)


def check_constant(sample: Sample) -> None:
    outputs = [each for each in results(sample, tensors(sample, track=True)) if isinstance(each, torch.Tensor)]
    tracked = [each.requires_grad for each in outputs]
    assert tracked == [bool(sample.kwargs.get("requires_grad"))] * len(outputs)


IN_PLACE = [each for each in SMOOTH if each.inplace and hasattr(torch.Tensor, each.op[:-1])]


@by_op(IN_PLACE)
def test_in_place_gradients_are_those_out_of_place(group: list[Sample]) -> None:
    check_each("in-place", group, check_in_place)


def check_in_place(sample: Sample) -> None:
    inputs, others = tensors(sample, track=True), tensors(sample, track=True)
    (first, *args), kwargs = arguments(sample, torch, others)
    plain = getattr(first, sample.op[:-1])(*args, **kwargs).to(first.dtype)  # an in-place op casts on writing
    plain = plain + 0 * sum(each.sum() for each in others if each.requires_grad)  # which all may be unused
    sent = upstream(sample, inputs)
    got = gradients(sample, inputs, sent)
    want = torch.autograd.grad([plain], [each for each in others if each.requires_grad], sent)
    for one, other in zip(got, want, strict=True):
        assert_close(one._array, other._array, tolerance=tolerance(sample, 1e-12))

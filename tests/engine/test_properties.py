"""Properties that hold for any shape, view, index or nest of numbers: hypothesis looks for one that breaks them."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, broadcastable_shapes, mutually_broadcastable_shapes

import engine as torch

MODEST = settings(max_examples=80, derandomize=True, deadline=None, database=None)
SMALL = array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3)


def ramp(shape: tuple[int, ...], start: float = 0.5) -> np.ndarray[Any, Any]:
    return np.arange(start, start + math.prod(shape)).reshape(shape)


# -- broadcasting -----------------------------------------------------------------------------------------------------


@MODEST
@given(mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3, min_side=0))
def test_broadcasting(shapes: Any) -> None:
    a, b = (ramp(each) for each in shapes.input_shapes)
    x, y = (torch.tensor(each, requires_grad=True) for each in (a, b))
    out = x * y
    assert tuple(out.shape) == shapes.result_shape
    np.testing.assert_array_equal(out.detach()._array, a * b)
    out.sum().backward()
    for tensor, other in ((x, b), (y, a)):
        assert tensor.grad.shape == tensor.shape
        wanted = np.broadcast_to(other, shapes.result_shape)
        np.testing.assert_array_equal(tensor.grad._array, summed(wanted, tuple(tensor.shape)))


def summed(array: Any, shape: tuple[int, ...]) -> Any:
    """The array summed over the dims along which `shape` was broadcast to its own."""
    while array.ndim > len(shape):
        array = array.sum(0)
    for at, size in enumerate(shape):
        if size == 1:
            array = array.sum(at, keepdims=True)
    return array


@MODEST
@given(SMALL, SMALL)
def test_shapes_that_do_not_broadcast_are_refused(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    try:
        np.broadcast_shapes(a, b)
    except ValueError:
        with pytest.raises(RuntimeError, match="must match the size of tensor b") as raised:
            torch.zeros(a) + torch.zeros(b)
        assert raised.value.code == "shape_mismatch"
    else:
        assert (torch.zeros(a) + torch.zeros(b)).shape == np.broadcast_shapes(a, b)


@MODEST
@given(st.data())
def test_expand(data: st.DataObject) -> None:
    shape = data.draw(array_shapes(min_dims=0, max_dims=3, max_side=3))
    wide = data.draw(broadcastable_shapes(shape, max_dims=4, max_side=3))
    array = ramp(shape)
    try:
        wanted = np.broadcast_to(array, wide)
    except ValueError:
        with pytest.raises(RuntimeError):
            torch.tensor(array).expand(wide)
        return
    x = torch.tensor(array, requires_grad=True)
    out = x.expand(wide)
    np.testing.assert_array_equal(out.detach()._array, wanted)
    assert np.shares_memory(out._array, x._array) or not array.size
    out.sum().backward()
    np.testing.assert_array_equal(x.grad._array, summed(np.ones(wide), shape))


# -- views of memory --------------------------------------------------------------------------------------------------


@st.composite
def strided(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    """An array with any strides that slicing, transposing and expanding give."""
    array = ramp(draw(array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4)))
    cut = tuple(slice(draw(st.integers(0, 1)), None, draw(st.integers(1, 2))) for _ in array.shape)
    array = array[cut].transpose(draw(st.permutations(range(array.ndim))))
    if draw(st.booleans()):
        array = np.broadcast_to(np.expand_dims(array, 0), (draw(st.integers(1, 2)), *array.shape))
    return array


@st.composite
def sizes(draw: st.DrawFn, count: int) -> tuple[int, ...]:
    """A size with as many elements, with a -1 now and then."""
    left, size = count, []
    while left > 1 and draw(st.booleans()):
        size.append(draw(st.sampled_from([each for each in range(1, left + 1) if left % each == 0])))
        left //= size[-1]
    size.insert(draw(st.integers(0, len(size))), left)
    if count and draw(st.booleans()):
        size[draw(st.integers(0, len(size) - 1))] = -1
    return tuple(size)


@settings(parent=MODEST, max_examples=150)
@given(st.data())
def test_view_needs_no_copy_or_is_refused(data: st.DataObject) -> None:
    array = data.draw(strided())
    size = data.draw(sizes(array.size))
    x = torch.from_numpy(array)
    wanted = array.reshape(size)
    try:
        np.reshape(array, size, copy=False)
    except ValueError:
        with pytest.raises(RuntimeError, match="view size is not compatible with input tensor's size and stride"):
            x.view(size)
    else:
        out = x.view(size)
        np.testing.assert_array_equal(out._array, wanted)
        assert np.shares_memory(out._array, array) or not array.size
        assert out._base is x
    np.testing.assert_array_equal(x.reshape(size)._array, wanted)


@settings(parent=MODEST, max_examples=150)
@given(st.data())
def test_gradients_through_any_view(data: st.DataObject) -> None:
    """A view of a clone is written in place; the rest of the clone passes its gradient through."""
    start = ramp(data.draw(array_shapes(min_dims=1, max_dims=3, max_side=4)))
    order = data.draw(st.permutations(range(start.ndim)))
    cut = tuple(slice(data.draw(st.integers(0, 1)), None, data.draw(st.integers(1, 2))) for _ in start.shape)
    x = torch.tensor(start, requires_grad=True)
    y = x.clone()
    view = y.permute(order)[tuple(cut[at] for at in order)]
    view.mul_(3)
    wanted, slope = start.copy(), np.ones_like(start)
    wanted[cut] *= 3
    slope[cut] = 3
    np.testing.assert_array_equal(y.detach()._array, wanted)
    weights = ramp(start.shape, 1.0)
    (y * torch.tensor(weights)).sum().backward()
    np.testing.assert_array_equal(x.grad._array, slope * weights)


# -- what `tensor` reads ----------------------------------------------------------------------------------------------

NUMBERS = st.one_of(
    st.booleans(),
    st.integers(-1000, 1000),
    st.floats(-1e3, 1e3, width=32),
    st.complex_numbers(max_magnitude=1e3, width=64),
)


def nested(shape: tuple[int, ...], leaves: list[Any], tuples: bool) -> Any:
    if not shape:
        return leaves.pop()
    made = [nested(shape[1:], leaves, not tuples) for _ in range(shape[0])]
    return tuple(made) if tuples else made


def flat(data: Any) -> list[Any]:
    return [each for part in data for each in flat(part)] if isinstance(data, list | tuple) else [data]


@settings(parent=MODEST, max_examples=150)
@given(array_shapes(min_dims=0, max_dims=3, max_side=3), st.data(), st.booleans())
def test_tensor_reads_nests(shape: tuple[int, ...], data: st.DataObject, tuples: bool) -> None:
    """The highest kind of number among the elements decides the dtype."""
    count = math.prod(shape)
    leaves = data.draw(st.lists(NUMBERS, min_size=count, max_size=count))
    nest = nested(shape, list(leaves), tuples)
    made = torch.tensor(nest)
    kinds = {type(each) for each in leaves}
    wanted = next(name for kind, name in KINDS if kind in kinds)
    assert made.shape == shape
    assert made.dtype.name == wanted
    np.testing.assert_array_equal(made._array, np.array(flat(nest)).astype(wanted).reshape(shape))
    double = torch.tensor(nest, dtype=torch.complex128)
    np.testing.assert_array_equal(double._array, np.array(flat(nest), complex).reshape(shape))


KINDS = [(complex, "complex64"), (float, "float32"), (int, "int64"), (bool, "bool")]


@MODEST
@given(st.lists(st.lists(st.integers(0, 9), max_size=3), min_size=2, max_size=4))
def test_tensor_refuses_ragged_nests(rows: list[list[int]]) -> None:
    lengths = [len(row) for row in rows]
    assume(len(set(lengths)) > 1 and lengths[0])
    wrong = next(each for each in lengths if each != lengths[0])
    with pytest.raises(
        ValueError, match=rf"expected sequence of length {lengths[0]} at dim 1 \(got {wrong}\)"
    ) as raised:
        torch.tensor(rows)
    assert raised.value.code == "bad_argument"


@MODEST
@given(st.lists(st.sampled_from([1, 2.5, True, 1j]), max_size=4), st.sampled_from(["x", None, {}, object()]))
def test_tensor_refuses_what_is_no_number(numbers: list[Any], wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError, RuntimeError)) as raised:
        torch.tensor([*numbers, wrong])
    assert raised.value.code == "bad_argument"


@MODEST
@given(st.sampled_from(["float32", "float64", "int64", "uint8", "bool"]), array_shapes(min_dims=0, max_dims=3))
def test_tensor_copies_arrays_and_tensors(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.ones(shape, dtype)
    for source in (array, torch.from_numpy(np.array(array))):
        told = contextlib.nullcontext() if source is array else pytest.warns(UserWarning, match="To copy construct")
        with told:
            made = torch.tensor(source)
        assert made.dtype.name == dtype
        assert not np.shares_memory(made._array, getattr(source, "_array", source))
    assert np.shares_memory(torch.from_numpy(np.asarray(array))._array, array)
    assert np.shares_memory(torch.as_tensor(array)._array, array)

"""Any index reads and writes what NumPy does, as a view or a copy; in-place changes count for all who share."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, broadcastable_shapes

import engine as torch

MODEST = settings(max_examples=200, derandomize=True, deadline=None, database=None)
Array = np.ndarray[Any, Any]


def ramp(shape: tuple[int, ...]) -> Array:
    return np.arange(0.5, 0.5 + math.prod(shape)).reshape(shape)


# -- keys -------------------------------------------------------------------------------------------------------------


@st.composite
def slices(draw: st.DrawFn, size: int) -> slice:
    bound = st.one_of(st.none(), st.integers(-size - 1, size + 1))
    return slice(draw(bound), draw(bound), draw(st.one_of(st.none(), st.integers(1, 3))))


@st.composite
def basic_keys(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Ints, slices, None and one Ellipsis: what gives a view."""
    key: list[Any] = []
    used = draw(st.integers(0, len(shape)))
    for size in shape[:used]:
        key.append(draw(st.one_of(st.integers(-size, size - 1), slices(size))))
    if draw(st.booleans()):
        rest = shape[used:][::-1]
        tail = [draw(st.one_of(st.integers(-n, n - 1), slices(n))) for n in rest[: draw(st.integers(0, len(rest)))]]
        key += [Ellipsis, *tail[::-1]]
    for _ in range(draw(st.integers(0, 2))):
        key.insert(draw(st.integers(0, len(key))), None)
    return tuple(key)


@st.composite
def advanced_keys(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """At least one index array or mask, among slices and ints; the arrays broadcast with each other."""
    block = draw(array_shapes(min_dims=0, max_dims=2, max_side=3))
    key: list[Any] = []
    dim = 0
    while dim < len(shape):
        kind = draw(st.sampled_from(["array", "slice", "int", "mask", "stop"]))
        size = shape[dim]
        if kind == "stop":
            break
        if kind == "array":
            form = draw(broadcastable_shapes(block, max_dims=len(block), max_side=3)) if block else ()
            form = form if np.broadcast_shapes(form, block) == block else block
            key.append(np.array(draw(st.lists(st.integers(-size, size - 1), min_size=math.prod(form),
                                              max_size=math.prod(form))), np.int64).reshape(form))  # fmt: skip
        elif kind == "slice":
            key.append(draw(slices(size)))
        elif kind == "int":
            key.append(draw(st.integers(-size, size - 1)))
        elif not any(isinstance(each, np.ndarray) for each in key) and not block:
            key.append(np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size))))
        else:
            key.append(slice(None))
        dim += 1
    if not any(isinstance(each, np.ndarray) and each.ndim for each in key):
        size = shape[0]
        key[:1] = [np.array(draw(st.lists(st.integers(-size, size - 1), min_size=1, max_size=3)), np.int64)]
    return tuple(key)


def in_two_steps(array: Array, key: tuple[Any, ...]) -> tuple[Array, tuple[Any, ...]]:
    """torch applies ints and slices first, then the arrays: the view, and the key that is left for it.

    A 0-d index array counts as an int, as it does in torch.
    """
    first: list[Any] = []
    second: list[Any] = []
    for each in key:
        if isinstance(each, np.ndarray) and each.ndim:
            first.append(slice(None))
            second.append(each)
        elif isinstance(each, slice):
            first.append(each)
            second.append(slice(None))
        else:
            first.append(int(each))
    return array[tuple(first)], tuple(second)


def as_tensors(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(torch.tensor(each) if isinstance(each, np.ndarray) else each for each in key)


SHAPES = array_shapes(min_dims=1, max_dims=3, max_side=4)

# -- reading ----------------------------------------------------------------------------------------------------------


@MODEST
@given(st.data())
def test_basic_keys_read_views(data: st.DataObject) -> None:
    array = ramp(data.draw(SHAPES))
    key = data.draw(basic_keys(array.shape))
    wanted = array[key]
    x = torch.tensor(array)
    out = x[key]
    np.testing.assert_array_equal(out._array, wanted)
    assert out.shape == wanted.shape
    assert out._is_view()
    assert out._base is x
    assert np.shares_memory(out._array, x._array) or not wanted.size
    assert out is not x


@MODEST
@given(st.data())
def test_advanced_keys_read_copies(data: st.DataObject) -> None:
    array = ramp(data.draw(SHAPES))
    key = data.draw(advanced_keys(array.shape))
    view, rest = in_two_steps(array, key)
    wanted = view[rest]
    x = torch.tensor(array, requires_grad=True)
    out = x[as_tensors(key)]
    np.testing.assert_array_equal(out.detach()._array, wanted)
    assert out.shape == wanted.shape
    assert not np.shares_memory(out._array, x._array)
    assert not out._is_view()
    out.sum().backward()
    np.testing.assert_array_equal(x.grad._array, counted(array.shape, key))


def counted(shape: tuple[int, ...], key: tuple[Any, ...]) -> Array:
    """How often each element is read."""
    times = np.zeros(shape)
    view, rest = in_two_steps(times, key)
    np.add.at(view, rest, 1)
    return times


@MODEST
@given(st.data())
def test_gradients_of_basic_keys(data: st.DataObject) -> None:
    array = ramp(data.draw(SHAPES))
    key = data.draw(basic_keys(array.shape))
    x = torch.tensor(array, requires_grad=True)
    weights = ramp(array[key].shape)
    (x[key] * torch.tensor(weights)).sum().backward()
    wanted = np.zeros_like(array)
    wanted[key] = weights
    np.testing.assert_array_equal(x.grad._array, wanted)


# -- writing ----------------------------------------------------------------------------------------------------------


@MODEST
@given(st.data())
def test_basic_keys_write_through(data: st.DataObject) -> None:
    start = ramp(data.draw(SHAPES))
    key = data.draw(basic_keys(start.shape))
    value = -ramp(data.draw(st.sampled_from([(), start[key].shape, start[key].shape[1:]])))
    x, v = torch.tensor(start, requires_grad=True), torch.tensor(value, requires_grad=True)
    y = x.clone()
    y[key] = v
    wanted = start.copy()
    wanted[key] = value
    np.testing.assert_array_equal(y.detach()._array, wanted)
    assert y._version == 1
    y.sum().backward()
    passed = np.ones_like(start)
    passed[key] = 0
    np.testing.assert_array_equal(x.grad._array, passed)
    np.testing.assert_array_equal(v.grad._array, np.full(value.shape, start[key].size / max(value.size, 1)))


@MODEST
@given(st.data())
def test_advanced_keys_write(data: st.DataObject) -> None:
    start = ramp(data.draw(SHAPES))
    key = data.draw(advanced_keys(start.shape))
    wanted, passed = start.copy(), np.ones_like(start)
    for array, number in ((wanted, -7.5), (passed, 0)):
        view, rest = in_two_steps(array, key)
        if view.ndim:
            view[rest] = number
    x = torch.tensor(start, requires_grad=True)
    y = x.clone()
    y[as_tensors(key)] = -7.5
    np.testing.assert_array_equal(y.detach()._array, wanted)
    assert y._version == 1
    y.sum().backward()
    np.testing.assert_array_equal(x.grad._array, passed)


# -- version counters -------------------------------------------------------------------------------------------------

# What shares a version counter with the tensor it comes from, and what has its own.
SHARING = {
    "view": lambda x: x.view(-1),
    "slice": lambda x: x[1:],
    "transpose": lambda x: x.t(),
    "detach": lambda x: x.detach(),
    "expand": lambda x: x.unsqueeze(0),
    "unbind": lambda x: x.detach().unbind()[0],
}
SEPARATE = {"data": lambda x: x.data, "clone": lambda x: x.clone(), "contiguous": lambda x: x.t().contiguous()}
CHANGES = {
    "add_": lambda x: x.add_(1),
    "mul_": lambda x: x.mul_(2),
    "fill_": lambda x: x.fill_(3),
    "zero_": lambda x: x.zero_(),
    "copy_": lambda x: x.copy_(x.clone()),
    "+=": lambda x: x.__iadd__(1),
    "setitem": lambda x: x.__setitem__(0, 5.0),
    "sin_": lambda x: x.sin_(),
}


@MODEST
@given(
    st.lists(st.tuples(st.sampled_from(sorted(SHARING) + sorted(SEPARATE)), st.integers(0, 5)), max_size=5),
    st.lists(st.tuples(st.sampled_from(sorted(CHANGES)), st.integers(0, 5)), min_size=1, max_size=6),
)
def test_versions(made: list[tuple[str, int]], changes: list[tuple[str, int]]) -> None:
    """Tensors in groups that share a counter; each change counts once, for its whole group."""
    tensors = [torch.ones(3, 3)]
    groups = [0]
    for how, source in made:
        at = source % len(tensors)
        if tensors[at].dim() != 2:
            continue
        tensors.append({**SHARING, **SEPARATE}[how](tensors[at]))
        groups.append(groups[at] if how in SHARING else len(tensors))
    counts = dict.fromkeys(groups, 0)
    for change, which in changes:
        at = which % len(tensors)
        CHANGES[change](tensors[at])
        counts[groups[at]] += 1
    assert [each._version for each in tensors] == [counts[group] for group in groups]

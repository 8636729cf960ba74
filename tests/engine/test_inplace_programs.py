"""Random programs of views and in-place ops: values and gradients are those of the same program on NumPy arrays.

NumPy's views share memory as tensors' do, so one program runs on both. It reads and writes a copy of `x` and views of
it, with `u` as an operand; its result is a weighted sum of what was read on the way and of the copy at the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import engine as torch

MODEST = settings(max_examples=200, derandomize=True, deadline=None, database=None)
SHAPE = (3, 4)
STEP = 1e-5
Array = np.ndarray[Any, Any]
Step = tuple[str, int, int]  # what, on which tensor of the pool, with which choice

START = np.linspace(0.3, 1.4, 12).reshape(SHAPE)
OTHER = np.array([0.7, 1.2, 0.4, 0.9])
WEIGHTS = np.cos(np.arange(24.0))


def weights(shape: tuple[int, ...]) -> Array:
    return WEIGHTS[: math.prod(shape)].reshape(shape)


# -- one step, on arrays or tensors -----------------------------------------------------------------------------------


def halves(x: Any, choice: int) -> Any:
    return x[choice % 2 :: 2] if x.ndim else x[...]


def entry(x: Any, choice: int) -> Any:
    return x[choice % x.shape[0], ...] if x.ndim and x.shape[0] else x[...]


def turned(x: Any, choice: int) -> Any:
    return x.T if x.ndim == 2 else x[...]


def column(x: Any, choice: int) -> Any:
    return x[..., choice % x.shape[-1]] if x.ndim > 1 and x.shape[-1] else x[...]


def raised(x: Any, choice: int) -> Any:
    return x[None] if x.ndim < 3 else x[0]


VIEWS: dict[str, Callable[[Any, int], Any]] = {
    "halves": halves,
    "entry": entry,
    "turned": turned,
    "column": column,
    "raised": raised,
}

FACTORS = (2.0, -0.5, 1.5)


def on_array(x: Array, u: Array, what: str, choice: int) -> None:
    """An in-place op on an array."""
    factor, number = FACTORS[choice % 3], u[choice % 4]
    if what == "mul_":
        x *= factor
    elif what == "add_":
        x += number
    elif what == "mul_tensor_":
        x *= number
    elif what == "sin_":
        x[...] = np.sin(x)
    elif what == "fill_":
        x[...] = number
    elif what == "zero_":
        x[...] = 0
    elif what == "neg_":
        x *= -1
    elif what == "set":
        x[..., :1] = number * factor


def on_tensor(x: Any, u: Any, what: str, choice: int) -> None:
    """The same on a tensor."""
    factor, number = FACTORS[choice % 3], u[choice % 4]
    if what in ("sin_", "zero_", "neg_"):
        getattr(x, what)()
    elif what == "mul_":
        x.mul_(factor)
    elif what == "set":
        x[..., :1] = number * factor
    else:
        getattr(x, what.replace("_tensor", ""))(number)


WRITES = ("mul_", "add_", "mul_tensor_", "sin_", "fill_", "zero_", "neg_", "set")


def run(x: Any, u: Any, program: list[Step], write: Any, weigh: Any) -> Any:
    """The program's result, a number."""
    pool = [x]
    total: Any = 0.0
    for what, which, choice in program:
        target = pool[which % len(pool)]
        if what in VIEWS:
            pool.append(VIEWS[what](target, choice))
        elif what == "read":
            total = total + (target * weigh(tuple(target.shape))).sum()
        elif what != "set" or target.ndim:
            write(target, u, what, choice)
    return total + (pool[0] * weigh(SHAPE)).sum()


def in_numpy(program: list[Step], x: Array, u: Array) -> float:
    return float(run(x.copy(), u, program, on_array, weights))


def in_engine(program: list[Step], x: Any, u: Any) -> Any:
    return run(x.clone(), u, program, on_tensor, lambda shape: torch.tensor(weights(shape)))


def leaves() -> tuple[Any, Any]:
    return torch.tensor(START, requires_grad=True), torch.tensor(OTHER, requires_grad=True)


def slopes(function: Callable[[Array, Array], Any]) -> list[Array]:
    """The derivatives of a function of both inputs by each of their elements, in a first dim."""
    made = []
    for at in (0, 1):
        rows = []
        for place in np.ndindex((START, OTHER)[at].shape):
            moved = [START.copy(), OTHER.copy()]
            moved[at][place] += STEP
            above = function(*moved)
            moved[at][place] -= 2 * STEP
            rows.append((above - function(*moved)) / (2 * STEP))
        made.append(np.array(rows))
    return made


PROGRAMS = st.lists(
    st.tuples(st.sampled_from([*VIEWS, *WRITES, "read"]), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=9
)


@MODEST
@given(PROGRAMS)
def test_values_and_gradients(program: list[Step]) -> None:
    x, u = leaves()
    out = in_engine(program, x, u)
    np.testing.assert_allclose(out.item(), in_numpy(program, START, OTHER), rtol=1e-12, atol=1e-12)
    out.backward()
    wanted = slopes(lambda a, b: in_numpy(program, a, b))
    for tensor, slope in zip((x, u), wanted, strict=True):
        got = np.zeros(tensor.shape) if tensor.grad is None else tensor.grad._array
        np.testing.assert_allclose(got.reshape(-1), slope, rtol=1e-6, atol=1e-7)


def first_gradients(program: list[Step], x: Any, u: Any, create: bool) -> Any:
    """Both gradients, weighted and summed."""
    grads = torch.autograd.grad(in_engine(program, x, u), [x, u], create_graph=create, materialize_grads=True)
    return sum((each.cos() * torch.tensor(weights(tuple(each.shape)))).sum() for each in grads)


@settings(parent=MODEST, max_examples=80)
@given(PROGRAMS)
def test_second_order(program: list[Step]) -> None:
    x, u = leaves()
    total = first_gradients(program, x, u, create=True)

    def numeric(a: Array, b: Array) -> float:
        tensors = [torch.tensor(each, requires_grad=True) for each in (a, b)]
        return float(first_gradients(program, *tensors, create=False).item())

    np.testing.assert_allclose(total.item(), numeric(START, OTHER), rtol=1e-12)
    if total.requires_grad:
        got = torch.autograd.grad(total, [x, u], materialize_grads=True)
    else:
        got = (torch.zeros(SHAPE), torch.zeros(4))
    for one, slope in zip(got, slopes(numeric), strict=True):
        np.testing.assert_allclose(one._array.reshape(-1), slope, rtol=2e-6, atol=1e-6)


@MODEST
@given(PROGRAMS)
def test_views_stay_views(program: list[Step]) -> None:
    """Whatever was written through whichever view, every tensor of the pool shows the same memory."""
    x, u = leaves()
    base = x.clone()
    pool, mirror = [base], [START.copy()]
    for what, which, choice in program:
        at = which % len(pool)
        if what in VIEWS:
            pool.append(VIEWS[what](pool[at], choice))
            mirror.append(VIEWS[what](mirror[at], choice))
        elif what != "read" and (what != "set" or mirror[at].ndim):
            on_tensor(pool[at], u, what, choice)
            on_array(mirror[at], OTHER, what, choice)
    for tensor, array in zip(pool, mirror, strict=True):
        np.testing.assert_allclose(tensor.detach()._array, array, rtol=1e-12)
        assert tensor._version == base._version
        assert np.shares_memory(tensor._array, base._array) or not array.size
        assert tensor is base or tensor._base is base


def test_second_gradients_pass_through_a_part_written_in_place() -> None:
    x = torch.tensor([[0.3, 0.7], [1.1, 1.5]], dtype=torch.float64, requires_grad=True)
    y = x * 2
    y[0].tanh_()
    (first,) = torch.autograd.grad((y * y).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    tanh = np.tanh(2 * np.array([0.3, 0.7]))
    slope = 1 - tanh**2  # of tanh(2 x)² the derivatives are 4 t s and 8 s (s - 2 t²)
    np.testing.assert_allclose(first.detach().numpy(), [4 * tanh * slope, [8.8, 12.0]], rtol=1e-12)
    np.testing.assert_allclose(second.numpy(), [8 * slope * (slope - 2 * tanh**2), [8.0, 8.0]], rtol=1e-12)

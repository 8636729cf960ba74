"""Plans give, to the last bit, what the function gives when it is run; functions that look at values have none."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import engine as torch
from engine.compiled import Plan, Untraceable, compile_function

F = torch.nn.functional
Function = Callable[[list[Any]], Sequence[torch.Tensor]]
Arrays = list[np.ndarray[Any, Any]]


def interpreted(function: Function, arrays: Arrays, wrt: Sequence[int], cotangents: Sequence[Any]) -> list[Any]:
    """Outputs and gradients as the engine gives them, None where nothing flows."""
    tensors = [torch.tensor(each).requires_grad_(at in wrt) for at, each in enumerate(arrays)]
    outputs = list(function(tensors))
    used = [(one, other) for one, other in zip(outputs, cotangents, strict=True) if one.requires_grad]
    grads: Sequence[Any] = [None] * len(wrt)
    if used:
        flows = [None if each is None else torch.tensor(each) for _, each in used]
        grads = torch.autograd.grad([each for each, _ in used], [tensors[at] for at in wrt], flows, allow_unused=True)
    return [None if each is None else each._array for each in (*outputs, *grads)]


def planned(function: Function, arrays: Arrays, wrt: Sequence[int], cotangents: Sequence[Any]) -> Plan:
    return compile_function(function, [torch.tensor(each) for each in arrays], wrt, cotangents)


def bits(array: Any) -> bytes:
    """The bytes of an array, those of any NaN the same: its sign is the processor's choice."""
    odd = array != array
    if odd.any():
        array = np.where(odd, array.dtype.type(np.nan), array)
    return bytes(array.tobytes())


def check(function: Function, first: Arrays, second: Arrays, wrt: Sequence[int] = (0,), seed: int = 0) -> Plan:
    """The plan made with the first arguments gives for both what the function gives."""
    rng = np.random.default_rng(seed)
    shapes = [(tuple(each.shape), each._array.dtype) for each in function([torch.tensor(each) for each in first])]

    def draw() -> list[Any]:
        return [None if shape == () else rng.standard_normal(shape).astype(dtype) for shape, dtype in shapes]

    cotangents = draw()
    plan = planned(function, first, wrt, cotangents)
    for arrays, flows in ((first, cotangents), (second, draw()), (first, cotangents)):
        wanted = interpreted(function, arrays, wrt, flows)
        kept = [each.copy() for each in arrays]
        made = plan.run([*arrays, *[each for each in flows if each is not None]])
        for at, (one, other) in enumerate(zip(made, wanted, strict=True)):
            assert (one is None) == (other is None), at
            if one is not None:
                one = np.asarray(one)
                assert (one.dtype, one.shape) == (other.dtype, other.shape), at
                assert bits(one) == bits(other), (at, one, other)
        assert all((one == other).all() for one, other in zip(arrays, kept, strict=True)), "an argument has changed"
    return plan


def normal(seed: int, *shapes: tuple[int, ...], dtype: Any = np.float32) -> Arrays:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


# -- programs that have plans ---------------------------------------------------------------------------------------


def rosenbrock(a: list[Any]) -> list[Any]:
    (x,) = a
    return [(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()]


def mlp(a: list[Any]) -> list[Any]:
    x, w1, b1, w2, b2 = a
    return [F.mse_loss(F.linear(torch.tanh(F.linear(x, w1, b1)), w2, b2), torch.ones(4, 2))]


def attention(a: list[Any]) -> list[Any]:
    q, k, v = a
    return [torch.softmax(q @ k.mT / 2.0, -1) @ v]


def loops(a: list[Any]) -> list[Any]:
    (x,) = a
    y = x
    for at in range(x.shape[0]):
        y = y + x[at] * at if y.is_contiguous() else y
    return [y, x.detach() * x, y.sum(0).requires_grad and y.max()]


def untracked(a: list[Any]) -> list[Any]:
    (x,) = a
    with torch.no_grad():
        scale = x.abs().max()
    return [x / scale, scale]


def several(a: list[Any]) -> list[Any]:
    x, w = a
    values, places = x.max(1)
    top, _ = torch.sort(x, 0)
    parts = torch.split(x, 1, 1)
    return [values * w, places, top[0] + torch.cat(parts, 0).sum(), torch.stack([w, w * 2]).mean(0)]


def masks(a: list[Any]) -> list[Any]:
    x, w = a
    index = torch.tensor([2, 0, 2])
    return [
        torch.where(x > 0, x * 2, w),
        x[[0, 1, 1]] * w,
        torch.gather(x, 1, index.expand(3, 3)),
        x[:, None] - x[None],
    ]


def in_place(a: list[Any]) -> list[Any]:
    x, w = a
    total, count = torch.zeros((), dtype=x.dtype), torch.zeros(3)
    for row in x:
        total += (row * w).sum()
        count += 1
    y = (x * 2).sub_(w).tanh_()
    z = x + 1
    z *= y.detach() + count.to(x.dtype)
    with torch.no_grad():
        scale = x.abs().sum()
        scale /= 2
    return [total, z, y * 3, w + scale, count]


def mixed(a: list[Any]) -> list[Any]:
    x, w = a
    return [
        (x.double() * w).sum(1),
        (x.half() + 1).float() * 0.5,
        x.to(torch.complex64).abs(),
        x.long(),
        x.mean(0, True),
    ]


def losses(a: list[Any]) -> list[Any]:
    x, w = a
    return [F.cross_entropy(x, torch.tensor([0, 2, 1])), F.layer_norm(x, [3]), F.gelu(w), torch.linalg.norm(x, dim=1)]


PROGRAMS: list[tuple[Function, list[tuple[int, ...]], Sequence[int]]] = [
    (rosenbrock, [(7,)], [0]),
    (rosenbrock, [(2,)], [0]),
    (mlp, [(4, 3), (5, 3), (5,), (2, 5), (2,)], [1, 2, 3, 4]),
    (attention, [(2, 3, 4), (2, 3, 4), (2, 3, 4)], [0, 1, 2]),
    (loops, [(3, 3)], [0]),
    (untracked, [(4,)], [0]),
    (several, [(3, 3), (3,)], [0, 1]),
    (masks, [(3, 3), (3,)], [0, 1]),
    (in_place, [(3, 3), (3,)], [0, 1]),
    (mixed, [(3, 3), (3,)], [0, 1]),
    (losses, [(3, 3), (3,)], [0, 1]),
    (lambda a: [a[0]], [(3,)], [0]),
    (lambda a: [a[0], a[0].clone(), a[0] * 1], [(3,)], [0]),
    (lambda a: [a[0] * 2 * 100, a[0] * 2 * 0.1, a[0] * 3 * 7, 8 * a[0] / 1], [(5,)], [0]),
    (lambda a: [a[0][0] + a[0][-1] * a[0][1], a[0][::2], a[0][3:1]], [(5,)], [0]),
    (lambda a: [a[0].T[1:].sum(0) + a[0].sum(1) + a[0].mT[0]], [(4, 5)], [0]),
    (lambda a: [torch.ones(3), a[0].sum()], [(3,)], [0]),
    (lambda a: [a[0].sum() * a[1]], [(3,), ()], [0, 1]),
    (lambda a: [torch.zeros_like(a[0]) - a[0], torch.full_like(a[0], 2) * a[0].size(0)], [(3,)], [0]),
]


@pytest.mark.parametrize(("function", "shapes", "wrt"), PROGRAMS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_plan_gives_every_bit(
    function: Function, shapes: list[tuple[int, ...]], wrt: Sequence[int], dtype: Any
) -> None:
    if function is loops:
        function = _loops
    check(function, normal(1, *shapes, dtype=dtype), normal(2, *shapes, dtype=dtype), wrt)


def _loops(a: list[Any]) -> list[Any]:
    (x,) = a
    y = x
    for at in range(x.shape[0]):
        y = y + x[at] * at if y.is_contiguous() else y
    return [y, x.detach() * x, y.max() if y.requires_grad or not x.requires_grad else x.sum()]


def test_zeros_keep_their_signs_and_numbers_that_are_none_stay() -> None:
    odd = np.array([0.0, -0.0, np.inf, -np.inf, 1e-45, -1e-45, 3e38, -3e38, 1.0, -1.0], np.float32)
    for function in (
        lambda a: [a[0][1:] * -1.0 + a[0][:-1] * 0.0, a[0][2:4] * 2 * 3, a[0] + 0.0, a[0] - 0.0],
        lambda a: [(a[0] * 2 * 0.25)[::-1] if False else a[0] * 2 * 0.25, a[0] * 4 * 3e38, a[0] / 1],
        lambda a: [a[0][1:-1] * 1.0, a[0][:2] * -0.0, a[0][8:] * 5],
    ):
        check(function, [np.ones(10, np.float32)], [odd])


def test_work_that_changes_no_bit_is_left_out() -> None:
    (x,) = normal(0, (1000,))
    plan = planned(rosenbrock, [x], [0], [None])
    assert plan.size <= 20  # 11 ops and their formulas are 33 kernels
    assert plan.constant_bytes < 100
    once = planned(lambda a: [(a[0] + 1) * (a[0] + 1), a[0].exp() * 0 if a[0].ndim > 1 else a[0]], [x], [], None or [])
    assert once.size == 2


# -- random programs ------------------------------------------------------------------------------------------------

UNARY: dict[str, Callable[[Any], Any]] = {
    "neg": lambda x: -x,
    "exp": lambda x: x.clamp(max=3).exp(),
    "tanh": torch.tanh,
    "square": lambda x: x**2,
    "cube": lambda x: x**3,
    "sqrt": lambda x: x.abs().sqrt(),
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "scale": lambda x: 2 * x * 100,
    "shift": lambda x: 1 - x,
    "halve": lambda x: x / 2 - 0.5,
    "sum": lambda x: x.sum(),
    "rows": lambda x: x.sum(-1) if x.ndim else x,
    "mean": lambda x: x.mean(),
    "max": lambda x: x.max(),
    "tail": lambda x: x[1:] if x.ndim and x.shape[0] > 1 else x,
    "head": lambda x: x[:-1] if x.ndim and x.shape[0] > 1 else x,
    "first": lambda x: x[0] if x.ndim else x,
    "transposed": lambda x: x.T if x.ndim == 2 else x,
    "flat": lambda x: x.reshape(-1),
    "softmax": lambda x: x.softmax(-1) if x.ndim else x,
    "cumsum": lambda x: x.cumsum(0) if x.ndim else x,
    "detached": lambda x: x.detach() + x,
    "double": lambda x: x.double() if x.dtype is torch.float32 else x.float(),
    "flipped": lambda x: x.flip(0) if x.ndim else x,
    "gram": lambda x: x @ x.mT if x.ndim == 2 else x,
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / (y * y + 1),
    "maximum": torch.maximum,
    "where": lambda x, y: torch.where(x > y, x, y),
    "alpha": lambda x, y: torch.add(x, y, alpha=3),
    "hypot": torch.hypot,
    "atan2": lambda x, y: torch.atan2(x, y),
}


def run_program(steps: list[tuple[str, int, int]], arguments: list[Any]) -> list[Any]:
    """Each step takes values by their places, counted from the last one; those that do not fit are left out."""
    values = list(arguments)
    for name, i, j in steps:
        one, other = values[-1 - i % len(values)], values[-1 - j % len(values)]
        if name in UNARY:
            values.append(UNARY[name](one))
        elif one.dtype is other.dtype and (one.shape == other.shape or 0 in (one.ndim, other.ndim)):
            values.append(BINARY[name](one, other))
    return [values[-1], sum((each.sum().double() for each in values[1:-1]), values[0].sum().double())]


PLACES = st.integers(0, 5)
STEPS = st.lists(st.tuples(st.sampled_from([*UNARY, *BINARY]), PLACES, PLACES), min_size=1, max_size=12)


@settings(max_examples=120, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS, shape=st.sampled_from([(4,), (3, 3), (2, 3), (1,), (5, 1)]), seed=st.integers(0, 999))
def test_plans_of_random_programs_give_every_bit(
    steps: list[tuple[str, int, int]], shape: tuple[int, ...], seed: int
) -> None:
    first, second = normal(seed, shape, shape), normal(seed + 1, shape, shape)
    check(lambda a: run_program(steps, a), first, second, [0, 1], seed)


# -- programs that have none ----------------------------------------------------------------------------------------


def looks(a: list[Any]) -> list[Any]:
    return [a[0] * 2 if a[0].sum() > 0 else a[0] * 3]


def written_view(x: Any) -> Any:
    x[0] += 1
    return x


def seen_view(x: Any) -> Any:
    tail = x[1:]
    x += 1
    return tail * x.sum()


def seen_data(x: Any) -> Any:
    seen = x.data
    x += 1
    return seen * 1.0 + x


def used_constant(x: Any) -> Any:
    one = torch.ones(3)
    y = x * one
    one += 1
    return y * one


WITHOUT: dict[str, Function] = {
    "branches": looks,
    "item": lambda a: [a[0] * a[0][0].item()],
    "float": lambda a: [a[0] * float(a[0][0])],
    "tolist": lambda a: [a[0] * a[0].tolist()[0]],
    "numpy": lambda a: [torch.tensor(np.array(a[0].detach().numpy()))],
    "equal": lambda a: [a[0] * torch.equal(a[0], a[0])],
    "index": lambda a: [a[0][a[0].argmax()]],
    "mask": lambda a: [a[0][a[0] > 0]],
    "masked_select": lambda a: [torch.masked_select(a[0], a[0] > 0)],
    "unique": lambda a: [a[0].detach().unique()],
    "bincount": lambda a: [torch.bincount(a[0].detach().long())],
    "repeated": lambda a: [torch.repeat_interleave(a[0], a[0].detach().long())],
    "printed": lambda a: [a[0] * len(repr(a[0]))],
    "written": lambda a: [torch.zeros(3).copy_(a[0])],
    "written through a view": lambda a: [written_view(a[0].clone())],
    "seen through a view": lambda a: [seen_view(a[0].clone())],
    "seen through data": lambda a: [seen_data(a[0] * 1.0)],
    "a constant that was used": lambda a: [used_constant(a[0])],
    "other dtype": lambda a: [torch.zeros(3).add_(a[0].double())],
    "random": lambda a: [a[0] * torch.rand(3)],
    "dropout": lambda a: [F.dropout(a[0])],
    "inner gradient": lambda a: list(torch.autograd.grad((a[0] ** 3).sum(), a[0], create_graph=True)),
    "own leaf": lambda a: [a[0].detach().requires_grad_() * 2],
    "large constant": lambda a: [a[0].sum() + torch.ones(1_000_000)],
}


@pytest.mark.parametrize("name", WITHOUT)
def test_a_function_that_looks_at_values_or_changes_something_has_no_plan(name: str) -> None:
    arguments = [np.array([0.25, 0.5, 0.75], np.float32)]
    with pytest.raises(Exception) as caught:  # noqa: PT011  # whatever it ran into
        planned(WITHOUT[name], arguments, [0], [np.ones(3, np.float32)])
    assert isinstance(caught.value, (Untraceable, AttributeError, TypeError)), caught.value


def test_what_is_drawn_is_never_part_of_a_plan() -> None:
    """Not even where the same is drawn each time."""
    with pytest.raises(Untraceable, match="random numbers are drawn"):
        planned(lambda a: [F.dropout(a[0], 1e-12)], [np.ones(3, np.float32)], [0], [np.ones(3, np.float32)])


class Square(torch.autograd.Function):
    """With a gradient that is not the true one."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        """The square."""
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:  # type: ignore[override]  # one output
        """Twice the true gradient."""
        (x,) = ctx.saved_tensors
        return g * x * 4


def test_a_custom_gradient_has_no_plan() -> None:
    with pytest.raises(Untraceable):
        planned(lambda a: [Square.apply(a[0]) + a[0]], normal(0, (3,)), [0], [np.ones(3, np.float32)])


def test_what_depends_on_values_without_a_choice_is_asked_in_every_call() -> None:
    def classified(a: list[Any]) -> list[Any]:
        return [F.cross_entropy(a[0], a[1]) + torch.gather(a[0], 1, a[1][:, None]).sum()]

    (x,) = normal(0, (3, 4))
    first, second, wrong = (np.array(each) for each in ([0, 3, 1], [2, 2, 0], [0, 4, 1]))
    plan = planned(classified, [x, first], [0], [None])
    for labels in (first, second):
        made, wanted = plan.run([x, labels]), interpreted(classified, [x, labels], [0], [None])
        assert [np.asarray(each).tobytes() for each in made] == [each.tobytes() for each in wanted]
    with pytest.raises(IndexError, match="Target 4 is out of bounds"):
        plan.run([x, wrong])


def test_a_plan_refuses_values_that_would_give_other_shapes() -> None:
    def places(a: list[Any]) -> list[Any]:
        return [a[0].nonzero(), torch.ones(len(a[0].nonzero())), a[0].long() // a[0].long()]

    plan = planned(places, [np.array([1.0, 2.0, 3.0], np.float32)], [], [])
    assert [each.shape for each in plan.run([np.array([4.0, 5.0, 6.0], np.float32)])] == [(3, 1), (3,), (3,)]
    with pytest.raises((Untraceable, RuntimeError)):
        plan.run([np.array([4.0, 0.0, 6.0], np.float32)])


def test_the_recorder_is_gone_after_a_failure() -> None:
    with pytest.raises(Untraceable):
        planned(looks, normal(0, (3,)), [0], [np.ones(3, np.float32)])
    assert (torch.ones(3) + 1).tolist() == [2.0, 2.0, 2.0]


def test_a_plan_may_run_in_several_threads_at_once() -> None:
    (x,) = normal(0, (500,))
    plan = planned(rosenbrock, [x], [0], [None])
    arguments = normal(1, *[(500,)] * 8)
    wanted = [interpreted(rosenbrock, [each], [0], [None])[1].tobytes() for each in arguments]
    wrong: list[int] = []

    def keep_running(at: int) -> None:
        for _ in range(200):
            if plan.run([arguments[at]])[1].tobytes() != wanted[at]:
                wrong.append(at)

    threads = [threading.Thread(target=keep_running, args=(at,)) for at in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert wrong == []


def test_a_plan_looks_at_the_clock() -> None:
    def long(a: list[Any]) -> list[Any]:
        x = a[0]
        for _ in range(500):
            x = torch.sin(x)
        return [x]

    plan = planned(long, normal(0, (3,)), [], [])
    ticks: list[int] = []

    def tick() -> None:
        ticks.append(0)
        if len(ticks) > 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        plan.run(normal(0, (3,)), tick)


def test_an_activation_in_place_is_left_to_the_engine() -> None:
    """Its gradient is told from its result, that of the form out of place from its input."""

    def run(tensors: list[Any]) -> Any:
        return torch.nn.functional.elu_(tensors[0] * 1)

    x = torch.tensor([0.5, -0.5], requires_grad=True)
    with pytest.raises(Untraceable, match="a gradient of its own in place"):
        compile_function(run, [x], [0], [np.ones(2, np.float32)])

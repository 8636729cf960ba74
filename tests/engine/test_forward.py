"""Every op, on every sample, against NumPy, SciPy or plain mathematics: values, shape, dtype."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import engine as torch
from engine.op import registry
from tests.engine.samples import SAMPLES
from tests.engine.samples.base import Array, In, Sample, arguments, expected
from tests.engine.support import ON_CPU, array_of, assert_close, by_op, check_each, results, tensors


def test_every_public_op_has_samples() -> None:
    sampled = {each.op for each in SAMPLES}
    assert sorted(registry.keys() - sampled) == []
    assert sorted(sampled - registry.keys()) == ["getitem", "setitem"]


def test_samples_are_told_apart() -> None:
    assert [name for name, times in Counter(each.id for each in SAMPLES).items() if times > 1] == []


def test_no_op_has_but_one_sample() -> None:
    assert [name for name, times in Counter(each.op for each in SAMPLES).items() if times < 2] == []


def form_of(value: Any) -> tuple[str, ...]:
    """Dtype and shape of a tensor or an array; the type of a Python value."""
    if isinstance(value, torch.Tensor):
        return (value.dtype.name, *map(str, value.shape))
    return (value.dtype.name, *map(str, value.shape)) if isinstance(value, np.ndarray) else (type(value).__name__,)


@by_op(ON_CPU)
def test_values(group: list[Sample]) -> None:
    check_each("forward", group, check_values)


def check_values(sample: Sample) -> None:
    inputs = tensors(sample)
    got, wanted = results(sample, inputs), expected(sample)
    if not isinstance(got[0], torch.Tensor):
        wanted = [each.item() for each in wanted]
    assert [form_of(each) for each in got] == [form_of(each) for each in wanted]
    if not sample.drawn:
        compare(sample, [array_of(each) for each in got], [np.asarray(each) for each in wanted])
    for tensor, each in zip(inputs, sample.inputs, strict=True):
        np.testing.assert_array_equal(array_of(tensor), each.array, err_msg="an operand changed")
        assert tensor._version == 0


def compare(sample: Sample, got: list[Array], wanted: list[Array]) -> None:
    if sample.canon is not None:
        got, wanted = sample.canon(got), sample.canon(wanted)
    for one, other in zip(got, wanted, strict=True):
        assert_close(one, other)


@pytest.mark.parametrize("sample", [each for each in ON_CPU if each.kwargs.get("requires_grad")], ids=lambda s: s.id)
def test_factories_make_leaves(sample: Sample) -> None:
    (made,) = results(sample, tensors(sample))
    assert made.requires_grad
    assert made.is_leaf
    assert made.grad_fn is None


def methods() -> list[Sample]:
    """One sample of each op that is both a function and a method."""
    chosen: dict[str, Sample] = {}
    for each in ON_CPU:
        method = getattr(torch.Tensor, each.op, None)
        takes_tensor = each.args and isinstance(each.args[0], In) and not each.inplace and not each.drawn
        if takes_tensor and each.op != "where" and callable(method) and callable(getattr(torch, each.op, None)):
            chosen.setdefault(each.op, each)
    return list(chosen.values())


@pytest.mark.parametrize("sample", methods(), ids=lambda sample: sample.op)
def test_method_is_the_function(sample: Sample) -> None:
    inputs = tensors(sample)
    args, kwargs = arguments(sample, torch, inputs)
    made = getattr(args[0], sample.op)(*args[1:], **kwargs)
    for one, other in zip(made if isinstance(made, tuple | list) else [made], results(sample, inputs), strict=True):
        np.testing.assert_array_equal(array_of(one), array_of(other))


A = np.array([[1.5, -2.25, 3.5], [0.75, 4.5, -5.25]])
INTS = np.array([[5, -7, 3], [2, 9, -4]])
P, Q = np.array([[True, False, True]]), np.array([[True], [False]])

# Each holds of tensors as it does of arrays; the dtypes are those that both keep.
OPERATORS: list[tuple[str, Callable[..., Any], tuple[Array, ...]]] = [
    ("a + b", lambda a, b: a + b, (A, A[0])),
    ("a + 2", lambda a: a + 2, (A,)),
    ("2 + a", lambda a: 2 + a, (A,)),
    ("a - b", lambda a, b: a - b, (A, A[:, :1])),
    ("2.5 - a", lambda a: 2.5 - a, (A,)),
    ("a * b", lambda a, b: a * b, (A, A[1])),
    ("3 * a", lambda a: 3 * a, (INTS,)),
    ("a / b", lambda a, b: a / b, (A, A[0])),
    ("1 / a", lambda a: 1 / a, (A,)),
    ("a // 2", lambda a: a // 2, (INTS,)),
    ("7 // a", lambda a: 7 // a, (INTS,)),
    ("a % 3", lambda a: a % 3, (INTS,)),
    ("7 % a", lambda a: 7 % a, (INTS,)),
    ("a ** 2", lambda a: a**2, (A,)),
    ("2 ** a", lambda a: 2**a, (A,)),
    ("-a", lambda a: -a, (A,)),
    ("abs(a)", abs, (A,)),
    ("a @ b", lambda a, b: a @ b, (A, A.T)),
    ("~a", lambda a: ~a, (P,)),
    ("a & b", lambda a, b: a & b, (P, Q)),
    ("a | b", lambda a, b: a | b, (P, Q)),
    ("a ^ b", lambda a, b: a ^ b, (INTS, INTS[0])),
    ("5 & a", lambda a: 5 & a, (INTS,)),
    ("a == b", lambda a, b: a == b, (A, A[0])),
    ("a != 2", lambda a: a != 2, (INTS,)),
    ("a < b", lambda a, b: a < b, (A, A[1])),
    ("a <= 1.5", lambda a: a <= 1.5, (A,)),
    ("3 > a", lambda a: a < 3, (INTS,)),
    ("a >= b", lambda a, b: a >= b, (INTS, INTS[0])),
]


@pytest.mark.parametrize(("name", "function", "arrays"), OPERATORS, ids=[name for name, *_ in OPERATORS])
def test_operator(name: str, function: Callable[..., Any], arrays: tuple[Array, ...]) -> None:
    wanted = function(*arrays)
    got = function(*[torch.tensor(each) for each in arrays])
    assert form_of(got) == form_of(wanted)
    assert_close(array_of(got), wanted)


ASSIGNMENTS: dict[str, tuple[Array, Any]] = {
    "+=": (A, A[0]),
    "-=": (A, 2),
    "*=": (A, A),
    "/=": (A, 4),
    "//=": (INTS, 2),
    "%=": (INTS, 3),
    "**=": (A, 2),
    "&=": (INTS, 6),
    "|=": (P, Q[0]),
    "^=": (INTS, 3),
}


@pytest.mark.parametrize("operator", ASSIGNMENTS)
def test_assignment_writes_in_place(operator: str) -> None:
    start, value = ASSIGNMENTS[operator]
    wanted = start.copy()
    other = torch.tensor(value) if isinstance(value, np.ndarray) else value
    names = {"a": torch.tensor(start), "b": other, "w": wanted, "v": value}
    same = names["a"]
    exec(f"a {operator} b\nw {operator} v", names)
    assert names["a"] is same
    assert same._version == 1
    assert_close(array_of(same), wanted)


def test_seeds_make_random_numbers_reproducible() -> None:
    def draw() -> list[Any]:
        torch.manual_seed(7)
        made = [torch.rand(3), torch.randn(2, 2, dtype=torch.float64), torch.randint(5, (4,))]
        return [each.tolist() for each in made]

    first = draw()
    assert first == draw()
    assert torch.rand(3).tolist() != first[0]
    generator = torch.Generator().manual_seed(3)
    again = torch.Generator().manual_seed(3)
    assert torch.rand(3, generator=generator).tolist() == torch.rand(3, generator=again).tolist()


def test_random_numbers_have_their_distribution() -> None:
    torch.manual_seed(1)
    uniform, normal = torch.rand(10_000)._array, torch.randn(10_000, dtype=torch.float64)._array
    assert uniform.min() >= 0
    assert uniform.max() < 1
    assert abs(uniform.mean() - 0.5) < 0.02
    assert abs(normal.mean()) < 0.05
    assert abs(normal.var() - 1) < 0.05
    turned = torch.randn(10_000, dtype=torch.complex128)._array
    assert abs((np.abs(turned) ** 2).mean() - 1) < 0.05
    dice = torch.randint(1, 7, (1000,))
    assert sorted(set(dice.tolist())) == [1, 2, 3, 4, 5, 6]

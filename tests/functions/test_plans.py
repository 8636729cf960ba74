"""Calls of functions by plans: the same answers as by the interpreter, byte for byte, whatever comes third."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from app.calls import Answer, Call
from app.functions import compiling
from app.functions.handling import handle
from app.functions.library import Library
from app.limits import Limits
from app.problems import Problem, problem_of

Json = Any
LIMITS = Limits()
TIMES = 4  # the first is interpreted, the second compiles, the others run the plan


def send(library: Library, method: str, name: str, body: Json, limits: Limits = LIMITS) -> Answer:
    return handle(library, Call(f"function.{method}", name, {}, json.dumps(body).encode()), limits, lambda found: None)


def library_of(limits: Limits = LIMITS, **bodies: Json) -> Library:
    library = Library(limits)
    for name, body in bodies.items():
        send(library, "put", name, {"source": body} if isinstance(body, str) else body)
    return library


def fresh(library: Library) -> Library:
    """The same functions, none of which has been called."""
    made = Library(LIMITS)
    for entry in library.page(0, 1000)[0]:
        made.put(entry.definition, lambda found: None)
    return made


def refused(library: Library, method: str, name: str, body: Json, limits: Limits = LIMITS) -> Problem:
    with pytest.raises(Exception) as caught:  # noqa: PT011  # of the engine, or a Problem
        send(library, method, name, body, limits)
    return problem_of(caught.value)


def numbers(seed: int, count: int) -> list[float]:
    draw = random.Random(seed)
    return [draw.uniform(-2, 2) for _ in range(count)]


SOURCES = {
    "rosenbrock": "def rosenbrock(x):\n    return (100*(x[1:]-x[:-1]**2)**2 + (1-x[:-1])**2).sum()",
    "network": (
        "def network(x, w, b, n=2):\n    for _ in range(n):\n        x = torch.tanh(F.linear(x, w, b))\n"
        "    return x.square().mean()"
    ),
    "pair": "def pair(x, y):\n    return x * y, (x > y).long(), functions.rosenbrock(x) if x.numel() > 1 else x",
    "branching": "def branching(x):\n    return x * 2 if x.sum() > 0 else x * 3",
    "catching": "def catching(x):\n    try:\n        return x.sum() if x.sum() > 0 else -x.sum()\n"
    "    except Exception:\n        return x.sum() * 0",
    "inner": "def inner(x):\n    (g,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)\n"
    "    return (g * g).sum()",
    "drawing": "def drawing(x):\n    return (x * torch.rand(x.shape)).sum()",
}
STEPS = {
    "inputs": [{"name": "x", "shape": ["n"]}, {"name": "k", "dtype": "int64"}],
    "steps": [
        {"op": "pow", "args": [2, "x"], "out": "a"},
        {"op": "mul", "args": ["a", "k"], "out": "b"},
        {"op": "getitem", "input": "b", "index": [[0, -1]], "out": "c"},
        {"op": "functions.rosenbrock", "args": ["a"], "out": "r"},
    ],
    "outputs": ["c", "r"],
}


@pytest.fixture
def library() -> Library:
    return library_of(**SOURCES, steps=STEPS)


CALLS: list[tuple[str, str, list[int], dict[str, Json], bool]] = [
    ("value_and_grad", "rosenbrock", [5], {}, True),
    ("call", "rosenbrock", [5], {}, True),
    ("vjp", "rosenbrock", [5], {"cotangents": [2]}, True),
    ("vjp", "pair", [3, 3], {"cotangents": [[1, 2, 3], None, None]}, True),
    ("vjp", "pair", [3, 3], {"cotangents": [[1, 2, 3], None, 0.5], "wrt": ["y"]}, True),
    ("call", "pair", [3, 3], {}, True),
    ("value_and_grad", "branching", [1], {}, False),
    ("value_and_grad", "catching", [3], {}, False),
    ("value_and_grad", "inner", [3], {}, False),
]


@pytest.mark.parametrize(("method", "name", "sizes", "fields", "compiles"), CALLS)
def test_each_call_has_the_interpreters_answer(
    library: Library, method: str, name: str, sizes: list[int], fields: dict[str, Json], compiles: bool
) -> None:
    for at in range(TIMES):
        body = {"args": [numbers(10 * at + place, size) for place, size in enumerate(sizes)], **fields}
        assert send(library, method, name, body).body == send(fresh(library), method, name, body).body
    assert len(library.plans) == compiles


def test_programs_of_steps_and_options_have_plans(library: Library) -> None:
    weights = [numbers(1, 3) for _ in range(3)]
    for at in range(TIMES):
        x = [numbers(at, 3), numbers(at + 9, 3)]
        network = {"args": [x, weights, [0.5, 0.0, 1.0], 3], "wrt": ["w", "b"]}
        steps = {"args": [x[0], {"data": at, "dtype": "int64"}], "cotangents": [[1, 1], 1], "wrt": ["x"]}
        for method, name, body in (("value_and_grad", "network", network), ("vjp", "steps", steps)):
            assert send(library, method, name, body).body == send(fresh(library), method, name, body).body
    assert len(library.plans) == 2


def test_an_option_or_another_shape_is_another_plan(library: Library) -> None:
    weights = [[0.5]]
    for n in (1, 2, 1, 2, 1, 2):
        answer = send(library, "call", "network", {"args": [[[1.0]], weights, [0.0], n]}).body
        assert answer == send(fresh(library), "call", "network", {"args": [[[1.0]], weights, [0.0], n]}).body
    assert len(library.plans) == 2
    for size in (2, 3, 2, 3):
        send(library, "call", "rosenbrock", {"args": [numbers(0, size)]})
    assert len(library.plans) == 4


def test_random_numbers_are_drawn_in_every_call(library: Library) -> None:
    bodies = {send(library, "call", "drawing", {"args": [[1.0, 2.0]]}).body for _ in range(TIMES)}
    assert len(bodies) == TIMES
    assert len(library.plans) == 0


def test_a_new_version_has_no_plan_of_the_old_one() -> None:
    library = library_of(f="def f(x):\n    return x * 2")
    for _ in range(TIMES):
        send(library, "call", "f", {"args": [1.0]})
    send(library, "put", "f", {"source": "def f(x):\n    return x * 3"})
    for _ in range(TIMES):
        answer = json.loads(send(library, "call", "f", {"args": [1.0]}).body)
        assert answer["outputs"][0]["data"] == 3.0


def test_what_a_plan_refuses_is_told_as_the_interpreter_tells_it() -> None:
    library = library_of(solve="def solve(a, b):\n    return torch.linalg.solve(a, b).sum()")
    fine = {"args": [[[2.0, 0.0], [0.0, 1.0]], [1.0, 1.0]]}
    for _ in range(TIMES):
        send(library, "value_and_grad", "solve", fine)
    assert len(library.plans) == 1
    singular = {"args": [[[1.0, 1.0], [1.0, 1.0]], [1.0, 1.0]]}
    problem = refused(library, "value_and_grad", "solve", singular)
    assert (problem.code, problem.extra["function"]) == ("singular", {"name": "solve", "line": 2})


def test_cotangents_that_do_not_fit_are_told_by_the_interpreter(library: Library) -> None:
    x = numbers(0, 3)
    for _ in range(TIMES):
        send(library, "vjp", "pair", {"args": [x, x], "cotangents": [[1, 2, 3], None, 1]})
    for wrong in ([[1, 2], None, 1], [[1, 2, 3], None], [[1, 2, 3], None, {"complex": [1, 2]}]):
        with_plan = refused(library, "vjp", "pair", {"args": [x, x], "cotangents": wrong})
        without = refused(fresh(library), "vjp", "pair", {"args": [x, x], "cotangents": wrong})
        assert with_plan.detail == without.detail
    doubles = {"args": [x, x], "cotangents": [{"data": [1, 2, 3], "dtype": "float64"}, None, 1]}
    assert send(library, "vjp", "pair", doubles).body == send(fresh(library), "vjp", "pair", doubles).body


def test_limits_hold_with_a_plan_too() -> None:
    limits = Limits(session_bytes=100_000)
    library = library_of(limits, f="def f(x):\n    return (x.exp() * x.cos()).sum()")
    for _ in range(TIMES):
        send(library, "value_and_grad", "f", {"args": [[1.0] * 1000]}, limits)
    assert len(library.plans) == 1
    assert refused(library, "value_and_grad", "f", {"args": [[1.0] * 1000]}, Limits(session_bytes=5_000)).code == (
        "too_large"
    )


def test_a_plan_keeps_to_the_deadline() -> None:
    library = library_of(f="def f(x):\n    for _ in range(1000):\n        x = x.sin()\n    return x")
    call = Call("function.call", "f", {}, b'{"args": [1.0]}')
    for _ in range(TIMES):
        handle(library, call, LIMITS, lambda found: None)
    assert len(library.plans) == 1
    call.deadline = 1e-9
    with pytest.raises(TimeoutError):
        handle(library, call, LIMITS, lambda found: None)


def test_the_plans_of_a_tenant_are_bounded(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "MOST_PLANS", 3)
    for size in (2, 3, 4, 5, 6):
        for _ in range(2):
            send(library, "call", "rosenbrock", {"args": [numbers(0, size)]})
    assert len(library.plans) == 3
    monkeypatch.setattr(compiling, "MOST_BYTES", 9_000)  # each has ten calls
    for _ in range(2):
        send(library, "call", "rosenbrock", {"args": [numbers(0, 7)]})
    assert len(library.plans) == 1

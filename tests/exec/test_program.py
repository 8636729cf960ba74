"""Functions as programs: parsed without a session, called with tensors."""

from __future__ import annotations

import ast
import threading

import pytest

import engine as torch
from app.exec.budget import Allowance, Exhausted
from app.exec.program import call, parse_function
from app.problems import Problem

ROSENBROCK = "def rosenbrock(x):\n    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()"


def test_a_program_is_called_with_tensors_and_differentiated() -> None:
    program = parse_function(ROSENBROCK)
    x = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64, requires_grad=True)
    value = call(program, [x])
    value.backward()
    assert value.item() == 201.0  # 100 (2 - 1)^2 + 0 + 100 (3 - 4)^2 + 1
    assert x.grad.tolist() == [-400.0, 1002.0, -200.0]


def test_the_last_definition_is_the_function_and_may_call_the_others() -> None:
    program = parse_function(
        '"""Two."""\nimport torch\nimport torch.nn.functional as F\nimport math\n'
        "def helper(n):\n    return n if n < 1 else n * helper(n - 1) if n > 1 else 1\n"
        "def main(x, *more, scale=2):\n    return F.relu(x) * helper(scale) + len(more) + math.floor(0.5)"
    )
    assert program.name == "main"
    assert list(program.definitions) == ["helper", "main"]
    assert isinstance(program.function, ast.FunctionDef)
    assert program.signature.positional == ["x"]
    assert program.signature.vararg == "more"
    result = call(program, [torch.tensor([-1.0, 1.0]), 5], {"scale": 3})
    assert result.tolist() == [1.0, 7.0]


def test_saved_functions_are_what_the_caller_gives() -> None:
    program = parse_function("def f(x):\n    return functions.twice(x) + functions.twice(1)")
    assert program.uses == {"twice"}
    assert call(program, [torch.tensor(2.0)], functions={"twice": lambda x: x * 2}).item() == 6.0
    with pytest.raises(AttributeError) as caught:
        call(program, [torch.tensor(2.0)])
    assert caught.value.code == "bad_code"
    assert caught.value.line == 2


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("def f(x): return x + outside", "'outside' is not defined; a saved function reaches"),
        ("def f(x): return [y for z in x]", "'y' is not defined"),
        ("def f(x, y=nobody): return x", "'nobody' is not defined"),
        ("def f(x):\n    import os", "no module named|imports are not offered inside"),
        ("x = 1\ndef f(x): return x", "one or more `def`"),
        ("def f(x): return x\nf(1)", "one or more `def`"),
        ("1 + 1", "one or more `def`"),
        ("", "no `def`"),
        ("'text'", "no `def`"),
        ("import numpy\ndef f(x): return x", "one or more `def`"),
        ("@torch.no_grad()\ndef f(x): return x", "decorators"),
        ("def f(x):\n    class A(torch.autograd.Function): pass", "classes"),
        ("def f(x: return x", "invalid syntax"),
    ],
)
def test_what_is_no_program_is_refused_with_its_place(source: str, text: str) -> None:
    with pytest.raises(Problem, match=text) as caught:
        parse_function(source)
    assert caught.value.code == "bad_code"
    assert {"line", "column"} <= caught.value.extra.keys()


def test_a_call_has_a_budget() -> None:
    with pytest.raises(Exhausted) as caught:
        call(parse_function("def f(x):\n    while True:\n        x = x + 1"), [1], allowance=Allowance(steps=1000))
    assert caught.value.code == "too_large"
    assert caught.value.line in (2, 3)
    with pytest.raises(Exhausted):
        call(parse_function("def f(n):\n    return f(n + 1)"), [1])


def test_arguments_are_checked_as_python_checks_them() -> None:
    program = parse_function("def f(x, y=1, *, z=2):\n    return x")
    for args, kwargs, text in [
        ([], {}, r"f\(\) missing 1 required positional argument: 'x'"),
        ([1, 2, 3], {}, r"f\(\) takes 2 positional arguments but 3 were given"),
        ([1], {"w": 1}, r"f\(\) got an unexpected keyword argument 'w'"),
        ([1], {"x": 1}, r"f\(\) got multiple values for argument 'x'"),
    ]:
        with pytest.raises(TypeError, match=text) as caught:
            call(program, args, kwargs)
        assert caught.value.code == "bad_argument"


def test_a_program_may_be_called_from_several_threads_at_once() -> None:
    program = parse_function("def f(n):\n    s = 0\n    for i in range(n):\n        s += i\n    return s")
    results: dict[int, int] = {}
    threads = [
        threading.Thread(target=lambda n=n: results.__setitem__(n, call(program, [n]))) for n in range(1000, 1008)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert results == {n: n * (n - 1) // 2 for n in range(1000, 1008)}

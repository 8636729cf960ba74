"""Bodies and arguments drawn at random, most of them wrong: each is answered or refused with a code, never a defect."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest

from app.calls import Call
from app.functions.calls import METHODS
from app.functions.handling import handle
from app.functions.library import Library
from app.limits import MIB, Limits
from app.problems import Problem, problem_of

Json = Any
LIMITS = Limits(tensor_bytes=MIB, session_bytes=4 * MIB)
ROUNDS = 250

BODIES: list[Json] = [
    {"source": "def f(x, n=2):\n    y = x ** n\n    return y, (y * x).sum()"},
    {
        "source": "def f(x):\n    return functions.inner(x).exp().mean()",
        "inputs": [{"name": "x", "shape": ["n", None]}],
    },
    {
        "inputs": [{"name": "a", "dtype": "float32", "shape": [2, "n"]}, {"name": "b", "shape": ["n"]}],
        "steps": [
            {"op": "mv", "args": ["a", "b"], "out": "c"},
            {"op": "functions.inner", "x": "c", "out": "d"},
            {"op": "max", "input": "a", "dim": 1, "out": ["v", "i"]},
            {"op": "cat", "tensors": ["d", "v", [1.0]], "out": "y"},
            {"op": "getitem", "input": "y", "index": ["1:", None]},
            {"op": "sum", "input": "y", "no_grad": False, "out": "s"},
        ],
        "outputs": ["y", "s"],
    },
    {
        "inputs": [{"name": "x"}, {"name": "w"}],
        "steps": [{"op": "mul", "args": ["x", "w"], "out": "y"}],
        "outputs": ["y"],
        "backward": {
            "inputs": ["g"],
            "saved": ["x", "w"],
            "steps": [{"op": "mul", "args": ["g", "w"], "out": "gx"}, {"op": "mul", "args": ["g", "x"], "out": "gw"}],
            "outputs": ["gx", None],
        },
    },
]
ODD: list[Json] = [
    *(None, True, 0, -1, 2.5, 2**62, "x", "y", "nobody", "functions.inner", "functions.f", "NaN", "", [], {}, [[]]),
    *([1.0, 2.0], [[1.0, 2.0], [3.0, 4.0]], {"data": [1, 2]}, {"data": [1], "dtype": "int64"}, {"complex": [1, 2]}),
    *(["x"], ["x", None], {"name": "x"}, [2, "n", None], "float64", "int64", {"b64": "AA==", "shape": [1]}, "s", "g"),
]
ARGUMENTS: list[Json] = [
    *(1, 2.5, True, "NaN", [1.0, 2.0], [1, 2], [], [[1.0, 2.0], [3.0, 4.0]], {"data": [1, 2], "dtype": "float64"}),
    *({"complex": [1, 2]}, {"data": [1, 2], "dtype": "int64"}, {"data": [[True, False]]}, None, "x", {"data": []}),
    *({"data": [1.0] * 6, "shape": [2, 3]}, [1.0, 2.0, 3.0], {"data": [0.5], "dtype": "float16"}, [["NaN", 1.0]]),
]


def places(value: Json) -> list[tuple[Any, Any]]:
    """Every container within a value with each of its keys."""
    if isinstance(value, dict):
        return [(value, key) for key in value] + [found for each in value.values() for found in places(each)]
    if isinstance(value, list):
        return [(value, at) for at in range(len(value))] + [found for each in value for found in places(each)]
    return []


def bent(draw: random.Random, body: Json) -> Json:
    """A body with something in it put out of place."""
    body = copy.deepcopy(body)
    for _ in range(draw.choice([0, 1, 1, 2])):
        found = places(body)
        if not found:
            break
        container, key = draw.choice(found)
        choice = draw.random()
        if choice < 0.6:
            container[key] = copy.deepcopy(draw.choice(ODD))
        elif choice < 0.8:
            del container[key]
        elif isinstance(container, list):
            container.insert(key, copy.deepcopy(draw.choice(ODD)))
        else:
            container[draw.choice(["out", "input", "dim", "colour", "steps", "saved"])] = copy.deepcopy(
                draw.choice(ODD)
            )
    return body


def call_body(draw: random.Random, method: str) -> Json:
    args: Json = [draw.choice(ARGUMENTS) for _ in range(draw.randint(1, 2))]
    if draw.random() < 0.2:
        args = dict(zip(["x", "n", "a", "b"], args, strict=False))
    body: Json = {"args": args}
    for field in METHODS[method][1]:
        if draw.random() < 0.7:
            body[field] = [draw.choice(ARGUMENTS) for _ in range(draw.randint(0, 2))]
        if draw.random() < 0.2:
            body[field] = draw.choice(ODD)
    return body


def defect(library: Library, method: str, name: str, body: Json) -> str | None:
    """What a call failed with that has no code, or None."""
    call = Call(f"function.{method}", name, {}, json.dumps(body).encode())
    try:
        answer = handle(library, call, LIMITS, lambda found: None)
        json.loads(answer.body or b"null")
    except Exception as error:  # noqa: BLE001  # that is what is asked about
        problem: Problem = problem_of(error)
        return None if problem.code != "internal" else f"{method} {body}: {problem.__cause__!r}"
    return None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(2))
def test_whatever_comes_is_answered_or_refused_with_a_code(seed: int) -> None:
    draw = random.Random(seed)
    library = Library(LIMITS)
    inner = {"source": "def inner(x):\n    return x * 2 + 1"}
    assert defect(library, "put", "inner", inner) is None
    defects, saved = [], 0
    for _ in range(ROUNDS):
        found = defect(library, "put", "f", bent(draw, draw.choice(BODIES)))
        saved += library.find("f") is not None
        defects.append(found)
        if library.find("f") is not None:
            for _ in range(4):
                method = draw.choice(list(METHODS))
                defects.append(defect(library, method, "f", call_body(draw, method)))
            library.delete("f", lambda found: None)
    assert [each for each in defects if each] == []
    assert saved > ROUNDS / 5

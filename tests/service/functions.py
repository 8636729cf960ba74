"""Saved functions that the tests share, and what they say to them."""

import contextlib
import itertools

import httpx

from .conftest import step


def function(*steps: dict, inputs=("x",), outputs=("y",), **fields) -> dict:
    """The body of a function of steps; an input is a name, or an object with its patterns."""
    named = [each if isinstance(each, dict) else {"name": each} for each in inputs]
    return {"inputs": named, "steps": list(steps), "outputs": list(outputs), **fields}


def rosenbrock(dtype: str = "float64") -> dict:
    return function(
        step("getitem", "x", ["1:"], out="b"),
        step("getitem", "x", [":-1"], out="a"),
        step("pow", "a", 2, out="c"),
        step("sub", "b", "c", out="d"),
        step("pow", "d", 2, out="e"),
        step("rsub", "a", 1, out="f"),
        step("pow", "f", 2, out="g"),
        step("add", "g", "e", alpha=100, out="h"),
        step("sum", "h", out="y"),
        inputs=[{"name": "x", "dtype": dtype, "shape": ["n"]}],
    )


def rosenbrock_value(x: list[float]) -> float:
    return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in itertools.pairwise(x))


def rosenbrock_grad(x: list[float]) -> list[float]:
    g = [0.0] * len(x)
    for i, (a, b) in enumerate(itertools.pairwise(x)):
        g[i] += -400 * a * (b - a * a) - 2 * (1 - a)
        g[i + 1] += 200 * (b - a * a)
    return g


def rosenbrock_hessian(x: list[float]) -> list[list[float]]:
    h = [[0.0] * len(x) for _ in x]
    for i, (a, b) in enumerate(itertools.pairwise(x)):
        h[i][i] += 1200 * a * a - 400 * b + 2
        h[i][i + 1] += -400 * a
        h[i + 1][i] += -400 * a
        h[i + 1][i + 1] += 200
    return h


# y = x * x with a gradient of its own, which counts double so that it can be told from the true one.
DOUBLED = function(
    step("mul", "x", "x", out="y"),
    backward={
        "inputs": ["grad_output"],
        "saved": ["x"],
        "steps": [step("mul", "grad_output", "x", out="a"), step("mul", "a", 4, out="b")],
        "outputs": ["b"],
    },
)


@contextlib.contextmanager
def saved(client: httpx.Client, **bodies: dict):
    """Functions by name, saved for the block in this order."""
    made = []
    try:
        for name, body in bodies.items():
            answer = client.put(f"/v1/functions/{name}", json=body)
            assert answer.status_code in (200, 201), answer.text
            made.append(name)
        yield
    finally:
        for name in made:
            client.delete(f"/v1/functions/{name}")


def ask(client: httpx.Client, name: str, method: str, *args, **fields):
    """The answer of a call, which is expected to succeed."""
    answer = send(client, name, method, *args, **fields)
    assert answer.status_code == 200, f"{method} {fields}: {answer.status_code} {answer.text}"
    return answer.json()


def send(client: httpx.Client, name: str, method: str, *args, **fields) -> httpx.Response:
    """The response to a call; arguments by position unless `args` is among the fields."""
    return client.post(f"/v1/functions/{name}/{method}", json={"args": list(args), **fields})


def data(objects):
    """The values of tensor objects, in nested lists of them too."""
    if isinstance(objects, list):
        return [data(each) for each in objects]
    return None if objects is None else objects["data"]

"""Saved functions written as text: signatures, options, control flow, calls of others, and what is refused."""

import pytest

from .conftest import problem, step, unchanged
from .functions import ask, data, function, rosenbrock_grad, rosenbrock_hessian, rosenbrock_value, saved, send

ROSENBROCK = "def rosenbrock(x):\n    return (100*(x[1:]-x[:-1]**2)**2 + (1-x[:-1])**2).sum()"
POWERS = """
def square(x):
    return x * x

def powers(x, n=2, *, scale=1.0):
    y = x
    for _ in range(n - 1):
        y = square(x) if y is x else y * x
    return y * scale, y.sum()
"""
# the number of steps depends on the values
HALVING = """
def halving(x):
    count = 0
    while x.abs().max() > 1:
        x = x / 2
        count += 1
    return x, torch.tensor(count)
"""
POINT = [1.5, -0.5, 2.0]


@pytest.fixture(scope="module", autouse=True)
def library(client):
    with saved(client, valley={"source": ROSENBROCK}, powers={"source": POWERS}, halving={"source": HALVING}):
        yield


def test_the_contracts_example_has_values_and_all_derivatives(client):
    point = {"data": POINT, "dtype": "float64"}
    answer = ask(client, "valley", "value_and_grad", point)
    assert answer["value"]["data"] == pytest.approx(rosenbrock_value(POINT))
    assert answer["grads"][0]["data"] == pytest.approx(rosenbrock_grad(POINT))
    (hessian,) = ask(client, "valley", "hessian", point)["hessians"][0]
    assert [pytest.approx(row) for row in rosenbrock_hessian(POINT)] == hessian["data"]
    assert ask(client, "valley", "gradcheck", POINT)["ok"] is True


def test_get_tells_the_inputs_and_the_source(client):
    shown = client.get("/v1/functions/powers").json()
    assert [(each["name"], each.get("option", False)) for each in shown["inputs"]] == [
        ("x", False),
        ("n", True),
        ("scale", True),
    ]
    assert (shown["source"], shown["outputs"]) == (POWERS, None)


def test_options_are_numbers_of_the_language_and_have_their_defaults(client):
    assert data(ask(client, "powers", "call", [2.0, 3.0])["outputs"]) == [[4.0, 9.0], 13.0]
    assert data(ask(client, "powers", "call", [2.0, 3.0], 3)["outputs"]) == [[8.0, 27.0], 35.0]
    assert data(ask(client, "powers", "call", args={"x": 2.0, "scale": 10})["outputs"]) == [40.0, 4.0]
    grads = ask(client, "powers", "vjp", [2.0, 3.0], 3, cotangents=[[1.0, 1.0], 0.0])["grads"]
    assert data(grads) == [[12.0, 27.0]]  # only x: options are no inputs to differentiate by
    with_scale = ask(client, "powers", "vjp", args={"x": 2.0, "scale": 10}, cotangents=[1, 0], wrt=["scale"])
    assert data(with_scale["grads"]) == [4.0]


def test_an_option_whose_default_is_a_text_takes_texts(client, session):
    source = "def f(x, how='sum', w=None):\n    y = x if w is None else x * w\n"
    source += "    return y.sum() if how == 'sum' else y.prod() if how == 'prod' else y.mean()"
    with saved(client, reduced={"source": source}):
        values = [ask(client, "reduced", "call", [2.0, 4.0], *args)["outputs"][0]["data"] for args in ([], ["prod"])]
        assert values == [6.0, 8.0]
        assert data(ask(client, "reduced", "call", [2.0, 4.0], "NaN", [1.0, 2.0])["outputs"]) == [5.0]
        session.run(step("tensor", data=[3.0, 1.0], out="v"), step("tensor", data=[1.0, 1.0], out="sum"))
        assert session.op("functions.reduced", "v", "sum", "v")["data"] == 10.0
        assert session.op("functions.reduced", "v", w=None, how="prod")["data"] == 3.0
        problem(session.send("POST", "ops/functions.reduced", {"x": "v", "w": "nobody"}), 422, "unknown_tensor")


def test_control_flow_may_depend_on_values(client):
    for start, count in ((0.5, 0), (8.0, 3), (9.0, 4)):
        answer = ask(client, "halving", "vjp", [start], cotangents=[[1.0], None])
        assert data(answer["outputs"]) == [[start / 2**count], count]
        assert data(answer["grads"]) == [[0.5**count]]


def test_patterns_may_be_declared_beside_a_source(client):
    body = {
        "source": "def f(a, b=None):\n    return a @ a",
        "inputs": [{"name": "a", "shape": ["n", "n"]}, {"name": "b"}],
    }
    with saved(client, product=body):
        assert data(ask(client, "product", "call", [[2.0]])["outputs"]) == [[[4.0]]]
        problem(send(client, "product", "call", [[2.0, 1.0]]), 422, "shape_mismatch", "[n, n]")
    body["inputs"][0]["name"] = "c"
    problem(client.put("/v1/functions/product", json=body), 422, "bad_argument", "a, b")


def test_sources_and_steps_call_one_another(client, session):
    bodies = {
        "inner": {"source": "def inner(x, p=2):\n    return x ** p"},
        "middle": function(step("functions.inner", "x", out="s"), step("sum", "s", out="y")),
        "outer": {"source": "def outer(x):\n    return functions.middle(x) + functions.inner(3, p=3)"},
    }
    with saved(client, **bodies):
        assert set(client.get("/v1/functions/outer").json()["calls"]) == {"middle", "inner"}
        answer = ask(client, "outer", "value_and_grad", [1.0, 2.0])
        assert (answer["value"]["data"], data(answer["grads"])) == (32.0, [[2.0, 4.0]])
        session.run(step("tensor", data=[1.0, 2.0], requires_grad=True, out="x"), step("functions.outer", "x", out="y"))
        session.backward("y")
        assert session.grad("x") == [2.0, 4.0]
        assert session.op("functions.inner", "x", 3)["data"] == [1.0, 8.0]
        loop = {"source": "def inner(x):\n    return functions.outer(x)"}
        problem(client.put("/v1/functions/inner", json=loop), 422, "bad_argument", "call itself")


def test_a_custom_gradient_beside_a_source(client):
    backward = {"inputs": ["g"], "saved": ["x"], "steps": [step("mul", "g", "x", out="h")], "outputs": ["h"]}
    with saved(client, half={"source": "def half(x):\n    return x * x", "backward": backward}):
        assert data(ask(client, "half", "vjp", [3.0], cotangents=[[1.0]])["grads"]) == [[3.0]]


def test_modes_that_a_function_sets_end_with_it(client, session):
    source = (
        "def f(x):\n    torch.set_grad_enabled(False)\n    torch.set_default_dtype(torch.float64)\n"
        "    torch.autograd.set_detect_anomaly(True)\n    return x * 2"
    )
    with saved(client, modes={"source": source}):
        session.run(step("tensor", data=[1.0], requires_grad=True, out="x"), step("functions.modes", "x", out="y"))
        assert session.op("mul", "x", 2)["requires_grad"] is True
        assert session.op("ones", size=[1])["dtype"] == "float32"
        assert session.call("POST", "exec", {"code": "torch.is_anomaly_enabled()"})["result"] is False


WRONG_SOURCES = [
    (1, "bad_argument", "text"),
    ("", "bad_code", "no `def`"),
    ("def f(x:\n", "bad_code", "invalid syntax"),
    ("y = 1", "bad_code", None),
    ("def f(x):\n    return x + w", "bad_code", "name 'w' is not defined"),
    ("def f(*x):\n    return x[0]", "bad_code", "`*`"),
    ("def f(x):\n    x.backward()\n    return x", "bad_code", "pure"),
    ("def f(x):\n    torch.manual_seed(1)\n    return x", "bad_code", "pure"),
    ("def f(x):\n    torch.set_rng_state(x)\n    return x", "bad_code", "pure"),
    ("def f(x):\n    x.grad_fn.metadata['a'] = 1\n    return x", "bad_code", "pure"),
    ("def f(x):\n    x.register_hook(lambda g: g)\n    return x", "bad_code", "pure"),
    ("def f(x):\n    import os\n    return x", "bad_code", None),
    ("def f(out):\n    return out", "bad_argument", "field of every step"),
    ("def f(x):\n    return functions.nobody(x)", "unknown_function", "nobody"),
]


@pytest.mark.parametrize(("source", "code", "text"), WRONG_SOURCES)
def test_a_source_that_is_wrong_is_refused_and_nothing_is_stored(client, source, code, text):
    answer = problem(client.put("/v1/functions/refused", json={"source": source}), 422)
    if answer["code"] not in ("bad_code", code):
        assert answer["code"] == code
    assert text is None or text in answer["detail"]
    problem(client.get("/v1/functions/refused"), 404, "unknown_function")


def test_source_goes_with_no_steps_and_not_beyond_64_kb(client):
    both = {"source": ROSENBROCK, "steps": [], "outputs": ["y"]}
    problem(client.put("/v1/functions/refused", json=both), 422, "bad_argument")
    long = {"source": ROSENBROCK + "\n" + "#" * 70_000}
    problem(client.put("/v1/functions/refused", json=long), 413, "too_large")


FAILING = [
    ("def f(x):\n    return x.__class__", 422, None),
    ("def f(x):\n    return 'a'", 422, "must return a tensor or several, not str"),
    ("def f(x):\n    return ()", 422, "returns nothing"),
    ("def f(x):\n    y = x\n    return y @ y.reshape(7)", 422, "shape '[7]' is invalid for input of size 2"),
    ("def f(x):\n    x.mul_(2)\n    return x", 422, None),
    ("def f(x):\n    x.requires_grad_()\n    return x", 422, "changes its argument"),
    ("def f(x):\n    x.data = x * 2\n    return x", 422, "changes its argument"),
    ("def f(x):\n    return f(x)", 413, None),
    ("def f(x):\n    return [0] * 10**9", 413, None),
    ("def f(x):\n    raise ValueError('no')", 422, "no"),
]


@pytest.mark.parametrize(("source", "status", "text"), FAILING)
def test_code_that_fails_is_told_and_changes_nothing(client, session, source, status, text):
    session.run(step("tensor", data=[1.0, 2.0], out="x"))
    with saved(client, failing={"source": source}):
        problem(send(client, "failing", "call", [1.0, 2.0]), status, None, text)
        with unchanged(session):
            problem(session.send("POST", "ops/functions.failing", {"args": ["x"]}), status, None, text)


def test_a_failure_tells_the_line(client):
    with saved(client, failing={"source": "def f(x):\n    y = x\n    return y @ y.reshape(7)"}):
        assert problem(send(client, "failing", "call", [1.0, 2.0]), 422)["function"] == {"name": "failing", "line": 3}

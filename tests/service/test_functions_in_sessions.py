"""Saved functions as steps: `functions.NAME`, differentiable to any order, as they were when they were used."""

import threading
import time

import pytest

from .conftest import open_session, problem, step, unchanged
from .functions import DOUBLED, ask, data, function, rosenbrock, rosenbrock_grad, rosenbrock_value, saved, send

POINT = [1.5, -0.5, 2.0]
# An exponential that saves its result, as PyTorch's page on extending autograd writes it.
EXP = function(
    step("exp", "x", out="y"),
    backward={
        "inputs": ["grad_output"],
        "saved": ["y"],
        "steps": [step("mul", "grad_output", "y", out="gx")],
        "outputs": ["gx"],
    },
)
# (a b, a + b) with gradients for both inputs; the second one has none by design.
PAIR = function(
    step("mul", "a", "b", out="p"),
    step("add", "a", "b", out="s"),
    inputs=["a", "b"],
    outputs=["p", "s"],
    backward={
        "inputs": ["gp", "gs"],
        "saved": ["b"],
        "steps": [step("mul", "gp", "b", out="t"), step("add", "t", "gs", out="ga")],
        "outputs": ["ga", None],
    },
)


@pytest.fixture(scope="module", autouse=True)
def library(client):
    with saved(client, rosenbrock=rosenbrock(), exponential=EXP, doubled=DOUBLED, pair=PAIR):
        yield


def leaf(name: str, values, dtype: str = "float64") -> dict:
    return step("tensor", data=values, dtype=dtype, requires_grad=True, out=name)


# -- as an op -------------------------------------------------------------------------------------------------------


def test_a_function_records_its_steps(session):
    session.run(leaf("x", POINT), step("functions.rosenbrock", "x", out="y"))
    made = session.get("y")
    assert (made["data"], made["grad_fn"]) == (rosenbrock_value(POINT), "SumBackward0")
    session.backward("y")
    assert session.grad("x") == pytest.approx(rosenbrock_grad(POINT))
    assert session.names() == ["x", "y"]  # the function's own names are its own


def test_results_are_named_as_those_of_ops(session):
    session.run(leaf("x", [1.0, 2.0]))
    assert session.op("functions.exponential", x="x")["name"] == "t0"
    assert [each["name"] for each in session.op("functions.pair", "x", b=3)] == ["t1", "t2"]
    assert [each["name"] for each in session.op("functions.pair", "x", 3, out=["p", None])] == ["p", None]
    assert session.op("functions.exponential", "x", out=None)["name"] is None


def test_literals_have_the_dtype_of_the_signature(session):
    made = session.op("functions.rosenbrock", [1, 1, 1])
    assert (made["dtype"], made["data"]) == ("float64", 0.0)


def test_no_grad_and_grad_mode_hold_inside(session):
    session.run(leaf("x", [1.0]), step("functions.exponential", "x", no_grad=True, out="y"))
    assert session.get("y")["requires_grad"] is False
    session.run(step("set_grad_enabled", False), step("functions.rosenbrock", "x", out="z"))
    assert session.get("z")["requires_grad"] is False


def test_an_unknown_function_is_404_in_the_url_and_422_in_a_body(session):
    with unchanged(session):
        problem(session.send("POST", "ops/functions.nobody", {"args": [1]}), 404, "unknown_function")
        answer = problem(session.send("POST", "run", {"steps": [step("functions.nobody", 1)]}), 422, "unknown_function")
        assert (answer["op"], answer["step"]) == ("functions.nobody", 0)


def test_a_failure_inside_tells_the_step_of_the_run_and_that_of_the_function(client, session):
    body = function(step("neg", "x", out="n"), step("matmul", "n", "x", out="y"))
    with saved(client, square=body), unchanged(session):
        steps = [step("ones", size=[2, 3], out="m"), step("functions.square", "m")]
        answer = problem(session.send("POST", "run", {"steps": steps}), 422, "shape_mismatch")
        assert (answer["op"], answer["step"]) == ("functions.square", 1)
        assert answer["function"] == {"name": "square", "step": 1, "op": "matmul"}


def test_a_function_may_not_change_its_arguments_in_place(client, session):
    session.run(step("tensor", data=[1.0, 2.0], out="x"))
    through_view = function(step("getitem", "x", [0], out="v"), step("mul_", "v", 5, out="w"), outputs=["w"])
    own = function(step("clone", "x", out="c"), step("mul_", "c", 5), outputs=["c"])
    with saved(client, through=through_view, own=own):
        with unchanged(session):
            problem(session.send("POST", "ops/functions.through", {"args": ["x"]}), 422, "bad_argument")
        problem(send(client, "through", "call", [1.0]), 422, "bad_argument", "in place")
        assert session.op("functions.own", "x")["data"] == [5.0, 10.0]
        assert session.data("x") == [1.0, 2.0]


# -- custom gradients -----------------------------------------------------------------------------------------------


def test_a_custom_gradient_is_the_one_that_is_used(session):
    session.run(leaf("x", [1.0, -3.0]), step("functions.doubled", "x", out="y"))
    assert session.get("y")["grad_fn"] == "doubledBackward"
    session.run(step("sum", "y", out="s"), step("backward", "s"))
    assert session.grad("x") == [4.0, -12.0]


def test_a_custom_gradient_can_be_differentiated_again(session):
    """exp three times over, and the doubled gradient 4 x, whose own derivative is 4."""
    session.run(leaf("x", [0.5, 1.5]), step("functions.exponential", "x", out="y"))
    roots = "y"
    for order in range(3):
        step_ = step("autograd.grad", roots, "x", grad_outputs=[[1.0, 1.0]], create_graph=True, out=[f"g{order}"])
        session.run(step_)
        roots = f"g{order}"
        assert session.data(roots) == pytest.approx([1.6487212707, 4.4816890703])
    session.run(
        step("functions.doubled", "x", out="z"),
        step("autograd.grad", "z", "x", grad_outputs=[[1.0, 1.0]], create_graph=True, out=["d"]),
        step("autograd.grad", "d", "x", grad_outputs=[[1.0, 1.0]], out=["dd"]),
    )
    assert (session.data("d"), session.data("dd")) == ([2.0, 6.0], [4.0, 4.0])


def test_several_outputs_of_a_custom_gradient_get_zeros_where_nothing_flows(session):
    session.run(leaf("a", [2.0]), leaf("b", [5.0]), step("functions.pair", "a", "b", out=["p", "s"]))
    assert session.get("s")["grad_fn"] == "pairBackward"
    session.backward(["s"], retain_graph=True)
    assert (session.grad("a"), session.grad("b")) == ([1.0], None)
    session.backward(["p", "s"])
    assert session.grad("a") == [1.0 + 5.0 + 1.0]


WRONG_SHAPE = "Function misshapenBackward returned an invalid gradient at index 0 - got [2] but expected shape"


def test_a_custom_gradient_of_the_wrong_shape_is_refused_with_torchs_text(client, session):
    body = function(
        step("sum", "x", out="y"),
        backward={"inputs": ["g"], "steps": [step("expand", "g", size=[2], out="gx")], "outputs": ["gx"]},
    )
    with saved(client, misshapen=body):
        problem(send(client, "misshapen", "value_and_grad", [1.0, 2.0, 3.0]), 422, "shape_mismatch", WRONG_SHAPE)
        session.run(leaf("x", [1.0, 2.0, 3.0]), step("functions.misshapen", "x", out="y"))
        with unchanged(session):
            problem(session.send("POST", "backward", {"tensors": "y"}), 422, "shape_mismatch", WRONG_SHAPE)


def test_a_failing_step_of_a_custom_gradient_is_told_and_the_graph_stays(client, session):
    body = function(
        step("sum", "x", out="y"),
        backward={"inputs": ["g"], "saved": ["x"], "steps": [step("mm", "g", "x", out="h")], "outputs": ["h"]},
    )
    with saved(client, failing=body):
        session.run(leaf("x", [1.0, 2.0]), step("functions.failing", "x", out="y"))
        with unchanged(session):
            for _ in range(2):
                answer = problem(session.send("POST", "backward", {"tensors": "y"}), 422)
                assert answer["function"] == {"name": "failing.backward", "step": 0, "op": "mm"}


# -- versions -------------------------------------------------------------------------------------------------------


def test_a_graph_keeps_the_function_it_was_made_with(client, session):
    def scaled(factor: float) -> dict:
        backward = {"inputs": ["g"], "steps": [step("mul", "g", factor, out="h")], "outputs": ["h"]}
        return function(step("mul", "x", factor, out="y"), backward=backward)

    with saved(client, scaled=scaled(2.0)):
        session.run(leaf("x", [1.0]), step("functions.scaled", "x", out="old"))
        assert client.put("/v1/functions/scaled", json=scaled(10.0)).status_code == 200
        session.run(step("functions.scaled", "x", out="new"))
        session.backward(["old"], retain_graph=True)
        assert session.grad("x") == [2.0]
        session.backward(["new"])
        assert session.grad("x") == [12.0]
    session.backward(["old"])  # deleted by now
    assert session.grad("x") == [14.0]


def test_a_function_calls_those_it_was_saved_with(client):
    def plus(number: float) -> dict:
        return function(step("add", "x", number, out="y"))

    twice = function(step("functions.inner", "x", out="t"), step("functions.inner", "t", out="y"))
    with saved(client, inner=plus(1.0), outer=twice):
        first = client.get("/v1/functions/outer").json()
        assert first["calls"] == {"inner": client.get("/v1/functions/inner").json()["hash"]}
        assert client.put("/v1/functions/inner", json=plus(10.0)).status_code == 200
        assert data(ask(client, "outer", "call", 0.0)["outputs"]) == [2.0]
        again = client.put("/v1/functions/outer", json=twice).json()
        assert again["hash"] != first["hash"]
        assert data(ask(client, "outer", "call", 0.0)["outputs"]) == [20.0]
        assert client.delete("/v1/functions/inner").status_code == 204
        assert data(ask(client, "outer", "call", 0.0)["outputs"]) == [20.0]


# -- beside each other ----------------------------------------------------------------------------------------------


def test_many_calls_at_once_while_the_function_changes_see_one_version_each(server, client):
    def constant(number: float) -> dict:
        return function(step("mul", "x", 0, out="z"), step("add", "z", number, out="y"))

    answers, stop, calling = [], threading.Event(), threading.Barrier(4)

    def keep_calling() -> None:
        with server.client() as own:
            calling.wait(60)  # no change before every caller has its connection ready
            while not stop.is_set() or not answers:
                made = own.post("/v1/functions/changing/value_and_grad", json={"args": [1.0]}).json()
                answers.append((made["value"]["data"], made["grads"][0]["data"]))

    with saved(client, changing=constant(0.0)):
        threads = [threading.Thread(target=keep_calling) for _ in range(3)]
        for each in threads:
            each.start()
        calling.wait(60)
        for number in range(1, 20):
            assert client.put("/v1/functions/changing", json=constant(float(number))).status_code == 200
        stop.set()
        for each in threads:
            each.join()
    assert answers
    assert {grad for _, grad in answers} == {0.0}
    assert {value for value, _ in answers} <= {float(number) for number in range(20)}


def test_a_long_call_holds_nobody_up(server, client):
    body = function(*[step("matmul", "x", "x", out="y")] * 40)
    done = threading.Event()

    def long_call() -> None:
        with server.client() as own:
            own.post(
                "/v1/functions/long/call?data=false", json={"args": [{"data": [1.0] * 640_000, "shape": [800, 800]}]}
            )
        done.set()

    with saved(client, long=body), open_session(client) as other:
        thread = threading.Thread(target=long_call)
        thread.start()
        waits = []
        while not done.is_set():
            started = time.monotonic()
            assert other.op("add", 1, 2)["data"] == 3
            waits.append(time.monotonic() - started)
        thread.join()
    assert len(waits) > 3
    assert sorted(waits)[len(waits) // 2] < 0.5


def test_what_a_custom_gradient_saved_is_counted_and_shown_in_the_graph(session):
    session.run(leaf("x", [1.0] * 1000), step("functions.exponential", "x", out="y"), step("del", ["y"]))
    before = session.call("GET")["bytes"]
    session.run(step("functions.exponential", "x", out="y"), step("sum", "y", out="s"), step("del", ["y"]))
    assert 8_008 <= session.call("GET")["bytes"] - before < 9_000  # the saved result, whose name is gone, and the sum
    node = next(each for each in session.call("GET", "graph")["nodes"] if each["name"] == "exponentialBackward")
    assert node["saved"] == [{"name": "saved_tensors[0]", "shape": [1000], "dtype": "float64"}]


def test_code_calls_functions_and_a_recursion_too_deep_is_refused_wherever_it_ends(session):
    source = "x = torch.tensor([1., 2.], requires_grad=True)\ny = functions.doubled(x)\nprint(y)"
    answer = session.call("POST", "exec", {"code": source})
    assert answer["stdout"] == "tensor([1., 4.], grad_fn=<doubledBackward>)\n"
    deep = "def down(n):\n    return functions.doubled(x) if n == 0 else down(n - 1)\n"
    assert session.call("POST", "exec", {"code": f"{deep}down(5)"})["result"]["data"] == [1.0, 4.0]
    for depth in range(60, 2000, 97):
        answer = session.send("POST", "exec", {"code": f"{deep}down({depth})"})
        assert answer.status_code in (200, 413), answer.text

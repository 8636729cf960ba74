"""The same body again: what the server remembers of a text must not be seen in any answer."""

import json

import pytest
from hypothesis import HealthCheck, given, settings

from .conftest import open_session, problem, snapshot, step, unchanged
from .functions import function, saved
from .test_same_program import Program, programs

TIMES = 4  # the first is read, the second is noted, the third is planned, the fourth is run by its plan
CHANGING = ("id", "created_at", "expires_at")


def post(session, path: str, body: dict, spaces: int = 0):
    """The answer to a body; `spaces` before it make it another text."""
    text = " " * spaces + json.dumps(body)
    headers = {"content-type": "application/json"}
    return session.client.post(f"{session.path}/{path}", content=text, headers=headers)


def seen(session) -> dict:
    """All that a client can see, but whose it is and when."""
    found = snapshot(session)
    found["session"] = {name: each for name, each in found["session"].items() if name not in CHANGING}
    return found


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(programs)
def test_a_text_sent_again_gives_what_other_texts_of_the_same_body_give(client, program):
    body = {"steps": Program(*program).steps, "return": ["v0"]}
    with open_session(client) as same, open_session(client) as other:
        for time in range(TIMES):
            again, anew = post(same, "run", body), post(other, "run", body, spaces=time)
            assert again.status_code == anew.status_code == 200, again.text
            assert again.json() == anew.json()
        assert seen(same) == seen(other)


@pytest.fixture
def used(session):
    """A session with a body that it has got often."""
    session.tensor("x", [1.0, 2.0], requires_grad=True)
    session.tensor("w", [3.0, 4.0])
    for _ in range(TIMES):
        assert post(session, "ops/mul", {"input": "x", "other": "w", "out": "y"}).json()["result"]["data"] == [3, 8]
    return session


def mul(session):
    return post(session, "ops/mul", {"input": "x", "other": "w", "out": "y"})


def test_other_values_shapes_and_dtypes_under_the_same_names(used):
    used.call("PUT", "tensors/w/data", {"data": [5.0, 6.0]})
    assert mul(used).json()["result"]["data"] == [5, 12]
    used.call("PUT", "tensors/w", {"data": [[1.0], [2.0], [3.0]], "dtype": "float64"})
    made = mul(used).json()["result"]
    assert (made["shape"], made["dtype"], made["grad_fn"]) == ([3, 2], "float64", "MulBackward0")
    used.call("PUT", "tensors/x", {"data": [2, 3]})
    used.call("PUT", "tensors/w", {"data": [4, 5]})
    made = mul(used).json()["result"]
    assert (made["data"], made["dtype"], made["grad_fn"]) == ([8, 15], "int64", None)


def test_a_name_that_has_gone_is_told_and_changes_nothing(used):
    used.call("DELETE", "tensors/w")
    with unchanged(used):
        problem(mul(used), 422, "unknown_tensor", "'w'")
    used.tensor("w", [1.0, 1.0])
    assert mul(used).json()["result"]["data"] == [1, 2]


def test_shapes_that_do_not_fit_are_told_as_ever(used):
    used.call("PUT", "tensors/w", {"data": [1.0, 2.0, 3.0]})
    with unchanged(used):
        told = problem(mul(used), 422, "shape_mismatch", "The size of tensor a (2) must match")
    assert told["op"] == "mul"


def test_modes_are_those_of_now(used):
    used.call("PATCH", "", {"grad_enabled": False})
    assert mul(used).json()["result"]["grad_fn"] is None
    used.call("PATCH", "", {"grad_enabled": True})
    assert mul(used).json()["result"]["grad_fn"] == "MulBackward0"
    body = {"size": [2], "requires_grad": True, "out": "o"}
    for _ in range(TIMES):
        assert post(used, "ops/ones", body).json()["result"]["dtype"] == "float32"
    used.call("PATCH", "", {"dtype": "float64"})
    assert post(used, "ops/ones", body).json()["result"]["dtype"] == "float64"


def test_in_place_and_nameless_results(used):
    for time in range(TIMES):
        made = post(used, "ops/add_", {"input": "w", "other": 1}).json()["result"]
        assert (made["name"], made["data"]) == ("w", [4 + time, 5 + time])
    names = [post(used, "ops/neg", {"input": "w"}).json()["result"]["name"] for _ in range(TIMES)]
    assert len(set(names)) == TIMES
    for _ in range(TIMES):
        assert post(used, "ops/neg", {"input": "w", "out": None}).json()["result"]["name"] is None
        pair = post(used, "ops/max", {"input": "w", "dim": 0, "out": ["m", "at"]}).json()["results"]
        assert [each["name"] for each in pair] == ["m", "at"]


def test_a_step_that_fails_once_is_told_and_the_run_taken_back(used):
    body = {"steps": [step("add_", "w", 1), step("matmul", "x", "w", out="d")], "return": ["d"]}
    wanted = [11 + 3 * (time + 1) for time in range(TIMES)]
    assert [post(used, "run", body).json()["tensors"]["d"]["data"] for _ in range(TIMES)] == wanted
    used.call("PUT", "tensors/x", {"data": [1.0, 2.0, 3.0]})
    with unchanged(used):
        told = problem(post(used, "run", body), 422, "shape_mismatch")
    assert (told["step"], told["op"]) == (1, "matmul")


def test_a_saved_function_again_and_again(client, used):
    scaled = function(step("mul", "x", 2, out="b"), step("sum", "b", out="y"))
    with saved(client, scaled=scaled):
        for data in ([1.0], [1.0, 2.0], [[1.0], [5.0]]):
            used.call("PUT", "tensors/x", {"data": data})
            total = 2 * sum(each if type(each) is float else sum(each) for each in data)
            for _ in range(TIMES):
                assert used.op("functions.scaled", "x", out="r")["data"] == total


def test_backward_again_adds_up_and_a_second_time_through_a_freed_graph_is_told(used):
    made = [step("mul", "x", "w", out="y"), step("sum", "y", out="s")]
    for _ in range(TIMES):
        post(used, "run", {"steps": made})
        post(used, "run", {"steps": [step("backward", "s")]})
    assert used.call("GET", "tensors/x/grad")["data"] == [3 * TIMES, 4 * TIMES]
    with unchanged(used):
        told = problem(post(used, "run", {"steps": [step("backward", "s")]}), 409, "graph_freed")
    assert (told["step"], told["op"]) == (0, "backward")


def test_gradients_of_lists_that_are_asked_for_again(used):
    used.call("PATCH", "tensors/w", {"requires_grad": True})
    made = {"steps": [step("mul", "x", "w", out="y"), step("sum", "y", out="s")]}
    asked = {"outputs": ["s"], "inputs": ["x", "w"], "out": ["gx", None]}
    for time in range(TIMES):
        used.call("PUT", "tensors/w/data", {"data": [time, 1.0]})
        post(used, "run", made)
        pair = post(used, "ops/autograd.grad", asked).json()["results"]
        assert [(each["name"], each["data"]) for each in pair] == [("gx", [time, 1]), (None, [1, 2])]
    for _ in range(TIMES):
        nameless = post(used, "run", {"steps": [*made["steps"], step("autograd.grad", "s", "x")]}).json()["tensors"]
        assert nameless == {}
    used.call("DELETE", "tensors/w")
    with unchanged(used):
        problem(post(used, "ops/autograd.grad", asked), 422, "unknown_tensor", "'w'")


def test_further_arguments_are_not_forgotten(used):
    for _ in range(TIMES):
        assert post(used, "ops/add", {"input": "x", "other": "w", "alpha": 2, "out": "y"}).json()["result"]["data"] == [
            7,
            10,
        ]
        assert post(used, "ops/mul", {"input": 2, "other": "w", "out": "y"}).json()["result"]["data"] == [6, 8]


def test_a_name_given_twice_in_a_run_that_fails_stands_for_what_it_did(used):
    steps = [step("mul", "w", 2, out="w"), step("add", "w", 1, out="w"), step("matmul", "x", "w", out="d")]
    for _ in range(TIMES):
        post(used, "run", {"steps": steps})
    used.call("PUT", "tensors/x", {"data": [1.0, 2.0, 3.0]})
    with unchanged(used):
        problem(post(used, "run", {"steps": steps}), 422, "shape_mismatch")


def test_a_tensor_of_two_names_keeps_the_other(used):
    for _ in range(TIMES):
        same = post(used, "ops/requires_grad_", {"input": "x", "out": "same"}).json()["result"]
        assert same["name"] == "same"
        assert post(used, "ops/neg", {"input": "w", "out": "same"}).json()["result"]["data"] == [-3, -4]
        assert post(used, "ops/requires_grad_", {"input": "x"}).json()["result"]["name"] == "x"
    assert [each["name"] for each in used.call("GET", "tensors")["tensors"]] == ["x", "w", "y", "same"]
    used.call("PUT", "tensors/x", {"data": 1.0})
    assert used.get("x")["data"] == 1


def test_what_changes_a_tensor_itself_is_done_again(used):
    for _ in range(TIMES):
        off = post(used, "ops/requires_grad_", {"input": "x", "requires_grad": False}).json()["result"]
        on = post(used, "ops/requires_grad_", {"input": "x"}).json()["result"]
        assert [(each["name"], each["requires_grad"]) for each in (off, on)] == [("x", False), ("x", True)]
    drawn = []
    for _ in range(TIMES):
        post(used, "ops/manual_seed", {"seed": 5})
        drawn.append(post(used, "ops/rand", {"size": [2], "out": "r"}).json()["result"]["data"])
    assert drawn == [drawn[0]] * TIMES
    assert post(used, "ops/rand", {"size": [2], "out": "r"}).json()["result"]["data"] != drawn[0]

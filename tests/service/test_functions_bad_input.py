"""What saved functions refuse: the right status, code and text, and nothing stored half."""

import pytest

from .conftest import open_session, problem, step, unchanged
from .functions import DOUBLED, ask, data, function, rosenbrock, saved, send

PATH = "/v1/functions/refused"
TORCH_COUNT = "function refusedBackward returned an incorrect number of gradients (expected 1, got 2)"
SCALAR = "grad can be implicitly created only for scalar outputs"
SIZES = "Mismatch in shape: grad_output[0] has a shape of torch.Size([2]) and output[0] has a shape of torch.Size([3])."
NEG = step("neg", "x", out="y")
BACKWARD = {"inputs": ["g"], "steps": [step("neg", "g", out="h")], "outputs": ["h"]}


@pytest.fixture(scope="module", autouse=True)
def library(client):
    matrix = {"name": "m", "dtype": "float32", "shape": ["n", "n"]}
    fixed = {"name": "b", "shape": ["n", 2, None]}
    with saved(
        client,
        rosenbrock=rosenbrock(),
        doubled=DOUBLED,
        shaped=function(step("sum", "b", out="y"), inputs=[matrix, fixed]),
        cube=function(step("pow", "x", 3, out="y")),
        root=function(step("sqrt", "x", out="y")),
        two=function(step("neg", "x", out="y"), outputs=["x", "y"]),
    ):
        yield


# -- saving ---------------------------------------------------------------------------------------------------------

WRONG_BODIES = [
    ({}, "a source, or inputs"),
    ([], "object"),
    (function(NEG, colour="red"), "colour"),
    ({**function(NEG), "inputs": "x"}, "inputs"),
    (function(NEG, inputs=["x", "x"]), "an input before"),
    (function(NEG, inputs=["x", "out"]), "field of every step"),
    (function(NEG, inputs=[{"name": "1x"}]), "not a name"),
    (function(NEG, inputs=[{"name": "x", "colour": 1}]), "colour"),
    (function(NEG, inputs=[{"name": "x", "dtype": "float31"}]), "dtype"),
    (function(NEG, inputs=[{"name": "x", "dtype": 3}]), "dtype"),
    (function(NEG, inputs=[{"name": "x", "shape": 3}]), "shape"),
    (function(NEG, inputs=[{"name": "x", "shape": [-1]}]), "sizes"),
    (function(NEG, inputs=[{"name": "x", "shape": [True]}]), "sizes"),
    (function(NEG, inputs=[{"name": "x", "shape": [1.5]}]), "sizes"),
    (function(NEG, inputs=[{"name": "x", "shape": ["2n"]}]), "not a name"),
    (function(NEG, inputs=[{"name": "x", "shape": [None] * 65}]), "dimensions"),
    ({**function(), "steps": {}}, "steps"),
    (function("neg"), "a step is a JSON object"),
    (function({"input": "x"}), "op"),
    (function(step("neg", "x", colour=1, out="y")), "colour"),
    (function(step("sum", "x", dim="a", out="y")), "sum() received an invalid combination"),
    (function(step("mul", "x", out="y")), 'missing 1 required positional arguments: "other"'),
    (function(step("neg", "x", out="1")), "not a name"),
    (function(NEG, outputs=[]), "outputs"),
    ({**function(NEG), "outputs": "y"}, "outputs"),
    (function(NEG, outputs=[None]), "not a name"),
    (function(step("backward", "x")), "pure"),
    (function(step("requires_grad_", "x")), "pure"),
    (function(step("manual_seed", 1)), "pure"),
    (function(step("set_grad_enabled", False)), "pure"),
    (function(step("set_grad", "x", None)), "pure"),
    (function(step("rename", "x", "z")), "pure"),
    (function(NEG, backward=[]), "backward"),
    (function(NEG, backward={"steps": [], "outputs": []}), "inputs"),
    (function(NEG, backward={**BACKWARD, "inputs": ["g", "k"]}), "2 names for the gradients of 1 outputs"),
    (function(NEG, backward={**BACKWARD, "outputs": ["h", "h"]}), TORCH_COUNT),
    (function(NEG, backward={**BACKWARD, "outputs": None}), "backward.outputs"),
    (function(NEG, backward={**BACKWARD, "saved": ["g"]}), None),
    (function(NEG, backward={**BACKWARD, "inputs": ["x"], "saved": ["x"]}), "twice"),
    (function(NEG, backward={**BACKWARD, "saved": "x"}), "saved"),
]


@pytest.mark.parametrize(("body", "text"), WRONG_BODIES)
def test_a_body_that_is_wrong_is_refused_and_nothing_is_stored(client, body, text):
    answer = problem(client.put(PATH, json=body), 422, ("bad_argument", "unknown_tensor"))
    assert text is None or text in answer["detail"], answer["detail"]
    problem(client.get(PATH), 404, "unknown_function")


@pytest.mark.parametrize("name", ["1x", "a-b", "NaN", "x" * 129, "é"])
def test_a_name_that_is_none_is_refused(client, name):
    problem(client.put(f"/v1/functions/{name}", json=function(NEG)), 422, "bad_argument")
    problem(client.get(f"/v1/functions/{name}"), 404, "unknown_function")


CLOSES_OVER = [
    function(step("mul", "x", "w", out="y")),
    function(step("cat", ["x", "w"], out="y")),
    function(step("getitem", "x", ["w"], out="y")),
    function(step("neg", "x", out="y"), step("neg", "later", out="z"), step("neg", "x", out="later")),
    function(step("neg", "x", out="y"), step("del", ["y"]), outputs=["y"]),
    function(step("add", "x", "x.grad", out="y")),
    function(NEG, outputs=["w"]),
    function(NEG, backward={**BACKWARD, "saved": ["w"]}),
    function(NEG, backward={**BACKWARD, "steps": [step("mul", "g", "x", out="h")]}),  # not among what is saved
]


@pytest.mark.parametrize("body", CLOSES_OVER)
def test_a_function_sees_nothing_of_a_session(client, session, body):
    session.tensor("w", [1.0, 2.0])
    problem(client.put(PATH, json=body), 422, ("unknown_tensor", "no_grad"))
    problem(client.get(PATH), 404, "unknown_function")


def test_an_unknown_op_tells_its_step(client):
    answer = problem(client.put(PATH, json=function(NEG, step("os.system", "x"))), 422, "unknown_op")
    assert (answer["op"], answer["step"]) == ("os.system", 1)


def test_a_function_that_is_not_there_cannot_be_called_by_another(client):
    answer = problem(client.put(PATH, json=function(step("functions.nobody", "x", out="y"))), 422, "unknown_function")
    assert "nobody" in answer["detail"]
    problem(client.get(PATH), 404, "unknown_function")


def test_functions_cannot_call_themselves_by_whatever_way(client):
    def calling(name: str) -> dict:
        return function(step(f"functions.{name}", "x", out="y"))

    problem(client.put(PATH, json=calling("refused")), 422, "bad_argument", "call itself")
    with saved(client, first=function(NEG), second=calling("first"), third=calling("second")):
        before = client.get("/v1/functions/first").json()
        problem(client.put("/v1/functions/first", json=calling("third")), 422, "bad_argument", "call itself")
        assert client.get("/v1/functions/first").json() == before
        assert data(ask(client, "third", "call", 1.0)["outputs"]) == [-1.0]


def test_functions_stand_only_so_deep_in_one_another(client):
    bodies = {"deep0": function(NEG)}
    for level in range(1, 16):
        bodies[f"deep{level}"] = function(step(f"functions.deep{level - 1}", "x", out="y"))
    with saved(client, **bodies):
        assert data(ask(client, "deep15", "value_and_grad", 1.0)["grads"]) == [-1.0]
        problem(client.put(PATH, json=function(step("functions.deep15", "x", out="y"))), 413, "too_large")


def test_a_wrong_body_leaves_the_function_that_was_there(client):
    with saved(client, kept=function(NEG)):
        before = client.get("/v1/functions/kept").json()
        problem(client.put("/v1/functions/kept", json=function(step("mul", "x", "w", out="y"))), 422, "unknown_tensor")
        problem(client.put("/v1/functions/kept", content=b"{", headers={"Content-Type": "application/json"}), 400)
        assert client.get("/v1/functions/kept").json() == before


# -- calling --------------------------------------------------------------------------------------------------------

SQUARE = [[1.0, 2.0], [3.0, 4.0]]
HALF = {"data": SQUARE, "dtype": "float16"}
BLOCK = [[[1.0], [1.0]], [[1.0], [1.0]]]
WRONG_ARGUMENTS = [
    ([], 422, "bad_argument", 'missing 1 required positional arguments: "m"'),
    ([SQUARE], 422, "bad_argument", '"b"'),
    ([SQUARE, BLOCK, 1], 422, "bad_argument", "takes 2 positional arguments but 3 were given"),
    ({"m": SQUARE, "b": BLOCK, "c": 1}, 422, "bad_argument", "unexpected keyword argument 'c'"),
    ("m", 422, "bad_argument", "args"),
    (["m", BLOCK], 422, "unknown_tensor", "'m' stands for nothing"),
    ([None, BLOCK], 422, "bad_argument", "m must be a tensor"),
    ([HALF, BLOCK], 422, "dtype_mismatch", "argument 'm' must have dtype float32, not float16"),
    ([[1.0, 2.0], BLOCK], 422, "shape_mismatch", "argument 'm' must have shape [n, n], not [2]"),
    ([[[1.0, 2.0]], BLOCK], 422, "shape_mismatch", "its dimension 1 is 2 where n is 1"),
    ([[[1.0]], BLOCK], 422, "shape_mismatch", "argument 'b' must have shape [n, 2, null], but its dimension 0 is 2"),
    ([SQUARE, [[[1.0]], [[1.0]]]], 422, "shape_mismatch", "must have shape [n, 2, null], not [2, 1, 1]"),
    ([SQUARE, {"data": [1], "shape": [1 << 40, 2, 1]}], 422, "shape_mismatch", None),
    ([[[1.0, "x"]], BLOCK], 422, "bad_argument", None),
]


@pytest.mark.parametrize(("args", "status", "code", "text"), WRONG_ARGUMENTS)
def test_arguments_that_do_not_fit_are_refused(client, args, status, code, text):
    problem(send(client, "shaped", "call", args=args), status, code, text)


def test_steps_of_sessions_refuse_the_same(session):
    session.run(step("tensor", data=[1.0, 2.0], out="v"), step("ones", size=[2, 2, 3], out="b"))
    with unchanged(session):
        problem(session.send("POST", "ops/functions.shaped", {"args": ["v", "b"]}), 422, "shape_mismatch", "[n, n]")
        problem(session.send("POST", "ops/functions.shaped", {"args": ["w", "b"]}), 422, "unknown_tensor")
        problem(session.send("POST", "ops/functions.shaped", {"m": [[1.0]], "x": 1}), 422, "bad_argument")
        problem(session.send("POST", "ops/functions.cube", {"args": ["v"], "out": ["a", "b"]}), 422, "bad_argument")


WRONG_CALLS = [
    ("cube", "call", {"wrt": ["x"]}, 422, "wrt"),
    ("cube", "value_and_grad", {"wrt": ["y"]}, 422, "wrt"),
    ("cube", "value_and_grad", {"wrt": ["x", 0]}, 422, "twice"),
    ("cube", "value_and_grad", {"wrt": [True]}, 422, "wrt"),
    ("cube", "value_and_grad", {"wrt": []}, 422, "`inputs` argument to `grad()` cannot be empty."),
    ("cube", "value_and_grad", {}, 422, SCALAR),
    ("two", "value_and_grad", {}, 422, "2 outputs"),
    (
        "cube",
        "hessian",
        {},
        422,
        "given to hessian should contain a single element",
    ),
    ("cube", "hvp", {"vectors": [[1.0, 1.0, 1.0]]}, 422, "given to hvp should contain a single element"),
    ("two", "hessian", {}, 422, "should return a single Tensor"),
    ("cube", "vjp", {}, 422, SCALAR),
    ("cube", "vjp", {"cotangents": [[1.0, 2.0]]}, 422, SIZES),
    ("cube", "vjp", {"cotangents": [1.0, 2.0]}, 422, "must be a list of 1, one for each output, not 2 entries"),
    ("cube", "vjp", {"cotangents": 1.0}, 422, "must be a list of 1"),
    ("cube", "vjp", {"cotangents": ["x"]}, 422, "x"),
    ("cube", "vjp", {"cotangents": [[1.0, 1.0, 1.0]], "batched": True}, 422, "If `is_grads_batched=True`"),
    ("cube", "vjp", {"batched": True}, 422, "cotangents"),
    ("cube", "vjp", {"cotangents": [None], "batched": True}, 422, "null"),
    ("cube", "vjp", {"cotangents": [[1.0, 1.0, 1.0]], "batched": 1}, 422, "batched"),
    ("cube", "jvp", {}, 422, "tangents"),
    (
        "cube",
        "jvp",
        {"tangents": [[1.0]]},
        422,
        "should be torch.Size([3]) but got torch.Size([1]).",
    ),
    ("cube", "jvp", {"tangents": [1.0, 1.0]}, 422, "must be a list of 1"),
    ("cube", "gradcheck", {"eps": 0}, 422, "eps"),
    ("cube", "gradcheck", {"rtol": "NaN"}, 422, "rtol"),
    ("cube", "call", {"colour": 1}, 422, "colour"),
]


@pytest.mark.parametrize(("name", "method", "fields", "status", "text"), WRONG_CALLS)
def test_calls_that_are_wrong_are_refused(client, name, method, fields, status, text):
    problem(send(client, name, method, [1.0, 2.0, 3.0], **fields), status, None, text)


def test_integers_have_no_gradients(client):
    whole = {"data": [1, 2], "dtype": "int64"}
    problem(send(client, "cube", "value_and_grad", whole), 422, "dtype_mismatch", "can require gradients")


def test_a_gradcheck_that_is_not_finite_is_refused(client):
    problem(send(client, "root", "gradcheck", [1.0, 0.0]), 422, "bad_argument", "not finite")
    problem(send(client, "root", "gradcheck", [-1.0]), 422, "bad_argument", "not finite")


def test_what_would_be_too_large_is_refused_before_it_is_made(client):
    bodies = {
        "vast": function(step("expand", "x", size=[1 << 40], out="v"), step("exp", "v", out="y")),
    }
    with saved(client, **bodies):
        problem(send(client, "vast", "call", 1.0), 413, "too_large")
        problem(send(client, "vast", "gradcheck", 1.0), 413, "too_large")
        row = {"data": [1.0] * 4_000}
        problem(send(client, "cube", "jacobian", row), 413, "too_large")
        problem(send(client, "cube", "vjp", row, cotangents=[[[1.0] * 4_000] * 1_300], batched=True), 413, "too_large")


def test_nothing_of_the_calls_but_these_is_there(client):
    problem(send(client, "cube", "nonsense", 1.0), 404, "not_found")
    problem(client.get("/v1/functions/cube/call"), 405)
    problem(client.post("/v1/functions/cube/call", content=b"x"), 415)
    problem(client.get("/v1/functions?colour=red"), 422, "bad_argument")
    problem(client.get("/v1/functions?cursor=x"), 422, "bad_argument")
    problem(client.get("/v1/functions?limit=0"), 422, "bad_argument")


def test_functions_are_not_seen_as_ops_by_their_bare_name(client):
    with open_session(client) as other:
        problem(other.send("POST", "ops/cube", {"args": [1.0]}), 404, "unknown_op")

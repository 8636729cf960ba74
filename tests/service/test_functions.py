"""Saved functions over HTTP: save, look at, call for values and for derivatives of every kind."""

import math

import pytest

from .conftest import pages, problem, step
from .functions import (
    DOUBLED,
    ask,
    data,
    function,
    rosenbrock,
    rosenbrock_grad,
    rosenbrock_hessian,
    rosenbrock_value,
    saved,
    send,
)

POINT = [1.5, -0.5, 2.0]
# z = a^2 b (outer product of 2 by 3), s = sum of a, c = a
SEVERAL = function(
    step("mul", "a", "a", out="q"),
    step("outer", "q", "b", out="z"),
    step("sum", "a", out="s"),
    step("argmax", "b", out="at"),
    inputs=["a", "b"],
    outputs=["z", "s", "at"],
)
A, B = [1.0, 2.0], [3.0, 5.0, 7.0]


@pytest.fixture(scope="module", autouse=True)
def library(client):
    with saved(client, rosenbrock=rosenbrock(), several=SEVERAL, doubled=DOUBLED):
        yield


# -- saving ---------------------------------------------------------------------------------------------------------


def test_put_makes_and_then_changes_a_function_and_its_etag_is_the_hash_of_its_content(client):
    path = "/v1/functions/temporary"
    body = function(step("neg", "x", out="y"))
    made = client.put(path, json=body)
    assert (made.status_code, made.headers["location"]) == (201, path)
    assert made.headers["etag"] == f'"{made.json()["hash"]}"'
    again = client.put(path, json=body)
    assert (again.status_code, again.headers["etag"]) == (200, made.headers["etag"])
    other = client.put(path, json=function(step("abs", "x", out="y")))
    assert other.status_code == 200
    assert other.headers["etag"] != made.headers["etag"]
    assert other.json()["created_at"] == made.json()["created_at"]
    assert data(ask(client, "temporary", "call", [-2.0])["outputs"]) == [[2.0]]
    assert client.delete(path).status_code == 204
    problem(client.get(path), 404, "unknown_function")
    problem(client.delete(path), 404, "unknown_function")
    problem(send(client, "temporary", "call", 1), 404, "unknown_function")


def test_get_shows_the_program_and_a_list_is_without(client):
    shown = client.get("/v1/functions/doubled").json()
    assert shown["inputs"] == [{"name": "x", "dtype": None, "shape": None}]
    assert (shown["outputs"], shown["custom_gradient"], shown["calls"]) == (["y"], True, {})
    assert shown["steps"] == DOUBLED["steps"]
    assert shown["backward"] == DOUBLED["backward"]
    listed = {each["name"]: each for each in pages(client, "/v1/functions", "functions", limit=2)}
    assert {"rosenbrock", "several", "doubled"} <= listed.keys()
    assert listed["doubled"] == {key: shown[key] for key in listed["doubled"]}
    assert "steps" not in listed["doubled"]


def test_if_match_guards_a_change(client):
    with saved(client, guarded=function(step("neg", "x", out="y"))):
        tag = client.get("/v1/functions/guarded").headers["etag"]
        body = function(step("abs", "x", out="y"))
        problem(client.put("/v1/functions/guarded", json=body, headers={"If-Match": '"0"'}), 412, "precondition_failed")
        problem(client.delete("/v1/functions/guarded", headers={"If-Match": '"0"'}), 412, "precondition_failed")
        problem(client.put("/v1/functions/unmade", json=body, headers={"If-Match": "*"}), 412, "precondition_failed")
        assert client.get("/v1/functions/guarded").headers["etag"] == tag
        assert client.put("/v1/functions/guarded", json=body, headers={"If-Match": tag}).status_code == 200


def test_an_idempotency_key_gives_the_first_answer_again(client):
    headers = {"Idempotency-Key": "functions-delete"}
    with saved(client, once=function(step("neg", "x", out="y"))):
        assert [client.delete("/v1/functions/once", headers=headers).status_code for _ in range(2)] == [204, 204]
        problem(client.delete("/v1/functions/several", headers=headers), 422, "idempotency_mismatch")
        problem(client.get("/v1/functions/once"), 404, "unknown_function")


# -- values ---------------------------------------------------------------------------------------------------------


def test_arguments_by_position_by_name_and_as_literals(client):
    wanted = rosenbrock_value(POINT)
    assert data(ask(client, "rosenbrock", "call", POINT)["outputs"]) == [wanted]
    assert data(ask(client, "rosenbrock", "call", args={"x": POINT})["outputs"]) == [wanted]
    literal = {"data": POINT, "dtype": "float64", "shape": [3]}
    (made,) = ask(client, "rosenbrock", "call", literal)["outputs"]
    assert made == {
        "name": None,
        "shape": [],
        "dtype": "float64",
        "device": "cpu",
        "requires_grad": False,
        "is_leaf": True,
        "grad_fn": None,
        "retains_grad": False,
        "version": 0,
        "data": wanted,
        "grad": None,
    }


def test_a_number_is_a_tensor_and_has_the_dtype_of_the_signature(client):
    body = function(step("mul", "x", "n", out="y"), inputs=[{"name": "x", "dtype": "float64", "shape": []}, "n"])
    with saved(client, scale=body):
        (made,) = ask(client, "scale", "call", 3, 2)["outputs"]
        assert (made["dtype"], made["data"]) == ("float64", 6.0)


def test_data_false_leaves_the_values_out(client):
    answer = client.post("/v1/functions/rosenbrock/call?data=false", json={"args": [POINT]}).json()
    assert data(answer["outputs"]) == [None]


def test_values_come_whatever_their_number_up_to_the_limit_of_an_answer(client):
    body = function(step("expand", "x", size=[20_000], out="y"))
    with saved(client, wide=body):
        assert len(ask(client, "wide", "call", 1.5)["outputs"][0]["data"]) == 20_000
    limit = client.get("/v1/info").json()["limits"]["response_elements"]
    with saved(client, wider=function(step("expand", "x", size=[limit + 1], out="y"))):
        problem(send(client, "wider", "call", 1.5), 413, "too_large")


# -- derivatives ----------------------------------------------------------------------------------------------------


def test_value_and_grad(client):
    answer = ask(client, "rosenbrock", "value_and_grad", POINT)
    assert answer["value"]["data"] == rosenbrock_value(POINT)
    assert answer["grads"][0]["data"] == pytest.approx(rosenbrock_grad(POINT), rel=1e-12)
    assert answer["grads"][0]["grad_fn"] is None


def test_integers_are_floats_where_gradients_flow_to_them_and_unused_inputs_have_zeros(client):
    body = function(step("mul", "x", "x", out="y"), inputs=["x", "w"])
    with saved(client, square=body):
        grads = ask(client, "square", "value_and_grad", 3, [1, 2])["grads"]
        assert [(each["dtype"], each["data"]) for each in grads] == [("float32", 6.0), ("float32", [0.0, 0.0])]
        assert data(ask(client, "square", "value_and_grad", 3, [1, 2], wrt=["w"])["grads"]) == [[0.0, 0.0]]
        assert data(ask(client, "square", "value_and_grad", 3, [1, 2], wrt=[0])["grads"]) == [6.0]


def test_vjp_of_several_outputs(client):
    cotangents = [[[1, 0, 0], [0, 1, 0]], 10, None]
    answer = ask(client, "several", "vjp", A, B, cotangents=cotangents)
    assert data(answer["outputs"]) == [[[3.0, 5.0, 7.0], [12.0, 20.0, 28.0]], 3.0, 2]
    # d/da: 2 a (rows of cotangents . b) + 10;  d/db: columns of cotangents . a^2
    assert data(answer["grads"]) == [[2 * 1 * 3 + 10, 2 * 2 * 5 + 10], [1.0, 4.0, 0.0]]


def test_vjp_with_batched_cotangents(client):
    eye = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    with saved(client, cube=function(step("pow", "x", 3, out="y"), inputs=["x", "unused"])):
        answer = ask(client, "cube", "vjp", [1.0, 2.0, 3.0], [1.0, 1.0], cotangents=[eye], batched=True)
        diagonal = [[3.0, 0.0, 0.0], [0.0, 12.0, 0.0], [0.0, 0.0, 27.0]]
        assert data(answer["grads"]) == [diagonal, [[0.0, 0.0]] * 3]


def test_jvp_gives_a_tangent_for_each_output_that_has_derivatives(client):
    answer = ask(client, "several", "jvp", A, B, tangents=[[1, 0], None])
    assert data(answer["tangents"]) == [[[6.0, 10.0, 14.0], [0.0, 0.0, 0.0]], 1.0, None]
    assert data(answer["outputs"])[1:] == [3.0, 2]
    along = ask(client, "rosenbrock", "jvp", POINT, tangents=[[1.0, 2.0, 3.0]])["tangents"][0]["data"]
    assert along == pytest.approx(sum(g * v for g, v in zip(rosenbrock_grad(POINT), [1, 2, 3], strict=True)))


def test_jacobians_by_input_and_by_output_first_where_there_are_several(client):
    with saved(client, outer=function(step("outer", "a", "b", out="y"), inputs=["a", "b"])):
        by_a, by_b = data(ask(client, "outer", "jacobian", [1.0, 2.0], [3.0, 4.0])["jacobians"])
    assert by_a == [[[3.0, 0.0], [4.0, 0.0]], [[0.0, 3.0], [0.0, 4.0]]]
    assert by_b == [[[1.0, 0.0], [0.0, 1.0]], [[2.0, 0.0], [0.0, 2.0]]]
    of_z, of_s, of_at = ask(client, "several", "jacobian", A, B)["jacobians"]
    assert [each["shape"] for each in of_z] == [[2, 3, 2], [2, 3, 3]]
    assert data(of_s) == [[1.0, 1.0], [0.0, 0.0, 0.0]]
    assert data(of_at) == [[0.0, 0.0], [0.0, 0.0, 0.0]]


def test_hessian_and_its_product_with_a_vector(client):
    (block,) = ask(client, "rosenbrock", "hessian", POINT)["hessians"][0]
    wanted = rosenbrock_hessian(POINT)
    assert [pytest.approx(row, rel=1e-12) for row in wanted] == block["data"]
    vector = [1.0, -2.0, 0.5]
    answer = ask(client, "rosenbrock", "hvp", POINT, vectors=[vector])
    product = [sum(h * v for h, v in zip(row, vector, strict=True)) for row in wanted]
    assert answer["hvp"][0]["data"] == pytest.approx(product, rel=1e-12)
    assert answer["grads"][0]["data"] == pytest.approx(rosenbrock_grad(POINT), rel=1e-12)


def test_blocks_of_a_hessian_and_zeros_where_nothing_depends(client):
    with saved(
        client,
        product=function(step("mul", "a", "b", out="y"), inputs=["a", "b", "c"]),
        constant=function(step("ones", size=[], out="y")),
    ):
        hessians = data(ask(client, "product", "hessian", 2.0, 3.0, [1.0])["hessians"])
        assert hessians == [[0.0, 1.0, [0.0]], [1.0, 0.0, [0.0]], [[0.0], [0.0], [[0.0]]]]
        assert data(ask(client, "constant", "hessian", [1.0, 2.0])["hessians"]) == [[[[0.0, 0.0], [0.0, 0.0]]]]
        assert data(ask(client, "constant", "jacobian", [1.0, 2.0])["jacobians"]) == [[0.0, 0.0]]
        answer = ask(client, "constant", "hvp", [1.0, 2.0], vectors=[[1.0, 1.0]])
        assert (data(answer["hvp"]), data(answer["grads"])) == ([[0.0, 0.0]], [[0.0, 0.0]])
        assert data(ask(client, "constant", "value_and_grad", [1.0, 2.0])["grads"]) == [[0.0, 0.0]]


def test_complex_gradients_are_conjugate_wirtinger(client):
    with saved(client, norm=function(step("abs", "z", out="r"), step("pow", "r", 2, out="y"), inputs=["z"])):
        answer = ask(client, "norm", "value_and_grad", {"complex": [3.0, -4.0]})
        assert answer["value"]["data"] == pytest.approx(25.0)
        assert answer["grads"][0]["data"] == pytest.approx([6.0, -8.0])  # 2 z


def test_gradcheck_agrees_in_float64_and_finds_a_wrong_gradient(client):
    fine = ask(client, "rosenbrock", "gradcheck", POINT)
    assert fine["ok"] is True
    assert fine["max_rel_error"] < 1e-6
    wrong = ask(client, "doubled", "gradcheck", [1.0, 3.0, -2.0])
    assert wrong["ok"] is False
    assert wrong["max_abs_error"] == pytest.approx(6.0)  # 4 x where 2 x is true, at x = 3
    assert wrong["max_rel_error"] == pytest.approx(0.5)
    worst = wrong["worst"]
    assert (worst["output"], worst["output_index"], worst["input"], worst["input_index"]) == (0, [1], "x", [1])
    assert (worst["analytical"], worst["numerical"]) == (pytest.approx(12.0), pytest.approx(6.0))


def test_gradcheck_computes_in_float64_whatever_the_signature_says(client):
    inner = function(step("exp", "x", out="y"), inputs=[{"name": "x", "dtype": "float32"}])
    outer = function(step("functions.inner", "x", out="e"), step("sum", "e", out="y"), inputs=inner["inputs"])
    with saved(client, inner=inner, outer=outer):
        checked = ask(client, "outer", "gradcheck", [0.5, 1.5])
        assert checked["ok"] is True
        assert checked["worst"]["analytical"] == pytest.approx(math.exp(1.5), rel=1e-6)
        assert checked["max_abs_error"] < 1e-7  # float32 alone would give 1e-2
        assert ask(client, "outer", "call", [0.5])["outputs"][0]["dtype"] == "float32"


def test_a_function_may_take_gradients_of_what_it_made_itself(client):
    """y = sum of d(p^3)/dp = sum of 3 x^2 at p = x; more than once, since the second call may be compiled."""
    steps = [
        step("clone", "x", out="p"),
        step("requires_grad_", "p"),
        step("pow", "p", 3, out="cubes"),
        step("sum", "cubes", out="total"),
        step("autograd.grad", "total", "p", create_graph=True, out=["g"]),
        step("sum", "g", out="y"),
    ]
    with saved(client, slope=function(*steps)):
        for x in ([1.0, 2.0], [3.0, -1.0], [0.5, 4.0]):
            assert data(ask(client, "slope", "call", x)["outputs"]) == [sum(3 * each * each for each in x)]
            assert data(ask(client, "slope", "value_and_grad", x)["grads"]) == [[6 * each for each in x]]
        assert data(ask(client, "slope", "hessian", [1.0, 2.0])["hessians"][0]) == [[[6.0, 0.0], [0.0, 6.0]]]
        assert ask(client, "slope", "gradcheck", [1.0, 2.0])["ok"] is True


def test_a_function_may_not_require_gradients_of_an_argument_by_another_name(client):
    alias = function(step("contiguous", "x", out="same"), step("requires_grad_", "same"), step("neg", "x", out="y"))
    with saved(client, alias=alias):
        problem(send(client, "alias", "call", [1.0]), 422, "bad_argument", "changes its argument 'x' in place")


def test_the_examples_of_the_document_work_one_after_the_other(client):
    paths = client.get("/openapi.json").json()["paths"]
    prefix = "/v1/functions/{function}"
    put = paths[prefix]["put"]["requestBody"]["content"]["application/json"]["example"]
    with saved(client, documented=put):
        calls = [path for path in paths if path.startswith(f"{prefix}/")]
        assert len(calls) == 8
        for path in calls:
            example = paths[path]["post"]["requestBody"]["content"]["application/json"]["example"]
            answer = client.post(path.replace("{function}", "documented"), json=example)
            assert answer.status_code == 200, f"{path}: {answer.text}"

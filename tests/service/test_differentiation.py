"""`grad`, `jacobian` and `hessian`: gradients as answers. Values from PyTorch or by hand."""

import pytest

from .conftest import leaf, open_session, problem, step, unchanged

UNUSED = (
    "The differentiated Tensor at index 1 appears to not have been used in the graph. "
    "Set allow_unused=True if this is the desired behavior."
)
NO_GRAPH = "element 0 of tensors does not require grad and does not have a grad_fn"
NOT_DIFFERENTIATED = "One of the differentiated Tensors does not require grad"
SINGLE = "The Tensor returned by the function given to hessian should contain a single element"
MISMATCH = (
    "Mismatch in shape: grad_output[0] has a shape of torch.Size([3]) and output[0] has a shape of torch.Size([2])."
)
COMPLEX = "grad can be implicitly created only for real scalar outputs but got torch.complex64"


@pytest.fixture
def square(session):
    """x = [1, 2], w = [1, 2, 3], y = x * x, s = y.sum(), e = outer(x, w), n without a graph."""
    session.run(
        leaf("x", [1.0, 2.0]),
        leaf("w", [1.0, 2.0, 3.0]),
        step("tensor", data=[1.0, 2.0], out="n"),
        step("mul", "x", "x", out="y"),
        step("sum", "y", out="s"),
        step("outer", "x", "w", out="e"),
    )
    return session


def grads(session, outputs, inputs, **fields) -> list:
    return session.call("POST", "grad", {"outputs": outputs, "inputs": inputs, **fields})["grads"]


def values(tensors: list) -> list:
    return [each and each["data"] for each in tensors]


# -- grad -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outputs", ["s", ["s"]])
@pytest.mark.parametrize("inputs", ["x", ["x"]])
def test_grad_answers_gradients_and_accumulates_nothing(square, outputs, inputs):
    (made,) = grads(square, outputs, inputs)
    assert (made["name"], made["data"], made["requires_grad"], made["grad"]) == (None, [2.0, 4.0], False, None)
    assert square.grad("x") is None
    assert square.names() == ["e", "n", "s", "w", "x", "y"]


def test_an_input_may_stand_inside_the_graph_and_be_the_output_itself(square):
    assert values(grads(square, "s", ["y", "x", "s"])) == [[1.0, 1.0], [2.0, 4.0], 1.0]


GRAD_OUTPUTS = ["v", ["v"], [[1.0, 10.0]], [[1, 10]], {"data": [1, 10]}, [{"data": [1, 10], "dtype": "float64"}]]


@pytest.mark.parametrize("grad_outputs", GRAD_OUTPUTS)
def test_a_gradient_is_a_name_or_a_literal_and_a_list_has_one_entry_per_output(square, grad_outputs):
    square.tensor("v", [1.0, 10.0])
    (made,) = grads(square, "y", "x", grad_outputs=grad_outputs)
    assert (made["data"], made["dtype"]) == ([2.0, 40.0], "float32")


def test_several_outputs_sum_and_null_stands_for_one(square):
    assert values(grads(square, ["s", "y"], "x", grad_outputs=[None, [1, 0]])) == [[2.0 + 2.0, 4.0]]


def test_an_unused_input_is_refused_null_or_zeros(square):
    with unchanged(square):
        problem(square.send("POST", "grad", {"outputs": "s", "inputs": ["x", "w"]}), 422, "no_grad_fn", UNUSED)
    allowed = grads(square, "s", ["x", "w"], allow_unused=True, retain_graph=True)
    assert values(allowed) == [[2.0, 4.0], None]
    zeros = grads(square, "s", ["x", "w"], materialize_grads=True)
    assert (values(zeros), zeros[1]["dtype"]) == ([[2.0, 4.0], [0.0, 0.0, 0.0]], "float32")


def test_materialize_grads_with_allow_unused_false_is_pytorchs_error(square):
    text = "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
    body = {"outputs": "s", "inputs": ["w"], "materialize_grads": True, "allow_unused": False}
    problem(square.send("POST", "grad", body), 422, "bad_argument", text)


def test_the_graph_is_freed_unless_it_is_retained(square):
    grads(square, "s", "x", retain_graph=True)
    grads(square, "s", "x")
    with unchanged(square):
        problem(square.send("POST", "grad", {"outputs": "s", "inputs": "x"}), 409, "graph_freed")


def test_create_graph_gives_gradients_that_can_be_differentiated(session):
    session.run(leaf("x", 3.0), step("pow", "x", 3, out="y"))
    (first,) = grads(session, "y", "x", create_graph=True, out=["g"])
    assert (first["name"], first["data"], first["requires_grad"]) == ("g", 27.0, True)
    (second,) = grads(session, "g", "x", create_graph=True, out=["h"])
    assert second["data"] == 18.0
    assert values(grads(session, "h", "x")) == [6.0]


def test_out_names_gradients_and_a_null_result_unbinds_its_name(square):
    made = grads(square, "s", ["x", "w"], allow_unused=True, out=["g", "n"])
    assert [made[0]["name"], made[1]] == ["g", None]
    assert square.data("g") == [2.0, 4.0]
    problem(square.send("GET", "tensors/n"), 404, "unknown_tensor")


def test_out_may_drop_a_gradient_and_one_name_may_stand_alone(square):
    made = grads(square, "e", ["x", "w"], grad_outputs=[[[1, 1, 1], [1, 1, 1]]], out=[None, "gw"], retain_graph=True)
    assert [each["name"] for each in made] == [None, "gw"]
    assert grads(square, "s", "x", out="g")[0]["name"] == "g"


def test_a_batch_of_gradients_gives_a_batch_of_results(square):
    batch = [[[1, 0], [0, 1], [1, 1]]]
    (made,) = grads(square, "y", "x", grad_outputs=batch, is_grads_batched=True, retain_graph=True)
    assert (made["shape"], made["data"]) == ([3, 2], [[2.0, 0.0], [0.0, 4.0], [2.0, 4.0]])
    made = grads(square, "y", ["x", "w"], grad_outputs=batch, is_grads_batched=True, allow_unused=True)
    assert values(made) == [[[2.0, 0.0], [0.0, 4.0], [2.0, 4.0]], None]
    problem(square.send("POST", "grad", {"outputs": "s", "inputs": "x"}), 409, "graph_freed")


def test_several_outputs_each_have_their_batch(square):
    batches = [[[1, 0], [0, 1]], [10, 20]]
    made = grads(square, ["y", "s"], "x", grad_outputs=batches, is_grads_batched=True)
    assert values(made) == [[[2.0 + 20.0, 40.0], [40.0, 4.0 + 80.0]]]


def test_a_batch_can_itself_be_differentiated(square):
    batched = {"grad_outputs": [[[1, 0], [0, 1]]], "is_grads_batched": True, "create_graph": True}
    (made,) = grads(square, "y", "x", **batched, out="J")
    assert made["requires_grad"] is True
    square.op("sum", "J", out="total")
    assert values(grads(square, "total", "x")) == [[2.0, 2.0]]


REFUSED = [
    ({"outputs": "n", "inputs": "x"}, "no_grad_fn", NO_GRAPH),
    ({"outputs": "s", "inputs": "n"}, "bad_argument", NOT_DIFFERENTIATED),
    ({"outputs": "y", "inputs": "x"}, "bad_argument", "grad can be implicitly created only for scalar outputs"),
    ({"outputs": "y", "inputs": "x", "grad_outputs": [[1, 2, 3]]}, "shape_mismatch", MISMATCH),
    (
        {"outputs": "y", "inputs": "x", "grad_outputs": [[1, 1]], "is_grads_batched": True},
        "shape_mismatch",
        "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch dimension.",
    ),
    ({"outputs": "s", "inputs": "nobody"}, "unknown_tensor", None),
    ({"outputs": "nobody", "inputs": "x"}, "unknown_tensor", None),
    ({"outputs": "s"}, "bad_argument", None),
    ({"inputs": "x"}, "bad_argument", None),
    ({"outputs": "s", "inputs": "x", "only_inputs": True}, "bad_argument", None),
    ({"outputs": "s", "inputs": "x", "allow_unused": 1}, "bad_argument", None),
    ({"outputs": "s", "inputs": "x", "out": ["a", "b"]}, "bad_argument", None),
    ({"outputs": "s", "inputs": "x", "out": ["1a"]}, "bad_argument", None),
    ({"outputs": "s", "inputs": "x", "out": 5}, "bad_argument", None),
]


@pytest.mark.parametrize(("body", "code", "text"), REFUSED)
def test_what_autograd_grad_refuses_is_refused_and_changes_nothing(square, body, code, text):
    with unchanged(square):
        problem(square.send("POST", "grad", body), 422, code, text)


def test_grad_is_a_step(square):
    answer = square.run(step("autograd.grad", outputs="s", inputs=["x"], out=["g"]), step("mul", "g", 2, out="twice"))
    assert answer["tensors"]["twice"]["data"] == [4.0, 8.0]


# -- jacobian -------------------------------------------------------------------------------------------------------


def jacobians(session, output, inputs, **fields) -> list:
    return session.call("POST", "jacobian", {"output": output, "inputs": inputs, **fields})["jacobians"]


def test_a_jacobian_has_the_shape_of_the_output_and_then_of_the_input(square):
    by_x, by_w = jacobians(square, "e", ["x", "w"])
    assert (by_x["shape"], by_w["shape"], by_x["name"], by_x["dtype"]) == ([2, 3, 2], [2, 3, 3], None, "float32")
    w = [1.0, 2.0, 3.0]
    assert by_x["data"] == [[[each, 0.0] for each in w], [[0.0, each] for each in w]]
    assert by_w["data"] == [[[x if at == row else 0.0 for at in range(3)] for row in range(3)] for x in (1.0, 2.0)]


def test_jacobians_never_free_the_graph_and_accumulate_nothing(square):
    for _ in range(2):
        assert values(jacobians(square, "y", "x")) == [[[2.0, 0.0], [0.0, 4.0]]]
    assert square.grad("x") is None
    assert square.backward("s")["x"]["data"] == [2.0, 4.0]


def test_the_jacobian_of_a_freed_graph_is_refused(square):
    square.backward("s")
    with unchanged(square):
        problem(square.send("POST", "jacobian", {"output": "y", "inputs": "x"}), 409, "graph_freed")


def test_the_jacobian_of_a_scalar_is_its_gradient(square):
    assert values(jacobians(square, "s", ["x", "y"])) == [[2.0, 4.0], [1.0, 1.0]]


def test_the_jacobian_by_itself_is_the_identity_and_by_an_unused_input_zero(square):
    assert values(jacobians(square, "y", ["y", "w"])) == [[[1.0, 0.0], [0.0, 1.0]], [[0.0] * 3] * 2]


def test_a_jacobian_with_a_graph_can_be_differentiated(session):
    session.run(leaf("x", [1.0, 2.0]), step("pow", "x", 3, out="y"))
    (made,) = jacobians(session, "y", "x", create_graph=True, out=["J"])
    assert (made["name"], made["data"], made["requires_grad"]) == ("J", [[3.0, 0.0], [0.0, 12.0]], True)
    assert values(jacobians(session, "J", "x")) == [[[[6.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 12.0]]]]


def test_no_grad_and_the_session_mode_do_not_matter_to_a_jacobian(square):
    square.call("PATCH", "", {"grad_enabled": False})
    (made,) = jacobians(square, "y", "x", create_graph=True)
    assert (made["data"], made["requires_grad"]) == ([[2.0, 0.0], [0.0, 4.0]], True)


def test_the_jacobian_of_nothing_is_empty(session):
    session.run(leaf("x", [1.0, 2.0]), step("getitem", "x", ["2:"], out="none"))
    (made,) = jacobians(session, "none", "x")
    assert (made["shape"], made["data"]) == ([0, 2], [])


def test_the_dtype_of_a_jacobian_is_its_inputs(session):
    session.run(leaf("x", [1.0], dtype="float64"), step("float", "x", out="y"))
    assert jacobians(session, "y", "x")[0]["dtype"] == "float64"


def test_a_complex_input_gives_its_conjugate_gradient_and_a_complex_output_is_refused(session):
    session.run(leaf("z", [[3, 4]], dtype="complex64"), step("abs", "z", out="r"), step("mul", "z", "z", out="c"))
    (made,) = jacobians(session, "r", "z")
    assert (made["dtype"], made["shape"]) == ("complex64", [1, 1])
    assert made["data"][0][0] == pytest.approx([0.6, 0.8])
    with unchanged(session):
        problem(session.send("POST", "jacobian", {"output": "c", "inputs": "z"}), 422, "dtype_mismatch", COMPLEX)


REFUSED_JACOBIANS = [
    ({"output": "n", "inputs": "x"}, "no_grad_fn", NO_GRAPH),
    ({"output": "y", "inputs": "n"}, "bad_argument", NOT_DIFFERENTIATED),
    ({"output": "y", "inputs": []}, "bad_argument", "`inputs` argument to `grad()` cannot be empty."),
    ({"output": "y", "inputs": ["x", "nobody"]}, "unknown_tensor", None),
    ({"output": "nobody", "inputs": "x"}, "unknown_tensor", None),
    ({"output": ["y"], "inputs": "x"}, None, None),
    ({"output": "y"}, "bad_argument", None),
    ({"inputs": "x"}, "bad_argument", None),
    ({"output": "y", "inputs": "x", "vectorize": True}, "bad_argument", None),
    ({"output": "y", "inputs": "x", "out": ["a", "b"]}, "bad_argument", None),
    ({"output": 1.0, "inputs": "x"}, None, None),
]


@pytest.mark.parametrize(("body", "code", "text"), REFUSED_JACOBIANS)
def test_a_jacobian_that_cannot_be_is_refused_and_changes_nothing(square, body, code, text):
    with unchanged(square):
        problem(square.send("POST", "jacobian", body), 422, code, text)


@pytest.mark.parametrize("call", ["jacobian", "autograd.jacobian"])
def test_a_jacobian_past_a_limit_is_413_before_a_pass_is_made(session, call):
    session.run(step("ones", size=[100_000], requires_grad=True, out="x"), step("exp", "x", out="y"), **{"return": []})
    path = "jacobian" if call == "jacobian" else f"ops/{call}"
    with unchanged(session):
        problem(session.send("POST", path, {"output": "y", "inputs": "x"}), 413, "too_large")


def test_a_jacobian_past_the_answer_can_be_named_without_data(session):
    session.run(step("ones", size=[50_000], requires_grad=True, out="x"), step("sum", "x", out="s"), **{"return": []})
    session.run(step("stack", ["s"] * 101, out="y"), **{"return": []})
    with unchanged(session):
        problem(session.send("POST", "jacobian", {"output": "y", "inputs": "x"}), 413, "too_large")
    made = session.call("POST", "jacobian?data=false", {"output": "y", "inputs": "x", "out": ["J"]})["jacobians"]
    assert (made[0]["name"], made[0]["shape"], made[0]["data"]) == ("J", [101, 50_000], None)


def test_jacobian_is_a_step(square):
    answer = square.answer("autograd.jacobian", output="y", inputs=["x", "w"])
    assert values(answer["results"]) == [[[2.0, 0.0], [0.0, 4.0]], [[0.0] * 3] * 2]
    square.run(step("autograd.jacobian", "y", ["x"], out="J"))
    assert square.data("J") == [[2.0, 0.0], [0.0, 4.0]]


# -- hessian --------------------------------------------------------------------------------------------------------


def hessians(session, output, inputs, **fields) -> list:
    rows = session.call("POST", "hessian", {"output": output, "inputs": inputs, **fields})["hessians"]
    return [values(row) for row in rows]


def test_a_hessian_has_a_block_for_each_pair_of_inputs(session):
    """f = a² b + 3 b for the scalar a and the vector b."""
    session.run(
        leaf("a", 2.0),
        leaf("b", [1.0, 5.0]),
        leaf("c", 1.0),
        step("mul", "a", "a", out="aa"),
        step("add", "aa", 3, out="k"),
        step("mul", "k", "b", out="kb"),
        step("sum", "kb", out="f"),
    )
    by_a, by_b, by_c = hessians(session, "f", ["a", "b", "c"])
    assert by_a == [2.0 * 6.0, [4.0, 4.0], 0.0]
    assert by_b == [[4.0, 4.0], [[0.0, 0.0], [0.0, 0.0]], [0.0, 0.0]]
    assert by_c == [0.0, [0.0, 0.0], 0.0]
    assert session.backward("f")["a"]["data"] == 4.0 * 6.0  # the graph was kept


def test_the_hessian_of_rosenbrock_is_the_textbook_one(client):
    with open_session(client, dtype="float64") as session:
        session.run(
            leaf("x", [-1.2, 1.0]),
            step("getitem", "x", [0], out="a"),
            step("getitem", "x", [1], out="b"),
            step("mul", "a", "a", out="aa"),
            step("sub", "b", "aa", out="d"),
            step("mul", "d", "d", out="dd"),
            step("sub", 1, "a", out="e"),
            step("mul", "e", "e", out="ee"),
            step("add", "ee", "dd", alpha=100, out="f"),
        )
        (row,) = hessians(session, "f", ["x"])
        a, b = -1.2, 1.0
        expected = [[2 - 400 * (b - 3 * a * a), -400 * a], [-400 * a, 200.0]]
        assert row[0][0] == pytest.approx(expected[0])
        assert row[0][1] == pytest.approx(expected[1])


def test_a_hessian_may_be_named_block_by_block_and_with_a_graph(session):
    session.run(leaf("x", 2.0), step("pow", "x", 4, out="y"))
    rows = session.call("POST", "hessian", {"output": "y", "inputs": "x", "create_graph": True, "out": [["H"]]})
    assert [[each["name"] for each in row] for row in rows["hessians"]] == [["H"]]
    assert values(grads(session, "H", "x")) == [24 * 2.0]


def test_a_single_element_of_any_shape_has_a_hessian(session):
    session.run(leaf("x", [2.0]), step("mul", "x", "x", out="y"))
    assert hessians(session, "y", "x") == [[[[2.0]]]]


def test_the_hessian_of_a_linear_function_is_zero(square):
    square.op("mul", "x", 3, out="z")
    square.op("sum", "z", out="l")
    assert hessians(square, "l", "x") == [[[[0.0, 0.0], [0.0, 0.0]]]]


REFUSED_HESSIANS = [
    ({"output": "y", "inputs": "x"}, "shape_mismatch", SINGLE),
    ({"output": "n", "inputs": "x"}, "no_grad_fn", NO_GRAPH),
    ({"output": "s", "inputs": "n"}, "bad_argument", NOT_DIFFERENTIATED),
    ({"output": "s", "inputs": []}, "bad_argument", None),
    ({"output": "s", "inputs": "x", "out": ["a"]}, "bad_argument", None),
    ({"output": "s", "inputs": "x", "out": [["a", "b"]]}, "bad_argument", None),
    ({"output": "s", "inputs": "x", "strict": True}, "bad_argument", None),
]


@pytest.mark.parametrize(("body", "code", "text"), REFUSED_HESSIANS)
def test_a_hessian_that_cannot_be_is_refused_and_changes_nothing(square, body, code, text):
    with unchanged(square):
        problem(square.send("POST", "hessian", body), 422, code, text)


def test_a_hessian_past_a_limit_is_413(session):
    session.run(step("ones", size=[100_000], requires_grad=True, out="x"), step("sum", "x", out="s"), **{"return": []})
    with unchanged(session):
        problem(session.send("POST", "hessian", {"output": "s", "inputs": "x"}), 413, "too_large")

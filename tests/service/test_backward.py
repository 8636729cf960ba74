"""`backward` and the gradients it leaves: PyTorch's rules, with values from PyTorch or by hand."""

import pytest

from .conftest import leaf, problem, step, unchanged

FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already "
    "been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
    "Specify retain_graph=True if you need to backward through the graph a second time or if you need to access "
    "saved tensors after calling backward."
)
NO_GRAPH = "element 0 of tensors does not require grad and does not have a grad_fn"
MISMATCH = (
    "Mismatch in shape: grad_output[0] has a shape of torch.Size({}) and output[0] has a shape of torch.Size([2])."
)
MODIFIED = "one of the variables needed for gradient computation has been modified by an inplace operation: "


@pytest.fixture
def square(session):
    """x = [1, 2], y = x * x, s = y.sum(), and z = 3 * x."""
    session.run(
        leaf("x", [1.0, 2.0]),
        step("mul", "x", "x", out="y"),
        step("sum", "y", out="s"),
        step("mul", "x", 3, out="z"),
    )
    return session


def data_of(grads: dict) -> dict:
    return {name: grad["data"] for name, grad in grads.items()}


@pytest.mark.parametrize("tensors", ["s", ["s"]])
def test_the_answer_holds_the_gradients_that_changed(square, tensors):
    grads = square.backward(tensors)
    assert data_of(grads) == {"x": [2.0, 4.0]}
    assert (grads["x"]["name"], grads["x"]["requires_grad"], grads["x"]["grad_fn"]) == ("x.grad", False, None)
    assert square.call("GET", "tensors/x/grad")["data"] == [2.0, 4.0]


ONE_VECTOR = ["v", ["v"], [[1.0, 10.0]], [[1, 10]], {"data": [1.0, 10.0]}, {"data": [1, 10], "dtype": "float64"}]


@pytest.mark.parametrize("grad_tensors", [*ONE_VECTOR, [{"data": [1, 10], "dtype": "int64"}]])
def test_a_gradient_is_a_name_or_a_literal_and_a_list_has_one_entry_per_tensor(square, grad_tensors):
    square.tensor("v", [1.0, 10.0])
    grads = square.backward("y", grad_tensors=grad_tensors)
    assert (grads["x"]["data"], grads["x"]["dtype"]) == ([2.0, 40.0], "float32")


@pytest.mark.parametrize("grad_tensors", [10, 10.0, [10], [10.0], {"data": 10}, [None], None])
def test_the_gradient_of_a_scalar_is_a_number_or_one_if_null(square, grad_tensors):
    factor = 1.0 if grad_tensors in ([None], None) else 10.0
    assert data_of(square.backward("s", grad_tensors=grad_tensors)) == {"x": [2.0 * factor, 4.0 * factor]}


def test_several_roots_each_with_its_gradient(square):
    grads = square.backward(["y", "z", "s"], grad_tensors=[[1.0, 0.0], {"data": [0, 1]}, None])
    assert data_of(grads) == {"x": [2.0 + 2.0, 3.0 + 4.0]}


def test_every_named_tensor_whose_gradient_changed_is_listed_and_no_other(square):
    square.run(
        leaf("w", [1.0, 1.0]),
        leaf("aside", 1.0),
        step("retain_grad", "y"),
        step("mul", "y", "w", out="p"),
        step("mul", "p", {"data": [1.0, 1.0]}, out="q"),
        step("sum", "q", out="total"),
        step("backward", tensors="z", grad_tensors=[[0, 0]]),
        step("sum", "aside", out="other"),
        step("backward", tensors="other"),
    )
    grads = square.backward("total")
    assert data_of(grads) == {"x": [2.0, 4.0], "w": [1.0, 4.0], "y": [1.0, 1.0]}
    assert square.get("p")["grad"] is None


def test_an_unnamed_leaf_accumulates_unlisted(session):
    session.run(leaf("x", 2.0), step("contiguous", "x", out="alias"), step("mul", "x", "x", out="y"))
    session.call("DELETE", "tensors/x")
    assert data_of(session.backward("y")) == {"alias": 4.0}


@pytest.mark.parametrize(
    ("inputs", "expected"), [(["x"], {"x": 12.0}), (["h"], {"h": 3.0}), (["h", "x"], {"h": 3.0, "x": 12.0})]
)
def test_inputs_limits_what_accumulates_and_may_be_a_non_leaf(session, inputs, expected):
    session.run(leaf("x", 2.0), leaf("w", 3.0), step("mul", "x", "x", out="h"), step("mul", "h", "w", out="y"))
    assert data_of(session.backward("y", inputs=inputs)) == expected
    assert {n: session.grad(n) for n in ("x", "h", "w")} == {"x": None, "h": None, "w": None, **expected}


def test_a_freed_graph_is_409_in_pytorchs_words(square):
    square.backward("s")
    with unchanged(square):
        problem(square.send("POST", "backward", {"tensors": "s"}), 409, "graph_freed", FREED)


def test_a_shared_part_freed_by_one_root_is_freed_for_the_other(session):
    steps = [leaf("x", 2.0), step("mul", "x", "x", out="h"), step("mul", "h", 2, out="a"), step("mul", "h", 3, out="b")]
    session.run(*steps, step("backward", tensors="a"))
    with unchanged(session):
        problem(session.send("POST", "backward", {"tensors": "b"}), 409, "graph_freed", FREED)


def test_a_graph_that_saved_nothing_can_be_walked_again(session):
    session.run(leaf("x", 2.0), step("add", "x", 1, out="y"), *[step("backward", tensors="y")] * 3)
    assert session.grad("x") == 3.0


@pytest.mark.parametrize("keep", [{"retain_graph": True}, {"create_graph": True}])
def test_a_kept_graph_can_be_walked_again_and_gradients_accumulate(square, keep):
    square.backward("s", **keep)
    assert data_of(square.backward("s")) == {"x": [4.0, 8.0]}
    problem(square.send("POST", "backward", {"tensors": "s"}), 409, "graph_freed")


def test_create_graph_with_retain_graph_false_frees_the_graph(square):
    assert square.backward("s", create_graph=True, retain_graph=False)["x"]["requires_grad"] is True
    problem(square.send("POST", "backward", {"tensors": "s"}), 409, "graph_freed")


def test_a_gradient_made_with_create_graph_can_be_differentiated(session):
    session.run(leaf("x", 2.0), step("pow", "x", 3, out="y"))
    assert session.backward("y", create_graph=True)["x"]["data"] == 12.0  # 3 x²
    session.op("mul", "x.grad", "x.grad", out="g2")  # 9 x⁴
    session.call("DELETE", "tensors/x/grad")
    assert session.backward("g2")["x"]["data"] == 36 * 2.0**3


def test_the_root_may_be_a_gradient(session):
    session.run(leaf("x", 2.0), step("pow", "x", 3, out="y"))
    session.backward("y", create_graph=True)
    assert session.backward("x.grad")["x"]["data"] == 12.0 + 12.0  # 3 x² + 6 x


def test_plain_backward_accumulates_in_place_and_create_graph_does_not(square):
    square.op("contiguous", "z")
    square.backward("s", retain_graph=True)
    first = square.get("x")["grad"]["version"]
    assert square.backward("s", retain_graph=True)["x"]["version"] > first
    assert square.backward("s", create_graph=True)["x"]["grad_fn"] == "AddBackward0"


MODIFICATIONS = [
    ([leaf("x", [1.0, 2.0]), step("mul", "x", "x", out="y"), step("add_", "x", 1, no_grad=True)], "", [2]),
    ([leaf("x", [1.0]), step("exp", "x", out="y"), step("add_", "y", 1)], ", which is output 0 of Exp,", [1]),
    ([leaf("x", [2.0]), step("tanh", "x", out="y"), step("mul_", "y", 2)], ", which is output 0 of Tanh,", [1]),
    ([leaf("x", [1.0]), step("mul", "x", "x", out="y"), step("detach", "x", out="d"), step("add_", "d", 1)], "", [1]),
]


@pytest.mark.parametrize(("steps", "origin", "shape"), MODIFICATIONS)
def test_a_saved_tensor_that_was_modified_is_409_in_pytorchs_words(session, steps, origin, shape):
    session.run(*steps, step("sum", "y", out="s"))
    expected = f"{MODIFIED}[torch.FloatTensor {shape}]{origin or ''} is at version 1; expected version 0 instead."
    with unchanged(session):
        problem(session.send("POST", "backward", {"tensors": "s"}), 409, "modified_inplace", expected)


REFUSED = [
    ({"tensors": "n"}, "no_grad_fn", NO_GRAPH),
    ({"tensors": ["s", "n"]}, "no_grad_fn", NO_GRAPH.replace("0", "1")),
    ({"tensors": "y"}, None, "grad can be implicitly created only for scalar outputs"),
    ({"tensors": "s", "inputs": []}, None, "`inputs` argument to `backward()` cannot be empty."),
    ({"tensors": ["y", "z"], "grad_tensors": [[1, 0]]}, None, "got 2 tensors and 1 gradients"),
    (
        {"tensors": "y", "grad_tensors": [[1, 2, 3]]},
        "shape_mismatch",
        MISMATCH.format("[3]"),
    ),
    (
        {"tensors": "y", "grad_tensors": 1.0},
        "shape_mismatch",
        MISMATCH.format("[]"),
    ),
    ({"tensors": "nobody"}, "unknown_tensor", None),
    ({"tensors": "s", "grad_tensors": "nobody"}, "unknown_tensor", None),
    ({"tensors": "s", "inputs": ["nobody"]}, "unknown_tensor", None),
    ({"tensors": "z.grad"}, ("no_grad", "unknown_tensor"), None),
    ({"tensors": 5}, None, None),
    ({"tensors": None}, None, None),
    ({"tensors": [["s"]]}, None, None),
    ({}, None, None),
    ({"tensors": "s", "retain_graph": 1}, None, None),
    ({"tensors": "s", "create_graph": "true"}, None, None),
    ({"tensors": "s", "grad_tensors": True, "keep_graph": True}, None, None),
    ({"tensors": "y", "grad_tensors": [["a", "b"]]}, None, None),
    ({"tensors": "y", "grad_tensors": [[1, [2]]]}, None, None),
]


@pytest.mark.parametrize(("body", "code", "text"), REFUSED)
def test_a_backward_that_pytorch_refuses_is_refused_and_changes_nothing(square, body, code, text):
    square.tensor("n", 1.0)
    with unchanged(square):
        problem(square.send("POST", "backward", body), 422, code, text)


def test_a_backward_that_fails_midway_leaves_no_gradient_and_no_half_freed_graph(square):
    square.run(leaf("w", 2.0), step("mul", "w", "w", out="u"), step("backward", tensors="u"))
    with unchanged(square):
        problem(square.send("POST", "backward", {"tensors": ["s", "u"]}), 409, "graph_freed", FREED)
        problem(square.send("POST", "backward", {"tensors": ["u", "s"]}), 409, "graph_freed", FREED)
    assert data_of(square.backward("s")) == {"x": [2.0, 4.0]}


def test_backward_is_a_step_without_a_result(square):
    assert square.answer("backward", tensors="s") == {"result": None}
    assert square.grad("x") == [2.0, 4.0]


# What is computed, and the gradients it leaves.
RULES = {
    "the same tensor used twice sums its contributions": (
        [leaf("x", 3.0), step("mul", "x", "x", out="a"), step("add", "a", "x", out="y"), step("backward", tensors="y")],
        {"x.grad": 7.0},
    ),
    "a broadcast operand receives the sum": (
        [
            leaf("x", 1.0),
            step("mul", "x", {"data": [[1, 1, 1], [1, 1, 1]], "dtype": "float32"}, out="m"),
            step("sum", "m", out="y"),
            step("backward", tensors="y"),
        ],
        {"x.grad": 6.0},
    ),
    "one element of any shape is an implicit scalar": (
        [leaf("x", [[1.0]]), step("mul", "x", 2, out="y"), step("backward", tensors="y")],
        {"x.grad": [[2.0]]},
    ),
    "max over a dim gives the gradient to one of the equals": (
        [leaf("x", [2.0, 1.0, 2.0]), step("max", "x", 0, out=["v", None]), step("backward", tensors="v")],
        {"x.grad": [1.0, 0.0, 0.0]},
    ),
    "the complex gradient of the squared modulus is 2 z": (
        [
            leaf("z", {"complex": [3, 4]}, dtype="complex64"),
            step("abs", "z", out="m"),
            step("mul", "m", "m", out="y"),
            step("backward", tensors="y"),
        ],
        {"z.grad": [6.0, 8.0]},
    ),
    "an in-place change of what nobody saved is fine": (
        [
            leaf("x", [1.0]),
            step("add", "x", 1, out="y"),
            step("add", "y", 1, out="z"),
            step("mul_", "y", 5),
            step("sum", "z", out="s"),
            step("backward", tensors="s"),
        ],
        {"x.grad": [1.0]},
    ),
    "zeroing in place cuts the gradient": (
        [
            leaf("x", [1.0, 2.0]),
            step("mul", "x", 1, out="y"),
            step("zero_", "y"),
            step("sum", "y", out="s"),
            step("backward", tensors="s"),
        ],
        {"x.grad": [0.0, 0.0]},
    ),
    "a gradient changed in place between two passes is honoured": (
        [
            leaf("x", 1.0),
            step("mul", "x", 2, out="a"),
            step("backward", tensors="a"),
            step("zero_", "x.grad"),
            step("mul", "x", 3, out="b"),
            step("backward", tensors="b"),
        ],
        {"x.grad": 3.0},
    ),
    "roots of different dtypes": (
        [
            leaf("x", 1.0),
            step("double", "x", out="d"),
            step("mul", "d", 2, out="a"),
            step("mul", "x", 3, out="b"),
            step("backward", tensors=["a", "b"]),
        ],
        {"x.grad": 5.0},
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_rule(session, rule):
    steps, expected = RULES[rule]
    answer = session.run(*steps, **{"return": list(expected)})
    assert data_of(answer["tensors"]) == expected


def test_a_leaf_of_several_names_is_told_under_the_one_it_was_addressed_by_else_its_earliest(square):
    square.op("contiguous", input="x", out="alias")
    assert list(square.backward("s", retain_graph=True)) == ["x"]
    told = square.backward("s", inputs=["alias"])
    assert {name: each["name"] for name, each in told.items()} == {"alias": "alias.grad"}


def test_backward_tells_also_of_a_tensor_that_a_hook_has_named(square):
    hook = "def hook(g):\n    global made\n    made = torch.ones(2, requires_grad=True)\n    made.grad = g * 3\n"
    square.call("POST", "exec", {"code": f"{hook}x.register_hook(hook)"})
    told = square.backward("s")
    assert {name: each["data"] for name, each in told.items()} == {"x": [2.0, 4.0], "made": [6.0, 12.0]}

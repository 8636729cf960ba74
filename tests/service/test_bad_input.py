"""Arguments that are wrong: the right status and code, PyTorch's own text, and nothing changed."""

import pytest

from .conftest import Session, open_session, problem, step, unchanged


@pytest.fixture
def session(session):
    """x = [1, 2] that requires grad, y = x * x, s its sum (one gradient already taken), m 2 by 3, i integers."""
    session.run(
        step("tensor", data=[1.0, 2.0], requires_grad=True, out="x"),
        step("mul", "x", "x", out="y"),
        step("sum", "y", out="s"),
        step("backward", tensors="s", retain_graph=True),
        step("ones", size=[2, 3], out="m"),
        step("tensor", data=[1, 2], out="i"),
    )
    return session


def refused(session: Session, op: str, body, status, code=None, text: str | None = None):
    with unchanged(session):
        problem(session.send("POST", f"ops/{op}", body), status, code, text)


UNKNOWN_FIELDS = [
    ("POST", "tensors", {"data": 1, "colour": "red"}),
    ("PUT", "tensors/z", {"data": 1, "colour": "red"}),
    ("PUT", "tensors/x/data", {"data": [1, 2], "colour": "red"}),
    ("PUT", "tensors/x/grad", {"data": [1, 2], "colour": "red"}),
    ("PATCH", "tensors/x", {"colour": "red"}),
    ("POST", "ops/add", {"args": ["x", 1], "colour": 1}),
    ("POST", "ops/add", {"op": "mul", "args": ["x", 1]}),
    ("POST", "ops/tensor", {"data": 1, "colour": 1}),
    ("POST", "ops/getitem", {"input": "x", "index": [0], "colour": 1}),
    ("POST", "run", {"steps": [], "colour": "red"}),
    ("POST", "backward", {"tensors": "s", "gradient": 1}),
    ("PATCH", "", {"colour": "red"}),
]


@pytest.mark.parametrize(("method", "path", "body"), UNKNOWN_FIELDS)
def test_an_unknown_field_is_refused(session, method, path, body):
    with unchanged(session):
        problem(session.send(method, path, body), 422, "bad_argument")


@pytest.mark.parametrize(
    "op", ["nonsense", "Tensor", "save", "load", "__class__", "_C", "nn", "nn.Module", "os.system", "add.add", "ADD"]
)
def test_an_unknown_op_is_404_in_the_url_and_422_in_a_body(session, op):
    refused(session, op, {"args": ["x", 1]}, 404, "unknown_op")
    with unchanged(session):
        answer = problem(session.send("POST", "run", {"steps": [step(op, "x", 1)]}), 422, "unknown_op")
        assert answer["step"] == 0


MEANT = [
    ("Add", "add"),
    ("torch.add", "add"),
    ("F.relu", "relu"),
    ("solve", "linalg.solve"),
    ("torch.nn.functional.softplus", "nn.functional.softplus"),
    ("sotfmax", "softmax"),
    ("nn.Linear", "nn.functional.linear"),
    ("MSELoss", "nn.functional.mse_loss"),
]


@pytest.mark.parametrize(("op", "meant"), MEANT)
def test_an_unknown_op_that_is_nearly_one_is_told_which(session, op, meant):
    refused(session, op, {"args": ["x", 1]}, 404, "unknown_op", f"there is no op '{op}'; did you mean '{meant}'?")


FIELDS_IN_ERRORS = [
    ("POST", "ops/add", {"input": "x"}, {"other": "missing"}),
    ("POST", "ops/add", {}, {"input": "missing", "other": "missing"}),
    ("POST", "ops/add", {"input": "x", "othr": 1, "b": 2}, {"othr": "unknown field", "b": "unknown field"}),
    ("POST", "ops/add", {"args": ["x", 1], "other": 1}, {"other": "given by position too"}),
    ("POST", "ops/sub", {"input": "x", "other": 1, "alpha": "1"}, {"alpha": "must be Number, not str"}),
    ("POST", "ops/add", {"input": "x", "other": 1, "out": 3}, {"out": "a value of type int is not a name"}),
    ("POST", "ops/manual_seed", {"seed": "1"}, {"seed": "must be int, not str"}),
    ("POST", "ops/set_grad_enabled", {"mode": 1}, {"mode": "must be bool, not int"}),
    ("POST", "tensors", {"data": 1, "requires_grad": "yes"}, {"requires_grad": "must be bool, not str"}),
    ("POST", "tensors", {"data": 1, "dtype": "decimal"}, {"dtype": "must be torch.dtype, not str"}),
    ("POST", "tensors", {"data": 1, "device": "tpu"}, {"device": "Expected one of cpu, cuda"}),
    ("POST", "tensors", {"data": 1, "name": "a b"}, {"name": "'a b' is not a name"}),
    ("PUT", "tensors/9", {"data": 1}, {"name": "'9' is not a name"}),
]


@pytest.mark.parametrize(("method", "path", "body", "errors"), FIELDS_IN_ERRORS)
def test_each_invalid_field_has_an_entry_in_errors(session, method, path, body, errors):
    with unchanged(session):
        found = problem(session.send(method, path, body), 422, "bad_argument")["errors"]
    assert {each["field"] for each in found} == errors.keys()
    for each in found:
        assert each["message"].startswith(errors[each["field"]])


WRONG_TYPES = [
    ("sum", {"input": "x", "dim": True}),
    ("sum", {"input": "x", "dim": "0"}),
    ("sum", {"input": "x", "dim": 0.5}),
    ("sum", {"input": "x", "dim": 0, "keepdim": 1}),
    ("sum", {"input": "x", "dim": 0, "keepdim": "true"}),
    ("sum", {"input": "x", "dtype": 32}),
    ("sum", {"input": "x", "dtype": "float31"}),
    ("add", {"input": "x"}),
    ("add", {"input": "x", "other": None}),
    ("add", {"input": "x", "other": {}}),
    ("add", {"input": "x", "other": [1, [2]]}),
    ("add", {"input": "x", "other": ["a", "b"]}),
    ("add", {"input": "x", "other": 1, "alpha": "2"}),
    ("add", {"args": ["x", 1, 2, 3]}),
    ("add", {"args": ["x", 1], "input": "x"}),
    ("add", {"args": {"input": "x"}}),
    ("add", {"args": ["x", 1], "no_grad": "yes"}),
    ("zeros", {"size": "2"}),
    ("zeros", {"size": ["2"]}),
    ("zeros", {"size": [True]}),
    ("zeros", {"size": [2.0]}),
    ("zeros", {"size": [None]}),
    ("zeros", {"size": [2], "requires_grad": 1}),
    ("zeros", {"size": [2], "device": "tpu"}),
    ("cat", {"tensors": "x"}),
    ("cat", {"tensors": None}),
    ("einsum", {"args": [5, "x"]}),
    ("tensor", {}),
    ("tensor", {"data": None}),
    ("tensor", {"data": [1, None]}),
    ("tensor", {"data": [[1, 2], [3]]}),
    ("tensor", {"data": "abc"}),
    ("tensor", {"data": ["1"]}),
    ("tensor", {"data": [{}]}),
    ("manual_seed", {"seed": "1"}),
    ("set_grad_enabled", {"mode": 1}),
    ("requires_grad_", {"input": "i", "requires_grad": 1}),
]


@pytest.mark.parametrize(("op", "body"), WRONG_TYPES)
def test_an_argument_of_the_wrong_type_is_422(session, op, body):
    refused(session, op, body, 422)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**30])
@pytest.mark.parametrize(
    ("op", "field", "others"),
    [
        ("tensor", "data", {}),
        ("add", "other", {"input": "x"}),
        ("sum", "dim", {"input": "x"}),
        ("zeros", "size", {}),
        ("getitem", "index", {"input": "x"}),
    ],
)
def test_an_integer_beyond_int64_is_422_whole_or_in_a_list(session, op, field, others, value):
    refused(session, op, {field: value, **others}, 422)
    refused(session, op, {field: [value], **others}, 422)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "infinity", "+Infinity", "NAN", "1.0", ""])
def test_only_the_three_spellings_of_non_finite_numbers_are_numbers(session, text):
    refused(session, "tensor", {"data": [1.0, text]}, 422)
    refused(session, "add", {"input": "x", "other": text}, 422)


TORCH_SAYS = [
    (
        "add",
        ["x", [1, 2, 3]],
        "shape_mismatch",
        "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0",
    ),
    ("matmul", ["m", "m"], "shape_mismatch", "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)"),
    (
        "matmul",
        ["m", {"data": [[1.0], [1.0], [1.0]], "dtype": "float64"}],
        "dtype_mismatch",
        "expected m1 and m2 to have the same dtype, but got: float != double",
    ),
    (
        "cat",
        [["m", [[1.0, 2.0]]]],
        "shape_mismatch",
        "Sizes of tensors must match except in dimension 0. Expected size 3 but got size 2 for tensor number 1 in "
        "the list.",
    ),
    (
        "stack",
        [["m", "x"]],
        "shape_mismatch",
        "stack expects each tensor to be equal size, but got [2, 3] at entry 0 and [2] at entry 1",
    ),
    ("reshape", ["m", 4], None, "shape '[4]' is invalid for input of size 6"),
    (
        "expand",
        ["m", 3, 3],
        None,
        "The expanded size of the tensor (3) must match the existing size (2) at non-singleton dimension 0.  "
        "Target sizes: [3, 3].  Tensor sizes: [2, 3]",
    ),
    ("sum", ["m", 2], None, "Dimension out of range (expected to be in range of [-2, 1], but got 2)"),
    ("sum", ["m", -3], None, "Dimension out of range (expected to be in range of [-2, 1], but got -3)"),
    ("softmax", ["m", 2], None, "Dimension out of range (expected to be in range of [-2, 1], but got 2)"),
    ("transpose", ["m", 0, 5], None, "Dimension out of range (expected to be in range of [-2, 1], but got 5)"),
    ("permute", ["m", 0, 0], None, "permute(): duplicate dims are not allowed."),
    ("select", ["m", 0, 2], None, "select(): index 2 out of range for tensor of size [2, 3] at dimension 0"),
    (
        "mean",
        ["i"],
        None,
        "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: Long",
    ),
    ("pow", ["i", -1], None, "Integers to negative integer powers are not allowed."),
    ("add_", ["i", 1.5], None, "result type Float can't be cast to the desired output type Long"),
    ("add_", ["i", [[1, 2], [3, 4]]], None, "output with shape [2] doesn't match the broadcast shape [2, 2]"),
    (
        "max",
        [[]],
        None,
        "max(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the "
        "'dim' argument.",
    ),
    ("item", ["m"], None, "a Tensor with 6 elements cannot be converted to Scalar"),
    (
        "linalg.solve",
        [[[0.0, 0.0], [0.0, 0.0]], [1.0, 1.0]],
        None,
        "torch.linalg.solve: The solver failed because the input matrix is singular.",
    ),
    ("requires_grad_", ["i"], None, "only Tensors of floating point dtype can require gradients"),
    ("add_", ["x", 1], "inplace_on_leaf", "a leaf Variable that requires grad is being used in an in-place operation."),
    (
        "setitem_",
        ["x", [0], 1],
        "inplace_on_leaf",
        "a view of a leaf Variable that requires grad is being used in an in-place operation.",
    ),
]


@pytest.mark.parametrize(("op", "args", "code", "text"), TORCH_SAYS)
def test_what_pytorch_refuses_is_refused_in_its_words(session, op, args, code, text):
    refused(session, op, {"args": args}, 409 if code == "inplace_on_leaf" else 422, code, text)


LITERALS_CHANGED = [
    ("add_", {"input": [1.0, 2.0], "other": 1}),
    ("mul_", {"input": {"data": [1.0]}, "other": 2}),
    ("setitem_", {"input": [1.0, 2.0], "index": [0], "value": 1}),
    ("requires_grad_", {"input": [1.0]}),
    ("set_data", {"input": [1.0, 2.0], "data": [3, 4]}),
    ("set_data", {"input": 1.0, "data": 2}),
    ("set_grad", {"input": [1.0, 2.0], "grad": [3, 4]}),
]


@pytest.mark.parametrize(("op", "body"), LITERALS_CHANGED)
def test_a_literal_does_not_change_in_place(session, op, body):
    refused(session, op, body, 422, "bad_argument", "must be a tensor's name, not a literal")


TOO_LARGE = [
    [step("zeros", size=[10**9, 10**9])],
    [step("zeros", size=[2**32, 2**32])],
    [step("ones", size=[2**62])],
    [step("full", size=[10**12], fill_value=1)],
    [step("randn", size=[10**6, 10**6])],
    [step("eye", n=10**7)],
    [step("arange", end=10**13)],
    [step("linspace", start=0, end=1, steps=10**13)],
    [step("expand", [1.0], [10**6, 10**6], out="e"), step("clone", "e")],
    [step("expand", [1.0], [10**6, 10**6], out="e"), step("add", "e", 1)],
    [step("expand", [1.0], [10**9], out="e"), step("expand", [[1.0]], [10**9, 1], out="f"), step("mul", "e", "f")],
    [step("zeros", size=[10**6, 1], out="a"), step("zeros", size=[1, 10**6], out="b"), step("add", "a", "b")],
    [step("zeros", size=[10**6], out="a"), step("outer", "a", "a")],
    [step("zeros", size=[10**6, 1], out="a"), step("mT", "a", out="b"), step("matmul", "a", "b")],
    [step("repeat", [1.0], [10**12])],
]


@pytest.mark.parametrize("steps", TOO_LARGE)
def test_a_result_past_the_limits_is_413_before_anything_is_allocated(session, steps):
    with unchanged(session):
        problem(session.send("POST", "run", {"steps": steps, "return": []}), 413, "too_large")


def test_values_past_the_limit_of_a_response_are_413(session):
    expanded = {"op": "expand", "args": [[1.0], [10**9]], "out": "e"}
    with unchanged(session):
        problem(session.send("POST", "run", {"steps": [expanded]}), 413, "too_large")


def test_a_failed_request_takes_no_random_numbers(client):
    failures = [
        ("POST", "run", {"steps": [step("randn", size=[5]), step("manual_seed", seed=4), step("nonsense")]}),
        ("POST", "run", {"steps": [step("rand", size=[5])], "return": ["nobody"]}),
        ("POST", "ops/randn", {"size": [5], "out": "not a name"}),
        ("PATCH", "", {"seed": 4, "ttl_s": "soon"}),
    ]
    with open_session(client, seed=3) as session, open_session(client, seed=3) as undisturbed:
        for method, path, body in failures:
            assert (
                session.op("randn", size=[3], out=None)["data"] == undisturbed.op("randn", size=[3], out=None)["data"]
            )
            with unchanged(session):
                problem(session.send(method, path, body), 422)
        assert session.op("randn", size=[3], out=None)["data"] == undisturbed.op("randn", size=[3], out=None)["data"]


def test_a_backward_that_fails_leaves_the_gradient_it_found(session):
    session.run(step("mul_", "x", 2, no_grad=True))
    with unchanged(session):
        problem(session.send("POST", "backward", {"tensors": "s"}), 409, "modified_inplace")


def test_a_problem_names_the_op_it_came_from(session):
    answer = session.send("POST", "ops/matmul", {"args": ["m", "m"]})
    assert problem(answer, 422)["op"] == "matmul"


def test_a_long_list_of_bad_items_is_not_echoed(session):
    answer = session.send("POST", "tensors", {"data": ["x" * 50] * 10_000})
    problem(answer, 422)
    assert len(answer.content) < 20_000

"""The calls on tensors, row by row."""

import base64
import struct

import pytest

from .conftest import pages, problem, step, unchanged

TENSOR_FIELDS = {
    *("name", "shape", "dtype", "device", "requires_grad"),
    *("is_leaf", "grad_fn", "retains_grad", "version", "data", "grad"),
}


def test_a_tensor_object_has_the_documented_fields(session):
    made = session.tensor("x", [[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    assert {k: made[k] for k in TENSOR_FIELDS} == {
        "name": "x",
        "shape": [2, 2],
        "dtype": "float32",
        "device": "cpu",
        "requires_grad": True,
        "is_leaf": True,
        "grad_fn": None,
        "retains_grad": False,
        "version": 0,
        "data": [[1.0, 2.0], [3.0, 4.0]],
        "grad": None,
    }
    assert session.get("x") == made


@pytest.mark.parametrize("name", ["x", "_", "X_y9", "__a", "nan", "inf", "t", "a" * 128])
def test_a_name_is_letters_digits_and_underscores(session, name):
    assert session.tensor(name, 1.0)["name"] == name
    assert session.data(name) == 1.0


NOT_NAMES = ["", "1x", "a b", "a-b", "x.grad", "a/b", "NaN", "Infinity", "a" * 129, "a\n", 5, True, ["x"]]


@pytest.mark.parametrize("name", NOT_NAMES)
def test_other_names_are_refused(session, name):
    with unchanged(session):
        problem(session.send("POST", "tensors", {"name": name, "data": 1.0}), 422, "bad_argument")


def test_posting_a_taken_name_is_409(session):
    session.tensor("x", 1.0)
    with unchanged(session):
        problem(session.send("POST", "tensors", {"name": "x", "data": 2.0}), 409, "name_taken")


def test_unnamed_tensors_get_t0_t1_skipping_taken_names(session):
    session.tensor("t1", 1.0)
    assert [session.tensor(None, 1.0)["name"], session.op("add", "t1", 1)["name"]] == ["t0", "t2"]
    session.call("DELETE", "tensors/t0")
    assert session.tensor(None, 1.0)["name"] == "t3"


def test_put_creates_or_rebinds(session):
    assert session.send("PUT", "tensors/x", {"data": [1, 2]}).status_code == 201
    rebound = session.send("PUT", "tensors/x", {"data": 5.0, "requires_grad": True})
    assert rebound.status_code == 200
    assert (rebound.json()["data"], rebound.json()["requires_grad"]) == (5.0, True)
    assert session.names() == ["x"]


@pytest.mark.parametrize("name", ["1x", "a-b", "NaN", "x.grad"])
def test_put_refuses_what_is_not_a_name(session, name):
    with unchanged(session):
        problem(session.send("PUT", f"tensors/{name}", {"data": 1.0}), (404, 422))


def test_a_rebound_leaf_lives_on_in_the_graph_unlisted(session):
    session.tensor("x", 3.0, requires_grad=True)
    session.op("mul", "x", "x", out="y")
    session.call("PUT", "tensors/x", {"data": 1.0, "requires_grad": True})
    assert session.backward("y") == {}
    assert session.get("x")["grad"] is None


def test_the_list_is_paged_and_without_data(session):
    for n in range(5):
        session.tensor(f"x{n}", [n])
    listed = pages(session.client, f"{session.path}/tensors", "tensors", limit=2)
    assert sorted(t["name"] for t in listed) == [f"x{n}" for n in range(5)]
    assert all(t["data"] is None and t["shape"] == [1] for t in listed)


def test_several_tensors_can_be_read_at_once(session):
    for n in range(3):
        session.tensor(f"x{n}", [n])
    answer = session.call("GET", "tensors", params={"names": "x2,x0", "data": "true"})
    assert {t["name"]: t["data"] for t in answer["tensors"]} == {"x2": [2], "x0": [0]}
    problem(session.send("GET", "tensors", params={"names": "x0,nobody"}), (404, 422), "unknown_tensor")


@pytest.mark.parametrize("size", [[10_000], [100, 100], [10_001], [101, 100], [10_001, 0], [0, 20_000]])
def test_above_the_inline_limit_data_comes_only_when_asked_for(session, size):
    inline = size in ([10_000], [100, 100], [0, 20_000])
    body = {"size": size, "out": "x"}
    answers = [session.call("POST", f"ops/zeros{query}", body) for query in ("", "?data=true", "?data=false")]
    assert [a["result"]["data"] is not None for a in answers] == [inline, True, False]
    assert session.get("x")["data"] is not None
    assert session.send("GET", "tensors/x?data=false").json()["data"] is None


@pytest.mark.parametrize("limit", ["-1", "x"])
def test_a_bad_page_of_tensors_is_refused(session, limit):
    problem(session.send("GET", f"tensors?limit={limit}"), 422)


def test_delete_unbinds_the_name_and_spares_the_graph(session):
    session.tensor("w", 3.0, requires_grad=True)
    session.op("mul", "w", "w", out="h")
    session.op("mul", "h", "w", out="y")
    assert session.send("DELETE", "tensors/h").status_code == 204
    problem(session.send("GET", "tensors/h"), 404, "unknown_tensor")
    problem(session.send("DELETE", "tensors/h"), 404, "unknown_tensor")
    assert session.backward("y")["w"]["data"] == 27.0


UNKNOWN = [
    ("GET", "tensors/nobody", None),
    ("PATCH", "tensors/nobody", {"requires_grad": True}),
    ("DELETE", "tensors/nobody", None),
    ("PUT", "tensors/nobody/data", {"data": 1}),
    ("GET", "tensors/nobody/grad", None),
    ("PUT", "tensors/nobody/grad", {"data": 1}),
    ("DELETE", "tensors/nobody/grad", None),
]


@pytest.mark.parametrize(("method", "path", "body"), UNKNOWN)
def test_an_unknown_tensor_in_the_url_is_404(session, method, path, body):
    with unchanged(session):
        problem(session.send(method, path, body), 404, "unknown_tensor")


@pytest.fixture
def graph(session):
    """x leaf with gradient 6, y = x * x behind it, n without gradients, i integers."""
    session.tensor("x", [3.0], requires_grad=True)
    session.op("mul", "x", "x", out="y")
    session.backward("y", retain_graph=True)
    session.tensor("n", [1.0, 2.0])
    session.tensor("i", [1, 2])
    return session


def test_patch_sets_requires_grad_as_requires_grad_does(graph):
    assert graph.call("PATCH", "tensors/n", {"requires_grad": True})["requires_grad"] is True
    assert graph.call("PATCH", "tensors/n", {"requires_grad": False})["requires_grad"] is False
    assert graph.call("PATCH", "tensors/y", {"requires_grad": True})["grad_fn"] == "MulBackward0"


NOT_LEAF = (
    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable "
    "in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
)
REFUSED_PATCHES = [
    ("y", {"requires_grad": False}, NOT_LEAF),
    ("i", {"requires_grad": True}, "only Tensors of floating point dtype can require gradients"),
    ("n", {"retains_grad": True}, "can't retain_grad on Tensor that has requires_grad=False"),
    ("y", {"retains_grad": False}, None),
    ("n", {"requires_grad": 1}, None),
    ("n", {"requires_grad": "true"}, None),
    ("n", {"requires_grad": None}, None),
    ("n", {"name": "a-b"}, None),
    ("n", {"name": 5}, None),
    ("n", {"data": [1, 2]}, None),
    ("n", {"name": "m", "requires_grad": True, "retains_grad": "yes"}, None),
]


@pytest.mark.parametrize(("name", "body", "text"), REFUSED_PATCHES)
def test_a_patch_pytorch_would_refuse_is_refused(graph, name, body, text):
    with unchanged(graph):
        problem(graph.send("PATCH", f"tensors/{name}", body), (409, 422), None, text)


def test_retains_grad_keeps_the_gradient_of_a_non_leaf(graph):
    assert graph.call("PATCH", "tensors/y", {"retains_grad": True})["retains_grad"] is True
    assert graph.call("PATCH", "tensors/x", {"retains_grad": True})["retains_grad"] is False
    graph.op("sum", "y", out="total")
    assert {k: g["data"] for k, g in graph.backward("total").items()} == {"x": [12.0], "y": [1.0]}


def test_rename_keeps_the_tensor_its_graph_and_gradient(graph):
    renamed = graph.call("PATCH", "tensors/x", {"name": "w"})
    assert (renamed["name"], renamed["grad"]["name"], renamed["grad"]["data"]) == ("w", "w.grad", [6.0])
    assert graph.names() == ["i", "n", "w", "y"]
    assert graph.backward("y")["w"]["data"] == [12.0]


def test_renaming_to_a_taken_name_is_refused(graph):
    with unchanged(graph):
        problem(graph.send("PATCH", "tensors/x", {"name": "n"}), 409, "name_taken")


FLOAT_7 = {"b64": base64.b64encode(struct.pack("<f", 7.0)).decode(), "shape": [1], "dtype": "float32"}


SEVENS = [{"data": [7.0]}, {"data": [7]}, {"data": [7], "dtype": "float64"}, FLOAT_7, {"data": FLOAT_7}]


@pytest.mark.parametrize("body", SEVENS)
def test_put_data_overwrites_in_place_and_bumps_the_version(graph, body):
    graph.op("detach", "x", out="d")
    written = graph.call("PUT", "tensors/x/data", body)
    assert (written["data"], written["dtype"], written["version"]) == ([7.0], "float32", 1)
    assert (written["requires_grad"], written["is_leaf"], written["grad"]["data"]) == (True, True, [6.0])
    assert graph.data("d") == [7.0]


def test_put_data_is_seen_by_the_version_check(graph):
    graph.call("PUT", "tensors/x/data", {"data": [7.0]})
    with unchanged(graph):
        answer = graph.send("POST", "backward", {"tensors": "y"})
        problem(answer, 409, "modified_inplace", "is at version 1; expected version 0")


@pytest.mark.parametrize("data", [[1.0, 2.0], 1.0, [[1.0]], ["a"], None, {}, {"values": [1]}])
def test_put_data_refuses_another_shape_or_no_numbers(graph, data):
    with unchanged(graph):
        problem(graph.send("PUT", "tensors/x/data", {"data": data}), 422)


def test_the_gradient_is_a_tensor_object_without_its_own_grad(graph):
    grad = graph.call("GET", "tensors/x/grad")
    assert (grad["name"], grad["data"], grad["grad_fn"], grad["requires_grad"]) == (
        "x.grad",
        [6.0],
        None,
        False,
    )
    assert grad.keys() >= TENSOR_FIELDS - {"grad"}
    assert "grad" not in grad
    assert graph.get("x")["grad"] == grad


def test_a_gradient_made_with_create_graph_has_a_grad_fn(session):
    session.tensor("x", 3.0, requires_grad=True)
    session.op("mul", "x", "x", out="y")
    session.backward("y", create_graph=True)
    assert session.call("GET", "tensors/x/grad")["grad_fn"] is not None


@pytest.mark.parametrize("name", ["n", "y", "i"])
def test_the_gradient_of_a_tensor_that_has_none_is_404(graph, name):
    problem(graph.send("GET", f"tensors/{name}/grad"), 404, "no_grad")


FIVES = [{"data": [5.0]}, {"data": [5]}, {"data": [5], "dtype": "float32"}, {"data": {"data": [5.0]}}]


@pytest.mark.parametrize("body", FIVES)
def test_put_grad_assigns_and_backward_accumulates_onto_it(graph, body):
    answer = graph.send("PUT", "tensors/x/grad", body)
    assert answer.status_code in (200, 201)
    assert graph.grad("x") == [5.0]
    assert graph.backward("y")["x"]["data"] == [11.0]


WRONG_SIZE = (
    "attempting to assign a gradient of size '[2]' to a tensor of size '[1]'. "
    "Please ensure that the gradient and the tensor are the same size"
)
WRONG_DTYPE = "attempting to assign a gradient with dtype 'double' to a tensor with grad_dtype 'Float'."


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"data": [1.0, 2.0]}, WRONG_SIZE),
        ({"data": [1.0], "dtype": "float64"}, WRONG_DTYPE),
        ({"data": ["a"]}, None),
        ({}, None),
        ({"grad": [1.0]}, None),
    ],
)
def test_put_grad_makes_pytorchs_checks(graph, body, text):
    with unchanged(graph):
        problem(graph.send("PUT", "tensors/x/grad", body), 422, None, text)


def test_delete_grad_is_grad_none(graph):
    assert graph.send("DELETE", "tensors/x/grad").status_code == 204
    assert graph.get("x")["grad"] is None
    problem(graph.send("GET", "tensors/x/grad"), 404, "no_grad")
    assert graph.backward("y")["x"]["data"] == [6.0]


def test_a_tensor_of_several_names_goes_by_the_one_it_was_addressed_by(graph):
    graph.op("contiguous", "x", out="alias")
    x, alias = graph.get("x"), graph.get("alias")
    assert (alias.pop("name"), alias.pop("grad")["name"]) == ("alias", "alias.grad")
    assert (x.pop("name"), x.pop("grad")["name"]) == ("x", "x.grad")
    assert alias == x
    graph.run(step("zero_", "x.grad"))
    assert graph.grad("alias") == [0.0]
    assert list(graph.backward("y")) == ["x"]
    graph.call("DELETE", "tensors/x")
    assert graph.grad("alias") == [6.0]

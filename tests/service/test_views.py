"""In-place ops, views, indexing, and the steps that change a tensor's place in the graph."""

import pytest

from .conftest import flatten, problem, step, unchanged

X = [[1.0, 2.0], [3.0, 4.0]]


@pytest.fixture
def x(session):
    """The session, with w a leaf that requires grad, x = w * 1 (so it may be changed in place) and n plain."""
    session.tensor("w", X, requires_grad=True)
    session.op("mul", "w", 1, out="x")
    session.tensor("n", [1.0, 2.0, 3.0])
    return session


def test_an_in_place_op_reports_the_tensor_under_its_own_name_and_binds_no_other(x):
    names = x.names()
    for version, (op, other) in enumerate([("add_", 1), ("mul_", 2), ("sub_", 1), ("div_", 2)], start=1):
        result = x.op(op, "n", other)
        assert (result["name"], result["version"]) == ("n", version)
    assert result["data"] == [1.5, 2.5, 3.5]
    assert x.names() == names
    assert x.op("add", "n", 0)["name"] == "t0"


def test_out_gives_an_in_place_result_a_second_name(x):
    assert x.op("add_", "n", 1, out="m")["data"] == [2.0, 3.0, 4.0]
    x.op("zero_", "m")
    assert x.data("n") == x.data("m") == [0.0, 0.0, 0.0]


def test_a_gradient_is_changed_in_place_under_its_own_name(x):
    x.op("sum", "x", out="s")
    x.backward("s")
    result = x.op("mul_", "w.grad", 3)
    assert (result["name"], result["data"]) == ("w.grad", [[3.0, 3.0], [3.0, 3.0]])
    assert x.grad("w") == [[3.0, 3.0], [3.0, 3.0]]


def test_an_in_place_op_is_recorded_in_the_graph(x):
    assert x.op("mul_", "x", 3)["grad_fn"] == "MulBackward0"
    x.op("sum", "x", out="s")
    assert x.backward("s")["w"]["data"] == [[3.0, 3.0], [3.0, 3.0]]


@pytest.mark.parametrize("literal", [[1.0, 2.0], 1.0, {"data": [1.0]}, {"complex": [1, 2]}])
def test_changing_a_literal_in_place_is_refused(x, literal):
    with unchanged(x):
        problem(x.send("POST", "ops/add_", {"input": literal, "other": 1}), 422, "bad_argument")


@pytest.mark.parametrize(
    ("op", "body"),
    [("contiguous", {"input": "x"}), ("to", {"args": ["x", "float32"]}), ("to", {"input": "x", "device": "cpu"})],
)
def test_an_op_that_returns_its_own_input_binds_no_new_name(x, op, body):
    names = x.names()
    assert x.call("POST", f"ops/{op}", body)["result"]["name"] == "x"
    assert x.names() == names


VIEWS = [
    ("select", ["n", 0, 1], 2.0),
    ("view", ["n", 3, 1], [[1.0], [2.0], [3.0]]),
    ("reshape", ["n", 3, 1], [[1.0], [2.0], [3.0]]),
    ("unsqueeze", ["n", 0], [[1.0, 2.0, 3.0]]),
    ("expand", ["n", 2, 3], [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]),
    ("detach", ["n"], [1.0, 2.0, 3.0]),
    ("getitem", ["n", ["1:"]], [2.0, 3.0]),
    ("getitem", ["n", ["..."]], [1.0, 2.0, 3.0]),
]


@pytest.mark.parametrize(("op", "args", "values"), VIEWS)
def test_a_view_shares_storage_and_version_with_its_base(x, op, args, values):
    assert x.op(op, *args, out="v")["data"] == values
    x.op("fill_", "n", 7.0)
    assert set(flatten(x.data("v"))) == {7.0}
    assert x.get("v")["version"] == 1


def test_writing_to_a_view_writes_to_its_base(x):
    x.op("select", "n", 0, 1, out="v")
    assert x.op("mul_", "v", 10)["data"] == 20.0
    assert x.data("n") == [1.0, 20.0, 3.0]
    assert x.get("n")["version"] == 1


@pytest.mark.parametrize("op", ["clone", "neg"])
def test_a_copy_shares_nothing(x, op):
    x.op(op, "n", out="c")
    before = x.data("c")
    x.op("zero_", "n")
    assert x.data("c") == before


def test_writing_to_a_view_rebases_the_graph_of_its_base(x):
    x.op("getitem", "x", [0], out="v")
    x.op("mul_", "v", 10)
    assert (x.get("x")["grad_fn"], x.get("v")["grad_fn"]) == ("CopySlices", "AsStridedBackward0")
    x.op("sum", "x", out="s")
    assert x.backward("s")["w"]["data"] == [[10.0, 10.0], [1.0, 1.0]]


def test_detach_leaves_the_graph(x):
    d = x.op("detach", "x", out="d")
    assert (d["requires_grad"], d["is_leaf"], d["grad_fn"]) == (False, True, None)


GRID = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
INDEXED = [
    ([1], [4, 5, 6, 7]),
    ([-1], [8, 9, 10, 11]),
    ([1, 2], 6),
    (["1:"], GRID[1:]),
    (["1:3"], GRID[1:3]),
    (["::2"], GRID[::2]),
    (["-2:"], GRID[-2:]),
    ([":"], GRID),
    ([":1", "1::2"], [[1, 3]]),
    ([":", 1], [1, 5, 9]),
    (["...", 0], [0, 4, 8]),
    ([0, "..."], [0, 1, 2, 3]),
    ([None, 0], [[0, 1, 2, 3]]),
    ([0, None, "2:"], [[2, 3]]),
    ([[0, 2]], [GRID[0], GRID[2]]),
    ([[0, 2], [1, 3]], [1, 11]),
    ([":", [3, 0]], [[3, 0], [7, 4], [11, 8]]),
    ([[[0, 1], [1, 2]], 0], [[0, 4], [4, 8]]),
    ([[True, False, True]], [GRID[0], GRID[2]]),
    ([True], [GRID]),
    ([1, True], [[4, 5, 6, 7]]),
    (["rows"], [GRID[2], GRID[0]]),
    (["mask"], [0, 11]),
    ([{"data": [1, 1]}, {"data": [0, 1]}], [4, 5]),
    ([{"data": [False, True, False]}], [GRID[1]]),
]


@pytest.fixture
def grid(session):
    session.tensor("g", GRID)
    session.tensor("rows", [2, 0])
    session.tensor("mask", [[n in (0, 11) for n in row] for row in GRID])
    return session


@pytest.mark.parametrize(("index", "values"), INDEXED)
def test_getitem_reads_what_pytorch_indexing_reads(grid, index, values):
    assert grid.op("getitem", input="g", index=index)["data"] == values


@pytest.mark.parametrize(("index", "values"), INDEXED)
def test_setitem_writes_exactly_what_getitem_reads(grid, index, values):
    written = grid.op("setitem_", input="g", index=index, value=-1)
    assert (written["name"], written["version"]) == ("g", 1)
    taken = flatten(values)
    assert flatten(written["data"]) == [-1 if n in taken else n for n in flatten(GRID)]


@pytest.mark.parametrize("value", [9, "nine", [9], {"data": [9, 9], "dtype": "int64"}])
def test_setitem_takes_any_tensor_argument_and_broadcasts(grid, value):
    grid.tensor("nine", 9)
    assert grid.op("setitem_", "g", [":2", 0], value)["data"] == [[9, 1, 2, 3], [9, 5, 6, 7], GRID[2]]


def test_setitem_routes_the_gradient_to_the_value_and_none_to_what_it_overwrote(x):
    x.tensor("t", 7.0, requires_grad=True)
    x.op("setitem_", "x", [0, 1], "t")
    x.op("sum", "x", out="s")
    assert {k: g["data"] for k, g in x.backward("s").items()} == {"w": [[1.0, 0.0], [1.0, 1.0]], "t": 1.0}


BAD_INDEXES = [
    ([3], "index 3 is out of bounds for dimension 0 with size 3"),
    ([0, 0, 0], "too many indices for tensor of dimension 2"),
    (["::-1"], "step must be greater than zero"),
    (["::0"], None),
    (["1:x"], None),
    (["nobody"], None),
    ([1.5], None),
    ([2**63], None),
    ([[0, 5]], None),
    ([[0, "rows"]], None),
    ([[0, None]], None),
    ([[True, False]], None),
    ([{}], None),
    ("1", None),
    (None, None),
]


@pytest.mark.parametrize(("index", "text"), BAD_INDEXES)
def test_a_bad_index_is_refused_by_both(grid, index, text):
    with unchanged(grid):
        problem(grid.send("POST", "ops/getitem", {"input": "g", "index": index}), 422, None, text)
        body = {"input": "g", "index": index, "value": 1}
        problem(grid.send("POST", "ops/setitem_", body), 422, None, text)


def test_requires_grad_is_a_step(x):
    assert x.op("requires_grad_", input="n")["requires_grad"] is True
    assert x.op("requires_grad_", input="n", requires_grad=False)["requires_grad"] is False


def test_retain_grad_is_a_step_without_a_result(x):
    assert x.answer("retain_grad", input="x") == {"result": None}
    assert x.get("x")["retains_grad"] is True


def test_detach_in_place_makes_a_leaf(x):
    detached = x.op("detach_", input="x")
    assert (detached["name"], detached["is_leaf"], detached["grad_fn"]) == ("x", True, None)


def test_zero_grad_set_grad_and_set_data_are_steps(x):
    x.op("sum", "x", out="s")
    x.backward("s")
    x.answer("zero_grad", names=["w"])
    assert x.grad("w") is None
    x.answer("set_grad", input="n", grad=[1.0, 2.0, 3.0])
    assert x.grad("n") == [1.0, 2.0, 3.0]
    x.answer("set_grad", input="n", grad=None)
    assert x.grad("n") is None
    x.answer("set_data", input="w", data=[[9.0, 9.0], [9.0, 9.0]])
    assert (x.data("w"), x.get("w")["version"], x.get("w")["requires_grad"]) == ([[9.0, 9.0], [9.0, 9.0]], 1, True)


def test_rename_and_del_are_steps(x):
    x.answer("rename", input="n", name="m")
    assert x.data("m") == [1.0, 2.0, 3.0]
    assert x.answer("del", names=["m", "x"]) == {"result": None}
    assert x.names() == ["w"]


def test_set_grad_enabled_is_a_step_that_lasts(x):
    assert x.answer("set_grad_enabled", mode=False) == {"result": None}
    assert x.call("GET")["grad_enabled"] is False
    assert x.op("mul", "w", 2)["requires_grad"] is False
    x.answer("set_grad_enabled", mode=True)
    assert x.op("mul", "w", 2)["requires_grad"] is True


def test_no_grad_holds_for_its_step_only(x):
    assert x.op("mul", "w", 2, no_grad=True)["requires_grad"] is False
    assert x.op("mul_", "w", 2, no_grad=True)["data"] == [[2.0, 4.0], [6.0, 8.0]]
    assert x.op("mul", "w", 2)["requires_grad"] is True


def test_a_view_made_under_no_grad_is_not_changed_in_place_with_grad(x):
    x.op("getitem", "x", [0], out="v", no_grad=True)
    with unchanged(x):
        text = "A view was created in no_grad mode and is being modified inplace with grad mode enabled."
        problem(x.send("POST", "ops/mul_", {"args": ["v", 2]}), (409, 422), None, text)


def test_a_view_made_under_no_grad_is_invalid_once_its_base_has_changed(x):
    """torch prints `tensor([2., 4.], grad_fn=<Invalid>)`."""
    x.op("getitem", "x", [0], out="v", no_grad=True)
    x.op("mul_", "x", 2)
    v = x.get("v")
    assert (v["grad_fn"], v["requires_grad"], v["is_leaf"], v["data"]) == ("Invalid", True, False, [2.0, 4.0])
    with unchanged(x):
        text = "A view was created in no_grad mode and its base or another view of its base has been modified"
        problem(x.send("POST", "ops/mul", {"args": ["v", 2]}), (409, 422), None, text)


def test_the_outputs_of_unbind_are_not_changed_in_place(x):
    x.op("unbind", "x", out=["a", "b"])
    with unchanged(x):
        text = "Output 0 of Unbind is a view and is being modified inplace."
        problem(x.send("POST", "ops/add_", {"args": ["a", 1]}), (409, 422), None, text)


def test_steps_of_a_run_may_be_in_place_and_views(x):
    answer = x.run(step("getitem", "n", ["1:"], out="v"), step("mul_", "v", 10), **{"return": ["n", "v"]})
    assert {k: t["data"] for k, t in answer["tensors"].items()} == {"n": [1.0, 20.0, 30.0], "v": [20.0, 30.0]}

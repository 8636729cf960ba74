"""`run`: many steps in one request, in order, all or nothing."""

import pytest

from .conftest import leaf, problem, step, unchanged

FORWARD = [leaf("x", [1.0, 2.0]), step("mul", "x", "x", out="y"), step("sum", "y", out="s")]


def data_of(answer: dict) -> dict:
    return {name: tensor and tensor["data"] for name, tensor in answer["tensors"].items()}


def test_steps_run_in_order_and_see_each_others_names(session):
    answer = session.run(*FORWARD, step("mul", "s", 2, out="s"))
    assert data_of(answer) == {"s": 10.0}
    assert session.names() == ["s", "x", "y"]


@pytest.mark.parametrize(
    ("last", "returned"),
    [
        (step("add", "x", 1, out="r"), ["r"]),
        (step("add", "x", 1), ["t0"]),
        (step("max", "x", 0, out=["values", "indices"]), ["values", "indices"]),
        (step("max", "x", 0, out=[None, "indices"]), ["indices"]),
        (step("unbind", "x"), ["t0", "t1"]),
        (step("mul_", "s", 2), ["s"]),
        (step("backward", tensors="s"), []),
        (step("item", "s"), []),
        (step("del", names=["y"]), []),
    ],
)
def test_return_defaults_to_the_results_of_the_last_step(session, last, returned):
    assert list(session.run(*FORWARD, last)["tensors"]) == returned


def test_return_names_tensors_as_they_are_when_the_run_ends_in_the_order_asked_for(session):
    answer = session.run(
        *FORWARD,
        step("backward", tensors="s"),
        step("add", "s", 100, out="s"),
        **{"return": ["s", "x.grad", "y", "x", "y.grad"]},
    )
    assert list(answer["tensors"]) == ["s", "x.grad", "y", "x", "y.grad"]
    assert data_of(answer) == {"s": 105.0, "x.grad": [2.0, 4.0], "y": [1.0, 4.0], "x": [1.0, 2.0], "y.grad": None}
    assert [t and t["name"] for t in answer["tensors"].values()] == ["s", "x.grad", "y", "x", None]


def test_return_may_be_empty(session):
    assert session.run(*FORWARD, **{"return": []})["tensors"] == {}


def test_values_asked_for_are_there_above_the_inline_limit(session):
    answer = session.run(step("zeros", size=[10_001], out="z"))
    assert len(answer["tensors"]["z"]["data"]) == 10_001


@pytest.mark.parametrize("name", ["nobody", "nobody.grad", "1x", "", 5])
def test_returning_an_unbound_name_undoes_the_run(session, name):
    with unchanged(session):
        problem(session.send("POST", "run", {"steps": FORWARD, "return": ["s", name]}), 422)


def test_an_unbound_name_in_return_says_so(session):
    answer = session.send("POST", "run", {"steps": FORWARD, "return": ["nobody"]})
    problem(answer, 422, "unknown_tensor")


def test_results_that_are_no_tensors_stand_under_their_step_index(session):
    answer = session.run(*FORWARD, step("item", "s"), step("add", "s", 1), step("numel", "x"), step("shape", "x"))
    assert answer["values"] == {"3": 5.0, "5": 2, "6": [2]}


def test_unnamed_results_are_named_by_the_sessions_one_counter(session):
    session.tensor("t1", 1.0)
    answer = session.run(
        step("add", 1, 1), step("add", "t0", 1), step("add", "t2", 1), **{"return": ["t0", "t2", "t3"]}
    )
    assert data_of(answer) == {"t0": 2, "t2": 3, "t3": 4}


def test_a_step_without_a_name_binds_nothing(session):
    session.run(*FORWARD, step("add", "x", 1, out=None))
    assert session.names() == ["s", "x", "y"]


@pytest.mark.parametrize("whole", [True, False])
def test_no_grad_holds_for_the_whole_run_or_not_at_all(session, whole):
    answer = session.run(*FORWARD, no_grad=whole)
    assert answer["tensors"]["s"]["requires_grad"] is not whole
    assert session.op("mul", "x", 2)["requires_grad"] is True


def test_a_training_loop_is_one_request(session):
    session.tensor("w", 0.0, dtype="float64", requires_grad=True)
    descent = [
        step("sub", "w", 3, out="error"),
        step("mul", "error", "error", out="loss"),
        step("backward", tensors="loss"),
        step("mul", "w.grad", 0.25, out="delta"),
        step("sub_", "w", "delta", no_grad=True),
        step("zero_grad", names=["w"]),
    ]
    answer = session.run(*descent * 5, **{"return": ["w", "loss"]})
    assert data_of(answer) == {"w": 3 - 3 * 0.5**5, "loss": (3 * 0.5**4) ** 2}
    assert answer["tensors"]["w"]["version"] == 5


def test_a_run_raises_the_version_by_one_however_many_steps_it_has(session):
    before = session.version()
    assert session.run(*FORWARD)["version"] == session.version() == before + 1


STARTED = [
    leaf("a", 1.0),
    step("getitem", "n", [0], out="v"),
    step("add_", "v", 5),
    step("backward", tensors="s"),
    step("mul_", "x", 2, no_grad=True),
    step("zero_", "x.grad"),
    step("randn", size=[3], out="n"),
    step("add", "n", 1),
    step("rename", input="s", name="renamed"),
    step("del", names=["y"]),
    step("requires_grad_", input="n"),
    step("set_grad_enabled", mode=False),
    step("manual_seed", seed=99),
    step("set_grad", input="x", grad=[8.0, 8.0]),
    step("set_data", input="x", data=[8.0, 8.0]),
]
LAST = [
    (step("add", "x", "nobody"), 422, "unknown_tensor"),
    (step("nonsense", "x"), 422, "unknown_op"),
    (step("add", "x", [1, 2, 3]), 422, "shape_mismatch"),
    (step("add", "x", 1, colour=1), 422, "bad_argument"),
    (step("backward", tensors="renamed"), 409, "graph_freed"),
    (step("backward", tensors="v"), 422, "no_grad_fn"),
    (step("zeros", size=[10**9, 10**9]), 413, "too_large"),
    ({"args": ["x", 1]}, 422, None),
    ("add", 422, None),
    (None, 422, None),
    (step("add", "x", 1, out="not a name"), 422, None),
]


@pytest.fixture
def prepared(session):
    """x, y and s with a gradient already in x, and n."""
    session.run(*FORWARD, step("backward", tensors="s", retain_graph=True), step("ones", size=[2], out="n"))
    return session


@pytest.mark.parametrize(("last", "status", "code"), LAST)
def test_a_run_whose_last_step_fails_changes_nothing(prepared, last, status, code):
    with unchanged(prepared):
        answer = problem(prepared.send("POST", "run", {"steps": [*STARTED, last]}), status, code)
    assert answer.get("step", len(STARTED)) == len(STARTED)
    assert prepared.backward("s")["x"]["data"] == [4.0, 8.0]  # the graph that the failed run freed is whole


@pytest.mark.parametrize("length", range(1, len(STARTED) + 1))
def test_each_kind_of_step_is_undone(prepared, length):
    with unchanged(prepared):
        steps = [*STARTED[:length], step("add", "x", "nobody")]
        answer = problem(prepared.send("POST", "run", {"steps": steps}), 422, "unknown_tensor")
    assert (answer["step"], answer["op"]) == (length, "add")


def test_a_failed_run_leaves_the_counter(session):
    problem(session.send("POST", "run", {"steps": [step("ones", 2), step("ones", 2), step("nonsense")]}), 422)
    assert session.op("ones", 2)["name"] == "t0"


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_the_problem_names_the_step_and_the_op(session, failing):
    steps = [step("ones", 2, out="a") for _ in range(3)]
    steps[failing] = step("reshape", "missing", [1])
    answer = problem(session.send("POST", "run", {"steps": steps}), 422, "unknown_tensor")
    assert (answer["step"], answer["op"]) == (failing, "reshape")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"steps": None},
        {"steps": {}},
        {"steps": "add"},
        {"steps": [[]]},
        {"steps": [{"op": 5}]},
        {"steps": [{"op": None}]},
        {"steps": [step("ones", 2, args="x")]},
        {"steps": [step("ones", 2, no_grad=1)]},
        {"steps": [step("ones", 2)], "return": "t0"},
        {"steps": [step("ones", 2)], "return": [["t0"]]},
        {"steps": [step("ones", 2)], "no_grad": "yes"},
        {"steps": [step("ones", 2)], "colour": "red"},
        [step("ones", 2)],
    ],
)
def test_a_body_that_is_no_run_is_refused(session, body):
    with unchanged(session):
        problem(session.send("POST", "run", body), 422)

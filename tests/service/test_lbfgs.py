"""LBFGS over the wire: the closure as steps, in one request."""

import pytest

from .conftest import problem, step
from .optimizing import ZERO, make, nothing_changes, square, with_leaf

leaf = pytest.fixture(with_leaf)


ROSENBROCK = [
    ZERO,
    step("getitem", "x", ["1:"], out="after"),
    step("getitem", "x", [":-1"], out="before"),
    step("square", "before", out="bent"),
    step("sub", "after", "bent", out="across"),
    step("square", "across", out="valley"),
    step("sub", 1, "before", out="along"),
    step("square", "along", out="slope"),
    step("add", "slope", "valley", alpha=100, out="terms"),
    step("sum", "terms", out="loss"),
    step("backward", "loss"),
]


@pytest.fixture
def valley(session):
    session.tensor("x", [-1.2, 1.0, 0.5], requires_grad=True, dtype="float64")
    return session


@pytest.mark.parametrize("loss", [{}, {"loss": "loss"}])
def test_lbfgs_finds_the_minimum_of_rosenbrock_in_one_request(valley, loss):
    make(valley, "LBFGS", ["x"], max_iter=200, line_search_fn="strong_wolfe", tolerance_change=1e-14)
    first = valley.value("optim.step", "opt", closure=ROSENBROCK, **loss)
    by_hand = sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in [(-1.2, 1.0), (1.0, 0.5)])
    assert first == pytest.approx(by_hand, rel=1e-12)
    assert valley.data("x") == pytest.approx([1.0] * 3, abs=1e-6)
    assert valley.names() == sorted({"x", *(each["out"] for each in ROSENBROCK if "out" in each)})
    state = valley.call("GET", "optimizers/opt")["state"]["0"]
    assert 10 < state["n_iter"] <= 200
    assert len(state["old_dirs"]) == len(state["ro"])


def test_a_closure_in_a_run_answers_its_first_loss(valley):
    make(valley, "LBFGS", ["x"], max_iter=2)
    answer = valley.run(step("optim.step", optimizer="opt", closure=ROSENBROCK), **{"return": ["x"]})
    assert list(answer["values"]) == ["0"]
    assert answer["values"]["0"] == pytest.approx(49.2, rel=1e-12)


def test_other_optimizers_take_a_closure_too(leaf):
    make(leaf, lr=0.25)
    closure = [ZERO, *square()]
    assert leaf.value("optim.step", "opt", closure=closure) == 5.0
    assert leaf.data("w") == [0.5, -1.0]


def test_a_closure_records_whatever_the_mode(leaf):
    make(leaf, lr=0.25)
    assert leaf.value("optim.step", "opt", closure=[ZERO, *square()], no_grad=True) == 5.0
    assert leaf.data("w") == [0.5, -1.0]


@pytest.mark.parametrize(
    ("closure", "status", "code", "text"),
    [
        ([step("square", "nothing")], 422, "unknown_tensor", "'nothing'"),
        ([step("no_such_op")], 422, "unknown_op", "no_such_op"),
        ([ZERO], 422, "bad_argument", "no step with a tensor"),
        ([step("mul", "x", 2)], 422, "bad_argument", "only one element"),
        ([1], 422, "bad_argument", "JSON object"),
        ([], 422, "bad_argument", "no step with a tensor"),
        ([step("optim.step", optimizer="opt", closure=[])], 422, "bad_argument", "closure"),
        ("loss", 422, "bad_argument", "list of steps"),
    ],
)
def test_a_closure_that_fails_changes_nothing(valley, closure, status, code, text):
    make(valley, "LBFGS", ["x"])
    valley.value("optim.step", "opt", closure=ROSENBROCK)
    with nothing_changes(valley):
        problem(valley.send("POST", "ops/optim.step", {"optimizer": "opt", "closure": closure}), status, code, text)


def test_a_failing_step_of_a_closure_says_which(valley):
    make(valley, "LBFGS", ["x"])
    failing = [*ROSENBROCK, step("matmul", "x", [[1.0], [2.0]])]
    response = valley.send("POST", "run", {"steps": [ZERO, step("optim.step", optimizer="opt", closure=failing)]})
    body = problem(response, 422)
    assert (body["step"], body["op"], body["closure"]) == (1, "optim.step", {"step": len(ROSENBROCK), "op": "matmul"})


def test_lbfgs_has_one_group_and_needs_a_closure(valley):
    valley.tensor("y", 1.0, requires_grad=True)
    with nothing_changes(valley):
        two = {"name": "opt", "type": "LBFGS", "params": ["x", {"params": ["y"]}]}
        text = "LBFGS doesn't support per-parameter options (parameter groups)"
        problem(valley.send("POST", "optimizers", two), 422, "bad_argument", text)
    make(valley, "LBFGS", ["x"], line_search_fn="newton")
    with nothing_changes(valley):
        problem(valley.send("POST", "ops/optim.step", {"optimizer": "opt"}), 422, "bad_argument", "'closure'")
        body = {"optimizer": "opt", "closure": ROSENBROCK}
        problem(valley.send("POST", "ops/optim.step", body), 422, "bad_argument", "only 'strong_wolfe' is supported")

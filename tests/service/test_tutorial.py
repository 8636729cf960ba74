"""PyTorch's autograd tutorial end to end, call by call and as the example programs; values from PyTorch."""

import json
import math
import re
import shutil
import subprocess
import sys

import pytest

from .conftest import ROOT, float32, open_session, problem, step

EXAMPLES = ROOT / "examples"

SQUARE_PRINTED = "tensor([[{0}, {0}],\n        [{0}, {0}]]{1})\n"
MODIFIED = (
    "one of the variables needed for gradient computation has been modified by an inplace operation: "
    "[torch.FloatTensor [2, 2]] is at version 2; expected version 0 instead. Hint: enable anomaly detection "
    "to find the operation that failed to compute its gradient, with "
    "torch.autograd.set_detect_anomaly(True, check_nan=False)."
)


def square(value: str, suffix: str = "") -> str:
    return SQUARE_PRINTED.format(value, suffix)


# What PyTorch 2.13 printed for the same lines; chapters with random numbers are checked by their formulas.
PRINTED = {
    "Tensors and their graph": square("1.", ", requires_grad=True")
    + square("3.", ", grad_fn=<AddBackward0>")
    + "AddBackward0\n"
    + square("27.", ", grad_fn=<MulBackward0>").rstrip()
    + " tensor(27., grad_fn=<MeanBackward0>)\n",
    "requires_grad": "False\nTrue\nSumBackward0\n",
    "Gradients": square("4.5000"),
    "Changing a leaf behind the graph's back": square("9.", ", requires_grad=True")
    + square("11.", ", requires_grad=True")
    + MODIFIED
    + "\n",
    "Gradients that have a graph, accumulated": square("4.5000", ", grad_fn=<CopyBackwards>")
    + square("9.", ", grad_fn=<AddBackward0>")
    + square("13.5000", ", grad_fn=<AddBackward0>"),
    "z.backward(ones_like(z)) is z.sum().backward()": square("18.") * 2,
    "no_grad": "True\nTrue\nFalse\n",
    "A Jacobian, row by row": "tensor([ 2.0000,  6.0000, 21.0855], grad_fn=<StackBackward0>)\n"
    "tensor([[ 2.0000,  1.0000,  0.0000],\n"
    "        [ 0.0000,  3.0000,  2.0000],\n"
    "        [ 2.0000,  0.0000, 20.0855]])\n",
}
RANDOM_CHAPTER = "A vector-Jacobian product"


@pytest.fixture
def tutorial(session):
    """x, y = x + 2, z = y * y * 3 and out = z.mean()."""
    session.op("ones", size=[2, 2], requires_grad=True, out="x")
    forward(session)
    return session


def forward(session):
    session.op("add", "x", 2, out="y")
    session.op("mul", "y", "y", out="yy")
    session.op("mul", "yy", 3, out="z")
    return session.op("mean", "z", out="out")


def full(value):
    return [[value, value], [value, value]]


def test_each_result_knows_its_values_and_its_grad_fn(tutorial):
    seen = {name: (tutorial.data(name), tutorial.get(name)["grad_fn"]) for name in ("x", "y", "z", "out")}
    assert seen == {
        "x": (full(1.0), None),
        "y": (full(3.0), "AddBackward0"),
        "z": (full(27.0), "MulBackward0"),
        "out": (27.0, "MeanBackward0"),
    }


def test_backward_fills_the_gradient_of_the_leaf(tutorial):
    assert tutorial.backward("out")["x"]["data"] == full(4.5)
    assert tutorial.grad("x") == full(4.5)


def test_requires_grad_is_off_until_switched_on(session):
    session.op("randn", size=[2, 2], out="r")
    session.op("mul", "r", 3, out="numerator")
    session.op("sub", "r", 1, out="denominator")
    assert session.op("div", "numerator", "denominator", out="a")["requires_grad"] is False
    assert session.op("requires_grad_", input="a")["requires_grad"] is True
    session.op("mul", "a", "a", out="aa")
    assert session.op("sum", "aa", out="b")["grad_fn"] == "SumBackward0"


def test_detach_shares_the_values_and_no_grad_permits_assignment(session):
    session.tensor("a", full(1.0), requires_grad=True)
    session.op("mul", "a", "a", out="b")
    session.op("detach", "a", out="d")
    session.op("fill_", "d", 9.0)
    assert session.data("a") == full(9.0)
    assigned = session.op("setitem_", input="a", index=[":"], value=11.0, no_grad=True)
    assert (assigned["name"], assigned["data"], assigned["version"]) == ("a", full(11.0), 2)
    session.op("sum", "b", out="total")
    problem(session.send("POST", "backward", {"tensors": "total"}), 409, "modified_inplace", MODIFIED)


def test_create_graph_accumulates_gradients_that_have_a_graph(tutorial):
    seen = []
    for _ in range(3):
        forward(tutorial)
        tutorial.backward("out", create_graph=True)
        grad = tutorial.get("x")["grad"]
        seen.append((grad["data"], grad["grad_fn"], grad["requires_grad"]))
    assert seen == [
        (full(4.5), "CopyBackwards", True),
        (full(9.0), "AddBackward0", True),
        (full(13.5), "AddBackward0", True),
    ]


def test_backward_of_ones_like_is_backward_of_the_sum(tutorial):
    tutorial.op("ones_like", "z", out="ones")
    assert tutorial.backward("z", grad_tensors="ones")["x"]["data"] == full(18.0)
    tutorial.call("DELETE", "tensors/x/grad")
    forward(tutorial)
    tutorial.op("sum", "z", out="total")
    assert tutorial.backward("total")["x"]["data"] == full(18.0)


def test_doubling_until_the_norm_passes_a_thousand(session):
    x = session.op("randn", size=[3], requires_grad=True, out="x")["data"]
    session.op("mul", "x", 2, out="y")
    doublings = 1
    while norm_of(session, "y") < 1000:
        session.op("mul", "y", 2, out="y")
        doublings += 1
    assert float32(session.data("y")) == [v * 2**doublings for v in float32(x)]
    session.backward("y", grad_tensors=[[0.1, 1.0, 0.0001]])
    assert float32(session.grad("x")) == float32([v * 2**doublings for v in float32([0.1, 1.0, 0.0001])])


def norm_of(session, name: str) -> float:
    session.op("detach", name, out="detached")
    session.op("norm", "detached", out="size")
    return session.value("item", "size")


def test_a_jacobian_row_by_row_is_its_formula(session):
    x = [1.0, 2.0, 3.0]
    session.tensor("x", x, dtype="float64", requires_grad=True)
    session.run(
        *(step("getitem", "x", [i], out=f"x{i}") for i in range(3)),
        step("mul", "x0", "x1", out="y0"),
        step("mul", "x1", "x2", out="y1"),
        step("pow", "x0", 2, out="y2"),
        step("stack", tensors=["y0", "y1", "y2"], out="y"),
    )
    rows = []
    for one_hot in ([1, 0, 0], [0, 1, 0], [0, 0, 1]):
        rows.append(session.backward("y", grad_tensors=[one_hot], retain_graph=True)["x"]["data"])
        session.call("DELETE", "tensors/x/grad")
    assert rows == [[x[1], x[0], 0.0], [0.0, x[2], x[1]], [2 * x[0], 0.0, 0.0]]


def chapters(printed: str) -> dict[str, str]:
    parts = re.split(r"^# (.*)\n", printed, flags=re.M)
    assert parts[0] == ""
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.fixture(scope="module")
def printed(server, subprocess_env):
    command = [sys.executable, str(EXAMPLES / "tutorial.py"), server.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=subprocess_env)
    assert done.returncode == 0, done.stderr
    return chapters(done.stdout)


def test_the_example_has_exactly_these_chapters(printed):
    assert printed.keys() == {*PRINTED, RANDOM_CHAPTER}


@pytest.mark.parametrize("chapter", PRINTED)
def test_the_example_prints_what_pytorch_prints(printed, chapter):
    assert printed[chapter] == PRINTED[chapter]


def test_the_random_chapter_of_the_example_follows_its_formula(printed):
    lines = printed[RANDOM_CHAPTER].splitlines()
    x, y, grad = ([float(n) for n in re.findall(r"-?\d+\.\d*(?:e[+-]\d+)?", line)] for line in lines)
    assert lines[0].endswith("], requires_grad=True)")
    assert lines[1].endswith("], grad_fn=<MulBackward0>)")
    doublings = 2 ** round(math.log2(grad[1]))  # the second component of the gradient is 1.0 times this
    assert y == pytest.approx([v * doublings for v in x], rel=1e-2, abs=1e-4 * doublings)
    assert grad == pytest.approx([0.1 * doublings, doublings, 0.0001 * doublings], rel=1e-4)
    assert 1000 <= sum(v * v for v in y) ** 0.5 < 2000


def test_the_quickstart_script_ends_with_the_gradient(server, client, subprocess_env):
    missing = [tool for tool in ("bash", "curl") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}")
    with open_session(client):  # other sessions are no obstacle
        done = subprocess.run(
            ["bash", str(EXAMPLES / "quickstart.sh")],
            capture_output=True,
            text=True,
            timeout=60,
            env={**subprocess_env, "BASE": server.url},
        )
    assert done.returncode == 0, done.stdout + done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert answers[0]["id"] == "demo"
    assert answers[-2]["grads"]["x"]["data"] == answers[-1]["data"] == full(4.5)
    problem(client.get("/v1/sessions/demo"), 404, "unknown_session")

"""The budget of a session where the engine spares small ops its questions: limits hold all the same."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from app.calls import Call
from app.limits import Limits
from app.problems import Problem
from app.session.session import Session

X = {"op": "ones", "size": [100], "requires_grad": True, "out": "x"}


def run(session: Session, *steps: dict[str, Any], deadline: float | None = None) -> dict[str, Any]:
    answer = session.handle(Call("run", body=json.dumps({"steps": steps}).encode(), deadline=deadline))
    found: dict[str, Any] = json.loads(answer.body)
    return found


def chain(length: int, **fields: Any) -> list[dict[str, Any]]:
    """Ops of which each takes the last one's result."""
    ops = ("mul", "tanh", "add", "sigmoid")
    steps = []
    for at in range(length):
        op = ops[at % len(ops)]
        args = ["h" if at else "x", 0.5] if op in ("mul", "add") else ["h"]
        steps.append({"op": op, "args": args, "out": "h", **fields})
    return steps


def measured(session: Session) -> tuple[int, int]:
    session.budget.measure()
    return session.budget.used, session.budget.nodes


def test_bytes_and_nodes_are_counted_for_ops_that_are_spared() -> None:
    session = Session("a", limits=Limits())
    run(session, X, *chain(200))
    assert session.budget.nodes == 200
    assert 100 * 4 * 201 <= session.budget.used <= 100 * 4 * (201 + 20)  # where it is asked, room to work in counts too
    run(session, *chain(200, no_grad=True))
    assert session.budget.nodes == 200


def test_what_is_measured_is_what_a_chain_holds() -> None:
    session = Session("a", limits=Limits())
    run(session, X, *chain(200))
    # Leaf and result; a tanh or sigmoid keeps its result, here the last op's; products and sums with numbers nothing
    # but the number, which all ops share.
    used, nodes = measured(session)
    assert nodes == 201
    assert 100 * 4 * 101 <= used <= 100 * 4 * 101 + 64


@pytest.mark.parametrize("limit", [1, 50, 99])
def test_the_limit_of_nodes_holds_to_the_node(limit: int) -> None:
    session = Session("a", limits=Limits(session_nodes=limit + 1))  # the leaf has one too
    run(session, X, *chain(limit))
    with pytest.raises(Problem, match="graph nodes") as refused:
        run(session, {"op": "neg", "input": "h", "out": "h"}, {"op": "neg", "input": "h", "out": "h"})
    assert refused.value.code == "too_large"
    assert measured(session)[1] == limit + 1


def test_the_limit_of_bytes_holds() -> None:
    session = Session("a", limits=Limits(session_bytes=400 * 60))
    with pytest.raises(Problem, match="for this session") as refused:
        run(session, X, *[{"op": "exp", "input": "x", "out": f"y{at}"} for at in range(100)])
    assert (refused.value.code, refused.value.op) == ("too_large", "exp")
    assert list(session.names) == []


@pytest.mark.parametrize(
    ("args", "fits"), [(["x", "x"], True), (["x", "column"], False), (["column", "x"], False), (["x", 2], True)]
)
def test_the_limit_of_one_tensor_holds_for_broadcasting(args: list[Any], fits: bool) -> None:
    session = Session("a", limits=Limits(tensor_bytes=100 * 4))
    run(session, X, {"op": "ones", "size": [2, 1], "out": "column"})
    steps = {"op": "mul", "args": args, "out": "y"}
    if fits:
        run(session, steps)
        return
    with pytest.raises(Problem, match=r"mul\(\): the result would have 800 bytes, over the limit of 400"):
        run(session, steps)


def test_two_small_tensors_do_not_make_a_large_one_unasked() -> None:
    session = Session("a", limits=Limits())
    row = {"op": "ones", "size": [40_000], "out": "row"}
    run(session, row, {"op": "ones", "size": [40_000, 1], "out": "column"})
    with pytest.raises(Problem, match=r"the result would have 6400000000 bytes"):
        run(session, {"op": "mul", "args": ["row", "column"]})


def test_the_deadline_is_looked_at_between_ops_that_are_spared() -> None:
    session = Session("a", limits=Limits())
    run(session, X)
    began = time.monotonic()
    with pytest.raises(Problem) as refused:
        run(session, *chain(50_000), deadline=began + 0.02)
    assert refused.value.code == "deadline"
    assert refused.value.step is not None
    assert refused.value.step < 49_000
    assert list(session.names) == ["x"]


def test_the_deadline_is_looked_at_in_backward() -> None:
    session = Session("a", limits=Limits())
    run(session, X, *chain(5000), {"op": "sum", "input": "h", "out": "s"})
    with pytest.raises(Problem) as refused:
        run(session, {"op": "backward", "tensors": "s"}, deadline=time.monotonic() + 0.001)
    assert refused.value.code == "deadline"
    assert refused.value.step == 0  # not only at the end
    session.handle(Call("backward", body=b'{"tensors": "s"}'))  # the graph is whole again
    assert session.names.named("x").grad is not None

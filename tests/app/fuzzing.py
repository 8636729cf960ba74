"""What the fuzz tests share: a session driven without HTTP, and tensors of every kind in it."""

from __future__ import annotations

import json
from typing import Any

from app.calls import Call
from app.limits import Limits
from app.problems import Problem, problem_of
from app.session.session import Session

Json = Any

TENSORS: dict[str, dict[str, Json]] = {
    "f": {"data": [1.5, -2.0, 0.5], "requires_grad": True},
    "g": {"data": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "requires_grad": True},
    "m": {"data": [[2.0, 1.0], [1.0, 3.0]], "dtype": "float64"},
    "i": {"data": [0, 2, 1]},
    "b": {"data": [True, False, True]},
    "z": {"data": [[1, 2], [3, 4], [5, 6]], "dtype": "complex64"},
    "e": {"data": []},
    "s": {"data": 3.0},
    "c3": {"data": [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]},
    "h": {"data": [1.0, 2.0, 3.0], "dtype": "float16"},
    "bf": {"data": [1.0, 2.0, 3.0], "dtype": "bfloat16"},
    "u": {"data": [1, 2, 3], "dtype": "uint8"},
    "v": {"data": [[1.0, 2.0, 3.0]] * 3, "requires_grad": True},
    "big": {"data": [2**63 - 1, -(2**63 - 1), 0]},
}
UNDO = {"op": "nonsense"}  # as the last step it takes back all that came before


def step(op: str, *args: Json, **fields: Json) -> dict[str, Json]:
    """A step as JSON."""
    return {"op": op, **({"args": list(args)} if args else {}), **fields}


def new_session(limits: Limits | None = None) -> Session:
    """A session with nothing in it."""
    return Session("fuzzed", limits=limits or Limits(), seed=0)


def full_session(limits: Limits | None = None) -> Session:
    """A session with a tensor of each kind, one of them with a gradient."""
    session = new_session(limits)
    for name, body in TENSORS.items():
        call(session, "tensor.put", body, name)
    steps = [step("sum", "f", out="q"), step("backward", tensors="q"), step("mul", "f", 2.0, out="nl")]
    call(session, "run", {"steps": [*steps, step("del", names=["q"])]})
    return session


def call(session: Session, method: str, body: Json = None, name: str | None = None, **query: str) -> Json:
    """The decoded answer to a call; raises what the session raises."""
    answer = session.handle(Call(method, name, query, b"" if body is None else json.dumps(body).encode()))
    return json.loads(answer.body) if answer.body else None


def refusal(session: Session, *steps: dict[str, Json]) -> Problem | None:
    """What a run of the steps is refused with, or None."""
    try:
        call(session, "run", {"steps": list(steps), "return": []})
    except Exception as error:  # noqa: BLE001  # a defect is what a fuzz test looks for
        return problem_of(error)
    return None


def defect(problem: Problem | None) -> str | None:
    """Type, text and place of an exception that carries no code, or None."""
    if problem is None or problem.code != "internal":
        return None
    cause = problem.__cause__
    assert cause is not None
    place = cause.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_filename.rpartition('/')[2]}:{place.tb_lineno}" if place else "?"
    return f"{type(cause).__name__} in {where}: {str(cause)[:80]}"

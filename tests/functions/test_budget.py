"""What the names of a running function hold counts towards the session that runs it, until the function has ended."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.calls import Answer, Call
from app.functions.handling import handle
from app.functions.library import Library
from app.limits import Limits
from app.problems import problem_of
from app.session.session import Session

SIZE = 10_000  # float32: 40 kB each
LIMITS = Limits(session_bytes=300_000)


def chain(length: int, drop: bool) -> dict[str, Any]:
    """A function that makes so many tensors of the size of its input, one after the other."""
    steps: list[dict[str, Any]] = []
    for at in range(length):
        before = f"x{at}" if at else "x"
        steps.append({"op": "exp", "args": [before], "out": f"x{at + 1}"})
        if drop and at:
            steps.append({"op": "del", "names": [before]})
    return {"inputs": [{"name": "x"}], "steps": steps, "outputs": [f"x{length}"]}


@pytest.fixture
def session() -> Session:
    library = Library(LIMITS)
    for name, body in (("keeping", chain(20, False)), ("dropping", chain(20, True))):
        handle(library, Call("function.put", name, {}, json.dumps(body).encode()), LIMITS, lambda _: None)
    made = Session("s", limits=LIMITS, functions=library)
    call(made, "run", {"steps": [{"op": "zeros", "size": [SIZE], "out": "x"}]})
    return made


def call(session: Session, method: str, body: Any) -> Answer:
    return session.handle(Call(method, None, {}, json.dumps(body).encode()))


def run(session: Session, name: str) -> Answer:
    return call(session, "run", {"steps": [{"op": f"functions.{name}", "args": ["x"], "out": "y"}], "return": []})


def test_names_of_a_function_are_counted_while_it_runs(session: Session) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011  # a Problem, or what the engine raises
        run(session, "keeping")
    assert problem_of(caught.value).code == "too_large"
    assert json.loads(call(session, "session.get", None).body)["tensors"] == 1


def test_what_it_lets_go_is_not(session: Session) -> None:
    assert run(session, "dropping").status == 200
    assert json.loads(call(session, "session.get", None).body)["bytes"] == 2 * 4 * SIZE


def test_nothing_is_left_of_those_that_have_ended(session: Session) -> None:
    for _ in range(30):
        with pytest.raises(Exception):  # noqa: B017, PT011  # as above
            run(session, "keeping")
        assert run(session, "dropping").status == 200
    assert json.loads(call(session, "session.get", None).body)["bytes"] == 2 * 4 * SIZE

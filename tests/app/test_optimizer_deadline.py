"""A step of LBFGS that would never end is ended by the deadline of its request, and has changed nothing."""

from __future__ import annotations

import itertools
import json
from types import SimpleNamespace

import pytest

import engine.guard
from app.calls import Call
from tests.app.fuzzing import call, full_session, step

CLOSURE = [
    step("optim.zero_grad", "opt"),
    step("cos", "f", out="c"),
    step("sum", "c", out="loss"),
    step("backward", "loss"),
]


@pytest.mark.parametrize("begun", [False, True])
def test_an_endless_step_is_taken_back(monkeypatch: pytest.MonkeyPatch, begun: bool) -> None:
    session = full_session()
    endless = {"max_iter": 2**60, "max_eval": 2**60, "tolerance_change": -1, "tolerance_grad": -1}
    call(session, "optimizer.create", {"name": "opt", "type": "LBFGS", "params": ["f"], "max_iter": 2})
    if begun:
        call(session, "op", {"optimizer": "opt", "closure": CLOSURE}, "optim.step")
    call(session, "optimizer.patch", endless, "opt")
    before = call(session, "tensor.list", data="true"), call(session, "optimizer.get", None, "opt", data="true")
    clock = itertools.count()
    monkeypatch.setattr(engine.guard, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    body = json.dumps({"optimizer": "opt", "closure": CLOSURE}).encode()
    with pytest.raises(Exception, match="time limit") as raised:
        session.handle(Call("op", "optim.step", {}, body, deadline=1000))
    assert raised.value.code == "deadline"
    after = call(session, "tensor.list", data="true"), call(session, "optimizer.get", None, "opt", data="true")
    assert after == before

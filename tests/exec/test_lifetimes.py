"""What code leaves in a session is freed with it, without the garbage collector."""

from __future__ import annotations

import contextlib
import gc
import tracemalloc
import weakref

import pytest

from .support import execute, new_session

PROGRAM = """
x = torch.zeros(10)
k = 3
def f(t, s=2): return t * k
g = lambda t: f(t)
class A(torch.autograd.Function):
    @staticmethod
    def forward(ctx, t): return t * k
    @staticmethod
    def backward(ctx, grad): return grad
w = torch.ones(1, requires_grad=True)
w.register_hook(lambda grad: grad * 2)
y = A.apply(w)
y.backward()
opt = torch.optim.SGD([w])
items = [x, f, {"w": w}]
try:
    1 / 0
except ZeroDivisionError as error:
    text = str(error)
"""


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
def test_a_session_goes_with_its_functions_and_tensors() -> None:
    session = new_session()
    execute(session, PROGRAM)
    held = [weakref.ref(session.names.get(name)) for name in ("x", "w", "y")]
    held.append(weakref.ref(session.code.variables))
    del session
    assert [each() for each in held] == [None] * 4


@pytest.mark.usefixtures("no_collector")
def test_what_a_failed_call_made_is_gone() -> None:
    session = new_session()
    execute(session, "made = []\ndef keep(t):\n    made.append(t)\n    return t")
    with contextlib.suppress(ZeroDivisionError):
        execute(session, "for i in range(10):\n    t = keep(torch.zeros(1000))\n1 / 0")
    assert execute(session, "made")["result"] == []
    session.budget.measure()
    assert session.budget.used < 40_000


ASKED = """
name = "a" * 2000
for i in range(200):
    hasattr(torch, name + str(i))
    hasattr(torch.linalg, name + str(i))
    hasattr(x, name + str(i))
"""


def test_names_that_nothing_has_are_not_kept() -> None:
    session = new_session()
    execute(session, "x = torch.zeros(1)\nhasattr(x, 'nothing')")
    tracemalloc.start()
    try:
        execute(session, ASKED)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 300_000  # of 1.2 MB that were asked for
    finally:
        tracemalloc.stop()

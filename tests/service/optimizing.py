"""What the tests of optimizers share: a session with a leaf, the steps of a loss, all that can be seen of a session."""

from contextlib import contextmanager

from .conftest import pages, snapshot, step

TYPES = ("LBFGS", "SGD", "Adagrad", "Adam", "AdamW", "RMSprop", "Adadelta", "Adamax", "ASGD", "NAdam", "RAdam", "Rprop")
ZERO = step("optim.zero_grad", optimizer="opt")
STEP = step("optim.step", optimizer="opt")


def with_leaf(session):
    """A session with the leaf `w`."""
    session.tensor("w", [1.0, -2.0], requires_grad=True, dtype="float64")
    return session


def square(name="w"):
    """The loss `(w * w).sum()` and its gradient as steps."""
    return [step("square", name, out="squares"), step("sum", "squares", out="loss"), step("backward", "loss")]


def make(session, type="SGD", params=("w",), name="opt", **options):
    params = list(params) if isinstance(params, tuple) else params
    return session.call("POST", "optimizers", {"name": name, "type": type, "params": params, **options})


def whole(session):
    """The session and all its optimizers, with options and state."""
    listed = pages(session.client, f"{session.path}/optimizers", "optimizers")
    return snapshot(session), [session.call("GET", f"optimizers/{each['name']}?data=true") for each in listed]


@contextmanager
def nothing_changes(session):
    """Nothing that can be seen of the session or its optimizers."""
    whole(session)  # to look at a view whose base has changed makes its node anew
    before = whole(session)
    yield
    assert whole(session) == before

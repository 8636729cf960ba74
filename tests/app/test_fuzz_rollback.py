"""Random programs with failing runs in between: a session that was asked for them equals its twin that was not."""

from __future__ import annotations

import random
from typing import Any

import pytest

from app.session.optimizing import TYPES
from app.session.session import Session
from tests.app.fuzzing import UNDO, Json, call, defect, new_session, refusal, step

SEED = 70
PROGRAMS = 8  # for each part
PARTS = 4  # for the workers of a parallel run
LENGTH = 30
LEAVES = "abcd"
MATRIX = [[1.0, 2.0], [3.0, 4.0]]
INDICES = [[0], ["1:"], [":", 0], ["::2"], ["..."], [None], [[0, 1]], [[1, 0], [0, 1]], [":", [1, 0]]]
SIZES = [[2, 2], [4], [1, 2, 2], [2, 2, 2]]
UNARY = ["exp", "tanh", "sigmoid", "neg", "relu", "clone", "sum", "mean", "square"]


class Draw:
    """Random steps over the names of a session, some of which do not fit and are refused."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        self.names: list[str] = []

    def begun(self, at: int) -> dict[str, Json] | None:
        """What every program begins with: leaves, one of them with a gradient, and an optimizer."""
        if at < len(LEAVES):
            return step("tensor", data=[[1.5, 2.0], [3.0, -0.5]], requires_grad=True, out=LEAVES[at])
        first = [step("set_grad", "a", MATRIX), step(f"optim.{self.one(*TYPES)}", ["a", "b"], 0.1, name="p")]
        return dict(enumerate(first, len(LEAVES))).get(at)

    def step(self) -> dict[str, Json]:
        """Any step."""
        kinds = [self.made, self.made, self.changed, self.changed, self.derived, self.renamed, self.optimized]
        return self.random.choice(kinds)()

    def one(self, *options: Any) -> Any:
        return self.random.choice(options)

    def name(self) -> str:
        return self.random.choice(self.names) if self.names and self.random.random() < 0.97 else "nobody"

    def either(self) -> str:
        return self.name() + (".grad" if self.random.random() < 0.15 else "")

    def options(self) -> dict[str, Json]:
        out = {} if self.random.random() < 0.4 else {"out": self.one("a", "b", "c", "d", "e", None)}
        return {**out, **({"no_grad": True} if self.random.random() < 0.25 else {})}

    def made(self) -> dict[str, Json]:
        """A step that makes a tensor."""
        more = self.options()
        data = [[self.random.randint(-3, 3) + 0.5 for _ in range(2)] for _ in range(2)]
        return self.one(
            step("tensor", data=data, requires_grad=self.random.random() < 0.7, **more),
            step("randn", [2, 2], requires_grad=self.one(True, False), **more),
            step(self.one("add", "mul", "sub", "matmul", "maximum"), self.either(), self.either(), **more),
            step(self.one(*UNARY), self.either(), **more),
            step(self.one("t", "detach", "contiguous", "unbind"), self.name(), **{**more, "out": None}),
            step("getitem", self.name(), self.one(*INDICES), **more),
            step(self.one("expand", "reshape", "view"), self.name(), self.one(*SIZES), **more),
            step(self.one("select", "transpose", "unsqueeze"), self.name(), 0, *self.one([1], []), **more),
        )

    def changed(self) -> dict[str, Json]:
        """A step that changes what there is, in place."""
        mode = {"no_grad": True} if self.random.random() < 0.4 else {}
        return self.one(
            step("setitem_", self.either(), self.one(*INDICES), self.one(2.5, self.name()), **mode),
            step(self.one("add_", "mul_", "sub_"), self.either(), self.one(2.0, self.either()), **mode),
            step(self.one("zero_", "exp_", "tanh_", "relu_"), self.either(), **mode),
            step("set_data", self.either(), self.one(MATRIX, self.name(), 5.0)),
            step("set_grad", self.either(), self.one(None, MATRIX, self.name())),
            step("zero_grad", names=[self.name()]),
            step("requires_grad_", self.name(), self.random.random() < 0.6),
            step("detach_", self.name()),
            step("retain_grad", self.name()),
        )

    def derived(self) -> dict[str, Json]:
        """A step that differentiates."""
        create = self.random.random() < 0.2
        retain = self.one(None, True, False)
        gradient = self.one({}, {}, {"grad_tensors": [MATRIX]}, {"grad_tensors": [self.name()]})
        named = self.one({}, {"out": ["k"]})
        fields = {"outputs": self.name(), "inputs": [self.name()], "allow_unused": True, "create_graph": create}
        return self.one(
            step("backward", tensors=self.name(), retain_graph=retain, create_graph=create, **gradient),
            step("autograd.grad", **fields, grad_outputs=[MATRIX], retain_graph=retain, **named),
            step("autograd.jacobian", self.name(), [self.name()], create, **named),
            step("autograd.hessian", self.name(), [self.name()], create, **named),
        )

    def renamed(self) -> dict[str, Json]:
        """A step that changes names, modes or the random state."""
        return self.one(
            step("del", names=[self.name()]),
            step("rename", self.name(), self.one(*"fghij")),
            step("manual_seed", self.random.randrange(5)),
            step("set_grad_enabled", self.random.random() < 0.75),
        )

    def optimized(self) -> dict[str, Json]:
        """A step that makes, changes or uses an optimizer."""
        which, param = self.one("p", "p", "q"), self.one(*LEAVES, self.name())
        forward = [step("square", param, out="k"), step("sum", "k", out="k"), step("backward", "k")]
        return self.one(
            step(f"optim.{self.one(*TYPES)}", [param], 0.1, name=which),
            *[step("optim.step", which)] * 3,
            step("set_grad", param, MATRIX),
            step("optim.step", which, closure=[step("optim.zero_grad", which), *forward]),
            step("optim.zero_grad", which, self.random.random() < 0.5),
            step("optim.set_options", which, {"lr": self.one(0.5, -1)}),
            step("optim.add_param_group", which, {"params": [param]}),
            step("optim.delete", which),
        )


def state_of(session: Session) -> Any:
    """All that a client can see of a session, and where its random numbers stand."""
    about = call(session, "session.get")
    for volatile in ("created_at", "expires_at", "version"):
        del about[volatile]
    listed = call(session, "optimizer.list")["optimizers"]
    optimizers = [call(session, "optimizer.get", None, each["name"], data="true") for each in listed]
    return about, call(session, "tensor.list", data="true"), optimizers, repr(session.ctx.generator.position())


def answer_of(session: Session, made: dict[str, Json]) -> Any:
    """What a run of one step answers or is refused with."""
    try:
        return call(session, "run", {"steps": [made]})["tensors"]
    except Exception as error:  # noqa: BLE001  # compared with the twin's
        return type(error).__name__, str(error)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_runs_that_failed_leave_no_trace(part: int) -> None:
    for number in range(PROGRAMS):
        draw = Draw(f"{SEED} {part} {number}")
        plain, tried = new_session(), new_session()
        for at in range(LENGTH):
            draw.names = list(plain.names)
            wanted = draw.begun(at) or draw.step()
            _try_in_vain(tried, [draw.step() for _ in range(draw.random.randint(1, 6))], (part, number, at))
            assert answer_of(tried, wanted) == answer_of(plain, wanted), (part, number, at, wanted)
            assert state_of(tried) == state_of(plain), (part, number, at, wanted)


def _try_in_vain(session: Session, steps: list[dict[str, Json]], place: tuple[int, ...]) -> None:
    """Runs that fail at their end or, where a step is refused, in their middle."""
    before = state_of(session)
    good: list[dict[str, Json]] = []
    for each in steps:
        problem = refusal(session, *good, each, UNDO)
        assert problem is not None
        assert defect(problem) is None, (place, each)
        assert state_of(session) == before, (place, good, each)
        if problem.step == len(good) + 1:
            good.append(each)

"""Random programs on the engine and on PyTorch: after every line all tensors are alike, and refusals say the same.

A program makes leaves, views and results, writes in place, differentiates, and hooks; half of its lines are wrong on
purpose or by chance. What PyTorch says of each tensor is compared: values, shape, dtype, place in the graph, version.
"""

from __future__ import annotations

import math
import random
import re
import warnings
from typing import Any

import pytest

import engine

oracle = pytest.importorskip("torch", reason="PyTorch is not installed")
pytestmark = pytest.mark.torch

PROGRAMS = range(400)
SHAPES = ((), (3,), (2, 3), (3, 3), (1, 3), (2, 1, 3))
VIEWS = (
    *("{x}[0]", "{x}[:1]", "{x}[..., 0]", "{x}.t()", "{x}.view(-1)", "{x}.reshape(-1)", "{x}.unsqueeze(0)"),
    *("{x}.squeeze()", "{x}.squeeze(0)", "{x}.expand(2, *{x}.shape)", "{x}.select(0, 0)", "{x}.narrow(0, 0, 1)"),
    *("{x}.diagonal()", "{x}.unbind(0)[0]", "{x}.split(1)[0]", "{x}.chunk(2)[-1]", "{x}.transpose(0, -1)"),
    *("{x}.detach()", "{x}.data", "{x}.view_as({x})", "{x}.T", "{x}.movedim(0, -1)", "{x}[None]", "{x}[[0, 0]]"),
    *("{x}[...]", "{x}[:]", "{x}.flatten()", "{x}.contiguous()", "{x}.to(T.float32)", "{x}.double()"),
    *("{x}.expand_as({y})", "{x}.swapaxes(0, 1)", "{x}.ravel()", "{x}[1:]", "{x}[::2]", "{x}.tensor_split(2)[0]"),
)
RESULTS = (
    *("{x} + {y}", "{x} * {y}", "{x} - {y}", "{x} / 2", "2 * {x}", "{x} ** 2", "{x}.sin()", "{x}.relu()"),
    *("{x}.sum()", "{x}.mean()", "{x}.sum(0)", "{x}.clone()", "{x}.abs()", "{x}.tanh()", "T.cat([{x}, {y}])"),
    *("T.stack([{x}, {y}])", "T.where({x} > 0, {x}, {y})", "{x}.max()", "{x}.sort()[0]", "{x}.cumsum(0)", "{x}.prod()"),
    *("-{x}", "{x}.softmax(-1)", "{x}.sigmoid()", "T.ones_like({x})", "{x}.masked_fill({x} > 0, 1.)", "{x}.flip(0)"),
    *("T.maximum({x}, {y})", "{x}.logsumexp(0)", "{x}.repeat(2)", "{x}.roll(1)", "{x}.dot({y})", "{x}.square()"),
    *("{x}.detach() * {y}", "{x} > {y}", "{x} + 1", "T.lerp({x}, {y}, 0.5)", "T.addcmul({x}, {x}, {y})"),
)
WRITES = (
    *("{x}.add_({y})", "{x}.mul_({y})", "{x}.mul_(2)", "{x}.zero_()", "{x}.fill_(3.)", "{x}.copy_({y})", "{x}.sin_()"),
    *(
        "{x}.cos_()",
        "{x}.relu_()",
        "{x}.clamp_(min=0.)",
        "{x}[0] = {y}",
        "{x}[:1] = {y}",
        "{x}[0] = 2.",
        "{x}[...] = 1.",
    ),
    *("{x}[{x} > 0] = 1.", "{x}.masked_fill_({x} > 0, 2.)", "{x}.requires_grad_()", "{x}.requires_grad_(False)"),
    *("{x}.detach_()", "{x} += {y}", "{x} *= 2", "{x} -= 1", "{x}.data.mul_(2)", "{x}.detach().add_(1)"),
    *("{x}.grad.zero_()", "{x}.grad = None", "{x}.grad = T.ones_like({x})", "{x}.retain_grad()", "{x}.div_(2)"),
    *("{x}.pow_(2)", "{x}.tanh_()", "{x}.neg_()", "{x}.cumsum_(0)", "{x}.abs_()", "{x}.sigmoid_()", "{x}.sqrt_()"),
    *("{x}.split(1)[0].add_(1)", "{x}.diagonal().add_(1)", "{x}.view(-1).mul_(3)", "{x}[0].mul_({y})"),
)
BACKWARD = (
    *("{x}.sum().backward({how})", "{x}.backward({how})", "{x}.backward(T.ones_like({x}), {how})"),
    *("{x}.sum().backward(inputs=[{y}], {how})", "T.autograd.backward([{x}.sum(), {y}.sum()], {how})"),
    *("{new} = T.autograd.grad({x}.sum(), {y}, {how})[0]", "T.autograd.backward({x}, {y}.clone())"),
    *("{new} = T.autograd.grad({x}.sum(), {y}, allow_unused=True, {how})[0]",),
)
HOW = ("", "", "retain_graph=True", "create_graph=True", "retain_graph=False, create_graph=True")
HOOKS = (
    *("{x}.register_hook(lambda g: g * 2)", "{x}.register_hook(lambda g: log.append(g.tolist()))"),
    *("{x}.register_post_accumulate_grad_hook(lambda p: log.append(p.grad.tolist()))",),
    *("{x}.grad_fn.register_hook(lambda gi, go: log.append(len(gi)))", "{x}.register_hook(lambda g: g + 1)"),
)
KINDS = ((VIEWS, 5), (RESULTS, 5), (WRITES, 6), (BACKWARD, 3), (HOOKS, 1))


class Program:
    """Lines of a random program, which name their tensors t1, t2, …"""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.names: list[str] = []
        self.lines = [self.leaf() for _ in range(self.random.randint(1, 3))]
        for _ in range(self.random.randint(4, 14)):
            self.lines.append(self.line())

    def new(self) -> str:
        """A name that is bound by the line that is made now."""
        self.names.append(f"t{len(self.names) + 1}")
        return self.names[-1]

    def leaf(self) -> str:
        """A line that makes a leaf."""
        shape = self.random.choice(SHAPES)
        dtype = self.random.choice(["float32"] * 3 + ["float64"])
        values = [((self.random.randint(1, 5) * 7 + at * 5) % 11 - 4) * 0.5 for at in range(math.prod(shape))]
        tracked = self.random.random() < 0.7
        return f"{self.new()} = T.tensor({values}, dtype=T.{dtype}).reshape({shape}).requires_grad_({tracked})"

    def line(self) -> str:
        """A line about tensors there are."""
        tables, weights = zip(*KINDS, strict=True)
        table = self.random.choices(tables, weights)[0]
        recent = self.names[-5:]
        known = {"x": self.random.choice(recent), "y": self.random.choice(recent), "how": self.random.choice(HOW)}
        made = self.random.choice(table)
        if table in (VIEWS, RESULTS):
            made = "{new} = " + made
        text = made.format(new=self.new() if "{new}" in made else "", **known)
        return f"with T.no_grad(): {text}" if self.random.random() < 0.12 else text


def outcome(line: str, names: dict[str, Any]) -> tuple[str, str] | None:
    """What a line raised: type and first line of the text."""
    try:
        exec(line, names)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is compared
        text = re.sub(r"0x[0-9a-f]+", "0x", str(error).splitlines()[0] if str(error) else "")
        return type(error).__name__, text
    return None


def chain(node: Any, depth: int = 4) -> Any:
    """The names of a node and of those behind it."""
    if node is None or not depth:
        return None
    return node.name(), [(chain(behind, depth - 1), number) for behind, number in node.next_functions]


ASPECTS = {
    "shape": lambda x: tuple(x.shape),
    "dtype": lambda x: str(x.dtype),
    "requires_grad": lambda x: x.requires_grad,
    "is_leaf": lambda x: x.is_leaf,
    "grad_fn": lambda x: chain(x.grad_fn),
    "retains_grad": lambda x: x.retains_grad,
    "version": lambda x: x._version,
    "values": lambda x: x.detach().tolist(),
    "grad": lambda x: None if x.grad is None else (x.grad.tolist(), x.grad.requires_grad, str(x.grad.dtype)),
}


def aspects(tensor: Any, made_by_grad: bool) -> dict[str, Any]:
    """What is to be said of a tensor; a text where it may not be asked."""
    found: dict[str, Any] = {}
    for name, ask in ASPECTS.items():
        if name == "version" and made_by_grad:
            continue  # how often PyTorch wrote to a gradient while it was made
        try:
            found[name] = ask(tensor)
        except RuntimeError as error:
            found[name] = str(error)
    return found


def alike(one: Any, other: Any) -> bool:
    """Equal, numbers to single precision."""
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(alike(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (one != one and other != other) or abs(one - other) <= 1e-4 * max(1, abs(one))
    return bool(one == other)


def first_difference(program: Program) -> str | None:
    """The first line after which the two are not alike, and in what."""
    ours: dict[str, Any] = {"T": engine, "log": []}
    theirs: dict[str, Any] = {"T": oracle, "log": []}
    for at, line in enumerate(program.lines):
        wanted, got = outcome(line, theirs), outcome(line, ours)
        where = "\n".join(program.lines[: at + 1])
        if wanted != got:
            return f"{where}\nwanted {wanted}\ngot    {got}"
        for name in program.names:
            if name not in theirs or theirs[name] is None:
                continue
            by_grad = any(f"{name} = T.autograd.grad" in each for each in program.lines)
            a, b = (aspects(each[name], by_grad) for each in (theirs, ours))
            wrong = [key for key in a if not alike(a[key], b[key])]
            if wrong:
                return (
                    f"{where}\n{name}: {wrong}\nwanted {[a[key] for key in wrong]}\ngot    {[b[key] for key in wrong]}"
                )
        if not alike(theirs["log"], ours["log"]):
            return f"{where}\nhooks\nwanted {theirs['log']}\ngot    {ours['log']}"
    return None


@pytest.mark.parametrize("start", PROGRAMS[::100])
def test_programs_do_on_the_engine_what_they_do_on_pytorch(start: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {seed: first_difference(Program(seed)) for seed in range(start, start + 100)}
    assert [f"seed {seed}:\n{each}" for seed, each in found.items() if each] == []

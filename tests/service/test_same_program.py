"""One random program through the engine in process and through the server: every number is the same, bit for bit.

The engine is a library of its own, and here the oracle: what differs was lost on the way through names, JSON and steps.
"""

import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import engine as torch

from .conftest import flatten, open_session, step

UNARY = ("exp", "tanh", "sigmoid", "neg", "relu", "sin", "square", "abs", "softplus")
BINARY = ("add", "mul", "sub", "maximum", "div")
SHAPED = {"t": (), "sum": (), "mean": (), "unsqueeze": (0,), "cumsum": (0,), "softmax": (0,), "flip": ([0],)}
INPLACE = ("mul_", "add_", "sub_")
SHAPES = ([], [1], [3], [2, 3], [3, 1])
PATHS = {"softplus": "nn.functional.softplus", "softmax": "nn.functional.softmax"}


numbers = st.floats(-3, 3, width=32).map(lambda number: number + 0.0)
places = st.integers(0, 99)
dtypes = st.sampled_from(["float32", "float64"])


@st.composite
def leaves(draw):
    shape = draw(st.sampled_from(SHAPES))
    count = 1
    for size in shape:
        count *= size
    return shape, draw(st.lists(numbers, min_size=count, max_size=count)), draw(dtypes), draw(st.booleans())


calls = st.one_of(
    st.tuples(st.just("unary"), st.sampled_from(UNARY), places),
    st.tuples(st.just("binary"), st.sampled_from(BINARY), places, places),
    st.tuples(st.just("number"), st.sampled_from(BINARY[:3]), places, numbers),
    st.tuples(st.just("shaped"), st.sampled_from(sorted(SHAPED)), places),
    st.tuples(st.just("inplace"), st.sampled_from(INPLACE), places, numbers),
    st.tuples(st.just("backward"), st.booleans(), places),
    st.tuples(st.just("grad"), places, places),
)
programs = st.tuples(st.lists(leaves(), min_size=1, max_size=3), st.lists(calls, min_size=1, max_size=12))


class Program:
    """A program as steps, and what the engine makes of them. A call that the engine refuses is left out of both."""

    def __init__(self, made: list, calls: list):
        self.steps: list[dict] = []
        self.tensors: dict[str, torch.Tensor] = {}
        for shape, data, dtype, requires_grad in made:
            fields = {"data": data, "shape": shape, "dtype": dtype, "requires_grad": requires_grad}
            tensor = torch.tensor(data, dtype=getattr(torch, dtype)).reshape(shape)
            self.bind(step("tensor", **fields), tensor.requires_grad_(requires_grad))
        for kind, *rest in calls:
            try:
                getattr(self, kind)(*rest)
            except (RuntimeError, IndexError):
                continue

    def bind(self, made: dict, tensor):
        name = f"v{len(self.tensors)}"
        self.tensors[name] = tensor
        self.steps.append({**made, "out": name})

    def name(self, place: int) -> str:
        return list(self.tensors)[place % len(self.tensors)]

    def function(self, op: str):
        found = torch
        for part in PATHS.get(op, op).split("."):
            found = getattr(found, part)
        return found

    def unary(self, op: str, place: int):
        name = self.name(place)
        self.bind(step(PATHS.get(op, op), name), self.function(op)(self.tensors[name]))

    def binary(self, op: str, place: int, other: int):
        first, second = self.name(place), self.name(other)
        self.bind(step(op, first, second), self.function(op)(self.tensors[first], self.tensors[second]))

    def number(self, op: str, place: int, number: float):
        name = self.name(place)
        # A number in the first place is what only the wire takes: it stands for a tensor without dimensions.
        self.bind(step(op, number, name), self.function(op)(torch.tensor(number), self.tensors[name]))

    def shaped(self, op: str, place: int):
        name = self.name(place)
        self.bind(step(PATHS.get(op, op), name, *SHAPED[op]), self.function(op)(self.tensors[name], *SHAPED[op]))

    def inplace(self, op: str, place: int, number: float):
        name = self.name(place)
        getattr(self.tensors[name], op)(number)
        self.steps.append(step(op, name, number))

    def backward(self, create_graph: bool, place: int):
        """On a clone, which is checked before anything accumulates: the engine alone takes nothing back."""
        name = self.name(place)
        root = self.tensors[name]
        leaves = [each for each in self.tensors.values() if each.requires_grad and each.is_leaf]
        ones = torch.ones_like(root)
        torch.autograd.grad(root, leaves, ones, retain_graph=True, allow_unused=True)
        root.backward(ones, retain_graph=True, create_graph=create_graph)
        fields = {"grad_tensors": "seed", "retain_graph": True, "create_graph": create_graph}
        self.steps += [step("ones_like", name, out="seed"), step("backward", tensors=name, **fields)]

    def grad(self, place: int, other: int):
        output, input = self.name(place), self.name(other)
        ones = torch.ones_like(self.tensors[output])
        (made,) = torch.autograd.grad(self.tensors[output], self.tensors[input], ones, retain_graph=True)
        self.steps.append(step("ones_like", output, out="seed"))
        fields = {"outputs": output, "inputs": input, "grad_outputs": "seed", "retain_graph": True}
        self.bind(step("autograd.grad", **fields), made)


def bits(data, dtype: str) -> list[bytes]:
    """Each number as its bytes: -0 is not 0. JSON has one NaN only."""
    form = "<f" if dtype == "float32" else "<d"
    found = [float(each) for each in flatten(data)]
    return [b"NaN" if each != each else struct.pack(form, each) for each in found]


def described(tensor) -> tuple | None:
    """A tensor of the engine as the wire tells of it."""
    if tensor is None:
        return None
    node = tensor.grad_fn
    name = None if node is None else node.name().rpartition("::")[2]
    dtype = str(tensor.dtype).removeprefix("torch.")
    return list(tensor.shape), dtype, tensor.requires_grad, name, bits(tensor.detach().tolist(), dtype)


def received(answer: dict | None) -> tuple | None:
    """The same of a tensor object."""
    if answer is None:
        return None
    known = (answer[key] for key in ("shape", "dtype", "requires_grad", "grad_fn"))
    return *known, bits(answer["data"], answer["dtype"])


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(program=programs)
def test_the_same_program_gives_the_same_bits(client, program):
    run = Program(*program)
    with open_session(client) as session:
        answer = session.run(*run.steps, **{"return": list(run.tensors)})["tensors"]
    for name, tensor in run.tensors.items():
        assert received(answer[name]) == described(tensor), (name, run.steps)
        assert received(answer[name]["grad"]) == described(tensor.grad), (f"{name}.grad", run.steps)


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(program=programs)
def test_a_run_and_one_call_for_each_step_are_the_same(client, program):
    steps = Program(*program).steps
    with open_session(client, seed=1) as together, open_session(client, seed=1) as apart:
        together.run(*steps)
        for each in steps:
            apart.call("POST", f"ops/{each['op']}", {key: value for key, value in each.items() if key != "op"})
        assert [together.get(name) for name in together.names()] == [apart.get(name) for name in apart.names()]

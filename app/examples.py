"""Examples of the ops that run as they are: literals for tensors, small and of the shape that the op is about.

An op may declare its own (`example=`); else it is in the table of bodies, or made from its parameters. They run in a
session that has what the README's first calls make: `x`, ones of size 2 by 2 that require grad, and `y = x + 2`. A step
that changes its input has to name it: `x` where that will do, else `scratch`, which steps before it make.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.example_bodies import (
    BEFORE,
    BODIES,
    IMAGE,
    MATRIX,
    SIGNAL,
    STACK,
    SYMMETRIC,
    TUTORIAL,
    UNIT,
    VOLUME,
    Body,
    Json,
)
from app.session.parameters import Parameter, parameters_of
from app.session.special import SPECIALS
from engine.kinds import REQUIRED, Kind
from engine.op import registry


@dataclass(frozen=True, slots=True)
class Example:
    """A body for `POST …/ops/{op}`, and steps to be run before it where it names more than `x` and `y`."""

    body: Mapping[str, Json]
    before: tuple[Mapping[str, Json], ...] = ()


# What a required parameter is given where nothing better is known: by its name, else by its kind.
BY_NAME: dict[str, Json] = {
    "A": SYMMETRIC,
    "B": MATRIX,
    "L": [[1.0, 0.0], [0.5, 1.0]],
    "condition": [[True, False], [False, True]],
    "dim": 0,
    "dim0": 0,
    "dims": [1, 0],
    "dtype": "float64",
    "end": 5,
    "fill_value": 7,
    "index": [[0, 1], [1, 0]],
    "mask": [[True, False], [False, True]],
    "n": 3,
    "num_groups": 2,
    "pad": [1, 1],
    "reduce": "sum",
    "start": 0,
    "steps": 5,
    "stride": [2, 1],
    "vec": [1.0, -1.0],
    "vec1": [1.0, 2.0],
    "vec2": [3.0, 4.0],
    "x": [0.25, 0.5, 0.75],
}
BY_TYPE: dict[tuple[str, Kind], Json] = {
    ("end", Kind.TENSOR): STACK[1],
    ("kernel_size", Kind.DIMS): 2,
    ("normalized_shape", Kind.SIZE): [2],
    ("output_size", Kind.DIMS): 2,
}
BY_KIND: dict[Any, Json] = {
    Kind.TENSOR: MATRIX,
    Kind.OPERAND: 2,
    Kind.TENSORS: STACK,
    Kind.NUMBER: 2,
    Kind.INT: 1,
    Kind.FLOAT: 0.5,
    Kind.BOOL: True,
    Kind.DIMS: 1,
    Kind.SIZE: [2, 2],
}
INPUTS: dict[str, Json] = dict.fromkeys(
    ("asin", "acos", "atanh", "arcsin", "arccos", "arctanh", "logit", "erfinv", "ndtri", "bernoulli"), UNIT
)
BY_DIMENSIONS = {"1d": SIGNAL, "2d": IMAGE, "3d": VOLUME}
SCRATCH: Body = {"data": 2.5, "requires_grad": True}
OPTIMIZER: Body = {"op": "optim.SGD", "name": "opt", "params": ["x"], "lr": 0.1}
# In-place steps of another shape than that of `x`, or that leave it another.
NOT_WITH_X = frozenset({"addmv_", "baddbmm_", "unsqueeze_"})


@functools.cache
def example_of(name: str) -> Example:
    """The example of a step of the catalogue."""
    special = SPECIALS.get(name)
    parameters = special.parameters if special else parameters_of(registry[name].ops[0])
    of_twin = _found(name[:-1]) if name.endswith("_") else None
    body = TUTORIAL.get(name) or _found(name) or of_twin or _made(name, parameters)
    lists = {each.name for each in parameters if each.kind is Kind.TENSORS}
    body = {key: [portable(each) for each in value] if key in lists else portable(value) for key, value in body.items()}
    if body.get("optimizer") == "opt":
        return Example(body, (OPTIMIZER,))
    if any(value in ("scratch", ["scratch"]) for value in body.values()):
        return Example(body, (*BEFORE.get(name, ()), _scratch(SCRATCH)))
    first = parameters[0].name
    if not name.endswith("_") or type(body.get(first)) is str or first not in body:
        return Example(body)
    literal = body[first] if type(body[first]) is dict else {"data": body[first]}
    if name in NOT_WITH_X or not _is_like_x(literal):
        return Example({**body, first: "scratch"}, (_scratch(literal),))
    return Example({**body, first: "x", "no_grad": True})


def _scratch(literal: Body) -> Body:
    return {"op": "tensor", **literal, "out": "scratch"}


def _is_like_x(literal: Body) -> bool:
    """Whether `x` will do: a single number goes with any tensor, and others have to be floating-point."""
    data = literal["data"]
    return literal.get("dtype", "float32") == "float32" and (
        type(data) is not list or float in map(type, _numbers(data))
    )


def portable(value: Json) -> Json:
    """The same where whole numbers lose their point, as in JavaScript and so in Swagger UI: floats by their dtype."""
    literal = type(value) is dict and "data" in value
    numbers = _numbers(value["data"] if literal else value) if literal or type(value) is list else []
    if float not in map(type, numbers) or any(each != int(each) for each in numbers):
        return value
    return {"dtype": "float32", **(value if literal else {"data": value})}


def _numbers(value: Json) -> list[Any]:
    if type(value) is list:
        return [number for each in value for number in _numbers(each)]
    return [value] if isinstance(value, (int, float)) else []


def _found(name: str) -> Body | None:
    function = registry.get(name)
    declared = next((op.example for op in function.ops if op.example is not None), None) if function else None
    return declared or BODIES.get(name) or BODIES.get(name.rpartition(".")[2])


def _made(name: str, parameters: tuple[Parameter, ...]) -> Body:
    return {each.name: _value(name, each) for each in parameters if each.default is REQUIRED}


def _value(name: str, parameter: Parameter) -> Json:
    kind = parameter.kind
    if parameter.name == "input" and kind in (Kind.TENSOR, Kind.OPERAND):
        last = name.rpartition(".")[2].removesuffix("_")
        dimensions = re.search(r"pool(\dd)|dropout(\dd)", last)
        return BY_DIMENSIONS[dimensions[0][-2:]] if dimensions else INPUTS.get(last, MATRIX)
    if isinstance(kind, Kind) and (parameter.name, kind) in BY_TYPE:
        return BY_TYPE[parameter.name, kind]
    return BY_NAME.get(parameter.name, BY_KIND.get(kind))

"""From the body of `PUT /v1/functions/{f}` to a function: everything that can be checked is checked here, once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from app.functions.checking import Checker, called_by
from app.functions.custom import Backward, function_class
from app.functions.definition import MAX_DEPTH, Definition, Program, hash_of
from app.functions.patterns import Input, inputs_of
from app.functions.sourcing import inputs_of_source, source_of
from app.functions.stepping import Steps
from app.limits import Limits
from app.problems import Problem
from app.session.bodies import body_of, wrong
from app.session.names import SHOWN, checked_name

FIELDS = ("source", "inputs", "steps", "outputs", "backward")
BACKWARD_FIELDS = ("inputs", "steps", "outputs", "saved")

Find = Callable[[str], Definition | None]


def definition_of(name: str, body: Any, find: Find, limits: Limits) -> Definition:
    """The function that a body describes; `find` gives the saved function of a name.

    Raises Problem: `unknown_function` for one that it calls and nobody saved, `bad_argument` for one that would call
    itself, and what is wrong with its steps.
    """
    checked_name(name)
    body = body_of(body, FIELDS)
    document = {field: value for field, value in body.items() if value is not None}
    if "source" in document:
        program, inputs, outputs, checker, calls = _of_source(name, document, find)
    else:
        program, inputs, outputs, checker, calls = _of_steps(name, document, find, limits)
    made = None
    if "backward" in document:
        backward = _backward(name, document["backward"], inputs, outputs, checker, calls, limits)
        made = function_class(name, program, backward, calls)
    hashed, size = hash_of(document, calls)
    depth = 1 + max((each.depth for each in calls.values()), default=0)
    plain = made is None and program.may_compile and all(each.may_compile for each in calls.values())
    return Definition(name, document, hashed, inputs, outputs, program, made, calls, size, depth, plain)


Parts = tuple[Program, tuple[Input, ...], tuple[str, ...] | None, Checker, dict[str, Definition]]


def _of_source(name: str, document: Mapping[str, Any], find: Find) -> Parts:
    for field in ("steps", "outputs"):
        if field in document:
            raise wrong(field, "do not go with source")
    program = source_of(name, document["source"])
    calls = callees(name, program.uses | _called_in_backward(document), find)
    declared = inputs_of(document["inputs"]) if "inputs" in document else None
    inputs = inputs_of_source(program, declared)
    return program, inputs, None, Checker([each.name for each in inputs], calls), calls


def _of_steps(name: str, document: Mapping[str, Any], find: Find, limits: Limits) -> Parts:
    if not document:
        raise Problem("bad_argument", "a function has a source, or inputs, steps and outputs")
    body_of(document, FIELDS, ("inputs", "steps", "outputs"))
    calls = callees(name, called_by(document["steps"]) | _called_in_backward(document), find)
    inputs = inputs_of(document["inputs"])
    checker = Checker([each.name for each in inputs], calls)
    steps = checker.steps(document["steps"], "steps", limits.run_steps)
    wanted = document["outputs"]
    if type(wanted) is not list or not wanted:
        raise wrong("outputs", "must be a list of one name or more")
    outputs = tuple(checker.named(each, f"outputs[{at}]") for at, each in enumerate(wanted))
    return Steps(name, tuple(each.name for each in inputs), steps, outputs), inputs, outputs, checker, calls


def _called_in_backward(document: Mapping[str, Any]) -> set[str]:
    backward = document.get("backward")
    return called_by(backward.get("steps")) if type(backward) is dict else set()


def callees(name: str, called: Iterable[str], find: Find) -> dict[str, Definition]:
    """The functions that are called, as they are now.

    Raises Problem if one is not there, calls `name`, or has too many others inside.
    """
    calls: dict[str, Definition] = {}
    for each in sorted(called):
        if each == name:
            raise Problem("bad_argument", f"the function '{name}' would call itself")
        found = find(each)
        if found is None:
            raise Problem("unknown_function", f"there is no function '{each[:SHOWN]}' to call", status=422)
        if any(other.name == name for other in found.closure()):
            raise Problem("bad_argument", f"the function '{name}' would call itself: '{each}' calls it")
        if found.depth >= MAX_DEPTH:
            raise Problem("too_large", f"functions call one another more than {MAX_DEPTH} deep")
        calls[each] = found
    return calls


def _backward(
    name: str,
    value: Any,
    inputs: tuple[Input, ...],
    outputs: tuple[str, ...] | None,
    forward: Checker,
    calls: Mapping[str, Definition],
    limits: Limits,
) -> Backward:
    """The custom gradient. Raises Problem; torch's text for a number of gradients that is not the number of inputs."""
    body = body_of(value, BACKWARD_FIELDS, ("inputs", "steps", "outputs"), what="backward")
    given = _names(body["inputs"], "backward.inputs")
    if outputs is not None and len(given) != len(outputs):
        raise wrong("backward.inputs", f"has {len(given)} names for the gradients of {len(outputs)} outputs")
    saved = [
        forward.named(each, f"backward.saved[{at}]")
        for at, each in enumerate(_names(body.get("saved", []), "backward.saved"))
    ]
    if len({*given, *saved}) < len(given) + len(saved):
        raise wrong("backward.saved", "and backward.inputs have a name twice")
    checker = Checker([*given, *saved], calls)
    steps = checker.steps(body["steps"], "backward.steps", limits.run_steps)
    wanted = body["outputs"]
    if type(wanted) is not list:
        raise wrong("backward.outputs", "must be a list with a name or null for each input")
    if len(wanted) != len(inputs):
        raise wrong(
            "backward.outputs",
            f"are wrong: function {name}Backward returned an incorrect number of gradients "
            f"(expected {len(inputs)}, got {len(wanted)})",
        )
    made = tuple(
        None if each is None else checker.named(each, f"backward.outputs[{at}]") for at, each in enumerate(wanted)
    )
    return Backward(tuple(given), steps, made, tuple(saved))


def _names(value: Any, field: str) -> list[str]:
    if type(value) is not list:
        raise wrong(field, "must be a list of names")
    return [checked_name(each) for each in value]

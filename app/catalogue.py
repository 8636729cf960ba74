"""The catalogue: what `GET /v1/ops` tells of the ops, read from their declarations."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from app import codec
from app.differentiability import OF_STEPS, differentiable
from app.examples import example_of
from app.families import family_of, family_of_step
from app.session.parameters import Parameter, parameters_of
from app.session.special import SPECIALS, Special
from app.session.unknown import unknown_op
from engine.kinds import REQUIRED
from engine.op import Function, Op, registry

DRAWS = ("bernoulli", "normal")  # of what they are given; in place it is filled with what is drawn


@functools.cache
def list_ops() -> list[dict[str, Any]]:
    """Every step there is, by name, as `describe` has it."""
    return [describe(name) for name in sorted({*_ops(), *SPECIALS})]


@functools.cache
def list_of_ops() -> bytes:
    """The same as JSON, made once."""
    return codec.dumps({"ops": list_ops()})


@functools.cache
def describe(name: str) -> dict[str, Any]:
    """One step: its signatures, outputs, differentiable inputs, aliases and in-place variant.

    Raises Problem `unknown_op`.
    """
    if name in SPECIALS:
        return _special(SPECIALS[name])
    if name not in _ops():
        raise unknown_op(name)
    function = registry[name]
    first = function.ops[0]
    return {
        "name": name,
        "family": family_of(name, first),
        "doc": first.doc,
        "aliases": [other for other in _names()[id(function.ops)] if other != name],
        "inplace": _inplace(name),
        "signatures": [_signature(op) for op in function.ops],
        "example": {"op": name, **example_of(name).body},
    }


def _inplace(name: str) -> str | None:
    """The step that does in place what an op does."""
    changing = f"{name}_"
    return changing if name not in DRAWS and (changing in registry or changing in SPECIALS) else None


@functools.cache
def _ops() -> dict[str, Function]:
    return {name: function for name, function in registry.items() if not name.startswith("__")}


@functools.cache
def _names() -> dict[int, list[str]]:
    """The names of each function, by the id of its overloads, which its aliases share."""
    found: dict[int, list[str]] = {}
    for name, function in sorted(_ops().items()):
        found.setdefault(id(function.ops), []).append(name)
    return found


def _signature(op: Op) -> dict[str, Any]:
    return {
        "doc": op.doc,
        "params": _params(parameters_of(op)),
        "outputs": list(op.outputs),
        "returns_list": op.returns_list,
        "differentiable": differentiable(op),
        "view": op.view,
    }


def _special(special: Special) -> dict[str, Any]:
    signature = {
        "doc": special.doc,
        "params": _params(special.parameters),
        "outputs": list(special.outputs),
        "returns_list": special.several,
        "differentiable": OF_STEPS.get(special.name, []),
        "view": False,
    }
    return {
        "name": special.name,
        "family": family_of_step(special.name),
        "doc": special.doc,
        "aliases": [],
        "inplace": None,
        "signatures": [signature],
        "example": {"op": special.name, **example_of(special.name).body},
    }


def _params(parameters: Iterable[Parameter]) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "type": each.kind.value.strip(),
            "required": each.default is REQUIRED,
            "default": None if each.default is REQUIRED else codec.plain(each.default),
            "optional": each.optional,
            "keyword_only": each.keyword_only,
        }
        for each in parameters
    ]

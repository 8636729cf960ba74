"""Plans: a step that is run again has its op and its constant arguments at hand, and looks up only its tensors.

Clients repeat themselves: a training loop sends one `run` a thousand times, and a saved function has the same steps in
every call. What a plan finds changed since goes the ordinary way, which takes another overload or says what is wrong.
Its worth stands in docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.session.names import Names
from app.session.quick import Varying, constant_form
from engine.op import Op, registry


class Plan:
    """A step of an op."""

    __slots__ = ("_named", "_values", "op")

    def __init__(self, op: Op, values: list[Any], named: list[tuple[int, str]]) -> None:
        self.op = op
        self._values = values
        self._named = named

    def arguments(self, names: Names) -> list[Any] | None:
        """The arguments in the order of the op's parameters; None if a name stands for no tensor any more."""
        values = self._values.copy()
        for place, name in self._named:
            tensor = names.get(name)
            if tensor is None:
                return None
            values[place] = tensor
        return values

    def addressed(self, values: list[Any]) -> dict[int, str]:
        """By what name each of the tensors among the arguments goes, by its id."""
        found: dict[int, str] = {}
        for place, name in self._named:
            found.setdefault(id(values[place]), name)
        return found


def plan_of(name: str, args: list[Any], fields: Mapping[str, Any]) -> Plan | None:
    """The plan of a step that has succeeded once, or None if its arguments have to be looked at each time."""
    function = registry.get(name)
    try:
        for op in () if function is None or name.startswith("__") else function.ops:
            found = constant_form(op, args, fields)
            if found is not None:
                return Plan(op, *found)
    except Varying:
        pass
    return None

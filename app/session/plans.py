"""Plans: a step that is run again has its op and its constant arguments at hand, and looks up only its tensors.

Clients repeat themselves: a training loop sends one `run` a thousand times, and a saved function has the same steps in
every call. What a plan finds changed since goes the ordinary way, which takes another overload or says what is wrong.
Its worth stands in docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from app.session.declaring import SPECIALS
from app.session.names import Names
from app.session.quick import Constants, Varying, constants_of, constants_of_special
from engine.op import Op, registry


class Plan:
    """A step: what to `run` on its arguments, after a scope if `in_scope`, and whether that gives `several` results."""

    __slots__ = ("_lists", "_named", "_values", "in_scope", "run", "several")

    def __init__(self, found: Constants, run: Callable[..., Any], several: bool, in_scope: bool = False) -> None:
        self._values, self._named, self._lists = found
        self.run = run
        self.several = several
        self.in_scope = in_scope

    def arguments(self, names: Names) -> list[Any] | None:
        """The arguments in the order of the parameters; None if a name stands for no tensor any more."""
        values = self._values.copy()
        if not names.fill(values, self._named):
            return None
        for place, listed in self._lists:
            tensors = values[place] = [names.get(name) for name in listed]
            if any(each is None for each in tensors):
                return None
        return values

    def addressed(self, values: list[Any]) -> dict[int, str]:
        """By what name each of the lone tensors among the arguments goes, by its id: one may be the result."""
        found: dict[int, str] = {}
        for place, name in self._named:
            found.setdefault(id(values[place]), name)
        return found


def plan_of(name: str, args: list[Any], fields: Mapping[str, Any]) -> Plan | None:
    """The plan of a step that has succeeded once, or None if its arguments have to be looked at each time."""
    special = SPECIALS.get(name)
    try:
        if special is not None:
            found = constants_of_special(name, special.parameters, args, fields)
            return None if found is None else Plan(found, special.run, special.several, True)
        function = registry.get(name)
        for op in () if function is None or name.startswith("__") else function.ops:
            found = constants_of(op, args, fields)
            if found is not None:
                return _plan_of_op(op, found)
    except Varying:
        pass
    return None


def _plan_of_op(op: Op, found: Constants) -> Plan:
    """With the engine's short way, if all but the operands are the defaults (`run_op` says what else it takes)."""
    count = op.operands
    further = zip(found.values[count:], op.defaults[count:], strict=True)
    if op.short is not None and all(value is default for value, default in further):
        return Plan(found._replace(values=found.values[:count]), op.short, op.multiple)

    def run(*values: Any) -> Any:
        return Op.door(op, list(values))

    return Plan(found, run, op.multiple)

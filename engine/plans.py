"""Plans: for an op and the inputs that need gradients, what a node saves and which formulas it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine import arrays
from engine.binding import bind
from engine.graph import node_type
from engine.inspection import saved_name
from engine.kinds import Kind
from engine.op import Op, formula_names

# Of a step on NumPy: the edge, the formula, the place or places of the values it takes, and whether it is the last.
QuickStep = tuple[int, Callable[..., Any], int | tuple[int, ...] | None, bool]


class Plan:
    """For an op and the inputs that need gradients: what to save and which formulas to run."""

    __slots__ = (
        "attributes",
        "bare",
        "entries",
        "needs",
        "node_type",
        "numpy_steps",
        "op",
        "origins",
        "quick",
        "readers",
        "reads",
        "saves_output_only",
        "simple",
        "sources",
        "tensors",
    )

    def __init__(self, op: Op, needs: tuple[bool, ...]) -> None:
        self.op = op
        self.needs = needs
        names = dict.fromkeys(
            name
            for at, need in zip(op.diff_at, needs, strict=True)
            if need
            for name in formula_names(op.formulas[op.params[at].name])
        )
        kept = [name for name in names if self._is_tensor(name)]
        # by torch's names, results last: the order in which its hooks see them
        self.tensors = tuple(sorted(kept, key=lambda name: (name in op.outputs, saved_name(name))))
        self.attributes = tuple(name for name in names if name not in self.tensors and name != "needs")
        order = {name: at for at, name in enumerate((*self.tensors, *self.attributes))}
        # where each saved tensor comes from: the position of a parameter, or -1 - output
        self.sources = tuple(
            -1 - op.outputs.index(name) if name in op.outputs else op.index[name] for name in self.tensors
        )
        # the edge each saved input hangs on, or None
        self.origins = tuple(op.diff_at.index(at) if at in op.diff_at else None for at in self.sources)
        wanted = [op.params[at].name if need else None for at, need in zip(op.diff_at, needs, strict=True)]
        self.entries = tuple(None if name is None else self._entry(op.formulas[name], order) for name in wanted)
        bare = {**op.formulas, **op.quick}
        self.bare = tuple(None if name is None else self._entry(bare[name], order) for name in wanted)
        lists = any(op.params[at].kind is Kind.TENSORS for at in op.diff_at)
        self.simple = not (lists or op.joint or op.multiple)
        self.node_type = node_type(op.node_name)
        self.saves_output_only = self.sources == (-1,)
        self.reads = tuple(self._read(name) for name in self.attributes)
        self.readers = tuple(reader_of(op, name) for name in self.attributes)
        # bound at the first backward, when all ops are declared
        self.numpy_steps: tuple[tuple[Callable[..., Any], Any] | None, ...] | None = None
        self.quick: tuple[QuickStep, ...] = ()

    def whole(self) -> Plan:
        """The plan of a call in which every input needs a gradient."""
        return plan_of(self.op, (True,) * len(self.needs))

    def _is_tensor(self, name: str) -> bool:
        op = self.op
        return name in op.outputs or (name in op.index and op.index[name] in op.tensor_at)

    def _read(self, name: str) -> tuple[int, bool, Any]:
        """How a call by positional operands alone finds an attribute.

        The operand whose shape it is (True) or size; or -1 and the parameter's default.
        """
        op = self.op
        at = op.index.get(name)
        if at is not None:
            return -1, False, op.params[at].default
        owner, _, what = name.rpartition("_")
        return op.index[owner], what == "shape", None

    def is_list(self, name: str) -> bool:
        """Whether a name tells of a list of tensors (which torch's nodes do not show)."""
        at = self.op.index.get(name.rpartition("_")[0])
        return at is not None and self.op.params[at].kind is Kind.TENSORS

    @staticmethod
    def _entry(formula: Callable[..., Any], order: dict[str, int]) -> tuple[Callable[..., Any], tuple[int, ...]]:
        return formula, tuple(order[name] for name in formula_names(formula) if name != "needs")

    def steps_for(self, backend: arrays.Backend) -> tuple[tuple[Callable[..., Any], Any] | None, ...]:
        """The entries with their formulas on the bare kernels of a backend; no positions where all values go in."""
        if backend is arrays.NUMPY and self.numpy_steps is not None:
            return self.numpy_steps
        everything = tuple(range(len(self.tensors) + len(self.attributes)))
        steps = tuple(
            entry and (bind(entry[0], backend.name, backend.xp), None if entry[1] == everything else entry[1])
            for entry in self.bare
        )
        if backend is arrays.NUMPY:
            self.numpy_steps = steps
        return steps

    def quick_steps(self) -> tuple[QuickStep, ...]:
        """The steps on NumPy that somebody needs: edge, formula, and the place (or places) of the values it takes."""
        steps = self.steps_for(arrays.NUMPY)
        wanted = [(at, step) for at, step in enumerate(steps) if step is not None]
        self.quick = tuple((at, step[0], _single(step[1]), at == wanted[-1][0]) for at, step in wanted)
        return self.quick


def reader_of(op: Op, name: str) -> tuple[int, str]:
    """Where a value that a formula asks for comes from: an argument's place, and what of it, "" for itself."""
    at = op.index.get(name)
    if at is not None:
        return at, ""
    owner, _, what = name.rpartition("_")
    return op.index[owner], what


def _single(places: tuple[int, ...] | None) -> int | tuple[int, ...] | None:
    return places[0] if places is not None and len(places) == 1 else places


def plan_of(op: Op, needs: tuple[bool, ...]) -> Plan:
    """The plan of an op for the inputs that need gradients, made once."""
    plan: Plan | None = op.plans.get(needs)
    if plan is None:
        plan = op.plans[needs] = Plan(op, needs)
    return plan

"""The backward of a recorded function: the formulas of its ops, as calls of the same program.

Gradients go the way of `engine.walk`: records from the last to the first, formulas on bare arrays, each gradient
brought into the form of its input and added to what has arrived there before. A formula that is made of kernels
becomes calls of these, any other is one call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine.binding import TRACE, bind
from engine.compiled.lowering import call, call_kernel, elementwise
from engine.compiled.program import Kind, Program
from engine.compiled.recorder import Record, Recorder
from engine.compiled.scattering import add_part, part_of
from engine.compiled.values import Symbol, Untraceable, Value, Variable, nested
from engine.gradients import conform
from engine.op import Op


class Backward:
    """One backward pass over a recording, from some outputs to some inputs."""

    def __init__(self, recorder: Recorder, wanted: Sequence[Variable]) -> None:
        self._recorder = recorder
        self._program = recorder.program
        self._wanted = wanted
        self._grads: dict[Variable, Value] = {}
        self._leads = set(wanted)  # the variables through which gradients reach what is wanted
        for record in recorder.records:
            if any(each in self._leads for each in _variables(record)):
                self._leads.update(record.outputs)

    def run(self, roots: Sequence[tuple[Variable, Value]]) -> list[Value | None]:
        """The gradients of what is wanted, None where nothing flows; `roots` are outputs with their gradients."""
        for variable, gradient in roots:
            if variable in self._leads:
                self._send(variable, gradient)
        for record in reversed(self._recorder.records):
            gradients = [self._grads.get(each) for each in record.outputs]
            if any(each is not None for each in gradients):
                for each in record.outputs:
                    if each not in self._wanted:
                        self._grads.pop(each, None)
                self._visit(record, gradients)
        return [self._grads.get(each) for each in self._wanted]

    def _send(self, variable: Variable, gradient: Value) -> None:
        """Add a gradient, in its variable's form, to what has arrived."""
        target = variable.value
        if gradient.shape != target.shape or gradient.dtype != target.dtype:
            gradient = self._conformed(gradient, target)
        before = self._grads.get(variable)
        if before is not None:
            gradient = self._sum(before, gradient)
        self._grads[variable] = gradient

    def _sum(self, before: Value, gradient: Value) -> Value:
        part = None if gradient.maker is None else part_of(gradient.maker.fn)
        if part is not None and before.uniform is None:
            (source,) = gradient.maker.args
            added: Value = self._program.emit(add_part(part), [before, source], kind=Kind.GROWN)
            return added
        made = elementwise(self._program, np.add, [before, gradient])
        return made or call(self._program, np.add, [before, gradient], False)

    def _conformed(self, gradient: Value, target: Value) -> Value:
        if gradient.shape == target.shape and gradient.dtype.kind != "c":
            return self._recorder.cast(gradient, target.dtype)
        made: Value = call(self._program, conform, [gradient, target.shape, target.dtype], False)
        return made

    def _visit(self, record: Record, gradients: list[Value | None]) -> None:
        plan, op = record.plan, record.plan.op
        g: Any = gradients if op.multiple else gradients[0]
        given = [*record.saved, *record.attributes]
        if op.joint is not None:
            self._joint(record, g, given)
            return
        for group, entry in zip(record.inputs, plan.bare, strict=True):
            wanted = [each is not None and each in self._leads for each in _group(group)]
            if entry is None or not any(wanted):
                continue
            formula, places = entry
            made = self._formula(formula, [g, *[given[at] for at in places]], isinstance(group, (list, tuple)))
            self._spread(group, made, wanted)

    def _joint(self, record: Record, g: Any, given: list[Any]) -> None:
        """A formula that gives the gradients of several inputs at once."""
        wanted = [each is not None and each in self._leads for each in _variables_or_none(record)]
        if not any(wanted):
            return
        formula, places = next(entry for entry in record.plan.bare if entry is not None)
        made = self._formula(formula, [g, wanted, *[given[at] for at in places]], True)
        for variable, gradient, want in zip(_variables_or_none(record), made, wanted, strict=True):
            if want and gradient is not None:
                self._send(variable, gradient)

    def _spread(self, group: Any, made: Any, wanted: list[bool]) -> None:
        several = made if isinstance(group, (list, tuple)) else [made]
        for variable, gradient, want in zip(_group(group), several, wanted, strict=True):
            if want and gradient is not None:
                self._send(variable, gradient)

    # -- formulas ---------------------------------------------------------------------------------------------------

    def _formula(self, formula: Callable[..., Any], args: list[Any], several: bool) -> Any:
        """The value (or list of values, None among them) of a formula."""
        mark = self._program.mark()
        try:
            result = bind(formula, TRACE, NoLibrary())(*[nested(each, self._shown) for each in args])
            return self._taken(result, several)
        except Exception:  # noqa: BLE001  # it does more than call kernels
            self._program.back(mark)
        plain = bind(formula, "numpy", np)
        return call(self._program, plain, [nested(each, _hidden) for each in args], several)

    def _shown(self, value: Any) -> Any:
        return Operand(value, self._program) if isinstance(value, Value) else value

    def _taken(self, result: Any, several: bool) -> Any:
        if several:
            return [self._taken(each, False) for each in result]
        if isinstance(result, Symbol):
            return result.value
        if result is None:
            return None
        if isinstance(result, (np.ndarray, np.generic)):
            return self._program.constant(np.asarray(result))
        raise Untraceable("a formula gives no array")


class Operand(Symbol):
    """A stand-in within a formula, which ops and Python's operators take as they take arrays."""

    __slots__ = ("_program",)

    def __init__(self, value: Value, program: Program) -> None:
        super().__init__(value)
        self._program = program

    def call_op(self, op: Op, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """What an op gives that stands in a formula: a stand-in, or several."""
        if op.composite:
            return bind(op.kernel, TRACE, NoLibrary())(*args, **kwargs)
        values = list(args)
        for param in op.params[len(values) :]:
            values.append(kwargs.get(param.name, param.default))
        made = call_kernel(self._program, op, [nested(each, _hidden) for each in values], op.run)
        return [self._as(each) for each in made] if op.multiple else self._as(made)

    def _as(self, value: Value | None) -> Operand | None:
        return None if value is None else Operand(value, self._program)

    def _of(self, ufunc: np.ufunc, *operands: Any) -> Any:
        made = elementwise(self._program, ufunc, [_hidden(each) for each in operands])
        if made is None:
            raise Untraceable("an operator on other than floats of one dtype")
        return self._as(made)

    def __mul__(self, other: Any) -> Any:
        return self._of(np.multiply, self, other)

    def __rmul__(self, other: Any) -> Any:
        return self._of(np.multiply, other, self)

    def __add__(self, other: Any) -> Any:
        return self._of(np.add, self, other)

    def __radd__(self, other: Any) -> Any:
        return self._of(np.add, other, self)

    def __sub__(self, other: Any) -> Any:
        return self._of(np.subtract, self, other)

    def __rsub__(self, other: Any) -> Any:
        return self._of(np.subtract, other, self)

    def __truediv__(self, other: Any) -> Any:
        return self._of(np.true_divide, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._of(np.true_divide, other, self)

    def __neg__(self) -> Any:
        return self._of(np.negative, self)


class NoLibrary:
    """In the place of the array library: a formula that calls it itself is one call."""

    def __getattr__(self, name: str) -> Any:
        raise Untraceable(f"a formula calls '{name}' itself")


def _hidden(value: Any) -> Any:
    return value.value if isinstance(value, Symbol) else value


def _group(group: Any) -> list[Any]:
    return list(group) if isinstance(group, (list, tuple)) else [group]


def _variables_or_none(record: Record) -> list[Any]:
    return [each for group in record.inputs for each in _group(group)]


def _variables(record: Record) -> list[Variable]:
    return [each for each in _variables_or_none(record) if each is not None]

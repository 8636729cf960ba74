"""The step `exec`: code as text, run over the session's names; and functions that code defined, as ops of steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from app import codec
from app.exec.budget import Run, running
from app.exec.cell import encodable, run_cell
from app.exec.expressions import call
from app.exec.functions import FunctionValue
from app.exec.texts import shown
from app.problems import Problem
from app.session.budget import Budget
from app.session.declaring import Value, special
from app.session.frames import Code
from app.session.literals import make_tensor
from app.session.parameters import Extra, Parameter
from app.session.scope import Scope
from engine import modes
from engine.devices import Device
from engine.dtypes import DType
from engine.tensor import Tensor


class Execution(dict[str, Any]):
    """What a step `exec` answers, as JSON has it; `value` is the last expression's own, `bound` the names bound."""

    __slots__ = ("bound", "value")

    value: Any
    bound: list[str]


@special(Parameter("code", Extra.TEXT), name="exec")
def execute(scope: Scope, code: str) -> Value:
    """Run PyTorch code as text over the session's names; `value` has what it printed and its last expression."""
    session = code_of(scope)
    session.variables.bound.clear()
    cell = run_cell(code, session.variables, session.allowance)
    made = Execution(stdout=cell.stdout, result=as_json(cell.value, cell.text), text=cell.text)
    made.value, made.bound = cell.value, list(session.variables.bound)
    return Value(made)


def code_of(scope: Scope) -> Code:
    """What runs code in the session of a step, which is not done in the event loop.

    Raises Problem in a saved function, which has none.
    """
    if scope.code is None:
        raise Problem("bad_argument", "exec runs in a session: a saved function has its own source instead")
    budget = modes.state.ctx.guard
    if isinstance(budget, Budget):
        budget.leave_loop()
    found: Code = scope.code
    return found


def as_json(value: Any, text: str | None, tensor: Callable[[Tensor], Any] | None = None) -> Any:
    """A value as JSON: numbers, texts, and lists and dicts of them as they are; anything else is the text it prints as.

    `tensor` gives the object of a tensor; without it, tensors are text too. Who made `text` has bounded the nesting.
    """
    try:
        return _as_json(value, tensor)
    except LookupError:
        return text


def _as_json(value: Any, tensor: Callable[[Tensor], Any] | None) -> Any:
    if value is None or isinstance(value, (bool, int, float, complex, DType, Device)):
        return codec.plain(value)
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, Tensor) and tensor is not None:
        return tensor(value)
    if isinstance(value, (list, tuple)):
        return [_as_json(each, tensor) for each in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {encodable(key): _as_json(each, tensor) for key, each in value.items()}
    raise LookupError


def defined(scope: Scope, name: str) -> FunctionValue | None:
    """The function that code has bound to a name, or None."""
    if scope.code is None or name not in scope.names.values:
        return None
    found = scope.names.values[name]
    return found if isinstance(found, FunctionValue) else None


def call_defined(scope: Scope, function: FunctionValue, args: list[Any], fields: Mapping[str, Any]) -> Any:
    """Call it with a step's arguments: texts are tensors' names, lists and literals are tensors."""
    session = code_of(scope)
    given = [_argument(scope, each) for each in args]
    named = {key: _argument(scope, each) for key, each in fields.items()}
    run = Run(session.variables, session.allowance)
    with running(run):
        result = call(run, function, given, named)
        if result is None or isinstance(result, Tensor):
            return result
        if isinstance(result, (tuple, list)) and result and all(isinstance(each, Tensor) for each in result):
            return list(result)
        return Value(as_json(result, shown(run, result)))


def _argument(scope: Scope, value: Any) -> Any:
    if value is None:
        return None
    number = codec.number(value)
    if number is not None:
        return number
    return scope.named(value) if type(value) is str else make_tensor(value)

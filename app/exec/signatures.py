"""How builtins take arguments: a Python function whose annotations say what each parameter accepts.

    @builtin("torch.autograd.grad")
    def grad(run: Run, outputs: Tensors, inputs: Tensors, retain_graph: MaybeBool = None): ...

So no value reaches the engine where it is not expected.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Annotated, Any

from app.exec.budget import CALLBACK, UNCODED, NoVariables, Run, current, log, running
from app.exec.functions import HOOK, FunctionValue
from app.exec.sequences import walk
from app.exec.values import NUMBERS, Builtin, Kind, checked_int, type_name, wrong_type
from engine import dtypes, errors
from engine.devices import Device
from engine.dtypes import DType
from engine.op import Function
from engine.tensor import Tensor

PYTHON_TYPES = (float, int, bool, complex)


class Accept:
    """What a parameter accepts; the function gives the value as the engine takes it, or raises LookupError."""

    __slots__ = ("check", "wanted")

    def __init__(self, wanted: str, check: Callable[[Run, Any], Any]) -> None:
        self.wanted = wanted
        self.check = check


def _refuse() -> Any:
    raise LookupError


def _of_types(*types: type) -> Callable[[Run, Any], Any]:
    return lambda run, value: value if isinstance(value, types) else _refuse()


def _none_or(check: Callable[[Run, Any], Any]) -> Callable[[Run, Any], Any]:
    return lambda run, value: None if value is None else check(run, value)


def as_callable(value: Any) -> Any:
    """A function as the engine calls it; what is none stays as it is."""
    return Callback(value) if isinstance(value, Builtin) else value


def _callable(run: Run, value: Any) -> Any:
    return as_callable(value) if isinstance(value, (FunctionValue, Builtin)) else _refuse()


def _nested(run: Run, value: Any) -> Any:
    """Tensors and plain values in nested lists, as transforms take and give them."""
    if isinstance(value, (list, tuple, dict)):
        walk(run, value)
    return value


def _dtype(run: Run, value: Any) -> Any:
    if isinstance(value, Kind) and value.types and value.types[0] in PYTHON_TYPES:
        return value.types[0]
    return value if isinstance(value, DType) else _refuse()


def dtype_of(value: Any) -> Any:
    """The dtype that a type of Python stands for, or the dtype itself."""
    return {float: dtypes.float64, int: dtypes.int64, bool: dtypes.bool_, complex: dtypes.complex128}.get(value, value)


def _integer(run: Run, value: Any) -> Any:
    if type(value) is bool:
        return int(value)
    return value if type(value) is int else _refuse()


T = Annotated[Any, Accept("Tensor", _of_types(Tensor))]
Nested = Annotated[Any, Accept("value", _nested)]
Bool = Annotated[Any, Accept("bool", _of_types(bool))]
MaybeBool = Annotated[Any, Accept("bool", _none_or(_of_types(bool)))]
Int = Annotated[Any, Accept("int", _integer)]
MaybeInt = Annotated[Any, Accept("int", _none_or(_integer))]
Dims = Annotated[Any, Accept("int or tuple", _none_or(lambda run, value: _nested(run, value)))]
Text = Annotated[Any, Accept("str", _of_types(str))]
MaybeText = Annotated[Any, Accept("str", _none_or(_of_types(str)))]
Dtype = Annotated[Any, Accept("torch.dtype", _dtype)]
MaybeDtype = Annotated[Any, Accept("torch.dtype", _none_or(_dtype))]
MaybeDevice = Annotated[Any, Accept("torch.device", _none_or(_of_types(str, Device)))]
Func = Annotated[Any, Accept("function", _callable)]
Number = Annotated[Any, Accept("number", lambda run, value: value if type(value) in NUMBERS else _refuse())]
MaybeFunc = Annotated[Any, Accept("function", _none_or(_callable))]
Any_ = Annotated[Any, Accept("value", lambda run, value: value)]


class Callback:
    """A builtin as the engine calls it: `torch.func.vmap(torch.dot)`."""

    __slots__ = ("__name__", "_builtin")

    def __init__(self, builtin: Builtin) -> None:
        self.__name__ = builtin.__name__
        self._builtin = builtin

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it in the run of this thread."""
        run = current()
        if run is None:  # a hook that a later backward meets
            with running(Run(NoVariables({}), HOOK)) as own:
                return self._builtin.call(own, list(args), kwargs)
        depth = run.depth
        run.enter(CALLBACK)
        try:
            return self._builtin.call(run, list(args), kwargs)
        finally:
            run.depth = depth

    def held(self) -> list[Any]:
        """What the builtin keeps alive."""
        return [self._builtin]


def declared(name: str) -> Callable[[Callable[..., Any]], Builtin]:
    """`builtin` as a decorator."""
    return lambda call: builtin(name, call)


def builtin(name: str, call: Callable[..., Any]) -> Builtin:
    """A Python function of a run and annotated parameters as a function of the language."""
    short = name.rpartition(".")[2]
    parameters = list(inspect.signature(call).parameters.values())[1:]
    hints = typing.get_type_hints(call, include_extras=True)
    accepts = {each.name: _accept(hints[each.name]) for each in parameters}
    positional = [each for each in parameters if each.kind is not each.KEYWORD_ONLY]
    rest = next((each for each in parameters if each.kind is each.VAR_POSITIONAL), None)
    required = [each.name for each in parameters if each.default is each.empty and each is not rest]
    if rest is not None:
        positional.remove(rest)

    def run_builtin(run: Run, args: list[Any], kwargs: dict[str, Any]) -> Any:
        given: dict[str, Any] = {}
        for parameter, value in zip(positional, args, strict=False):
            given[parameter.name] = value
        more = args[len(positional) :]
        if more and rest is None:
            raise wrong_type(f"{short}() takes {len(positional)} positional arguments but {len(args)} were given")
        for key, value in kwargs.items():
            if key not in accepts or (rest is not None and key == rest.name):
                raise wrong_type(f"{short}() got an unexpected keyword argument '{key}'")
            if key in given:
                raise wrong_type(f"{short}() got multiple values for argument '{key}'")
            given[key] = value
        for each in required:
            if each not in given:
                raise wrong_type(f"{short}() missing required argument: '{each}'")
        checked = {key: _checked(run, short, key, accepts[key], value) for key, value in given.items()}
        if rest is None:
            return call(run, **checked)
        front = [checked.pop(each.name) for each in positional if each.name in checked]
        others = [_checked(run, short, rest.name, accepts[rest.name], each) for each in more]
        return call(run, *front, *others, **checked)

    return Builtin(short, guarded(short, run_builtin))


def _accept(annotation: Any) -> Accept:
    found: Accept = annotation.__metadata__[0]
    return found


def _checked(run: Run, name: str, key: str, accept: Accept, value: Any) -> Any:
    try:
        return accept.check(run, value)
    except LookupError as error:
        if hasattr(error, "code"):
            raise
        raise wrong_type(f"{name}(): argument '{key}' must be {accept.wanted}, not {type_name(value)}") from None


def guarded(name: str, call: Any) -> Any:
    """The same call, where what the engine raises without a code becomes a refusal of the arguments, and is logged."""

    def guard(run: Run, args: list[Any], kwargs: dict[str, Any]) -> Any:
        try:
            return call(run, args, kwargs)
        except UNCODED as error:
            if hasattr(error, "code") or isinstance(error, RecursionError):
                raise
            log.warning("%s raised without a code", name, exc_info=True)
            kinds = ", ".join([type_name(each) for each in args] + [f"{k}={type_name(v)}" for k, v in kwargs.items()])
            raise errors.bad_argument(f"{name}() does not take these arguments: ({kinds})", TypeError) from None

    return guard


def op_builtin(function: Function, method: bool = False) -> Any:
    """The call of an op of the registry."""
    name = function.name.rpartition(".")[2]
    offset = int(method)

    def call(run: Run, args: list[Any], kwargs: dict[str, Any]) -> Any:
        return function.call(admitted(run, args), {key: admit(run, each) for key, each in kwargs.items()}, offset)

    return guarded(name, call)


def admitted(run: Run, args: list[Any]) -> list[Any]:
    """Arguments as the engine's ops take them."""
    return [each if type(each) is Tensor or type(each) in NUMBERS else admit(run, each) for each in args]


def admit(run: Run, value: Any) -> Any:
    """One argument: lists are counted before the engine reads them, `float` is the type."""
    if isinstance(value, (list, tuple, range)):
        walk(run, value)
        return tuple(value) if isinstance(value, range) else value
    if isinstance(value, Kind):
        return _dtype(run, value) if value.types and value.types[0] in PYTHON_TYPES else value
    return checked_int(value) if type(value) is int else value


Read = Callable[[Run, Any], Any]  # what a name behind the dot stands for, given the value before it


def method(name: str, call: Callable[..., Any]) -> Read:
    """A reader that gives the bound method; `call` takes the run, the value and annotated parameters."""
    made: Builtin = builtin(name, call)

    def read(run: Run, value: Any) -> Any:
        return Builtin(name, lambda run, args, kwargs: made.call(run, [value, *args], kwargs), (value,))

    return read


def bare(read: Callable[[Any], Any]) -> Callable[..., Any]:
    """A method without arguments."""

    def call(run: Run, self: Any_) -> Any:
        return read(self)

    return call

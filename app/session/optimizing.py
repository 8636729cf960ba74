"""The steps of optimizers: each type of `torch.optim` makes one; `optim.step` and `optim.zero_grad` use it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from app.problems import Problem, problem_of
from app.session.bodies import body_of, wrong
from app.session.conversion import convert
from app.session.declaring import SPECIALS, Special, Value, maybe, special
from app.session.names import SHOWN, checked_name
from app.session.optimizers import Optimizers
from app.session.parameters import Extra, Parameter
from app.session.scope import Mismatch, Scope
from engine import optim
from engine.kinds import REQUIRED, Kind
from engine.optim import Optimizer
from engine.tensor import Tensor

Options = dict[str, Any]

PREFIX = "optim."
TYPES: dict[str, type[Optimizer]] = {
    name: found for name in optim.__all__ if (found := getattr(optim, name)) is not Optimizer
}
# The constructors' annotations as kinds of the wire.
KINDS: dict[str, Kind | Extra] = {
    "float": Kind.FLOAT,
    "float | Tensor": Kind.FLOAT,
    "int": Kind.INT,
    "int | None": Kind.INT,
    "bool": Kind.BOOL,
    "bool | None": Kind.BOOL,
    "str | None": Kind.STR,
    "Pair": Extra.PAIR,
}
OPTIMIZER = Parameter("optimizer", Extra.NAME)


def registry(scope: Scope) -> Optimizers:
    """The optimizers of the session that runs the step.

    Raises Problem in a saved function, which has none.
    """
    if scope.optimizers is None:
        raise Problem("bad_argument", "optimizers belong to a session: a saved function has none")
    return scope.optimizers


def options_of(kind: type[Optimizer]) -> tuple[Parameter, ...]:
    """The options of a type."""
    return OPTIONS[kind]


def _options_of(kind: type[Optimizer]) -> tuple[Parameter, ...]:
    """The options that a type's constructor declares."""
    given = list(inspect.signature(kind).parameters.values())[1:]
    return tuple(
        Parameter(
            each.name,
            KINDS[each.annotation],
            each.default,
            optional=each.default is None,
            keyword_only=each.kind is inspect.Parameter.KEYWORD_ONLY,
        )
        for each in given
    )


OPTIONS: dict[type[Optimizer], tuple[Parameter, ...]] = {kind: _options_of(kind) for kind in TYPES.values()}


def converted(kind: type[Optimizer], given: Mapping[str, Any], scope: Scope) -> Options:
    """Options as the engine takes them; all of them must be options of this type.

    Raises Problem `bad_argument`.
    """
    known = {each.name: each for each in options_of(kind)}
    body_of(given, known, what=f"options of {kind.__name__}")
    return {name: _option(known[name], value, scope) for name, value in given.items()}


def _option(parameter: Parameter, value: Any, scope: Scope) -> Any:
    if value is None and parameter.optional:
        return None
    try:
        return convert(parameter.kind, value, scope, False)
    except Mismatch as mismatch:
        text = str(mismatch) or f"must be {parameter.kind.value.strip()}, not {type(value).__name__}"
        raise wrong(parameter.name, text) from None


# -- making one -----------------------------------------------------------------------------------------------------


def _maker(kind: type[Optimizer]) -> Callable[..., None]:
    names = [each.name for each in options_of(kind)]

    def make(scope: Scope, params: Any, *values: Any) -> None:
        *given, name = values
        bound = registry(scope)
        checked_name(name)
        options = dict(zip(names, given, strict=True))
        groups = [_group(kind, each, options, scope) for each in _grouped(params)]
        bound.bind(name, kind(groups, **options))

    return make


def _grouped(params: Any) -> list[Options]:
    """Parameter groups as the client wrote them: names that stand beside each other are one group."""
    groups: list[Options] = []
    open_group: list[Any] | None = None
    for each in params:
        if type(each) is dict:
            groups.append(each)
            open_group = None
        elif open_group is None:
            groups.append({"params": (open_group := [each])})
        else:
            open_group.append(each)
    return groups


def _group(kind: type[Optimizer], given: Options, defaults: Options, scope: Scope) -> Options:
    """A group as the engine takes it: tensors for names, options checked as the constructor's are."""
    if "params" not in given:
        raise wrong("params", "is missing in a parameter group")
    names = given["params"]
    own = converted(kind, {name: value for name, value in given.items() if name != "params"}, scope)
    if own:
        kind.check({**defaults, **own})
    tensors = [_parameter(each, scope) for each in (names if type(names) is list else [names])]
    if len(set(map(id, tensors))) < len(tensors):
        raise wrong("params", "has a tensor twice in one group")
    return {"params": tensors, **own}


def _parameter(name: Any, scope: Scope) -> Tensor:
    if type(name) is not str:
        raise wrong("params", f"must hold names of tensors, not {type(name).__name__}")
    return scope.names.named(name)


HOW = """`params` are names of tensors, or parameter groups with options of their own:
`["w", {"params": ["b"], "lr": 0.1}]`. The tensors stay the same when the names are bound again. `name` is what to call
the optimizer; one of that name is replaced."""


def _doc(kind: type[Optimizer]) -> str:
    """The documentation of a type as a step; which refusals there are, the problem itself says."""
    first, _, rest = (inspect.getdoc(kind) or "").partition("Raises")[0].partition("\n")
    return "\n\n".join(part.strip() for part in (first, rest, HOW) if part.strip())


for _name, _kind in TYPES.items():
    SPECIALS[PREFIX + _name] = Special(
        PREFIX + _name,
        (Parameter("params", Extra.PARAMS), *options_of(_kind), Parameter("name", Extra.NAME, REQUIRED, False, True)),
        _maker(_kind),
        _doc(_kind),
    )


@contextmanager
def checked(optimizer: Optimizer) -> Iterator[None]:
    """Whatever fails because code has put something odd into groups or state is refused by what is wrong there."""
    try:
        yield
    except Exception as error:
        if not hasattr(error, "code"):
            optimizer.validate()
        raise


@special(OPTIMIZER, name="optim.delete")
def delete(scope: Scope, optimizer: str) -> None:
    """Delete an optimizer with its state; the parameters stay."""
    registry(scope).unbind(optimizer)


@special(OPTIMIZER, Parameter("param_group", Extra.OPTIONS), name="optim.add_param_group")
def add_param_group(scope: Scope, optimizer: str, param_group: Options) -> None:
    """Add a parameter group: `params` and the options that differ from the optimizer's."""
    found = registry(scope).named(optimizer)
    if isinstance(found, optim.LBFGS):
        raise Problem("bad_argument", "LBFGS doesn't support per-parameter options (parameter groups)")
    with checked(found):
        found.add_param_group(_group(type(found), param_group, found.defaults, scope))


@special(OPTIMIZER, Parameter("options", Extra.OPTIONS), maybe("group", Kind.INT), name="optim.set_options")
def set_options(scope: Scope, optimizer: str, options: Options, group: int | None) -> None:
    """Change options, `{"lr": 0.01}`, of one parameter group or of all of them."""
    found = registry(scope).named(optimizer)
    if group is not None and not 0 <= group < len(found.param_groups):
        raise wrong("group", f"must be the number of a parameter group, 0 to {len(found.param_groups) - 1}")
    with checked(found):
        found.set_options(converted(type(found), options, scope), group)


# -- using one ------------------------------------------------------------------------------------------------------


@special(OPTIMIZER, maybe("closure", Extra.STEPS), maybe("loss", Extra.NAME), name="optim.step")
def step(scope: Scope, optimizer: str, closure: list[Any] | None, loss: str | None) -> Value | None:
    """Update the parameters by their gradients.

    `closure` is for LBFGS, which needs the loss at several points: the steps that compute it anew, `optim.zero_grad`
    and `backward` among them, run as often as the optimizer asks. The loss is the tensor named by `loss`, else the last
    result of these steps; its first value is the answer. Steps in a closure name no result without `out`.
    """
    bound = registry(scope)
    found = bound.named(optimizer)
    if closure is None:
        if loss is not None:
            raise wrong("loss", "goes with a closure")
        with checked(found):
            found.step()
        return None
    if bound.is_stepping:
        raise Problem("bad_argument", "a closure cannot hold a step with a closure")
    bound.is_stepping = True
    try:
        with checked(found):
            return Value(found.step(functools.partial(_evaluated, scope, closure, loss)).item())
    finally:
        bound.is_stepping = False


def _evaluated(scope: Scope, closure: list[Any], loss: str | None) -> Tensor:
    """The loss, computed by the steps of a closure."""
    last = None
    for index, body in enumerate(closure):
        try:
            tensors = scope.run(body)
        except Exception as error:  # noqa: BLE001  # raised again, with its place
            problem = problem_of(error)
            op = body.get("op") if type(body) is dict else None
            problem.extra.setdefault("closure", {"step": index, "op": op[:SHOWN] if type(op) is str else None})
            raise problem from problem.__cause__
        last = tensors[-1] if tensors and tensors[-1] is not None else last
    if loss is not None:
        return scope.names.named(loss)
    if last is None:
        raise wrong("closure", "has no step with a tensor as its result, which would be the loss")
    return last


@special(OPTIMIZER, maybe("set_to_none", Kind.BOOL, True), name="optim.zero_grad")
def zero_grad(scope: Scope, optimizer: str, set_to_none: bool) -> None:
    """Clear the gradients of all parameters, or fill them with zeros."""
    found = registry(scope).named(optimizer)
    with checked(found):
        found.zero_grad(set_to_none)

"""What stands behind `functools.`: `partial`, which fixes arguments of a function, as those of `torch.func` like it."""

from __future__ import annotations

from typing import Any

from app.exec.budget import Run
from app.exec.functions import FunctionValue
from app.exec.namespaces import space
from app.exec.signatures import as_callable
from app.exec.values import Builtin, type_name, wrong_type


def _partial(run: Run, args: list[Any], kwargs: dict[str, Any]) -> Builtin:
    if not args:
        raise wrong_type("type 'partial' takes at least one argument")
    if not isinstance(args[0], (FunctionValue, Builtin)):
        raise wrong_type(f"the first argument must be callable, not {type_name(args[0])}")
    function, *first = as_callable(args[0]), *args[1:]

    def call(run: Run, more: list[Any], others: dict[str, Any]) -> Any:
        return function(*first, *more, **{**kwargs, **others})

    return Builtin("partial", call, (function, first, kwargs))


FUNCTOOLS = space("functools", {"partial": Builtin("partial", _partial)})

"""The variables of code in a session: its tensors, values and optimizers under one roof of names."""

from __future__ import annotations

from typing import Any

from app.exec.values import MISSING, Builtin, Namespace, Stream, wrong_type
from app.session.frames import Functions
from app.session.graphs import Numbers
from app.session.names import Names
from app.session.optimizers import Optimizers
from engine.optim import Optimizer
from engine.tensor import Tensor

FUNCTIONS = "functions"


class SessionVariables:
    """What `app.exec` asks of a session; `bound` are the names that code has bound since it was cleared."""

    __slots__ = ("__weakref__", "_functions", "_names", "_numbers", "_optimizers", "bound")

    def __init__(self, names: Names, optimizers: Optimizers, numbers: Numbers, functions: Functions) -> None:
        self._names = names
        self._optimizers = optimizers
        self._numbers = numbers
        self._functions = functions
        self.bound: dict[str, None] = {}

    def load(self, name: str) -> Any:
        """What a name stands for.

        Raises KeyError.
        """
        tensor = self._names.get(name)
        if tensor is not None:
            return tensor
        if name in self._names.values:
            return self._names.values[name]
        optimizer = self._optimizers.get(name)
        if optimizer is not None:
            return optimizer
        if name == FUNCTIONS:
            return Namespace(FUNCTIONS, self._saved)
        raise KeyError(name)

    def store(self, name: str, value: Any) -> None:
        """Let a name stand for a value.

        Raises Problem `too_large` for one name too many.
        """
        names, optimizers = self._names, self._optimizers
        self.bound[name] = None
        if isinstance(value, Tensor):
            if names.get(name) is value:
                return
            if name in optimizers:
                optimizers.unbind(name)
            names.bind(name, value)
            return
        if isinstance(value, Stream):
            raise wrong_type(f"a {value.name} is used up as it is read, and cannot be kept: make a list of it")
        if names.get(name) is not None:
            names.unbind(name)
        if isinstance(value, Optimizer):
            names.values.unbind(name)
            if optimizers.get(name) is not value:
                optimizers.bind(name, value)
            return
        if name in optimizers:
            optimizers.unbind(name)
        if name not in names.values:
            names.check_room()
        names.values.bind(name, value)

    def delete(self, name: str) -> None:
        """Take a name away.

        Raises KeyError.
        """
        if name in self._names:
            self._names.unbind(name)
        elif name in self._optimizers:
            self._optimizers.unbind(name)
        else:
            raise KeyError(name)

    def changes(self, container: list[Any] | dict[Any, Any], known: bool = False) -> None:
        """Called before a list or dict changes; `known`: it was there before the call, though under no name."""
        self._names.values.changes(container, known)

    def number_of(self, node: Any) -> int:
        """The number of a graph node, as `GET graph` shows it."""
        return self._numbers.of(node)

    def _saved(self, name: str) -> Any:
        """The saved function of a name, to be called with tensors and numbers."""
        if name.startswith("_"):
            return MISSING
        return Builtin(name, lambda run, args, kwargs: self._functions.invoke(name, args, kwargs))

"""How the ops' functions become attributes of `engine` and its namespaces."""

from __future__ import annotations

import sys
from typing import Any

from engine import fast, fast_factories
from engine.methods import function_door
from engine.op import registry


def function_named(name: str, module: str) -> Any:
    """The function of an op by its wire name, kept as an attribute of the module that asked.

    Raises AttributeError if there is none.
    """
    function = registry.get(name)
    if function is None or not any(op.function for op in function.ops):
        raise AttributeError(f"module '{module}' has no attribute '{name.rpartition('.')[2]}'")
    door = fast.door(function) or fast_factories.door(function) or function_door(function)
    setattr(sys.modules[module], name.rpartition(".")[2], door)
    return door

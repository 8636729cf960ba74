"""Anomaly mode: which forward op made the node whose gradient is NaN or fails."""

from __future__ import annotations

import traceback
import warnings
from typing import Any

from engine import arrays, errors
from engine.modes import state

KEY = "traceback_"  # where torch keeps the forward call's stack in a node's metadata


class Anomaly:
    """The settings of anomaly mode: `check_nan` refuses a backward that makes NaN."""

    __slots__ = ("check_nan",)

    def __init__(self, check_nan: bool) -> None:
        self.check_nan = check_nan

    def note(self, node: Any) -> None:
        """Keep the stack of the forward call with its node; not for a server, whose stack says nothing to a client."""
        if state.ctx.log is None:
            node.metadata[KEY] = traceback.format_stack()[:-2]

    def check(self, node: Any, results: list[Any]) -> None:
        """Raise RuntimeError if a gradient a node made is NaN."""
        if not self.check_nan:
            return
        for nr, each in enumerate(results):
            array = getattr(each, "_array", each)
            if array is not None and bool((arrays.as_array(array) != arrays.as_array(array)).any()):
                if state.ctx.log is None:
                    self._tell(node)
                text = f"Function '{type(node).__name__}' returned nan values in its {nr}th output."
                raise errors.coded(RuntimeError, "bad_argument", text)

    def _tell(self, node: Any) -> None:
        stack = "".join(node.metadata.get(KEY, ["No forward pass information available."]))
        warnings.warn(
            f"Error detected in {type(node).__name__}. Traceback of forward call that caused the error:\n{stack}",
            stacklevel=3,
        )

"""What a session is made of."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from app.exec.budget import Allowance
from app.limits import Limits
from app.session.budget import Budget
from app.session.frames import Code, Functions, NoFunctions
from app.session.graphs import Numbers
from app.session.names import Names
from app.session.optimizers import Optimizers
from app.session.repeats import Repeats
from app.session.variables import SessionVariables
from engine import arrays, dtypes
from engine.devices import Device
from engine.modes import Context


class State:
    """Names, modes, budget and times of one session; `version` counts the calls that changed it."""

    def __init__(
        self,
        id: str,
        *,
        limits: Limits,
        device: str = "cpu",
        dtype: str = "float32",
        seed: int | None = None,
        ttl_s: float = 3600.0,
        functions: Functions | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.id = id
        self.limits = limits
        self.ctx = Context(dtypes.BY_NAME[dtype], arrays.resolve(Device(device)), seed)
        names = self.names = Names(limits.names)
        optimizers = self.optimizers = Optimizers(limits.optimizers)
        # No method of this object: with a cycle the session's memory would wait for the garbage collector.
        self.budget = Budget(
            limits, lambda: chain((tensor for _, tensor in names.tensors()), optimizers.tensors(), names.values)
        )
        self.ctx.guard = self.budget
        self.functions = functions or NoFunctions()
        self.numbers = Numbers()
        self.repeats = Repeats()
        variables = SessionVariables(names, optimizers, self.numbers, self.functions)
        self.code = Code(variables, Allowance(limits.exec_steps, limits.exec_cells, limits.exec_stdout))
        self.version = 0
        self.decode_s = 0.0  # of the call that runs
        self.ops: defaultdict[str, int] = defaultdict(int)  # that the call has run, by name
        self.ttl_s = ttl_s
        self._now = now
        self.created_at = self.used_at = now()

    @property
    def expires_at(self) -> float:
        """When the session ends if nobody uses it."""
        return self.used_at + self.ttl_s

    def touch(self) -> None:
        """Somebody uses the session."""
        self.used_at = self._now()

    def describe(self) -> dict[str, Any]:
        """The session object. `nodes` and `bytes` are as last measured plus what was made since."""
        return {
            "id": self.id,
            "device": str(self.ctx.default_device),
            "dtype": self.ctx.default_dtype.name,
            "grad_enabled": self.ctx.grad_enabled,
            "version": self.version,
            "tensors": len(self.names),
            "nodes": self.budget.nodes,
            "bytes": self.budget.used,
            "created_at": rfc3339(self.created_at),
            "expires_at": rfc3339(self.expires_at),
        }


def rfc3339(seconds: float) -> str:
    """A time as answers have it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

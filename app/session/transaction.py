"""All or nothing: what a call changed is taken back when it fails, whatever the reason."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from app.session.state import State
from engine.undo import UndoLog


class Transaction:
    """For the time of a `with` block; a block that ends with an exception has changed nothing.

    The engine's log has values, graphs, gradients, versions and the random state; names keep their own.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        ctx, budget = state.ctx, state.budget
        self._modes = (ctx.grad_enabled, ctx.default_dtype, ctx.anomaly)
        self._counts = (state.version, state.ttl_s, budget.used, budget.nodes)
        self._log = UndoLog()

    def __enter__(self) -> Self:
        self._state.ctx.log = self._log
        self._state.names.begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        state = self._state
        state.ctx.log = None
        if kind is None:
            state.names.commit()
            state.optimizers.commit()
            return
        state.names.rollback()
        state.optimizers.rollback()
        self._log.rollback()
        state.ctx.grad_enabled, state.ctx.default_dtype, state.ctx.anomaly = self._modes
        state.version, state.ttl_s, state.budget.used, state.budget.nodes = self._counts

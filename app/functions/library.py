"""The library of a tenant: its saved functions by name, within quotas. Threads share it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from app.functions.applying import apply_step, invoke
from app.functions.compiling import Plans
from app.functions.definition import Definition
from app.limits import Limits
from app.problems import Problem
from app.session.frames import unknown_function
from app.session.scope import Scope
from app.session.state import rfc3339
from app.session.steps import FUNCTIONS

Guard = Callable[[Definition | None], None]


@dataclass(frozen=True, slots=True)
class Entry:
    """A name: the function it stands for now, its place in lists, and when it was saved first and last."""

    definition: Definition
    serial: int
    created_at: float
    updated_at: float

    def describe(self, whole: bool) -> dict[str, Any]:
        """The function object; `whole`: with the program."""
        definition = self.definition
        document = {**definition.document}
        document.pop("inputs", None)
        outputs = document.pop("outputs", None)
        return {
            "name": definition.name,
            "hash": definition.hash,
            "inputs": [each.describe() for each in definition.inputs],
            "outputs": outputs,
            "custom_gradient": definition.custom is not None,
            "calls": {name: each.hash for name, each in definition.calls.items()},
            "bytes": definition.size,
            "created_at": rfc3339(self.created_at),
            "updated_at": rfc3339(self.updated_at),
            **(document if whole else {}),
        }


class Library:
    """Names and what they stand for; a name bound again leaves alone what was made with the function before."""

    def __init__(self, limits: Limits, now: Callable[[], float] = time.time) -> None:
        self._limits = limits
        self._now = now
        self._entries: dict[str, Entry] = {}
        self._lock = threading.Lock()
        self._serial = 0
        self.plans = Plans()

    def find(self, name: str) -> Definition | None:
        """The function of a name, or None."""
        found = self._entries.get(name)
        return None if found is None else found.definition

    def get(self, name: str, status: int = 404) -> Entry:
        """The entry of a name.

        Raises Problem `unknown_function`.
        """
        found = self._entries.get(name)
        if found is None:
            raise unknown_function(name, status)
        return found

    def put(self, definition: Definition, allow: Guard) -> tuple[Entry, bool]:
        """Save a function; gives its entry, and whether the name is new.

        `allow` sees what the name stands for, or None, and raises if that must stay. Raises Problem `quota_exceeded`.
        """
        with self._lock:
            old = self._entries.get(definition.name)
            allow(None if old is None else old.definition)
            self._check_quotas(definition, old is None)
            now = self._now()
            if old is None:
                self._serial += 1
            serial, created_at = (self._serial, now) if old is None else (old.serial, old.created_at)
            entry = self._entries[definition.name] = Entry(definition, serial, created_at, now)
            return entry, old is None

    def delete(self, name: str, allow: Guard) -> None:
        """Take a name away; functions that call it, and graphs, keep what they have.

        Raises Problem `unknown_function`, and what `allow` raises.
        """
        with self._lock:
            allow(self.get(name).definition)
            del self._entries[name]

    def page(self, after: int, size: int) -> tuple[list[Entry], int | None]:
        """The next entries in the order in which they were first saved, and where to go on, or None."""
        with self._lock:
            found = list(islice((each for each in self._entries.values() if each.serial > after), size + 1))
        return found[:size], found[size - 1].serial if len(found) > size else None

    def apply(self, op: str, args: list[Any], fields: Mapping[str, Any], scope: Scope, status: int) -> Any:
        """The result of a step of a session whose op is `functions.NAME`."""
        definition = self.get(op.removeprefix(FUNCTIONS), status).definition
        return apply_step(definition, args, fields, scope)

    def invoke(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The result for tensors and numbers, as code of a session has them."""
        return invoke(self.get(name, 422).definition, args, kwargs)

    def _check_quotas(self, definition: Definition, is_new: bool) -> None:
        limits = self._limits
        if is_new and len(self._entries) >= limits.tenant_functions:
            raise Problem("quota_exceeded", f"this key has all the {limits.tenant_functions} functions it may have")
        kept = [each.definition for name, each in self._entries.items() if name != definition.name]
        held = {id(each): each.size for one in (*kept, definition) for each in one.closure()}
        if sum(held.values()) > limits.function_bytes:
            text = f"the functions of this key would have more than the {limits.function_bytes} bytes they may have"
            raise Problem("quota_exceeded", text)

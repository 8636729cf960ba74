"""What the routes of functions ask for, from bytes to an answer, in a thread outside of the event loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from app import codec, fields
from app.calls import JSON, Answer, Call, server_timing
from app.functions.calls import METHODS
from app.functions.invocation import Invocation
from app.functions.library import Guard, Library
from app.functions.parsing import definition_of
from app.limits import Limits
from app.problems import Problem
from app.session.bodies import body_of, check_query, wrong
from app.session.budget import Budget
from app.session.names import checked_name
from engine.modes import Context, activate

Handler = Callable[[Library, Call, Limits, Guard], Answer]


def handle(library: Library, call: Call, limits: Limits, allow: Guard) -> Answer:
    """Do what a call asks of a library; `allow` sees a function that is to be changed, or None, and may refuse.

    Raises Problem, or an exception of the engine with a `code`; the library is then as it was before.
    """
    if call.query:
        check_query(call.method, call.query)
    with activate(Context()) as ctx:
        budget = ctx.guard = Budget(limits, tuple)
        budget.deadline = call.deadline
        return HANDLERS.get(call.method, _invoke)(library, call, limits, allow)


def _put(library: Library, call: Call, limits: Limits, allow: Guard) -> Answer:
    if len(call.body) > limits.function_bytes:
        raise Problem("too_large", f"the functions of a key have at most {limits.function_bytes} bytes together")
    body = codec.loads(call.body, limits.json_depth)
    definition = definition_of(checked_name(call.name), body, library.find, limits)
    entry, is_new = library.put(definition, allow)
    headers = {"ETag": f'"{definition.hash}"', "Location": f"/v1/functions/{definition.name}"}
    return Answer(201 if is_new else 200, codec.dumps(entry.describe(whole=True)), headers)


def _get(library: Library, call: Call, limits: Limits, allow: Guard) -> Answer:
    entry = library.get(call.name or "")
    return Answer(200, codec.dumps(entry.describe(whole=True)), {"ETag": f'"{entry.definition.hash}"'})


def _delete(library: Library, call: Call, limits: Limits, allow: Guard) -> Answer:
    library.delete(call.name or "", allow)
    return Answer(204, b"")


def _list(library: Library, call: Call, limits: Limits, allow: Guard) -> Answer:
    size = fields.page_size(call.query.get("limit"), limits)
    cursor = call.query.get("cursor", "0")
    if not fields.DIGITS.match(cursor):
        raise wrong("cursor", "must be the `next` of the page before")
    page, following = library.page(int(cursor), size)
    shown = [each.describe(whole=False) for each in page]
    return Answer(200, codec.dumps({"functions": shown, "next": None if following is None else str(following)}))


def _invoke(library: Library, call: Call, limits: Limits, allow: Guard) -> Answer:
    """One of the calls that compute."""
    method, allowed = METHODS[call.method.removeprefix("function.")]
    started = time.perf_counter()
    definition = library.get(call.name or "").definition
    body: dict[str, Any] = body_of(codec.loads(call.body, limits.json_depth), allowed | {"args"})
    decoded = time.perf_counter()
    reply = method(Invocation.of(definition, body, call, limits, library.plans))
    done = time.perf_counter()
    text = codec.dumps(reply)
    encoded = time.perf_counter()
    phases = {"decode": decoded - started, "run": done - decoded, "encode": encoded - done}
    headers = {"ETag": f'"{definition.hash}"', "Server-Timing": server_timing(phases)}
    return Answer(200, text, headers, JSON, {"functions.*": 1})


HANDLERS: dict[str, Handler] = {
    "function.put": _put,
    "function.get": _get,
    "function.delete": _delete,
    "function.list": _list,
}

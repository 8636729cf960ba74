"""The front door: what every request passes before routing and every answer on its way out.

One ASGI layer, since each layer costs every request: a request id, the `Host` check, keys and origins (`app.auth`),
HEAD as GET without a body, headers for browsers, a log line, metrics, and a problem for anything that was raised and
not answered.
"""

from __future__ import annotations

import itertools
import logging
import re
import secrets
import time
from collections.abc import Callable
from operator import itemgetter

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import telemetry
from app.auth import OPEN_PATHS, admit, header
from app.metrics import Metrics
from app.pages import PATHS
from app.problems import MEDIA_TYPE, Problem, problem_of
from app.settings import Settings

REQUEST_ID = re.compile(rb"[A-Za-z0-9_.:-]{1,64}\Z")
PROCESS = secrets.token_hex(4)  # before the number of a request: in the logs of several processes they stay apart
NUMBERS = itertools.count(1)
HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:]*)(?::\d*)?\Z")
UNMATCHED = "unmatched"
CLIENT_LEFT = 499  # never sent, there is nobody left; for the log
# Pages load only what this server sends, and nobody frames them. Their styles stand in the page.
CONTENT_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    b"connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
BROWSER_HEADERS = (
    (b"content-security-policy", CONTENT_POLICY),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
NOT_STORED = (*BROWSER_HEADERS, (b"cache-control", b"no-store"))

Find = Callable[[str, str], tuple[Route, dict[str, str]] | None]  # a route by method and path

log = logging.getLogger("app")


class Front:
    """Wraps the application. An empty set of hosts allows any name in `Host`; no keys ask for none.

    A request whose route `find` knows is answered here; others go through all layers of the application.
    """

    def __init__(self, app: ASGIApp, find: Find, settings: Settings, metrics: Metrics) -> None:
        self.app = app
        self.find = find
        self.hosts = settings.hosts
        self.keys = settings.keys
        self.open_paths = OPEN_PATHS | PATHS if settings.open_docs else OPEN_PATHS
        self.metrics = metrics
        self.stopping = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = Exchange(scope, send)
        # A copy: the server below still sees HEAD in its own and sends no body.
        inner = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        self.metrics.in_flight += 1
        try:
            self.check_host(scope)
            admit(self.keys, inner, self.open_paths)
            if self.stopping and inner["path"] not in OPEN_PATHS:
                raise Problem("unavailable", "the server is stopping")
            found = None if inner["root_path"] else self.find(inner["method"], inner["path"])
            if found is None:
                await self.app(inner, receive, exchange.send)
            else:
                inner["route"], inner["path_params"] = found
                response = await found[0].endpoint(request=Request(inner, receive), **found[1])
                await response(inner, receive, exchange.send)
        except ClientDisconnect:
            pass  # nobody is left to be answered
        except Exception as error:  # noqa: BLE001  # the last place where a defect becomes a 500
            await exchange.fail(error, receive)
        finally:
            self.metrics.in_flight -= 1
            self.note(exchange, route_of(inner))

    def note(self, exchange: Exchange, route: str) -> None:
        """Count a request and log it: by the template of its path, which names neither sessions nor tensors."""
        method, seconds = exchange.scope["method"], time.perf_counter() - exchange.started
        status = exchange.status or CLIENT_LEFT
        self.metrics.answered(method, route, status, seconds)
        telemetry.log_request(exchange.id, method, route, status, seconds)

    def check_host(self, scope: Scope) -> None:
        """Whether the request is for this server; raises `misdirected`."""
        if not self.hosts:
            return
        named = header(scope, b"host")
        found = HOST.match(named[0].lower()) if len(named) == 1 else None
        if found is None or found[1] not in self.hosts:
            raise Problem("misdirected", "this server does not answer to the Host header of this request")


class Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.scope = scope
        self.started = time.perf_counter()
        self.status = 0
        self.id = request_id(scope)
        scope["request_id"] = self.id
        self._send = send

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on, with the request id and what browsers should know among its headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = message.get("headers", ())
            added = NOT_STORED if b"cache-control" not in map(itemgetter(0), given) else BROWSER_HEADERS
            message["headers"] = [*given, (b"x-request-id", self.id.encode("ascii")), *added]
        await self._send(message)

    async def fail(self, error: Exception, receive: Receive) -> None:
        """Answer what was raised, unless an answer has begun."""
        if not self.status:
            await problem_response(self.scope, error)(self.scope, receive, self.send)


def route_of(scope: Scope) -> str:
    """The template of the path that a request was routed to, or `unmatched`."""
    return getattr(scope.get("route"), "path", UNMATCHED)


def request_id(scope: Scope) -> str:
    """The client's own `X-Request-Id` where it is a plain one, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and REQUEST_ID.match(value):
            return str(value, "ascii")
    return f"{PROCESS}{next(NUMBERS):08x}"


def problem_response(scope: Scope, error: Exception) -> Response:
    """The answer to anything raised; a defect is logged with its traceback."""
    problem = problem_of(error)
    if problem.code == "internal":
        cause = problem.__cause__ or error
        log.error("internal error", exc_info=cause, extra={"fields": {"id": scope.get("request_id")}})
        problem.__cause__ = None  # its frames
    return Response(problem.render(scope["path"]), problem.status, problem.headers, MEDIA_TYPE)

"""The application: routes, host and front door put together. Importing this module does nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from app import __version__, telemetry
from app.devices import list_devices
from app.dispatch import Dispatch
from app.hosts.inline import InlineHost
from app.metrics import Metrics
from app.middleware import Front, problem_response
from app.openapi import operation_id
from app.problems import Problem
from app.routes import autograd, code, functions, ops, optimizers, run, service, sessions, tensors
from app.settings import Settings

# The most called first: routes are tried in turn.
ROUTERS = (
    *(ops.router, run.router, code.router, autograd.router, functions.router),
    *(tensors.router, optimizers.router, sessions.router, service.router),
)


class Service(FastAPI):
    """FastAPI behind the front door, which stands before all of its layers: most requests need none of them."""

    front: Front

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        scope["app"] = self
        await self.front(scope, receive, send)

    def stop_taking(self) -> None:
        """From now on requests are refused with 503; those in flight go on."""
        self.state.ready = False
        self.front.stopping = True

    async def behind(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What the front door leaves to FastAPI."""
        await super().__call__(scope, receive, send)


def create_app(settings: Settings) -> Service:
    """The service as an ASGI application."""
    app = Service(
        title="Autograd Server",
        version=__version__,
        openapi_url=None,  # `app.openapi` makes a document that has the ops, and pages that load nothing from elsewhere
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
        lifespan=lifespan,
    )
    app.state.settings = settings
    app.state.ready = False
    app.state.metrics = Metrics()
    routes = [route for router in ROUTERS for route in router.routes]
    find = Dispatch(routes).find
    app.front = Front(app.behind, find, settings, app.state.metrics)
    for kind in (Problem, HTTPException, Exception):
        app.add_exception_handler(kind, answer_problem)
    app.router.routes.extend(routes)  # `include_router` would match every request twice
    return app


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """From before the first request to after the last."""
    app.state.devices = await asyncio.to_thread(list_devices)
    app.state.host = InlineHost(app.state.settings)
    app.state.metrics.watch(app.state.host)
    await app.state.host.start()
    app.state.ready = True
    yield
    app.state.ready = False
    await app.state.host.stop()
    telemetry.flush()


async def answer_problem(request: Request, error: Exception) -> Response:
    """The answer to what a route, or the router itself, raised."""
    if isinstance(error, HTTPException):
        error = routing_problem(request, error)
    return problem_response(request.scope, error)


def routing_problem(request: Request, error: HTTPException) -> Problem:
    """The router's own refusals: an unknown path, or a method that the path does not have."""
    if error.status_code == 404:
        ending = "; paths do not end in a slash" if request.url.path.endswith("/") else ""
        return Problem("not_found", f"there is nothing at this path{ending}; /docs lists the paths")
    if error.status_code == 405:
        allowed = ", ".join(sorted(allowed_methods(request)))
        return Problem("method_not_allowed", f"this path allows {allowed}", headers={"Allow": allowed})
    return Problem("bad_request", str(error.detail), status=error.status_code)


def allowed_methods(request: Request) -> set[str]:
    """The methods of all routes at the request's path."""
    found: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods or set()
    return found | {"HEAD"} if "GET" in found else found

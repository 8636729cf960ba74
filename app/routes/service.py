"""The service itself: whether it is well, what it can do."""

from __future__ import annotations

import asyncio

import orjson
from fastapi import Request
from starlette.responses import HTMLResponse, Response

from app import __version__, body, pages
from app.metrics import CONTENT_TYPE, Metrics
from app.openapi import document_of
from app.problems import Problem
from app.reading import reading_of
from app.routes.forwarding import new_router, tenant_of
from app.settings import Settings

router = new_router("service")

FEATURES = (
    *("sessions", "tensors", "ops", "run", "exec", "backward", "grad", "jacobian", "hessian", "graph"),
    *("functions", "optimizers", "npy", "gzip"),
)


@router.get("/healthz")
async def healthz(request: Request) -> Response:
    """Whether the process is alive."""
    return Response(b'{"status":"ok"}', media_type=body.JSON)


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """Whether the server takes requests: 503 while it is starting or stopping."""
    if not request.app.state.ready:
        raise Problem("unavailable", "the server is starting or stopping")
    return Response(b'{"status":"ready"}', media_type=body.JSON)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Requests, latencies, sessions, bytes, graph nodes and op calls, for Prometheus."""
    settings: Settings = request.app.state.settings
    if not settings.oversees(tenant_of(request)):
        raise Problem("forbidden", "these tell of all tenants: only those in the setting `operators` may read them")
    found: Metrics = request.app.state.metrics
    return Response(found.render(), media_type=CONTENT_TYPE)


@router.get("/v1/info")
async def info(request: Request) -> Response:
    """The version, devices, limits and features of this server."""
    state = request.app.state
    settings: Settings = state.settings
    document = {
        "version": __version__,
        "devices": [device["name"] for device in state.devices],
        "limits": {**settings.limits.document(), "request_timeout_s": settings.request_timeout_s},
        "features": FEATURES,
    }
    return Response(orjson.dumps(document), media_type=body.JSON)


@router.get("/v1/devices")
async def devices(request: Request) -> Response:
    """The devices that tensors can be on."""
    return Response(orjson.dumps({"devices": request.app.state.devices}), media_type=body.JSON)


@router.get("/", include_in_schema=False)
async def home(request: Request) -> Response:
    """Where to go from here."""
    return HTMLResponse(pages.HOME)


@router.get("/openapi.json", include_in_schema=False)
async def document(request: Request) -> Response:
    """The OpenAPI document."""
    found = await asyncio.to_thread(document_of, request.app)
    return found.respond(request)


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> Response:
    """The calls, to read and to try out: Swagger UI."""
    return HTMLResponse(pages.DOCS)


@router.get("/redoc", include_in_schema=False)
async def reading(request: Request) -> Response:
    """The calls, to read: the document as one page."""
    found = await asyncio.to_thread(reading_of, request.app)
    return found.respond(request)


@router.get("/docs/assets/{name}", include_in_schema=False)
async def assets(request: Request, name: str) -> Response:
    """A file that the page of the calls loads."""
    found = await asyncio.to_thread(pages.asset, name)
    return found.respond(request)


@router.get("/docs/errors", include_in_schema=False)
async def errors(request: Request) -> Response:
    """The problem codes, for reading: where the `type` of a problem leads."""
    return HTMLResponse(pages.errors_page())

"""Sessions: make, list, look at, change, delete."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from app import body
from app.routes.forwarding import forward, host_of, json_body, new_router, query_of, read, respond, tenant_of
from app.session.bodies import check_query

router = new_router("sessions")

MAX_BODY = 65_536  # a handful of fields: parsed in the event loop, where a long text would hold up everybody


@router.post("/v1/sessions", status_code=201, openapi_extra=json_body({"id": "demo", "seed": 0}, required=False))
async def create_session(request: Request) -> Response:
    """Make a session: `id`, `device`, `dtype`, `seed` and `ttl_s` may be given."""
    body.acceptable(body.headers_of(request))
    check_query("session.create", query_of(request))
    content = await read(request, MAX_BODY)
    if content:
        body.announced(body.headers_of(request))
    key = body.headers_of(request).get("idempotency-key")
    return respond(request, await host_of(request).create(tenant_of(request), content, key))


@router.get("/v1/sessions")
async def list_sessions(request: Request) -> Response:
    """List the sessions, a page at a time (`limit`, `cursor`)."""
    body.acceptable(body.headers_of(request))
    return respond(request, await host_of(request).list(tenant_of(request), query_of(request)))


@router.get("/v1/sessions/{session}")
async def get_session(request: Request, session: str) -> Response:
    """Show a session: its settings, version, and what it holds."""
    return await forward(request, session, "session.get")


@router.patch("/v1/sessions/{session}", openapi_extra=json_body({"grad_enabled": True}))
async def change_session(request: Request, session: str) -> Response:
    """Change `grad_enabled`, `ttl_s`, `dtype` or `seed` of a session."""
    return await forward(request, session, "session.patch")


@router.delete("/v1/sessions/{session}", status_code=204)
async def delete_session(request: Request, session: str) -> Response:
    """Delete a session and free what it holds."""
    check_query("session.delete", query_of(request))
    if_match = body.headers_of(request).get("if-match")
    return respond(request, await host_of(request).delete(tenant_of(request), session, if_match))

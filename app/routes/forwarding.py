"""What all routes share: handing a request to the session it names, and the answer back."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from app import body
from app.calls import Answer, Call
from app.hosts.inline import InlineHost
from app.middleware import problem_response
from app.problems import MEDIA_TYPE, Problem
from app.session.bodies import wrong
from app.session.names import SHOWN
from app.settings import Settings

NO_CONTENT = 204
PROBLEM: dict[int | str, dict[str, Any]] = {
    "default": {"description": "A problem (RFC 9457)", "content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}
}


class BytesRoute(APIRoute):
    """A documented route whose endpoint gets its path parameters as they are and reads the body itself.

    FastAPI's own handling would parse the body, and costs every request more than the rest of the way through.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint, called with the request and the texts in the path."""
        endpoint = self.endpoint

        async def handler(request: Request) -> Response:
            response: Response = await endpoint(request=request, **request.path_params)
            return response

        return handler


def new_router(tag: str) -> APIRouter:
    """A router for the routes of one noun."""
    return APIRouter(tags=[tag], route_class=BytesRoute, default_response_class=Response, responses=PROBLEM)


def json_body(example: dict[str, Any], required: bool = True) -> dict[str, Any]:
    """The documentation of a JSON body: an object, with an example that works."""
    content = {body.JSON: {"schema": {"type": "object"}, "example": example}}
    return {"requestBody": {"required": required, "content": content}}


def host_of(request: Request) -> InlineHost:
    """Where the sessions live."""
    host: InlineHost = request.app.state.host
    return host


def tenant_of(request: Request) -> str:
    """Who asks; raises KeyError on a path that needs no key."""
    tenant: str = request.scope["tenant"]
    return tenant


async def read_json(request: Request) -> bytes:
    """The JSON body of a request, as bytes."""
    body.announced(body.headers_of(request))
    return await read(request, None)


async def read(request: Request, limit: int | None) -> bytes:
    """The body of a request, of at most `limit` bytes or as many as the settings allow."""
    settings: Settings = request.app.state.settings
    allowed = settings.limits.body_bytes
    return await body.read(request, allowed if limit is None else min(limit, allowed), settings.body_timeout_s)


def query_of(request: Request) -> dict[str, str]:
    """The parameters of the query string; `names` may stand there several times, as clients write lists.

    Raises Problem `bad_argument` for any other parameter that does: one of the values would go unnoticed.
    """
    if not request.scope["query_string"]:
        return {}
    query: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in query and name != "names":
            raise wrong(name[:SHOWN], "stands in the query string more than once")
        query[name] = f"{query[name]},{value}" if name in query else value
    return query


async def forward(
    request: Request,
    session: str,
    method: str,
    name: str | None = None,
    offered: Sequence[str] = (body.JSON,),
    also: str | None = None,
) -> Response:
    """Hand the request to a session as a call of `method`.

    `offered` are the media types that the answer may have, `also` one that the body may have instead of JSON.
    """
    headers = body.headers_of(request)
    call = Call(method, name, query_of(request), accept=body.acceptable(headers, offered))
    if request.method in ("POST", "PUT", "PATCH"):
        call.content_type = body.announced(headers, also)
        call.body = await read(request, None)
    key = None if request.method == "GET" else headers.get("idempotency-key")
    outcome = await host_of(request).call(tenant_of(request), session, call, headers.get("if-match"), key)
    return respond(request, outcome)


def respond(request: Request, outcome: Answer | Problem) -> Response:
    """An answer, or what was refused, as a response."""
    if isinstance(outcome, Problem):
        return problem_response(request.scope, outcome)
    return Ready(outcome)


class Ready(Response):
    """An answer as a response, with no more said about it than it says itself."""

    def __init__(self, answer: Answer) -> None:
        self.status_code = answer.status
        self.body = answer.body
        self.background = None
        self.raw_headers = [
            (name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in answer.headers.items()
        ]
        if answer.status != NO_CONTENT:
            self.raw_headers.append((b"content-length", b"%d" % len(answer.body)))
            self.raw_headers.append((b"content-type", answer.media_type.encode("latin-1")))

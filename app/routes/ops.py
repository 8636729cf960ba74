"""Ops: one step at a time, and the catalogue of them all.

One route serves every op: routes are tried in turn, so that a route for each would make the last ones slow.
"""

from __future__ import annotations

import orjson
from fastapi import Request
from starlette.responses import Response

from app import body
from app.catalogue import describe, list_of_ops
from app.routes.forwarding import forward, json_body, new_router

router = new_router("ops")


@router.post("/v1/sessions/{session}/ops/{op}", openapi_extra=json_body({"input": "x", "other": 2, "out": "y"}))
async def run_op(request: Request, session: str, op: str) -> Response:
    """Run one op, named as in PyTorch: arguments by name, or positionally in `args`."""
    return await forward(request, session, "op", op)


@router.get("/v1/ops")
async def get_ops(request: Request) -> Response:
    """Describe all ops, by name: signatures, outputs, differentiable inputs, and an example step of each."""
    body.acceptable(body.headers_of(request))
    return Response(list_of_ops(), media_type=body.JSON)


@router.get("/v1/ops/{op}")
async def get_op(request: Request, op: str) -> Response:
    """Describe one op: its signature, outputs, differentiable inputs, and an example step."""
    body.acceptable(body.headers_of(request))
    return Response(orjson.dumps(describe(op)), media_type=body.JSON)

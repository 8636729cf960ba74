"""Run: many steps in one request, all or nothing."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from app.routes.forwarding import forward, json_body, new_router

router = new_router("run")

EXAMPLE = {
    "steps": [
        {"op": "tensor", "data": [[1.0, 1.0], [1.0, 1.0]], "requires_grad": True, "out": "x"},
        {"op": "add", "input": "x", "other": 2, "out": "y"},
        {"op": "sum", "input": "y", "out": "s"},
        {"op": "backward", "tensors": "s"},
    ],
    "return": ["s", "x.grad"],
}


@router.post("/v1/sessions/{session}/run", openapi_extra=json_body(EXAMPLE))
async def run_steps(request: Request, session: str) -> Response:
    """Run steps in order. If one fails, none has happened."""
    return await forward(request, session, "run")

"""Exec: PyTorch code as text, run in a session."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from app.routes.forwarding import forward, json_body, new_router

router = new_router("exec")

EXAMPLE = {"code": "import torch\n\nx = torch.ones(2, 2, requires_grad=True)\ny = x + 2\nprint(y)\ny.grad_fn"}


@router.post("/v1/sessions/{session}/exec", openapi_extra=json_body(EXAMPLE))
async def execute(request: Request, session: str) -> Response:
    """Run code in the language of PyTorch over the session's names. If it fails, nothing has happened."""
    return await forward(request, session, "exec")

"""Autograd: backward, and gradients without accumulation."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from app.routes.forwarding import forward, json_body, new_router

router = new_router("autograd")


@router.post("/v1/sessions/{session}/backward", openapi_extra=json_body({"tensors": "out"}))
async def backward(request: Request, session: str) -> Response:
    """`torch.autograd.backward`: accumulate into `.grad` of the leaves."""
    return await forward(request, session, "backward")


@router.post("/v1/sessions/{session}/grad", openapi_extra=json_body({"outputs": "out", "inputs": ["x"]}))
async def grad(request: Request, session: str) -> Response:
    """`torch.autograd.grad`: the gradients as an answer."""
    return await forward(request, session, "grad")

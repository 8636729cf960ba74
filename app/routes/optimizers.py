"""Optimizers of a session by name: their options and states. `optim.step` and `optim.zero_grad` are steps."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from app.routes.forwarding import forward, json_body, new_router

router = new_router("optimizers")

OPTIMIZERS = "/v1/sessions/{session}/optimizers"
OPTIMIZER = OPTIMIZERS + "/{optimizer}"


@router.post(
    OPTIMIZERS,
    status_code=201,
    openapi_extra=json_body({"name": "opt", "type": "SGD", "params": ["x"], "lr": 0.1, "momentum": 0.9}),
)
async def create_optimizer(request: Request, session: str) -> Response:
    """Make an optimizer of tensors of the session; 409 if the name is taken."""
    return await forward(request, session, "optimizer.create")


@router.get(OPTIMIZERS)
async def list_optimizers(request: Request, session: str) -> Response:
    """List the optimizers without their states (`limit`, `cursor`)."""
    return await forward(request, session, "optimizer.list")


@router.get(OPTIMIZER)
async def get_optimizer(request: Request, session: str, optimizer: str) -> Response:
    """Show an optimizer: type, parameter groups with their options, state."""
    return await forward(request, session, "optimizer.get", optimizer)


@router.patch(OPTIMIZER, openapi_extra=json_body({"lr": 0.01}))
async def change_optimizer(request: Request, session: str, optimizer: str) -> Response:
    """Change options, of all parameter groups or of the one that `group` numbers."""
    return await forward(request, session, "optimizer.patch", optimizer)


@router.delete(OPTIMIZER, status_code=204)
async def delete_optimizer(request: Request, session: str, optimizer: str) -> Response:
    """Delete an optimizer and its state; its parameters stay."""
    return await forward(request, session, "optimizer.delete", optimizer)

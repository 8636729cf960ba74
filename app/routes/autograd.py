"""Autograd: backward, derivatives that are answers, and the graph."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from app import body
from app.calls import DOT, SVG
from app.operations import BEFORE
from app.routes.forwarding import forward, json_body, new_router

router = new_router("autograd")

FORMATS = {"dot": DOT, "svg": SVG}  # of a graph, beside JSON
ONES = {"data": [[1, 1], [1, 1]]}
# Of a scalar, which the session of the examples has not: two steps make it.
HESSIAN = {
    **json_body({"output": "cube", "inputs": ["w"]}),
    BEFORE: [
        {"op": "tensor", "data": 2.5, "requires_grad": True, "out": "w"},
        {"op": "pow", "input": "w", "exponent": 3, "out": "cube"},
    ],
}


@router.post(
    "/v1/sessions/{session}/backward",
    openapi_extra=json_body({"tensors": "y", "grad_tensors": ONES, "retain_graph": True}),
)
async def backward(request: Request, session: str) -> Response:
    """`torch.autograd.backward`: accumulate into `.grad` of the leaves."""
    return await forward(request, session, "backward")


@router.post(
    "/v1/sessions/{session}/grad",
    openapi_extra=json_body({"outputs": "y", "inputs": ["x"], "grad_outputs": ONES, "retain_graph": True}),
)
async def grad(request: Request, session: str) -> Response:
    """`torch.autograd.grad`: the gradients as answers, without accumulation."""
    return await forward(request, session, "grad")


@router.post("/v1/sessions/{session}/jacobian", openapi_extra=json_body({"output": "y", "inputs": ["x"]}))
async def jacobian(request: Request, session: str) -> Response:
    """The Jacobians of the recorded graph, of shape output.shape + input.shape. The graph is kept."""
    return await forward(request, session, "jacobian")


@router.post("/v1/sessions/{session}/hessian", openapi_extra=HESSIAN)
async def hessian(request: Request, session: str) -> Response:
    """The Hessian of a scalar of the recorded graph, block by block. The graph is kept."""
    return await forward(request, session, "hessian")


@router.get("/v1/sessions/{session}/graph")
async def graph(request: Request, session: str) -> Response:
    """Show the graph behind a tensor, or of the whole session: `tensor`, `format` (json, dot or svg)."""
    media_type = FORMATS.get(request.query_params.get("format", "json"), body.JSON)
    return await forward(request, session, "graph.get", offered=(media_type,))

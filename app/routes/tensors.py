"""Tensors of a session by name, their values and their gradients."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from app.calls import JSON, NPY, RAW
from app.routes.forwarding import forward, json_body, new_router

router = new_router("tensors")

TENSORS = "/v1/sessions/{session}/tensors"
TENSOR = TENSORS + "/{tensor}"
OFFERED = (JSON, NPY, RAW)


@router.post(
    TENSORS, status_code=201, openapi_extra=json_body({"name": "w", "data": [[1, 2], [3, 4]], "requires_grad": True})
)
async def create_tensor(request: Request, session: str) -> Response:
    """Make a tensor; 409 if the name is taken.

    The body may also be a file of NumPy's format, `application/x-npy`, with `name` and `requires_grad` in the query.
    """
    return await forward(request, session, "tensor.create", also=NPY)


@router.get(TENSORS)
async def list_tensors(request: Request, session: str) -> Response:
    """List the named tensors (`limit`, `cursor`), or show those of `names` (with `data=true`, their values)."""
    return await forward(request, session, "tensor.list")


@router.put(TENSOR, openapi_extra=json_body({"data": [[1, 1], [1, 1]], "requires_grad": True}))
async def put_tensor(request: Request, session: str, tensor: str) -> Response:
    """Make a tensor of this name, or bind the name again.

    The body may also be a file of NumPy's format, `application/x-npy`, with `requires_grad` in the query.
    """
    return await forward(request, session, "tensor.put", tensor, also=NPY)


@router.get(TENSOR)
async def get_tensor(request: Request, session: str, tensor: str) -> Response:
    """Show a tensor with its values.

    `Accept` may ask for the values alone: `application/x-npy`, a file of NumPy's format, or `application/octet-stream`,
    little-endian and row by row, with their shape and dtype in the headers `X-Tensor-Shape` and `X-Tensor-Dtype`.
    """
    return await forward(request, session, "tensor.get", tensor, offered=OFFERED)


@router.patch(TENSOR, openapi_extra=json_body({"requires_grad": True}))
async def change_tensor(request: Request, session: str, tensor: str) -> Response:
    """Set `requires_grad` or `retains_grad`, or rename."""
    return await forward(request, session, "tensor.patch", tensor)


@router.delete(TENSOR, status_code=204)
async def delete_tensor(request: Request, session: str, tensor: str) -> Response:
    """Unbind a name."""
    return await forward(request, session, "tensor.delete", tensor)


@router.put(TENSOR + "/data", openapi_extra=json_body({"data": [[1, 2], [3, 4]]}))
async def set_tensor_data(request: Request, session: str, tensor: str) -> Response:
    """Overwrite the values in place, as an optimiser does under `no_grad`.

    The body may also be a file of NumPy's format, `application/x-npy`.
    """
    return await forward(request, session, "tensor.set_data", tensor, also=NPY)


@router.get(TENSOR + "/grad")
async def get_gradient(request: Request, session: str, tensor: str) -> Response:
    """Show the gradient; 404 if there is none.

    `Accept` may ask for the values alone, as of a tensor.
    """
    return await forward(request, session, "grad.get", tensor, offered=OFFERED)


@router.put(TENSOR + "/grad", openapi_extra=json_body({"data": [[0, 0], [0, 0]]}))
async def put_gradient(request: Request, session: str, tensor: str) -> Response:
    """Assign the gradient.

    The body may also be a file of NumPy's format, `application/x-npy`.
    """
    return await forward(request, session, "grad.put", tensor, also=NPY)


@router.delete(TENSOR + "/grad", status_code=204)
async def delete_gradient(request: Request, session: str, tensor: str) -> Response:
    """Clear the gradient."""
    return await forward(request, session, "grad.delete", tensor)

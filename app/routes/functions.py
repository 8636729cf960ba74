"""Saved functions of a tenant: save, look at, delete, and call them, for values and derivatives."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from app import body
from app.calls import Call
from app.routes.forwarding import host_of, json_body, new_router, query_of, read_json, respond, tenant_of

router = new_router("functions")

FUNCTIONS = "/v1/functions"
FUNCTION = FUNCTIONS + "/{function}"
ROSENBROCK = {
    "inputs": [{"name": "x", "dtype": "float64", "shape": ["n"]}],
    "steps": [
        {"op": "getitem", "input": "x", "index": ["1:"], "out": "b"},
        {"op": "getitem", "input": "x", "index": [":-1"], "out": "a"},
        {"op": "pow", "input": "a", "exponent": 2, "out": "c"},
        {"op": "sub", "input": "b", "other": "c", "out": "d"},
        {"op": "pow", "input": "d", "exponent": 2, "out": "e"},
        {"op": "rsub", "input": "a", "other": 1, "out": "f"},
        {"op": "pow", "input": "f", "exponent": 2, "out": "g"},
        {"op": "add", "input": "g", "other": "e", "alpha": 100, "out": "h"},
        {"op": "sum", "input": "h", "out": "value"},
    ],
    "outputs": ["value"],
}
POINT = {"args": [[1.5, -0.5, 2.0]]}
ALONG = [[1.0, 0.0, 0.0]]


@router.put(FUNCTION, openapi_extra=json_body(ROSENBROCK))
async def put_function(request: Request, function: str) -> Response:
    """Save a function under this name, or another version of it."""
    return await _hand_on(request, "function.put", function)


@router.get(FUNCTION)
async def get_function(request: Request, function: str) -> Response:
    """Show a function with its program."""
    return await _hand_on(request, "function.get", function)


@router.delete(FUNCTION, status_code=204)
async def delete_function(request: Request, function: str) -> Response:
    """Delete a function; graphs made with it, and functions that call it, keep it."""
    return await _hand_on(request, "function.delete", function)


@router.get(FUNCTIONS)
async def list_functions(request: Request) -> Response:
    """List the functions, a page at a time (`limit`, `cursor`)."""
    return await _hand_on(request, "function.list")


@router.post(FUNCTION + "/call", openapi_extra=json_body(POINT))
async def call_function(request: Request, function: str) -> Response:
    """The outputs for some arguments."""
    return await _hand_on(request, "function.call", function)


@router.post(FUNCTION + "/vjp", openapi_extra=json_body({**POINT, "cotangents": [1.0]}))
async def function_vjp(request: Request, function: str) -> Response:
    """The outputs, and the gradients of the inputs from those of the outputs; `batched` for many at once."""
    return await _hand_on(request, "function.vjp", function)


@router.post(FUNCTION + "/jvp", openapi_extra=json_body({**POINT, "tangents": ALONG}))
async def function_jvp(request: Request, function: str) -> Response:
    """The outputs, and their derivatives along tangents of the inputs."""
    return await _hand_on(request, "function.jvp", function)


@router.post(FUNCTION + "/value_and_grad", openapi_extra=json_body(POINT))
async def function_value_and_grad(request: Request, function: str) -> Response:
    """The value of a scalar function, and its gradients."""
    return await _hand_on(request, "function.value_and_grad", function)


@router.post(FUNCTION + "/jacobian", openapi_extra=json_body(POINT))
async def function_jacobian(request: Request, function: str) -> Response:
    """The Jacobian by each input, of shape output.shape + input.shape."""
    return await _hand_on(request, "function.jacobian", function)


@router.post(FUNCTION + "/hessian", openapi_extra=json_body(POINT))
async def function_hessian(request: Request, function: str) -> Response:
    """The Hessian of a scalar function, block by block."""
    return await _hand_on(request, "function.hessian", function)


@router.post(FUNCTION + "/hvp", openapi_extra=json_body({**POINT, "vectors": ALONG}))
async def function_hvp(request: Request, function: str) -> Response:
    """The product of the Hessian of a scalar function with vectors, and its gradients."""
    return await _hand_on(request, "function.hvp", function)


@router.post(FUNCTION + "/gradcheck", openapi_extra=json_body(POINT))
async def function_gradcheck(request: Request, function: str) -> Response:
    """The gradients in float64 against central differences."""
    return await _hand_on(request, "function.gradcheck", function)


async def _hand_on(request: Request, method: str, name: str | None = None) -> Response:
    """Hand the request to the tenant's library as a call of `method`."""
    headers = body.headers_of(request)
    body.acceptable(headers)
    content = await read_json(request) if request.method in ("POST", "PUT") else b""
    call = Call(method, name, query_of(request), content, headers.get("content-type"))
    key = None if request.method == "GET" else headers.get("idempotency-key")
    if_match = headers.get("if-match")
    outcome = await host_of(request).functions.call(tenant_of(request), call, if_match, key)
    return respond(request, outcome)

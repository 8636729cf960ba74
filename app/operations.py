"""What the OpenAPI document says of each route beyond its path and docstring: body, answers and parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.calls import DOT, NPY, RAW, SVG
from app.schemas import ID, NAME, ref

JSON = "application/json"
BEFORE = "x-before"  # of an operation: steps that its example needs run before it; static/docs.js runs them

TEXT: dict[str, Any] = {"type": "string"}
KEY = r"^[!-~]{1,255}$"  # visible ASCII


def _parameter(name: str, place: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    required = {"required": True} if place == "path" else {}
    return {"name": name, "in": place, "description": description, **required, "schema": schema}


# Parameters by name, as components of the document.
PARAMETERS: dict[str, dict[str, Any]] = {
    "session": _parameter("session", "path", "The id of the session.", {**TEXT, "pattern": ID, "default": "demo"}),
    "tensor": _parameter("tensor", "path", "The name of the tensor.", {**TEXT, "pattern": NAME, "default": "x"}),
    "function": _parameter(
        "function", "path", "The name of the function.", {**TEXT, "pattern": NAME, "default": "rosenbrock"}
    ),
    "optimizer": _parameter(
        "optimizer", "path", "The name of the optimizer.", {**TEXT, "pattern": NAME, "default": "opt"}
    ),
    "op": _parameter("op", "path", "The name of the op, as in PyTorch.", {**TEXT, "default": "add"}),
    "data": _parameter(
        "data", "query", "Whether the answer has values; unless given, where they are few.", {"type": "boolean"}
    ),
    "limit": _parameter("limit", "query", "How many to list at most.", {"type": "integer", "minimum": 1}),
    "cursor": _parameter("cursor", "query", "The `next` of the page before.", TEXT),
    "names": _parameter("names", "query", "Tensors and gradients to show, separated by commas.", TEXT),
    "of": _parameter("tensor", "query", "The tensor whose graph to show; unless given, the session's.", TEXT),
    "format": _parameter(
        "format", "query", "The form of the answer.", {**TEXT, "enum": ["json", "dot", "svg"], "default": "json"}
    ),
    "if-match": _parameter("If-Match", "header", 'Only if this is the version of the session, as `"7"`.', TEXT),
    "idempotency-key": _parameter(
        "Idempotency-Key", "header", "Makes a retry safe: the effect comes once.", {**TEXT, "pattern": KEY}
    ),
}
HEADERS: dict[str, dict[str, Any]] = {
    "ETag": {
        "description": 'The version of the session, as `"7"`, or the hash of the function.',
        "required": True,
        "schema": TEXT,
    },
    "Location": {"description": "The address of what was made.", "required": True, "schema": TEXT},
}
HEADER_REFS: dict[str, dict[str, Any]] = {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS}
BINARY = {"type": "string", "format": "binary"}
CHANGING = ("if-match", "idempotency-key")
PURE = ("data", "idempotency-key")


@dataclass(frozen=True, slots=True)
class Operation:
    """The body and the answer of a route as names of component schemas, its status, and parameters that are no path."""

    answer: str | None = None
    body: str | None = None
    status: int = 200
    parameters: tuple[str, ...] = ()
    media_type: str = JSON
    also: tuple[tuple[int, str], ...] = ()  # further statuses, each with its description
    headers: tuple[str, ...] | None = None  # of the answer; unless given, the version of the session in the path
    binary: bool = False  # whether the answer may be a file or raw values


OPERATIONS: dict[str, Operation] = {
    "create_session": Operation(
        "Session", "CreateSessionRequest", 201, ("idempotency-key",), headers=("ETag", "Location")
    ),
    "list_sessions": Operation("Sessions", parameters=("limit", "cursor")),
    "get_session": Operation("Session"),
    "change_session": Operation("Session", "ChangeSessionRequest", parameters=CHANGING),
    "delete_session": Operation(status=204, parameters=("if-match",), headers=()),
    "create_tensor": Operation("Tensor", "CreateTensorRequest", 201, ("data", *CHANGING)),
    "list_tensors": Operation("Tensors", parameters=("limit", "cursor", "names", "data")),
    "put_tensor": Operation(
        "Tensor", "PutTensorRequest", parameters=("data", *CHANGING), also=((201, "The name was new"),)
    ),
    "get_tensor": Operation("Tensor", parameters=("data",), binary=True),
    "change_tensor": Operation("Tensor", "ChangeTensorRequest", parameters=("data", *CHANGING)),
    "delete_tensor": Operation(status=204, parameters=CHANGING),
    "set_tensor_data": Operation("Tensor", "Literal", parameters=("data", *CHANGING)),
    "get_gradient": Operation("Gradient", parameters=("data",), binary=True),
    "put_gradient": Operation("Gradient", "Literal", parameters=("data", *CHANGING)),
    "delete_gradient": Operation(status=204, parameters=CHANGING),
    "run_op": Operation("OpAnswer", "OpRequest", parameters=("data", *CHANGING)),
    "execute": Operation("ExecAnswer", "ExecRequest", parameters=CHANGING),
    "run_steps": Operation("RunAnswer", "RunRequest", parameters=("data", *CHANGING)),
    "backward": Operation("BackwardAnswer", "BackwardRequest", parameters=("data", *CHANGING)),
    "grad": Operation("GradAnswer", "GradRequest", parameters=("data", *CHANGING)),
    "jacobian": Operation("JacobianAnswer", "JacobianRequest", parameters=("data", *CHANGING)),
    "hessian": Operation("HessianAnswer", "HessianRequest", parameters=("data", *CHANGING)),
    "create_optimizer": Operation("Optimizer", "CreateOptimizerRequest", 201, ("data", *CHANGING)),
    "list_optimizers": Operation("Optimizers", parameters=("limit", "cursor")),
    "get_optimizer": Operation("Optimizer", parameters=("data",)),
    "change_optimizer": Operation("Optimizer", "ChangeOptimizerRequest", parameters=("data", *CHANGING)),
    "delete_optimizer": Operation(status=204, parameters=CHANGING),
    "graph": Operation("Graph", parameters=("of", "format")),
    "put_function": Operation(
        "Function",
        "PutFunctionRequest",
        parameters=CHANGING,
        also=((201, "The name was new"),),
        headers=("ETag", "Location"),
    ),
    "get_function": Operation("Function", headers=("ETag",)),
    "delete_function": Operation(status=204, parameters=CHANGING),
    "list_functions": Operation("Functions", parameters=("limit", "cursor")),
    "call_function": Operation("FunctionCallAnswer", "FunctionCallRequest", parameters=PURE, headers=("ETag",)),
    "function_vjp": Operation("FunctionVjpAnswer", "FunctionVjpRequest", parameters=PURE, headers=("ETag",)),
    "function_jvp": Operation("FunctionJvpAnswer", "FunctionJvpRequest", parameters=PURE, headers=("ETag",)),
    "function_value_and_grad": Operation(
        "FunctionGradAnswer", "FunctionDerivativeRequest", parameters=PURE, headers=("ETag",)
    ),
    "function_jacobian": Operation(
        "FunctionJacobianAnswer", "FunctionDerivativeRequest", parameters=PURE, headers=("ETag",)
    ),
    "function_hessian": Operation("HessianAnswer", "FunctionDerivativeRequest", parameters=PURE, headers=("ETag",)),
    "function_hvp": Operation("FunctionHvpAnswer", "FunctionHvpRequest", parameters=PURE, headers=("ETag",)),
    "function_gradcheck": Operation(
        "FunctionGradcheckAnswer", "FunctionGradcheckRequest", parameters=("idempotency-key",), headers=("ETag",)
    ),
    "healthz": Operation("Health"),
    "readyz": Operation("Health"),
    "info": Operation("Info"),
    "devices": Operation("Devices"),
    "get_ops": Operation("Ops"),
    "get_op": Operation("OpDescription"),
    "metrics": Operation("Text", media_type="text/plain"),
}


def responses_of(operation: Operation, in_session: bool) -> dict[str, Any]:
    """The responses of a route: what it answers, and problems. `in_session`: whether its path names a session."""
    headers = ("ETag",) * in_session if operation.headers is None else operation.headers
    content: dict[str, Any] = {"headers": {name: HEADER_REFS[name] for name in headers}} if headers else {}
    if operation.status != 204:
        schema = {} if operation.answer is None else ref(operation.answer)
        content["content"] = {operation.media_type: {"schema": schema}}
    if operation.answer == "Graph":
        content["content"] |= {kind: {"schema": {"type": "string"}} for kind in (DOT, SVG)}
    if operation.binary:
        content["content"] |= {kind: {"schema": BINARY} for kind in (NPY, RAW)}
    done = {str(operation.status): {"description": "Done", **content}}
    further = {str(status): {"description": text, **content} for status, text in operation.also}
    return {**done, **further, "default": {"$ref": "#/components/responses/Problem"}}

"""What the OpenAPI document says of each route beyond its path and docstring: body, answers and parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.calls import DOT
from app.schemas import ID, NAME, ref

JSON = "application/json"

TEXT: dict[str, Any] = {"type": "string"}


def _parameter(name: str, place: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    required = {"required": True} if place == "path" else {}
    return {"name": name, "in": place, "description": description, **required, "schema": schema}


# Parameters by name, as components of the document.
PARAMETERS: dict[str, dict[str, Any]] = {
    "session": _parameter("session", "path", "The id of the session.", {**TEXT, "pattern": ID, "default": "demo"}),
    "tensor": _parameter("tensor", "path", "The name of the tensor.", {**TEXT, "pattern": NAME, "default": "x"}),
    "op": _parameter("op", "path", "The name of the op, as in PyTorch.", {**TEXT, "default": "add"}),
    "data": _parameter(
        "data", "query", "Whether the answer has values; unless given, where they are few.", {"type": "boolean"}
    ),
    "limit": _parameter("limit", "query", "How many to list at most.", {"type": "integer", "minimum": 1}),
    "cursor": _parameter("cursor", "query", "The `next` of the page before.", TEXT),
    "names": _parameter("names", "query", "Tensors and gradients to show, separated by commas.", TEXT),
    "of": _parameter("tensor", "query", "The tensor whose graph to show; unless given, the session's.", TEXT),
    "format": _parameter(
        "format", "query", "The form of the answer.", {**TEXT, "enum": ["json", "dot"], "default": "json"}
    ),
    "if-match": _parameter("If-Match", "header", 'Only if this is the version of the session, as `"7"`.', TEXT),
    "idempotency-key": _parameter("Idempotency-Key", "header", "Makes a retry safe: the effect comes once.", TEXT),
}
CHANGING = ("if-match", "idempotency-key")


@dataclass(frozen=True, slots=True)
class Operation:
    """The body and the answer of a route as names of component schemas, its status, and parameters that are no path."""

    answer: str | None = None
    body: str | None = None
    status: int = 200
    parameters: tuple[str, ...] = ()
    media_type: str = JSON
    also: tuple[tuple[int, str], ...] = ()  # further statuses, each with its description


OPERATIONS: dict[str, Operation] = {
    "create_session": Operation("Session", "CreateSessionRequest", 201, ("idempotency-key",)),
    "list_sessions": Operation("Sessions", parameters=("limit", "cursor")),
    "get_session": Operation("Session"),
    "change_session": Operation("Session", "ChangeSessionRequest", parameters=CHANGING),
    "delete_session": Operation(status=204, parameters=("if-match",)),
    "create_tensor": Operation("Tensor", "CreateTensorRequest", 201, ("data", *CHANGING)),
    "list_tensors": Operation("Tensors", parameters=("limit", "cursor", "names", "data")),
    "put_tensor": Operation(
        "Tensor", "PutTensorRequest", parameters=("data", *CHANGING), also=((201, "The name was new"),)
    ),
    "get_tensor": Operation("Tensor", parameters=("data",)),
    "change_tensor": Operation("Tensor", "ChangeTensorRequest", parameters=("data", *CHANGING)),
    "delete_tensor": Operation(status=204, parameters=CHANGING),
    "set_tensor_data": Operation("Tensor", "Literal", parameters=("data", *CHANGING)),
    "get_gradient": Operation("Gradient", parameters=("data",)),
    "put_gradient": Operation("Gradient", "Literal", parameters=("data", *CHANGING)),
    "delete_gradient": Operation(status=204, parameters=CHANGING),
    "run_op": Operation("OpAnswer", "OpRequest", parameters=("data", *CHANGING)),
    "run_steps": Operation("RunAnswer", "RunRequest", parameters=("data", *CHANGING)),
    "backward": Operation("BackwardAnswer", "BackwardRequest", parameters=("data", *CHANGING)),
    "grad": Operation("GradAnswer", "GradRequest", parameters=("data", *CHANGING)),
    "jacobian": Operation("JacobianAnswer", "JacobianRequest", parameters=("data", *CHANGING)),
    "hessian": Operation("HessianAnswer", "HessianRequest", parameters=("data", *CHANGING)),
    "graph": Operation("Graph", parameters=("of", "format")),
    "metrics": Operation("Text", media_type="text/plain"),
}


def responses_of(operation: Operation) -> dict[str, Any]:
    """The responses of a route: what it answers, and problems."""
    content: dict[str, Any] = {}
    if operation.status != 204:
        schema = {} if operation.answer is None else ref(operation.answer)
        content = {"content": {operation.media_type: {"schema": schema}}}
    if operation.answer == "Graph":
        content["content"][DOT] = {"schema": {"type": "string"}}
    done = {str(operation.status): {"description": "Done", **content}}
    further = {str(status): {"description": text, **content} for status, text in operation.also}
    return {**done, **further, "default": {"$ref": "#/components/responses/Problem"}}

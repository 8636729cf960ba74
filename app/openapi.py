"""The OpenAPI document: the routes as they are, and every op under a path of its own.

One route serves all ops, so their paths are not the router's: they are made here from the declarations.
"""

from __future__ import annotations

import functools
import re
import threading
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.routing import APIRoute

from app import catalogue
from app.auth import OPEN_PATHS
from app.example_answers import ANSWERS
from app.examples import Example, example_of
from app.families import FAMILIES
from app.function_schemas import FUNCTION_SCHEMAS
from app.operations import BEFORE, HEADER_REFS, HEADERS, JSON, OPERATIONS, PARAMETERS, Operation, responses_of
from app.optimizer_schemas import OPTIMIZER_SCHEMAS
from app.pages import File, file_of
from app.problems import MEDIA_TYPE
from app.schemas import COMPONENTS, any_of, body_schema, ref
from app.session.optimizing import PREFIX
from app.session.parameters import parameters_of
from app.session.special import SPECIALS
from engine.op import registry

DESCRIPTION = """PyTorch-style automatic differentiation over HTTP. Names, arguments and errors are PyTorch's.

To try it out: send the examples of **POST /v1/sessions** and **POST …/run**. They make the session `demo` and in it the
tensors `x` and `y`, as the first calls of the README do. Then every example below works as it is. The arguments of an
op may also be given by position, as `{"args": ["x", 2]}`. Every refusal is a problem with a stable
[code](docs/errors), and changes nothing."""
NOUNS = {
    "service": "Whether the server is well, and what it can do",
    "sessions": "A session holds tensors by name, the graph that connects them, and modes",
    "tensors": "Tensors of a session, their values and gradients",
    "run": "Many steps in one request",
    "exec": "PyTorch code as text",
    "ops": "One step at a time, and the catalogue. The families below have a path for each op; all take `out`, a name "
    "for the result, and `no_grad`",
    "optimizers": "`torch.optim`: what updates tensors by their gradients",
    "autograd": "Backward, gradients, Jacobians, and the graph",
    "functions": "Saved functions: called without a session for values and derivatives, or as steps of one",
}
KEY = {"key": {"type": "http", "scheme": "bearer", "description": "A key that the server was given."}}
OP_PATH = "/v1/sessions/{session}/ops/"
PROBLEM = {
    "description": "A problem (RFC 9457): nothing has changed, `code` says why",
    "content": {MEDIA_TYPE: {"schema": ref("Problem")}},
}
SCHEMAS = {
    **COMPONENTS,
    **FUNCTION_SCHEMAS,
    **OPTIMIZER_SCHEMAS,
    "OpAnswer": any_of(ref("Result"), ref("Results")),
    "Text": {"type": "string"},
}

Document = dict[str, Any]

_MAKING = threading.Lock()


# Ops that answer one tensor or several, as their arguments say; of the others the declaration tells.
ONE_OR_SEVERAL = frozenset(
    {
        *("atleast_1d", "atleast_2d", "atleast_3d", "nonzero", "unique", "unique_consecutive"),
        *(f"nn.functional.{kind}max_pool{dims}d" for kind in ("", "adaptive_") for dims in (1, 2, 3)),
    }
)


def operation_id(route: APIRoute) -> str:
    """The name of a call in the OpenAPI document: the name of its function."""
    return route.name


def op_operation_id(name: str) -> str:
    """The name of an op's call, which differs from the others' also without its case and a last `_`.

    Generators of clients make classes of these names, and drop both.
    """
    found = "op_" + name.replace(".", "_")
    if found.endswith("_"):
        found += "inplace"
    same = found == found.lower() or name.startswith(PREFIX)
    return found if same else f"{found}_property"  # T beside t


def document_of(app: FastAPI) -> File:
    """The document of an application as a file, made when it is first asked for: it takes a while."""
    with _MAKING:
        made: File | None = getattr(app.state, "document", None)
        if made is None:
            made = app.state.document = file_of(orjson.dumps(make_document(app)), "application/json")
        return made


def make_document(app: FastAPI) -> Document:
    """The document of an application whose routes are all there."""
    ops, families = op_paths()
    keys = bool(app.state.settings.keys)  # without them there is nothing to authorize
    return {
        "openapi": "3.1.0",
        "info": {"title": app.title, "version": app.version, "description": DESCRIPTION},
        "servers": [{"url": ".", "description": "where this document is"}],
        "tags": [*({"name": name, "description": text} for name, text in NOUNS.items()), *families],
        "paths": {**route_paths(app), **ops},
        "components": {
            "schemas": {name: _with_example(name, each) for name, each in SCHEMAS.items()},
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "responses": {
                "Problem": PROBLEM,
                **{name: _answer(name, text) for name, text in _OP_ANSWERS.items()},
            },
            **({"securitySchemes": KEY} if keys else {}),
        },
        **({"security": [{"key": []}]} if keys else {}),
    }


def _with_example(name: str, schema: Document) -> Document:
    return {**schema, "examples": [ANSWERS[name]]} if name in ANSWERS else schema


def route_paths(app: FastAPI) -> Document:
    """The paths that the router has."""
    paths: Document = {}
    for route in app.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in sorted(route.methods or ()):
                paths.setdefault(route.path, {})[method.lower()] = _route(route)
    return paths


def _route(route: APIRoute) -> Document:
    operation = OPERATIONS.get(route.name, Operation())
    named = [*re.findall(r"{(\w+)}", route.path), *operation.parameters]
    summary, _, more = route.description.partition("\n")
    shown: Document = {
        "tags": route.tags,
        "summary": summary,
        **({"description": more.strip()} if more else {}),
        "operationId": operation_id(route),
        "parameters": [_parameter(name) for name in named],
        "responses": responses_of(operation, "session" in named),
        **({"security": []} if route.path in OPEN_PATHS else {}),
    }
    extra = route.openapi_extra or {}
    shown |= {BEFORE: extra[BEFORE]} if BEFORE in extra else {}
    body = extra.get("requestBody")
    if body is not None:
        schema = ref(operation.body) if operation.body else {"type": "object"}
        content = {kind: {**each, "schema": schema} for kind, each in body["content"].items()}
        shown["requestBody"] = {**body, "content": content}
    return shown


def _parameter(name: str) -> Document:
    return {"$ref": f"#/components/parameters/{name}"}


# -- the ops --------------------------------------------------------------------------------------------------------

_OP_ANSWERS = {"Result": "The result", "Results": "The results", "OpAnswer": "The result or results"}
_OP_PARAMETERS = [_parameter(name) for name in ("session", "data", "if-match", "idempotency-key")]


def _answer(name: str, text: str) -> Document:
    return {"description": text, "headers": {"ETag": HEADER_REFS["ETag"]}, "content": {JSON: {"schema": ref(name)}}}


@functools.cache
def op_paths() -> tuple[Document, list[Document]]:
    """The path of every op, family by family, and the families as tags."""
    listed = sorted(catalogue.list_ops(), key=lambda each: (FAMILIES.index(each["family"]), each["name"]))
    paths = {f"{OP_PATH}{each['name']}": {"post": _op(each["name"], each["family"])} for each in listed}
    counts: dict[str, int] = {}
    for each in listed:
        counts[each["family"]] = counts.get(each["family"], 0) + 1
    tags = [{"name": tag_of(name), "description": f"{count} ops"} for name, count in counts.items()]
    return paths, tags


def tag_of(family: str) -> str:
    """The tag of a family of ops."""
    return f"ops: {family}"


def _op(name: str, family: str) -> Document:
    described = catalogue.describe(name)
    example = example_of(name)
    special = SPECIALS.get(name)
    parameters = [special.parameters] if special else [parameters_of(op) for op in registry[name].ops]
    bodies = [body_schema(each) for each in parameters]
    content = {"schema": bodies[0] if len(bodies) == 1 else any_of(*bodies), "example": example.body}
    return {
        **({BEFORE: example.before} if example.before else {}),
        "tags": [tag_of(family)],
        "summary": described["doc"].partition("\n")[0],
        "description": _description(described, example),
        "operationId": op_operation_id(name),
        "parameters": _OP_PARAMETERS,
        "requestBody": {"required": True, "content": {JSON: content}},
        "responses": {
            "200": {"$ref": f"#/components/responses/{answer_of(name)}"},
            "default": {"$ref": "#/components/responses/Problem"},
        },
    }


def answer_of(name: str) -> str:
    """The schema of an op's answer: Result, Results, or OpAnswer where it may be either."""
    signatures = catalogue.describe(name)["signatures"]
    several = {each["returns_list"] or len(each["outputs"]) > 1 for each in signatures}
    if len(several) > 1 or name in ONE_OR_SEVERAL:
        return "OpAnswer"
    return "Results" if several == {True} else "Result"


def _description(described: dict[str, Any], example: Example) -> str:
    """The rest of the documentation, what an op differentiates, its other names, and what its example needs."""
    rest = described["doc"].partition("\n")[2].strip()
    first = described["signatures"][0]
    notes = [rest] if rest else []
    if first["differentiable"]:
        notes.append(f"Differentiable in {_names(first['differentiable'])}.")
    if len(first["outputs"]) > 1:
        notes.append(f"Results: {_names(first['outputs'])}.")
    if described["inplace"]:
        notes.append(f"In place: `{described['inplace']}`.")
    if described["aliases"]:
        notes.append(f"Also {_names(described['aliases'])}.")
    if example.before:
        steps = orjson.dumps({"steps": example.before}).decode()
        notes.append(f"Before the example, **Execute** on this page runs `{steps}`.")
    return "\n\n".join(notes)


def _names(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)

"""The component schemas of the OpenAPI document, written by hand, and of a step's body from its declaration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app import codec
from app.problems import KINDS
from app.session.parameters import Extra, Parameter
from engine import dtypes
from engine.kinds import REQUIRED, Kind

Schema = dict[str, Any]

NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"
ID = r"^[A-Za-z0-9_-]{1,64}$"
NULL: Schema = {"type": "null"}


def ref(name: str) -> Schema:
    """A reference to a component schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def any_of(*members: Schema, **more: Any) -> Schema:
    """A schema of alternatives."""
    return {"anyOf": list(members), **more}


def listed(items: Schema, **more: Any) -> Schema:
    """A list of these."""
    return {"type": "array", "items": items, **more}


def closed(required: Iterable[str], properties: Schema, **more: Any) -> Schema:
    """An object of a request, which has no other fields."""
    return {
        "type": "object",
        "properties": properties,
        **({"required": found} if (found := list(required)) else {}),
        "additionalProperties": False,
        **more,
    }


def answered(properties: Schema, optional: Iterable[str] = (), **more: Any) -> Schema:
    """An object of an answer, with all of its fields but the optional ones."""
    left_out = set(optional)
    required = [name for name in properties if name not in left_out]
    return {"type": "object", "properties": properties, "required": required, **more}


NON_FINITE: Schema = ref("NonFinite")
BOOL: Schema = {"type": "boolean"}
INT: Schema = {"type": "integer"}
TEXT: Schema = {"type": "string"}
NAME_OF: Schema = {"type": "string", "pattern": NAME}
INTS: Schema = listed(INT)
TTL = "Seconds without a request after which the session is freed."
OUT: Schema = any_of(NAME_OF, NULL, listed(any_of(NAME_OF, NULL)), description="What to call the result or results.")
TENSOR_BODY: Schema = {
    "data": ref("Data"),
    "dtype": any_of(ref("Dtype"), NULL),
    "device": any_of(ref("Device"), NULL),
    "requires_grad": {"type": "boolean", "default": False},
    "shape": any_of(INTS, NULL),
}
_GRADIENT: Schema = {
    "name": {"type": ["string", "null"], "description": "The name it was addressed by, else its earliest."},
    "shape": INTS,
    "dtype": ref("Dtype"),
    "device": ref("Device"),
    "requires_grad": BOOL,
    "is_leaf": BOOL,
    "grad_fn": {"type": ["string", "null"], "examples": ["AddBackward0"]},
    "retains_grad": BOOL,
    "version": {"type": "integer", "description": "How often the values were changed in place."},
    "data": any_of(ref("Values"), NULL, description="Nested lists; null where there are too many for this answer."),
}
_DIFFERENTIATE: Schema = {"create_graph": {"type": "boolean", "default": False}}
_LONE: tuple[Schema, ...] = (TEXT, {"type": "number"}, BOOL, ref("Complex"), ref("Literal"))
_ROOTS: Schema = ref("Roots")
_OPTIONAL_ROOTS: Schema = any_of(*_LONE, listed(any_of(ref("TensorArgument"), NULL)), NULL)

VALUES: dict[str, Schema] = {
    "Dtype": {"type": "string", "enum": [each.name for each in dtypes.ALL]},
    "FloatDtype": {"type": "string", "enum": [each.name for each in dtypes.ALL if each.is_floating_point]},
    "Device": {"type": "string", "pattern": r"^[a-z]+(:\d+)?$", "examples": ["cpu"]},
    "NonFinite": {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]},
    "Number": any_of(
        {"type": "number"}, BOOL, NON_FINITE, ref("Complex"), description="A Python scalar: real, boolean or complex."
    ),
    "Real": any_of({"type": "number"}, NON_FINITE, description="A number, or NaN and the infinities as texts."),
    "Complex": closed(["complex"], {"complex": listed(ref("Real"), minItems=2, maxItems=2)}),
    "Values": any_of(
        {"type": "number"},
        BOOL,
        NON_FINITE,
        listed({}),  # of these again, which generators of clients cannot follow
        description="A number or nested lists of numbers; a complex value is a pair `[re, im]`.",
    ),
    "NumbersLiteral": closed(
        ["data"],
        {"data": ref("Values"), "dtype": ref("Dtype"), "device": ref("Device"), "shape": INTS},
        description="With `shape`, `data` is any nesting of exactly that many numbers.",
    ),
    "BytesLiteral": closed(
        ["b64", "shape", "dtype"],
        {"b64": {"type": "string", "contentEncoding": "base64"}, "shape": INTS, "dtype": ref("Dtype")},
        description="The little-endian bytes of the values in row-major order.",
    ),
    "Literal": any_of(
        ref("NumbersLiteral"), ref("BytesLiteral"), description="A tensor as JSON: its numbers, or their bytes."
    ),
    "Data": any_of(ref("Values"), ref("Complex"), ref("Literal")),
    "TensorArgument": any_of(
        {"type": "string", "title": "name", "description": "A tensor of the session, or its gradient as `NAME.grad`."},
        {"type": "number", "title": "number"},
        {"type": "boolean", "title": "boolean"},
        ref("Complex"),
        listed(ref("Values"), title="constant"),
        ref("Literal"),
        description="A tensor: by name, as a Python scalar, as nested lists, or as a literal.",
    ),
    "Roots": any_of(
        *_LONE,
        listed(ref("TensorArgument")),
        description="A tensor, or a list with one entry per tensor: here a list is never the values of one.",
    ),
    "Index": listed(
        any_of(INT, TEXT, NULL, BOOL, listed({}), ref("Literal")),
        description="As in `x[0, 1:3, ..., None]`: integers, slices such as `1:3`, `...`, null for a new axis, nested "
        "integer or boolean lists, tensors by name or as literals.",
    ),
    "Ints": any_of(INT, INTS),
    "Out": OUT,
    "NoGrad": {"type": "boolean", "default": False, "description": "Run the step under `no_grad`."},
}
OBJECTS: dict[str, Schema] = {
    "Session": answered(
        {
            "id": {"type": "string", "pattern": ID},
            "device": ref("Device"),
            "dtype": ref("FloatDtype"),
            "grad_enabled": BOOL,
            "version": {"type": "integer", "description": "Rises by one with every call that changes something."},
            "tensors": INT,
            "nodes": {"type": "integer", "description": "Live nodes of the graph."},
            "bytes": INT,
            "created_at": {"type": "string", "format": "date-time"},
            "expires_at": {"type": "string", "format": "date-time"},
        }
    ),
    "Sessions": answered({"sessions": listed(ref("Session")), "next": {"type": ["string", "null"]}}),
    "Gradient": answered(_GRADIENT, description="A tensor that is a gradient."),
    "Tensor": answered({**_GRADIENT, "grad": any_of(ref("Gradient"), NULL)}, optional=["grad"]),
    "Tensors": answered({"tensors": listed(ref("Tensor")), "next": {"type": ["string", "null"]}}),
    "Result": answered(
        {"result": any_of(ref("Tensor"), NULL), "value": {"description": "A result that is no tensor."}},
        optional=["value"],
    ),
    "Results": answered({"results": listed(any_of(ref("Tensor"), NULL))}),
    "ExecAnswer": answered(
        {
            "stdout": {"type": "string", "description": "What the code printed, as PyTorch prints it."},
            "result": {"description": "The last expression: a tensor object, a value, or the text it prints as."},
            "text": {"type": ["string", "null"], "description": "The `repr` of the last expression."},
            "tensors": {"type": "object", "additionalProperties": ref("Tensor")},
            "version": INT,
        }
    ),
    "RunAnswer": answered(
        {
            "version": INT,
            "tensors": {"type": "object", "additionalProperties": any_of(ref("Tensor"), NULL)},
            "values": {"type": "object", "description": "Results that are no tensors, by the index of their step."},
        },
        optional=["values"],
    ),
    "BackwardAnswer": answered({"grads": {"type": "object", "additionalProperties": ref("Gradient")}}),
    "GradAnswer": answered({"grads": listed(any_of(ref("Tensor"), NULL))}),
    "JacobianAnswer": answered({"jacobians": listed(ref("Tensor"))}),
    "HessianAnswer": answered({"hessians": listed(listed(ref("Tensor")))}),
    "Graph": answered(
        {
            "nodes": listed(ref("Node")),
            "edges": listed(answered({"from": INT, "to": INT, "input_nr": INT})),
            "roots": {
                "type": "object",
                "additionalProperties": INT,
                "description": "The node of each tensor that was asked for, by its name.",
            },
        }
    ),
    "Node": answered(
        {
            "id": INT,
            "name": {"type": "string", "examples": ["MulBackward0", "AccumulateGrad"]},
            "saved": any_of(
                listed(answered({"name": TEXT, "shape": INTS, "dtype": ref("Dtype")})),
                NULL,
                description="What it keeps for backward; null once that is freed.",
            ),
            "variable": {"type": ["string", "null"], "description": "Of AccumulateGrad: the name of the leaf."},
            "shape": listed(INT, description="Of AccumulateGrad: the leaf's."),
        },
        optional=["variable", "shape"],
    ),
    "Health": answered({"status": TEXT}),
    "Info": answered(
        {
            "version": TEXT,
            "devices": listed(TEXT),
            "limits": {"type": "object", "additionalProperties": {"type": "number"}},
            "features": listed(TEXT),
        }
    ),
    "Devices": answered(
        {
            "devices": listed(
                answered(
                    {"name": ref("Device"), "type": TEXT, "model": TEXT, "memory_bytes": INT},
                    optional=["model", "memory_bytes"],
                )
            )
        }
    ),
    "Ops": answered({"ops": listed(ref("OpDescription"))}),
    "OpDescription": answered(
        {
            "name": TEXT,
            "family": TEXT,
            "doc": TEXT,
            "aliases": listed(TEXT),
            "inplace": {"type": ["string", "null"], "description": "The op that does the same in place."},
            "signatures": listed(ref("Signature")),
            "example": ref("Step"),
        }
    ),
    "Signature": answered(
        {
            "doc": TEXT,
            "params": listed(
                answered(
                    {
                        "name": TEXT,
                        "type": TEXT,
                        "required": BOOL,
                        "default": {},
                        "optional": {"type": "boolean", "description": "Whether it may be null."},
                        "keyword_only": BOOL,
                    }
                )
            ),
            "outputs": listed(TEXT),
            "returns_list": BOOL,
            "differentiable": listed(TEXT, description="The inputs that gradients flow to."),
            "view": {"type": "boolean", "description": "Whether the result shares the input's storage."},
        }
    ),
    "Problem": answered(
        {
            "type": {"type": "string", "format": "uri-reference"},
            "title": TEXT,
            "status": INT,
            "detail": {"type": "string", "description": "PyTorch's own text where PyTorch has one."},
            "instance": TEXT,
            "code": {"type": "string", "enum": sorted(KINDS)},
            "op": TEXT,
            "step": {"type": "integer", "description": "Which step of a run."},
            "errors": listed(answered({"field": TEXT, "message": TEXT})),
        },
        optional=["op", "step", "errors"],
        description="A refusal (RFC 9457). It has changed nothing.",
    ),
}
REQUESTS: dict[str, Schema] = {
    "CreateSessionRequest": closed(
        [],
        {
            "id": {"type": ["string", "null"], "pattern": ID, "description": "Unguessable if the server chooses it."},
            "device": any_of(ref("Device"), NULL),
            "dtype": any_of(ref("FloatDtype"), NULL, description="The default dtype."),
            "seed": {"type": ["integer", "null"]},
            "ttl_s": {"type": ["number", "null"], "exclusiveMinimum": 0, "description": TTL},
        },
    ),
    "ChangeSessionRequest": closed(
        [],
        {
            "grad_enabled": BOOL,
            "ttl_s": {"type": "number", "exclusiveMinimum": 0, "description": TTL},
            "dtype": ref("FloatDtype"),
            "seed": INT,
        },
    ),
    "CreateTensorRequest": closed(["data"], {"name": NAME_OF, **TENSOR_BODY}),
    "PutTensorRequest": closed(["data"], TENSOR_BODY),
    "ChangeTensorRequest": closed(
        [],
        {
            "requires_grad": BOOL,
            "retains_grad": {**BOOL, "description": "Only true: it cannot be taken back."},
            "name": NAME_OF,
        },
    ),
    "Step": {
        "type": "object",
        "required": ["op"],
        "properties": {
            "op": {"type": "string", "examples": ["add", "linalg.solve"]},
            "args": {"type": "array", "items": {}, "description": "Arguments by position."},
            "out": ref("Out"),
            "no_grad": ref("NoGrad"),
        },
        "additionalProperties": {"description": "An argument by its name in PyTorch."},
        "description": "One call of an op. `GET /v1/ops/{op}` has its signature.",
    },
    "OpRequest": {
        "type": "object",
        "properties": {"args": {"type": "array", "items": {}}, "out": ref("Out"), "no_grad": ref("NoGrad")},
        "additionalProperties": {"description": "An argument by its name in PyTorch."},
    },
    "ExecRequest": closed(
        ["code"], {"code": {"type": "string", "maxLength": 65536, "description": "The language: docs/exec.md."}}
    ),
    "RunRequest": closed(
        ["steps"],
        {
            "steps": listed(ref("Step")),
            "return": listed(TEXT, description="Names to answer when the run has ended; else the last step's results."),
            "no_grad": {"type": "boolean", "default": False},
        },
    ),
    "BackwardRequest": closed(
        ["tensors"],
        {
            "tensors": _ROOTS,
            "grad_tensors": _OPTIONAL_ROOTS,
            "retain_graph": {"type": ["boolean", "null"], "description": "As `create_graph` unless given."},
            **_DIFFERENTIATE,
            "inputs": any_of(_ROOTS, NULL, description="The leaves to accumulate into; else all."),
        },
    ),
    "GradRequest": closed(
        ["outputs", "inputs"],
        {
            "outputs": _ROOTS,
            "inputs": _ROOTS,
            "grad_outputs": _OPTIONAL_ROOTS,
            "retain_graph": {"type": ["boolean", "null"]},
            **_DIFFERENTIATE,
            "allow_unused": {"type": ["boolean", "null"]},
            "is_grads_batched": {"type": "boolean", "default": False},
            "materialize_grads": {"type": "boolean", "default": False},
            "out": ref("Out"),
        },
    ),
    "JacobianRequest": closed(
        ["output", "inputs"], {"output": ref("TensorArgument"), "inputs": _ROOTS, **_DIFFERENTIATE, "out": ref("Out")}
    ),
    "HessianRequest": closed(
        ["output", "inputs"],
        {
            "output": ref("TensorArgument"),
            "inputs": _ROOTS,
            **_DIFFERENTIATE,
            "out": any_of(NULL, TEXT, listed(listed(NAME_OF))),
        },
    ),
}
COMPONENTS: dict[str, Schema] = {**OBJECTS, **REQUESTS, **VALUES}

KIND_SCHEMAS: dict[Kind | Extra, Schema] = {
    Kind.TENSOR: ref("TensorArgument"),
    Kind.OPERAND: ref("TensorArgument"),
    Kind.TENSORS: listed(ref("TensorArgument")),
    Kind.NUMBER: ref("Number"),
    Kind.INT: INT,
    Kind.FLOAT: ref("Real"),
    Kind.BOOL: BOOL,
    Kind.STR: TEXT,
    Kind.DIMS: ref("Ints"),
    Kind.SIZE: ref("Ints"),
    Kind.DTYPE: ref("Dtype"),
    Kind.DEVICE: ref("Device"),
    Kind.INDEX: ref("Index"),
    Kind.DATA: ref("Data"),
    Extra.ROOTS: _ROOTS,
    Extra.RAW: ref("TensorArgument"),
    Extra.SETTING: any_of(ref("Number"), listed(any_of(ref("Number"), NULL)), TEXT),
    Extra.SHAPE: INTS,
    Extra.SHAPES: listed(INTS),
    Extra.NAME: NAME_OF,
    Extra.NAMES: listed(TEXT),
    Extra.PAIR: listed(ref("Real"), minItems=2, maxItems=2),
    Extra.PARAMS: ref("Params"),
    Extra.OPTIONS: {"type": "object"},
    Extra.STEPS: listed(ref("Step")),
    Extra.PLACES: listed(any_of(ref("TensorArgument"), NULL)),
    Extra.TWO: ref("Ints"),
    Extra.SPACING: any_of(ref("TensorArgument"), listed(ref("TensorArgument"))),
}


def body_schema(parameters: Iterable[Parameter]) -> Schema:
    """The body of a step with these parameters, each by its name."""
    given = list(parameters)
    properties = {each.name: parameter_schema(each) for each in given}
    required = [each.name for each in given if each.default is REQUIRED]
    return closed(required, {**properties, "out": ref("Out"), "no_grad": ref("NoGrad")})


def parameter_schema(parameter: Parameter) -> Schema:
    """The values that a parameter takes, with its default."""
    schema = KIND_SCHEMAS.get(parameter.kind, {})
    if parameter.optional and schema:
        plain = isinstance(schema.get("type"), str) and len(schema) == 1
        schema = {"type": [schema["type"], "null"]} if plain else any_of(schema, NULL)
    if parameter.default is REQUIRED or parameter.default is None:
        return schema
    return {**schema, "default": codec.plain(parameter.default)}

"""The component schemas of saved functions, for the OpenAPI document."""

from __future__ import annotations

from app.schemas import BOOL, INT, NAME_OF, NULL, TEXT, Schema, answered, any_of, closed, listed, ref

_PATTERN: Schema = listed(
    any_of({"type": "integer", "minimum": 0}, NULL, NAME_OF),
    description="An entry for each dimension: a size, null for any, or a name that stands for one size throughout.",
)
_ARGUMENT: Schema = any_of(ref("Number"), listed({}, title="constant"), ref("Literal"))
_ARGS: Schema = {
    "args": any_of(
        listed(_ARGUMENT),
        {"type": "object", "additionalProperties": _ARGUMENT},
        description="The arguments in order, or each by its name.",
    )
}
_WRT: Schema = {
    "wrt": any_of(
        listed(any_of(NAME_OF, INT)), NAME_OF, INT, NULL, description="Inputs to differentiate by; unless given, all."
    )
}
_TENSORS: Schema = listed(ref("Tensor"))
_ALONG: Schema = listed(any_of(_ARGUMENT, NULL), description="One for each input to differentiate by.")
_TOLERANCE: Schema = {"type": "number", "minimum": 0, "maximum": 1}

FUNCTION_SCHEMAS: dict[str, Schema] = {
    "FunctionInput": closed(
        ["name"], {"name": NAME_OF, "dtype": any_of(ref("Dtype"), NULL), "shape": any_of(_PATTERN, NULL)}
    ),
    "FunctionBackward": closed(
        ["inputs", "steps", "outputs"],
        {
            "inputs": listed(NAME_OF, description="A name for the gradient of each output."),
            "steps": listed(ref("Step")),
            "outputs": listed(any_of(NAME_OF, NULL), description="The gradient of each input, or null."),
            "saved": listed(NAME_OF, description="Names of forward that the steps may use."),
        },
        description="A custom gradient, as `torch.autograd.Function` has one.",
    ),
    "PutFunctionRequest": closed(
        [],
        {
            "source": any_of(TEXT, NULL, description="One `def` in the language of exec."),
            "inputs": any_of(listed(ref("FunctionInput")), NULL),
            "steps": any_of(listed(ref("Step")), NULL),
            "outputs": any_of(listed(NAME_OF), NULL),
            "backward": any_of(ref("FunctionBackward"), NULL),
        },
        description="Either `source`, or `inputs`, `steps` and `outputs`.",
    ),
    "Function": answered(
        {
            "name": NAME_OF,
            "hash": {"type": "string", "description": "Of what it computes, with all that it calls; also its ETag."},
            "inputs": listed(
                answered(
                    {
                        "name": NAME_OF,
                        "dtype": any_of(ref("Dtype"), NULL),
                        "shape": any_of(_PATTERN, NULL),
                        "option": {"type": "boolean", "description": "Whether it has a default."},
                    },
                    optional=["option"],
                )
            ),
            "outputs": any_of(listed(NAME_OF), NULL),
            "custom_gradient": BOOL,
            "calls": {"type": "object", "additionalProperties": TEXT, "description": "The hashes of what it calls."},
            "bytes": INT,
            "created_at": {"type": "string", "format": "date-time"},
            "updated_at": {"type": "string", "format": "date-time"},
            "source": TEXT,
            "steps": listed(ref("Step")),
            "backward": ref("FunctionBackward"),
        },
        optional=["source", "steps", "backward"],
    ),
    "Functions": answered({"functions": listed(ref("Function")), "next": {"type": ["string", "null"]}}),
    "FunctionCallRequest": closed([], _ARGS),
    "FunctionDerivativeRequest": closed([], {**_ARGS, **_WRT}),
    "FunctionVjpRequest": closed(
        [],
        {
            **_ARGS,
            **_WRT,
            "cotangents": any_of(
                listed(any_of(_ARGUMENT, NULL)),
                NULL,
                description="The gradient of each output; null is one of a scalar.",
            ),
            "batched": {"type": "boolean", "default": False, "description": "With a leading axis of cotangents."},
        },
    ),
    "FunctionJvpRequest": closed(["tangents"], {**_ARGS, **_WRT, "tangents": _ALONG}),
    "FunctionHvpRequest": closed(["vectors"], {**_ARGS, **_WRT, "vectors": _ALONG}),
    "FunctionGradcheckRequest": closed(
        [],
        {
            **_ARGS,
            **_WRT,
            "eps": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": 1e-6},
            "atol": {**_TOLERANCE, "default": 1e-5},
            "rtol": {**_TOLERANCE, "default": 1e-3},
        },
    ),
    "FunctionCallAnswer": answered({"outputs": _TENSORS}),
    "FunctionVjpAnswer": answered({"outputs": _TENSORS, "grads": _TENSORS}),
    "FunctionJvpAnswer": answered({"outputs": _TENSORS, "tangents": listed(any_of(ref("Tensor"), NULL))}),
    "FunctionGradAnswer": answered({"value": ref("Tensor"), "grads": _TENSORS}),
    "FunctionJacobianAnswer": answered(
        {"jacobians": any_of(_TENSORS, listed(_TENSORS), description="By input; by output first if there are several.")}
    ),
    "FunctionHvpAnswer": answered({"hvp": _TENSORS, "grads": _TENSORS}),
    "FunctionGradcheckAnswer": answered(
        {
            "ok": BOOL,
            "max_abs_error": {"type": "number"},
            "max_rel_error": {"type": "number"},
            "worst": any_of(
                answered(
                    {
                        "output": {"type": "integer", "description": "Which of the outputs that have gradients."},
                        "output_index": listed(INT),
                        "input": NAME_OF,
                        "input_index": listed(INT),
                        "analytical": ref("Values"),
                        "numerical": ref("Values"),
                    }
                ),
                NULL,
                description="The entry of a Jacobian that differs most.",
            ),
        }
    ),
}

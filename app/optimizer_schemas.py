"""The component schemas of optimizers: the options of each type come from its declaration."""

from __future__ import annotations

from app.schemas import INT, NAME_OF, NULL, Schema, answered, any_of, closed, listed, parameter_schema, ref
from app.session.optimizing import TYPES, options_of

GROUP: Schema = {
    "type": "object",
    "properties": {"params": listed({"type": ["string", "null"], "description": "null where no name is left."})},
    "required": ["params"],
    "additionalProperties": {"description": "An option by its name in PyTorch."},
}
_ARRAY: Schema = any_of(ref("Gradient"), ref("Real"), NULL)


def _options(name: str) -> Schema:
    return {each.name: parameter_schema(each) for each in options_of(TYPES[name])}


def _created(name: str) -> Schema:
    """The body that makes an optimizer of one type."""
    required = ["name", "type", "params"]
    fields = {"name": NAME_OF, "type": {"const": name}, "params": ref("Params"), **_options(name)}
    return closed(required, fields, title=name)


def _changed() -> Schema:
    """The body that changes options: those of any type, since the path names an optimizer and not its type."""
    options: Schema = {}
    for name in TYPES:
        for option, schema in _options(name).items():
            options.setdefault(option, {key: value for key, value in schema.items() if key != "default"})
    return closed([], {"group": {**INT, "description": "Which parameter group; all unless given."}, **options})


OPTIMIZER_SCHEMAS: dict[str, Schema] = {
    "Params": any_of(
        NAME_OF,
        listed(any_of(NAME_OF, ref("ParamGroup"))),
        description="Tensors by name, or parameter groups; names beside each other are one group.",
    ),
    "ParamGroup": {
        "type": "object",
        "properties": {"params": any_of(NAME_OF, listed(NAME_OF))},
        "required": ["params"],
        "additionalProperties": {"description": "An option that differs from the optimizer's."},
    },
    "Optimizer": answered(
        {
            "name": NAME_OF,
            "type": {"type": "string", "enum": list(TYPES)},
            "param_groups": listed(GROUP),
            "state": {
                "type": "object",
                "additionalProperties": {"type": "object", "additionalProperties": any_of(_ARRAY, listed(_ARRAY))},
                "description": "As in `state_dict`: by the number of the parameter, then by what PyTorch calls it.",
            },
        },
        optional=["state"],
    ),
    "Optimizers": answered({"optimizers": listed(ref("Optimizer")), "next": {"type": ["string", "null"]}}),
    "CreateOptimizerRequest": any_of(*map(_created, TYPES)),
    "ChangeOptimizerRequest": _changed(),
}

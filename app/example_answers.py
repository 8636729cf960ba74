"""Whole answers to show in the OpenAPI document, by the schema they are of.

They are those of the session `demo` after the document's examples of `POST /v1/sessions` and `POST …/run`, to which the
tests compare them.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

_ONES = [[1.0, 1.0], [1.0, 1.0]]
_CPU: Json = {"dtype": "float32", "device": "cpu"}
_MADE: Json = {**_CPU, "requires_grad": True, "is_leaf": False, "retains_grad": False, "version": 0, "grad": None}
_LEAF: Json = {"requires_grad": False, "is_leaf": True, "grad_fn": None, "retains_grad": False}

SUM: Json = {"name": "s", "shape": [], **_MADE, "grad_fn": "SumBackward0", "data": 12.0}
TENSOR: Json = {"name": "y", "shape": [2, 2], **_MADE, "grad_fn": "AddBackward0", "data": [[3.0, 3.0], [3.0, 3.0]]}
GRADIENT: Json = {"name": "x.grad", "shape": [2, 2], **_CPU, **_LEAF, "version": 1, "data": _ONES}

ANSWERS: dict[str, Json] = {
    "Session": {
        "id": "demo",
        "device": "cpu",
        "dtype": "float32",
        "grad_enabled": True,
        "version": 0,
        "tensors": 0,
        "nodes": 0,
        "bytes": 0,
        "created_at": "2030-01-01T12:00:00.000Z",
        "expires_at": "2030-01-01T13:00:00.000Z",
    },
    "Tensor": TENSOR,
    "Gradient": GRADIENT,
    "Result": {"result": TENSOR},
    "RunAnswer": {"version": 1, "tensors": {"s": SUM, "x.grad": GRADIENT}},
    "BackwardAnswer": {"grads": {"x": {**GRADIENT, "version": 2, "data": [[2.0, 2.0], [2.0, 2.0]]}}},
    "Graph": {
        "nodes": [
            {"id": 1, "name": "SumBackward0", "saved": []},
            {"id": 2, "name": "AddBackward0", "saved": []},
            {"id": 3, "name": "AccumulateGrad", "saved": [], "variable": "x", "shape": [2, 2]},
        ],
        "edges": [{"from": 1, "to": 2, "input_nr": 0}, {"from": 2, "to": 3, "input_nr": 0}],
        "roots": {"s": 1},
    },
    "Problem": {
        "type": "/docs/errors#shape_mismatch",
        "title": "Shapes do not fit",
        "status": 422,
        "detail": "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 1",
        "instance": "/v1/sessions/demo/ops/add",
        "code": "shape_mismatch",
        "op": "add",
    },
}

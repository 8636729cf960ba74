"""PyTorch's autograd tutorial through the generated Python client: prints what it saw as JSON.

Run by `test_generated.py`, which puts the client beside it as the package `autograd_api`.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from autograd_api import Client
from autograd_api.api.autograd import backward, grad, graph, jacobian
from autograd_api.api.ops import get_op
from autograd_api.api.ops_arithmetic import op_add, op_add_inplace, op_mul
from autograd_api.api.ops_conversion_and_properties import op_t_property
from autograd_api.api.ops_reductions import op_mean
from autograd_api.api.run import run_steps
from autograd_api.api.sessions import create_session, delete_session, get_session
from autograd_api.api.tensors import create_tensor, get_gradient, get_tensor
from autograd_api.models import (
    BackwardRequest,
    CreateSessionRequest,
    CreateTensorRequest,
    GradRequest,
    JacobianRequest,
    OpAddBody,
    OpAddInplaceBody,
    OpMeanBodyType0,
    OpMulBody,
    OpTPropertyBody,
    Problem,
    RunRequest,
    Step,
)


def main(url: str) -> dict[str, Any]:
    """The tutorial's values, by what they are."""
    seen: dict[str, Any] = {}
    with Client(base_url=url, raise_on_unexpected_status=True) as client:
        made = create_session.sync(client=client, body=CreateSessionRequest(seed=0))
        s = made.id
        ones = CreateTensorRequest(name="x", data=[[1, 1], [1, 1]], requires_grad=True)
        seen["x"] = create_tensor.sync(s, client=client, body=ones).data

        y = op_add.sync(s, client=client, body=OpAddBody(input_="x", other=2, out="y")).result
        op_mul.sync(s, client=client, body=OpMulBody(input_="y", other="y", out="yy"))
        op_mul.sync(s, client=client, body=OpMulBody(input_="yy", other=3, out="z"))
        out = op_mean.sync(s, client=client, body=OpMeanBodyType0(input_="z", out="out")).result
        seen["y"], seen["out"] = [y.grad_fn, y.data], [out.grad_fn, out.data]

        partial = GradRequest(outputs="out", inputs=["y"], retain_graph=True)
        seen["grad of y"] = [each.data for each in grad.sync(s, client=client, body=partial).grads]
        found = backward.sync(s, client=client, body=BackwardRequest(tensors="out"))
        seen["grads"] = {name: found.grads[name].data for name in found.grads.additional_keys}
        seen["x.grad"] = get_gradient.sync(s, "x", client=client).data

        again = backward.sync_detailed(s, client=client, body=BackwardRequest(tensors="out"))
        assert isinstance(again.parsed, Problem)
        seen["again"] = [int(again.status_code), again.parsed.code.value]

        added = op_add_inplace.sync(s, client=client, body=OpAddInplaceBody(input_="x", other=1, no_grad=True))
        seen["x afterwards"] = [added.result.data, added.result.version]
        turned = op_t_property.sync(s, client=client, body=OpTPropertyBody(input_=[[1, 2], [3, 4]]))
        seen["turned"] = turned.result.data

        steps = [
            step("tensor", data=[1.0, 2.0], requires_grad=True, out="v"),
            step("mul", input="v", other="v", out="w"),
        ]
        answer = run_steps.sync(s, client=client, body=RunRequest(steps=steps, return_=["w"]))
        seen["run"] = answer.tensors["w"].data
        jacobians = jacobian.sync(s, client=client, body=JacobianRequest(output="w", inputs="v")).jacobians
        seen["jacobian"] = jacobians[0].data
        seen["graph"] = [node.name for node in graph.sync(s, client=client, tensor="w").nodes]

        versioned = get_session.sync_detailed(s, client=client)
        seen["ETag"] = versioned.headers["etag"] == f'"{versioned.parsed.version}"'
        seen["op"] = get_op.sync("mul", client=client).signatures[0].differentiable
        missing = get_tensor.sync(s, "nobody", client=client)
        assert isinstance(missing, Problem)
        seen["missing"] = missing.code.value
        seen["deleted"] = int(delete_session.sync_detailed(s, client=client).status_code)
    return seen


def step(op: str, *, out: str, **arguments: Any) -> Step:
    """A step with its arguments by name."""
    made = Step(op=op, out=out)
    made.additional_properties = arguments
    return made


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1])))

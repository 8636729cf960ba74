"""Functions written as text give what PyTorch's own transforms give for the same text."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from app.calls import Call
from app.functions.handling import handle
from app.functions.library import Library
from app.limits import Limits

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytestmark = pytest.mark.torch

LIMITS = Limits()
SOURCES = {
    "rosenbrock": "def f(x):\n    return (100*(x[1:]-x[:-1]**2)**2 + (1-x[:-1])**2).sum()",
    "softmax": "def f(x):\n    return -(F.log_softmax(x, 0) * torch.arange(x.numel())).sum()",
    "powers": "def f(x):\n    y = x\n    for k in range(2, 5):\n        y = y + x ** k / k\n"
    "    return (y * y.flip(0)).sum()",
    "branches": "def f(x):\n    return (x ** 3).sum() if x.mean() > 0.5 else x.sin().prod()",
    "accumulated": "def f(x):\n    total = torch.zeros((), dtype=x.dtype)\n    for each in x:\n"
    "        total += each ** 2 * each.sin() + each\n    return total",
    "matrix": "def f(x):\n    a = torch.outer(x, x) + torch.eye(x.numel())\n"
    "    return torch.linalg.slogdet(a)[1] + a.norm()",
    "vector": "def f(x):\n    return torch.stack([x.sum().exp(), (x * x).cumsum(0).prod(), x.max()])",
}
SCALAR = [name for name in SOURCES if name != "vector"]
POINT = [0.3, -0.7, 1.1, 0.4]
ALONG = [1.0, 0.5, -2.0, 0.25]
TIMES = 3  # the last one runs a plan, where there is one


@pytest.fixture(scope="module")
def library() -> Library:
    made = Library(LIMITS)
    for name, source in SOURCES.items():
        handle(made, Call("function.put", name, {}, json.dumps({"source": source}).encode()), LIMITS, lambda _: None)
    return made


def ask(library: Library, name: str, method: str, **fields: Any) -> Any:
    body = {"args": [{"data": POINT, "dtype": "float64"}], **fields}
    call = Call(f"function.{method}", name, {}, json.dumps(body).encode())
    answers = [json.loads(handle(library, call, LIMITS, lambda _: None).body) for _ in range(TIMES)]
    assert answers[0] == answers[1] == answers[2]
    return answers[0]


def theirs(name: str) -> Any:
    """The same text as a function of PyTorch's tensors."""
    names: dict[str, Any] = {"torch": torch, "F": torch.nn.functional}
    exec(SOURCES[name], names)  # the text stands above
    return names["f"]


def point() -> Any:
    return torch.tensor(POINT, dtype=torch.float64)


def agree(made: Any, wanted: Any) -> None:
    np.testing.assert_allclose(made["data"], wanted.detach().numpy(), rtol=1e-9, atol=1e-10)
    assert made["shape"] == list(wanted.shape)


@pytest.mark.parametrize("name", SCALAR)
def test_value_gradient_and_hessian_of_a_scalar(library: Library, name: str) -> None:
    function, x = theirs(name), point().requires_grad_()
    value = function(x)
    answer = ask(library, name, "value_and_grad")
    agree(answer["value"], value)
    agree(answer["grads"][0], torch.autograd.grad(value, x)[0])
    agree(ask(library, name, "hessian")["hessians"][0][0], torch.autograd.functional.hessian(function, point()))
    product = torch.autograd.functional.hvp(function, point(), torch.tensor(ALONG, dtype=torch.float64))[1]
    agree(ask(library, name, "hvp", vectors=[ALONG])["hvp"][0], product)
    checked = ask(library, name, "gradcheck")
    assert checked["ok"] is True
    assert checked["max_abs_error"] < 1e-5


@pytest.mark.parametrize("name", SOURCES)
def test_products_with_the_jacobian(library: Library, name: str) -> None:
    function = theirs(name)
    jacobian = torch.autograd.functional.jacobian(function, point())
    agree(ask(library, name, "jacobian")["jacobians"][0], jacobian)
    along = torch.tensor(ALONG, dtype=torch.float64)
    agree(ask(library, name, "jvp", tangents=[ALONG])["tangents"][0], jacobian @ along)
    cotangent = torch.linspace(0.5, 2.0, max(jacobian.ndim - 1, 0) * 3 or 1, dtype=torch.float64).reshape(
        jacobian.shape[:-1]
    )
    wanted = cotangent @ jacobian if jacobian.ndim > 1 else cotangent * jacobian
    agree(ask(library, name, "vjp", cotangents=[cotangent.tolist()])["grads"][0], wanted)
    rows = ask(library, name, "vjp", cotangents=[[cotangent.tolist()] * 2], batched=True)["grads"][0]
    agree(rows, torch.stack([wanted, wanted]))

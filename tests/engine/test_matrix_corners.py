"""Matrices, transforms and norms where there is nothing to compute, or next to nothing: what PyTorch 2.13 gives."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

import engine
from engine.modes import Context, activate

NAN, INF = math.nan, math.inf
Answer = tuple[str, tuple[int, ...], Any]

# Calls with the dtype, shape and values that torch gave.
CALLS: dict[str, Answer] = {
    "bmm(zeros(0, 2, 3), zeros(0, 3, 4, dtype=float64))": ("float64", (0, 2, 4), []),
    "bmm(ones(1, 2, 0), ones(1, 0, 2, dtype=int64))": ("int64", (1, 2, 2), [[[0, 0], [0, 0]]]),
    "matmul(zeros(3, 3, dtype=int64), zeros(0, 3, 2))": ("float32", (0, 3, 2), []),
    "baddbmm(ones(1, 2, 2), ones(1, 2, 0), ones(1, 0, 2, dtype=float64))": (
        "float64",
        (1, 2, 2),
        [[[1.0, 1.0], [1.0, 1.0]]],
    ),
    "cdist(ones(2, 3), ones(0, 3, dtype=float64))": ("float32", (2, 0), [[], []]),
    "cdist(ones(2, 0, dtype=float16), ones(2, 0))": ("float16", (2, 2), [[0.0, 0.0], [0.0, 0.0]]),
    "cdist(ones(2, 2, dtype=float16), zeros(1, 2, dtype=float16), 2.0, 'use_mm_for_euclid_dist')": (
        "float16",
        (2, 1),
        [[1.4140625], [1.4140625]],
    ),
    "norm(ones(2, 2), None)": ("float32", (), 2.0),
    "norm(ones(2, 2), None, 1, True)": ("float32", (2, 1), [[1.4142135381698608], [1.4142135381698608]]),
    "ones(2, 2).norm(2, 1, False, float64)": ("float64", (2,), [1.4142135623730951, 1.4142135623730951]),
    "tensordot(ones(2, 3), ones(3), tensor(1))": ("float32", (2,), [3.0, 3.0]),
    "linalg.cond(zeros(0, 3, dtype=int64), 1)": ("int64", (), 0),
    "linalg.cond(zeros(2, 0, 0), 'fro')": ("float32", (2,), [0.0, 0.0]),
    "linalg.cond(zeros(2, 2), 'nuc')": ("float32", (), NAN),
    "linalg.cond(eye(3), 'nuc')": ("float32", (), 9.0),
    "linalg.pinv(zeros(2, 0, 3), hermitian=True)": ("float32", (2, 3, 0), [[[], [], []], [[], [], []]]),
    "linalg.pinv(zeros(2, 0, 3), rcond=ones(3))": ("float32", (2, 3, 0), [[[], [], []], [[], [], []]]),
    "linalg.pinv(eye(2), atol=tensor([0.5, 2.0]))": (
        "float32",
        (2, 2, 2),
        [[[1.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]],
    ),
    "linalg.matrix_rank(zeros(2, 0, 3), hermitian=True)": ("int64", (2,), [0, 0]),
    "linalg.matrix_rank(zeros(0, 2, 2, dtype=float16), 0.5)": ("int64", (0,), []),
    "linalg.matrix_rank(eye(2), tol=tensor([0.5, 2.0]))": ("int64", (2,), [2, 0]),
    "linalg.det(zeros(2, 0, 0, dtype=float16))": ("float16", (2,), [1.0, 1.0]),
    "linalg.solve(zeros(0, 2, 2, dtype=float16), zeros(0, 2, dtype=float16))": ("float16", (0, 2), []),
    "linalg.solve_ex(eye(2), ones(3, 2, 1)).info": ("int32", (), 0),
    "linalg.solve_ex(zeros(2, 2), ones(3, 2, 1)).info": ("int32", (), 1),
    "linalg.eigvalsh(zeros(2, 0, 0, dtype=int64))": ("int64", (2, 0), [[], []]),
    "linalg.eigh(zeros(0, 2, 2, dtype=bool)).eigenvectors": ("bool", (0, 2, 2), []),
    "linalg.svd(zeros(2, 0, dtype=float16)).U": ("float16", (2, 2), [[1.0, 0.0], [0.0, 1.0]]),
    "linalg.svdvals(zeros(0, 2, 2, dtype=float16))": ("float16", (0, 2), []),
    "linalg.lu_factor(zeros(0, 2), pivot=False).pivots": ("int32", (0,), []),
    "linalg.lu(zeros(0, 2), pivot=False).P": ("float32", (0,), []),
    "linalg.cholesky(zeros(0, 2, 2, dtype=float16))": ("float16", (0, 2, 2), []),
    "linalg.cholesky_ex(tensor([[1.0, 0.0], [nan, 1.0]])).info": ("int32", (), 2),
    "linalg.cholesky_ex(full((2, 2), nan), upper=True).info": ("int32", (), 1),
    "cholesky(zeros(0, 2, 3, dtype=int64))": ("int64", (0, 2, 3), []),
    "cholesky_solve(input=ones(2, 1), input2=eye(2))": ("float32", (2, 1), [[1.0], [1.0]]),
    "linalg.lstsq(input=eye(2), b=ones(2)).solution": ("float32", (2,), [1.0, 1.0]),
    "linalg.tensorsolve(input=eye(2), other=ones(2))": ("float32", (2,), [1.0, 1.0]),
    "linalg.matrix_norm(zeros(0, 3), 2)": ("float32", (), 0.0),
    "stft(ones(4), 2, 1, center=0, return_complex=False)": (
        "float32",
        (2, 3, 2),
        [[[2.0, 0.0], [2.0, 0.0], [2.0, 0.0]], [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]],
    ),
    "stft(ones(1, 4), 2, 1, center=None, window=ones(2), return_complex=False)": (
        "float32",
        (1, 2, 3, 2),
        [[[[2.0, 0.0], [2.0, 0.0], [2.0, 0.0]], [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]]],
    ),
}
# Calls that torch warns of, and how the warning begins.
WARNED = {
    "chain_matmul(eye(2), eye(2))": "torch.chain_matmul is deprecated",
    "cholesky(eye(2))": "torch.cholesky is deprecated in favor of torch.linalg.cholesky",
    "cross(ones(2, 3), ones(2, 3))": "Using torch.cross without specifying the dim arg is deprecated",
    "istft(ones(3, 5, dtype=complex64), 4)": "A window was not provided",
    "lu(eye(2))": "torch.lu is deprecated in favor of torch.linalg.lu_factor",
    "lu_solve(eye(2), *linalg.lu_factor(eye(2)))": "torch.lu_solve is deprecated in favor of torch.linalg.lu_solve",
    "qr(eye(2))": "torch.qr is deprecated in favor of torch.linalg.qr",
    "stft(ones(9), 4, return_complex=True)": "A window was not provided",
    "triangular_solve(eye(2), eye(2))": "torch.triangular_solve is deprecated in favor of torch.linalg",
}


class Names(dict[str, Any]):
    """The names of a module, as a call has them."""

    def __init__(self, torch: Any) -> None:
        super().__init__(nan=NAN)
        self.torch = torch

    def __missing__(self, name: str) -> Any:
        return getattr(self.torch, name)


def ask(call: str, torch: Any) -> Any:
    return eval(call, {}, Names(torch))


def check(call: str, torch: Any) -> None:
    made, (dtype, shape, values) = ask(call, torch), CALLS[call]
    assert str(made.dtype) == f"torch.{dtype}"
    assert tuple(made.shape) == shape
    np.testing.assert_allclose(np.array(made.tolist(), float), np.array(values, float), atol=1e-5)


@pytest.mark.parametrize("call", CALLS)
def test_the_answer_is_torchs(call: str) -> None:
    check(call, engine)


@pytest.mark.parametrize("call", WARNED)
def test_the_warning_is_torchs_and_given_once(call: str) -> None:
    with activate(Context()), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            ask(call, engine)
    assert [str(each.message).startswith(WARNED[call]) for each in caught] == [True]


@pytest.mark.parametrize("name", ["slogdet", "logdet"])
def test_what_a_singular_matrix_has_no_gradient_of(name: str) -> None:
    x = engine.tensor([[1.0, 2.0], [2.0, 4.0]], requires_grad=True)
    made = getattr(engine, name)(x)
    with pytest.raises(engine.linalg.LinAlgError, match=r"torch.linalg.solve: The solver failed because"):
        (made if name == "logdet" else made[1]).backward()
    assert x.grad is None


FACTORS = [[1.0, 2.0, 3.0], [0.5, 0.0, 1.0], [0.25, 0.5, 1.0]]  # of a singular matrix
SINGULAR = {
    (True, False): [[NAN, NAN, -2.0], [NAN, NAN, INF], [NAN, NAN, -INF]],
    (False, True): [[-INF, INF, -4.0], [NAN, NAN, INF], [NAN, NAN, -INF]],
}


def singular_gradient(torch: Any, left: bool, adjoint: bool) -> Any:
    factors = torch.tensor(FACTORS, dtype=torch.float64, requires_grad=True)
    pivots = torch.tensor([1, 2, 3], dtype=torch.int32)
    side = torch.tensor([[1.0, 2.0, 3.0], [2.0, 1.0, 1.0], [1.0, 1.0, 2.0]], dtype=torch.float64)
    made = torch.linalg.lu_solve(factors, pivots, side, left=left, adjoint=adjoint)
    return torch.autograd.grad(made.sum(), factors)[0].tolist()


@pytest.mark.parametrize("way", SINGULAR)
def test_what_is_nan_in_the_gradient_to_singular_factors(way: tuple[bool, bool]) -> None:
    np.testing.assert_array_equal(singular_gradient(engine, *way), SINGULAR[way])


LAYERS = {
    "contiguous": (lambda torch: torch.ones(2, 2, 3), (4,), ["ViewBackward0", "AddmmBackward0"]),
    "steps": (lambda torch: torch.ones(2, 2, 6)[..., ::2], (4,), ["AddBackward0", "UnsafeViewBackward0"]),
    "vector with steps": (lambda torch: torch.ones(6)[::2], (4,), ["AddBackward0", "SqueezeBackward4"]),
    "one bias": (lambda torch: torch.ones(3), (), ["AddBackward0", "SqueezeBackward4"]),
    "matrix with steps": (lambda torch: torch.ones(2, 6)[:, ::2], (4,), ["AddmmBackward0"]),
}


def layer_nodes(torch: Any, name: str) -> list[str]:
    make, bias, nodes = LAYERS[name]
    weight = torch.ones(4, 3, requires_grad=True)
    node = torch.nn.functional.linear(make(torch), weight, torch.ones(bias)).grad_fn
    found = [node.name()]
    while len(found) < len(nodes):
        node = next(each for each, _ in node.next_functions if each is not None)
        found.append(node.name())
    return found


@pytest.mark.parametrize("name", LAYERS)
def test_the_nodes_of_a_layer(name: str) -> None:
    assert layer_nodes(engine, name) == LAYERS[name][2]


@pytest.mark.torch
def test_torch_gives_these() -> None:
    torch = pytest.importorskip("torch")
    for call in CALLS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check(call, torch)
    for way, gradient in SINGULAR.items():
        np.testing.assert_array_equal(singular_gradient(torch, *way), gradient)
    for name, (_, _, nodes) in LAYERS.items():
        assert layer_nodes(torch, name) == nodes
    torch.set_warn_always(True)
    try:
        for call, text in WARNED.items():
            with pytest.warns(UserWarning, match=text.replace(".", r"\.")):
                ask(call, torch)
    finally:
        torch.set_warn_always(False)

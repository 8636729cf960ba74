"""What optimizers do beside their formulas: groups, state, versions, gradients that are not there, undo, limits."""

from __future__ import annotations

import copy
from typing import Any

import pytest

import engine as torch
from engine.guard import Guard
from engine.modes import state
from engine.undo import UndoLog

TYPES = [name for name in torch.optim.__all__ if name != "Optimizer"]
ELEMENTWISE = [name for name in TYPES if name != "LBFGS"]


def leaf(*values: float, **options: Any) -> Any:
    return torch.tensor(list(values), requires_grad=True, **options)


def with_grad(*values: float) -> Any:
    """A leaf whose gradient is made of ones."""
    made = leaf(*values)
    made.grad = torch.ones(len(values))
    return made


def test_training_as_pytorchs_pages_show_it() -> None:
    w = leaf(2.0, dtype=torch.float64)
    optimizer = torch.optim.SGD([w], lr=0.25)
    for expected in (4.0, 1.0, 0.25):
        optimizer.zero_grad()
        loss = (w**2).sum()
        loss.backward()
        optimizer.step()
        assert loss.item() == expected
    assert w.item() == 0.25
    assert (w.is_leaf, w.requires_grad, w._version) == (True, True, 3)


def test_a_parameter_without_gradient_has_no_state_and_no_write() -> None:
    used, unused = with_grad(1.0), leaf(1.0)
    optimizer = torch.optim.Adam([unused, used])
    optimizer.step()
    assert list(optimizer.state_dict()["state"]) == [1]
    assert unused._version == 0


def test_a_step_is_seen_by_the_graph() -> None:
    w = leaf(1.0)
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    torch.optim.SGD([w], lr=1).step()
    with pytest.raises(RuntimeError, match="is at version 1; expected version 0"):
        loss.backward()


def test_the_gradient_is_not_written_and_may_be_shared() -> None:
    shared = torch.ones(2)
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    a.grad = b.grad = shared
    torch.optim.SGD([a, b], lr=0.5, momentum=0.5, weight_decay=1, maximize=True).step()
    assert shared.tolist() == [1.0, 1.0]
    assert a.tolist() == [1.0 - 0.5 * 0, 2.0 - 0.5 * 1]  # the gradient with its sign and decay: -1 + w


def test_views_and_strides_are_written_where_they_lie() -> None:
    base = torch.zeros(2, 3)
    column = base[:, 1].requires_grad_()
    column.grad = torch.tensor([1.0, 2.0])
    torch.optim.RMSprop([column], lr=1, alpha=0, eps=0).step()
    assert base.tolist() == [[0, -1, 0], [0, -1, 0]]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_an_empty_parameter_and_a_number_are_fine(name: str) -> None:
    empty, number = torch.zeros(0, requires_grad=True), torch.tensor(1.0, requires_grad=True)
    empty.grad, number.grad = torch.zeros(0), torch.tensor(1.0)
    getattr(torch.optim, name)([empty, number], lr=0.5).step()
    assert empty.shape == (0,)
    assert number.item() < 1
    assert number.shape == ()


def test_closures_run_with_gradients_and_their_loss_comes_back() -> None:
    w = leaf(3.0)
    optimizer = torch.optim.SGD([w], lr=0.5)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with torch.no_grad():
        assert optimizer.step(closure).item() == 9.0
    assert w.item() == 0.0
    assert optimizer.step() is None


def test_zero_grad_lets_go_or_fills() -> None:
    w = with_grad(1.0, 2.0)
    grad = w.grad
    torch.optim.SGD([w]).zero_grad(set_to_none=False)
    assert w.grad is grad
    assert grad.tolist() == [0.0, 0.0]
    torch.optim.SGD([w]).zero_grad()
    assert w.grad is None


def test_a_gradient_with_a_graph_is_detached_before_it_is_filled() -> None:
    w = leaf(2.0)
    (w.grad,) = torch.autograd.grad((w**3).sum(), w, create_graph=True)
    assert w.grad.requires_grad
    torch.optim.SGD([w]).zero_grad(set_to_none=False)
    assert (w.grad.tolist(), w.grad.requires_grad) == ([0.0], False)


def test_the_same_parameter_twice_in_a_group_is_a_warning() -> None:
    w = with_grad(1.0)
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optimizer = torch.optim.SGD([w, w], lr=0.25)
    optimizer.step()
    assert w.item() == 0.5


def test_named_parameters() -> None:
    w, b = with_grad(1.0), with_grad(2.0)
    optimizer = torch.optim.SGD([("w", w), ("b", b)], lr=1)
    assert optimizer.param_groups[0]["param_names"] == ["w", "b"]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["w", "b"]
    optimizer.step()
    assert (w.item(), b.item()) == (0.0, 1.0)


def test_options_may_be_changed_between_steps() -> None:
    w = with_grad(1.0)
    optimizer = torch.optim.SGD([w], lr=0.5)
    optimizer.param_groups[0]["lr"] = 0.25
    optimizer.step()
    assert w.item() == 0.75
    optimizer.set_options({"lr": 0.5, "momentum": 0.5})
    assert optimizer.defaults["lr"] == 0.5
    with pytest.raises(ValueError, match="Invalid learning rate: -1"):
        optimizer.set_options({"momentum": 0.0, "lr": -1})
    assert optimizer.param_groups[0]["momentum"] == 0.5


def test_a_rate_may_be_a_tensor() -> None:
    w = with_grad(1.0)
    torch.optim.SGD([w], lr=torch.tensor(0.5)).step()
    assert w.item() == 0.5


@pytest.mark.parametrize("name", TYPES)
def test_a_state_goes_over_to_another_optimizer(name: str) -> None:
    """As if the first one had gone on."""

    def training(optimizer: Any, w: Any, steps: int) -> None:
        def closure() -> Any:
            optimizer.zero_grad()
            loss = ((w - 1) ** 2).sum() + (w[0] * w[1]) ** 2
            loss.backward()
            return loss

        for _ in range(steps):
            optimizer.step(closure)

    options = {"max_iter": 2} if name == "LBFGS" else {}
    make = getattr(torch.optim, name)
    w, twin = leaf(2.0, -1.0, dtype=torch.float64), leaf(0.0, 0.0, dtype=torch.float64)
    first = make([w], lr=0.1, **options)
    training(first, w, 3)
    second = make([twin], lr=0.7)
    second.load_state_dict(first.state_dict())
    twin.data.copy_(w.detach())
    second.state = {
        key: {n: v.clone() if hasattr(v, "clone") else v for n, v in s.items()} for key, s in second.state.items()
    }
    training(first, w, 2)
    training(second, twin, 2)
    assert twin.tolist() == pytest.approx(w.tolist(), rel=1e-7)  # numbers of the state become float64, as in PyTorch
    assert second.param_groups[0]["lr"] == 0.1


def test_a_loaded_state_has_the_parameters_dtype_but_for_the_count() -> None:
    narrow, wide = with_grad(1.0), leaf(1.0, dtype=torch.float64)
    saved = torch.optim.Adam([narrow])
    saved.step()
    loaded = torch.optim.Adam([wide])
    loaded.load_state_dict(saved.state_dict())
    assert loaded.state[wide]["exp_avg"].dtype is torch.float64
    assert loaded.state[wide]["step"].dtype is torch.float32


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_a_gradient_that_does_not_fit_any_more_is_refused(name: str) -> None:
    w = with_grad(1.0, 2.0)
    optimizer = getattr(torch.optim, name)([w])
    optimizer.step()
    w.data = torch.ones(3)
    with pytest.raises(RuntimeError, match="must match the size"):
        optimizer.step()
    w.data = torch.ones(2, dtype=torch.float64)
    with pytest.raises(RuntimeError, match="expected dtype double but got dtype float"):
        optimizer.step()


def test_tensors_that_may_not_be_written_are_refused() -> None:
    expanded = torch.ones(1).expand(3).requires_grad_()
    expanded.grad = torch.ones(3)
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        torch.optim.SGD([expanded]).step()
    with torch.inference_mode():
        frozen = torch.ones(1)
    frozen._grad = torch.ones(1)
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor"):
        torch.optim.SGD([frozen]).step()


def test_updates_that_would_be_recorded_are_not_offered() -> None:
    with pytest.raises(NotImplementedError, match="differentiable=True is not supported") as raised:
        torch.optim.SGD([leaf(1.0)], differentiable=True)
    assert raised.value.code == "not_implemented"


def test_an_optimizer_of_ones_own() -> None:
    class SignDescent(torch.optim.Optimizer):
        def __init__(self, params: Any, lr: float) -> None:
            super().__init__(params, {"lr": lr})

        @torch.no_grad()
        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for param in group["params"]:
                    param.sub_(param.grad.sign() * group["lr"])
                    self.state[param]["count"] = self.state[param].get("count", 0) + 1

    w = with_grad(1.0, 2.0)
    optimizer = SignDescent([w], lr=0.5)
    optimizer.step()
    assert w.tolist() == [0.5, 1.5]
    assert optimizer.state_dict() == {"state": {0: {"count": 1}}, "param_groups": [{"lr": 0.5, "params": [0]}]}
    with pytest.raises(NotImplementedError):
        torch.optim.Optimizer([w], {}).step()


def test_a_deep_copy_has_parameters_and_state_of_its_own() -> None:
    w = with_grad(1.0)
    optimizer = torch.optim.SGD([w], lr=0.5, momentum=0.5)
    optimizer.step()
    twin = copy.deepcopy(optimizer)
    twin.step()
    (param,) = twin.param_groups[0]["params"]
    assert (w.item(), param.item()) == (0.5, -0.25)
    assert optimizer.state[w]["momentum_buffer"].tolist() == [1.0]


# -- undo and limits ------------------------------------------------------------------------------------------------


@pytest.fixture
def context() -> Any:
    ctx = state.ctx
    yield ctx
    ctx.log = ctx.guard = None


def everything(optimizer: Any) -> Any:
    """Options and state as plain values, with the identities that must not change either."""
    groups = [(id(group), list(map(id, group["params"])), {**group, "params": 0}) for group in optimizer.param_groups]
    kept = {
        id(key): {
            name: (id(each), each.tolist(), each._version) if hasattr(each, "tolist") else each
            for name, each in value.items()
        }
        for key, value in optimizer.state.items()
    }
    return groups, kept, dict(optimizer.defaults), [each.tolist() for each in optimizer.tensors()]


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("name", TYPES)
def test_the_undo_log_takes_all_of_it_back(context: Any, name: str, begun: bool) -> None:
    w, b = with_grad(1.0, 2.0), with_grad(3.0)
    optimizer = getattr(torch.optim, name)([w])

    def closure() -> Any:
        return (w.detach() ** 2).sum()

    if begun:
        optimizer.step(closure)
    before, version = everything(optimizer), w._version
    context.log = UndoLog()
    optimizer.step(closure)
    optimizer.step(closure)
    optimizer.set_options({"lr": 5.0})
    optimizer.add_param_group({"params": [b]})
    optimizer.load_state_dict(optimizer.state_dict())
    if name != "LBFGS":
        optimizer.step()
    optimizer.zero_grad()
    context.log.rollback()
    assert everything(optimizer) == before
    assert (w.tolist() == [1.0, 2.0]) != begun
    assert (w._version, w.grad.tolist(), b.tolist()) == (version, [1.0, 1.0], [3.0])


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_the_guard_is_asked_before_state_is_made(context: Any, name: str) -> None:
    w = torch.zeros(1000, requires_grad=True)
    w.grad = torch.ones(1000)
    context.guard = Guard(total_bytes=11_999)  # three arrays of this size are 12,000
    with pytest.raises(MemoryError, match=r"optim\.step") as raised:
        getattr(torch.optim, name)([w]).step()
    assert raised.value.code == "too_large"
    assert (w._version, context.guard.used) == (0, 0 if name != "Adagrad" else 4000)


def test_temporary_bytes_are_given_back(context: Any) -> None:
    w = torch.zeros(1000, requires_grad=True)
    w.grad = torch.ones(1000)
    context.guard = Guard(total_bytes=100_000)
    optimizer = torch.optim.Adam([w])
    for _ in range(3):
        optimizer.step()
    assert context.guard.used == 8000  # two averages


def test_the_deadline_is_checked_within_a_step(context: Any) -> None:
    context.guard = Guard(deadline=0.0)
    with pytest.raises(TimeoutError):
        torch.optim.SGD([with_grad(1.0)]).step()

"""The engine on a GPU that NumPy plays (`fake_cupy`): every sample runs there, and nothing mixes with the host."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import engine as torch
from engine import arrays, binding, special_functions
from engine.errors import CODES
from engine.op import registry
from tests.engine import fake_cupy
from tests.engine.samples import SAMPLES
from tests.engine.samples.base import Sample, expected, fresh, run, tensors_of, weights
from tests.engine.support import assert_close, by_op, check_each
from tests.engine.test_inplace_programs import OTHER, PROGRAMS, START, Step, on_tensor
from tests.engine.test_inplace_programs import run as run_program
from tests.engine.test_inplace_programs import weights as program_weights

NO_BFLOAT = [each for each in SAMPLES if not any(one.array.dtype.kind == "V" for one in each.inputs)]


@pytest.fixture(scope="module", autouse=True)
def gpu() -> Iterator[Any]:
    """A machine with two GPUs, for the tests of this file."""
    with fake_cupy.installed() as cupy:
        forget()
        yield cupy
    forget()


def forget() -> None:
    """Let the engine look for CuPy again, and bind its kernels again."""
    arrays.cupy.cache_clear()
    special_functions._function.cache_clear()
    for function in registry.values():
        for op in function.ops:
            op.bound.pop("cupy", None)
    for known in (binding._functions, binding._globals):
        for key in [key for key in known if key[1] == "cupy"]:
            del known[key]


def on_gpu(sample: Sample, track: bool = False) -> list[Any]:
    made = []
    for each in sample.inputs:
        tensor = torch.from_numpy(fresh(each.array)).to("cuda")
        made.append(tensor.requires_grad_() if track and each.differentiable else tensor)
    return made


def host(tensor: Any) -> np.ndarray[Any, Any]:
    """The values of a tensor that must lie on the GPU."""
    array = tensor.detach()._array
    assert isinstance(array, fake_cupy.ndarray), f"on the host: {type(array)}"
    assert tensor.device == torch.device("cuda:0")
    return array.get()


def moved(sample: Sample) -> bool:
    """Whether the sample asks for a device by name, or makes its result on the host, as ranges between tensors do."""
    if sample.op in ("linspace", "logspace"):
        return True
    return "cpu" in sample.args or sample.kwargs.get("device") == "cpu" or sample.op == "cpu"


FROM_TENSORS = [each for each in NO_BFLOAT if each.inputs and not moved(each)]


@by_op(FROM_TENSORS)
def test_values(group: list[Sample]) -> None:
    check_each("gpu-forward", group, check_values)


def check_values(sample: Sample) -> None:
    got = tensors_of(run(sample, torch, on_gpu(sample)))
    wanted = expected(sample)
    if not isinstance(got[0], torch.Tensor):
        assert got == [each.item() for each in wanted]
        return
    values = [host(each) for each in got]
    assert [each.dtype for each in values] == [each.dtype for each in wanted]
    assert [each.shape for each in values] == [each.shape for each in wanted]
    if sample.drawn:
        return
    if sample.canon is not None:
        values, wanted = sample.canon(values), sample.canon(wanted)
    for one, other in zip(values, wanted, strict=True):
        assert_close(one, other)


TRACKED = [each for each in FROM_TENSORS if each.differentiable and any(one.differentiable for one in each.inputs)]


def gradients(sample: Sample, inputs: list[Any], create: bool) -> list[Any]:
    """First gradients for fixed weights, which lie where the results do; with a graph also second ones."""
    made = tensors_of(run(sample, torch, inputs))
    outputs = [each for each in made if each.requires_grad]
    wanted = [each for each in inputs if each.requires_grad]
    likes = [like for like, each in zip(expected(sample), made, strict=True) if each.requires_grad]
    sent = [torch.from_numpy(weights(sample, nr, like)).to(inputs[0].device) for nr, like in enumerate(likes)]
    options = {"materialize_grads": True, "create_graph": create}
    first = list(torch.autograd.grad(outputs, wanted, sent, **options))
    tracked = [each for each in first if each.requires_grad]
    if not create or not tracked:
        return first
    total = sum((each * each.detach().conj()).abs().sum() for each in tracked)
    return first + list(torch.autograd.grad(total, wanted, materialize_grads=True))


@by_op(TRACKED)
def test_gradients_are_those_of_the_host(group: list[Sample]) -> None:
    check_each("gpu-backward", group, check_gradients)


def check_gradients(sample: Sample) -> None:
    for create in (False, True):
        got = gradients(sample, on_gpu(sample, track=True), create)
        here = [torch.from_numpy(fresh(each.array)).requires_grad_(each.differentiable) for each in sample.inputs]
        want = gradients(sample, here, create)
        for one, other in zip(got, want, strict=True):
            assert_close(host(one), other.detach()._array)


FACTORIES = [each for each in NO_BFLOAT if not each.inputs and each.call is None and registry[each.op].ops[0].leaf]


@by_op(FACTORIES)
def test_factories_make_on_the_device(group: list[Sample]) -> None:
    check_each("gpu-factory", group, check_factory)


def check_factory(sample: Sample) -> None:
    (made,) = tensors_of(run(replace(sample, kwargs={**sample.kwargs, "device": "cuda"}), torch, []))
    wanted = expected(sample)[0]
    value = host(made)
    assert value.dtype == wanted.dtype
    assert value.shape == wanted.shape
    if not sample.drawn:
        assert_close(value, wanted)
    assert made.is_leaf
    assert made.requires_grad == bool(sample.kwargs.get("requires_grad"))


# -- between host and device ------------------------------------------------------------------------------------------


def numbers(device: str = "cuda", track: bool = False) -> Any:
    return torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], device=device, requires_grad=track)


def test_tensors_move_and_come_back() -> None:
    x = torch.tensor([1.0, 2.0], dtype=torch.float64)
    there = x.cuda()
    assert there.is_cuda
    assert there.device == torch.device("cuda:0")
    assert there.to("cuda") is there
    assert there.cpu().device == torch.device("cpu")
    assert there.cpu().numpy().tolist() == [1.0, 2.0]
    assert there.tolist() == [1.0, 2.0]
    assert there[1].item() == 2.0
    assert repr(there) == "tensor([1., 2.], device='cuda:0', dtype=torch.float64)"
    with pytest.raises(TypeError, match="can't convert cuda:0 device type tensor to numpy"):
        there.numpy()


def test_gradients_cross_devices() -> None:
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x.cuda()
    assert y.grad_fn.name() == "ToCopyBackward0"
    (y * y).sum().backward()
    assert x.grad.device == torch.device("cpu")
    assert x.grad.tolist() == [2.0, 4.0, 6.0]
    z = numbers(track=True)
    (z.cpu() * 2).sum().backward()
    np.testing.assert_array_equal(host(z.grad), np.full((2, 3), 2.0))


def test_a_0d_host_tensor_goes_along() -> None:
    x, scale = numbers(track=True), torch.tensor(3.0, requires_grad=True)
    for out in (x * scale, scale * x, torch.where(x > 2, x, scale)):
        assert out.is_cuda
    (x * scale).sum().backward()
    assert scale.grad.device == torch.device("cpu")
    assert scale.grad.item() == 21.0
    np.testing.assert_array_equal(host(x.grad), np.full((2, 3), 3.0))


MIXES: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b,
    "mul": lambda a, b: b * a,
    "mm": lambda a, b: a.mm(b.t()),
    "cat": lambda a, b: torch.cat([a, b]),
    "where": lambda a, b: torch.where(a > 1, a, b),
    "maximum": lambda a, b: torch.maximum(a, b),
    "add_": lambda a, b: a.add_(b),
    "mse_loss": lambda a, b: torch.nn.functional.mse_loss(a, b),
    "gather": lambda a, b: a.gather(0, torch.zeros(1, 3, dtype=torch.int64)),
}


@pytest.mark.parametrize("mix", MIXES)
def test_host_and_device_do_not_mix(mix: str) -> None:
    there, here = numbers(), numbers("cpu")
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device") as raised:
        MIXES[mix](there, here)
    assert raised.value.code in CODES
    assert there._version == 0


def test_writing_moves_values_to_the_device() -> None:
    x = torch.zeros(2, 3, device="cuda")
    x.copy_(numbers("cpu"))
    x[0, 1] = 7.0
    x[1] = torch.tensor(9.0)
    x[torch.tensor([0]), torch.tensor([2])] = 5.0
    x[torch.tensor([[True, False, False], [False, False, False]], device="cuda")] = -1.0
    np.testing.assert_array_equal(host(x), [[-1.0, 7.0, 5.0], [9.0, 9.0, 9.0]])


KEYS: dict[str, Any] = {
    "host indices": lambda: torch.tensor([1, 0, 1]),
    "device indices": lambda: torch.tensor([1, 0, 1], device="cuda"),
    "list": lambda: [1, 0, 1],
    "host mask": lambda: torch.tensor([True, False]),
    "device mask": lambda: torch.tensor([True, False], device="cuda"),
    "device scalar": lambda: torch.tensor(1, device="cuda"),
    "pair": lambda: (torch.tensor([0, 1], device="cuda"), torch.tensor([2, 0])),
}


@pytest.mark.parametrize("key", KEYS)
def test_indices_from_either_side(key: str) -> None:
    wanted = numbers("cpu")[plain(KEYS[key]())]
    x = numbers(track=True)
    out = x[KEYS[key]()]
    np.testing.assert_array_equal(host(out), wanted._array)
    out.sum().backward()
    here = numbers("cpu", track=True)
    here[plain(KEYS[key]())].sum().backward()
    np.testing.assert_array_equal(host(x.grad), here.grad._array)


def plain(key: Any) -> Any:
    """The key on the host."""
    if isinstance(key, tuple):
        return tuple(map(plain, key))
    return key.cpu() if isinstance(key, torch.Tensor) else key


def test_gradients_share_no_memory() -> None:
    """A gradient is adopted only if nothing else holds its memory, which CuPy tells in its own way."""
    x, y = numbers(track=True), numbers(track=True)
    z = x + y
    sent = torch.ones(2, 3, device="cuda")
    z.backward(sent)
    x.grad.add_(100)
    np.testing.assert_array_equal(host(y.grad), np.ones((2, 3)))
    np.testing.assert_array_equal(host(sent), np.ones((2, 3)))
    v = numbers(track=True)
    v.as_strided((3, 2), (1, 3)).backward(torch.ones(3, 2, device="cuda"))
    v.t().backward(sent.t())
    v.grad.mul_(0)
    np.testing.assert_array_equal(host(sent), np.ones((2, 3)))


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(PROGRAMS)
def test_programs_of_views_and_in_place_ops(program: list[Step]) -> None:
    def weigh(shape: tuple[int, ...]) -> Any:
        return torch.tensor(program_weights(shape), device="cuda")

    x, u = (torch.tensor(each, device="cuda", requires_grad=True) for each in (START, OTHER))
    out = run_program(x.clone(), u, program, on_tensor, weigh)
    here, other = (torch.tensor(each, requires_grad=True) for each in (START, OTHER))
    want = run_program(here.clone(), other, program, on_tensor, lambda shape: torch.tensor(program_weights(shape)))
    np.testing.assert_allclose(host(out), want.detach()._array, rtol=1e-12)
    for create in (False, True):
        options = {"create_graph": create, "retain_graph": True, "materialize_grads": True}
        got = torch.autograd.grad(out, [x, u], **options)
        wanted = torch.autograd.grad(want, [here, other], **options)
        for one, two in zip(got, wanted, strict=True):
            np.testing.assert_allclose(host(one), two.detach()._array, rtol=1e-12)


# -- several GPUs -----------------------------------------------------------------------------------------------------


def test_ops_run_where_their_tensors_are() -> None:
    x = torch.tensor([1.0, 2.0], device="cuda:1", requires_grad=True)
    assert x.device == torch.device("cuda:1")
    out = (x.exp() * 2 + 1).sum()
    assert out.device == torch.device("cuda:1")
    out.backward()
    assert x.grad.device == torch.device("cuda:1")
    np.testing.assert_allclose(x.grad.cpu()._array, 2 * np.exp([1.0, 2.0]), rtol=1e-6)
    with pytest.raises(RuntimeError, match="found at least two devices, cuda:1 and cuda:0"):
        x + torch.ones(2, device="cuda:0")


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(RuntimeError, match="invalid device ordinal") as raised:
        torch.zeros(2, device="cuda:7")
    assert raised.value.code == "device_unavailable"


def test_a_bare_number_is_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert torch.zeros(2, device=1).device == torch.device("cuda:1")
    monkeypatch.setattr(arrays, "cupy", lambda: None)
    with pytest.raises(RuntimeError, match="Cannot access accelerator device when none") as raised:
        torch.zeros(2, device=1)
    assert raised.value.code == "device_unavailable"


def test_memory_goes_on_the_device_too() -> None:
    x = numbers(track=True)
    y = x * 2 + 1
    y[0].mul_(2)
    node, dead = weakref.ref(y.grad_fn), weakref.ref(y)
    y.sum().backward()
    del y
    assert dead() is None
    assert node() is None

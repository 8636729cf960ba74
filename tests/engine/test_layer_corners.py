"""Corners of convolutions, pooling, resizing and norms of layers: rare calls that PyTorch takes, and its warnings."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import engine as torch

pytestmark = pytest.mark.usefixtures("warnings_anew")

F, F64 = torch.nn.functional, torch.float64
INF = math.inf


def line(*values: float, dtype: Any = F64) -> Any:
    return torch.tensor([[values]], dtype=dtype)


WEIGHT = line(1.0, 10.0)
SQUARE = torch.tensor([[[[1.0, -3.0], [2.0, 0.5]]]], dtype=F64)

# Worked out by hand; that torch takes these calls and gives these dtypes was seen in torch 2.13.
VALUES: dict[str, tuple[Callable[[], Any], Any, Any]] = {
    "a transposed convolution's bias of another dtype": (
        lambda: F.conv_transpose1d(line(1.0, 2.0), WEIGHT, torch.tensor([3])),
        [[[4.0, 15.0, 23.0]]],
        F64,
    ),
    "a bias of another dtype where sizes are kept": (
        lambda: F.conv1d(
            line(1, 2, dtype=torch.float32), line(2.0, dtype=torch.float32), line(5.0)[0, 0], padding="same"
        ),
        [[[7.0, 9.0]]],
        torch.float32,
    ),
    "a convolution of small integers": (
        lambda: F.conv2d(SQUARE.to(torch.int8), torch.full((1, 1, 2, 1), 2, dtype=torch.int8)),
        [[[[6, -6]]]],
        torch.int8,
    ),
    "the largest size as a norm of windows": (lambda: F.lp_pool2d(SQUARE, INF, 2), [[[[3.0]]]], F64),
    "the least size as a norm of windows": (lambda: F.lp_pool1d(SQUARE[0], -INF, 2), [[[1.0], [0.5]]], F64),
    "places asked for by what is true": (
        lambda: F.max_pool2d(SQUARE, 2, return_indices=1)[1],  # type: ignore[arg-type]
        [[[[2]]]],
        torch.int64,
    ),
    "a size by a scale that rounds": (
        lambda: torch.tensor(F.interpolate(torch.ones(1, 1, 100), scale_factor=0.29).shape),
        [1, 1, 28],
        torch.int64,
    ),
    "rms_norm in the input's dtype": (
        lambda: F.rms_norm(torch.full((2,), 3.0), (2,), torch.ones(2), 0.0),
        [1.0, 1.0],
        torch.float32,
    ),
    "instance_norm's statistics of another dtype": (
        lambda: F.instance_norm(SQUARE[:, :, 0], torch.tensor([-1]), torch.tensor([4]), use_input_stats=False, eps=0.0),
        [[[1.0, -1.0]]],
        F64,
    ),
    "a complex factor of neighbours": (
        lambda: F.local_response_norm(torch.ones(1, 1, 1), 1, alpha=1j, beta=1, k=0),
        [[[-1j]]],
        torch.complex64,
    ),
    "unpooling by windows of no whole size": (
        lambda: F.max_unpool1d(line(4.0), torch.tensor([[[1]]]), 2.5, output_size=(3,)),
        [[[0.0, 4.0, 0.0]]],
        F64,
    ),
}


def lanczos(x: float) -> float:
    """The kernel of Lanczos with three lobes."""
    return 1.0 if x == 0 else 3 * math.sin(math.pi * x) * math.sin(math.pi * x / 3) / (math.pi * x) ** 2


def test_lanczos_weighs_by_its_kernel() -> None:
    """Half the size: places 2 i + 1/2 between the elements, the kernel twice as wide."""
    made = F.interpolate(line(1.0, -2.0, 4.0, 8.0)[None], size=(1, 2), mode="lanczos", antialias=True)
    weights = [[lanczos((at - 2 * row - 0.5) / 2) for at in range(4)] for row in range(2)]
    wanted = [sum(w * x for w, x in zip(each, (1, -2, 4, 8), strict=True)) / sum(each) for each in weights]
    assert made.flatten().tolist() == pytest.approx(wanted, rel=1e-12)


WARNED: dict[str, tuple[Callable[[], Any], str]] = {
    "upsample": (lambda: F.upsample(SQUARE, 2), "`nn.functional.upsample` is deprecated"),
    "upsample_nearest": (lambda: F.upsample_nearest(SQUARE, 2), "`nn.functional.upsample_nearest` is deprecated"),
    "grid_sample": (lambda: F.grid_sample(SQUARE, torch.zeros(1, 1, 1, 2, dtype=F64)), "Default grid_sample and"),
    "affine_grid": (lambda: F.affine_grid(torch.eye(2, 3)[None], (1, 1, 2, 2)), "Default grid_sample and affine_grid"),
    "affine_grid of one place": (
        lambda: F.affine_grid(torch.eye(2, 3)[None], (1, 1, 1, 1), True),
        "Since version 1.3.0, affine_grid behavior has changed for unit-size grids",
    ),
    "rms_norm": (
        lambda: F.rms_norm(torch.ones(2), (2,), torch.ones(2, dtype=F64)),
        "Mismatch dtype between input and weight: input dtype = float, weight dtype = double",
    ),
}


@pytest.mark.parametrize("name", WARNED)
def test_warnings(name: str) -> None:
    call, text = WARNED[name]
    with pytest.warns(UserWarning, match=re.escape(text)):
        call()


@pytest.mark.parametrize("name", VALUES)
def test_values(name: str) -> None:
    call, wanted, dtype = VALUES[name]
    made = call()
    assert (made.tolist(), made.dtype) == (wanted, dtype)


def test_the_gradient_to_a_bias_of_another_dtype_has_its_dtype() -> None:
    bias = torch.tensor([0.5], requires_grad=True)
    F.conv_transpose1d(line(1.0, 2.0), WEIGHT, bias).sum().backward()
    assert (bias.grad.tolist(), bias.grad.dtype) == ([3.0], torch.float32)


def test_gradients_flow_through_the_statistics_of_groups() -> None:
    """Of groups of two: 1/2 for each mean, and -rstd^3 (x - mean) / 2 for each rstd."""
    x = torch.tensor([[1.0, 3.0], [2.0, -2.0]], dtype=F64, requires_grad=True)
    _, mean, rstd = torch.native_group_norm(x, None, None, 2, 2, 1, 1, 0.0)
    (made,) = torch.autograd.grad(mean.sum() + rstd.sum(), x)
    assert made.flatten().tolist() == pytest.approx([1.0, 0.0, 0.5 - 1 / 8, 0.5 + 1 / 8])


@pytest.mark.parametrize("name", ["avg_pool2d", "normalize", "softplus"])
def test_layers_that_write_into_out(name: str) -> None:
    layer, out = getattr(F, name), torch.empty(0, dtype=F64)
    given = (SQUARE, 2) if name == "avg_pool2d" else (SQUARE,)
    assert layer(*given, out=out) is out
    assert out.tolist() == layer(*given).tolist() == layer(*given, out=None).tolist()


def test_windows_of_even_length_keep_sizes_and_warn() -> None:
    with pytest.warns(UserWarning, match="Using padding='same' with even kernel lengths and odd dilation may require"):
        made = F.conv1d(line(1.0, 2.0, 3.0), WEIGHT, padding="same")
    assert made.tolist() == [[[21.0, 32.0, 3.0]]]


def test_pooling_by_its_own_samples_only() -> None:
    """Steps of one third of 4 places from a random place: the samples say which windows."""
    image = torch.arange(25.0).reshape(1, 1, 5, 5)
    made = F.fractional_max_pool2d(image, 1, (4, 4), _random_samples=torch.tensor([[[0.0, 0.9]]]))
    # columns at the whole parts of 0, 4/3, 8/3, and the last; rows at those of 1.2, 2.53, 3.87 less 1, and the last
    columns, rows = (0, 1, 2, 4), (0, 1, 2, 4)
    assert made.tolist() == [[[[5.0 * row + column for column in columns] for row in rows]]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert F.fractional_max_pool2d(image, 2, output_ratio=(0.5, 0.5)).shape == (1, 1, 2, 2)

"""Further samples: hypothesis chooses shapes and values for the database's ones, within the range of their values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, mutually_broadcastable_shapes

STYLES = ("spread", "ties", "moved")
PLAIN = ("spread",)
RANKING = {"sort", "msort", "topk", "kthvalue", "median", "nanmedian", "mode"}  # they choose among equal elements
ORDERED = {"searchsorted", "bucketize"}  # their arguments must be sorted
REDUCED_DIMS = 4


def varied(info: Any, base: Sequence[Any], count: int) -> list[Any]:
    """`count` samples made from those of a record, the same on every run."""
    found: list[Any] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def collect(data: Any) -> None:
        found.append(vary(data, info, data.draw(st.sampled_from(base))))

    if base and count and info.name not in ORDERED:
        collect()
    return found


def vary(data: Any, info: Any, sample: Any) -> Any:
    """One sample with other values, and for elementwise ops and reductions of another shape."""
    from torch.testing._internal.opinfo.core import BinaryUfuncInfo, ReductionOpInfo, SampleInput, UnaryUfuncInfo

    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    style = data.draw(st.sampled_from(STYLES if info.name not in RANKING else PLAIN))
    tensors, kwargs = [sample.input, *sample.args], dict(sample.kwargs)
    shapes: Sequence[Any] = [None] * len(tensors)
    if isinstance(info, UnaryUfuncInfo):
        shapes = [data.draw(array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)), *shapes[1:]]
    elif isinstance(info, BinaryUfuncInfo) and len(tensors) == 2 and isinstance(tensors[1], torch.Tensor):
        drawn = mutually_broadcastable_shapes(num_shapes=2, min_dims=0, max_dims=4, min_side=0, max_side=4)
        shapes = data.draw(drawn).input_shapes
    elif isinstance(info, ReductionOpInfo) and not sample.args:
        shape = data.draw(array_shapes(min_dims=1, max_dims=REDUCED_DIMS, min_side=1, max_side=4))
        shapes = [shape]
        kwargs = {**kwargs, **reduced(data, info, kwargs, len(shape))}
    made = [valued(each, shape, style, rng) for each, shape in zip(tensors, shapes, strict=True)]
    kwargs = {name: valued(each, None, style, rng) for name, each in kwargs.items()}
    return SampleInput(made[0], args=tuple(made[1:]), kwargs=kwargs).with_metadata(
        output_process_fn_grad=sample.output_process_fn_grad, broadcasts_input=sample.broadcasts_input
    )


def reduced(data: Any, info: Any, kwargs: dict[str, Any], ndim: int) -> dict[str, Any]:
    """Dims for a reduction that is given some."""
    if "dim" not in kwargs:
        return {}
    dims = st.integers(-ndim, ndim - 1)
    if not info.supports_multiple_dims:
        return {"dim": data.draw(dims)}
    several = st.lists(st.integers(0, ndim - 1), min_size=1, max_size=ndim, unique=True).map(tuple)
    return {"dim": data.draw(st.one_of(dims, several))}


def valued(value: Any, shape: Any, style: str, rng: np.random.Generator) -> Any:
    """A floating tensor with other values between its smallest and its largest one; anything else itself."""
    if isinstance(value, list | tuple) and value and all(isinstance(each, torch.Tensor) for each in value):
        return type(value)(valued(each, None, style, rng) for each in value)
    if not isinstance(value, torch.Tensor) or not value.dtype.is_floating_point or not value.numel():
        return value
    plain = value.detach()[torch.isfinite(value.detach())]
    if not plain.numel():
        return value
    low, high = float(plain.min()), float(plain.max())
    if plain.numel() == 1:
        low, high = min(low, 0.5 * low), max(high, 0.5 * high)
    drawn = rng.uniform(low, high, tuple(value.shape) if shape is None else shape)
    if style == "ties":
        drawn = np.clip(np.round(2 * drawn) / 2, low, high)
    elif style == "moved":
        drawn = np.clip(drawn / 8, low, high)
    return torch.from_numpy(np.asarray(drawn)).to(value.dtype).requires_grad_(value.requires_grad)

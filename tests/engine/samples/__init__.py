"""Samples of every public op, by family."""

from __future__ import annotations

from tests.engine.samples import (
    activations,
    arithmetic,
    bounds,
    compare,
    conversion,
    creation,
    indexing,
    joining,
    linalg,
    nn,
    pairs,
    reduction,
    special,
    unary,
    views,
)
from tests.engine.samples.base import Sample
from tests.engine.samples.derived import derived

FAMILIES = (
    activations,
    arithmetic,
    bounds,
    compare,
    conversion,
    creation,
    indexing,
    joining,
    linalg,
    nn,
    pairs,
    reduction,
    special,
    unary,
    views,
)
SAMPLES: list[Sample] = [each for family in FAMILIES for each in family.SAMPLES]
SAMPLES += derived(SAMPLES)

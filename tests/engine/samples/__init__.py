"""Samples of every public op, by family."""

from __future__ import annotations

from tests.engine.samples import arithmetic, compare, creation, reduction, unary
from tests.engine.samples.base import Sample

SAMPLES: list[Sample] = [each for family in (arithmetic, compare, creation, reduction, unary) for each in family.SAMPLES]

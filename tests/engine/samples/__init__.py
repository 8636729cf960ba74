"""Samples of every public op, by family: every module beside this one that has `SAMPLES`."""

from __future__ import annotations

import importlib
import pkgutil

from tests.engine.samples.base import Sample
from tests.engine.samples.derived import derived

MODULES = [importlib.import_module(f"{__name__}.{each.name}") for each in pkgutil.iter_modules(__path__)]
FAMILIES = [module for module in MODULES if hasattr(module, "SAMPLES")]
SAMPLES: list[Sample] = [each for family in FAMILIES for each in family.SAMPLES]
SAMPLES += derived(SAMPLES)

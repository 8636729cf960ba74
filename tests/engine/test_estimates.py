"""What kernels hold beside their results, against what their rules tell, on inputs large enough for arrays to count.

Python's memory is traced: NumPy's arrays are in it, the memory of LAPACK is not. For that, processes of their own watch
how much memory is resident (`tests/engine/resident.py`). Two sizes are measured: from 256 KiB on NumPy computes an
intermediate result in the memory of the one before.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.guard import OBJECT
from tests.engine.estimating import RULED, may_grow, measured
from tests.engine.odd_forms import measured_odd
from tests.engine.resident import ENVIRONMENT, REFS

SMALL, LARGE = 24_576, 65_536  # elements: below NumPy's threshold in every dtype but complex128, and not below it
SLACK = 160_000  # bytes: buffers of indexing, of 8192 elements of up to 16 bytes, and the tensors' own objects
NOISE = 20_000  # what is held where nothing is told
ENOUGH = 0.95
GROWING = [each for each in RULED if may_grow(each)]


@pytest.fixture(autouse=True)
def small_buffers() -> Iterator[None]:
    """NumPy casts in small buffers, so that arrays count."""
    size = np.getbufsize()
    np.setbufsize(512)
    yield
    np.setbufsize(size)


@pytest.mark.parametrize("elements", [SMALL, LARGE])
def test_temporaries_are_never_too_low_and_seldom_twice_too_high(elements: int) -> None:
    """Never below what is held beside the results; of 95 % of all samples at most twice as much."""
    count = 0
    low, high = [], []
    for sample in GROWING:
        found = measured(sample, elements)
        if found is None:
            continue
        estimate, held = found
        count += 1
        if held > estimate.temporaries + SLACK + OBJECT * len(estimate.outputs):
            low.append(f"{sample.id}: {estimate.temporaries} told, {held} held")
        if estimate.temporaries > 2 * max(held, NOISE):
            high.append(f"{sample.id}: {estimate.temporaries} told, {held} held")
    assert not low, "\n".join(low)
    assert count > 3000
    within = 1 - len(high) / count
    assert within >= ENOUGH, f"{within:.1%} of {count}\n" + "\n".join(high)


def test_temporaries_are_not_too_low_in_odd_forms() -> None:
    """Half and single precision, complex, column-major, gapped, expanded, long in one dim: some samples in one each."""
    count, low = 0, []
    for nr, sample in enumerate(GROWING[::4]):
        found = measured_odd(sample, nr, 2 * LARGE)
        if found is None:
            continue
        estimate, held = found
        count += 1
        if held > estimate.temporaries + 2 * SLACK + OBJECT * len(estimate.outputs):
            low.append(f"{sample.id} in form {nr}: {estimate.temporaries} told, {held} held")
    assert not low, "\n".join(low)
    assert count > 500


@pytest.mark.skipif(not REFS.exists(), reason="resident memory is watched by Linux's /proc/self/clear_refs")
def test_lapack_holds_what_its_documentation_says() -> None:
    run = [sys.executable, "-m", "tests.engine.resident"]
    root = Path(__file__).parents[2]
    made = subprocess.run(run, cwd=root, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=True)
    found = [json.loads(line) for line in made.stdout.splitlines()]
    assert len(found) > 100
    low = [each for each in found if each["held"] > 1.05 * each["told"] + SLACK]
    assert not low
    high = [each for each in found if each["told"] > 2 * each["held"] + SLACK]
    assert len(high) <= (1 - ENOUGH) * len(found), high

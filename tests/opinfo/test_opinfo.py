"""Ops against torch's database: a few of each family always, the whole catalogue with `-m opinfo`.

What is known to differ stands in results.json; an op that differs in a new aspect fails here.
"""

from __future__ import annotations

import pytest

from tests.opinfo import results
from tests.opinfo.catalogue import ENTRIES

oracle = pytest.importorskip("torch", reason="PyTorch is not installed")
pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(not oracle.__version__.startswith("2.13."), reason="the results are those of torch 2.13"),
]
KNOWN = results.load()
FEW = [
    "add", "atan2", "pow", "clamp", "exp", "sgn", "gather", "index_put", "__getitem__", "where", "addmm", "einsum",
    "linalg.solve", "linalg.svd", "softmax", "nn.functional.gelu", "nn.functional.conv2d", "nn.functional.max_pool2d",
    "nn.functional.cross_entropy", "nn.functional.layer_norm", "bernoulli", "var", "sort", "cumprod", "max", "cat",
    "as_strided", "unbind", "digamma", "fft.rfft", "linspace", "bitwise_and",
]  # fmt: skip


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All ops where they are asked for, else one test that says so."""
    if metafunc.function is not test_every_sample:
        return
    asked = "opinfo" in metafunc.config.option.markexpr
    skip = pytest.mark.skip(reason="many minutes: run with -m opinfo, or python -m tests.opinfo")
    metafunc.parametrize("name", ENTRIES if asked else [pytest.param("all", marks=skip)])


def check(name: str, quick: bool) -> None:
    from tests.opinfo.parallel import examine_one

    found = examine_one((name, quick))
    known = KNOWN[name]
    new = [f"{aspect}: {text}" for aspect, text in found.first.items() if aspect not in known.first]
    assert not new, "\n".join([name, *new])
    assert found.missing == known.missing


@pytest.mark.parametrize("name", FEW)
def test_a_few_samples(name: str) -> None:
    check(name, quick=True)


@pytest.mark.opinfo
def test_every_sample(name: str) -> None:
    check(name, quick=False)


def test_results_cover_the_catalogue() -> None:
    assert KNOWN.keys() == ENTRIES.keys(), "run: python -m tests.opinfo"

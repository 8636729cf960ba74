"""A few wrong calls of some ops, the same in every run; all of them by `python -m tests.opinfo.wrong`."""

from __future__ import annotations

import random

import pytest

from tests.opinfo.catalogue import ENTRIES

oracle = pytest.importorskip("torch", reason="PyTorch is not installed")
pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(not oracle.__version__.startswith("2.13."), reason="the answers are those of torch 2.13"),
]
GROUPS, OPS, CALLS = 4, 18, 24
FOREIGN = ("native_batch_norm",)  # what PyTorch says depends on memory that is not the tensor's
DRAWN = random.Random(7).sample([n for n, e in ENTRIES.items() if e.tier < 3 and n not in FOREIGN], GROUPS * OPS)


@pytest.mark.parametrize("group", range(GROUPS))
def test_wrong_calls_are_refused_as_torch_does(group: int) -> None:
    from tests.opinfo.wrong.examining import Extent, Findings, examine
    from tests.opinfo.wrong.known import reason_for
    from tests.opinfo.wrong.outcomes import WORST

    extent, findings = Extent(samples=1, calls=CALLS, variants=CALLS // 4), []
    for name in DRAWN[group::GROUPS]:
        findings.append(Findings(name))
        examine(name, extent, findings[-1], lambda call: True)
    wrong = [each for one in findings for each in one.differences if each.kind in WORST and not reason_for(each)]
    assert sum(each.total for each in findings) > OPS
    assert wrong == []

"""Programs run cell by cell over HTTP print what torch 2.13 printed."""

from __future__ import annotations

import pytest

from tests.semantics.runner import same_text

from .programs_runner import NAMES, cells, outputs, recorded, without_addresses


@pytest.mark.parametrize("name", NAMES)
def test_a_program_prints_what_torch_printed(session, name) -> None:
    for number, (code, wanted) in enumerate(zip(cells(name), outputs(name), strict=True)):
        answer = session.call("POST", "exec", {"code": code})
        got = without_addresses(answer["stdout"] + (answer["text"] or "")).rstrip("\n")
        assert same_text(wanted, got), f"cell {number}:\n{code}\n-- wanted\n{wanted}\n-- got\n{got}"


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")  # torch's own
@pytest.mark.parametrize("name", NAMES)
def test_the_recorded_outputs_are_those_of_torch(name) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    if not torch.__version__.startswith("2.13."):
        pytest.skip(f"the outputs are those of torch 2.13, this is {torch.__version__}")
    assert all(same_text(wanted, got) for wanted, got in zip(outputs(name), recorded(name), strict=True))

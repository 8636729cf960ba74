"""Every semantics item that code as text can say gives the answer torch gave."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.semantics.runner import Item, Outcome, holds, load, load_pending, report, tidy

from .support import execute, new_session

# What the items' own runner gives them, in the language of exec: each where its name is used.
GIVEN = {
    "T": "T = torch.tensor",
    "f64": "f64 = torch.float64",
    "L": "def L(value):\n    return torch.tensor(value, requires_grad=True)",
    "g1": """
def g1(f, values):
    x = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    return torch.autograd.grad(f(x).sum(), x)[0].tolist()""",
    "g2": """
def g2(f, value):
    x = torch.tensor(value, dtype=torch.float64, requires_grad=True)
    first, = torch.autograd.grad(f(x), x, create_graph=True)
    if not first.requires_grad:
        return f"first grad does not require grad (={first.item():g})"
    return round(torch.autograd.grad(first, x)[0].item(), 6)""",
}
pytestmark = pytest.mark.filterwarnings("ignore")  # as in torch, gradcheck warns of float32
REVIEWED = 2143  # the last item that not_expressible.txt was written for
ITEMS = load()
PENDING = load_pending()  # of the engine itself
LIST = (Path(__file__).parent / "not_expressible.txt").read_text("utf-8")
PIECES = re.findall(r"^`(.+)`  ", LIST, re.MULTILINE)
SINGLE = re.findall(r"^([A-Z]-\d+) ", LIST, re.MULTILINE)


def can_be_said(item: Item) -> bool:
    return item.id not in SINGLE and not any(piece in item.code for piece in PIECES)


def outcome_of(item: Item) -> Outcome:
    given = [text for name, text in GIVEN.items() if re.search(rf"\b{name}\b", item.code)]
    try:
        text = execute(new_session(), "\n".join([*given, item.code]))["text"]
    except Exception as error:
        if not hasattr(error, "code"):
            raise  # a defect
        return Outcome(tidy(str(error)), error)
    return Outcome(tidy("None" if text is None else text))


SAID = [pytest.param(each, id=each.id) for each in ITEMS if can_be_said(each) and each.id not in PENDING]
UNSAID = [pytest.param(each, id=each.id) for each in ITEMS if not can_be_said(each)]


@pytest.mark.parametrize("item", SAID)
def test_an_item_holds_as_text(item: Item) -> None:
    outcome = outcome_of(item)
    if (item.number or 0) > REVIEWED and getattr(outcome.error, "code", None) == "bad_code":
        pytest.skip(f"newer than the list of what cannot be said, and not in the language: {outcome.text[:80]}")
    assert holds(item, outcome), report(item, outcome)


@pytest.mark.parametrize("item", UNSAID)
def test_what_cannot_be_said_is_refused_or_holds(item: Item) -> None:
    """Whoever makes a single item possible takes it off the list."""
    assert not (holds(item, outcome_of(item)) and item.id in SINGLE)


def test_the_list_names_items() -> None:
    assert set(SINGLE) <= {each.id for each in ITEMS}
    assert len(SAID) > 1400

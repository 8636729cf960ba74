"""The runner reports what is wrong: shown on small modules that pretend to be torch."""

from __future__ import annotations

import math
import sys
import time
import warnings
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import pytest

from . import runner
from .runner import Item, check, holds, main, parse, record, render, report, run, same_text

FILE = """# X. An introduction
# of two lines

### X-7  one line
>>> x=T(1.); x
1.0

### X-8  a block, an answer of several lines, a warning
>>> def f():
...     return 'a'
...
... f()
tensor([[1.],

        [2.]])
warns UserWarning: take care
"""


def fake_torch(**names: object) -> ModuleType:
    """A module whose tensors are plain Python values."""
    module = ModuleType("faketorch")
    vars(module).update({"tensor": lambda value, **_: value, "float64": "f64", **names})
    return module


def item(code: str, expected: str) -> Item:
    return Item("X", 1, "title", code, expected)


def verdict(code: str, expected: str, **names: object) -> bool:
    return holds(item(code, expected), run(code, fake_torch(**names)))


def fail(error: Exception) -> None:
    raise error


@pytest.fixture
def installed(monkeypatch) -> str:
    """The name under which a fake module can be imported."""
    module = fake_torch(floor=math.floor, e=math.e, clock=time.perf_counter_ns, __path__=[])
    monkeypatch.setitem(sys.modules, "faketorch", module)
    return "faketorch"


# --- what holds and what does not ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "good"),
    [
        ("(2.5, 'tensor')", True),
        ("(2.500001, 'tensor')", True),
        ("(2.5001, 'tensor')", False),
        ("(2.5, 'Tensor')", False),
        ("(2.5, 'tensor', 1)", False),
        ("2.5, 'tensor'", False),
        ("None", False),
        ("raises RuntimeError: (2.5, 'tensor')", False),
    ],
)
def test_values(expected: str, good: bool) -> None:
    assert verdict("x=T(2.5); x, 'tensor'", expected) is good


@pytest.mark.parametrize(
    ("expected", "good"),
    [
        ("raises RuntimeError: size [2] and 0.5", True),
        ("raises RuntimeError: size [2] and 0.500001", True),
        ("raises RuntimeError: size [3] and 0.5", False),
        ("raises RuntimeError: size [2] and 0.6", False),
        ("raises RuntimeError: sizes [2] and 0.5", False),
        ("raises RuntimeError: size [2]", False),
        ("raises RuntimeError:", False),
        ("raises ValueError: size [2] and 0.5", False),
        ("size [2] and 0.5", False),
    ],
)
def test_errors(expected: str, good: bool) -> None:
    assert verdict("torch.fail(torch.error)", expected, fail=fail, error=RuntimeError("size [2] and 0.5\n")) is good


def test_an_error_may_be_of_a_subclass_but_not_of_a_base() -> None:
    class GradcheckError(RuntimeError): ...

    for expected in ("raises GradcheckError: x", "raises RuntimeError: x"):
        assert verdict("torch.fail(torch.error)", expected, fail=fail, error=GradcheckError("x"))
    assert not verdict("torch.fail(torch.error)", "raises GradcheckError: x", fail=fail, error=RuntimeError("x"))


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ("0.1", "0.1000001"),
        ("tensor([1.0000e-05])", "tensor([1.0000e-5])"),
        ("[0.0]", "[1e-09]"),
        ("tensor(2.-4.j)", "tensor(2.000001-4.j)"),
        ("a \n b", "a\n b\n"),
        ("tensor([nan, -inf])", "tensor([nan, -inf])"),
    ],
)
def test_texts_that_are_the_same(expected: str, got: str) -> None:
    assert same_text(expected, got)


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ("1.0", "1.0001"),
        ("1.", "1"),
        ("100001", "100002"),
        ("0.0", "-0.0"),
        ("nan", "0.0"),
        ("inf", "-inf"),
        ("inf", "1e30"),
        ("2.-4.j", "2.+4.j"),
        ("float32", "float64"),
        ("AddBackward0", "AddBackward1"),
        ("[1.,  2.]", "[1., 2.]"),
        ("True", "1"),
        ("(1.0,)", "(1.0, 2.0)"),
        ("", "1"),
    ],
)
def test_texts_that_differ(expected: str, got: str) -> None:
    assert not same_text(expected, got)
    assert not same_text(got, expected)


# --- how a snippet runs -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("1; 2", "2"),
        ("x=1", "None"),
        ("x=1; x,", "(1,)"),
        ("def f(): return L(3.)\nf()", "3.0"),
        ("import torch as t; t is torch, f64", "(True, 'f64')"),
        ("from torch import tensor; tensor is T", "True"),
        ("import math; math.floor(2.5)", "2"),
        ("[x for x in (T(1),) if torch]", "[1]"),
        ("class A: pass\nA", "<class 'A'>"),
        ("1 +", "raises SyntaxError: invalid syntax (<unknown>, line 1)"),
        ("torch.nothing", "raises AttributeError: module 'faketorch' has no attribute 'nothing'"),
    ],
)
def test_snippets(code: str, expected: str) -> None:
    assert str(run(code, fake_torch())) == expected


def test_a_module_that_cannot_be_imported_is_an_outcome() -> None:
    outcome = run("1", "no_such_module")
    assert isinstance(outcome.error, ModuleNotFoundError)


def test_submodules_are_those_of_the_module_under_test(installed: str, monkeypatch) -> None:
    functional = ModuleType("faketorch.functional")
    vars(functional)["relu"] = "our relu"
    monkeypatch.setitem(sys.modules, "faketorch.functional", functional)
    monkeypatch.setattr(sys.modules[installed], "functional", functional, raising=False)
    for code in (
        "from torch.functional import relu; relu",
        "from torch import functional; functional.relu",
        "import torch.functional as F; F.relu",
        "import torch.functional; torch.functional.relu",
    ):
        assert run(code, installed).text == "'our relu'", code
    assert isinstance(run("import torch.absent", installed).error, ImportError)


def test_a_repr_that_raises_is_an_outcome() -> None:
    class Bad:
        def __repr__(self) -> str:
            raise RuntimeError("late")

    assert str(run("torch.bad", fake_torch(bad=Bad()))) == "raises RuntimeError: late"


def test_names_do_not_leak_from_item_to_item() -> None:
    assert run("y=1; y", fake_torch()).text == "1"
    assert isinstance(run("y", fake_torch()).error, NameError)


def test_warnings_are_kept_but_not_raised_or_compared() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outcome = run("import warnings; warnings.warn('take\\n care'); 1", fake_torch())
    assert (outcome.text, outcome.warns) == ("1", ("UserWarning: take care",))
    assert holds(replace(item("", "1"), warns=("other",)), outcome)


@pytest.mark.parametrize("ending", ["1", "1/0"])
def test_process_wide_state_is_put_back(ending: str) -> None:
    state = {"grad": True, "dtype": "float32", "anomaly": False, "printing": "default", "seed": None}
    torch = fake_torch(
        is_grad_enabled=lambda: state["grad"],
        set_grad_enabled=lambda on: state.update(grad=on),
        get_default_dtype=lambda: state["dtype"],
        set_default_dtype=lambda dtype: state.update(dtype=dtype),
        is_anomaly_enabled=lambda: state["anomaly"],
        autograd=SimpleNamespace(set_detect_anomaly=lambda on: state.update(anomaly=on)),
        set_printoptions=lambda profile: state.update(printing=profile),
        manual_seed=lambda seed: state.update(seed=seed),
    )
    code = "torch.set_grad_enabled(False); torch.set_default_dtype(f64); torch.autograd.set_detect_anomaly(True)"
    run(f"{code}; torch.set_printoptions('full'); {ending}", torch)
    assert state == {"grad": True, "dtype": "float32", "anomaly": False, "printing": "default", "seed": 0}


def test_derivatives_at_points() -> None:
    class Number(float):
        requires_grad = True

        def sum(self) -> Number:
            return self

        def item(self) -> float:
            return float(self)

        def tolist(self) -> list[float]:
            return [float(self)]

    constant = Number(1)
    constant.requires_grad = False
    torch = fake_torch(
        tensor=lambda value, dtype, requires_grad: Number(value[0] if isinstance(value, list) else value),
        autograd=SimpleNamespace(grad=lambda y, x, create_graph=False: (y,)),
    )
    assert run("g1(lambda x: x, [2.5])", torch).text == "[2.5]"
    assert run("g2(lambda x: x, 1.23456789)", torch).text == "1.234568"
    assert run("g2(lambda x: torch.c, 1.)", fake_torch(**{**vars(torch), "c": constant})).text == (
        "'first grad does not require grad (=1)'"
    )


# --- item files ---------------------------------------------------------------------------------


def test_a_file_is_read_and_written_back() -> None:
    intro, (one, two) = parse(FILE)
    assert intro == "# X. An introduction\n# of two lines"
    assert (one.id, one.title, one.code, one.expected, one.warns) == (
        "X-7",
        "one line",
        "x=T(1.); x",
        "1.0",
        (),
    )
    assert two.code == "def f():\n    return 'a'\n\nf()"
    assert two.expected == "tensor([[1.],\n\n        [2.]])"
    assert two.warns == ("UserWarning: take care",)
    assert render(intro, [one, two]) == FILE


@pytest.mark.parametrize("block", ["### no number\n>>> 1", "### X-1  no code\n1", "### X-1  late code\n... 1"])
def test_malformed_items_are_refused(block: str) -> None:
    with pytest.raises(ValueError, match="###"):
        parse(block)


def test_pending_is_read(tmp_path) -> None:
    path = tmp_path / "pending.txt"
    path.write_text("# remark\n\nX-1   hooks of nodes\n", "utf-8")
    assert runner.load_pending(path) == {"X-1": "hooks of nodes"}


def test_recording_answers_and_numbers_what_is_new(tmp_path, installed: str) -> None:
    path = tmp_path / "x_new.txt"
    path.write_text(FILE + "\n### X-?  new\n>>> torch.e, __import__('warnings').warn('w')\n", "utf-8")
    (new,) = record(path, installed, number=412)
    assert (new.id, new.expected, new.warns) == ("X-412", "(2.718281828459045, None)", ("UserWarning: w",))
    assert path.read_text("utf-8") == (
        FILE + "\n### X-412  new\n>>> torch.e, __import__('warnings').warn('w')\n"
        "(2.718281828459045, None)\nwarns UserWarning: w\n"
    )


def test_recording_refuses_an_answer_that_is_not_reproducible(tmp_path, installed: str) -> None:
    path = tmp_path / "x_new.txt"
    path.write_text("### X-?  an address\n>>> torch.clock()\n", "utf-8")
    with pytest.raises(SystemExit, match="two runs differ"):
        record(path, installed, number=1)
    assert "X-?" in path.read_text("utf-8")


# --- command line -------------------------------------------------------------------------------


def test_a_failing_item_is_laid_out() -> None:
    wrong = item("a\nb", "raises ValueError: no")
    assert report(wrong, run("a=1\na", fake_torch())) == (
        "X-1  title\n  code:     a\n            b\n  expected: raises ValueError: no\n  got:      1"
    )


def test_check_counts_failures_and_pending_apart(installed: str, capsys) -> None:
    items = [
        Item("X", 1, "right", "torch.floor(2.5)", "2"),
        Item("X", 2, "wrong", "torch.floor(2.5)", "3"),
        Item("X", 3, "pending", "torch.dot", "1"),
        Item("X", 4, "awake", "torch.floor(2.5)", "2"),
    ]
    assert check(items, installed, {"X-3": "products", "X-4": "floor"}) == 1
    out = capsys.readouterr().out
    assert "FAIL  X-2  wrong" in out
    assert "PENDING (products)  X-3  pending" in out
    assert "2 of 4 items hold in faketorch; 1 fail, 1 are pending" in out
    assert "to be taken out of pending.txt, for they hold: X-4" in out


def test_the_command_line_chooses_items_and_says_whether_they_hold(installed: str, monkeypatch, capsys) -> None:
    items = [Item("A", 1, "right", "torch.floor(2.5)", "2"), Item("B", 2, "wrong", "torch.floor(2.5)", "3")]
    monkeypatch.setattr(runner, "load", lambda: items)
    assert main(["--module", "no_such_module", "A"]) == 1
    assert main(["--module", installed]) == 1
    capsys.readouterr()
    assert main(["--module", installed, "A-1"]) == 0
    assert "1 of 1 items hold in faketorch" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--module", installed, "Z"])

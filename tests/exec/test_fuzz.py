"""Random programs: refusals of exec's own and nothing else; and what runs, runs as in Python on `engine`."""

from __future__ import annotations

import contextlib
import io
import re
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import engine
from app.exec.budget import FRAMES
from engine.modes import Context, activate
from tests.semantics.runner import same_text

from .programs_runner import NAMES, cells
from .support import execute, new_session

pytestmark = pytest.mark.filterwarnings("ignore")
QUIET = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
LIMITS = {"exec_steps": 20_000, "exec_cells": 100_000, "exec_stdout": 10_000, "session_bytes": 2**26}
PROGRAMS = ["\n".join(cells(name)) for name in NAMES]
PIECES = [
    *("x", "y", "t", "f", "torch", "F", "math", "ctx", "self", "_", "print", "len", "range", "zip", "type", "sorted"),
    *("0", "1", "-1", "2.5", "1e308", "10**9", "2**62", "1j", "None", "True", "''", "'a'", "f'{x}'", "...", "[]", "()"),
    *("+", "-", "*", "/", "//", "%", "**", "@", "<", "==", "is", "in", "not", "and", "or", "if", "else", "for", "<<"),
    *("(", ")", "[", "]", "{", "}", ",", ":", ".", "=", "+=", ";", "lambda x:", "->", "*", "**", "\n", "\n    ", "\t"),
    *(".sum()", ".grad", ".backward()", ".shape", ".T", ".data", ".grad_fn", ".append(x)", ".item()", ".tolist()"),
    *("torch.tensor(", "torch.ones(2)", "torch.zeros(0)", "torch.eye(3)", "torch.no_grad()", "torch.autograd.grad("),
    *("def f(x):", "class A(torch.autograd.Function):", "return", "while", "break", "with", "try:", "except:", "del"),
]


def refused_properly(code: str) -> None:
    session = new_session(**LIMITS)
    execute(session, "x = torch.tensor([1., 2.], requires_grad=True)\ny = [x, 3]\nt = 'text'\ndef f(x): return x * 2")
    before = (session.version, list(session.names), len(session.names.values))
    try:
        execute(session, code, seconds=5)
    except Exception as error:
        if not hasattr(error, "code") or error.code == "internal":
            raise
        assert (session.version, list(session.names), len(session.names.values)) == before
        assert session.ctx.log is None


@QUIET
@given(st.lists(st.sampled_from(PIECES), max_size=25).map(" ".join))
def test_random_tokens_are_refused_properly(code: str) -> None:
    refused_properly(code)


@QUIET
@given(st.data())
def test_programs_with_pieces_changed_are_refused_properly(data: st.DataObject) -> None:
    code = data.draw(st.sampled_from(PROGRAMS))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(code)))
        end = data.draw(st.integers(start, min(len(code), start + 12)))
        code = code[:start] + data.draw(st.sampled_from(["", *PIECES])) + code[end:]
    refused_properly(code)


@QUIET
@given(st.data())
def test_programs_with_words_exchanged_are_refused_properly(data: st.DataObject) -> None:
    """Each word for another of the same program: the syntax mostly holds, the values mostly do not."""
    code = data.draw(st.sampled_from(PROGRAMS))
    words = [match.span() for match in re.finditer(r"\w+|[-+*/@%<>]", code)]
    for _ in range(data.draw(st.integers(1, 3))):
        (start, end), (first, last) = data.draw(st.tuples(st.sampled_from(words), st.sampled_from(words)))
        code = code[:start] + code[first:last].ljust(end - start) + code[end:]
    refused_properly(code)


# -- values where they do not belong ----------------------------------------------------------------------------------

VALUES = ["None", "True", "3", "-1", "2.5", "1j", "'a'", "[]", "[1, 2]", "[[1.], [2., 3.]]", "[None]", "['a']", "()"]
VALUES += ["(1, 'a')", "{}", "{'a': x}", "x", "y", "x.sum()", "torch.tensor(1)", "torch.float64", "torch.device('cpu')"]
VALUES += [
    "x.shape",
    "range(3)",
    "zip([1])",
    "slice(1)",
    "lambda v: v",
    "f",
    "len",
    "float",
    "torch",
    "torch.no_grad()",
]
VALUES += [
    "(x * 2).grad_fn",
    "torch.Generator()",
    "opt",
    "A",
    "A.apply",
    "ValueError",
    "...",
    "torch.Tensor",
    "[x, None]",
]
NAMES_OF_CALLS = [
    *(
        "torch.tensor",
        "torch.as_tensor",
        "torch.ones",
        "torch.cat",
        "torch.where",
        "torch.sum",
        "torch.einsum",
        "torch.full",
    ),
    *(
        "torch.autograd.grad",
        "torch.autograd.backward",
        "torch.autograd.gradcheck",
        "torch.autograd.functional.jacobian",
    ),
    *(
        "torch.autograd.functional.vjp",
        "torch.autograd.functional.hvp",
        "torch.func.grad",
        "torch.func.vmap",
        "torch.func.vjp",
    ),
    *("torch.func.jvp", "torch.func.grad(f)", "torch.func.vmap(f)", "torch.func.jacrev(f)", "torch.func.linearize"),
    *(
        "torch.optim.SGD",
        "torch.optim.Adam",
        "torch.optim.LBFGS",
        "opt.step",
        "opt.add_param_group",
        "opt.load_state_dict",
    ),
    *(
        "opt.zero_grad",
        "x.backward",
        "x.register_hook",
        "x.view",
        "x.to",
        "x.sum",
        "x.size",
        "x.requires_grad_",
        "x.copy_",
    ),
    *("x.index_put_", "x.expand", "x.register_post_accumulate_grad_hook", "(x * 2).grad_fn.register_hook", "A.apply"),
    *("torch.autograd.graph.saved_tensors_hooks", "torch.autograd.graph.register_multi_grad_hook", "torch.manual_seed"),
    *(
        "torch.set_grad_enabled",
        "torch.set_default_dtype",
        "torch.Size",
        "torch.device",
        "torch.Generator",
        "torch.is_tensor",
    ),
    *("torch.autograd.forward_ad.make_dual", "torch.autograd.function.once_differentiable", "torch.inference_mode"),
    *(
        "print",
        "len",
        "range",
        "list",
        "tuple",
        "sorted",
        "max",
        "min",
        "sum",
        "any",
        "zip",
        "map",
        "enumerate",
        "reversed",
    ),
    *(
        "abs",
        "round",
        "int",
        "float",
        "complex",
        "bool",
        "str",
        "repr",
        "isinstance",
        "type",
        "pow",
        "divmod",
        "slice",
        "dict",
    ),
    *(
        "'{}'.format",
        "', '.join",
        "[3].index",
        "[3].insert",
        "[3].pop",
        "{1: 2}.get",
        "math.sqrt",
        "math.log",
        "f",
        "A.forward",
    ),
]
TEMPLATES = [
    "{} + {}",
    "{} @ {}",
    "{} < {}",
    "{} == {}",
    "{} in {}",
    "{}[{}]",
    "{} % {}",
    "{} ** {}",
    "{} and {}",
    "-{}",
    "~{}",
]
TEMPLATES += [
    "f'{{{}:{{{}}}}}'",
    "x[{}] = {}",
    "[1, 2][{}:{}]",
    "x.grad = {}",
    "x.data = {}",
    "for a, b in {}: pass",
    "x += {}",
]
TEMPLATES += [
    "with {}: {}",
    "raise {}",
    "assert {}, {}",
    "y[{}] = {}",
    "del y[{}]",
    "x.requires_grad = {}",
    "{} if {} else 1",
]
GIVEN = """
x = torch.tensor([1., 2.], requires_grad=True)
y = [x, 3]
opt = torch.optim.SGD([x], lr=0.1)
def f(v): return v * 2
class A(torch.autograd.Function):
    @staticmethod
    def forward(ctx, *args): return args[0]
    @staticmethod
    def backward(ctx, *grads): return grads
"""


@settings(QUIET, max_examples=400)
@given(st.data())
def test_any_value_in_any_place_is_taken_or_refused(data: st.DataObject) -> None:
    value = st.sampled_from(VALUES)
    if data.draw(st.booleans()):
        keyword = data.draw(st.sampled_from(["", "", "inputs=", "dim=", "dtype=", "create_graph=", "v="]))
        args = ", ".join([*data.draw(st.lists(value, max_size=3)), *([keyword + data.draw(value)] if keyword else [])])
        code = f"{data.draw(st.sampled_from(NAMES_OF_CALLS))}({args})"
    else:
        template = data.draw(st.sampled_from(TEMPLATES))
        code = template.format(*(f"({data.draw(value)})" for _ in range(template.replace("{{", "").count("{}"))))
    session = new_session(**LIMITS)
    execute(session, GIVEN)
    try:
        execute(session, code, seconds=5)
    except Exception as error:
        if getattr(error, "code", "internal") == "internal" or "not possible with these values" in str(error):
            raise AssertionError(code) from error


# -- valid programs ---------------------------------------------------------------------------------------------------

numbers = st.sampled_from(["0", "1", "2", "3", "-2", "0.5", "2.0", "True", "n", "m"])
tensors = st.sampled_from(["x", "y", "x", "z", "torch.ones(3)", "torch.arange(3.)", "torch.tensor(2.)"])


def _number(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    binary = st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%", "<", "==", "and", "or"]), inner)
    return st.one_of(
        binary.map(lambda parts: f"({' '.join(parts)})"),
        st.tuples(inner, inner, inner).map(lambda p: f"({p[0]} if {p[1]} else {p[2]})"),
        inner.map(lambda each: f"(-{each})"),
        inner.map(lambda each: f"abs({each})"),
        st.tuples(inner, inner).map(lambda p: f"max({p[0]}, {p[1]})"),
        st.tuples(inner, inner).map(lambda p: f"sum([i * {p[0]} for i in range(4) if i != {p[1]}])"),
        inner.map(lambda each: f"(lambda v, w=2: v * w)({each})"),
    )


def _tensor(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    binary = st.tuples(inner, st.sampled_from(["+", "-", "*", "/"]), st.one_of(inner, numbers))
    return st.one_of(
        binary.map(lambda parts: f"({' '.join(parts)})"),
        st.tuples(inner, st.sampled_from(["sin", "exp", "abs", "tanh", "sum", "mean", "clone", "neg", "relu"])).map(
            lambda p: f"{p[0]}.{p[1]}()"
        ),
        st.tuples(st.sampled_from(["torch.maximum", "torch.where(x > 0, *pair)".replace("*pair", ""), "f"]), inner).map(
            lambda p: f"f({p[1]})"
        ),
        inner.map(lambda each: f"torch.stack([{each}, {each}])[0]"),
        inner.map(lambda each: f"(3 - {each})"),
    )


number = st.recursive(numbers, _number, max_leaves=6)
tensor = st.recursive(tensors, _tensor, max_leaves=6)
statement = st.one_of(
    number.map(lambda each: f"n = {each}"),
    number.map(lambda each: f"m += {each}"),
    tensor.map(lambda each: f"y = {each}"),
    tensor.map(lambda each: f"z = {each}"),
    tensor.map(lambda each: f"print({each})"),
    number.map(lambda each: f"print({each}, f'{{{each}}} {{{each}:.3f}}', '%5.2f|' % {each})"),
    number.map(lambda each: f"if {each}:\n    print('yes', {each})\nelse:\n    print('no')"),
    st.tuples(number, number).map(lambda p: f"for i, v in enumerate([{p[0]}, {p[1]}]):\n    n += i * v\nprint(n)"),
    st.tuples(number, number).map(
        lambda p: f"def g(a, b={p[0]}, *c):\n    return a + b, c\nprint(g({p[1]}), g(1, 2, 3))"
    ),
    tensor.map(lambda each: f"({each}).sum().backward()\nprint(x.grad)\nx.grad = None"),
    tensor.map(lambda each: f"with torch.no_grad():\n    print(({each}).requires_grad)"),
    tensor.map(
        lambda each: f"try:\n    print({each} + torch.ones(7))\nexcept RuntimeError as e:\n    print('caught', e)"
    ),
    st.tuples(number, tensor).map(
        lambda p: f"items = [{p[0]}, {p[1]}]\nitems.append(n)\nprint(items, len(items), items[::-1])"
    ),
    number.map(lambda each: f"while n < 3:\n    n += 1\n    if {each}:\n        break\nprint(n)"),
    st.tuples(number, number, number).map(
        lambda p: f"print({p[0]} < {p[1]} <= {p[2]}, [{p[0]}, {p[1]}] == [{p[1]}, {p[2]}])"
    ),
)
START = """n, m = 1, 2
x = torch.tensor([0.5, -1.0, 2.0], requires_grad=True)
y, z = x * 2, torch.ones(3)
def f(t, scale=2.0):
    return t * scale
"""


def in_python(code: str) -> str:
    """What Python prints for the same text on `engine`; the name of an error's type ends it."""
    printed = io.StringIO()
    with activate(Context(seed=0)), contextlib.redirect_stdout(printed):
        try:
            exec(code, {"torch": engine})
        except Exception as error:  # noqa: BLE001 - whatever Python makes of the program
            return f"{printed.getvalue()}{type(error).__name__}"
    return printed.getvalue()


def as_text(code: str) -> str:
    session = new_session()
    try:
        return str(execute(session, code)["stdout"])
    except Exception as error:
        if not hasattr(error, "code"):
            raise
        return type(error).__name__


@settings(QUIET, max_examples=200)
@given(st.lists(statement, min_size=1, max_size=5).map("\n".join))
def test_a_valid_program_prints_what_python_prints(body: str) -> None:
    code = START + body
    wanted = in_python(code)
    got = as_text(code)
    if wanted.endswith("Error"):
        assert wanted.endswith(got), f"{code}\n-- wanted\n{wanted}\n-- got\n{got}"
    else:
        assert same_text(wanted, got), f"{code}\n-- wanted\n{wanted}\n-- got\n{got}"


@pytest.fixture(autouse=True, scope="module")
def _deep_enough():
    """Code raises the recursion limit once; hypothesis would take that for the program's own doing."""
    sys.setrecursionlimit(max(sys.getrecursionlimit(), FRAMES))

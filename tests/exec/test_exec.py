"""The route and the step `exec`: answers, names, all or nothing."""

from __future__ import annotations

from tests.service.conftest import open_session, problem, step, unchanged


def run(session, code: str) -> dict:
    return session.call("POST", "exec", {"code": code})


def refused(session, code: str, status=422, kind=None, detail: str | None = None) -> dict:
    with unchanged(session):
        return problem(session.send("POST", "exec", {"code": code}), status, kind, detail)


# -- answers ----------------------------------------------------------------------------------------------------------


def test_the_answer_has_output_result_tensors_and_version(session) -> None:
    answer = run(session, "x = torch.ones(2, requires_grad=True)\nn = 3\nprint('n is', n)\ny = x * n\ny")
    assert answer.keys() == {"stdout", "result", "text", "tensors", "version"}
    assert answer["stdout"] == "n is 3\n"
    assert answer["text"] == "tensor([3., 3.], grad_fn=<MulBackward0>)"
    assert answer["result"]["name"] == "y"
    assert answer["result"]["data"] == [3.0, 3.0]
    assert answer["tensors"].keys() == {"x", "y"}
    assert answer["tensors"]["y"]["grad_fn"] == "MulBackward0"
    assert answer["tensors"]["y"]["data"] is None
    assert answer["version"] == session.version() == 1


def test_values_are_json_and_other_results_are_text(session) -> None:
    assert run(session, "1 + 1")["result"] == 2
    assert run(session, "2.5, [True, None], 'text'")["result"] == [2.5, [True, None], "text"]
    assert run(session, "float('nan'), 1e400, torch.float32, torch.Size([2])")["result"] == [
        "NaN",
        "Infinity",
        "float32",
        [2],
    ]
    assert run(session, "x = 1")["result"] is None
    assert run(session, "lambda: 1")["result"] == "<function <lambda>>"
    assert run(session, "{'a': [1, 'b'], 'c': None}")["result"] == {"a": [1, "b"], "c": None}
    assert run(session, "{1: 2}")["result"] == "{1: 2}"
    assert run(session, "[torch.tensor(1), print]")["result"] == "[tensor(1), <built-in function print>]"
    assert session.value("exec", code="[torch.tensor(1)]")["result"] == "[tensor(1)]"
    assert run(session, "")["text"] is None


def test_tensors_within_lists_are_objects(session) -> None:
    answer = run(session, "x = torch.ones(1)\n(x, [x * 2], 3)")
    first, (second,), third = answer["result"]
    assert (first["name"], first["data"], second["name"], second["data"], third) == ("x", [1.0], None, [2.0], 3)
    assert answer["text"] == "(tensor([1.]), [tensor([2.])], 3)"


def test_a_node_prints_its_number_in_the_graph(session) -> None:
    text = run(session, "x = torch.ones(1, requires_grad=True)\ny = x * 2\ny.grad_fn")["text"]
    nodes = session.call("GET", "graph?tensor=y")["nodes"]
    number = next(node["id"] for node in nodes if node["name"] == "MulBackward0")
    assert text == f"<MulBackward0 object at 0x{number:08x}>"


def test_a_large_last_tensor_comes_without_values(session) -> None:
    answer = run(session, "torch.zeros(200, 200)")
    assert answer["result"]["data"] is None
    assert answer["text"].startswith("tensor([[0., 0., 0.,  ..., 0., 0., 0.],")


# -- names ------------------------------------------------------------------------------------------------------------


def test_names_are_those_of_the_session(session) -> None:
    session.tensor("x", [1.0, 2.0], requires_grad=True)
    run(session, "y = (x ** 2).sum()")
    session.backward("y")
    assert run(session, "x.grad.tolist()")["result"] == [2.0, 4.0]
    assert session.op("add", "y", 1, out="z")["data"] == 6.0
    run(session, "del z")
    assert session.names() == ["x", "y"]


def test_numbers_functions_and_classes_last_beside_the_tensors(session) -> None:
    run(session, "import torch.nn.functional as N\nk = 3\ndef f(x): return x * k\nitems = [1]")
    run(session, "k = 4\nitems.append(f(2))")
    assert run(session, "items, N.relu(torch.tensor([-1.])).item()")["result"] == [[1, 8], 0.0]
    assert session.names() == []


def test_a_name_is_a_tensor_or_a_value_never_both(session) -> None:
    run(session, "a = 1")
    problem(session.send("POST", "tensors", {"name": "a", "data": 1}), 409, "name_taken")
    session.call("PUT", "tensors/a", {"data": 2.0})
    assert run(session, "a")["result"]["data"] == 2.0
    run(session, "a = 'text'")
    assert session.names() == []
    session.run(step("tensor", data=1.0, out="a"))
    session.call("DELETE", "tensors/a")
    refused(session, "a", 422, "bad_code", "name 'a' is not defined")


def test_optimizers_are_the_sessions(session) -> None:
    run(session, "w = torch.ones(2, requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.5)\nw.sum().backward()")
    assert session.call("GET", "optimizers/opt")["type"] == "SGD"
    session.run(step("optim.step", optimizer="opt"))
    assert session.data("w") == [0.5, 0.5]
    assert run(session, "opt.param_groups[0]['lr']")["result"] == 0.5


def test_rebinding_a_name_to_the_same_tensor_keeps_its_place(session) -> None:
    session.tensor("x", 1.0)
    run(session, "y = x\nx = y\nx += 1")
    assert session.get("x")["data"] == session.get("y")["data"] == 2.0
    assert run(session, "y")["result"]["name"] == "x"


# -- as a step --------------------------------------------------------------------------------------------------------


def test_exec_is_a_step_of_a_run(session) -> None:
    answer = session.run(
        step("tensor", data=[1.0, 2.0], requires_grad=True, out="x"),
        step("exec", code="y = x * 2\nprint(y.sum().item())\nlen(y)"),
        step("sum", "y", out="s"),
        **{"return": ["s"]},
    )
    assert answer["values"] == {"1": {"stdout": "6.0\n", "result": 2, "text": "2"}}
    assert answer["tensors"]["s"]["data"] == 6.0
    assert session.value("exec", code="1 + 1")["result"] == 2


def test_a_function_defined_in_code_is_an_op_of_later_steps(session) -> None:
    run(session, "def scaled(x, by=2, shift=None):\n    return x * by if shift is None else (x * by + shift, by)")
    session.tensor("x", [1.0, 2.0], requires_grad=True)
    made = session.op("scaled", "x", by=3, out="y")
    assert (made["name"], made["data"], made["grad_fn"]) == ("y", [3.0, 6.0], "MulBackward0")
    run(session, "def both(x): return x + 1, x - 1\ndef count(x): return len(x)")
    assert [each["data"] for each in session.op("both", "x", out=["a", "b"])] == [[2.0, 3.0], [0.0, 1.0]]
    assert session.value("count", "x") == 2
    problem(session.send("POST", "ops/scaled", {"args": ["x", 1, 2, 3]}), 422, "bad_argument", "scaled() takes")
    problem(session.send("POST", "ops/scaled", {"args": ["nobody"]}), 422, "unknown_tensor")


def test_the_name_of_an_op_stays_the_op_for_steps(session) -> None:
    run(session, "def add(a, b): return a")
    assert session.op("add", 1, 2)["data"] == 3


# -- all or nothing ---------------------------------------------------------------------------------------------------

BEFORE = """
x = torch.tensor([1., 2.], requires_grad=True)
y = (x * x).sum()
items = [1, [2]]
table = {"a": 1}
def f(): return "old"
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x): return x * 2
    @staticmethod
    def backward(ctx, g): return g * 2
opt = torch.optim.SGD([x], lr=0.5, momentum=0.9)
torch.manual_seed(7)
"""
CHANGES = """
y.backward()
opt.step()
with torch.no_grad():
    x += 1
opt.param_groups[0]["lr"] = 9.0
z = torch.rand(3)
items.append(3)
items[1][0] = 7
table["b"] = 2
def f(): return "new"
del Double
x.register_hook(lambda g: g * 100)
torch.set_grad_enabled(False)
torch.set_default_dtype(torch.float64)
torch.autograd.set_detect_anomaly(True)
x = 5
new = torch.ones(1)
"""
SEEN = """
loss = Double.apply(x * x).sum()
loss.backward(retain_graph=True)
print(items, table, f(), opt.param_groups[0]["lr"], x, x.grad, y, torch.is_grad_enabled(), torch.tensor(1.).dtype)
print(torch.rand(2))
"""


def test_code_that_fails_at_its_end_changes_nothing(session, client) -> None:
    run(session, BEFORE)
    refused(session, CHANGES + "torch.ones(2) + torch.ones(3)", 422, "shape_mismatch")
    with open_session(client, seed=0) as untouched:
        run(untouched, BEFORE)
        assert run(session, SEEN)["stdout"] == run(untouched, SEEN)["stdout"]


def test_what_was_caught_stays_and_what_was_not_goes(session) -> None:
    run(session, "x = torch.zeros(2)\ntry:\n    x += 1\n    x + torch.ones(3)\nexcept RuntimeError:\n    x += 10")
    assert session.data("x") == [11.0, 11.0]


def test_a_hook_of_code_runs_in_later_backwards_with_a_budget_of_its_own(session) -> None:
    run(session, "seen = []\nx = torch.ones(1, requires_grad=True)\nx.register_hook(lambda g: seen.append(g.item()))")
    run(session, "y = x * 3")
    session.backward("y")
    assert run(session, "seen")["result"] == [3.0]
    run(session, "def forever(g):\n    while True:\n        pass\nx.register_hook(forever)\ny = x * 3")
    with unchanged(session):
        problem(session.send("POST", "backward", {"tensors": "y"}), 413, "too_large", "more steps")
    assert run(session, "seen")["result"] == [3.0]


# -- refusals ---------------------------------------------------------------------------------------------------------


def test_the_engines_refusals_are_those_of_the_op_with_the_line(session) -> None:
    session.tensor("a", [1.0, 2.0])
    session.tensor("b", [1.0, 2.0, 3.0])
    wire = problem(session.send("POST", "ops/add", {"args": ["a", "b"]}), 422)
    code = refused(session, "c = a * 2\nd = a + b")
    assert (code["code"], code["detail"], code["status"]) == (wire["code"], wire["detail"], wire["status"])
    assert code["line"] == 2
    assert refused(session, "a.backward()", 422, "no_grad_fn")["line"] == 1
    leaf = "x = torch.ones(1, requires_grad=True)\n\nx += 1"
    assert refused(session, leaf, 409, "inplace_on_leaf")["line"] == 3
    twice = "x = torch.ones(1, requires_grad=True)\ny = x * x\ny.backward()\ny.backward()"
    assert refused(session, twice, 409, "graph_freed")["line"] == 4


def test_the_line_is_the_one_that_failed_not_the_one_that_was_called(session) -> None:
    code = "def f(x):\n    y = x * 2\n    return y\n\nz = f(torch.ones(2)) + torch.ones(3)"
    assert refused(session, code, 422, "shape_mismatch")["line"] == 5
    code = "def f(x):\n    y = x * 2\n    return y + torch.ones(3)\n\nz = f(torch.ones(2))"
    assert refused(session, code, 422, "shape_mismatch")["line"] == 3


def test_syntax_and_names_are_refused_with_their_place_and_what_there_is(session) -> None:
    for code, line, column, text in [
        ("x = = 3", 1, 5, "invalid syntax"),
        ("x = 1\nwhile x:\n  y = nobody", 3, 7, "'nobody' is not defined; there are"),
        ("torch.ones(2).nothing()", 1, 15, "'Tensor' object has no attribute 'nothing'; its ops are listed by"),
        ("torch.nn.Module()", 1, 10, "'module' object has no attribute 'Module'"),
        ("import os", 1, 1, "no module named 'os'; there are torch"),
        ("x = {1, 2}", 1, 5, "use a list or tuple instead"),
        ("class A: pass", 1, 1, "derive from torch.autograd.Function"),
        ("return 1", 1, 1, "'return' outside function"),
        ("if 1:\n  break", 2, 3, "'break' outside loop"),
        ("def f(a, a): pass", 1, 10, "duplicate argument"),
        ("async def f(): pass", 1, 1, "`async def` is not in the language of exec; use `def`"),
    ]:
        answer = refused(session, code, 422, "bad_code", text)
        assert (answer["line"], answer["column"]) == (line, column), code


def test_a_text_of_python_is_told_once_and_as_what_it_is(session) -> None:
    assert refused(session, "x = = 3", 422, "bad_code")["detail"] == "invalid syntax"
    assert refused(session, "{}['weight']", 422, "bad_argument")["detail"] == "KeyError: 'weight'"


PARTIAL = """
from functools import partial
from torch.func import vjp, vmap


def predict(weight, bias, x):
    return F.linear(x, weight, bias).tanh()


weight, bias, x = torch.tensor([[1.0, 2.0], [3.0, -1.0]]), torch.tensor([0.5, -0.5]), torch.tensor([0.1, 0.2])
_, vjp_fn = vjp(partial(predict, weight, bias), x)
jacobian, = vmap(vjp_fn)(torch.eye(2))
print(torch.allclose(jacobian, torch.autograd.functional.jacobian(lambda x: predict(weight, bias, x), x)))
print(partial(partial(max, 1), 5, key=lambda n: -n)(3), list(map(partial(pow, 2), [1, 2, 3])))
"""


def test_partial_fixes_arguments_as_the_tutorial_of_jacobians_does(session) -> None:
    assert run(session, PARTIAL)["stdout"] == "True\n1 [2, 4, 8]\n"
    refused(session, "import functools\nfunctools.partial()", 422, "bad_argument", "at least one argument")
    refused(session, "import functools\nfunctools.partial(3)", 422, "bad_argument", "must be callable")
    deep = "import functools\np = abs\nfor _ in range(100000):\n    p = functools.partial(p)\np(1)"
    refused(session, deep, 413, "too_large", "too deeply")


def test_assertions_and_raised_errors_are_told(session) -> None:
    assert refused(session, "assert 1 > 2, 'one is not more'", 422, "assertion_failed")["detail"] == "one is not more"
    assert refused(session, "assert 1 > 2", 422, "assertion_failed")["detail"] == "AssertionError"
    assert refused(session, "x = 1\nraise ValueError('no')", 422, "raised")["detail"] == "no"


def test_options_of_optimizers_are_checked(session) -> None:
    session.tensor("w", [1.0], requires_grad=True)
    for code, text in [
        ("torch.optim.SGD([w], rate=1)", "got an unexpected keyword argument 'rate'"),
        ("torch.optim.Adam()", "missing a required argument: 'params'"),
        ("torch.optim.SGD([w], lr=-1.0)", "Invalid learning rate: -1.0"),
        ("torch.optim.SGD([w], lr=print)", "options of an optimizer are numbers, texts and bools"),
        ("torch.optim.SGD([])", "optimizer got an empty parameter list"),
        ("torch.optim.SGD([w * 2])", "can't optimize a non-leaf Tensor"),
    ]:
        refused(session, code, 422, "bad_argument", text)


def test_fields_are_checked(session) -> None:
    for body in ({}, {"code": 1}, {"code": "1", "more": 2}, {"code": None}, []):
        with unchanged(session):
            problem(session.send("POST", "exec", body), 422, "bad_argument")


# -- as every call that changes something -----------------------------------------------------------------------------


def test_etag_if_match_and_idempotency_key(session) -> None:
    code = {"code": "n = 1\nx = torch.zeros(1)"}
    first = session.send("POST", "exec", code)
    assert first.headers["etag"] == '"1"'
    problem(session.send("POST", "exec", code, headers={"If-Match": '"9"'}), 412)
    more = {"code": "n += 1\nx += n\nprint(n)"}
    once = session.send("POST", "exec", more, headers={"Idempotency-Key": "k"})
    again = session.send("POST", "exec", more, headers={"Idempotency-Key": "k"})
    assert once.json() == again.json()
    assert session.data("x") == [2.0]
    problem(session.send("POST", "exec", code, headers={"Idempotency-Key": "k"}), 422, "idempotency_mismatch")
    assert session.version() == 2


def test_saved_functions_are_called_by_name(session, client) -> None:
    saved = client.put("/v1/functions/thrice", json={"source": "def thrice(x):\n    return x * 3"})
    assert saved.is_success, saved.text
    try:
        answer = run(session, "x = torch.ones(2, requires_grad=True)\nfunctions.thrice(x).sum().backward()\nx.grad")
        assert answer["result"]["data"] == [3.0, 3.0]
        refused(session, "functions.nobody(torch.ones(1))", 422, "unknown_function")
    finally:
        client.delete("/v1/functions/thrice")


def test_versions_go_back_too(session) -> None:
    run(session, "x = torch.zeros(2)\ny = torch.zeros(2)")
    marking = (
        "class Mark(torch.autograd.Function):\n"
        "    @staticmethod\n"
        "    def forward(ctx, x):\n"
        "        ctx.mark_dirty(x)\n"
        "        return x\n"
        "    @staticmethod\n"
        "    def backward(ctx, g): return g\n"
    )
    refused(session, marking + "Mark.apply(y)\ntorch.add(torch.ones(3), 1, out=x)\nx + y", 422, "shape_mismatch")
    assert run(session, "x, x._version, y._version")["text"] == "(tensor([0., 0.]), 0, 0)"


def test_what_is_reached_through_other_objects_goes_back_too(session) -> None:
    run(
        session,
        "class Count(torch.autograd.Function):\n"
        "    calls = 0\n"
        "    @staticmethod\n"
        "    def forward(ctx, x):\n"
        "        ctx.n = 0\n"
        "        return x * 2\n"
        "    @staticmethod\n"
        "    def backward(ctx, g):\n"
        "        ctx.n += 1\n"
        "        Count.calls += 1\n"
        "        return g * 2\n"
        "x = torch.ones(1, requires_grad=True)\ny = Count.apply(x)\n"
        "opt = torch.optim.SGD([x], lr=0.5)\ngen = torch.Generator().manual_seed(3)\n"
        "def counter(n=[0]):\n    n[0] += 1\n    return n[0]",
    )
    seen = "y.grad_fn.n, Count.calls, y.grad_fn.metadata, opt.param_groups[0]['lr'], gen.initial_seed(), x.grad"
    before = run(session, seen)["text"]
    refused(
        session,
        "y.backward(retain_graph=True)\ny.grad_fn.metadata['k'] = 1\nopt.param_groups[0]['lr'] = 'fast'\n"
        "torch.rand(3, generator=gen)\ngen.manual_seed(4)\ncounter()\n1 / 0",
        422,
        "bad_argument",
        "division by zero",
    )
    assert run(session, seen)["text"] == before == "(0, 0, {}, 0.5, 3, None)"
    drawn = run(session, "counter(), torch.rand(2, generator=gen).tolist()")["result"]
    assert drawn == [1, run(session, "torch.rand(2, generator=torch.Generator().manual_seed(3)).tolist()")["result"]]


def test_what_is_used_up_as_it_is_read_is_not_kept(session) -> None:
    refused(session, "z = zip([1], [2])", 422, "bad_argument", "make a list of it")
    assert run(session, "def f():\n    z = zip([1], [2])\n    return [p for p in z]\nf()")["text"] == "[(1, 2)]"


def test_the_name_of_a_caught_error_ends_with_its_handler(session) -> None:
    refused(
        session, "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    pass\ne", 422, "bad_code", "'e' is not defined"
    )

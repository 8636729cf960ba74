"""`GET …/graph`: the recorded graph, as PyTorch's `grad_fn` and `next_functions` tell it."""

import re
import shutil
import subprocess

import pytest

from .conftest import leaf, open_session, problem, step, unchanged


def graph_of(session, **query) -> dict:
    return session.call("GET", "graph", params=query)


def written(graph: dict) -> set[tuple]:
    """The edges by the names of their nodes: a leaf's node by the leaf's name."""
    names = {node["id"]: node.get("variable") or node["name"] for node in graph["nodes"]}
    assert len(names) == len(graph["nodes"])
    return {(names[edge["from"]], names[edge["to"]], edge["input_nr"]) for edge in graph["edges"]}


@pytest.fixture
def tutorial(session):
    """PyTorch's tutorial: x = ones(2, 2), y = x + 2, z = y * y * 3, out = z.mean()."""
    session.run(
        step("ones", size=[2, 2], requires_grad=True, out="x"),
        step("add", "x", 2, out="y"),
        step("mul", "y", "y", out="yy"),
        step("mul", "yy", 3, out="z"),
        step("mean", "z", out="out"),
    )
    session.call("DELETE", "tensors/yy")
    return session


def test_nodes_and_edges_are_grad_fns_and_next_functions(tutorial):
    graph = graph_of(tutorial, tensor="out")
    names = [node["name"] for node in graph["nodes"]]
    assert names == ["MeanBackward0", "MulBackward0", "MulBackward0", "AddBackward0", "AccumulateGrad"]
    ids = [node["id"] for node in graph["nodes"]]
    mean, times_three, square, add, x = ids
    assert {(e["from"], e["to"]) for e in graph["edges"]} == {
        (mean, times_three),
        (times_three, square),
        (square, add),
        (add, x),
    }
    assert [(e["from"], e["to"]) for e in graph["edges"]].count((square, add)) == 2  # y * y uses y twice
    assert all(e["input_nr"] == 0 for e in graph["edges"])
    assert graph["roots"] == {"out": mean}


def test_a_node_tells_what_it_saved_and_a_leafs_node_its_name(tutorial):
    mean, times_three, square, add, x = graph_of(tutorial, tensor="out")["nodes"]
    matrix = {"shape": [2, 2], "dtype": "float32"}
    assert sorted(square["saved"], key=lambda each: each["name"]) == [
        {"name": "other", **matrix},
        {"name": "self", **matrix},
    ]
    assert (add["saved"], mean["saved"], x["saved"]) == ([], [], [])
    assert (x["variable"], x["shape"]) == ("x", [2, 2])
    assert "variable" not in add
    assert times_three["saved"] in ([], [{"name": "other", "shape": [], "dtype": "float32"}])


def test_input_nr_is_the_output_that_was_used(session):
    session.run(leaf("x", [3.0, 1.0]), step("unbind", "x", out=["a", "b"]), step("sub", "a", "b", out="y"))
    assert written(graph_of(session, tensor="y")) == {
        ("SubBackward0", "UnbindBackward0", 0),
        ("SubBackward0", "UnbindBackward0", 1),
        ("UnbindBackward0", "x", 0),
    }


def test_a_freed_node_has_null_as_what_it_saved(tutorial):
    tutorial.backward("out")
    _, _, square, add, _ = graph_of(tutorial, tensor="out")["nodes"]
    assert (square["saved"], add["saved"]) == (None, [])


def test_ids_stay_while_the_session_lives(tutorial):
    before = graph_of(tutorial, tensor="out")
    tutorial.op("exp", "out", out="more")
    tutorial.backward("out", retain_graph=True)
    assert graph_of(tutorial, tensor="out") == before
    after = graph_of(tutorial, tensor="more")
    assert after["nodes"][1:] == before["nodes"]
    assert after["nodes"][0]["id"] not in {node["id"] for node in before["nodes"]}


def test_a_leafs_id_outlives_the_graphs_it_is_in(session):
    session.run(leaf("x", 1.0), step("exp", "x", out="y"))
    before = {node["name"]: node["id"] for node in graph_of(session, tensor="y")["nodes"]}
    session.op("sin", "x", out="y")
    after = {node["name"]: node["id"] for node in graph_of(session, tensor="y")["nodes"]}
    assert after["AccumulateGrad"] == before["AccumulateGrad"]
    assert after["SinBackward0"] not in before.values()


def test_without_a_tensor_the_graph_is_that_of_the_session(tutorial):
    tutorial.run(leaf("other", 1.0), step("exp", "other", out="e"), step("sin", "x", out="s"))
    graph = graph_of(tutorial)
    names = sorted(node["name"] for node in graph["nodes"])
    assert names.count("AccumulateGrad") == 2
    assert {"ExpBackward0", "SinBackward0", "MeanBackward0"} <= set(names)
    assert graph["roots"].keys() == {"y", "z", "out", "e", "s"}
    assert len(graph["nodes"]) == tutorial.call("GET")["nodes"]


def test_a_leaf_is_its_own_graph_and_a_constant_has_none(session):
    session.run(leaf("x", 1.0), step("tensor", data=1.0, out="c"))
    assert [node["variable"] for node in graph_of(session, tensor="x")["nodes"]] == ["x"]
    assert graph_of(session, tensor="c") == {"nodes": [], "edges": [], "roots": {}}
    assert graph_of(session) == {"nodes": [], "edges": [], "roots": {}}


def test_a_leaf_without_a_name_is_shown_without_one(session):
    session.run(leaf("x", 1.0), step("exp", "x", out="y"))
    session.call("DELETE", "tensors/x")
    assert graph_of(session, tensor="y")["nodes"][1]["variable"] is None
    assert "unnamed" in session.send("GET", "graph", params={"format": "dot"}).text


def test_the_graph_behind_a_gradient(session):
    session.run(leaf("x", 2.0), step("pow", "x", 3, out="y"), step("backward", tensors="y", create_graph=True))
    graph = graph_of(session, tensor="x.grad")
    assert graph["roots"].keys() == {"x.grad"}
    assert "x" in {node.get("variable") for node in graph["nodes"]}


def test_in_place_changes_of_views_show_as_copy_slices(session):
    session.run(leaf("x", [1.0, 2.0]), step("exp", "x", out="y"))
    session.run(step("select", "y", 0, 0, out="v"), step("mul_", "v", 2))
    names = {node["name"] for node in graph_of(session, tensor="y")["nodes"]}
    assert names == {"CopySlices", "ExpBackward0", "AccumulateGrad"}


def test_looking_at_the_graph_changes_nothing(tutorial):
    with unchanged(tutorial):
        response = tutorial.send("GET", "graph")
        assert response.headers["etag"] == f'"{tutorial.version()}"'
        tutorial.send("GET", "graph", params={"format": "dot"})


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"tensor": "nobody"}, 404),
        ({"tensor": "x.grad"}, 404),
        ({"tensor": ""}, 404),
        ({"format": "png"}, 422),
        ({"depth": "3"}, 422),
    ],
)
def test_a_graph_that_cannot_be_shown_is_refused(tutorial, query, status):
    problem(tutorial.send("GET", "graph", params=query), status)


def test_accept_must_allow_the_format(tutorial):
    for accept, status in [("text/vnd.graphviz", 200), ("text/*", 200), ("image/png", 406), ("application/json", 406)]:
        response = tutorial.send("GET", "graph", params={"format": "dot"}, headers={"accept": accept})
        assert response.status_code == status


# -- DOT ------------------------------------------------------------------------------------------------------------

STRING = r'"(?:[^"\\]|\\.)*"'
STATEMENT = re.compile(
    rf"(?P<tail>\w+)(?: -> (?P<head>\w+))?(?: \[(?P<attributes>\w+=(?:{STRING}|\w+)(?:, \w+=(?:{STRING}|\w+))*)\])?;"
)


def parsed(dot: str) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """The labels by id and the arrows of a digraph; fails for what is not in the language."""
    lines = dot.splitlines()
    assert re.fullmatch(r"digraph \w+ \{", lines[0])
    assert lines[-1] == "}"
    labels, arrows = {}, []
    for line in lines[1:-1]:
        statement = STATEMENT.fullmatch(line.strip())
        assert statement, line
        tail, head, attributes = statement["tail"], statement["head"], statement["attributes"] or ""
        if head:
            arrows.append((tail, head))
        elif tail != "node":
            labels[tail] = re.search(rf"label=({STRING})", attributes)[1]
    assert {end for arrow in arrows for end in arrow} <= labels.keys()
    return labels, arrows


def test_dot_says_what_json_says(tutorial):
    response = tutorial.send("GET", "graph", params={"tensor": "out", "format": "dot"})
    assert response.headers["content-type"].split(";")[0] == "text/vnd.graphviz"
    labels, arrows = parsed(response.text)
    graph = graph_of(tutorial, tensor="out")
    root = graph["roots"]["out"]
    assert sorted(arrows) == sorted([(f"n{e['from']}", f"n{e['to']}") for e in graph["edges"]] + [("t0", f"n{root}")])
    assert labels["t0"] == '"out"'
    assert labels[f"n{graph['nodes'][-1]['id']}"] == r'"AccumulateGrad\nx [2, 2]"'
    assert len(labels) == len(graph["nodes"]) + 1


def test_dot_of_nothing_is_an_empty_graph(session):
    assert parsed(session.send("GET", "graph", params={"format": "dot"}).text) == ({}, [])


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")
def test_graphviz_takes_it(tutorial):
    text = tutorial.send("GET", "graph", params={"format": "dot"}).text
    made = subprocess.run(["dot", "-Tsvg"], input=text, capture_output=True, text=True, timeout=60)
    assert (made.returncode, made.stderr) == (0, "")


# -- size -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def deep(client):
    """A chain of 100,000 ops."""
    with open_session(client) as session:
        session.run(leaf("x", 1.0), step("neg", "x", out="y"), **{"return": []})
        for _ in range(4):
            session.run(*[step("neg", "y", out="y")] * 25_000, **{"return": []})
        yield session


def test_a_graph_of_100_000_nodes_is_shown(deep):
    graph = graph_of(deep, tensor="y")
    assert (len(graph["nodes"]), len(graph["edges"])) == (100_002, 100_001)
    text = deep.send("GET", "graph", params={"tensor": "y", "format": "dot"}).text
    assert text.count(" -> ") == 100_002


def test_a_graph_past_the_limit_is_413(client, deep):
    limit = client.get("/v1/info").json()["limits"]["graph_nodes"]
    steps = [step("stack", ["y"] * 2, out="p"), step("sum", "p", out="y")]
    made = 100_002
    while made <= limit:
        deep.run(*[step("neg", "y", out="y")] * 50_000, **{"return": []})
        made += 50_000
    deep.run(*steps, **{"return": []})
    for query in ({"tensor": "y"}, {}, {"format": "dot"}):
        problem(deep.send("GET", "graph", params=query), 413, "too_large")

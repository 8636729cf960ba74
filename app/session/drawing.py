"""The method that shows the graph: as JSON, as DOT text for Graphviz, or as a picture."""

from __future__ import annotations

from typing import Any

from app.calls import DOT, SVG, Call
from app.session.bodies import wrong
from app.session.graphs import Graph, Numbers, edges_of, graph_behind, graph_of_all, saved_by
from app.session.picture import Box, svg_of
from app.session.replies import Reply, Text
from app.session.state import State
from engine.graph import AccumulateGrad, Node

NOT_FOUND = 404


def get_graph(state: State, call: Call) -> Reply:
    """The graph behind the tensor that the query names, or behind all of the session's."""
    format = call.query.get("format", "json")
    if format not in ("json", "dot", "svg"):
        raise wrong("format", "must be json, dot or svg")
    name, limit = call.query.get("tensor"), state.limits.graph_nodes
    if name is None:
        graph = graph_of_all(state.names, limit)
    else:
        graph = graph_behind(name, state.names.resolve(name, NOT_FOUND), limit)
    if format == "dot":
        return 200, Text(dot_of(graph, state), DOT)
    if format == "svg":
        return 200, Text(picture_of(graph, state), SVG)
    return 200, json_of(graph, state)


def json_of(graph: Graph, state: State) -> dict[str, Any]:
    """Nodes, edges, and the node of each named tensor."""
    number = state.numbers.of
    edges = [
        {"from": number(node), "to": number(target), "input_nr": nr}
        for node in graph.nodes
        for target, nr in edges_of(node)
    ]
    return {
        "nodes": [_node(node, state) for node in graph.nodes],
        "edges": edges,
        "roots": {name: number(node) for name, node in graph.roots.items()},
    }


def _node(node: Node, state: State) -> dict[str, Any]:
    shown = {"id": state.numbers.of(node), "name": _short(node), "saved": saved_by(node)}
    if isinstance(node, AccumulateGrad):
        shown |= {"variable": state.names.of(node.variable), "shape": list(node.variable.shape)}
    return shown


def _short(node: Node) -> str:
    return node.name().rpartition("::")[2]


def dot_of(graph: Graph, state: State) -> str:
    """The graph in the DOT language: a box for each node, an oval for each named tensor, arrows as gradients flow."""
    number = state.numbers.of
    lines = ["digraph autograd {", "  node [shape=box];"]
    lines += [f"  n{number(node)} [label={_quoted(_label(node, state))}];" for node in graph.nodes]
    for at, (name, node) in enumerate(graph.roots.items()):
        lines.append(f"  t{at} [label={_quoted(name)}, shape=ellipse];")
        lines.append(f"  t{at} -> n{number(node)};")
    lines += [_arrows(node, state.numbers) for node in graph.nodes if any(True for _ in edges_of(node))]
    return "\n".join([*lines, "}", ""])


def _arrows(node: Node, numbers: Numbers) -> str:
    start = numbers.of(node)
    return "\n".join(f'  n{start} -> n{numbers.of(target)} [label="{nr}"];' for target, nr in edges_of(node))


def _label(node: Node, state: State) -> str:
    if isinstance(node, AccumulateGrad):
        name = state.names.of(node.variable)
        return f"{_short(node)}\n{name or 'unnamed'} {list(node.variable.shape)}"
    saved = saved_by(node)
    lines = ["freed"] if saved is None else [f"{each['name']} {each['shape']}" for each in saved]
    return "\n".join([_short(node), *lines])


def _quoted(text: str) -> str:
    """A text as a quoted string of the DOT language, line breaks as its own escapes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def picture_of(graph: Graph, state: State) -> str:
    """The graph as SVG, drawn as `dot_of` says it; arrows tell only of inputs other than the first."""
    boxes = [Box([name], "name") for name in graph.roots]
    boxes += [
        Box(_label(node, state).split("\n"), "leaf" if isinstance(node, AccumulateGrad) else "node")
        for node in graph.nodes
    ]
    place = {node: at for at, node in enumerate(graph.nodes, len(graph.roots))}
    arrows = [(at, place[node], "") for at, node in enumerate(graph.roots.values())]
    arrows += [
        (place[node], place[target], str(nr) if nr else "") for node in graph.nodes for target, nr in edges_of(node)
    ]
    return svg_of(boxes, arrows)

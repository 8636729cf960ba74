"""`GET …/graph?format=svg`: the picture has the nodes and edges of the JSON, and can be read."""

import re
from collections import Counter
from dataclasses import dataclass
from xml.etree import ElementTree

import pytest

from .conftest import open_session, problem, step

SVG = "{http://www.w3.org/2000/svg}"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
NEAR = 0.2  # places are written with one decimal

TUTORIAL = [
    step("tensor", data=[[1.0, 1.0], [1.0, 1.0]], requires_grad=True, out="x"),
    step("add", "x", 2, out="y"),
    step("mul", "y", "y", out="z"),
    step("mean", "z", out="out"),
]
# Two inputs, uses of one value far apart, several results of one op, a leaf without a name.
WIDE = """
a = torch.ones(2, 3, requires_grad=True)
b = torch.ones(3, requires_grad=True)
h = a
for i in range(12):
    h = torch.tanh(h * b + a)
top, where = h.max(1)
loss = (top * torch.ones(2, requires_grad=True)).sum() + b.sum() + a.sum()
del h
"""


@dataclass
class Box:
    text: str
    left: float
    top: float
    right: float
    bottom: float

    @property
    def upper(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, self.top

    @property
    def lower(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, self.bottom


def box(group: ElementTree.Element) -> Box:
    rect = group.find(f"{SVG}rect")
    x, y, width, height = (float(rect.get(name)) for name in ("x", "y", "width", "height"))
    return Box("\n".join(span.text for span in group.iter(f"{SVG}tspan")), x, y, x + width, y + height)


def ends(path: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    numbers = [float(each) for each in NUMBER.findall(path)]
    return tuple(numbers[:2]), tuple(numbers[-2:])


def is_near(one, other) -> bool:
    return all(abs(a - b) <= NEAR for a, b in zip(one, other, strict=True))


def picture(session, **query) -> tuple[ElementTree.Element, list[Box], list[tuple[Box, Box]]]:
    """The picture, its boxes, and the boxes that each arrow joins."""
    response = session.send("GET", "graph", params={**query, "format": "svg"})
    assert response.headers["content-type"].split(";")[0] == "image/svg+xml"
    root = ElementTree.fromstring(response.content)
    assert root.tag == f"{SVG}svg"
    boxes = [box(group) for group in root.iter(f"{SVG}g")]
    arrows = []
    for start, end in (ends(path.get("d")) for path in root.findall(f"{SVG}path")):
        (above,) = [each for each in boxes if is_near(each.lower, start)]
        (below,) = [each for each in boxes if is_near(each.upper, end)]
        arrows.append((above, below))
    return root, boxes, arrows


def labels(node: dict) -> str:
    saved = [f"{each['name']} {each['shape']}" for each in node["saved"]]
    leaf = [f"{node['variable'] or 'unnamed'} {node['shape']}"] if "variable" in node else []
    return "\n".join([node["name"], *leaf, *saved])


@pytest.mark.parametrize("query", [{}, {"tensor": "loss"}, {"tensor": "a"}])
@pytest.mark.parametrize("made", ["tutorial", "wide"])
def test_the_picture_says_what_json_says_and_can_be_read(session, made, query):
    if made == "tutorial":
        session.run(*TUTORIAL)
        query = {"tensor": {"loss": "out", "a": "x"}[query["tensor"]]} if query else {}
    else:
        session.call("POST", "exec", {"code": WIDE})
    graph = session.call("GET", "graph", params=query)
    root, boxes, arrows = picture(session, **query)
    named = {node["id"]: labels(node) for node in graph["nodes"]}
    assert Counter(each.text for each in boxes) == Counter([*named.values(), *graph["roots"]])
    drawn = Counter((above.text, below.text) for above, below in arrows)
    edges = [(named[edge["from"]], named[edge["to"]]) for edge in graph["edges"]]
    assert drawn == Counter([*edges, *((name, named[node]) for name, node in graph["roots"].items())])
    assert all(above.bottom < below.top for above, below in arrows)
    for at, one in enumerate(boxes):
        for other in boxes[:at]:
            beside = one.right < other.left or other.right < one.left
            assert beside or one.bottom < other.top or other.bottom < one.top
    left, top, width, height = map(float, root.get("viewBox").split())
    for each in boxes:
        assert left < each.left < each.right < left + width
        assert top < each.top < each.bottom < top + height


def test_arrows_between_the_same_boxes_are_apart(session):
    session.run(*TUTORIAL)
    root, _, _ = picture(session, tensor="out")
    paths = [path.get("d") for path in root.findall(f"{SVG}path")]
    assert len(set(paths)) == len(paths) == 5  # out, mean, y * y twice, y + 2


def test_a_graph_of_nothing_is_an_empty_picture(session):
    _, boxes, arrows = picture(session)
    assert (boxes, arrows) == ([], [])


def test_accept_must_allow_the_picture(session):
    for accept, status in [("image/svg+xml", 200), ("image/*;q=0.8,*/*;q=0.1", 200), ("application/json", 406)]:
        response = session.send("GET", "graph", params={"format": "svg"}, headers={"accept": accept})
        assert response.status_code == status


def test_a_graph_too_large_to_be_looked_at_is_413(client):
    with open_session(client) as session:
        session.tensor("x", 1.0, requires_grad=True)
        session.run(step("neg", "x", out="y"), *[step("neg", "y", out="y")] * 1_990, **{"return": []})
        assert len(picture(session, tensor="y")[1]) == 1_993
        session.run(*[step("neg", "y", out="y")] * 10, **{"return": []})
        problem(session.send("GET", "graph", params={"format": "svg"}), 413, "too_large")


def test_a_graph_of_more_arrows_than_can_be_drawn_is_413(client):
    """Each of some 400 sums reaches back to the leaf, past all layers between."""
    with open_session(client) as session:
        session.tensor("x", 1.0, requires_grad=True)
        session.run(step("neg", "x", out="y"), *[step("add", "y", "x", out="y")] * 400, **{"return": []})
        problem(session.send("GET", "graph", params={"format": "svg"}), 413, "too_large")

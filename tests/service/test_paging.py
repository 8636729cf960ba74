"""Lists of tensors: page by page, or by their names."""

import pytest

from .conftest import pages, problem


@pytest.fixture
def seven(session):
    """Seven tensors in order, of which x2 has a gradient."""
    for at in range(7):
        session.tensor(f"x{at}", float(at), requires_grad=at == 2)
    session.call("PUT", "tensors/x2/grad", {"data": 5.0})
    return session


def listed(session, query: str = "") -> dict:
    return session.call("GET", f"tensors{query}")


@pytest.mark.parametrize("limit", [1, 2, 6, 7, 8, 1000])
def test_pages_hold_every_tensor_once_in_the_order_they_were_bound(seven, limit):
    found = pages(seven.client, f"{seven.path}/tensors", "tensors", limit)
    assert [each["name"] for each in found] == [f"x{at}" for at in range(7)]
    assert {each["data"] for each in found} == {None}


def test_the_last_page_has_no_next(seven):
    assert listed(seven, "?limit=7")["next"] is None
    assert isinstance(listed(seven, "?limit=6")["next"], str)


def test_a_cursor_outlives_what_it_was_given_for(seven):
    cursor = listed(seven, "?limit=3")["next"]
    for gone in ("x2", "x3"):
        seven.call("DELETE", f"tensors/{gone}")
    seven.tensor("new", 1.0)
    following = listed(seven, f"?cursor={cursor}")["tensors"]
    assert [each["name"] for each in following] == ["x4", "x5", "x6", "new"]


def test_data_comes_with_a_page_if_it_is_asked_for(seven):
    page = listed(seven, "?limit=3&data=true")["tensors"]
    assert [each["data"] for each in page] == [0.0, 1.0, 2.0]
    assert page[2]["grad"]["data"] == 5.0


def test_names_give_those_tensors_in_that_order_and_gradients_too(seven):
    answer = listed(seven, "?names=x5,x2.grad,x0&data=true")
    assert answer["next"] is None
    assert [(each["name"], each["data"]) for each in answer["tensors"]] == [("x5", 5.0), ("x2.grad", 5.0), ("x0", 0.0)]
    assert [each["data"] for each in listed(seven, "?names=x5,x0")["tensors"]] == [None, None]
    assert [each["name"] for each in listed(seven, "?names=x5&names=x0,x1")["tensors"]] == ["x5", "x0", "x1"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("names=x1,nobody", 404),
        ("names=x1.grad", 404),
        ("limit=0", 422),
        ("limit=", 422),
        ("limit=99999999999999999999", 422),
        ("cursor=x", 422),
        ("cursor=-1", 422),
        ("data=1", 422),
        ("data=yes", 422),
        ("names=x1&limit=0", 422),
        ("limt=3", 422),
    ],
)
def test_a_list_that_cannot_be_is_refused(seven, query, status):
    problem(seven.send("GET", f"tensors?{query}"), status)


def test_a_parameter_that_a_call_has_not_is_refused_everywhere(seven):
    """A misspelt one would go unnoticed."""
    for method, path, body in [
        ("GET", "tensors/x1", None),
        ("POST", "ops/add", {"args": [1, 2]}),
        ("POST", "backward", {"tensors": "x1"}),
        ("GET", "graph", None),
    ]:
        before = seven.version()
        problem(seven.send(method, f"{path}?dta=true", body), 422, "bad_argument")
        assert seven.version() == before
    for path in ("/v1/sessions?limt=3", f"{seven.path}?dta=true"):
        problem(seven.client.get(path), 422, "bad_argument")

"""`Idempotency-Key`: a retry has its effect once and gets the first answer again."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from .conftest import Session, open_session, problem, step, unchanged

VOLATILE = {"x-request-id", "date"}
numbers = itertools.count()


@pytest.fixture
def key() -> dict:
    return {"idempotency-key": f"key-{next(numbers)}"}


@pytest.fixture
def leaf(session):
    """x = 2 and y = x * x."""
    session.run(step("tensor", data=2.0, requires_grad=True, out="x"), step("mul", "x", "x", out="y"))
    return session


def same(first, again):
    """The two answers are one and the same."""
    assert (again.status_code, again.content) == (first.status_code, first.content)
    kept = [{k: v for k, v in r.headers.items() if k not in VOLATILE} for r in (first, again)]
    assert kept[0] == kept[1]


def test_a_retried_backward_accumulates_once(leaf, key):
    first = leaf.send("POST", "backward", {"tensors": "y", "retain_graph": True}, headers=key)
    with unchanged(leaf):
        same(first, leaf.send("POST", "backward", {"tensors": "y", "retain_graph": True}, headers=key))
    assert leaf.grad("x") == 4.0
    leaf.backward("y")
    assert leaf.grad("x") == 8.0


CALLS = [
    ("PATCH", "", {"grad_enabled": True}),
    ("POST", "tensors", {"data": [1, 2]}),
    ("PUT", "tensors/new", {"data": 1}),
    ("PUT", "tensors/x/data", {"data": 5.0}),
    ("PATCH", "tensors/x", {"name": "renamed"}),
    ("DELETE", "tensors/x", None),
    ("PUT", "tensors/x/grad", {"data": 1.0}),
    ("DELETE", "tensors/x/grad", None),
    ("POST", "ops/randn", {"size": [2]}),
    ("POST", "run", {"steps": [step("add_", "y", 1, no_grad=True)]}),
    ("POST", "grad", {"outputs": "y", "inputs": "x"}),
    ("POST", "jacobian", {"output": "y", "inputs": "x"}),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_every_mutating_call_can_be_repeated(leaf, key, method, path, body):
    first = leaf.send(method, path, body, headers=key)
    assert first.is_success
    with unchanged(leaf):
        same(first, leaf.send(method, path, body, headers=key))


def test_the_stored_answer_comes_back_whatever_happened_since(leaf, key):
    first = leaf.send("POST", "ops/add", {"args": ["x", 1]}, headers=key)
    leaf.call("PUT", "tensors/x", {"data": 50.0})
    leaf.call("DELETE", f"tensors/{first.json()['result']['name']}")
    same(first, leaf.send("POST", "ops/add", {"args": ["x", 1]}, headers=key))


def test_the_key_is_looked_at_before_if_match(leaf, key):
    condition = {"if-match": f'"{leaf.version()}"', **key}
    first = leaf.send("POST", "ops/add", {"args": ["x", 1]}, headers=condition)
    assert first.status_code == 200
    same(first, leaf.send("POST", "ops/add", {"args": ["x", 1]}, headers=condition))


OTHER = [
    ("POST", "ops/add", {"args": ["x", 2]}),
    ("POST", "ops/sub", {"args": ["x", 1]}),
    ("POST", "ops/add?data=false", {"args": ["x", 1]}),
    ("POST", "run", {"steps": []}),
    ("PUT", "tensors/add", {"args": ["x", 1]}),
    ("DELETE", "tensors/x", None),
]


@pytest.mark.parametrize(("method", "path", "body"), OTHER)
def test_the_same_key_for_another_call_is_refused(leaf, key, method, path, body):
    leaf.call("POST", "ops/add", {"args": ["x", 1]}, headers=key)
    with unchanged(leaf):
        problem(leaf.send(method, path, body, headers=key), 422, "idempotency_mismatch")


def test_a_refused_call_is_not_kept(leaf, key):
    problem(leaf.send("POST", "ops/add", {"args": ["z", 1]}, headers=key), 422, "unknown_tensor")
    leaf.tensor("z", 1.0)
    assert leaf.send("POST", "ops/add", {"args": ["z", 1]}, headers=key).json()["result"]["data"] == 2.0
    problem(leaf.send("POST", "ops/nonsense", {}, headers={"idempotency-key": "other"}), 404)
    assert leaf.send("POST", "ops/add", {"args": ["z", 1]}, headers={"idempotency-key": "other"}).status_code == 200


def test_a_key_is_for_one_session_and_dies_with_it(client, key):
    made = []
    for _ in range(2):
        with open_session(client, id="keyed") as session:
            response = session.send("POST", "tensors", {"name": "x", "data": len(made)}, headers=key)
            made.append(response.json()["data"])
            with open_session(client) as other:
                assert other.send("POST", "ops/ones", {"size": [1]}, headers=key).status_code == 200
    assert made == [0, 1]


def test_reading_takes_no_notice_of_a_key(leaf, key):
    leaf.call("POST", "ops/add", {"args": ["x", 1]}, headers=key)
    assert leaf.call("GET", "tensors/x", headers=key)["data"] == 2.0


def test_a_session_is_created_once(client, key):
    first = client.post("/v1/sessions", json={"seed": 1}, headers=key)
    assert first.status_code == 201
    session = Session(client, first.json()["id"])
    session.tensor("x", 1.0)
    same(first, client.post("/v1/sessions", json={"seed": 1}, headers=key))
    problem(client.post("/v1/sessions", json={"seed": 2}, headers=key), 422, "idempotency_mismatch")
    assert session.data("x") == 1.0
    session.call("DELETE")


def test_a_creation_that_was_refused_is_not_kept(client, key):
    problem(client.post("/v1/sessions", json={"id": "a b"}, headers=key), 422)
    made = client.post("/v1/sessions", json={"id": "ab"}, headers=key)
    assert made.status_code == 201
    client.delete("/v1/sessions/ab")


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é".encode()])
def test_a_key_is_visible_ascii(leaf, key):
    with unchanged(leaf):
        headers = {b"idempotency-key": key if isinstance(key, bytes) else key.encode()}
        problem(leaf.send("POST", "ops/add", {"args": ["x", 1]}, headers=headers), 422, "bad_argument")


def test_many_repeats_at_once_are_one_call(leaf, key):
    slow = [step("randn", size=[700, 700], out="a"), *[step("matmul", "a", "a", out="b")] * 8]
    body = {"steps": [*slow, step("add_", "y", 1, no_grad=True)], "return": ["y"]}
    version = leaf.version()
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: leaf.send("POST", "run", body, headers=key), range(6)))
    for answer in answers:
        same(answers[0], answer)
    assert (leaf.version(), leaf.data("y")) == (version + 1, 5.0)

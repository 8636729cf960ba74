"""What headers add to a call: `If-Match`, `ETag`, `Server-Timing`, `X-Request-Id`."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from .conftest import open_session, problem, step, unchanged


def add_one(session, tag: str):
    return session.send("POST", "ops/add_", {"args": ["x", 1]}, headers={"if-match": tag})


@pytest.fixture
def counter(session):
    session.tensor("x", 0)
    return session


MATCHING = ['"{v}"', "*", '"0", "{v}"', '"{v}","0"', 'W/"0", "{v}"', '"a,b", "{v}"', ', "{v}",']


@pytest.mark.parametrize("tag", MATCHING)
def test_a_call_for_this_version_is_done(counter, tag):
    version = counter.version()
    response = add_one(counter, tag.format(v=version))
    assert (response.status_code, response.headers["etag"]) == (200, f'"{version + 1}"')


OTHER_VERSIONS = ['"0"', '"{v}0"', 'W/"{v}"']
NO_TAGS = ["{v}", "'{v}'", '"{v}', '"0" "{v}"', '"x,"{v}""', "", "**", '*, "{v}"', '"0", {v}']


@pytest.mark.parametrize("tag", OTHER_VERSIONS + NO_TAGS)
def test_a_call_for_another_version_or_none_at_all_is_412_and_changes_nothing(counter, tag):
    with unchanged(counter):
        response = add_one(counter, tag.format(v=counter.version()))
        problem(response, 412, "precondition_failed")
        assert response.headers["etag"] == f'"{counter.version()}"'


def test_a_version_without_quotes_is_told_how_it_is_written(counter):
    tag = f'"{counter.version()}"'
    assert f"{tag} in If-Match" in problem(add_one(counter, tag.strip('"')), 412)["detail"]


def test_two_lines_of_the_header_are_one_list(counter):
    headers = [("if-match", '"0"'), ("if-match", f'"{counter.version()}"')]
    assert counter.send("POST", "ops/add_", {"args": ["x", 1]}, headers=headers).status_code == 200


CALLS = [
    ("PATCH", "", {"grad_enabled": True}),
    ("POST", "tensors", {"data": 1}),
    ("PUT", "tensors/x", {"data": 1}),
    ("PUT", "tensors/x/data", {"data": 1}),
    ("DELETE", "tensors/x", None),
    ("POST", "run", {"steps": []}),
    ("POST", "grad", {"outputs": "x", "inputs": "x"}),
    ("GET", "tensors/x", None),
    ("DELETE", "", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_every_call_can_be_conditional(counter, method, path, body):
    with unchanged(counter):
        problem(counter.send(method, path, body, headers={"if-match": '"999"'}), 412, "precondition_failed")


def test_a_condition_on_a_session_that_is_not_there_is_404(client):
    problem(client.post("/v1/sessions/nobody/run", json={"steps": []}, headers={"if-match": "*"}), 404)


def test_of_many_who_saw_one_version_exactly_one_wins(counter):
    tag = f'"{counter.version()}"'
    with ThreadPoolExecutor(8) as pool:
        statuses = [response.status_code for response in pool.map(lambda _: add_one(counter, tag), range(24))]
    assert sorted(statuses) == [200] + [412] * 23
    assert counter.data("x") == 1


def test_read_modify_write_loses_nothing(counter):
    """Each thread reads the value and writes it back plus one, until nobody came between."""

    def increments(_):
        for _ in range(5):
            while True:
                seen = counter.send("GET", "tensors/x")
                body, tag = {"data": seen.json()["data"] + 1}, {"if-match": seen.headers["etag"]}
                if counter.send("PUT", "tensors/x/data", body, headers=tag).status_code == 200:
                    break

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(increments, range(4)))
    assert counter.data("x") == 20


def timing(response) -> dict[str, float]:
    found = re.findall(r"(\w+);dur=(\d+\.\d+)", response.headers["server-timing"])
    assert ", ".join(f"{name};dur={ms}" for name, ms in found) == response.headers["server-timing"]
    return {name: float(ms) for name, ms in found}


TIMED = [("GET", "", None), ("GET", "tensors/x", None), ("POST", "run", {"steps": [step("add", "x", 1)]})]


@pytest.mark.parametrize(("method", "path", "body"), TIMED)
def test_answers_about_a_session_tell_where_the_time_went(counter, method, path, body):
    assert timing(counter.send(method, path, body)).keys() == {"queue", "decode", "run", "encode"}


def test_the_phases_are_those_that_took_the_time(counter):
    slow = [step("ones", size=[700, 700], out="a"), *[step("matmul", "a", "a", out="b")] * 3]
    phases = timing(counter.send("POST", "run", {"steps": slow, "return": []}))
    assert phases["run"] > max(phases["decode"], phases["queue"])
    phases = timing(counter.send("POST", "tensors", {"name": "big", "data": [0.1] * 200_000}))
    assert phases["decode"] > 1.0
    phases = timing(counter.send("GET", "tensors/big"))
    assert phases["encode"] > phases["decode"]


def test_a_refusal_tells_how_long_it_waited_and_ran(counter):
    assert timing(counter.send("POST", "ops/add", {"args": ["nobody", 1]})).keys() == {"queue", "run"}


def test_every_answer_has_a_request_id_and_a_clients_own_comes_back(client, session):
    for path in ("/healthz", "/nowhere", session.path, "/v1/sessions/nobody"):
        made = client.get(path).headers["x-request-id"]
        assert re.fullmatch(r"[0-9a-f]{8,}", made)
        assert client.get(path).headers["x-request-id"] != made
        assert client.get(path, headers={"x-request-id": "mine-1"}).headers["x-request-id"] == "mine-1"
    for bad in ("x" * 65, "a b", "a\tb", ""):
        assert client.get("/healthz", headers={"x-request-id": bad}).headers["x-request-id"] != bad


def test_creating_a_session_has_a_location_and_an_etag(client):
    with open_session(client) as session:
        assert session.send("GET").headers["etag"] == '"0"'

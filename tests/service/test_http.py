"""Bytes, routes, methods and media types that are wrong: a problem of the right status, and nothing changed."""

import pytest

from .conftest import problem, unchanged

JSON = {"content-type": "application/json"}


@pytest.fixture
def session(session):
    session.tensor("x", [1.0, 2.0], requires_grad=True)
    return session


NOT_JSON = [
    b"",
    b"{",
    b"[1,",
    b"{'op': 1}",
    b'{"args": [1, 2],}',
    b'{"args": [NaN, 1]}',
    b'{"args": [Infinity, 1]}',
    b'{"args": [-Infinity, 1]}',
    b'{"args": [01, 2]}',
    b'{"args": [1, 2]} {}',
    b'{"args": ["\xff\xfe"]}',
    b'{"args": ["a\n"]}',
    b"\x80\x04\x95",
]


@pytest.mark.parametrize("raw", NOT_JSON)
@pytest.mark.parametrize("path", ["ops/add", "run", "backward", "tensors"])
def test_what_is_not_json_is_400(session, path, raw):
    with unchanged(session):
        problem(session.send("POST", path, content=raw, headers=JSON), 400, "not_json")


DEEP = {
    "10 MB of [": b"[" * 10_000_000,
    "objects": b'{"a":' * 2_000_000,
    "a balanced list": b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@pytest.mark.parametrize("kind", DEEP)
@pytest.mark.parametrize("path", ["tensors", "run"])
def test_deep_nesting_is_refused_without_harm(session, path, kind):
    with unchanged(session):
        problem(session.send("POST", path, content=DEEP[kind], headers=JSON), (400, 413, 422))


@pytest.mark.parametrize("body", [[], "x", 5, True])
@pytest.mark.parametrize("path", ["ops/add", "run", "backward", "tensors"])
def test_a_body_that_is_no_object_is_422(session, path, body):
    with unchanged(session):
        problem(session.send("POST", path, body), 422)


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "image/png"]
)
def test_a_media_type_that_is_not_understood_is_415(session, content_type):
    with unchanged(session):
        answer = session.send("POST", "ops/add", content=b'{"args": [1, 2]}', headers={"content-type": content_type})
        problem(answer, 415)


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ("; charset=utf-8", 200),
        (';  charset="UTF-8"', 200),
        ("; version=1", 200),
        ("; charset=latin-1", 415),
        ("; charset=utf-16; version=1", 415),
        (", text/plain", 415),
    ],
)
def test_json_has_no_other_charset_than_utf_8(session, parameters, status):
    headers = {"content-type": "application/json" + parameters}
    assert session.send("POST", "ops/add", content=b'{"args": [1, 2]}', headers=headers).status_code == status


@pytest.mark.parametrize("accept", ["image/png", "application/json;q=0", "*/*, application/json; q=0.0", "text/*"])
def test_a_media_type_that_is_not_offered_or_not_wanted_is_406(session, accept):
    problem(session.send("GET", "tensors", headers={"accept": accept}), 406)


@pytest.mark.parametrize("accept", ["*/*;q=0.1", "image/png, application/*", "image/*;q=0, application/json;q=0.001"])
def test_an_answer_is_of_a_wanted_media_type(session, accept):
    assert session.send("GET", headers={"accept": accept}).status_code == 200


UNKNOWN_PARAMETERS = [("POST", "/v1/sessions"), ("DELETE", "/v1/sessions/{}"), ("GET", "/v1/sessions/{}/tensors")]


@pytest.mark.parametrize(("method", "path"), UNKNOWN_PARAMETERS)
@pytest.mark.parametrize("query", ["colour=red", "data=true&data=false"])
def test_an_unknown_or_repeated_parameter_of_a_query_is_422(client, session, method, path, query):
    problem(client.request(method, f"{path.format(session.id)}?{query}"), 422, "bad_argument")


def test_a_path_that_ends_in_a_slash_is_told_so(client):
    problem(client.get("/v1/sessions/"), 404, "not_found", "paths do not end in a slash")


@pytest.mark.parametrize(
    "path", ["/nowhere", "/v1", "/v1/nowhere", "/v2/sessions", "/v1/sessions/a/b/c/d", "/healthz/x"]
)
def test_an_unknown_route_is_404(client, path):
    problem(client.get(path), 404)


def test_an_unknown_route_below_a_session_is_404(session):
    for path in ("nowhere", "tensors/x/nowhere", "ops/add/x"):
        problem(session.send("GET", path), 404)


WRONG_METHODS = [
    ("DELETE", "/v1/sessions"),
    ("PUT", "/v1/sessions"),
    ("POST", "/healthz"),
    ("DELETE", "/v1/info"),
    ("POST", "/v1/ops"),
]


@pytest.mark.parametrize(("method", "path"), WRONG_METHODS)
def test_a_wrong_method_is_405(client, method, path):
    problem(client.request(method, path), 405)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "run"),
        ("GET", "run"),
        ("DELETE", "backward"),
        ("PATCH", "ops/add"),
        ("POST", "tensors/x"),
        ("POST", "tensors/x/data"),
    ],
)
def test_a_wrong_method_below_a_session_is_405_and_says_what_is_allowed(session, method, path):
    with unchanged(session):
        answer = session.send(method, path)
        problem(answer, 405)
        assert answer.headers["allow"]


@pytest.mark.parametrize("path", ["tensors/..%2f..%2fetc%2fpasswd", "tensors/%00", "tensors/x%0a", "ops/%ff"])
def test_a_strange_path_is_a_plain_404(session, path):
    with unchanged(session):
        problem(session.send("GET", path), (404, 405, 422))


@pytest.mark.parametrize(
    ("number", "text"),
    [(b"1e400", "float64"), (b"-1e999", "float64"), (b"9" * 400, "int64"), (b"-1" + b"0" * 5000, "int64")],
)
def test_a_number_beyond_its_type_is_422(session, number, text):
    """It is JSON, whatever its size."""
    with unchanged(session):
        answer = session.send("POST", "ops/tensor", content=b'{"data": [' + number + b"]}", headers=JSON)
        assert text in problem(answer, 422, "bad_argument")["detail"]

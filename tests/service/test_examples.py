"""Every example of the OpenAPI document succeeds in the session that the README's first calls make, and is answered as
the document says. Whole numbers are sent without their point, as a browser sends them."""

import re
from functools import reduce
from operator import getitem
from urllib.parse import quote

import jsonschema
import pytest

from .conftest import ROOT

FIRST_CALLS = 3
OPS = "/v1/sessions/{session}/ops/"
BEFORE = "x-before"
CALL = re.compile(r"^post (/\S+) '(.*)'$", re.M)
# What has to be there first, by what the path names; the README's calls make the rest.
MAKERS = {
    "{function}": ("put", "/v1/functions/{function}"),
    "{optimizer}": ("post", "/v1/sessions/{session}/optimizers"),
}
GRADIENT = "/v1/sessions/{session}/tensors/{tensor}/grad"
REFUSED = {("post", "/v1/sessions"): (409, "name_taken")}  # the example is the README's first call itself


@pytest.fixture(scope="module")
def document(client):
    return client.get("/openapi.json").json()


@pytest.fixture(autouse=True)
def demo(client):
    """The session `demo` after the README's first calls."""
    make_demo(client)
    yield
    client.delete("/v1/sessions/demo")


def make_demo(client):
    client.delete("/v1/sessions/demo")
    calls = CALL.findall((ROOT / "README.md").read_text(encoding="utf-8"))[:FIRST_CALLS]
    assert [path for path, _ in calls][:2] == ["/v1/sessions", "/v1/sessions/demo/tensors"]
    for path, body in calls:
        answer = client.post(path, content=body, headers={"content-type": "application/json"})
        assert answer.is_success, answer.text


def as_javascript(value):
    """The value after JavaScript has read and written it: 1.0 is 1."""
    if isinstance(value, dict):
        return {key: as_javascript(each) for key, each in value.items()}
    if isinstance(value, list):
        return [as_javascript(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def resolved(document, found):
    """A part of the document, or what it refers to."""
    return reduce(getitem, found["$ref"].removeprefix("#/").split("/"), document) if "$ref" in found else found


def execute(client, document, path, method):
    """What **Execute** does on the page of the calls: send the example, with the parameters' defaults."""
    operation = document["paths"][path][method]
    for name in operation.get("parameters", ()):
        parameter = resolved(document, name)
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(parameter["schema"]["default"]))
    if BEFORE in operation:
        steps = {"steps": as_javascript(operation[BEFORE]), "return": []}
        assert client.post("/v1/sessions/demo/run", json=steps).is_success
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    body = {} if content is None else {"json": as_javascript(content["example"])}
    return operation, client.request(method.upper(), path, **body)


def check_answer(document, operation, answer):
    """Whether an answer has a status, media type, headers and body that the document tells of."""
    described = resolved(document, operation["responses"][str(answer.status_code)])
    assert set(map(str.lower, described.get("headers", ()))) <= set(answer.headers)
    if "content" not in described:
        assert answer.content == b""
        return
    media_type = answer.headers["content-type"].partition(";")[0]
    schema = {**described["content"][media_type]["schema"], "components": document["components"]}
    value = answer.json() if media_type == "application/json" else answer.text
    jsonschema.Draft202012Validator(schema).validate(value)


def op_paths(document):
    return [path for path in document["paths"] if path.startswith(OPS) and path != OPS + "{op}"]


def no_gpu(client, answer):
    devices = {each["type"] for each in client.get("/v1/devices").json()["devices"]}
    return answer.status_code == 422 and answer.json()["code"] == "device_unavailable" and devices == {"cpu"}


@pytest.mark.parametrize("turned", [False, True], ids=["in order", "backwards"])
def test_the_example_of_every_op_one_after_the_other(client, document, turned):
    refused = {}
    for path in sorted(op_paths(document), reverse=turned):
        operation, answer = execute(client, document, path, "post")
        if answer.is_success:
            check_answer(document, operation, answer)
        elif not no_gpu(client, answer):
            refused[path] = answer.text
    assert refused == {}


def routes(document):
    return [
        (method, path)
        for path, operations in document["paths"].items()
        for method in operations
        if path not in op_paths(document)
    ]


def test_the_example_of_every_route(client, document):
    failed = {}
    for method, path in routes(document):
        make_demo(client)
        for name, (make, maker) in MAKERS.items():
            if name in path and (make, maker) != (method, path):
                assert execute(client, document, maker, make)[1].is_success
        if path == GRADIENT:
            assert execute(client, document, "/v1/sessions/{session}/backward", "post")[1].is_success
        operation, answer = execute(client, document, path, method)
        expected = REFUSED.get((method, path))
        if expected is not None:
            assert (answer.status_code, answer.json()["code"]) == expected
        elif answer.is_success:
            check_answer(document, operation, answer)
        else:
            failed[method, path] = answer.text
    assert failed == {}


# -- answers --------------------------------------------------------------------------------------------------------


def test_the_answers_that_the_document_shows_are_those_to_its_examples(client, document):
    client.delete("/v1/sessions/demo")
    session = "/v1/sessions/{session}"
    calls = {
        "Session": ("/v1/sessions", "post"),
        "RunAnswer": (f"{session}/run", "post"),
        "Gradient": (GRADIENT, "get"),
        "BackwardAnswer": (f"{session}/backward", "post"),
    }
    made = {name: execute(client, document, *call)[1].json() for name, call in calls.items()}
    made["Session"] |= {"created_at": "2030-01-01T12:00:00.000Z", "expires_at": "2030-01-01T13:00:00.000Z"}
    made["Tensor"] = client.get("/v1/sessions/demo/tensors/y").json()
    made["Graph"] = client.get("/v1/sessions/demo/graph", params={"tensor": "s"}).json()
    made["Result"] = execute(client, document, OPS + "add", "post")[1].json()
    made["Problem"] = client.post("/v1/sessions/demo/ops/add", json={"args": ["x", [1.0, 2.0, 3.0]]}).json()
    schemas = {name: each for name, each in document["components"]["schemas"].items() if each.get("type") == "object"}
    assert {name: each["examples"][0] for name, each in schemas.items() if "examples" in each} == made

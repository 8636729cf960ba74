"""The OpenAPI document: valid, complete, quick, and every example in it runs as it stands."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from openapi_spec_validator import OpenAPIV31SpecValidator

import engine.ops
from app import catalogue, operations
from app.auth import parse_keys
from app.examples import example_of
from app.families import FAMILIES, FAMILY_OF_MODULE, FAMILY_OF_OP, OTHER
from app.main import create_app
from app.openapi import ONE_OR_SEVERAL, OP_PATH, answer_of, document_of, make_document, op_paths, tag_of
from app.operations import BEFORE
from app.problems import Problem, problem_of
from app.settings import Settings
from tests.app.fuzzing import Json, call, new_session

MOST_BYTES = 2_000_000
MOST_SECONDS = 5.0  # far more than it takes, for a machine that is busy
NEEDS_A_GPU = {"cuda"}
ANSWERS = {"Result": {"result"}, "Results": {"results"}, "OpAnswer": {"result", "results"}}
MOST_BEFORE = 30


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(document_of(create_app(Settings())).content)
    return found


def calls(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for path in document["paths"].values() for each in path.values()]


def names() -> list[str]:
    return [each["name"] for each in catalogue.list_ops()]


def as_javascript(value: Json) -> Json:
    """What Swagger UI sends: 1.0 is 1 there."""
    if isinstance(value, Mapping):
        return {key: as_javascript(each) for key, each in value.items()}
    if isinstance(value, list):
        return [as_javascript(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def refusal(name: str) -> Problem | None:
    """What the example of an op is refused with in a session that has `x` and `y` of the README, or None."""
    session = new_session()
    call(session, "tensor.put", {"data": [[1, 1], [1, 1]], "requires_grad": True}, "x")
    call(session, "op", {"input": "x", "other": 2, "out": "y"}, "add")
    example = example_of(name)
    try:
        call(session, "run", {"steps": as_javascript(list(example.before)), "return": []})
        answer = call(session, "op", as_javascript(example.body), name)
    except Exception as error:  # noqa: BLE001  # whatever is wrong with an example is to be told
        return problem_of(error)
    assert ANSWERS[answer_of(name)] & answer.keys()
    return None


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")
def test_the_example_of_every_op_runs() -> None:
    refused = {name: problem for name in names() if (problem := refusal(name)) is not None}
    without_gpu = [name for name in NEEDS_A_GPU & refused.keys() if refused[name].code == "device_unavailable"]
    failed = {name: f"{each.code}: {each.detail}" for name, each in refused.items() if name not in without_gpu}
    assert failed == {}, "give these an `example=` in their declaration, or a body in app/example_bodies.py"


def test_the_examples_have_the_fields_of_their_schemas(document: dict[str, Any]) -> None:
    for name in names():
        content = document["paths"][OP_PATH + name]["post"]["requestBody"]["content"]["application/json"]
        schemas = content["schema"].get("anyOf", [content["schema"]])
        given = content["example"].keys()
        assert any(given <= each["properties"].keys() and given >= {*each.get("required", ())} for each in schemas), (
            name
        )


def test_the_document_is_valid() -> None:
    """With one op of each family: the others are made alike, and all of them take ten seconds."""
    whole = make_document(create_app(Settings()))
    seen: dict[str, str] = {}
    for path in op_paths()[0]:
        seen.setdefault(whole["paths"][path]["post"]["tags"][0], path)
    paths = {path: each for path, each in whole["paths"].items() if path not in op_paths()[0] or path in seen.values()}
    errors = OpenAPIV31SpecValidator(json.loads(json.dumps({**whole, "paths": paths}))).iter_errors()
    assert [f"{list(each.path)}: {each.message}" for each in errors] == []


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for target in references(document):
        found = document
        for part in target.removeprefix("#/").split("/"):
            found = found[part]


def references(value: Json) -> set[str]:
    if isinstance(value, list):
        return {each for member in value for each in references(member)}
    if not isinstance(value, dict):
        return set()
    own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
    return own.union(*map(references, value.values()))


def test_every_route_and_every_op_is_there_once(document: dict[str, Any]) -> None:
    routes = {
        (route.path, method.lower())
        for route in create_app(Settings()).routes
        if isinstance(route, APIRoute) and route.include_in_schema
        for method in route.methods or ()
    }
    ops = {(OP_PATH + name, "post") for name in names()}
    assert {(path, method) for path, each in document["paths"].items() for method in each} == routes | ops
    ids = [each["operationId"] for each in calls(document)]
    assert operations.OPERATIONS.keys() <= set(ids)


def test_generators_of_clients_tell_the_calls_apart(document: dict[str, Any]) -> None:
    """They make classes and modules of the names, and drop the case and what is no letter or digit."""
    bare = Counter(re.sub(r"[^a-z0-9]", "", each["operationId"].lower()) for each in calls(document))
    assert [name for name, count in bare.items() if count > 1] == []


def test_few_examples_need_more_than_the_tensors_of_the_readme(document: dict[str, Any]) -> None:
    needing = [each["operationId"] for each in calls(document) if BEFORE in each]
    assert 0 < len(needing) <= MOST_BEFORE


def test_every_call_says_what_it_does_answers_and_refuses(document: dict[str, Any]) -> None:
    described = {each["name"] for each in document["tags"]}
    for each in calls(document):
        assert each["summary"], each["operationId"]
        assert len(each["responses"]) > 1
        assert each["responses"]["default"] == {"$ref": "#/components/responses/Problem"}
        assert set(each["tags"]) <= described


def test_a_body_has_the_parameters_of_the_declaration(document: dict[str, Any]) -> None:
    add = document["paths"][OP_PATH + "add"]["post"]
    schema = add["requestBody"]["content"]["application/json"]["schema"]
    assert add["tags"] == [tag_of("arithmetic")]
    assert (schema["required"], schema["properties"]["alpha"]["default"]) == (["input", "other"], 1)
    assert schema["properties"]["other"] == {"$ref": "#/components/schemas/TensorArgument"}
    assert schema["additionalProperties"] is False


def test_the_families_name_modules_and_ops_that_there_are() -> None:
    listed = catalogue.list_ops()
    modules = {path.stem for path in Path(engine.ops.__file__).parent.glob("*.py")}
    assert FAMILY_OF_MODULE.keys() <= modules
    assert {*FAMILY_OF_OP, *ONE_OR_SEVERAL} <= {each["name"] for each in listed}
    assert [each["name"] for each in listed if each["family"] == OTHER] == [], "give their module a family"
    assert {each["family"] for each in listed} == {*FAMILIES} - {OTHER}


def test_a_key_is_asked_for_where_the_server_asks_for_one(document: dict[str, Any]) -> None:
    assert "security" not in document
    assert "securitySchemes" not in document["components"]
    keys = parse_keys(["alice:a-key-of-sixteen-letters"], "the test")
    guarded = make_document(create_app(Settings(keys=keys)))
    assert guarded["security"] == [{"key": []}]
    assert guarded["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    open_calls = [path for path, each in guarded["paths"].items() if each.get("get", {}).get("security") == []]
    assert open_calls == ["/healthz", "/readyz"]


def test_paths_are_relative_to_the_document_and_the_session_is_demo(document: dict[str, Any]) -> None:
    assert document["servers"][0]["url"] == "."
    assert document["components"]["parameters"]["session"]["schema"]["default"] == "demo"


def test_the_document_is_made_once_and_soon_enough() -> None:
    app = create_app(Settings())
    started = time.process_time()
    made = document_of(app)
    assert time.process_time() - started < MOST_SECONDS
    assert len(made.content) < MOST_BYTES
    assert document_of(app) is made

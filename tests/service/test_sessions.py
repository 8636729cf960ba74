"""Sessions, and the service around them."""

import re
import time
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pytest

from .conftest import Session, open_session, pages, problem, step, unchanged

SESSION_FIELDS = {
    *("id", "device", "dtype", "grad_enabled", "version"),
    *("tensors", "nodes", "bytes", "created_at", "expires_at"),
}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1/info", "/v1/devices", "/v1/ops", "/v1/ops/add"])
def test_the_service_describes_itself(client, path):
    assert client.get(path).status_code == 200


def test_info_has_version_devices_limits_and_features(client):
    assert client.get("/v1/info").json().keys() >= {"version", "devices", "limits", "features"}


def test_devices_include_the_cpu(client):
    assert '"cpu"' in client.get("/v1/devices").text


@pytest.mark.parametrize("op", ["add", "linalg.solve", "nn.functional.softmax"])
def test_the_catalogue_lists_ops_by_their_pytorch_names(client, op):
    described = client.get(f"/v1/ops/{op}").json()
    assert described["name"] == described["example"]["op"] == op
    assert described in client.get("/v1/ops").json()["ops"]


def test_the_catalogue_names_the_in_place_variants(client):
    for op in ("add", "squeeze", "square", "detach", "nn.functional.elu"):
        assert client.get(f"/v1/ops/{op}").json()["inplace"] == f"{op}_"
    for op in ("matmul", "normal", "add_", "requires_grad"):
        assert client.get(f"/v1/ops/{op}").json()["inplace"] is None


DIFFERENTIABLE = [
    ("add", [["input", "other"]]),
    ("max", [["input"], ["input", "other"], ["input"]]),
    ("matmul", [["input", "other"]]),
    ("softmax", [["input"]]),
    ("nn.functional.linear", [["input", "weight", "bias"]]),
    ("nn.functional.nll_loss", [["input"]]),
    ("masked.sum", [["input"]]),
    ("getitem", [["input"]]),
    ("eq", [[]]),
    ("argmax", [[]]),
    ("detach", [[]]),
]


@pytest.mark.parametrize(("op", "names"), DIFFERENTIABLE)
def test_the_catalogue_tells_where_gradients_flow_also_through_ops_made_of_others(client, op, names):
    assert [each["differentiable"] for each in client.get(f"/v1/ops/{op}").json()["signatures"]] == names


@pytest.mark.parametrize("op", ["nonsense", "__radd__", "save", "load"])
def test_an_op_outside_the_catalogue_is_unknown(client, op):
    problem(client.get(f"/v1/ops/{op}"), 404, "unknown_op")


def test_a_new_session_has_the_documented_fields_and_defaults(client):
    with open_session(client) as session:
        state = session.call("GET")
        assert state.keys() >= SESSION_FIELDS
        assert {k: state[k] for k in ("id", "device", "dtype", "grad_enabled", "tensors", "nodes")} == {
            "id": session.id,
            "device": "cpu",
            "dtype": "float32",
            "grad_enabled": True,
            "tensors": 0,
            "nodes": 0,
        }
        assert all(type(state[counter]) is int for counter in ("version", "tensors", "nodes", "bytes"))


def test_creating_a_session_answers_its_location(client):
    response = client.post("/v1/sessions", json={})
    assert response.status_code == 201
    path = f"/v1/sessions/{response.json()['id']}"
    assert urlsplit(response.headers["location"]).path == path
    assert client.get(path).json()["id"] == response.json()["id"]
    assert client.delete(path).status_code == 204


def test_an_id_made_by_the_server_cannot_be_guessed(client):
    with open_session(client) as one, open_session(client) as other:
        assert one.id != other.id
        for made in (one.id, other.id):
            assert re.fullmatch(r"[A-Za-z0-9_-]{16,64}", made)


@pytest.mark.parametrize("id", ["a", "A-b_9", "-", "0", "x" * 64])
def test_a_client_may_choose_the_id(client, id):
    with open_session(client, id=id) as session:
        assert session.id == id
        assert session.call("GET")["id"] == id


@pytest.mark.parametrize("id", ["", "x" * 65, "a b", "a/b", "a.b", "é", "a\n", 5, True, ["a"], {}])
def test_an_id_outside_the_alphabet_is_refused(client, id):
    problem(client.post("/v1/sessions", json={"id": id}), 422, "bad_argument")


def test_a_taken_id_is_refused_and_the_session_untouched(session):
    session.tensor("x", 1.0)
    with unchanged(session):
        problem(session.client.post("/v1/sessions", json={"id": session.id}), 409, "name_taken")


def test_an_id_is_free_again_once_its_session_is_deleted(client):
    with open_session(client, id="again") as session:
        session.tensor("x", 1.0)
    with open_session(client, id="again") as session:
        assert session.call("GET")["tensors"] == 0


BAD_FIELDS = [
    *({"ttl_s": v} for v in (-1, 0, True, "60", [60], "NaN", 2**63)),
    *({"dtype": v} for v in ("int64", "bool", "complex64", "float31", 32, True, ["float32"])),
    *({"seed": v} for v in ("1", True, 1.5, 2**64, [1])),
]


NOT_FOR_POST = [{"device": "tpu"}, {"device": 0}, {"grad_enabled": False}, {"name": "x"}]
NOT_FOR_PATCH = [{"grad_enabled": 1}, {"grad_enabled": "false"}, {"id": "other"}, {"device": "cpu"}]


@pytest.mark.parametrize("fields", BAD_FIELDS + NOT_FOR_POST)
def test_a_bad_field_makes_no_session(client, fields):
    problem(client.post("/v1/sessions", json={"id": "refused", **fields}), 422, "bad_argument")
    problem(client.get("/v1/sessions/refused"), 404, "unknown_session")


@pytest.mark.parametrize("fields", BAD_FIELDS + NOT_FOR_PATCH)
def test_a_bad_field_changes_no_session(session, fields):
    with unchanged(session):
        problem(session.send("PATCH", "", fields), 422, "bad_argument")


@pytest.mark.parametrize("bad", BAD_FIELDS[:3])
def test_a_bad_field_beside_good_ones_changes_nothing(session, bad):
    with unchanged(session):
        problem(session.send("PATCH", "", {"grad_enabled": False, "dtype": "float64", **bad}), 422)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "torch.float64"])
def test_the_default_dtype_of_a_session_decides_what_numbers_become(client, dtype):
    with open_session(client, dtype=dtype) as session:
        plain = dtype.removeprefix("torch.")
        assert session.call("GET")["dtype"] == plain
        assert session.tensor("x", [1.5])["dtype"] == plain
        assert session.tensor("n", [1])["dtype"] == "int64"
        assert session.tensor("g", [1], requires_grad=True)["dtype"] == plain
        assert session.op("ones", size=[2])["dtype"] == plain
        assert session.op("exp", "n")["dtype"] == plain


def test_the_default_dtype_can_be_changed(session):
    assert session.call("PATCH", "", {"dtype": "float64"})["dtype"] == "float64"
    assert session.tensor("x", [0.1])["dtype"] == "float64"
    assert session.data("x") == [0.1]


def test_grad_enabled_false_is_set_grad_enabled_false(session):
    session.tensor("x", 2.0, requires_grad=True)
    assert session.call("PATCH", "", {"grad_enabled": False})["grad_enabled"] is False
    assert session.op("mul", "x", "x")["requires_grad"] is False
    assert session.op("add_", "x", 1)["data"] == 3.0
    assert session.call("PATCH", "", {"grad_enabled": True})["grad_enabled"] is True
    assert session.op("mul", "x", "x")["grad_fn"] == "MulBackward0"


def draw(session) -> list:
    return session.op("randn", size=[8], out=None)["data"]


def test_the_seed_decides_the_random_numbers(client):
    def three_draws(seed):
        with open_session(client, seed=seed) as session:
            return [draw(session) for _ in range(3)]

    first = three_draws(1)
    assert first == three_draws(1)
    assert first != three_draws(2)
    assert len({tuple(numbers) for numbers in first}) == 3


def test_a_session_without_a_seed_has_its_own_random_numbers(client):
    with open_session(client) as one, open_session(client) as other:
        assert draw(one) != draw(other)


def test_patching_the_seed_is_manual_seed(session):
    first = draw(session)
    session.call("PATCH", "", {"seed": 0})
    assert draw(session) == first
    assert session.answer("manual_seed", seed=0) == {"result": None}
    assert draw(session) == first


def when(text: str) -> datetime:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", text)
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_times_are_rfc_3339_and_ttl_s_sets_the_expiry(client):
    with open_session(client, ttl_s=600) as session:
        state = session.call("GET")
        lifetime = when(state["expires_at"]) - when(state["created_at"])
        assert abs(lifetime - timedelta(seconds=600)) < timedelta(seconds=60)
        longer = session.call("PATCH", "", {"ttl_s": 6000})
        assert when(longer["expires_at"]) - when(state["expires_at"]) > timedelta(seconds=5000)


def ids(client, limit: int = 100) -> list[str]:
    return [s["id"] for s in pages(client, "/v1/sessions", "sessions", limit)]


def test_a_session_expires_after_its_ttl(client):
    with open_session(client, ttl_s=1) as session:
        deadline = time.monotonic() + 20
        while session.id in ids(client):  # the list does not count as use of the session
            assert time.monotonic() < deadline, "the session outlived its ttl"
        problem(session.send("GET"), 404, "unknown_session")
        problem(session.send("POST", "ops/ones", {"size": [1]}), 404, "unknown_session")


def test_the_list_of_sessions_is_paged(client):
    made = [f"page-{n}" for n in range(5)]
    for id in made:
        assert client.post("/v1/sessions", json={"id": id}).status_code == 201
    listed = ids(client, limit=2)
    for id in made:
        assert listed.count(id) == 1
        assert client.delete(f"/v1/sessions/{id}").status_code == 204
    assert not set(made) & set(ids(client))


def test_a_page_holds_at_most_limit_sessions_as_objects(client):
    with open_session(client), open_session(client):
        page = client.get("/v1/sessions", params={"limit": 1}).json()
        assert len(page["sessions"]) == 1
        assert isinstance(page["next"], str)
        assert page["sessions"][0].keys() >= SESSION_FIELDS


@pytest.mark.parametrize("query", ["limit=-1", "limit=x", "limit=1.5", "cursor=%F0%9F%92%A9"])
def test_a_bad_page_is_refused(client, query):
    problem(client.get(f"/v1/sessions?{query}"), 422)


def test_deleting_a_session_frees_everything(client):
    with open_session(client) as session:
        session.tensor("x", 1.0)
        assert session.send("DELETE").status_code == 204
        for path in ("", "tensors", "tensors/x"):
            problem(session.send("GET", path), 404, "unknown_session")
        problem(session.send("DELETE"), 404, "unknown_session")


UNKNOWN = [
    ("GET", "", None),
    ("PATCH", "", {"grad_enabled": True}),
    ("DELETE", "", None),
    ("GET", "tensors", None),
    ("POST", "tensors", {"name": "x", "data": 1}),
    ("GET", "tensors/x", None),
    ("PUT", "tensors/x", {"data": 1}),
    ("PATCH", "tensors/x", {"requires_grad": True}),
    ("DELETE", "tensors/x", None),
    ("PUT", "tensors/x/data", {"data": 1}),
    ("GET", "tensors/x/grad", None),
    ("PUT", "tensors/x/grad", {"data": 1}),
    ("DELETE", "tensors/x/grad", None),
    ("POST", "ops/add", {"args": [1, 2]}),
    ("POST", "run", {"steps": []}),
    ("POST", "backward", {"tensors": "x"}),
]


@pytest.mark.parametrize(("method", "path", "body"), UNKNOWN)
def test_every_call_on_an_unknown_session_is_404(client, method, path, body):
    problem(Session(client, "nobody").send(method, path, body), 404, "unknown_session")


MUTATIONS = [
    ("PATCH", "", {"grad_enabled": True}),
    ("POST", "tensors", {"name": "new", "data": 1}),
    ("PUT", "tensors/x", {"data": 1}),
    ("PATCH", "tensors/x", {"name": "renamed"}),
    ("PATCH", "tensors/x", {"requires_grad": False}),
    ("PUT", "tensors/x/data", {"data": 5.0}),
    ("PUT", "tensors/x/grad", {"data": 5.0}),
    ("DELETE", "tensors/x/grad", None),
    ("DELETE", "tensors/x", None),
    ("POST", "ops/add", {"args": ["x", 2]}),
    ("POST", "ops/mul_", {"args": ["y", 2]}),
    ("POST", "ops/del", {"names": ["x"]}),
    ("POST", "run", {"steps": [step("add", "x", 2), step("add", "x", 3), step("del", names=["x"])]}),
    ("POST", "backward", {"tensors": "y"}),
]


@pytest.fixture
def busy(session):
    """A session with a leaf x that has a gradient, and y behind it."""
    session.tensor("x", 2.0, requires_grad=True)
    session.op("mul", "x", 3, out="y")
    session.backward("y", retain_graph=True)
    return session


@pytest.mark.parametrize(("method", "path", "body"), MUTATIONS)
def test_every_mutating_call_raises_the_version_by_one(busy, method, path, body):
    before = busy.version()
    response = busy.send(method, path, body)
    assert response.is_success, response.text
    assert response.headers["etag"] == f'"{before + 1}"'
    assert busy.version() == before + 1


READS = ["", "tensors", "tensors/x", "tensors/x/grad", "tensors?names=x,y&data=true"]


@pytest.mark.parametrize("path", READS)
def test_reading_leaves_the_version_and_answers_it_as_etag(busy, path):
    before = busy.version()
    response = busy.send("GET", path)
    assert response.status_code == 200
    assert response.headers["etag"] == f'"{before}"'
    assert busy.version() == before


def test_creating_a_session_answers_its_version_as_etag(client):
    response = client.post("/v1/sessions", json={})
    assert response.headers["etag"] == f'"{response.json()["version"]}"'
    client.delete(f"/v1/sessions/{response.json()['id']}")


def test_run_answers_the_version_it_made(busy):
    before = busy.version()
    assert busy.run(step("add", "x", 1), step("add", "x", 2))["version"] == before + 1


def test_a_session_counts_its_tensors_nodes_and_bytes(session):
    empty = session.call("GET")
    session.op("ones", size=[1000], requires_grad=True, out="x")
    leaf = session.call("GET")
    assert (leaf["tensors"], leaf["nodes"]) == (1, 0)
    assert leaf["bytes"] - empty["bytes"] >= 4000
    session.op("mul", "x", "x", out="y")
    assert session.call("GET")["tensors"] == 2
    assert session.call("GET")["nodes"] >= 1
    session.call("DELETE", "tensors/y")
    assert session.call("GET")["nodes"] == 0
    session.call("DELETE", "tensors/x")
    assert session.call("GET")["bytes"] == empty["bytes"]

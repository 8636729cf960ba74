"""Who may call: a real server with keys, and the parts that need none."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app.__main__ import announcement
from app.auth import Keys, KeysError, is_same_origin, parse_keys, read_keys
from app.problems import MEDIA_TYPE
from app.settings import Settings, SettingsError, load

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60
ALICE, ALICES_OTHER = "alices-first-key-0000", "alices-second-key-0000"
BOB, BARE = "bobs-key-11111111111==", "a-key-without-a-name/+~."
FILE = f"# who may call\nbob:{BOB}   # by the lake\n\n  {BARE}\n"
ELSEWHERE = ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1.evil.example", "file://", ""]


@contextmanager
def running(folder: Path, *flags: str, **variables: str) -> Iterator[str]:
    """The address of a server with these settings; its log is the file `log` in the folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AUTOGRAD_")} | variables
    command = [sys.executable, "-m", "app", "--port", "0", *flags]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    with process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+:(\d+)", process.stdout.readline())
            assert found, (folder / "log").read_text()
            yield f"http://127.0.0.1:{found[1]}"
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("auth")
    (made / "keys").write_text(FILE)
    (made / "keys").chmod(0o644)
    return made


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    """A server with three tenants, on every address, with room for two sessions each."""
    flags = ["--host", "0.0.0.0", "--keys-file", str(folder / "keys"), "--operators", "bob", "--tenant-sessions", "2"]
    with running(folder, *flags, AUTOGRAD_KEYS=f"alice:{ALICE}, alice:{ALICES_OTHER}") as address:
        yield address


def client_of(url: str, key: str | None) -> httpx.Client:
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    return httpx.Client(base_url=url, timeout=SECONDS, trust_env=False, verify=False, headers=headers)


@pytest.fixture
def stranger(url: str) -> Iterator[httpx.Client]:
    with client_of(url, None) as client:
        yield client


@pytest.fixture
def alice(url: str) -> Iterator[httpx.Client]:
    yield from emptied(url, ALICE)


@pytest.fixture
def bob(url: str) -> Iterator[httpx.Client]:
    yield from emptied(url, BOB)


def emptied(url: str, key: str) -> Iterator[httpx.Client]:
    with client_of(url, key) as client:
        yield client
        for id in ids(client):
            assert client.delete(f"/v1/sessions/{id}").status_code == 204


def ids(client: httpx.Client) -> list[str]:
    return [session["id"] for session in client.get("/v1/sessions").json()["sessions"]]


def expect(response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, response.headers["content-type"]) == (status, MEDIA_TYPE), response.text
    assert response.json()["code"] == code


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_need_no_key(stranger: httpx.Client, path: str) -> None:
    for headers in ({}, {"authorization": "Bearer nonsense"}):
        assert stranger.get(path, headers=headers).status_code == 200
        assert stranger.head(path, headers=headers).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "DELETE"])
@pytest.mark.parametrize(
    "path", ["/", "/docs", "/redoc", "/openapi.json", "/metrics", "/v1/info", "/v1/sessions", "/nowhere"]
)
def test_everything_else_does(stranger: httpx.Client, method: str, path: str) -> None:
    answer = stranger.request(method, path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("path", ["/healthz/", "//healthz", "/healthz/../v1/info", "/readyz%2f", "/v1/info?/healthz"])
def test_no_other_spelling_of_a_probe_lets_in(stranger: httpx.Client, path: str) -> None:
    assert stranger.get(path).status_code == 401


@pytest.mark.parametrize(
    "value",
    [
        *("", "Bearer", f"Basic {ALICE}", ALICE, f"Bearer {ALICE} {ALICE}", f"Bearer {ALICE},"),
        *(
            f"Bearer alice:{ALICE}",
            "Bearer alice",
            f"Bearer {ALICE[:-1]}",
            f"Bearer {ALICE}0",
            f"Bearer {ALICE.upper()}",
        ),
        *(f"Bearer {BARE[:-1]}é", f"Bearer\t{ALICE}", f'Bearer "{ALICE}"', "Bearer *"),
    ],
)
def test_a_wrong_or_malformed_key_is_refused_and_not_repeated(stranger: httpx.Client, value: str) -> None:
    answer = stranger.get("/v1/sessions", headers={"authorization": value.encode("latin-1")})
    expect(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer realm=")
    assert ALICE[:-1] not in answer.text


def test_two_authorization_headers_are_refused(stranger: httpx.Client) -> None:
    lines = [("authorization", f"Bearer {ALICE}"), ("authorization", f"Bearer {BOB}")]
    expect(stranger.get("/v1/sessions", headers=lines), 401, "unauthorized")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
@pytest.mark.parametrize("key", [ALICE, ALICES_OTHER, BOB, BARE])
def test_a_key_lets_in(stranger: httpx.Client, scheme: str, key: str) -> None:
    assert stranger.get("/v1/sessions", headers={"authorization": f"{scheme} {key}"}).status_code == 200


def test_an_unknown_host_is_told_nothing_of_keys(stranger: httpx.Client) -> None:
    expect(stranger.get("/v1/info", headers={"host": "evil.example"}), 421, "misdirected")


def test_tenants_do_not_see_each_other(alice: httpx.Client, bob: httpx.Client) -> None:
    path = alice.post("/v1/sessions", json={"id": "mine"}).headers["location"]
    calls = [
        *(("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/tensors"), ("POST", "/tensors"), ("POST", "/run")),
        *(("POST", "/ops/add"), ("POST", "/backward"), ("GET", "/graph"), ("DELETE", "/tensors/x")),
    ]
    for method, rest in calls:
        body = {} if method in ("POST", "PATCH") else None
        expect(bob.request(method, path + rest, json=body), 404, "unknown_session")
    assert (ids(alice), ids(bob)) == (["mine"], [])
    assert alice.get(path).status_code == 200


def test_an_id_is_taken_for_its_tenant_only(alice: httpx.Client, bob: httpx.Client) -> None:
    for client, dtype in ((alice, "float32"), (bob, "float64")):
        assert client.post("/v1/sessions", json={"id": "same", "dtype": dtype}).status_code == 201
        expect(client.post("/v1/sessions", json={"id": "same"}), 409, "name_taken")
    assert alice.delete("/v1/sessions/same").status_code == 204
    assert bob.get("/v1/sessions/same").json()["dtype"] == "float64"


def test_an_idempotency_key_is_its_tenants(alice: httpx.Client, bob: httpx.Client) -> None:
    made = [c.post("/v1/sessions", json={"id": "once"}, headers={"idempotency-key": "k"}) for c in (alice, bob, alice)]
    assert [answer.status_code for answer in made] == [201] * 3
    assert (ids(alice), ids(bob)) == (["once"], ["once"])


def test_the_keys_of_a_tenant_open_the_same_sessions(alice: httpx.Client, url: str) -> None:
    path = alice.post("/v1/sessions").headers["location"]
    with client_of(url, ALICES_OTHER) as other:
        assert other.get(path).status_code == 200


def test_a_tenant_has_its_own_room(alice: httpx.Client, bob: httpx.Client) -> None:
    first, _ = (alice.post("/v1/sessions").headers["location"] for _ in range(2))
    refused = alice.post("/v1/sessions")
    expect(refused, 429, "quota_exceeded")
    assert int(refused.headers["retry-after"]) > 0
    assert bob.post("/v1/sessions").status_code == 201
    assert alice.delete(first).status_code == 204
    assert alice.post("/v1/sessions").status_code == 201


def test_metrics_are_for_operators_where_there_are_several_tenants(alice: httpx.Client, bob: httpx.Client) -> None:
    expect(alice.get("/metrics"), 403, "forbidden")
    assert bob.get("/metrics").status_code == 200


@pytest.mark.parametrize("origin", ELSEWHERE)
def test_a_page_of_another_origin_changes_nothing(alice: httpx.Client, origin: str) -> None:
    path = alice.post("/v1/sessions").headers["location"]
    headers = {"origin": origin}
    for method, at in [("POST", "/v1/sessions"), ("DELETE", path), ("PATCH", path), ("PUT", f"{path}/tensors/x")]:
        expect(alice.request(method, at, headers=headers), 403, "forbidden")
    assert len(ids(alice)) == 1
    assert alice.get(path, headers=headers).status_code == 200  # the page may not read the answer


def test_a_page_of_the_server_itself_may(alice: httpx.Client, url: str) -> None:
    for headers in ({"origin": url}, {"origin": "https://localhost", "host": "localhost"}):
        path = alice.post("/v1/sessions", headers=headers).headers["location"]
        assert alice.delete(path, headers=headers).status_code == 204


def test_two_origins_are_foreign(alice: httpx.Client, url: str) -> None:
    lines = [("origin", url), ("origin", "https://evil.example")]
    expect(alice.post("/v1/sessions", headers=lines), 403, "forbidden")


def test_every_answer_has_the_headers_for_browsers_and_none_opens_it(alice: httpx.Client) -> None:
    for method, path in [
        ("GET", "/v1/info"),
        ("GET", "/docs"),
        ("GET", "/nowhere"),
        ("PUT", "/"),
        ("OPTIONS", "/v1/ops"),
    ]:
        headers = alice.request(method, path, headers={"origin": "https://evil.example"}).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert [name for name in headers if name.startswith("access-control-")] == []


def test_the_log_warns_of_an_open_file_and_has_no_key(alice: httpx.Client, folder: Path) -> None:
    alice.get(f"/v1/sessions/{ALICE}")
    log = (folder / "log").read_text()
    assert "can read the keys file" in log
    assert not any(key in log for key in (ALICE, ALICES_OTHER, BOB, BARE))


def test_without_keys_an_authorization_header_does_not_matter(tmp_path: Path) -> None:
    with running(tmp_path) as url, client_of(url, "nonsense") as client:
        assert client.get("/v1/sessions").status_code == client.get("/metrics").status_code == 200
        expect(client.post("/v1/sessions", headers={"origin": "null"}), 403, "forbidden")


def test_the_pages_and_nothing_else_are_open_where_the_settings_say_so(tmp_path: Path) -> None:
    with running(tmp_path, "--open-docs", AUTOGRAD_KEYS=BARE) as url, client_of(url, None) as client:
        for path in ("/", "/docs", "/docs/errors", "/docs/assets/docs.js", "/redoc", "/openapi.json"):
            assert client.get(path).status_code == 200, path
        for path in ("/v1/info", "/v1/ops", "/metrics", "/docs/", "/docs/assets/nothing", "/redoc/../v1/info"):
            expect(client.get(path), 401, "unauthorized")
        expect(client.post("/docs", headers={"origin": "http://elsewhere.example"}), 403, "forbidden")


def test_keys_count_on_loopback_and_with_insecure_too(tmp_path: Path) -> None:
    with running(tmp_path, "--insecure", AUTOGRAD_KEYS=BARE) as url, client_of(url, None) as client:
        expect(client.get("/v1/sessions"), 401, "unauthorized")
        assert client.get("/metrics", headers={"authorization": f"Bearer {BARE}"}).status_code == 200


@pytest.mark.parametrize("variables", [{}, {"AUTOGRAD_INSECURE": "no"}])
def test_others_are_let_in_only_with_keys_or_on_purpose(variables: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"--keys-file.*AUTOGRAD_KEYS.*--insecure"):
        load(["--host", "0.0.0.0"], variables)
    assert load(["--host", "0.0.0.0"], {"AUTOGRAD_KEYS": BARE}).keys.tenant_of(BARE)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no key"),
        (" , ", "has no key"),
        ("short", "entry 1 of AUTOGRAD_KEYS is no key"),
        (f"{ALICE},alice:", "entry 2 of AUTOGRAD_KEYS is no key"),
        (f"{ALICE} {BOB}", "is no key"),
        (f"a b:{ALICE}", "tenant"),
        (f":{ALICE}", "tenant"),
        (f"alice:bob:{ALICE}", "tenant"),
        (f"alice:{ALICE},bob:{ALICE}", "twice"),
    ],
)
def test_keys_that_cannot_be_used_are_refused_and_not_shown(text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as refused:
        load([], {"AUTOGRAD_KEYS": text})
    assert not any(key in str(refused.value) for key in (ALICE, BOB))


def test_a_file_has_a_key_a_line_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(FILE)
    keys = read_keys(str(path))
    assert keys.tenant_of(BOB) == "bob"
    assert (keys.tenant_of(BARE) or "").startswith("key-")
    assert len(keys.tenants) == 2
    with pytest.raises(KeysError, match="has no key"):
        read_keys(os.devnull)
    with pytest.raises(KeysError, match="cannot be read: No such file"):
        read_keys(str(tmp_path / "nobody"))


def test_the_same_key_in_file_and_environment_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(FILE)
    with pytest.raises(SettingsError, match="twice"):
        load(["--keys-file", str(path)], {"AUTOGRAD_KEYS": f"alice:{BOB}"})


def test_keys_are_no_flag_and_are_not_kept() -> None:
    settings = load([], {"AUTOGRAD_KEYS": f"alice:{ALICE}"})
    assert ALICE not in repr(settings) + repr(settings.keys)
    with pytest.raises(SystemExit, match="2"):
        load(["--keys", ALICE], {})


def test_an_operator_must_have_a_key() -> None:
    with pytest.raises(SettingsError, match="'carol'"):
        Settings(keys=parse_keys([f"bob:{BOB}"], "here"), operators=("carol",))


def test_what_is_printed_at_the_start_shows_where_a_key_goes() -> None:
    keys = parse_keys([f"bob:{BOB}"], "here")
    assert "Authorization: Bearer KEY" in announcement(Settings(keys=keys), 1)
    assert "--allowed-hosts" not in announcement(Settings(keys=keys), 1)
    assert "--allowed-hosts" in announcement(Settings(host="0.0.0.0", keys=keys), 1)
    assert "Bearer" not in announcement(Settings(), 1)


def test_an_empty_name_of_a_keys_file_is_refused() -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load([], {"AUTOGRAD_KEYS_FILE": ""})


def test_no_key_is_no_tenants() -> None:
    assert Keys().tenant_of("") is Keys().tenant_of(BARE) is None


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://localhost:8000", "localhost:8000", True),
        ("HTTP://LocalHost", "localhost:80", True),
        ("https://a.example", "a.example", True),
        ("https://a.example:443", "a.example", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("http://localhost:8001", "localhost:8000", False),
        ("https://a.example", "a.example:80", False),
        ("ftp://localhost", "localhost", False),
        ("http://", "", False),
        ("null", "null", False),
    ],
)
def test_same_origin(origin: str, host: str, same: bool) -> None:
    assert is_same_origin(origin, host) is same

"""What surrounds the sessions: hosts, request ids, media types, sizes, turns. Sessions here are stand-ins."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import httpx
import pytest
from fastapi import FastAPI

from app import __version__
from app.calls import Answer, Call
from app.hosts import inline
from app.limits import Limits
from app.main import create_app, lifespan
from app.problems import MEDIA_TYPE
from app.settings import Settings

JSON = {"content-type": "application/json"}

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class StandIn:
    """A session that notes its calls, and waits in `run` until it is let go."""

    made: ClassVar[list[StandIn]] = []

    def __init__(self, id: str, *, ttl_s: float, now: Callable[[], float], **options: Any) -> None:
        options.pop("functions")  # the tenant's, for sessions that are none
        self.id, self.ttl_s, self.now, self.options = id, ttl_s, now, options
        self.version = 7
        self.calls: list[Call] = []
        self.go = threading.Event()
        self.expires_at = 0.0
        self.touch()
        self.made.append(self)

    def touch(self) -> None:
        self.expires_at = self.now() + self.ttl_s

    def describe(self) -> dict[str, Any]:
        return {"id": self.id, "version": self.version}

    def is_light(self, call: Call) -> bool:
        return False  # so that `run` waits in a thread

    def recount(self) -> None:
        pass

    def handle(self, call: Call) -> Answer:
        self.calls.append(call)
        if call.method == "run":
            assert self.go.wait(60)
        if call.name == "broken":
            raise ZeroDivisionError("a defect in /secret/file.py")
        return Answer(200, b"{}", {"ETag": f'"{self.version}"'})


@pytest.fixture(autouse=True)
def sessions(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[StandIn]]:
    monkeypatch.setattr(inline, "Session", StandIn)
    StandIn.made = []
    yield StandIn.made
    for session in StandIn.made:
        session.go.set()


@asynccontextmanager
async def serve(settings: Settings | None = None) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings or Settings())
    async with lifespan(app), client_of(app) as client:
        yield client


def client_of(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


def expect(response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, response.headers["content-type"]) == (status, MEDIA_TYPE), response.text
    assert response.json()["code"] == code


async def new_session(client: httpx.AsyncClient, **fields: Any) -> str:
    response = await client.post("/v1/sessions", json=fields)
    assert response.status_code == 201, response.text
    return response.headers["location"]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  # it becomes true in another thread
            await asyncio.sleep(0.001)


async def settle() -> None:
    """Let every other task go on until it waits for something."""
    for _ in range(100):
        await asyncio.sleep(0)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]", "[::1]:80", "a.example"])
async def test_allowed_hosts(host: str) -> None:
    async with serve(Settings(allowed_hosts=("A.example",))) as client:
        assert (await client.get("/healthz", headers={"host": host})).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "localhost@evil", "127.0.0.1:x", "::1"])
async def test_other_hosts_are_misdirected_on_every_path(host: str) -> None:
    async with serve() as client:
        for path in ("/healthz", "/v1/sessions", "/nowhere"):
            expect(await client.get(path, headers={"host": host}), 421, "misdirected")


async def test_any_host_where_that_was_asked_for() -> None:
    async with serve(Settings(allowed_hosts=("*",))) as client:
        assert (await client.get("/healthz", headers={"host": "evil.example"})).status_code == 200


async def test_a_plain_request_id_comes_back_and_others_are_replaced() -> None:
    async with serve() as client:
        for path in ("/healthz", "/nowhere"):
            answer = await client.get(path, headers={"x-request-id": "my-id.1"})
            assert answer.headers["x-request-id"] == "my-id.1"
            answer = await client.get(path, headers={"x-request-id": "no spaces"})
            assert answer.headers["x-request-id"].isalnum()


async def test_head_is_get_without_a_body_and_405_lists_all_methods() -> None:
    async with serve() as client:
        path = await new_session(client)
        assert (await client.head(path)).status_code == 200
        answer = await client.put(path)
        expect(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == "DELETE, GET, HEAD, PATCH"


async def test_readyz_is_503_before_and_after() -> None:
    app = create_app(Settings())
    async with client_of(app) as client:
        expect(await client.get("/readyz"), 503, "unavailable")
        async with lifespan(app):
            assert (await client.get("/readyz")).status_code == 200
        answer = await client.get("/readyz")
        expect(answer, 503, "unavailable")
        assert answer.headers["retry-after"]


async def test_info_tells_version_and_limits() -> None:
    async with serve(Settings(limits=Limits(run_steps=5))) as client:
        info = (await client.get("/v1/info")).json()
        assert (info["version"], info["limits"]["run_steps"]) == (__version__, 5)


async def test_pages_load_nothing_from_elsewhere() -> None:
    async with serve() as client:
        for path in ("/", "/docs", "/docs/errors"):
            answer = await client.get(path)
            assert answer.headers["content-type"].startswith("text/html")
            assert "http" not in answer.text
        assert 'id="graph_freed"' in answer.text


async def test_a_body_over_the_limit_is_refused_announced_or_streamed(sessions: list[StandIn]) -> None:
    async def stream() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 10

    async with serve(Settings(limits=Limits(body_bytes=100))) as client:
        path = await new_session(client)
        for content in (b"x" * 101, stream()):
            expect(await client.post(f"{path}/run", content=content, headers=JSON), 413, "too_large")
        assert sessions[0].calls == []


async def test_a_body_that_does_not_come_is_a_timeout(sessions: list[StandIn]) -> None:
    never = asyncio.Event()

    async def stream() -> AsyncIterator[bytes]:
        yield b"{"
        await never.wait()

    async with serve(Settings(body_timeout_s=0.01)) as client:
        path = await new_session(client)
        expect(await client.post(f"{path}/run", content=stream(), headers=JSON), 408, "request_timeout")
        assert sessions[0].calls == []


@pytest.mark.parametrize("header", ["text/plain", "application/json; charset=latin-1", "application/jsonx", ""])
async def test_only_json_is_taken(header: str) -> None:
    async with serve() as client:
        path = await new_session(client)
        answer = await client.post(f"{path}/backward", content=b"{}", headers={"content-type": header})
        expect(answer, 415, "unsupported_media_type")


async def test_bodies_compressed_otherwise_are_not_taken() -> None:
    async with serve() as client:
        path = await new_session(client)
        answer = await client.post(f"{path}/backward", content=b"{}", headers={**JSON, "content-encoding": "br"})
        expect(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html, application/*;q=0.5", "APPLICATION/JSON"])
async def test_clients_that_take_json(accept: str) -> None:
    async with serve() as client:
        assert (await client.get(await new_session(client), headers={"accept": accept})).status_code == 200


async def test_a_client_that_takes_no_json_is_told() -> None:
    async with serve() as client:
        expect(await client.get(await new_session(client), headers={"accept": "image/png"}), 406, "not_acceptable")


async def test_a_call_is_handed_on_as_it_came(sessions: list[StandIn]) -> None:
    async with serve() as client:
        path = await new_session(client)
        answer = await client.put(f"{path}/tensors/x/data?a=1&b=%C3%A9", content=b"\xff", headers=JSON)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (200, b"{}", '"7"')
        (call,) = sessions[0].calls
        assert (call.method, call.name, call.query) == ("tensor.set_data", "x", {"a": "1", "b": "é"})
        assert (call.body, call.content_type) == (b"\xff", "application/json")


async def test_a_defect_is_500_and_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with serve() as client:
        path = await new_session(client)
        answer = await client.post(f"{path}/ops/broken", content=b"{}", headers=JSON)
        expect(answer, 500, "internal")
        assert answer.headers["etag"] == '"7"'
        assert "secret" not in answer.text
        assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("tag", "status"), [('"7"', 200), ('"1", "7"', 200), ("*", 200), ('"8"', 412), ("7", 412), ('W/"7"', 412)]
)
async def test_if_match_makes_a_call_conditional(sessions: list[StandIn], tag: str, status: int) -> None:
    async with serve() as client:
        path = await new_session(client)
        answer = await client.post(f"{path}/backward", content=b"{}", headers={**JSON, "if-match": tag})
        assert (answer.status_code, len(sessions[0].calls)) == (status, status == 200)
        answer = await client.delete(path, headers={"if-match": tag})
        assert answer.status_code == (204 if status == 200 else 412)


async def test_a_session_is_made_with_what_was_asked_for(sessions: list[StandIn]) -> None:
    async with serve(Settings(ttl_s=5)) as client:
        await new_session(client)
        await new_session(client, id="mine", dtype="torch.float64", seed=2**63 - 1, ttl_s=2.5, device=None)
        assert (await client.post("/v1/sessions")).status_code == 201
    plain, chosen, _ = sessions
    options = {"device": "cpu", "dtype": "float32", "seed": None, "limits": Limits()}
    assert (plain.ttl_s, plain.options) == (5.0, options)
    assert (chosen.id, chosen.ttl_s, chosen.options) == (
        "mine",
        2.5,
        {**options, "dtype": "float64", "seed": 2**63 - 1},
    )


async def test_the_number_of_sessions_is_bounded() -> None:
    async with serve(Settings(limits=Limits(sessions=2))) as client:
        first = await new_session(client)
        await new_session(client)
        answer = await client.post("/v1/sessions", json={})
        expect(answer, 503, "unavailable")
        assert answer.headers["retry-after"]
        assert (await client.delete(first)).status_code == 204
        await new_session(client)


async def test_an_idle_session_expires_and_use_keeps_it(sessions: list[StandIn]) -> None:
    async with serve() as client:
        path = await new_session(client, id="a", ttl_s=1)
        sessions[0].expires_at = 0.0
        expect(await client.get(path), 404, "unknown_session")
        await new_session(client, id="a")
        sessions[1].expires_at = sessions[1].now() + 0.1
        assert (await client.get(path)).status_code == 200
        assert sessions[1].expires_at > sessions[1].now() + 3000


async def test_a_session_that_works_does_not_expire(sessions: list[StandIn]) -> None:
    async with serve() as client:
        path = await new_session(client)
        running = asyncio.create_task(client.post(f"{path}/run", json={}))
        await until(lambda: bool(sessions[0].calls))
        sessions[0].expires_at = 0.0
        assert len((await client.get("/v1/sessions")).json()["sessions"]) == 1
        sessions[0].go.set()
        assert (await running).status_code == 200


async def test_calls_of_one_session_take_turns_in_order(sessions: list[StandIn]) -> None:
    async with serve() as client:
        path, other = await new_session(client), await new_session(client)
        running = asyncio.create_task(client.post(f"{path}/run", json={}))
        await until(lambda: bool(sessions[0].calls))
        queued = []
        for n in range(20):
            queued.append(asyncio.create_task(client.post(f"{path}/ops/op{n}", json={})))
            await asyncio.sleep(0)
        assert (await client.get(other)).status_code == 200  # others are not held up
        assert len(sessions[0].calls) == 1
        sessions[0].go.set()
        assert {(await task).status_code for task in [running, *queued]} == {200}
        assert [call.name for call in sessions[0].calls] == [None, *(f"op{n}" for n in range(20))]


async def test_the_queue_of_a_session_is_bounded(sessions: list[StandIn]) -> None:
    async with serve(Settings(limits=Limits(pending_calls=1))) as client:
        path = await new_session(client)
        tasks = [asyncio.create_task(client.post(f"{path}/run", json={})) for _ in range(3)]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        expect(done.pop().result(), 429, "rate_limited")
        sessions[0].go.set()
        assert sorted([(await task).status_code for task in tasks]) == [200, 200, 429]


async def test_who_waits_past_the_time_limit_is_refused(sessions: list[StandIn]) -> None:
    async with serve(Settings(request_timeout_s=0.05)) as client:
        path = await new_session(client)
        running = asyncio.create_task(client.post(f"{path}/run", json={}))
        await until(lambda: bool(sessions[0].calls))
        expect(await client.post(f"{path}/ops/add", json={}), 504, "deadline")
        sessions[0].go.set()
        await running
        assert len(sessions[0].calls) == 1


async def test_deleting_refuses_those_who_wait_and_frees_the_id(sessions: list[StandIn]) -> None:
    async with serve() as client:
        path = await new_session(client, id="a")
        running = asyncio.create_task(client.post(f"{path}/run", json={}))
        await until(lambda: bool(sessions[0].calls))
        waiting = asyncio.create_task(client.post(f"{path}/ops/add", json={}))
        await settle()
        assert (await client.delete(path)).status_code == 204
        expect(await client.get(path), 404, "unknown_session")
        assert await new_session(client, id="a") == path
        sessions[0].go.set()
        assert (await running).status_code == 200
        expect(await waiting, 404, "unknown_session")
        assert sessions[1].calls == []


async def test_who_leaves_does_not_open_the_session_to_the_next(sessions: list[StandIn]) -> None:
    async with serve() as client:
        path = await new_session(client)
        leaving = asyncio.create_task(client.post(f"{path}/run", json={}))
        await until(lambda: bool(sessions[0].calls))
        next_one = asyncio.create_task(client.post(f"{path}/ops/add", json={}))
        leaving.cancel()
        await asyncio.wait([leaving])
        await settle()
        assert len(sessions[0].calls) == 1
        sessions[0].go.set()
        assert (await next_one).status_code == 200


async def test_the_list_of_sessions_is_paged_in_order() -> None:
    async with serve(Settings(limits=Limits(page=2))) as client:
        for n in range(5):
            await new_session(client, id=f"s{n}")
        seen, cursor = [], "0"
        while cursor is not None:
            page = (await client.get("/v1/sessions", params={"limit": 100, "cursor": cursor})).json()
            assert len(page["sessions"]) <= 2
            seen += [session["id"] for session in page["sessions"]]
            cursor = page["next"]
        assert seen == [f"s{n}" for n in range(5)]

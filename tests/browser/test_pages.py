"""The pages in a real browser: Swagger UI and the reading view, at a root and behind a prefix, with and without keys.

Set `SCREENSHOTS` to a folder to have pictures of what the tests saw.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.browser.chromium import Browser, Page, find
from tests.service.conftest import ROOT, Server

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(find() is None, reason="needs Chromium (the package chromium of Debian)"),
]

KEY = "a-key-for-the-browser-test"
CALL = re.compile(r"^post (/\S+) '(.*)'$", re.M)
PREFIX = "/some/prefix"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    started = Browser(tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    made = browser.page()
    yield made
    made.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture
def guarded() -> Iterator[Server]:
    """A server that asks for a key, except for its pages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOGRAD_KEYS", KEY)
        patch.setenv("AUTOGRAD_OPEN_DOCS", "true")
        running = Server()
    yield running
    running.close()


@pytest.fixture
def demo(server: Server) -> Iterator[None]:
    """The session `demo` after the README's first three calls."""
    with server.client() as client:
        client.delete("/v1/sessions/demo")
        for path, body in CALL.findall((ROOT / "README.md").read_text(encoding="utf-8"))[:3]:
            assert client.post(path, content=body, headers={"content-type": "application/json"}).is_success
        yield
        client.delete("/v1/sessions/demo")


@pytest.fixture
def prefixed(server: Server) -> Iterator[str]:
    """The address of a proxy that serves the server below a prefix, as one for several services does."""

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.startswith(PREFIX + "/"):
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            onward = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            onward.request(self.command, self.path.removeprefix(PREFIX), body, dict(self.headers))
            answer = onward.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
            onward.close()

        do_POST = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{proxy.server_port}{PREFIX}"
        proxy.shutdown()
        thread.join(60)


def picture(page: Page, name: str) -> None:
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(Path(folder) / f"{name}.png")


def check_quiet(page: Page, url: str) -> None:
    """Whether the page reported nothing (a script that failed, what its content policy forbids) and loaded nothing
    from elsewhere."""
    assert [each["entry"]["text"] for each in page.events("Log.entryAdded")] == []
    assert page.events("Runtime.exceptionThrown") == []
    loaded = [each["request"]["url"] for each in page.events("Network.requestWillBeSent")]
    assert [each for each in loaded if not each.startswith((url, "data:"))] == []


def open_docs(page: Page, url: str) -> None:
    page.open(f"{url}/docs")
    page.until("document.querySelectorAll('.opblock-tag').length > 20")


def search(page: Page, text: str) -> None:
    page.type(".operation-filter-input", text, replace=True)
    page.until("document.querySelector('.opblock')")


def block(operation: str) -> str:
    return f'.opblock[id$="-{operation}"]'


def execute(page: Page, operation: str, body: Any = None) -> tuple[int, Any]:
    """Open a call, send it, with another body if one is given, and read status and answer."""
    place = block(operation)
    if page.evaluate(f"!document.querySelector({json.dumps(place)}).classList.contains('is-open')"):
        page.click(f"{place} .opblock-summary-control")
    if body is not None:
        page.type(f"{place} textarea.body-param__text", json.dumps(body), replace=True)
    page.click(f"{place} .execute")
    answered = f"{place} .live-responses-table .response"
    page.until(f"document.querySelector({json.dumps(place)}).innerText.includes('Server response')")
    page.until(f"!document.querySelector({json.dumps(place + ' .loading-container')})")
    status = int(page.text(f"{answered} .response-col_status").split()[0])
    text = page.text(f"{answered} .response-col_description .highlight-code")
    return status, json.loads(text[text.index("{") : text.rindex("}") + 1])


def test_the_families_are_collapsed_and_nothing_is_loaded_from_elsewhere(page: Page, server: Server) -> None:
    open_docs(page, server.url)
    picture(page, "docs")
    assert page.evaluate("document.querySelectorAll('.opblock').length") == 0
    names = page.evaluate("[...document.querySelectorAll('.opblock-tag')].map((tag) => tag.dataset.tag)")
    assert page.evaluate("document.querySelector('.btn.authorize')") is None  # no key is needed
    assert {"sessions", "tensors", "ops: arithmetic", "ops: linear algebra"} <= set(names)
    check_quiet(page, server.url)


@pytest.mark.usefixtures("demo")
def test_find_mul_execute_it_go_backward_and_read_the_gradient(page: Page, server: Server) -> None:
    open_docs(page, server.url)
    search(page, "mul")
    picture(page, "docs-search")
    status, made = execute(page, "op_mul")
    picture(page, "docs-executed")
    assert (status, made["result"]["name"], made["result"]["grad_fn"]) == (200, "z", "MulBackward0")
    assert made["result"]["data"] == [[9.0, 9.0], [9.0, 9.0]]
    search(page, "backward")
    body = {"tensors": "z", "grad_tensors": {"data": [[1, 1], [1, 1]]}}
    status, found = execute(page, "backward", body)
    assert (status, found["grads"]["x"]["data"]) == (200, [[6.0, 6.0], [6.0, 6.0]])
    search(page, "/grad")
    status, gradient = execute(page, "get_gradient")
    picture(page, "docs-gradient")
    assert (status, gradient["data"]) == (200, [[6.0, 6.0], [6.0, 6.0]])
    check_quiet(page, server.url)


@pytest.mark.usefixtures("demo")
def test_an_example_that_needs_more_has_it_made_each_time(page: Page, server: Server) -> None:
    open_docs(page, server.url)
    search(page, "unsqueeze_")
    for _ in range(2):
        status, answer = execute(page, "op_unsqueeze_inplace")
        assert (status, answer["result"]["shape"]) == (200, [1, 2, 2])
        page.click(f"{block('op_unsqueeze_inplace')} .btn-clear")


@pytest.mark.usefixtures("demo")
def test_behind_a_prefix(page: Page, prefixed: str) -> None:
    open_docs(page, prefixed)
    search(page, "unsqueeze_")
    assert execute(page, "op_unsqueeze_inplace")[0] == 200
    check_quiet(page, prefixed)
    page.click("#links a[href=redoc]")
    page.until("document.querySelector('#op_mul')")
    check_quiet(page, prefixed)


def test_the_authorize_button_sends_the_key(page: Page, guarded: Server) -> None:
    assert httpx.get(f"{guarded.url}/v1/info", trust_env=False).status_code == 401
    open_docs(page, guarded.url)
    search(page, "/v1/info")
    status, refused = execute(page, "info")
    assert (status, refused["code"]) == (401, "unauthorized")
    picture(page, "docs-refused")
    page.click(".btn.authorize")
    page.type(".auth-container input", KEY)
    picture(page, "docs-authorize")
    page.click(".auth-btn-wrapper .btn.modal-btn.authorize")
    page.click(".auth-btn-wrapper .btn-done")
    page.click(f"{block('info')} .btn-clear")
    status, answer = execute(page, "info")
    assert status == 200
    assert answer["version"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_reading_view(page: Page, server: Server, scheme: str) -> None:
    page.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    page.open(f"{server.url}/redoc")
    page.until("document.querySelector('nav input:not([hidden])')")
    page.type("nav input", "softmax")
    links = "[...document.querySelectorAll('nav li')].filter((link) => link.checkVisibility())"
    shown = page.evaluate(f"{links}.map((link) => link.innerText)")
    assert "softmax" in shown
    assert all("softmax" in each for each in shown)
    page.click('nav a[href="#op_softmax"]')
    page.until("location.hash === '#op_softmax'")
    picture(page, f"reading-{scheme}")
    assert page.text("#op_softmax h3") == "softmax(input, dim, dtype=null)"
    check_quiet(page, server.url)

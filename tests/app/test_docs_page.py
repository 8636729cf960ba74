"""The page of the calls: complete without the internet, at any address, and under a strict content policy."""

from __future__ import annotations

import asyncio
import re
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx
import pytest

from app import pages
from app.main import create_app
from app.markup import marked_up
from app.settings import Settings

BASE = "http://127.0.0.1"
PAGES = ("/", "/docs", "/docs/errors", "/redoc")


class Client:
    """What a browser does: it asks for one thing after the other."""

    def __init__(self) -> None:
        self.app = create_app(Settings())

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=BASE) as client:
                return await client.get(path, headers=headers)

        return asyncio.run(ask())


@pytest.fixture(scope="module")
def client() -> Client:
    return Client()


class Loaded(HTMLParser):
    """The addresses that a page loads or links to, and what a content policy would forbid in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.forbidden: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.addresses += [str(given[name]) for name in ("src", "href") if name in given]
        self.forbidden += [name for name in given if name.startswith("on")]
        if tag == "script" and "src" not in given:
            self.forbidden.append("an inline script")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_loads_relative_addresses_that_are_there(client: Client, page: str) -> None:
    answer = client.get(page)
    found = Loaded(answer.text)
    assert answer.headers["content-type"].startswith("text/html")
    assert found.forbidden == []
    for address in {each.partition("#")[0] for each in found.addresses} - {""}:
        assert not re.match(r"/|\w+:", address), address
        assert client.get(urljoin(page, address)).status_code == 200, address


@pytest.mark.parametrize("page", PAGES)
def test_links_work_behind_a_prefix(client: Client, page: str) -> None:
    for address in Loaded(client.get(page).text).addresses:
        assert urljoin(f"/prefix{page}", address).startswith("/prefix/")


@pytest.mark.parametrize("name", [*pages.SWAGGER_FILES, *pages.OWN_FILES])
def test_files_have_their_type_and_are_kept_by_browsers(client: Client, name: str) -> None:
    answer = client.get(f"/docs/assets/{name}")
    assert answer.headers["content-type"].partition(";")[0] in pages.TYPES.values()
    assert answer.headers["cache-control"] == pages.KEEP
    again = client.get(f"/docs/assets/{name}", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    plain = client.get(f"/docs/assets/{name}", headers={"accept-encoding": "identity"})
    assert plain.content == answer.content


@pytest.mark.parametrize("name", ["nothing.js", "..%2fpages.py", "pages.py", "%00"])
def test_no_other_file_is_served(client: Client, name: str) -> None:
    answer = client.get(f"/docs/assets/{name}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_the_own_files_name_no_other_server(client: Client) -> None:
    for name in pages.OWN_FILES:
        assert "//" not in re.sub(r"^\s*//.*|\s//.*|/\*.*\*/", "", client.get(f"/docs/assets/{name}").text, flags=re.M)


def test_the_document_is_served_from_a_cache(client: Client) -> None:
    answer = client.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["openapi"].startswith("3.1")
    assert client.get("/openapi.json", headers={"if-none-match": answer.headers["etag"]}).status_code == 304


def test_the_page_has_what_people_need(client: Client) -> None:
    script = client.get("/docs/assets/docs.js").text
    for setting in ('docExpansion: "none"', "filter: true", "deepLinking: true", "tryItOutEnabled: true"):
        assert setting in script


# -- the reading view -----------------------------------------------------------------------------------------------


def test_the_reading_view_has_every_call_and_every_schema_of_the_document(client: Client) -> None:
    document = client.get("/openapi.json").json()
    page = client.get("/redoc").text
    ids = re.findall(r' id="([^"]+)"', page)
    calls = [each["operationId"] for path in document["paths"].values() for each in path.values()]
    assert sorted(ids) == sorted([*calls, *(f"schema-{name}" for name in document["components"]["schemas"])])
    links = set(re.findall(r'href="#([^"]+)"', page))
    assert links == set(ids)


def test_the_reading_view_shows_a_call_as_it_would_be_made(client: Client) -> None:
    page = client.get("/redoc").text
    assert "<code>add(input, other, alpha=1)</code>" in page
    assert "POST /v1/sessions/demo/ops/add\n" in page
    assert "PUT /v1/sessions/demo/tensors/x/data\n" in page
    assert not re.search(r"<pre>[A-Z]+ \S*\{", page)


def test_texts_of_the_document_are_no_markup() -> None:
    assert marked_up("a < b & `<x>` **c** [d](docs/errors)\n\n`**e**`") == (
        "<p>a &lt; b &amp; <code>&lt;x&gt;</code> <strong>c</strong> "
        '<a href="docs/errors">d</a></p>\n<p><code>**e**</code></p>'
    )


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("br, gzip;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("identity", False),
        ("gzip;q=0, *", False),
    ],
)
def test_assets_are_packed_for_those_who_take_that(client: Client, accepted: str, packed: bool) -> None:
    answer = client.get("/docs", {"Accept-Encoding": accepted})
    assets = re.findall(r'src="([^"]+\.js)"', answer.text)
    answer = client.get(urljoin(f"{BASE}/docs", assets[0]), {"Accept-Encoding": accepted})
    assert answer.status_code == 200
    assert (answer.headers.get("content-encoding") == "gzip") is packed
    assert answer.headers["vary"] == "Accept-Encoding"

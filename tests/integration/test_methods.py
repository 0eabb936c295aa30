"""HEAD wherever GET is, `Allow` on every 405 and OPTIONS, and links that keep the client's scheme."""

import re
from collections.abc import AsyncIterator
from urllib.parse import urljoin

import httpx2
import pytest

from integrahub.settings.model import Settings
from tests.integration.conftest import ADMIN, CNPJ, PATH, Client, running
from tests.integration.listening import Wire, listening

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
ALLOWED = {
    "/": "GET, HEAD, OPTIONS",
    "/health": "GET, HEAD, OPTIONS",
    "/metrics": "GET, HEAD, OPTIONS",
    "/docs": "GET, HEAD, OPTIONS",
    "/openapi.json": "GET, HEAD, OPTIONS",
    PATH: "OPTIONS, POST",
    "/v1/products": "GET, HEAD, OPTIONS",
    "/v1/batches/00000000-0000-4000-8000-000000000000": "GET, HEAD, OPTIONS",
    "/v1/dead-letters/replay": "OPTIONS, POST",
    "/v1/dead-letters/1": "GET, HEAD, OPTIONS",
    f"/admin/pharmacies/{CNPJ}": "GET, HEAD, OPTIONS, PUT",
    "/admin/pharmacies/api-key": "OPTIONS, POST",
    "/admin/keys": "GET, HEAD, OPTIONS, POST",
    "/admin/keys/00000000-0000-4000-8000-000000000000": "DELETE, OPTIONS",
}
# As a proxy that ends TLS passes requests on.
_PROXIED = {"Host": "hub.example.com", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "hub.example.com"}


@pytest.fixture
async def door(settings: Settings) -> AsyncIterator[Client]:
    async with running(settings, []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield client


async def _asked(door: Client, method: str, path: str) -> httpx2.Response:
    return await door.http.request(method, path, headers={"Authorization": f"Bearer {ADMIN}"})


async def test_every_path_tells_its_methods_and_refuses_the_others_by_them(door: Client) -> None:
    for path, told in ALLOWED.items():
        options = await _asked(door, "OPTIONS", path)
        assert (options.status_code, options.headers["Allow"]) == (204, told), path
        for method in METHODS:
            if method not in told:
                answer = await _asked(door, method, path)
                assert (answer.status_code, answer.headers.get("Allow")) == (405, told), (method, path)
                assert method == "HEAD" or method in answer.json()["message"]
    for method in METHODS:
        assert (await _asked(door, method, "/nowhere")).status_code == 404


async def test_head_is_get_without_its_body_also_over_the_wire(door: Client, settings: Settings) -> None:
    async with listening(door.app, settings) as port, Wire(port) as wire:
        for path in ("/health", "/livez", "/readyz", "/metrics", "/v1/products", "/v1/batches", "/docs", "/nowhere"):
            request = f"%s {path} HTTP/1.1\r\nHost: hub\r\nX-Api-Key: {door.key}\r\n\r\n"
            await wire.send((request % "GET").encode())
            full = await wire.answer()
            await wire.send((request % "HEAD").encode())
            head = await wire.answer("HEAD")
            assert full.body and head.status == full.status
            assert {name: value for name, value in head.headers.items() if name != "content-length"}.keys() == (
                {name: value for name, value in full.headers.items() if name != "content-length"}.keys()
            )
            assert int(head.headers["content-length"]) > 0
    counted = (await door.http.get("/metrics")).text
    assert re.search(r'http_requests_total\{method="HEAD",route="/health",status="200"\}', counted), counted


async def test_a_report_is_not_written_for_head(door: Client) -> None:
    batch = (await door.post([{"PRODUCTID": 1, "TITLE": "A"}], "delta")).json()["batch_id"]
    for kind in ("json", "ndjson", "csv"):
        answer = await door.http.head(f"/v1/batches/{batch}/errors?format={kind}", headers={"X-Api-Key": door.key})
        assert (answer.status_code, answer.content) == (200, b"")


async def test_a_slash_too_many_is_not_found_rather_than_sent_elsewhere(door: Client) -> None:
    for method, path in (("POST", f"{PATH}/"), ("GET", "/v1/products/"), ("GET", "/health/"), ("GET", "//v1/products")):
        answer = await door.http.request(method, path, headers=_PROXIED)
        assert (answer.status_code, answer.headers.get("location")) == (404, None), path


async def test_a_browser_behind_tls_is_led_to_the_docs_and_their_files_by_relative_addresses(door: Client) -> None:
    root = await door.http.get("/", headers=_PROXIED)
    assert (root.status_code, root.headers["location"]) == (307, "docs")
    page = (await door.http.get("/docs", headers=_PROXIED)).text
    named = re.findall(r"""(?:src|href)="([^"]+)"|url: '([^']+)'""", page)
    places = ["".join(pair) for pair in named]
    assert len(places) == 4 and not [place for place in places if place.startswith(("/", "http"))]
    for place in places:
        # Also behind a proxy that serves the hub below a path.
        assert urljoin("https://hub.example.com/hub/docs", place).startswith("https://hub.example.com/hub/")
        assert (await door.http.get(urljoin("/docs", place))).status_code == 200
    assert (await door.http.get("/favicon.ico")).status_code == 204

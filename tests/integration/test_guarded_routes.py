"""Routes other than ingest: authentication first, then a body of at most 64 kB without pauses."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from integrahub.api import app
from integrahub.api.auth.guarded_route import MAX_BODY_BYTES
from integrahub.api.middleware.unauthenticated_limit import UnauthenticatedLimit
from integrahub.settings.model import Settings
from tests.integration.conftest import ADMIN, CNPJ, PATH, Client, running

_BLOCK = b"[" + b"{}," * 5000


@pytest.fixture
async def door(settings: Settings) -> AsyncIterator[Client]:
    """Yield an API without workers and with a short body timeout."""
    async with running(settings.model_copy(update={"body_patience": 0.3}), []) as client:
        yield client


@dataclass
class Body:
    """Body of 10 MB in blocks that counts the bytes read; `silent` stops after the first block."""

    silent: bool = False
    taken: int = field(default=0)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(700):
            self.taken += len(_BLOCK)
            yield _BLOCK
            if self.silent:
                await asyncio.sleep(60)


async def _routes(client: Client) -> list[tuple[str, str]]:
    document = (await client.http.get("/openapi.json")).json()
    named = {
        "batch_id": uuid4(),
        "cnpj": CNPJ,
        "key_id": uuid4(),
        "letter_id": 1,
        "product_id": 1,
        "delivery_id": uuid4(),
        "operation_id": uuid4(),
    }
    return [
        (verb, path.format(**named))
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
        if operation.get("security") != []
    ]


async def _sent(client: Client, verb: str, path: str, body: Body, **headers: str) -> httpx2.Response:
    given = {"X-Inova-Load-Type": "full", "Content-Type": "application/json"} | headers
    return await client.http.request(verb, path, content=body, headers=given)


async def test_no_route_reads_a_body_before_it_knows_the_key(door: Client) -> None:
    routes = await _routes(door)
    assert len(routes) > 20 and ("post", PATH) in routes
    for verb, path in routes:
        body = Body()
        answer = await _sent(door, verb, path, body)
        assert (answer.status_code, body.taken) == (401, 0), (verb, path, answer.text)


async def test_no_route_reads_a_body_before_it_knows_the_scope(door: Client) -> None:
    key = (await door.admin("POST", "/admin/keys", {"cnpjs": [CNPJ]}))["api_key"]
    for verb, path in await _routes(door):
        if path.startswith("/admin"):
            body = Body()
            answer = await _sent(door, verb, path, body, **{"X-Api-Key": key})
            assert (answer.status_code, body.taken) == (403, 0), (verb, path, answer.text)


async def test_every_other_route_takes_64_kb_at_most(door: Client) -> None:
    for verb, path in await _routes(door):
        if path == PATH:
            continue
        body = Body()
        answer = await _sent(door, verb, path, body, **{"X-Admin-Api-Key": ADMIN})
        assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large"), (verb, path, answer.text)
        assert body.taken <= MAX_BODY_BYTES + 2 * len(_BLOCK)
        announced = await _sent(door, verb, path, Body(), **{"X-Admin-Api-Key": ADMIN, "Content-Length": "99999999"})
        assert announced.status_code == 413


async def test_a_silent_body_of_any_route_is_ended(door: Client) -> None:
    async with asyncio.timeout(30):
        for verb, path in await _routes(door):
            answer = await _sent(door, verb, path, Body(silent=True), **{"X-Admin-Api-Key": ADMIN})
            assert (answer.status_code, answer.json()["code"]) in ((408, "body_timeout"), (400, "not_array")), path


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"key":' * 9_000, b"[1", b"\xff\xfe"])
async def test_a_small_body_that_is_no_json_is_refused(door: Client, body: bytes) -> None:
    headers = {"X-Admin-Api-Key": ADMIN, "Content-Type": "application/json"}
    answer = await door.http.post("/v1/dead-letters/replay", content=body, headers=headers)
    assert answer.status_code == 400, answer.text


async def test_a_body_of_64_kb_is_read_whole(door: Client) -> None:
    cnpjs = [CNPJ] * 3_500
    body = json.dumps({"cnpjs": cnpjs}).encode().ljust(MAX_BODY_BYTES)
    headers = {"X-Admin-Api-Key": ADMIN, "Content-Type": "application/json"}
    answer = await door.http.post("/admin/keys", content=body, headers=headers)
    assert (len(body), answer.status_code) == (MAX_BODY_BYTES, 200), answer.text


async def test_the_description_is_encoded_once_for_all_who_ask(door: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await door.http.get("/openapi.json")
    assert first.headers["content-type"] == "application/json" and first.json()["paths"][PATH]["post"]
    monkeypatch.setattr(app, "build_openapi", None)
    assert (await door.http.get("/openapi.json")).content == first.content
    assert (await door.http.head("/openapi.json")).status_code == 200


async def test_few_requests_without_a_key_are_worked_on_at_once_and_those_with_one_pass() -> None:
    go, entered = asyncio.Event(), list[str]()

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        entered.append(scope["path"])
        await go.wait()

    async def ask(path: str, *headers: bytes) -> None:
        await gate({"type": "http", "path": path, "headers": [(name, b"k") for name in headers]}, None, None)

    gate = UnauthenticatedLimit(inside)
    asked = [asyncio.create_task(ask(path)) for path in ("/docs", "/health") for _ in range(50)]
    asked += [asyncio.create_task(ask("/v1/products", b"x-api-key")) for _ in range(20)]
    for _ in range(30):
        await asyncio.sleep(0)
    assert Counter(entered) == {"/docs": 4, "/health": 8, "/v1/products": 20}
    async with asyncio.timeout(20):
        while len(entered) < 40:  # who takes an answer slowly keeps its seat for a second
            await asyncio.sleep(0.05)
    go.set()
    await asyncio.gather(*asked)
    assert Counter(entered) == {"/docs": 50, "/health": 50, "/v1/products": 20}


async def test_of_requests_without_a_key_one_begins_in_a_turn_of_the_event_loop() -> None:
    loop, turn, begun = asyncio.get_running_loop(), 0, list[int]()

    def count() -> None:
        nonlocal turn
        turn += 1
        if len(begun) < 8:
            loop.call_soon(count)

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        begun.append(turn)

    gate = UnauthenticatedLimit(inside)
    count()
    async with asyncio.timeout(20):
        await asyncio.gather(*(gate({"type": "http", "path": "/livez", "headers": []}, None, None) for _ in range(8)))
    assert len(set(begun)) == 8

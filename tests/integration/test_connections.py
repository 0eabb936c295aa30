"""Idle connections and slow readers, on the wire."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvloop

from integrahub.settings.model import Settings
from integrahub.telemetry.metrics.http import CONNECTIONS_OPEN
from tests.integration.conftest import CNPJ, PATH, Client, running
from tests.integration.listening import Wire, listening

_LIVE = b"GET /livez HTTP/1.1\r\nHost: hub\r\n\r\n"


@pytest.fixture
def guarded(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_connections_per_address": 10, "body_patience": 0.5})


@pytest.fixture
async def client(guarded: Settings) -> AsyncIterator[Client]:
    async with running(guarded, []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield client


@pytest.fixture
async def port(client: Client, guarded: Settings) -> AsyncIterator[int]:
    async with listening(client.app, guarded, send_buffer=8192) as port:
        yield port


async def _counted(client: Client, reason: str) -> float:
    name = f'integrahub_http_connections_closed_total{{reason="{reason}"}} '
    lines = (await client.http.get("/metrics")).text.splitlines()
    return next((float(line.removeprefix(name)) for line in lines if line.startswith(name)), 0.0)


async def test_idle_connections_of_a_stranger_keep_nobody_out(client: Client, port: int) -> None:
    before = await _counted(client, "idle_address")
    idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(25)]
    body = json.dumps([{"PRODUCTID": 1, "TITLE": "A"}]).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: hub\r\nX-Api-Key: {client.key}\r\nX-Inova-Load-Type: full\r\n"
    async with Wire(port) as wire:
        await wire.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert (await wire.answer()).status == 202
    assert await _counted(client, "idle_address") == before + 16
    for reader, writer in idle[:16]:
        assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()
    for _, writer in idle[16:]:
        writer.close()


async def test_uploads_under_way_do_not_give_way_and_a_new_connection_is_refused(client: Client, port: int) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: hub\r\nX-Api-Key: {client.key}\r\nX-Inova-Load-Type: full\r\n"
    uploads = [Wire(port) for _ in range(10)]
    for wire in uploads:
        await wire.__aenter__()
        await wire.send(f"{head}Content-Length: 100\r\n\r\n[".encode())
    async with Wire(port) as late:
        refused = await late.answer()
        assert (refused.status, refused.headers["retry-after"]) == (503, "5")
    for wire in uploads:
        assert (await wire.answer()).status == 408  # the client's own silence, not the newcomer, ended them
        await wire.__aexit__()


async def test_a_client_that_does_not_take_its_answer_is_cut_off(client: Client, port: int) -> None:
    before = await _counted(client, "slow_reader")
    async with Wire(port, receive_buffer=4096) as wire:
        await wire.send(b"GET /openapi.json HTTP/1.1\r\nHost: hub\r\n\r\n" * 20)
        async with asyncio.timeout(20):
            while await _counted(client, "slow_reader") == before:
                await asyncio.sleep(0.1)


async def test_a_client_that_takes_its_answers_gets_them_all(port: int) -> None:
    async with Wire(port, receive_buffer=4096) as wire:
        await wire.send(b"GET /openapi.json HTTP/1.1\r\nHost: hub\r\n\r\n" * 20)
        assert [(await wire.answer()).status for _ in range(20)] == [200] * 20


async def test_requests_ahead_of_their_answers_are_bounded(client: Client, port: int) -> None:
    before = await _counted(client, "pipelined")
    async with Wire(port) as wire:
        await wire.send(_LIVE * 3000)
        await wire.ended()
    assert await _counted(client, "pipelined") == before + 1


async def test_what_follows_a_request_is_not_parsed_before_its_answer(port: int) -> None:
    async with Wire(port) as wire:
        await wire.send(_LIVE * 3 + b"no request\r\n\r\n")
        assert [(await wire.answer()).status for _ in range(4)] == [200, 200, 200, 400]


async def test_requests_in_one_packet_are_answered_in_turn_wherever_it_is_cut(client: Client, port: int) -> None:
    post = f"POST {PATH} HTTP/1.1\r\nHost: hub\r\nX-Api-Key: {client.key}\r\nX-Inova-Load-Type: delta\r\n".encode()
    body = json.dumps([{"PRODUCTID": 1, "TITLE": "A"}]).encode() + b"\r\n\r\n"
    sized = b"%sContent-Length: %d\r\n\r\n%s" % (post, len(body), body)
    chunked = b"%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (post, len(body), body)
    upgrade = _LIVE.replace(b"Host", b"Connection: Upgrade\r\nUpgrade: h2c\r\nHost")
    sent = b"".join([_LIVE, sized, _LIVE, upgrade, chunked, _LIVE])
    for cut in (0, len(_LIVE) + 2, len(_LIVE) + len(sized) - 1, len(sent) - 3):
        async with Wire(port) as wire:
            await wire.send(sent[:cut], sent[cut:])
            assert [(await wire.answer()).status for _ in range(6)] == [200, 202, 200, 200, 202, 200]


def test_connections_that_wait_are_accepted_many_in_a_turn_of_the_event_loop(settings: Settings) -> None:
    async def nothing(scope: object, receive: object, send: object) -> None:
        """Wait without sending a request."""

    async def accepted() -> float:
        before = CONNECTIONS_OPEN.values.get((), [0.0])[0]
        async with listening(nothing, settings) as port:
            crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
            for _ in range(10):
                await asyncio.sleep(0)
            found = CONNECTIONS_OPEN.values[()][0] - before
            for one in crowd:
                one.close()
        return found

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(accepted()) == 100


async def test_the_body_of_a_request_without_a_key_is_not_kept(settings: Settings) -> None:
    async def told(scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async with listening(told, settings) as port:
        forms = ((b"/console/login", b"X-Other", b"12345"), (b"/consoles", b"X-Other", b""))
        for path, header, kept in ((b"/", b"X-Other", b""), (b"/", b"X-Api-Key", b"12345"), *forms):
            async with Wire(port) as wire:
                head = b"POST %s HTTP/1.1\r\nHost: hub\r\n%s: k\r\nContent-Length: 5\r\n\r\n" % (path, header)
                await wire.send(head + b"12345")
                assert (await wire.answer()).body == kept

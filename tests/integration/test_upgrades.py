"""A client that offers another protocol gets HTTP/1.1, and its body is read as a body."""

import asyncio
import json
import os
import random
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from integrahub.settings.model import Settings
from tests.integration.conftest import CNPJ, PATH, Client, running
from tests.integration.listening import Wire, listening

BODY = b'[{"PRODUCTID": 1, "TITLE": "SORO"}]'
OFFERS = ["h2c", "websocket", "TLS/1.0", "HTTP/2.0", "foo"]


@pytest.fixture
async def door(settings: Settings) -> AsyncIterator[Client]:
    """Yield an API without workers, and a key."""
    async with running(settings, []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield client


@pytest.fixture
async def port(door: Client, settings: Settings) -> AsyncIterator[int]:
    async with listening(door.app, settings) as port:
        yield port


def _head(method: str, path: str, offer: str, *lines: str) -> bytes:
    own = [f"{method} {path} HTTP/1.1", "Host: hub", "Connection: Upgrade, HTTP2-Settings", f"Upgrade: {offer}"]
    return "\r\n".join([*own, "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA", *lines, "", ""]).encode()


def _post(door: Client, offer: str, body: bytes, *lines: str) -> bytes:
    framing = lines or (f"Content-Length: {len(body)}",)
    return _head("POST", PATH, offer, f"X-Api-Key: {door.key}", "X-Inova-Load-Type: delta", *framing)


async def _batches(door: Client) -> int:
    return len((await door.get("/v1/batches"))["items"])


@pytest.mark.parametrize("packets", [1, 2])
async def test_a_body_after_an_offer_is_read_and_the_connection_goes_on(door: Client, port: int, packets: int) -> None:
    async with Wire(port) as wire:
        for offer in OFFERS:
            head = _post(door, offer, BODY)
            await wire.send(*([head + BODY] if packets == 1 else [head, BODY]))
            answer = await wire.answer()
            assert answer.status == 202, (offer, answer)
            await wire.send(_head("GET", "/livez", offer))
            assert (await wire.answer()).status == 200
        await wire.send(b"GET /livez HTTP/1.1\r\nHost: hub\r\n\r\n")
        assert (await wire.answer()).status == 200
    assert await _batches(door) == 1


async def test_a_chunked_body_after_an_offer_is_read_byte_by_byte_too(door: Client, port: int) -> None:
    head = _post(door, "h2c", b"", "Transfer-Encoding: chunked")
    chunked = b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (10, BODY[:10], len(BODY) - 10, BODY[10:])
    async with Wire(port) as wire:
        await wire.send(head + chunked + _head("GET", "/livez", "h2c"))
        assert [(await wire.answer()).status for _ in range(2)] == [202, 200]
        for place in range(0, len(head + chunked), 16):
            await wire.write((head + chunked)[place : place + 16])
        assert (await wire.answer()).status == 202


@pytest.mark.parametrize("packets", [1, 2])
async def test_no_bytes_of_a_body_are_read_as_a_request(door: Client, port: int, packets: int) -> None:
    inner = f"GET /v1/products HTTP/1.1\r\nHost: hub\r\nX-Api-Key: {door.key}\r\n\r\n".encode()
    head = _post(door, "h2c", inner)
    async with Wire(port) as wire:
        await wire.send(*([head + inner] if packets == 1 else [head, inner]))
        assert (await wire.answer()).status == 400
        await wire.send(b"GET /livez HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n")
        assert (await wire.answer()).status == 200
        assert await wire.ended() == b""


async def test_an_offer_does_not_make_a_bad_framing_good(door: Client, port: int) -> None:
    for lines in (["Content-Length: 3", "Transfer-Encoding: chunked"], ["Transfer-Encoding: gzip"]):
        async with Wire(port) as wire:
            await wire.send(_post(door, "h2c", b"", *lines) + b"GET /livez HTTP/1.1\r\nHost: hub\r\n\r\n")
            assert (await wire.answer()).status == 400
            assert await wire.ended() == b""


async def test_what_follows_a_connect_is_not_read(port: int) -> None:
    async with Wire(port) as wire:
        await wire.send(b"CONNECT / HTTP/1.1\r\nHost: hub\r\n\r\nGET /livez HTTP/1.1\r\nHost: hub\r\n\r\n")
        assert (await wire.answer()).status == 400
        assert await wire.ended() == b""


async def _run(*command: str, **more: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={"PATH": "/usr/bin:/bin", **more}
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return out.decode()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl_posts_with_its_offer_of_http2(door: Client, port: int) -> None:
    own = ["-H", f"X-Api-Key: {door.key}", "-H", "X-Inova-Load-Type: delta", "-H", "Content-Type: application/json"]
    told = ["-s", "-o", "-", "-w", "\n%{http_code} %{http_version} %{num_connects}\n"]
    url = f"http://127.0.0.1:{port}"
    said = await _run(
        "curl", "--http2", *told, *own, "-d", BODY.decode(), f"{url}{PATH}", "--next", *told, f"{url}/livez"
    )
    first, status, second, again = said.splitlines()
    assert (json.loads(first)["status"], status) == ("RECEIVED", "202 1.1 1"), said
    assert (json.loads(second)["status"], again) == ("ok", "200 1.1 0"), said


@pytest.mark.skipif(shutil.which("java") is None, reason="Java is not installed")
async def test_the_client_of_the_jdk_posts_as_it_comes(door: Client, port: int, tmp_path: Path) -> None:
    source = tmp_path / "Post.java"
    source.write_text(
        """
        import java.net.URI;
        import java.net.http.*;
        class Post {
            public static void main(String[] a) throws Exception {
                var body = HttpRequest.BodyPublishers.ofString("[{\\"PRODUCTID\\": 1, \\"TITLE\\": \\"SORO\\"}]");
                var post = HttpRequest.newBuilder(URI.create(a[0])).header("X-Api-Key", a[1])
                    .header("X-Inova-Load-Type", "delta").POST(body).build();
                var client = HttpClient.newHttpClient();
                for (int n = 0; n < 2; n++)
                    System.out.println(client.send(post, HttpResponse.BodyHandlers.ofString()).statusCode());
            }
        }
        """
    )
    said = await _run(
        "java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", str(source), f"http://127.0.0.1:{port}{PATH}", door.key
    )
    assert said.split() == ["202", "202"]


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the method and the body of the request."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    body = scope["method"].encode() + b" " + body
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


def _request(draw: random.Random) -> tuple[bytes, bytes]:
    """Draw a request, often with an upgrade offer, and the expected response of `_echo`."""
    body = draw.randbytes(draw.choice((0, 1, 40, 5000))) if draw.random() < 0.5 else b"GET / HTTP/1.1\r\n\r\n"
    lines = [b"Host: hub", b"X-Api-Key: k"]
    if draw.random() < 0.7:
        lines += [b"Connection: keep-alive, Upgrade", b"Upgrade: " + draw.choice(OFFERS).encode()]
    if draw.random() < 0.2:
        return b"\r\n".join([b"GET / HTTP/1.1", *lines, b"", b""]), b"GET "
    if draw.random() < 0.5:
        sent, lines = body, [*lines, b"Content-Length: %d" % len(body)]
    else:
        size = draw.randint(1, 2000)
        pieces = [body[place : place + size] for place in range(0, len(body), size)]
        sent = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        lines.append(b"Transfer-Encoding: chunked")
    draw.shuffle(lines)
    return b"\r\n".join([b"POST / HTTP/1.1", *lines, b"", b""]) + sent, b"POST " + body


async def test_requests_with_and_without_offers_are_delimited_alike_however_they_are_cut(tmp_path: Path) -> None:
    draw = random.Random(1)
    async with listening(_echo, Settings(data_dir=tmp_path)) as port:
        for _ in range(2000 if os.environ.get("IHUB_LONG") else 40):
            requests = [_request(draw) for _ in range(draw.randint(1, 4))]
            sent = b"".join(request for request, _ in requests)
            async with Wire(port) as wire:
                while sent:
                    size = draw.choice((1, 17, 200, 10_000))
                    await wire.write(sent[:size])
                    sent = sent[size:]
                assert [(await wire.answer()).body for _ in requests] == [told for _, told in requests]


async def test_a_connection_goes_on_after_a_refusal_that_did_not_wait_for_the_body(door: Client, port: int) -> None:
    body = b"[" + b" " * 300_000 + b"]"
    async with Wire(port) as wire:
        for offer in ("", "h2c"):
            lines = [f"POST {PATH} HTTP/1.1", "Host: hub", "X-Api-Key: wrong", f"Content-Length: {len(body)}"]
            lines += ["Connection: Upgrade", f"Upgrade: {offer}"] if offer else []
            await wire.write("\r\n".join([*lines, "", ""]).encode())
            assert (await wire.answer()).status == 401
            await wire.write(body)
            await wire.send(b"GET /livez HTTP/1.1\r\nHost: hub\r\n\r\n")
            assert (await wire.answer()).status == 200

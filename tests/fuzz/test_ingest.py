"""Fuzzing of the ingest route: no 500, no hang, no memory growth, for HTTP and near-HTTP input."""

import os
import random
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.acceptance.conftest import PATH, Installation, Parts, installed, parts
from tests.fuzz.mutations import SEEDS, encoded, mutated

__all__ = ["parts"]

_REQUESTS = 100_000 if os.environ.get("IHUB_LONG") else 700
_GROWTH = 48 << 10  # kB the API may grow by once warm
_HEADERS = {
    "X-Inova-Load-Type": ["full", "delta", "FULL", "", "fullest", "full, delta", "é"],
    "Content-Type": [
        "application/json",
        "application/x-ndjson",
        "text/plain",
        "application/json; charset=utf-16",
        ";",
        "",
    ],
    "Content-Encoding": ["", "identity", "gzip", "zstd", "br", "gzip, gzip"],
    "Idempotency-Key": ["a", "b", "x" * 300, "ç", "a\tb"],
    "X-Inova-Item-Count": ["1", "0", "-1", "9" * 30, "one", "1.0"],
    "Accept-Language": ["pt-BR", "", "\xff" * 10],
    "X-Api-Key": ["", "wrong", "ihub_live_x_y", "a" * 5000],
    "X-Forwarded-For": ["1.2.3.4", "x" * 100],
    "Content-Length": ["0", "5", "999999999999", "-1", "x"],
    "Transfer-Encoding": ["chunked", "gzip, chunked", "x"],
    "Expect": ["100-continue"],
}


@pytest.fixture(scope="module")
def api(parts: Parts) -> Iterator[Installation]:
    """Yield an API without rate limits."""
    settings = {"RATE_LIMIT": "off", "FAILED_KEY_LIMIT": "off", "MAX_PAYLOAD_SIZE": "1MB", "BODY_PATIENCE": "2"}
    with installed(parts() | settings) as hub:
        hub.start()
        hub.key = hub.make_key()
        yield hub


def _kilobytes(api: Installation) -> int:
    """Return the memory of the API's process."""
    for pid in api.members():
        if b"\0api" in Path(f"/proc/{pid}/cmdline").read_bytes():
            status = Path(f"/proc/{pid}/status").read_text()
            return int(status.partition("VmRSS:")[2].split()[0])
    raise AssertionError("no process of the API")


def _headers(draw: random.Random, api: Installation, encoding: str) -> dict[str, bytes]:
    given = {"X-Inova-Load-Type": draw.choice(("full", "delta")), "X-Api-Key": api.key, "Content-Encoding": encoding}
    names = [name for name in _HEADERS if name not in ("Content-Length", "Transfer-Encoding")]
    for name in draw.sample(names, draw.choice((0, 0, 1, 2))):
        given[name] = draw.choice(_HEADERS[name])
    return {name: value.encode("utf-8", "surrogatepass") for name, value in given.items() if value}


def _structured(draw: random.Random, api: Installation) -> int:
    encoding, body = encoded(draw, mutated(draw, draw.choice(SEEDS)))
    query = draw.choice(("", "?cnpj=05927228000145", "?cnpj=x%00", "?cnpj=" + "9" * 500))
    headers = _headers(draw, api, encoding)
    return api.http.post(PATH + query, content=body, headers=headers, timeout=30).status_code


def _raw(draw: random.Random, api: Installation) -> int:
    """Send a mutated raw request; return 0 if the hub closed the connection without a response, as it may."""
    lines = [f"POST {PATH} HTTP/1.1", "Host: x", f"X-Api-Key: {api.key}", "X-Inova-Load-Type: delta"]
    for name in draw.sample(list(_HEADERS), draw.randint(0, 4)):
        lines.append(f"{name}: {draw.choice(_HEADERS[name])}")
    head = "\r\n".join(lines).encode("utf-8", "surrogatepass")
    sent = head + b"\r\nConnection: close\r\n\r\n" + mutated(draw, draw.choice(SEEDS))
    with socket.create_connection(("127.0.0.1", api.port), timeout=30) as connection:
        try:
            connection.sendall(mutated(draw, sent) if draw.random() < 0.7 else sent)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(100)
        except (ConnectionError, BrokenPipeError):
            return 0
    return int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else 0


@pytest.mark.timeout(7200)
def test_no_request_breaks_the_route(api: Installation) -> None:
    draw, statuses = random.Random(os.environ.get("IHUB_SEED", "ingest")), Counter[int]()
    for _ in range(500):
        _structured(draw, api)
    before = _kilobytes(api)
    for number in range(_REQUESTS):
        try:
            statuses[_structured(draw, api) if number % 5 else _raw(draw, api)] += 1
        except httpx2.RemoteProtocolError:
            statuses[0] += 1  # an answer came, and the connection closed, before the body was sent
    assert statuses.total() == _REQUESTS
    assert {status for status in statuses if status >= 500} <= {503}, statuses
    assert statuses[202] and statuses[400] and statuses[415], statuses
    assert api.http.get("/livez").status_code == 200
    assert "request failed" not in (api.folder / "hub.log").read_text(errors="replace")
    grown = _kilobytes(api) - before
    print(
        f"{_REQUESTS} requests: {dict(statuses.most_common())}; the API's process went from {before} kB by {grown} kB"
    )
    assert grown < _GROWTH

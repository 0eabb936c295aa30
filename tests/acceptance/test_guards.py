"""Bounds on clients: neither clients without a key nor a pharmacy within its limits slow others noticeably.

With IHUB_LONG there are 2,000 connections for a minute, and the tests check the promised times.
"""

import gzip
import http.client
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from time import monotonic
from typing import Any

import pytest

from integrahub.domain.api_keys import generate_key
from tests.acceptance.conftest import ADMIN, OTHER, PATH, Installation, installed

_LONG = bool(os.environ.get("IHUB_LONG"))
_CONNECTIONS = 2000 if _LONG else 300
_SECONDS = 60.0 if _LONG else 3.0
_ANSWERED, _P99, _APPLIED = (1.0, 1.0, 5.0) if _LONG else (8.0, 8.0, 30.0)  # seconds
_GROWTH = 50 << 20  # bytes a process may grow
_BODY = b"%x\r\n" % 60_000 + b"[" + b" " * 59_999 + b"\r\n"  # of a body that goes on


def _requests() -> list[bytes]:
    """Return requests that a client without a key may send before it waits."""
    chunked = "Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"
    guessed = f"X-Api-Key: {generate_key().text}\r\n"
    read = "GET {} HTTP/1.1\r\nHost: hub\r\n\r\n"
    return [
        b"",
        b"POST /v1/inovafarma/products HTTP/1.1\r\nHost: hub\r\nX-",
        *(f"POST {path} HTTP/1.1\r\nHost: hub\r\n{chunked}".encode() + _BODY for path in (PATH, "/admin/keys")),
        f"POST {PATH} HTTP/1.1\r\nHost: hub\r\n{guessed}X-Inova-Load-Type: full\r\n{chunked}".encode() + _BODY,
        read.format("/openapi.json").encode() * 20,
        read.format("/swagger/swagger-ui-bundle.js").encode() * 20,
        read.format("/health").encode() * 30,
        read.format("/livez").encode() * 3000,
    ]


def _stranger(port: int, number: int) -> socket.socket:
    connection = socket.socket()
    connection.bind((f"127.0.0.{2 + number % 3}", 0))
    connection.settimeout(2)
    with suppress(OSError):  # closed to make room
        connection.connect(("127.0.0.1", port))
        sent = _requests()
        connection.sendall(sent[number % len(sent)])
    return connection


def _call(
    port: int, method: str, path: str, headers: dict[str, str], body: bytes = b"", seconds: float = 60.0
) -> tuple[int, bytes]:
    """Send a request on a new connection. A full HTTP client would cost more than the response."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class Poster:
    """Client that posts one product after another, each on a new connection, and records the seconds."""

    def __init__(self, hub: Installation, cnpj: str) -> None:
        self._hub = hub
        self.key = hub.make_key(cnpj)
        hub.http.put(
            f"/admin/pharmacies/{cnpj}", json={"rate_limit": "off"}, headers={"X-Admin-Api-Key": ADMIN}
        ).raise_for_status()
        self.seconds: list[float] = []
        self.batches: list[str] = []
        self._stop = threading.Event()

    def post(self) -> None:
        """Post one product."""
        body = json.dumps([{"PRODUCTID": len(self.seconds) + 1, "TITLE": "A"}]).encode()
        headers = {"X-Api-Key": self.key, "X-Inova-Load-Type": "delta"}
        begun = monotonic()
        status, answer = _call(self._hub.port, "POST", PATH, headers, body)
        assert status == 202, answer
        self.seconds.append(monotonic() - begun)
        self.batches.append(json.loads(answer)["batch_id"])

    def __enter__(self) -> "Poster":
        self._pool = ThreadPoolExecutor(1)
        self._posting = self._pool.submit(self._go_on)
        return self

    def _go_on(self) -> None:
        while not self._stop.wait(0.05):
            self.post()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._posting.result()
        self._pool.shutdown()

    def quiet(self) -> tuple[float, float, float]:
        """Return the slowest post, the 99th percentile and the longest batch of some seconds without an attack."""
        threading.Event().wait(_SECONDS / 3)
        found = max(self.seconds), self.p99(), self.longest_batch()
        self.seconds.clear()
        self.batches.clear()
        return found

    def p99(self) -> float:
        """Return the 99th percentile of the seconds per post."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]

    def longest_batch(self) -> float:
        """Return the seconds from receipt to final of this pharmacy's slowest batch."""
        rows: list[dict[str, Any]] = []
        for batch_id in self.batches[:: max(1, len(self.batches) // 50)]:
            end = monotonic() + 120
            while monotonic() < end:
                answer = self._hub.http.get(f"/v1/batches/{batch_id}", headers={"X-Admin-Api-Key": ADMIN})
                if answer.json()["finished_at"]:
                    break
            rows.append(answer.json())
        times = ((_moment(row["finished_at"]) - _moment(row["received_at"])) for row in rows)
        return max(times)


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.fixture(scope="module")
def hub() -> Iterator[Installation]:
    with installed({"MAX_PAYLOAD_SIZE": "200MB"}) as made:
        made.start()
        made.key = made.make_key()
        yield made


def test_strangers_neither_grow_a_process_nor_keep_a_pharmacy_waiting(hub: Installation) -> None:
    with Poster(hub, OTHER) as poster:
        quiet, _, _ = poster.quiet()
        before, most = hub.weights(), dict[int, int]()
        strangers = [_stranger(hub.port, number) for number in range(_CONNECTIONS)]
        end = monotonic() + _SECONDS
        while monotonic() < end:
            for pid, weight in hub.weights().items():
                most[pid] = max(most.get(pid, 0), weight)
            for number, stranger in enumerate(strangers):
                with suppress(OSError):
                    stranger.setblocking(False)
                    stranger.send(b" ")
                if _LONG and number % 50 == 0:
                    stranger.close()
                    strangers[number] = _stranger(hub.port, number)
            threading.Event().wait(1)
        posted = len(poster.seconds)
    for stranger in strangers:
        stranger.close()
    growth = {pid: most[pid] - before[pid] for pid in before if pid in most}
    print(f"{posted} posts, slowest {max(poster.seconds):.2f} s, {quiet:.2f} s when left alone")
    print(f"growth {max(growth.values()) / 1e6:.0f} MB")
    assert posted > _SECONDS / 4 and max(poster.seconds) < _ANSWERED
    assert max(growth.values()) < _GROWTH


def _one_of(works: list[Callable[[], None]], stop: threading.Event, number: int) -> None:
    while not stop.wait(0.01):
        with suppress(http.client.HTTPException, OSError):
            works[number % len(works)]()


def _slow_reader(hub: Installation) -> None:
    """Request the largest page and do not read it."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", hub.port))
        head = f"GET /v1/products?limit=100 HTTP/1.1\r\nHost: hub\r\nX-Api-Key: {hub.key}\r\n\r\n"
        connection.sendall(head.encode())
        threading.Event().wait(3)


def test_a_pharmacy_within_its_limits_does_not_slow_another(hub: Installation) -> None:
    texts = [{"PRODUCTID": n, "TITLE": "A", "DESCRIPTION": "a" * 60_000} for n in range(1, 61)]
    hub.finished(hub.post(json.dumps(texts).encode()).json()["batch_id"])
    filler = b",".join(b'{"PRODUCTID":%d,"TITLE":"B","DESCRIPTION":"%s"}' % (n, b"b" * 300) for n in range(1, 60_001))
    packed = gzip.compress(b"[" + filler + b"]", 1)

    def search() -> None:
        headers = {"X-Api-Key": hub.key}
        _call(hub.port, "GET", f"/v1/products?q={'a' * 99}b", headers, seconds=0.3)

    def upload() -> None:
        headers = {"X-Api-Key": hub.key, "X-Inova-Load-Type": "delta", "Content-Encoding": "gzip"}
        _call(hub.port, "POST", PATH, headers, packed)
        threading.Event().wait(2)

    works = [search, upload, lambda: _slow_reader(hub), search]
    stop, before, most = threading.Event(), hub.weights(), dict[int, int]()
    with Poster(hub, OTHER) as poster, ThreadPoolExecutor(16) as pool:
        _, quiet_p99, quiet_longest = poster.quiet()
        attack = [pool.submit(_one_of, works, stop, number) for number in range(16)]
        end = monotonic() + _SECONDS
        while monotonic() < end:
            for pid, weight in hub.weights().items():
                most[pid] = max(most.get(pid, 0), weight)
            threading.Event().wait(0.5)
        stop.set()
        for one in attack:
            one.result()
    p99, longest = poster.p99(), poster.longest_batch()
    growth = max(most[pid] - before[pid] for pid in before if pid in most)
    print(f"{len(poster.seconds)} posts, P99 {p99:.2f} s, longest batch {longest:.1f} s, growth {growth / 1e6:.0f} MB")
    print(f"left alone: P99 {quiet_p99:.2f} s, longest batch {quiet_longest:.1f} s")
    assert len(poster.seconds) > _SECONDS / 4 and p99 < _P99 and longest < _APPLIED

"""Waiting for a batch lasts as long as the caller permits, also if the hub suggests a longer delay."""

import json
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from time import monotonic

import pytest
from tests.http_servers import QuietHandler, running

from integrahub.client import Client

_BATCH = "00000000-0000-7000-8000-000000000001"


class _Hub(ThreadingHTTPServer):
    """Hub with a batch that is final from the given read on, and that suggests to read it once a minute."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reads = 0
        self.final_at = 0


class _Handler(QuietHandler):
    server: _Hub

    def do_GET(self) -> None:
        self.server.reads += 1
        finished = "2026-11-03T12:00:00.000Z" if self.server.reads >= self.server.final_at else None
        body = json.dumps({"batch_id": _BATCH, "status": "PROCESSING", "finished_at": finished}).encode()
        self.respond(200, body, Retry_After="60")


@pytest.fixture
def hub() -> Iterator[_Hub]:
    """Yield a hub."""
    with running(_Hub()) as hub:
        yield hub


@pytest.mark.parametrize(("final_at", "ends"), [(4, True), (9, False)])
def test_a_suggested_delay_beyond_the_timeout_ends_no_wait_early(
    hub: _Hub, monkeypatch: pytest.MonkeyPatch, final_at: int, *, ends: bool
) -> None:
    monkeypatch.setattr("integrahub.client.synchronous.batch._FAST_POLLING_SECONDS", 0.0)
    hub.final_at = final_at
    with Client(f"http://127.0.0.1:{hub.server_port}", "k") as client:
        batch, started = client.batch(_BATCH), monotonic()
        if ends:
            assert batch.wait(timeout=0.5)["finished_at"]
        else:
            with pytest.raises(TimeoutError):
                batch.wait(timeout=0.5)
        assert 0.4 < monotonic() - started < 10

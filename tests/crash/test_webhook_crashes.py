"""A sender of webhooks that is killed at any point loses none: each arrives, under one id and with one body."""

import os
import random
import threading
from collections import defaultdict
from http.server import ThreadingHTTPServer
from pathlib import Path
from time import monotonic

import psycopg
import pytest

from integrahub.secrets.webhook_secrets import SecretSealer
from tests.conftest import Server
from tests.crash.crash_points import counted
from tests.crash.test_crashes import Site
from tests.http_servers import QuietHandler, running

_PEPPER = "a-pepper-for-the-tests-of-crashes"
_COUNT = 6
_PATIENCE_SECONDS = 60.0


class _Receiver(ThreadingHTTPServer):
    """Accepts each webhook at its second arrival, so that both outcomes are recorded."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: dict[str, list[bytes]] = defaultdict(list)


class _Handler(QuietHandler):
    server: _Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        arrived = self.server.bodies[self.headers["webhook-id"]]
        arrived.append(body)
        self.respond(200 if len(arrived) > 1 else 503, Retry_After="1")


def _store(url: str, port: int) -> None:
    """Store webhooks that are due, and nothing else."""
    sealed = SecretSealer(_PEPPER.encode()).seal(b"s" * 32)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("TRUNCATE webhook_endpoints, webhook_deliveries, webhook_attempts, workers")
        connection.execute(
            "INSERT INTO webhook_endpoints (owner, url, host, events, sealed_secret)"
            " VALUES ('operator', %s, %s, '{webhook.test}', %s)",
            [f"http://127.0.0.1:{port}/", f"127.0.0.1:{port}", sealed],
        )
        connection.execute(
            "INSERT INTO webhook_deliveries (endpoint_id, event, next_attempt_at)"
            " SELECT e.id, 'webhook.test', now() FROM webhook_endpoints e, generate_series(1, %s)",
            [_COUNT],
        )


def _run(url: str, folder: Path, **environment: str) -> int:
    """Send everything; return how often the sender was killed."""
    killed, end = 0, monotonic() + _PATIENCE_SECONDS
    with running(_Receiver()) as receiver:
        _store(url, receiver.server_port)
        site = Site(url, folder, 1)
        settings = {"INTEGRAHUB_KEY_PEPPER": _PEPPER, "INTEGRAHUB_WEBHOOK_ALLOW": "127.0.0.1"}
        settings |= {"INTEGRAHUB_PUBLIC_URL": "https://hub.example"}
        os.environ.update(settings)
        try:
            site.start("notify", **environment)
            while site.rows("SELECT id FROM webhook_deliveries WHERE state <> 'delivered' LIMIT 1"):
                killed += site.revive()
                assert monotonic() < end, (folder / "log").read_text()[-3000:]
                threading.Event().wait(0.05)
        finally:
            site.end()
            for name in settings:
                del os.environ[name]
        stored = {str(row["id"]): row for row in site.rows("SELECT id, body, attempts FROM webhook_deliveries")}
        assert {name: set(bodies) for name, bodies in receiver.bodies.items()} == {
            name: {row["body"].encode()} for name, row in stored.items()
        }
        attempts = site.rows("SELECT delivery_id, max(number) AS last, count(*) FROM webhook_attempts GROUP BY 1")
        assert all(row["last"] == row["count"] == stored[str(row["delivery_id"])]["attempts"] for row in attempts)
    return killed


@pytest.mark.timeout(1200)
def test_a_sender_killed_at_any_point_loses_no_webhook(postgres: Server, tmp_path: Path) -> None:
    name = "webhook_crashes"
    postgres.create_database(name)
    try:
        record = tmp_path / "record"
        assert _run(postgres.url_of(name), tmp_path, CRASH_RECORD=str(record)) == 0
        draw = random.Random(int(os.environ.get("CRASH_SEED") or random.randrange(1 << 32)))
        points = [(point, draw.randint(1, times)) for point, times in counted(str(record)) if "claims" in point]
        assert len(points) >= 16, points
        for point, number in points if os.environ.get("IHUB_LONG") else draw.sample(points, 5):
            chosen = (f"{point}#{nth}" for nth in (number, 1))  # not every run comes to a point as often
            assert any(_run(postgres.url_of(name), tmp_path, CRASH_AT=each) for each in chosen), point
    finally:
        postgres.drop_database(name)

"""Requests are repeated after failures that may pass, and not before the hub permits it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import ThreadingHTTPServer
from typing import Any

import httpx2
import pytest
from tests.http_servers import QuietHandler, running

from integrahub.client import ApiError, Client, UploadListener
from integrahub.client.responses import read_retry_after
from integrahub.client.retries import retry_delay

_BATCH = "00000000-0000-7000-8000-000000000001"
_PROBLEM = {"code": "backlog_long", "message": "Too much waits.", "trace_id": "0af7"}
#: Closes the connection instead of answering.
_BROKEN = (0, "")
#: A proxy whose connection to the hub broke answers in its place.
_OF_A_PROXY = (503, "1")


class _Hub(ThreadingHTTPServer):
    """Hub with prepared answers: a status and a Retry-After each, then 202."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.prepared: list[tuple[int, str]] = []
        self.keys: list[str | None] = []
        self.bodies: list[bytes] = []
        self.paths: list[str] = []
        self.accepted: bytes = json.dumps({"batch_id": _BATCH, "status": "RECEIVED"}).encode()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(QuietHandler):
    server: _Hub

    def _answer(self) -> None:
        self.server.paths.append(self.path)
        self.server.keys.append(self.headers["Idempotency-Key"])
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"] or 0)))
        status, wait = self.server.prepared.pop(0) if self.server.prepared else (202, "")
        if (status, wait) == _BROKEN:
            self.close_connection = True
            return
        body = self.server.accepted if status == 202 else json.dumps(_PROBLEM).encode()
        body = b"upstream connection reset" if (status, wait) == _OF_A_PROXY else body
        self.respond(status, body, Retry_After=wait)

    do_GET = do_POST = _answer


class _Heard(UploadListener):
    def __init__(self) -> None:
        self.retries: list[tuple[int | None, float, int]] = []

    def on_retry(self, error: ApiError, delay: float, retries_left: int) -> None:
        self.retries.append((error.status, delay, retries_left))


@pytest.fixture
def hub() -> Iterator[_Hub]:
    """Yield a hub that accepts everything once its prepared answers are used up."""
    with running(_Hub()) as server:
        yield server


def test_a_post_is_repeated_whole_under_one_key_of_its_own(hub: _Hub) -> None:
    hub.prepared = [_BROKEN, (503, "0"), (429, "0")]
    heard = _Heard()
    with Client(hub.url, "a-key") as client:
        assert client.send([{"PRODUCTID": 1}], "delta", listener=heard).id == _BATCH
        client.send([{"PRODUCTID": 1}], "delta")
    first, *others = hub.keys
    assert first and others[:3] == [first] * 3 and others[3] not in (None, first)
    assert len(set(hub.bodies)) == 1
    assert [(status, left) for status, _, left in heard.retries] == [(None, 5), (503, 4), (429, 3)]


def test_an_error_says_what_a_program_needs_to_decide(hub: _Hub) -> None:
    hub.prepared = [(503, "7"), (403, "")]
    with Client(hub.url, "a-key", retries=0) as client:
        with pytest.raises(ApiError) as refused:
            client.send([{"PRODUCTID": 1}], "delta")
        error = refused.value
        found = (error.code, error.status, error.trace_id, error.retryable, error.retry_after)
        assert found == ("backlog_long", 503, "0af7", True, 7.0)
        with pytest.raises(ApiError) as forbidden:
            client.get("/v1/batches")
    assert (forbidden.value.status, forbidden.value.retryable) == (403, False)


def test_an_id_of_a_batch_stays_one_part_of_the_path(hub: _Hub) -> None:
    hub.prepared = [(404, "")]
    with Client(hub.url, "a-key") as client, pytest.raises(ApiError) as unknown:
        client.batch("\x1b[2J/../?x=1")
    assert unknown.value.status == 404 and hub.paths == ["/v1/batches/%1B%5B2J%2F..%2F%3Fx%3D1"]


@pytest.mark.parametrize("accepted", [b"[]", b'"ok"', b"null", b"{}", b'{"batch_id": 7}', b"<html>"])
def test_a_success_without_a_batch_is_an_error_of_the_client(hub: _Hub, accepted: bytes) -> None:
    hub.accepted = accepted
    with Client(hub.url, "a-key") as client:
        for call in (lambda: client.send([{"PRODUCTID": 1}], "delta"), lambda: client.batch(_BATCH)):
            with pytest.raises(ApiError, match="is not IntegraHub") as failed:
                call()
            assert (failed.value.code, failed.value.retryable) == ("answer_unreadable", False)


def test_a_hub_that_does_not_answer_is_worth_a_retry(hub: _Hub) -> None:
    hub.prepared = [_BROKEN]
    with Client(hub.url, "a-key", retries=0) as client, pytest.raises(ApiError) as failed:
        client.get("/v1/batches")
    assert (failed.value.code, failed.value.status, failed.value.retryable) == ("unreachable", None, True)


def test_a_refusal_that_lasts_is_not_repeated(hub: _Hub) -> None:
    hub.prepared = [(400, "")]
    with Client(hub.url, "a-key") as client, pytest.raises(ApiError):
        client.send([{"PRODUCTID": 1}], "delta")
    assert len(hub.bodies) == 1


@pytest.mark.parametrize(("answer", "requests"), [(_BROKEN, 1), ((500, ""), 1), ((503, "0"), 2), (_OF_A_PROXY, 1)])
def test_an_order_is_repeated_only_if_the_hub_did_nothing(hub: _Hub, answer: tuple[int, str], requests: int) -> None:
    hub.prepared = [answer]
    with Client(hub.url, "a-key", retries=1) as client:
        try:
            client.call("POST", f"/v1/batches/{_BATCH}/replay")
        except ApiError:
            assert requests == 1
    assert len(hub.bodies) == requests


def test_a_delay_is_never_shorter_than_the_hub_requests_and_never_the_same() -> None:
    requested = [retry_delay(1, 20.0) for _ in range(200)]
    assert min(requested) >= 20.0 and max(requested) <= 24.0 and len(set(requested)) > 100
    assert retry_delay(1, 86400.0) <= 360.0


def test_retry_after_is_seconds_or_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    seconds, until = (read_retry_after(httpx2.Response(503, headers={"Retry-After": wait})) for wait in ("7", date))
    assert seconds == 7.0 and until is not None and 3000 <= until <= 3600


@pytest.mark.parametrize("header", ["", "soon", "-1", "1.5", "²", "Fri, 27 Nov 2026 20:00:00 +99999999999999"])
def test_an_unreadable_retry_after_is_none(header: str) -> None:
    assert read_retry_after(httpx2.Response(503, headers=[(b"Retry-After", header.encode())])) is None


def test_without_a_request_the_delay_grows_to_a_limit() -> None:
    delays: list[Any] = [[retry_delay(attempt, None) for _ in range(100)] for attempt in range(1, 40)]
    assert max(delays[0]) <= 0.5 and max(delays[1]) <= 1.0 and min(delays[9]) >= 15.0 and max(map(max, delays)) <= 30.0

"""`send` retries while a hub is busy, stops when asked, and reports if nothing was sent."""

import json
import sys
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.http_servers import QuietHandler, running

from integrahub.cli import main

_BATCH = "00000000-0000-7000-8000-000000000001"


class _Busy(ThreadingHTTPServer):
    """Hub with prepared responses to posts: status, Retry-After, message."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.prepared: list[tuple[int, str, str]] = []
        self.bodies: list[bytes] = []
        self.knows_the_key = True


class _Answers(QuietHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, _Busy)
        self._answer(404 if self.server.knows_the_key else 401, "", "No such key.")

    def do_POST(self) -> None:
        assert isinstance(self.server, _Busy)
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(*self.server.prepared.pop(0))

    def _answer(self, status: int, wait: str, message: str) -> None:
        body = json.dumps({"batch_id": _BATCH, "message": message}).encode()
        replayed = "true" if message.endswith("(idempotent)") else ""
        self.respond(status, body, Idempotent_Replayed=replayed, Retry_After=wait)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[_Busy]:
    """Yield a busy hub and a catalogue for it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "catalogue.json").write_text('[{"PRODUCTID": 1}]')
    with running(_Busy()) as server:
        monkeypatch.setenv("INTEGRAHUB_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("NO_PROXY", "*")
        yield server


def _send(monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    monkeypatch.setattr(sys, "argv", ["integrahub", "send", "catalogue.json", "--type", "full", *options])
    return main()


def test_a_busy_hub_is_sent_the_whole_body_again_when_it_asks(
    hub: _Busy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.prepared = [(503, "0", "Busy."), (429, "0", "Too many."), (202, "", "Batch received")]
    assert _send(monkeypatch) == 0
    assert hub.bodies == [b'[{"PRODUCTID": 1}]'] * 3
    told = capsys.readouterr().err
    assert "Busy. Trying again in 0 s; 5 of 5" in told and "already" not in told


@pytest.mark.parametrize(
    ("prepared", "options", "posts"),
    [
        ([(503, "0", "Busy.")] * 3, ("--retries", "2"), 3),
        ([(503, "0", "Busy.")], ("--retries", "0"), 1),
        ([(400, "0", "Wrong.")], (), 1),
    ],
)
def test_send_gives_up_when_tries_end_or_waiting_cannot_help(
    hub: _Busy,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    prepared: list[tuple[int, str, str]],
    options: tuple[str, ...],
    posts: int,
) -> None:
    hub.prepared = list(prepared)
    assert _send(monkeypatch, *options) == 1
    assert len(hub.bodies) == posts and "The hub answered" in capsys.readouterr().err


def test_a_key_that_is_refused_does_not_cost_the_upload(
    hub: _Busy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.knows_the_key = False
    assert _send(monkeypatch) == 1
    assert hub.bodies == [] and "The hub answered 401: No such key." in capsys.readouterr().err


def test_a_csv_file_is_refused_as_such_and_nothing_is_sent(
    hub: _Busy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("catalogue.json").write_bytes("PRODUCTID;TITLE;PRICE\n1;LOÇÃO;12,50\n".encode("cp1252"))
    assert _send(monkeypatch) == 2
    assert hub.bodies == [] and "looks like CSV" in capsys.readouterr().err


def test_a_repeated_content_is_told(
    hub: _Busy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.prepared = [(202, "", "Batch already received (idempotent)")]
    assert _send(monkeypatch, "--json") == 0
    shown = capsys.readouterr()
    assert "nothing was done again" in shown.err and json.loads(shown.out)["batch_id"] == _BATCH

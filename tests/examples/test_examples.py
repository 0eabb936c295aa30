"""Every example posts to a real hub, survives broken connections, and stops where a retry is useless."""

import gzip
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from zstandard import ZstdDecompressor

from integrahub.api.models.batches import IssueAnswer
from integrahub.tools.demo.catalogue import load_sample
from tests.acceptance.breaking_proxy import breaking_proxy
from tests.acceptance.conftest import Installation
from tests.conftest import OPTIONAL
from tests.examples.programs import EXAMPLES, LANGUAGES, Command, Missing
from tests.http_servers import QuietHandler, running

_CNPJS = dict(
    zip(
        LANGUAGES,
        ("11222333000181", "19131243000197", "60746948000112", "00000000000191", "33000167000101"),
        strict=True,
    )
)
_RUN_TIMEOUT_SECONDS = 120.0
_BATCH = "00000000-0000-7000-8000-000000000001"
_ISSUE = dict.fromkeys(IssueAnswer.model_fields, "x") | {"position": 0, "code": "price_invalid"}
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module", params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    """Return the name of one example's language."""
    return str(request.param)


@pytest.fixture(scope="module")
def run(language: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a function that runs the example, compiled, with a URL, a key and arguments."""
    try:
        command: Command = LANGUAGES[language](tmp_path_factory.mktemp(language))
    except Missing as missing:
        pytest.skip(f"{missing} {OPTIONAL}")

    def run_example(url: str, key: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        environment = os.environ | command.environment | {"HUB_URL": url, "HUB_KEY": key, "NO_PROXY": "*"}
        return subprocess.run(
            [*command.arguments, *map(str, arguments)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=_RUN_TIMEOUT_SECONDS,
        )

    return run_example


def test_an_example_posts_once_through_broken_connections(
    hub: Installation, language: str, run: Run, tmp_path: Path
) -> None:
    cnpj = _CNPJS[language]
    records = [{**record, "CNPJ": cnpj} for record in load_sample()[:2000]]
    (tmp_path / "catalogue.json").write_text(json.dumps(records))
    hub.key = hub.make_key(cnpj)
    with breaking_proxy(hub.port, every=2, first=1) as proxy:
        done = run(f"http://127.0.0.1:{proxy.port}", hub.key, tmp_path / "catalogue.json", "full")
        assert done.returncode == 0 and proxy.broken, done.stdout + done.stderr
    (batch,) = hub.get("/v1/batches")["items"]
    accepted, ended = done.stdout.splitlines()
    assert accepted == f"accepted as {batch['batch_id']}"
    assert ended == f"COMPLETED: {len(records)} records applied, 0 not"
    assert len(hub.products()) == len({record["PRODUCTID"] for record in records})


class _Hub(ThreadingHTTPServer):
    """Hub with prepared answers: a status, a Retry-After; then it accepts and ends the batch."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.prepared: list[tuple[int, str]] = []
        self.posts: list[tuple[str, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(QuietHandler):
    server: _Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        ended = {"batch_id": _BATCH, "status": "PARTIAL_FAIL", "finished_at": "2026-01-01", "items_processed": 1}
        self._answer(200, "", ended | {"items_failed": 1, "items": [_ISSUE], "next_cursor": None})

    def do_POST(self) -> None:
        body, encoding = self._body(), self.headers["Content-Encoding"]
        plain = gzip.decompress(body) if encoding == "gzip" else ZstdDecompressor().stream_reader(body).read()
        self.server.posts.append((self.headers["Idempotency-Key"], plain))
        status, wait = self.server.prepared.pop(0) if self.server.prepared else (202, "")
        self._answer(status, wait, {"batch_id": _BATCH, "status": "RECEIVED", "code": "x", "message": "No."})

    def _body(self) -> bytes:
        if length := self.headers["Content-Length"]:
            return self.rfile.read(int(length))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, wait: str, answer: dict[str, object]) -> None:
        self.respond(status, json.dumps(answer).encode(), Content_Type="application/json", Retry_After=wait)


@pytest.fixture
def prepared() -> Iterator[_Hub]:
    """Yield a hub with prepared answers."""
    with running(_Hub()) as server:
        yield server


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """Return a file with two products, too large for a single block."""
    file = tmp_path / "catalogue.json"
    file.write_text(json.dumps([{"PRODUCTID": number, "TITLE": "x" * 60_000} for number in (1, 2)]))
    return file


def test_an_example_repeats_a_refused_post_under_its_key_and_reports_rejections(
    prepared: _Hub, run: Run, catalogue: Path
) -> None:
    prepared.prepared = [(503, "1"), (429, "1")]
    done = run(prepared.url, "a-key", catalogue, "delta", "an-export")
    assert prepared.posts == [("an-export", catalogue.read_bytes())] * 3, done.stderr
    assert "PARTIAL_FAIL: 1 records applied, 1 not" in done.stdout and done.returncode == 1


def test_an_example_has_a_key_of_its_own_per_run(prepared: _Hub, run: Run, catalogue: Path) -> None:
    prepared.prepared = [(503, "1")]
    for _ in range(2):
        run(prepared.url, "a-key", catalogue, "delta")
    first, second, third = (key for key, _ in prepared.posts)
    assert first == second != third and re.fullmatch(r"[0-9A-Fa-f-]{36}", first)


def test_an_example_stops_at_a_refusal_that_lasts(prepared: _Hub, run: Run, catalogue: Path) -> None:
    prepared.prepared = [(400, "1")]
    done = run(prepared.url, "a-key", catalogue, "delta")
    assert len(prepared.posts) == 1 and done.returncode == 1 and "400" in done.stderr


def test_both_pages_name_every_example_and_the_same_calls() -> None:
    pages = [(EXAMPLES.parent / "docs/howto" / name).read_text("utf-8") for name in ("client.md", "client.pt-BR.md")]
    files = {file.name for file in EXAMPLES.iterdir() if file.is_file()}
    assert [{name for name in files if f"examples/{name}`" in page} for page in pages] == [files, files]
    calls = [re.findall(r"`[a-z_.]+\([^`]*\)`", page) for page in pages]
    assert calls[0] == calls[1] and len(calls[0]) >= 10

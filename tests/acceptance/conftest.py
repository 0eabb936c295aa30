"""Running hub for acceptance tests: `integrahub up` in a folder, HTTP clients, signals and SIGKILL.

The same tests run on files and a table and, if marked `distributed` or with IHUB_LONG, on a real Kafka and S3.
"""

import json
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import httpx2
import pytest

from integrahub.secrets.development_certificate import ensure_development_certificate
from integrahub.secrets.secret_files import CA_FILE
from integrahub.tools.devservices.seaweedfs import S3Server
from tests.forked import run_forked

ADMIN = "an-admin-key-for-tests"
CNPJ = "05927228000145"
OTHER = "33000167000101"
PATH = "/v1/inovafarma/products"
_PATIENCE = 120.0  # seconds
Parts = Callable[[], dict[str, str]]  #: settings that choose bus and storage, for one installation


@dataclass
class Installation:
    """A folder and a port. Tests may start and kill its hub many times."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = 0
    process: "subprocess.Popen[bytes] | None" = None
    key: str = ""

    def __post_init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.http = httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=120, trust_env=False)

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of every command of this installation."""
        own = {"DATA_DIR": str(self.folder / "kept"), "ADMIN_API_KEY": ADMIN, "PORT": str(self.port)}
        own |= {"MIN_UPSERT_WORKERS": "1"}  # each more costs half a second of CPU at every start
        own |= {"LOG_FORMAT": "json", "URL": str(self.http.base_url)} | self.settings
        return without_settings() | {f"INTEGRAHUB_{name}": value for name, value in own.items()}

    def use_tls(self) -> None:
        """Serve over TLS with a certificate of a development CA, which the client of this installation trusts."""
        folder = self.folder / "kept" / "tls"
        certificate, key = ensure_development_certificate(folder)
        self.settings |= {"TLS_CERT": str(certificate), "TLS_KEY": str(key), "URL": f"https://127.0.0.1:{self.port}"}
        self.http.close()
        self.http = httpx2.Client(base_url=self.settings["URL"], timeout=60, verify=self.trusted)

    @property
    def trusted(self) -> ssl.SSLContext:
        """Return what a client of the hub over TLS trusts."""
        return ssl.create_default_context(cafile=self.folder / "kept" / "tls" / CA_FILE)

    def start(self) -> None:
        """Start `integrahub up` and wait until it is healthy."""
        self.spawn()
        self.wait_until(lambda: self.http.get("/health").status_code == 200)

    def spawn(self) -> None:
        """Start `integrahub up` without waiting."""
        with (self.folder / "hub.log").open("ab") as log:
            arguments = [sys.executable, "-m", "integrahub", "up"]
            self.process = subprocess.Popen(
                arguments, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def processes(self) -> list[dict[str, Any]]:
        """Return the processes of the fleet, as `integrahub fleet status` shows them."""
        status = self.command("fleet", "status", "--json", "--data", str(self.folder / "kept"))
        return list(json.loads(status.stdout)["workers"])

    def wait_until(self, holds: Any, seconds: float = _PATIENCE) -> None:
        """Wait for a condition; count a refused connection as not yet."""
        end = monotonic() + seconds
        while monotonic() < end:
            assert self.process is None or self.process.poll() is None, self.log()
            try:
                if holds():
                    return
            except httpx2.TransportError:
                pass
            _pause()
        raise AssertionError(f"the condition never held; the log ends: {self.log()}")

    def log(self) -> str:
        """Return the end of the hub's output."""
        return (self.folder / "hub.log").read_text(errors="replace")[-5000:]

    def weights(self) -> dict[int, int]:
        """Return the private memory of each process of the hub, in bytes."""
        sizes: dict[int, int] = {}
        for pid in self.members():
            with suppress(OSError):
                rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                sizes[pid] = sum(int(row.split()[1]) << 10 for row in rows if row.startswith("Private_"))
        return sizes

    def members(self) -> list[int]:
        """Return the process ids of the hub, its children and its PostgreSQL."""
        pids = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    environment = (entry / "environ").read_bytes()
                    place = os.readlink(entry / "cwd")
                except OSError:
                    continue
                mine = f"INTEGRAHUB_DATA_DIR={self.folder / 'kept'}".encode() in environment
                if mine or place.startswith(str(self.folder)):
                    pids.append(int(entry.name))
        return pids

    def kill(self) -> None:
        """Send SIGKILL to every process at once."""
        assert self.process is not None
        for pid in self.members():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()
        end = monotonic() + 20
        while self.members() and monotonic() < end:
            _pause()
        assert not self.members()

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> int:
        """Stop the hub with SIGTERM and return its exit code."""
        assert self.process is not None
        self.process.send_signal(sign)
        return self.process.wait(90)

    def command(self, *arguments: str, given: bytes = b"", **more: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of the command line with `given` as its standard input."""
        return run_forked(["integrahub", *arguments], self.environment | more, self.folder, given)

    def post(self, body: Any, load_type: str = "full", **headers: str) -> httpx2.Response:
        """Post a body with the pharmacy's key; a header set to '' is omitted."""
        given = {"X-Inova-Load-Type": load_type, "X-Api-Key": self.key, "Content-Type": "application/json"} | headers
        return self.http.post(PATH, content=body, headers={k: v for k, v in given.items() if v})

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON at a path."""
        answer = self.http.get(path, params=query, headers={"X-Api-Key": self.key})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def make_key(self, cnpj: str = CNPJ) -> str:
        """Create a key of the pharmacy."""
        made = self.http.post(f"/admin/pharmacies/{cnpj}/api-key", headers={"X-Admin-Api-Key": ADMIN})
        assert made.status_code == 200, made.text
        return str(made.json()["api_key"])

    def finished(self, batch_id: str) -> dict[str, Any]:
        """Wait until the batch is final, check that its counters add up, and return it."""
        self.wait_until(lambda: self.get(f"/v1/batches/{batch_id}")["finished_at"])
        batch: dict[str, Any] = self.get(f"/v1/batches/{batch_id}")
        if batch["items_total"] is not None:
            assert batch["items_processed"] + batch["items_failed"] == batch["items_total"], batch
        return batch

    def products(self, **query: Any) -> dict[int, dict[str, Any]]:
        """Return every product of the pharmacy by id."""
        by_id: dict[int, dict[str, Any]] = {}
        cursor: str | None = ""
        while cursor is not None:
            page = self.get("/v1/products", limit=100, cursor=cursor, sort="product_id", **query)
            by_id |= {item["id"]: item for item in page["items"]}
            cursor = page["pagination"]["next_cursor"]
        return by_id


def without_settings() -> dict[str, str]:
    """Return the environment of this process without settings, but for the one that switches the kernel off."""
    kept = {"INTEGRAHUB_KERNEL"}
    return {name: value for name, value in os.environ.items() if name in kept or not name.startswith("INTEGRAHUB_")}


def _pause() -> None:
    threading.Event().wait(0.05)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test of a running hub once per kind of bus and storage."""
    if "parts" in metafunc.fixturenames:
        marked = metafunc.definition.get_closest_marker("distributed") is not None
        kinds = ["embedded", "distributed"] if marked or os.environ.get("IHUB_LONG") else ["embedded"]
        metafunc.parametrize("parts", kinds, indirect=True, scope="module")


@pytest.fixture(scope="module")
def parts(request: pytest.FixtureRequest) -> Parts:
    """Return the settings of bus and storage: the embedded ones, or Kafka and S3."""
    if getattr(request, "param", "embedded") == "embedded":
        return dict
    kafka_address, s3_server = request.getfixturevalue("kafka_address"), request.getfixturevalue("s3_server")
    return lambda: on_kafka_and_s3(kafka_address, s3_server)


def on_kafka_and_s3(kafka_address: str, s3_server: S3Server) -> dict[str, str]:
    """Create topics and a bucket for one installation."""
    name = f"hub-{secrets.token_hex(8)}"
    s3_server.client().create_bucket(Bucket=name)
    chosen = {"BUS_URL": f"kafka://{kafka_address}", "KAFKA_PREFIX": f"{name}."}
    keys = {"STORAGE_ACCESS_KEY": s3_server.access_key, "STORAGE_SECRET_KEY": s3_server.secret_key}
    return chosen | keys | {"STORAGE_URL": s3_server.storage_url(name)}


@contextmanager
def installed(settings: dict[str, str]) -> Iterator[Installation]:
    """Yield an installation in a new folder; kill its processes at the end."""
    with tempfile.TemporaryDirectory(prefix="ihub-acceptance-", ignore_cleanup_errors=True) as folder:
        made = Installation(Path(folder), settings)
        try:
            yield made
        finally:
            made.http.close()
            if made.process and made.process.poll() is None:
                made.kill()


@pytest.fixture
def installation(parts: Parts) -> Iterator[Installation]:
    """Yield an installation in a new folder, with no process running."""
    with installed(parts()) as made:
        yield made


@pytest.fixture(scope="module")
def hub(parts: Parts) -> Iterator[Installation]:
    """Yield a running hub with a limit of 1 MB per body, shared by tests that do not change its state."""
    with installed(parts()) as made:
        made.start()
        made.key = made.make_key()
        yield made

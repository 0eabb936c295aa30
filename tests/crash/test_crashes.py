"""A kill at any crash point leaves the same result as no kill."""

import json
import os
import random
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any
from zlib import crc32

import httpx2
import psycopg
import pytest
from psycopg.rows import dict_row

from tests.conftest import Server
from tests.crash.crash_points import counted
from tests.forked import ForkedProcess
from tests.reference_model.compare import Comparison
from tests.reference_model.loads import Load

LONG = bool(os.environ.get("IHUB_LONG"))
_PARTS = 8 if LONG else 1  # tests, so that several workers share the points of the long form
CNPJ = "05927228000145"
ADMIN = "an-admin-key-for-tests"
KINDS = ("api", "split", "upsert", "finish", "sweep,failures")
_CHOSEN = "a-key-chosen-for-the-tests-of-crashes-0123456789"
_PATIENCE = 90.0  # seconds


def loads() -> list[Load]:
    """Return large and small bodies, straddling repeats, an invalid record, removals, a return, dry runs, and holds."""
    wide = [{"PRODUCTID": n % 30 + 1, "TITLE": f"P {n % 30}", "PRICE": n + 1, "PRICEPROMO": n + 1} for n in range(40)]
    padded = [record | {"FOO": "x" * 8000} if n % 3 == 0 else record for n, record in enumerate(wide)]
    padded.insert(5, {"PRODUCTID": 99, "TITLE": "bad", "PRICE": "x"})
    delta = [{"PRODUCTID": n, "PRICE": 100 + n} for n in range(1, 13)]
    rest = [{"PRODUCTID": n, "TITLE": f"P {n}", "PRICE": 7} for n in range(1, 28)]
    back = [{"PRODUCTID": 29, "QUANTITY": 3}, {"PRODUCTID": 1, "TITLE": "again"}]
    dry = [Load("full", rest, is_dry=True), Load("delta", back, is_dry=True)]
    small = [Load("full", rest[:3]), Load("full", rest[1:4])]  # they take the fast path, and are held
    return [Load("full", padded), Load("delta", delta), *dry, Load("full", rest), Load("delta", back), *small]


@dataclass
class Site:
    """A database, a folder, a port, and the processes of a hub on them."""

    url: str
    folder: Path
    port: int
    processes: dict[str, ForkedProcess] = field(default_factory=dict)

    def start(self, steps: str, **more: str) -> ForkedProcess:
        own = {"DATABASE_URL": self.url, "DATA_DIR": str(self.folder), "PORT": str(self.port), "CHUNK_SIZE": "4"}
        own |= {"ADMIN_API_KEY": ADMIN, "WORKER_NAME": steps, "RATE_LIMIT": "off"}
        environment = os.environ | {f"INTEGRAHUB_{name}": value for name, value in own.items()} | more
        log = str(self.folder / "log")
        process = ForkedProcess(["tests.crash.process", steps], environment, Path.cwd(), os.devnull, log, log)
        self.processes[steps] = process
        return process

    def revive(self) -> int:
        """Restart killed processes without a crash point; return their number."""
        dead = [steps for steps, process in self.processes.items() if process.poll() is not None]
        for steps in dead:
            code = self.processes[steps].returncode
            assert code == -signal.SIGKILL, f"{steps} ended with {code}: {(self.folder / 'log').read_text()[-3000:]}"
            self.start(steps)
        return len(dead)

    def end(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()

    def run(self) -> int:
        """Post every load in order, replay one, wait for the end; return the number of killed processes."""
        killed, ids = 0, list[str]()
        with httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10) as http:
            key = self._until(lambda: self._key(http))
            for load in loads():
                ids.append(self._until(lambda load=load: self._post(http, key, load)))
            killed += self._finish()
            self._until(lambda: self._replay(http, ids[1]))
            killed += self._finish()
        return killed + self.revive()

    def _finish(self) -> int:
        """Wait until every batch is final; return the number of killed processes."""
        killed, end = 0, monotonic() + _PATIENCE
        while self.rows("SELECT FROM batches WHERE finished_at IS NULL LIMIT 1"):
            killed += self.revive()
            assert monotonic() < end, self._story()
            threading.Event().wait(0.05)
        return killed

    def _until(self, attempt: Any) -> Any:
        end = monotonic() + _PATIENCE
        while monotonic() < end:
            try:
                if found := attempt():
                    return found
            except httpx2.TransportError:
                self.killed = self.revive()
            threading.Event().wait(0.05)
        raise AssertionError(f"no answer: {(self.folder / 'log').read_text()[-3000:]}")

    def _key(self, http: httpx2.Client) -> str:
        path = f"/admin/pharmacies/{CNPJ}/api-key"
        answer = http.post(path, json={"key": _CHOSEN}, headers={"X-Admin-Api-Key": ADMIN})
        return _CHOSEN if answer.status_code == 200 else ""

    def _post(self, http: httpx2.Client, key: str, load: Load) -> str:
        headers = {"X-Api-Key": key, "X-Inova-Load-Type": load.kind, "Content-Type": "application/json"} | load.headers
        answer = http.post("/v1/inovafarma/products", content=json.dumps(load.records), headers=headers)
        return str(answer.json()["batch_id"]) if answer.status_code == 202 else ""

    def _replay(self, http: httpx2.Client, batch_id: str) -> bool:
        """Return True if the replay is queued, by this request or by an earlier one without a response."""
        answer = http.post(f"/v1/batches/{batch_id}/replay", headers={"X-Admin-Api-Key": ADMIN})
        return answer.status_code == 202 or (answer.status_code == 409 and answer.json()["code"] == "replay_pending")

    def rows(self, statement: str, values: Any = None) -> list[dict[str, Any]]:
        with psycopg.connect(self.url, row_factory=dict_row) as connection:
            return connection.execute(statement, values).fetchall()  # type: ignore[arg-type]

    def _story(self) -> str:
        rows = self.rows("SELECT id, stage, status, chunks_left FROM batches ORDER BY received_seq")
        return f"{rows} never ended; the log ends: {(self.folder / 'log').read_text()[-3000:]}"


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Site]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        made = Site(database_url, tmp_path, probe.getsockname()[1])
    try:
        yield made
    finally:
        made.end()


def assert_as_if_nothing_had_happened(site: Site) -> None:
    known = Comparison(site.rows, CNPJ, site.folder / "objects")
    batches = site.rows("SELECT id FROM batches WHERE kind IN ('load', 'dry_run') ORDER BY received_seq")
    known.sent = {str(batch["id"]): load for batch, load in zip(batches, loads(), strict=True)}
    known.check()


def _others(kind: str) -> str:
    return ",".join(other for other in KINDS if other != kind)


@pytest.fixture(scope="session")
def reached(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[str, int]]]:
    """Return the points that each kind of process reaches without a kill, with their counts."""
    name = "crash_record"
    postgres.create_database(name)
    folder = tmp_path_factory.mktemp("record")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        site = Site(postgres.url_of(name), folder, probe.getsockname()[1])
    try:
        for kind in KINDS:
            site.start(kind, CRASH_RECORD=str(folder / kind))
        assert site.run() == 0
        assert_as_if_nothing_had_happened(site)
    finally:
        site.end()
        postgres.drop_database(name)
    return {kind: list(counted(str(folder / kind))) for kind in KINDS}


@pytest.mark.timeout(7200 if LONG else 1200)
@pytest.mark.parametrize("part", range(_PARTS))
def test_a_process_killed_at_any_point_changes_nothing_of_what_comes_out(
    part: int, reached: dict[str, list[tuple[str, int]]], postgres: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    seed = int(os.environ.get("CRASH_SEED") or random.randrange(1 << 32))
    draw = random.Random(seed)
    points = [(kind, name, draw.randint(1, times)) for kind, found in reached.items() for name, times in found]
    assert len(points) > 80
    chosen = [point for point in points if _part_of(point) == part] if LONG else draw.sample(points, 8)
    faults = []
    for number, (kind, name, times) in enumerate(chosen):
        fault = _fault_of(postgres, tmp_path_factory.mktemp("crash"), f"crash_{part}_{number}", (kind, name, times))
        faults += [f"{kind} killed at {name!r} (#{times}): {fault}"] if fault else []
    print(f"part {part}: {len(chosen)} of {len(points)} crash points hit, CRASH_SEED={seed}")
    assert not faults, f"CRASH_SEED={seed}\n" + "\n".join(faults)


def _part_of(point: tuple[str, str, int]) -> int:
    """Return the part that tests a point: the same in every process and for any order of the points."""
    kind, name, _ = point
    return crc32(f"{kind} {name}".encode()) % _PARTS


def _fault_of(postgres: Server, folder: Path, database: str, point: tuple[str, str, int]) -> str:
    """Return what is wrong after a kill at the point, or ''."""
    kind, name, times = point
    postgres.create_database(database)
    try:
        came = any(_killed_at(postgres.url_of(database), folder, kind, f"{name}#{n}") for n in (times, 1))
        return "" if came else "never came there"
    except AssertionError as fault:
        return str(fault)
    finally:
        postgres.drop_database(database)


def _killed_at(url: str, folder: Path, kind: str, point: str) -> bool:
    """Run everything with one process that dies at the point; return whether it reached the point."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("TRUNCATE pharmacies, batches, products, pharmacy_turns, api_keys, bus_messages CASCADE")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        site = Site(url, folder, probe.getsockname()[1])
    try:
        site.start(_others(kind))
        doomed = site.start(kind, CRASH_AT=point)
        site.run()
        assert_as_if_nothing_had_happened(site)
        return doomed.returncode == -signal.SIGKILL
    finally:
        site.end()

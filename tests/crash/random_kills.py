"""Processes of a hub on one database and folder, killed at random."""

import os
import random
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.forked import ForkedProcess

ADMIN = "an-admin-key-for-tests"
_PATIENCE = 3600.0  # seconds
_STEPS = ["split", "split", "upsert", "upsert", "upsert", "finish,sweep,failures,reconcile"]
_START_SECONDS = 120.0
_LOOK_SECONDS = 0.5
#: Processes that hold work which lost workers before: the fifth loss would make a dead letter of it, as promised.
_EXHAUSTED = """SELECT w.pid FROM workers w
WHERE EXISTS (SELECT FROM batch_chunks c WHERE c.worker_id = w.id AND c.status = 'PROCESSING' AND c.crashes > 2)
  OR EXISTS (SELECT FROM batches b WHERE b.worker_id = w.id AND b.stage = 'splitting' AND b.crashes > 2)"""
_STARTED = "SELECT 1 FROM workers WHERE pid = %s"
_HOLDING = """SELECT w.pid FROM workers w
WHERE EXISTS (SELECT FROM batch_chunks c WHERE c.worker_id = w.id AND c.status = 'PROCESSING')
  OR EXISTS (SELECT FROM batches b WHERE b.worker_id = w.id AND b.stage = 'splitting')"""


@dataclass
class Swarm:
    """Two APIs and six workers on one database and folder, killed now and then."""

    url: str
    folder: Path
    ports: list[int]
    processes: dict[str, ForkedProcess] = field(default_factory=dict)
    kills: int = 0
    kills_with_work: int = 0

    def start(self, name: str) -> None:
        """Start the process of a name such as `api 1` or `split 2`."""
        kind, _, slot = name.partition(" ")
        own = {"DATABASE_URL": self.url, "DATA_DIR": str(self.folder), "ADMIN_API_KEY": ADMIN}
        own |= {"CHUNK_SIZE": "7" if int(slot) % 2 else "400"}  # of two that split: many chunks, or some read in parts
        own |= {"PORT": str(self.ports[int(slot) % 2]), "WORKER_NAME": name, "LOG_FORMAT": "json", "RATE_LIMIT": "off"}
        environment = os.environ | {f"INTEGRAHUB_{key}": value for key, value in own.items()}
        arguments = ["api"] if kind == "api" else ["work", kind]
        log = str(self.folder / "log")
        command = ["integrahub", *arguments]
        self.processes[name] = ForkedProcess(command, environment, self.folder, os.devnull, log, log)

    def kill_one(self, draw: random.Random) -> None:
        """Kill one process, preferably one that holds work, and start another; now and then kill it as it starts."""
        busy = self._find_busy()
        spared = {row["pid"] for row in self.rows(_EXHAUSTED)}
        candidates = busy if busy and draw.random() < 0.8 else self._killable()
        candidates = [name for name in candidates if self.processes[name].pid not in spared]
        if not candidates:
            return
        name = draw.choice(candidates)
        process = self.processes[name]
        self.kills_with_work += name in busy
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.kills += 1
        self.start(name)
        if draw.random() < 0.9:
            self._wait_until_started(name)

    def _find_busy(self) -> list[str]:
        """Return the processes that hold work. Look for a moment, since a small batch is applied in less."""
        end = monotonic() + _LOOK_SECONDS
        while True:
            holding = {row["pid"] for row in self.rows(_HOLDING)}
            busy = [name for name, process in sorted(self.processes.items()) if process.pid in holding]
            if busy or monotonic() > end:
                return busy

    def _wait_until_started(self, name: str) -> None:
        """Wait until a process works: on a busy machine processes would otherwise die before they do anything."""
        end, never = monotonic() + _START_SECONDS, threading.Event()
        pid = self.processes[name].pid
        while not (self._is_listening(name) if name.startswith("api") else self.rows(_STARTED, [pid])):
            assert monotonic() < end, f"{name} did not start: {(self.folder / 'log').read_text()[-3000:]}"
            never.wait(0.05)

    def _killable(self) -> list[str]:
        """Return the processes, without an API whose peer does not listen yet: clients need one to answer."""
        listens = {name: self._is_listening(name) for name in self.processes if name.startswith("api")}
        alone = {name for name in listens if not all(listens[peer] for peer in listens if peer != name)}
        return sorted(self.processes.keys() - alone)

    def _is_listening(self, api: str) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.ports[int(api.partition(" ")[2]) % 2])) == 0

    def rows(self, statement: str, values: Any = None) -> list[dict[str, Any]]:
        with psycopg.connect(self.url, row_factory=dict_row) as connection:
            return connection.execute(statement, values).fetchall()  # type: ignore[arg-type]

    def change(self, statement: str, values: Any = None) -> None:
        """Run a statement without rows; repeat it after a conflict with the hub."""
        while True:
            try:
                with psycopg.connect(self.url) as connection:
                    connection.execute(statement, values)  # type: ignore[arg-type]
                return
            except psycopg.errors.DeadlockDetected:
                continue

    def wait_until_none(self, statement: str, values: Any = None) -> None:
        """Wait until a statement returns no row; raise AssertionError with the end of the log after a long time."""
        end, never = monotonic() + _PATIENCE, threading.Event()
        while self.rows(statement, values):
            assert monotonic() < end, (self.folder / "log").read_text()[-3000:]
            never.wait(0.1)

    def end(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()


@contextmanager
def swarming(url: str, folder: Path) -> Iterator[Swarm]:
    """Start all processes; kill them at the end."""
    probes = [socket.socket() for _ in range(2)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    made = Swarm(url, folder, [probe.getsockname()[1] for probe in probes])
    for probe in probes:
        probe.close()
    try:
        for number, kind in enumerate(["api", "api", *_STEPS]):
            made.start(f"{kind} {number}")
        yield made
    finally:
        made.end()

"""Resident memory of a hub's processes during a load (Linux; elsewhere there are no measurements)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from integrahub.domain.errors import ConfigurationError
from integrahub.supervisor.state_file import fetch_status, find_pid

_MEMORY_PROBE_INTERVAL_SECONDS = 0.5
_RESIDENT_FIELD = "VmRSS:"
_KB_PER_MB = 1024


@dataclass(slots=True)
class MemoryProbe:
    """Megabytes of the largest process by step: at the first probe, the maximum, and at the last probe."""

    first: dict[str, float] = field(default_factory=dict)
    most: dict[str, float] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)
    fleet: int | None = None  # pid of the supervisor

    def probe(self, folder: Path) -> None:
        """Measure the processes of the hub on the folder."""
        self.fleet = self.fleet or find_pid(folder)
        current = {"fleet": resident_megabytes(self.fleet)}
        for worker in fetch_status(folder)["workers"]:
            step = worker["step"]
            current[step] = max(current.get(step, 0.0), resident_megabytes(worker["pid"]))
        self.last = current
        for step, size in current.items():
            self.first.setdefault(step, size)
            self.most[step] = max(self.most.get(step, 0.0), size)


def resident_megabytes(pid: int | None) -> float:
    """Return the resident memory of one process; 0 if it is not readable."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    sizes = [int(line.split()[1]) for line in status.splitlines() if line.startswith(_RESIDENT_FIELD)]
    return sizes[0] / _KB_PER_MB if sizes else 0.0


@contextmanager
def watch_memory(folder: Path) -> Iterator[MemoryProbe]:
    """Probe the memory of the hub on the folder, from a thread, while the block runs."""
    memory, done = MemoryProbe(), threading.Event()

    def probe_regularly() -> None:
        while True:
            with suppress(ConfigurationError):  # a busy supervisor does not answer; skip this probe
                memory.probe(folder)
            if done.wait(_MEMORY_PROBE_INTERVAL_SECONDS):
                return

    thread = threading.Thread(target=probe_regularly, daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        done.set()
        thread.join()

"""Resident memory of a fleet's processes while something else goes on (Linux; elsewhere nothing is seen)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from integrahub.domain.errors import ConfigurationError
from integrahub.supervisor import state_file as place

_LOOK = 0.5  # seconds between looks
_PAGE_FILE = "VmRSS:"


@dataclass(slots=True)
class MemoryProbe:
    """Megabytes of the largest process by step: at the first look, at most, and at the last."""

    first: dict[str, float] = field(default_factory=dict)
    most: dict[str, float] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)
    fleet: int | None = None  # the pid of the orchestrator itself

    def look(self, folder: Path) -> None:
        """One look at the fleet on the folder."""
        self.fleet = self.fleet or place.find_pid(folder)
        now = {"fleet": resident(self.fleet)}
        for worker in place.fetch_status(folder)["workers"]:
            step = worker["step"]
            now[step] = max(now.get(step, 0.0), resident(worker["pid"]))
        self.last = now
        for step, size in now.items():
            self.first.setdefault(step, size)
            self.most[step] = max(self.most.get(step, 0.0), size)


def resident(pid: int | None) -> float:
    """Megabytes of one process; 0 when it cannot be seen."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    sizes = [int(line.split()[1]) for line in status.splitlines() if line.startswith(_PAGE_FILE)]
    return sizes[0] / 1024 if sizes else 0.0


@contextmanager
def remembered(folder: Path) -> Iterator[MemoryProbe]:
    """The memory of the fleet on the folder while the block runs."""
    memory, done = MemoryProbe(), threading.Event()

    def look() -> None:
        while True:
            with suppress(ConfigurationError):  # too busy to answer: the next look will tell
                memory.look(folder)
            if done.wait(_LOOK):
                return

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        done.set()
        thread.join()

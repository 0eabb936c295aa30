"""What scaling of the API looks at: the CPU and memory of its processes."""

import os
from pathlib import Path
from time import monotonic

from integrahub.supervisor.autoscaler import Usage


class ApiUsage:
    """Mean CPU and memory of processes between two looks, from /proc; `allowed` is bytes one may use.

    Where there is no /proc nothing is seen, and so nothing scaled.
    """

    def __init__(self, allowed: int) -> None:
        self._allowed = allowed
        self._last: dict[int, tuple[float, float]] = {}

    def look(self, pids: list[int]) -> Usage | None:
        """The mean over those seen before too; None when there is none."""
        shares, memories, seen = [], [], {}
        for pid in pids:
            try:
                now, cpu, resident = monotonic(), _cpu_seconds(pid), _resident(pid)
            except (OSError, IndexError, ValueError):
                continue
            seen[pid] = (now, cpu)
            memories.append(resident / self._allowed)
            if pid in self._last and now > self._last[pid][0]:
                shares.append((cpu - self._last[pid][1]) / (now - self._last[pid][0]))
        self._last = seen
        if not shares:
            return None
        return Usage(monotonic(), len(pids), sum(shares) / len(shares), sum(memories) / len(memories))


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

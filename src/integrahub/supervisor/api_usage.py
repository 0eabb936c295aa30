"""CPU and memory of the API processes, for their autoscaling."""

import os
from pathlib import Path
from time import monotonic

from integrahub.supervisor.autoscaler import Usage


class ApiUsage:
    """Mean CPU and memory of processes between two measurements, read from /proc.

    `memory_limit` is in bytes per process. Without /proc there are no measurements, so the API is not scaled.
    """

    def __init__(self, memory_limit: int) -> None:
        self._memory_limit = memory_limit
        self._last: dict[int, tuple[float, float]] = {}  # time and CPU seconds by pid

    def measure(self, pids: list[int]) -> Usage | None:
        """Return the mean usage; CPU of processes that were measured before. None if there is no such process."""
        cpu_shares, memory_shares, current = [], [], {}
        for pid in pids:
            try:
                now, cpu, resident = monotonic(), _cpu_seconds(pid), _resident_bytes(pid)
            except (OSError, IndexError, ValueError):
                continue
            current[pid] = (now, cpu)
            memory_shares.append(resident / self._memory_limit)
            if pid in self._last and now > self._last[pid][0]:
                cpu_shares.append((cpu - self._last[pid][1]) / (now - self._last[pid][0]))
        self._last = current
        if not cpu_shares:
            return None
        mean_cpu, mean_memory = sum(cpu_shares) / len(cpu_shares), sum(memory_shares) / len(memory_shares)
        return Usage(monotonic(), len(pids), mean_cpu, mean_memory)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

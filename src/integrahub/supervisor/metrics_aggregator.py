"""Sum of the metrics of all processes of this machine, over restarts, so that no counter decreases."""

import asyncio
import os
from pathlib import Path
from time import monotonic

import httpx2
import structlog

from integrahub.monitoring.scrape import MetricsScrape
from integrahub.supervisor.managed_process import ManagedProcess
from integrahub.telemetry import exposition, instruments, snapshots
from integrahub.telemetry.metrics.pipeline import PRODUCTS_SETTLED
from integrahub.telemetry.snapshots import Counts, SnapshotAggregator

_FILE = "counts.json"
_COLLECT_INTERVAL_SECONDS = 3.0  # a process that is killed loses at most the counts of this time
_log = structlog.get_logger()


class MetricsAggregator:
    """Collects the counts of each process at an interval. Their sum is saved in `folder` before each scrape."""

    def __init__(self, scrape: MetricsScrape, folder: Path) -> None:
        self._scrape = scrape
        self._file = folder / _FILE
        self._snapshots = SnapshotAggregator(_load(self._file))
        self._collected_at = float("-inf")

    async def collect(self, processes: list[ManagedProcess], http: httpx2.AsyncClient) -> None:
        """Collect the counts of all processes. A process that does not answer, or has ended, keeps its last counts."""
        if instruments.is_disabled():
            return
        self._collected_at = monotonic()
        alive = {_key(process): process for process in processes if process.is_alive}
        requests = [process.fetch_counts(http) for process in alive.values()]
        for key, counts in zip(alive, await asyncio.gather(*requests, return_exceptions=True), strict=True):
            if not isinstance(counts, BaseException):
                self._snapshots.update(key, counts)
        own = f"fleet {os.getpid()}"
        self._snapshots.update(own, self._scrape.snapshot())
        self._snapshots.keep_only([*(_key(process) for process in processes if process.is_alive), own])

    async def collect_if_due(self, processes: list[ManagedProcess], http: httpx2.AsyncClient) -> None:
        """Collect, unless the last collection is younger than the interval."""
        if monotonic() - self._collected_at >= _COLLECT_INTERVAL_SECONDS:
            await self.collect(processes, http)

    async def count_applied(self, processes: list[ManagedProcess], http: httpx2.AsyncClient) -> int:
        """Collect, and return the number of records that all workers have ever settled."""
        await self.collect(processes, http)
        return int(sum(vector[0] for vector in self._snapshots.total().get(PRODUCTS_SETTLED.name, {}).values()))

    async def render(self, timeout: float) -> bytes:
        """Return the exposition of this machine; `timeout` is the scraper's, in seconds."""
        self.save()
        return await self._scrape.render(self._snapshots.total(), exposition.process_families(), timeout)

    def save(self) -> None:
        """Save the counters, from which the next supervisor continues."""
        temporary = self._file.with_suffix(".fresh")
        try:
            temporary.write_bytes(snapshots.encode(self._snapshots.counters()))
            temporary.replace(self._file)
        except OSError as error:
            _log.warning("cannot save counters, a restart will reset them", action="save_counts", error=str(error))


def _key(process: ManagedProcess) -> str:
    assert process.process is not None
    return f"{process.name} {process.process.pid}"


def _load(file: Path) -> Counts:
    try:
        return snapshots.decode(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        _log.warning("cannot read saved counters, starting from 0", action="load_counts", error=str(error))
        return {}

"""What all processes of this machine counted, those that are gone included, kept so that it never goes backwards."""

import asyncio
import os
from pathlib import Path
from time import monotonic

import httpx
import structlog

from integrahub.monitoring.scrape import MetricsScrape
from integrahub.supervisor.managed_process import ManagedProcess
from integrahub.telemetry import exposition, instruments, snapshots
from integrahub.telemetry.metrics.pipeline import PRODUCTS_SETTLED
from integrahub.telemetry.snapshots import Counts, SnapshotAggregator

_FILE = "counts.json"
_MOMENT = 3.0  # seconds: what a process counted since is lost when it is killed
_log = structlog.get_logger()


class MetricsAggregator:
    """Asks each process now and then, so that little is lost of one that dies. Kept in `folder` before it is told."""

    def __init__(self, gauges: MetricsScrape, folder: Path) -> None:
        self._gauges = gauges
        self._file = folder / _FILE
        self._together = SnapshotAggregator(_read(self._file))
        self._looked_at = float("-inf")

    async def look(self, children: list[ManagedProcess], http: httpx.AsyncClient) -> None:
        """Ask all; of one that does not answer what it told before stands, of one that is gone it stays."""
        if instruments.is_disabled():
            return
        self._looked_at = monotonic()
        asked = {_name(child): child.counts(http) for child in children if child.alive}
        for name, told in zip(asked, await asyncio.gather(*asked.values(), return_exceptions=True), strict=True):
            if not isinstance(told, BaseException):
                self._together.update(name, told)
        self._together.update(f"fleet {os.getpid()}", self._gauges.own())
        self._together.keep_only([*map(_name, (child for child in children if child.alive)), f"fleet {os.getpid()}"])

    async def glance(self, children: list[ManagedProcess], http: httpx.AsyncClient) -> None:
        """Ask all, unless that was done a moment ago."""
        if monotonic() - self._looked_at >= _MOMENT:
            await self.look(children, http)

    async def applied(self, children: list[ManagedProcess], http: httpx.AsyncClient) -> int:
        """Records all workers ever settled, as of now."""
        await self.look(children, http)
        return int(sum(vector[0] for vector in self._together.total().get(PRODUCTS_SETTLED.name, {}).values()))

    async def told(self, waits: float) -> bytes:
        """The exposition of the machine, for one who waits so many seconds."""
        self.keep()
        return await self._gauges.told(self._together.total(), exposition.of_process(), waits)

    def keep(self) -> None:
        """Write what a successor begins with."""
        fresh = self._file.with_suffix(".fresh")
        try:
            fresh.write_bytes(snapshots.encode(self._together.counters()))
            fresh.replace(self._file)
        except OSError as error:
            _log.warning("the counts could not be kept; a restart begins at 0", action="keep_counts", error=str(error))


def _name(child: ManagedProcess) -> str:
    assert child.process is not None
    return f"{child.name} {child.process.pid}"


def _read(file: Path) -> Counts:
    try:
        return snapshots.decode(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        _log.warning("the counts kept cannot be read; they begin at 0", action="keep_counts", error=str(error))
        return {}

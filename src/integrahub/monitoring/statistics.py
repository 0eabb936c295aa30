"""Count periodically what dashboards and alerts need of the whole hub, so that a scrape stays cheap."""

import asyncio
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

from integrahub.db.database import Database
from integrahub.db.monitoring import statistics
from integrahub.db.monitoring.statistics import Figures, Totals
from integrahub.domain.batches import FINAL
from integrahub.domain.errors import Transient
from integrahub.domain.products import SETTLED
from integrahub.telemetry.metrics.catalogue import (
    HISTORY_BATCHES,
    HISTORY_PRODUCTS,
    PHARMACIES_SEEN,
    PHARMACIES_SILENT,
    PRODUCTS,
)
from integrahub.telemetry.metrics.infrastructure import (
    POSTGRESQL_CONNECTIONS,
    POSTGRESQL_CONNECTIONS_MAX,
    STORAGE_CAPACITY,
    STORAGE_USED,
)
from integrahub.telemetry.metrics.pipeline import (
    BATCH_DURATION,
    BATCHES_FINISHED,
    CHUNKS_PENDING,
    DEACTIVATIONS_HELD,
    DEAD_LETTERS,
)

_SELDOM = 60.0  # seconds at least between counts of what is costly
_SHARE = 20.0  # counting what is costly takes at most one part in so many of the time
_PATIENCE = 5.0  # seconds the disk may take to say how full it is
_RESULTS = (*SETTLED, "deactivated")


class StatisticsCollector:
    """A round counts what is cheap, and now and then what is costly. Several may run; one counts at a time.

    `folder` is where objects are kept, None when that is no disk; `quota` bytes they may take, None when only the disk
    knows.
    """

    def __init__(self, database: Database, folder: Path | None, quota: int | None) -> None:
        self._database = database
        self._folder = folder
        self._thread = ThreadPoolExecutor(1, "disk room")  # a disk that hangs holds this one alone
        self._quota = quota
        self._due = 0.0

    async def __call__(self) -> None:
        """One round."""
        await statistics.keep(self._database, await self._cheap())
        begun = monotonic()
        if begun >= self._due:
            await statistics.keep(self._database, await self._costly())
            took = monotonic() - begun
            self._due = begun + max(_SELDOM, _SHARE * took)

    async def _cheap(self) -> Figures:
        waiting = await statistics.waiting(self._database)
        connections = await statistics.connections(self._database)
        totals, windows = await statistics.history(self._database, BATCH_DURATION.bounds)
        return {
            (CHUNKS_PENDING.name, ()): waiting["chunks"],
            (DEACTIVATIONS_HELD.name, ()): waiting["held"],
            (DEAD_LETTERS.name, ()): waiting["letters"],
            (POSTGRESQL_CONNECTIONS.name, ()): connections["taken"],
            (POSTGRESQL_CONNECTIONS_MAX.name, ()): connections["most"],
            **_finished(totals),
            **{key: value for window, of_it in windows.items() for key, value in _within(window, of_it).items()},
        }

    async def _costly(self) -> Figures:
        products = await statistics.products(self._database)
        pharmacies = await statistics.pharmacies(self._database)
        used, capacity = await self._room()
        return {
            **{(PRODUCTS.name, (state,)): products[state] for state in ("active", "inactive")},
            **{(PHARMACIES_SEEN.name, (window,)): pharmacies[window] for window in ("24h", "7d", "30d")},
            (PHARMACIES_SILENT.name, ()): pharmacies["silent"],
            (STORAGE_USED.name, ()): used,
            **({(STORAGE_CAPACITY.name, ()): capacity} if capacity else {}),
        }

    async def _room(self) -> tuple[float, float | None]:
        """Bytes used and bytes there is room for: by the quota where one is set, else of the disk."""
        if self._quota or self._folder is None:
            return await statistics.stored(self._database), self._quota
        asked = asyncio.get_running_loop().run_in_executor(self._thread, _disk_usage, self._folder)
        try:
            return await asyncio.wait_for(asked, _PATIENCE)
        except TimeoutError:
            raise Transient(f"The disk of {self._folder} did not answer within {_PATIENCE:g} s.") from None


def _disk_usage(folder: Path) -> tuple[int, int]:
    disk = shutil.disk_usage(next(place for place in (folder, *folder.parents) if place.is_dir()))
    return disk.total - disk.free, disk.total


def _finished(totals: Totals) -> Figures:
    buckets = range(len(BATCH_DURATION.bounds) + 1)
    return {
        **{(BATCHES_FINISHED.name, (status,)): totals[f"batches {status}"] for status in FINAL},
        **{(BATCH_DURATION.name, (str(bucket),)): totals[f"bucket {bucket}"] for bucket in buckets},
        (BATCH_DURATION.name, ("sum",)): totals["seconds"],
    }


def _within(window: str, totals: Totals) -> Figures:
    return {
        **{(HISTORY_BATCHES.name, (window, status)): totals[f"batches {status}"] for status in FINAL},
        **{(HISTORY_PRODUCTS.name, (window, result)): totals[f"products {result}"] for result in _RESULTS},
    }

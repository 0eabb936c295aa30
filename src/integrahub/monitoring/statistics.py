"""Counts at an interval what dashboards and alerts need of the whole hub, so that a scrape stays cheap."""

import asyncio
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

from integrahub.db.batches import estimates
from integrahub.db.batches.estimates import EstimateErrors
from integrahub.db.database import Database
from integrahub.db.monitoring import backlog, figures, statistics, workers
from integrahub.db.monitoring.figures import LiveCounts
from integrahub.db.monitoring.rows import WebhookCounts
from integrahub.db.monitoring.statistics import Figures, Totals
from integrahub.domain.batches import FINAL
from integrahub.domain.errors import Transient
from integrahub.domain.products import SETTLED
from integrahub.telemetry.metrics.catalogue import (
    CHANGES_UNPARTITIONED,
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
    ESTIMATE_ERROR,
)
from integrahub.telemetry.metrics.webhooks import WEBHOOK_ENDPOINTS, WEBHOOK_OLDEST_DUE, WEBHOOKS_PENDING

_MIN_COSTLY_INTERVAL_SECONDS = 60.0  # between costly counts
_COSTLY_DURATION_FACTOR = 20.0  # the interval is at least this multiple of the duration of the last costly count
_DISK_TIMEOUT_SECONDS = 5.0
_DAYS_AT_START, _DAYS_RECOUNTED = 14, 2  # whose loads are counted; the first count fills in those of a pause
_RESULTS = (*SETTLED, "deactivated")


class StatisticsCollector:
    """Count cheap figures at each run, costly ones at longer intervals. Of several processes, one counts at a time.

    `folder` is the folder of stored objects, None if they are not on a disk. `quota` is how many bytes they may take,
    None if only the disk limits them.
    """

    def __init__(self, database: Database, folder: Path | None, quota: int | None) -> None:
        self._database = database
        self._folder = folder
        self._thread = ThreadPoolExecutor(1, "disk room")  # a disk that hangs blocks only this thread
        self._quota = quota
        self._costly_due_at = 0.0
        self._days = _DAYS_AT_START

    async def __call__(self) -> None:
        """Run once."""
        await self._save_minutes()
        await statistics.save(self._database, await self._count_cheap())
        started = monotonic()
        if started >= self._costly_due_at:
            await statistics.save(self._database, await self._count_costly())
            duration = monotonic() - started
            self._costly_due_at = started + max(_MIN_COSTLY_INTERVAL_SECONDS, _COSTLY_DURATION_FACTOR * duration)

    async def _save_minutes(self) -> None:
        waiting = await backlog.by_step(self._database)
        live = {row.step: row.live for row in await workers.count_by_step(self._database)}
        counts = LiveCounts(sum(waiting.values()), live.get("upsert", 0), live.get("api", 0))
        await figures.save_minutes(self._database, counts)

    async def _count_cheap(self) -> Figures:
        pending = await statistics.count_pending(self._database)
        connections = await statistics.count_connections(self._database)
        await estimates.record_due(self._database)
        totals, windows = await statistics.update_history(self._database, BATCH_DURATION.bounds)
        return {
            (CHUNKS_PENDING.name, ()): pending.chunks,
            (DEACTIVATIONS_HELD.name, ()): pending.held,
            (DEAD_LETTERS.name, ()): pending.letters,
            (POSTGRESQL_CONNECTIONS.name, ()): connections.open,
            (POSTGRESQL_CONNECTIONS_MAX.name, ()): connections.limit,
            **_error_figures(await estimates.find_errors(self._database)),
            **_webhook_figures(await statistics.count_webhooks(self._database)),
            **_finished_figures(totals),
            **{key: value for window, sums in windows.items() for key, value in _window_figures(window, sums).items()},
        }

    async def _count_costly(self) -> Figures:
        products = await figures.save_sizes(self._database)
        await figures.save_days(self._database, self._days)
        await figures.delete_old(self._database)
        self._days = _DAYS_RECOUNTED
        pharmacies = await statistics.count_pharmacies(self._database)
        used, capacity = await self._storage_usage()
        return {
            (PRODUCTS.name, ("active",)): products.active,
            (PRODUCTS.name, ("inactive",)): products.inactive,
            (PHARMACIES_SEEN.name, ("24h",)): pharmacies.day,
            (PHARMACIES_SEEN.name, ("7d",)): pharmacies.week,
            (PHARMACIES_SEEN.name, ("30d",)): pharmacies.month,
            (PHARMACIES_SILENT.name, ()): pharmacies.silent,
            (CHANGES_UNPARTITIONED.name, ()): await statistics.count_unpartitioned(self._database),
            (STORAGE_USED.name, ()): used,
            **({(STORAGE_CAPACITY.name, ()): capacity} if capacity else {}),
        }

    async def _storage_usage(self) -> tuple[float, float | None]:
        """Return the bytes used and the capacity: the quota if one is set, else that of the disk."""
        if self._quota or self._folder is None:
            return await statistics.stored_bytes(self._database), self._quota
        usage = asyncio.get_running_loop().run_in_executor(self._thread, _disk_usage, self._folder)
        try:
            return await asyncio.wait_for(usage, _DISK_TIMEOUT_SECONDS)
        except TimeoutError:
            message = f"The disk of {self._folder} did not answer within {_DISK_TIMEOUT_SECONDS:g} s."
            raise Transient(message) from None


def _disk_usage(folder: Path) -> tuple[int, int]:
    disk = shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.is_dir()))
    return disk.total - disk.free, disk.total


def _error_figures(errors: EstimateErrors) -> Figures:
    by_quantile = {"0.5": errors.median, "0.9": errors.ninth_decile}
    return {(ESTIMATE_ERROR.name, (name,)): error for name, error in by_quantile.items() if error is not None}


def _webhook_figures(counts: WebhookCounts) -> Figures:
    return {
        **{(WEBHOOKS_PENDING.name, (state,)): getattr(counts, state) for state in ("due", "scheduled", "held")},
        **{(WEBHOOK_ENDPOINTS.name, (state,)): getattr(counts, state) for state in ("enabled", "failing", "disabled")},
        (WEBHOOK_OLDEST_DUE.name, ()): counts.oldest,
    }


def _finished_figures(totals: Totals) -> Figures:
    buckets = range(len(BATCH_DURATION.bounds) + 1)
    return {
        **{(BATCHES_FINISHED.name, (status,)): totals[f"batches {status}"] for status in FINAL},
        **{(BATCH_DURATION.name, (str(bucket),)): totals[f"bucket {bucket}"] for bucket in buckets},
        (BATCH_DURATION.name, ("sum",)): totals["seconds"],
    }


def _window_figures(window: str, totals: Totals) -> Figures:
    return {
        **{(HISTORY_BATCHES.name, (window, status)): totals[f"batches {status}"] for status in FINAL},
        **{(HISTORY_PRODUCTS.name, (window, result)): totals[f"products {result}"] for result in _RESULTS},
    }

"""Watch of unfinished batches for the event streams of a process: one poll for all of them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from uuid import UUID

import structlog

from integrahub.db.batches import reports
from integrahub.db.database import Database
from integrahub.domain.errors import IntegraHubError
from integrahub.domain.views.batch import BatchReport
from integrahub.domain.views.estimate import Estimate
from integrahub.reports.estimates import CompletionEstimates

WATCH_INTERVAL_SECONDS = 1.0
_PAUSE_PER_POLL_SECOND = 10.0  # so polling takes at most a tenth of the time
_log = structlog.get_logger()


class BatchState(NamedTuple):
    """A batch at one moment, and when it should be final."""

    report: BatchReport
    estimate: Estimate | None = None


class Watcher:
    """The latest state of one batch. `is_over`: the batch was deleted, or the process drains."""

    def __init__(self, *, is_over: bool) -> None:
        self.state: BatchState | None = None
        self.is_over = is_over
        self._is_new = asyncio.Event()

    def put(self, state: BatchState | None) -> None:
        """Store a state; None ends the watch."""
        self.state, self.is_over = state or self.state, self.is_over or state is None
        self._is_new.set()

    async def wait(self, seconds: float) -> bool:
        """Wait until a state is stored; return False if none is within some seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._is_new.wait()
        except TimeoutError:
            return False
        self._is_new.clear()
        return True


class BatchWatch:
    """Poll all watched batches together, about once a second and only while there are any.

    `database` sees all pharmacies: a caller watches only batches that its client may see.
    """

    def __init__(self, database: Database, estimates: CompletionEstimates) -> None:
        self._database = database
        self._estimates = estimates
        self._watchers: dict[UUID, set[Watcher]] = {}
        self._polling: asyncio.Task[None] | None = None
        self._is_draining = False

    @contextmanager
    def watch(self, batch_id: UUID) -> Iterator[Watcher]:
        """Yield a watcher that gets the states of a batch while the block runs."""
        watcher = Watcher(is_over=self._is_draining)
        self._watchers.setdefault(batch_id, set()).add(watcher)
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._poll())
        try:
            yield watcher
        finally:
            self._watchers[batch_id].discard(watcher)
            if not self._watchers[batch_id]:
                del self._watchers[batch_id]

    def drain(self) -> None:
        """End all watches, also those that begin later."""
        self._is_draining = True
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.put(None)

    async def _poll(self) -> None:
        loop = asyncio.get_running_loop()
        while self._watchers and not self._is_draining:
            started_at = loop.time()
            try:
                await self._read()
            except IntegraHubError as error:
                _log.warning("watched batches not read", action="watch_batches", error=str(error))
            duration = loop.time() - started_at
            await asyncio.sleep(max(WATCH_INTERVAL_SECONDS, _PAUSE_PER_POLL_SECOND * duration))

    async def _read(self) -> None:
        found = await reports.show_all(self._database, list(self._watchers))
        estimates = await self._estimates(self._database, found)
        states = {report.batch_id: BatchState(report, estimates.get(report.batch_id)) for report in found}
        for batch_id, watchers in self._watchers.items():
            for watcher in watchers:
                watcher.put(states.get(batch_id))

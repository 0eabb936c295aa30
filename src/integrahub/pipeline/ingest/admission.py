"""Admission: while too much waits, posts are refused before their body is taken, by figures counted a moment ago."""

import asyncio
from time import monotonic

import structlog

from integrahub.db.database import Database
from integrahub.db.monitoring import backlog
from integrahub.domain.errors import IntegraHubError, Unavailable
from integrahub.resilience.backlog import Backlog, BacklogLimits

_COUNT_INTERVAL_SECONDS = 1.0  # seconds a count is good for
_MAX_COUNT_AGE_SECONDS = 5.0  # seconds after which a post waits for a new one
_COUNT_WAIT_SECONDS = 0.5  # seconds that wait may take: a database that does not answer is found out by the commit
_PAUSE_PER_COUNT_SECOND = 10.0  # counting takes at most one part in so many of the time
_log = structlog.get_logger()


class AdmissionControl:
    """Asked by each post. Counts in the background, at most once a second and only while there are posts."""

    def __init__(self, database: Database, bounds: BacklogLimits) -> None:
        self._database = database
        self._backlog = Backlog(bounds)
        self._bounded = bool(bounds.pharmacy or bounds.total)
        self._counting: asyncio.Task[None] | None = None
        self._counted_at = float("-inf")
        self._pause = _COUNT_INTERVAL_SECONDS

    async def __call__(self, pharmacy_id: int) -> None:
        """Unavailable, with when to come again, when the pharmacy's records or all records that wait are too many."""
        age = monotonic() - self._counted_at
        if self._bounded and age > self._pause:
            if self._counting is None:
                self._counting = asyncio.create_task(self._count())
            if age > max(_MAX_COUNT_AGE_SECONDS, 2 * self._pause):
                await asyncio.wait({self._counting}, timeout=_COUNT_WAIT_SECONDS)
        excess = self._backlog.excess(pharmacy_id)
        if excess:
            raise Unavailable("backlog_long", excess.retry_after, waiting=excess.waiting, bound=excess.bound)

    def record(self, pharmacy_id: int, size: int) -> None:
        """A body of `size` decoded bytes was accepted."""
        self._backlog.take(pharmacy_id, size)

    async def close(self) -> None:
        """Wait for a count under way."""
        if self._counting:
            await self._counting

    async def _count(self) -> None:
        begun = monotonic()
        try:
            waiting = await backlog.by_pharmacy(self._database)
        except IntegraHubError as error:
            _log.warning("the backlog could not be counted", action="count_backlog", error=str(error))
        else:
            now = monotonic()
            self._backlog.count(waiting, now - max(self._counted_at, now - 60))
            self._counted_at = now
            self._pause = max(_COUNT_INTERVAL_SECONDS, _PAUSE_PER_COUNT_SECOND * (now - begun))
        finally:
            self._counting = None

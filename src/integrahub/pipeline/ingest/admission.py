"""Admission control: refuse posts while the backlog exceeds its limits."""

import asyncio
from time import monotonic

import structlog

from integrahub.db.database import Database
from integrahub.db.monitoring import backlog
from integrahub.domain.errors import IntegraHubError, Unavailable
from integrahub.resilience.backlog import Backlog, BacklogLimits
from integrahub.resilience.single_flight import SingleFlight

_COUNT_INTERVAL_SECONDS = 1.0
_MAX_COUNT_AGE_SECONDS = 5.0  # a post waits for a new count when the last one is older
_COUNT_WAIT_SECONDS = 0.5  # then the post goes on: if the database does not answer, its commit fails anyway
_PAUSE_PER_COUNT_SECOND = 10.0  # so counting takes at most a tenth of the time
_log = structlog.get_logger()


class AdmissionControl:
    """Compare the backlog with its limits before each post.

    The backlog is counted in the background, at most once a second and only while posts arrive.
    """

    def __init__(self, database: Database, limits: BacklogLimits) -> None:
        self._database = database
        self._backlog = Backlog(limits)
        self._is_limited = bool(limits.pharmacy or limits.total)
        self._count_flight = SingleFlight[None, None]()
        self._counted_at = float("-inf")
        self._pause = _COUNT_INTERVAL_SECONDS

    async def check(self, pharmacy_id: int) -> None:
        """Raise Unavailable, with the seconds to wait, if the pharmacy's backlog or the total exceeds its limit."""
        counting = self._start_count()
        if counting and self._is_count_old():
            await asyncio.wait({counting}, timeout=_COUNT_WAIT_SECONDS)
        overload = self._backlog.find_overload(pharmacy_id)
        if overload:
            raise Unavailable("backlog_long", overload.retry_after, waiting=overload.waiting, bound=overload.bound)

    def admits_at_once(self, pharmacy_id: int) -> bool:
        """Return whether `check` would neither wait nor raise."""
        if self._start_count() and self._is_count_old():
            return False
        return self._backlog.find_overload(pharmacy_id) is None

    def record(self, pharmacy_id: int, size: int) -> None:
        """Add an accepted body of `size` decoded bytes to the backlog."""
        self._backlog.record(pharmacy_id, size)

    async def close(self) -> None:
        """Wait for a running count."""
        await self._count_flight.close()

    def _start_count(self) -> "asyncio.Task[None] | None":
        """Return the running count, started if one is due; None if none is due."""
        if not self._is_limited or monotonic() - self._counted_at <= self._pause:
            return None
        return self._count_flight.start(None, self._count)

    def _is_count_old(self) -> bool:
        return monotonic() - self._counted_at > max(_MAX_COUNT_AGE_SECONDS, 2 * self._pause)

    async def _count(self) -> None:
        started = monotonic()
        try:
            waiting = await backlog.by_pharmacy(self._database)
        except IntegraHubError as error:
            _log.warning("backlog not counted", action="count_backlog", error=str(error))
        else:
            now = monotonic()
            self._backlog.update(waiting, now - max(self._counted_at, now - 60))
            self._counted_at = now
            self._pause = max(_COUNT_INTERVAL_SECONDS, _PAUSE_PER_COUNT_SECOND * (now - started))

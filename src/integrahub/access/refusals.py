"""Counts of refused posts, added up in this process and stored every ten seconds."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from integrahub.db.accounts import refusals
from integrahub.db.accounts.refusals import RefusalCount
from integrahub.db.database import Database
from integrahub.domain.errors import IntegraHubError

FLUSH_INTERVAL_SECONDS = 10.0
MAX_KINDS_PER_HOUR = 500  #: Further kinds of an hour are counted without CNPJ, key and address.
_log = structlog.get_logger()
_Kind = tuple[datetime, str, str, str, str]  # hour, CNPJ, name of the key, code, address


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class RefusalCounts:
    """Count refused posts and store the counts in the background. Counting costs the posts that are accepted nothing.

    While the database is unavailable the counts stay in this process; their kinds are bounded by hour.
    """

    database: Database
    clock: Callable[[], datetime] = _now
    _counts: dict[_Kind, tuple[int, datetime]] = field(default_factory=dict)
    _kinds: dict[datetime, set[_Kind]] = field(default_factory=dict)  # of the hour that was counted last
    _timer: asyncio.Task[None] | None = None

    def add(self, cnpj: str, key_name: str, code: str, address: str) -> None:
        """Count one refused post."""
        now = self.clock()
        hour = now.replace(minute=0, second=0, microsecond=0)
        kind = self._bound((hour, cnpj, key_name, code, address))
        self._counts[kind] = (self._counts.get(kind, (0, now))[0] + 1, now)
        if self._timer is None or self._timer.done():
            # An empty context: the timer must not log under the trace of one post.
            self._timer = asyncio.create_task(self._flush_later(), context=Context())

    async def flush(self) -> None:
        """Store the counts. Keep them if the database is unavailable."""
        counts, self._counts = self._counts, {}
        if not counts:
            return
        try:
            await refusals.add(self.database, [RefusalCount(*kind, *value) for kind, value in counts.items()])
        except IntegraHubError as error:
            _log.warning("cannot store counts of refused posts, keeping them", action="flush", error=str(error))
            self._restore(counts)

    async def close(self) -> None:
        """Store what is counted and stop."""
        if self._timer:
            self._timer.cancel()
            await asyncio.wait([self._timer])
        await self.flush()

    def _bound(self, kind: _Kind) -> _Kind:
        """Return the kind, or that of its code alone if the hour has too many kinds."""
        hour, _, _, code, _ = kind
        if hour not in self._kinds:
            self._kinds = {hour: set()}
        known = self._kinds[hour]
        if kind not in known and len(known) >= MAX_KINDS_PER_HOUR:
            return hour, "", "", code, ""
        known.add(kind)
        return kind

    def _restore(self, counts: dict[_Kind, tuple[int, datetime]]) -> None:
        for kind, (count, last_at) in counts.items():
            later, later_at = self._counts.get(kind, (0, last_at))
            self._counts[kind] = (count + later, max(last_at, later_at))

    async def _flush_later(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_INTERVAL_SECONDS)
            await self.flush()
            if not self._counts:
                return

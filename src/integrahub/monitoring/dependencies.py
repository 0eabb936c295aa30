"""Checks of the dependencies: PostgreSQL, storage and bus."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import perf_counter

from integrahub.bus.base import Bus
from integrahub.db.database import Database
from integrahub.domain.events import BATCHES_RECEIVED
from integrahub.domain.messages.message import Message
from integrahub.monitoring.dependency_messages import describe_failure
from integrahub.resilience.circuit_breaker import CircuitBreaker, CircuitState
from integrahub.resilience.shared_results import SharedResults
from integrahub.storage.base import Storage

_CHECK_TIMEOUT_SECONDS = 5.0
_CHECK_TTL_SECONDS = 1.0  # a check writes a file and queries every dependency, so callers share its result
_NO_MESSAGE = Message("", "")


@dataclass(frozen=True, slots=True)
class DependencyCheck:
    """Result of the check of one dependency. `message` says why it failed.

    `breaker` is None where no circuit breaker guards it. `failing_since` is the first failure in a row that this
    process saw.
    """

    is_ok: bool
    latency_ms: float
    message: Message = _NO_MESSAGE
    breaker: CircuitState | None = None
    failing_since: datetime | None = None


Checks = dict[str, DependencyCheck]  #: By dependency: `postgresql`, `storage`, `bus`.


async def check_dependency(check: Callable[[], Awaitable[object]]) -> DependencyCheck:
    """Run a check, for five seconds at most, and return its result."""
    started_at = perf_counter()
    message = _NO_MESSAGE
    is_ok = True
    try:
        await asyncio.wait_for(check(), _CHECK_TIMEOUT_SECONDS)
    except Exception as error:
        is_ok, message = False, describe_failure(error, _CHECK_TIMEOUT_SECONDS)
    return DependencyCheck(is_ok, round((perf_counter() - started_at) * 1000, 2), message)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class DependencyChecks:
    """Check all dependencies at most once a second; concurrent callers share the result."""

    database: Database
    storage: Storage
    bus: Bus
    breakers: Mapping[str, CircuitBreaker]
    clock: Callable[[], datetime] = _now
    _results: SharedResults[None, Checks] = field(default_factory=lambda: SharedResults(_CHECK_TTL_SECONDS))
    _failing_since: dict[str, datetime] = field(default_factory=dict)

    async def __call__(self) -> Checks:
        """Return the result of the check of each dependency."""
        return await self._results(None, self._check_all)

    async def _check_all(self) -> Checks:
        names = ("postgresql", "storage", "bus")
        probes = (self.database.check, self.storage.check, lambda: self.bus.lag(BATCHES_RECEIVED))
        checks = zip(names, await asyncio.gather(*map(check_dependency, probes)), strict=True)
        return {name: self._complete(name, check) for name, check in checks}

    def _complete(self, name: str, check: DependencyCheck) -> DependencyCheck:
        if check.is_ok:
            self._failing_since.pop(name, None)
        else:
            self._failing_since.setdefault(name, self.clock())
        breaker = self.breakers[name].state if name in self.breakers else None
        return replace(check, breaker=breaker, failing_since=self._failing_since.get(name))

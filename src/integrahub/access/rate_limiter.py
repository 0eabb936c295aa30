"""Limits shared by all processes: posts by pharmacy or key, failed keys by address."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from time import monotonic

import structlog

from integrahub.access.blocked_lookups import BlockedLookupLimit, Found, LookupLimitReached
from integrahub.db.accounts import rate_limits as rate_windows
from integrahub.db.database import Database
from integrahub.domain.api_keys import Caller, Scope
from integrahub.domain.errors import IntegraHubError, TooManyRequests
from integrahub.resilience.micro_batcher import BatchLimits, MicroBatcher
from integrahub.resilience.rate_limit import RateLimit, WindowUsage, client_network, parse_rate
from integrahub.telemetry.metrics.http import LIMITER_FAILURES

_TIMEOUT_SECONDS = 1.0  # then the requests are allowed without being counted
_PRUNE_INTERVAL_SECONDS = 600.0
_MAX_BATCH_SIZE = 10_000
_log = structlog.get_logger()
_Hit = tuple[str, RateLimit]  # subject and its limit
#: The window after an allowed request, seconds to wait after a refused one, or None if the limiter did not answer.
HitResult = WindowUsage | float | None


class RateLimiter:
    """Count requests against limits that all processes share. Concurrent requests share one statement.

    If the database does not answer in time, the requests are allowed and a metric counts them.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._batcher = MicroBatcher[_Hit, HitResult](self._count_or_allow, BatchLimits(_MAX_BATCH_SIZE))
        self._pruned_at = monotonic()
        self._pruning: asyncio.Task[None] | None = None

    async def hit(self, subject: str, limit: RateLimit) -> HitResult:
        """Count one request of a subject."""
        return await self._batcher((subject, limit))

    async def _count_or_allow(self, hits: list[_Hit]) -> list[HitResult]:
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                results = await self._count(hits)
        except Exception as error:
            # Accepting a catalogue matters more than enforcing a limit.
            LIMITER_FAILURES.add(by=len(hits))
            _log.warning("rate limiter unavailable, allowing requests", action="limit", error=str(error), of=len(hits))
            return [None] * len(hits)
        if monotonic() - self._pruned_at > _PRUNE_INTERVAL_SECONDS:
            self._pruned_at = monotonic()
            self._pruning = asyncio.create_task(self._prune())
        return results

    async def _count(self, hits: list[_Hit]) -> list[HitResult]:
        counts: dict[str, tuple[RateLimit, int]] = {}
        for subject, limit in hits:
            counts[subject] = (limit, counts.get(subject, (limit, 0))[1] + 1)
        windows = await rate_windows.hit(self._database, counts)
        left = {subject: granted for subject, (granted, _) in windows.items()}
        results: list[HitResult] = []
        for subject, limit in hits:
            usage = windows[subject][1]
            results.append(usage if left[subject] > 0 else max(0.001, usage.retry_after(limit)))
            left[subject] -= 1
        return results

    async def _prune(self) -> None:
        try:
            await rate_windows.prune(self._database)
        except IntegraHubError as error:
            _log.warning("idle rate windows not removed", action="limit", error=str(error))


class RateLimits:
    """The hub's limits, put to requests. The rates are the settings'; None is no limit.

    `posts` is of a pharmacy, `failed_keys` of an address, `vendors` of a key that reaches all pharmacies.
    """

    def __init__(
        self, limiter: RateLimiter, posts: RateLimit | None, failed_keys: RateLimit | None, vendors: RateLimit | None
    ) -> None:
        self._limiter = limiter
        self._posts = posts
        self._failed_keys = failed_keys
        self._vendors = vendors
        self._blocked: dict[str, float] = {}  # address -> monotonic seconds
        self._second_looks = BlockedLookupLimit()

    async def post(self, caller: Caller, cnpj: str, own: str | None) -> dict[str, str]:
        """Count a post by its key when that has a limit of its own, else by its pharmacy, whose own limit is `own`.

        A key that reaches all pharmacies and has no limit of its own is counted as well: its client chooses the CNPJs.
        Return the headers to answer with; TooManyRequests when a limit is reached.
        """
        if caller.cnpjs is None and not caller.rate_limit and not caller.can(Scope.ADMIN):
            await self._taken(f"key:{caller.name}", self._vendors)
        subject, rate = (f"key:{caller.name}", caller.rate_limit) if caller.rate_limit else (f"cnpj:{cnpj}", own)
        limit = parse_rate(rate) if rate else self._posts
        taken = await self._taken(subject, limit)
        if limit is None or taken is None:
            return {}
        return _headers("posts", limit, taken.remaining(limit), limit.seconds * (1 - taken.elapsed))

    async def _taken(self, subject: str, limit: RateLimit | None) -> WindowUsage | None:
        if limit is None:
            return None
        taken = await self._limiter.hit(subject, limit)
        if isinstance(taken, float):
            headers = _headers("posts", limit, 0, taken)
            raise TooManyRequests("rate_limited", taken, headers, quota=limit.quota, seconds=limit.seconds)
        return taken

    def is_blocked(self, address: str) -> bool:
        """Return whether the address offered too many wrong keys."""
        place = client_network(address)
        is_over = self._blocked.get(place, 0.0) <= monotonic()
        if is_over:
            self._blocked.pop(place, None)
        return self._failed_keys is not None and not is_over

    async def second_look(self, address: str, look: Callable[[], Awaitable[Found]], *, is_chosen: bool) -> Found:
        """Look up a key of a blocked address, so that one client's wrong key shuts out no other behind the same proxy.

        TooManyRequests when there is no room: few are looked up at once, and of keys that people choose few a minute.
        """
        try:
            return await self._second_looks(client_network(address), look, is_chosen=is_chosen)
        except LookupLimitReached:
            raise self.too_many_keys(address) from None

    def too_many_keys(self, address: str) -> TooManyRequests:
        """Return the refusal of a blocked address."""
        limit = self._failed_keys or RateLimit(1, 1)
        return _too_many_keys(limit, max(0.001, self._blocked.get(client_network(address), 0.0) - monotonic()))

    async def failed_key(self, address: str) -> None:
        """Count a key that is nobody's; TooManyRequests when it was one too many."""
        if self._failed_keys is None:
            return
        place = client_network(address)
        taken = await self._limiter.hit(f"address:{place}", self._failed_keys)
        if isinstance(taken, float):
            if len(self._blocked) > 100_000:
                self._blocked.clear()
            self._blocked[place] = monotonic() + taken
            raise _too_many_keys(self._failed_keys, taken)


def raise_if_limited(code: str, limit: RateLimit, taken: WindowUsage | float | None) -> None:
    """Raise TooManyRequests with this code when nothing was granted."""
    if isinstance(taken, float):
        headers = _headers(code.removesuffix("_limited"), limit, 0, taken)
        raise TooManyRequests(code, taken, headers, quota=limit.quota, seconds=limit.seconds)


def _too_many_keys(limit: RateLimit, wait: float) -> TooManyRequests:
    headers = _headers("failed-keys", limit, 0, wait)
    return TooManyRequests("failed_keys_limited", wait, headers, quota=limit.quota, seconds=limit.seconds)


def _headers(policy: str, rate: RateLimit, remaining: int, reset: float) -> dict[str, str]:
    seconds = math.ceil(reset)
    return {
        "RateLimit-Policy": f'"{policy}";q={rate.quota};w={rate.seconds}',
        "RateLimit": f'"{policy}";r={remaining};t={seconds}',
        "X-RateLimit-Limit": str(rate.quota),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(seconds),
    }

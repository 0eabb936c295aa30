"""Rate limits that all processes share: of posts by pharmacy or key, of wrong keys by client network."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import NamedTuple

import structlog

from integrahub.access.blocked_lookups import BlockedLookupLimit, Found, LookupLimitReached
from integrahub.db.accounts import rate_limits
from integrahub.db.database import Database
from integrahub.domain.api_keys import Caller, Scope
from integrahub.domain.errors import IntegraHubError, TooManyRequests
from integrahub.resilience.micro_batcher import BatchLimits, MicroBatcher
from integrahub.resilience.rate_limit import RateLimit, WindowUsage, client_network, parse_rate
from integrahub.telemetry.metrics.http import LIMITER_FAILURES

_HIT_TIMEOUT_SECONDS = 1.0  # then the requests are allowed without being counted
_PRUNE_INTERVAL_SECONDS = 600.0
_MAX_HITS_PER_STATEMENT = 10_000
_MAX_BLOCKED_NETWORKS = 100_000
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
        self._batcher = MicroBatcher[_Hit, HitResult](self._count_or_allow, BatchLimits(_MAX_HITS_PER_STATEMENT))
        self._pruned_at = monotonic()
        self._pruning: asyncio.Task[None] | None = None

    async def hit(self, subject: str, limit: RateLimit) -> HitResult:
        """Count one request of a subject."""
        return await self._batcher((subject, limit))

    def submit(self, subject: str, limit: RateLimit) -> "asyncio.Future[HitResult]":
        """Count one request of a subject; the future has the result."""
        return self._batcher.submit((subject, limit))

    async def _count_or_allow(self, hits: list[_Hit]) -> list[HitResult]:
        try:
            async with asyncio.timeout(_HIT_TIMEOUT_SECONDS):
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
        windows = await rate_limits.hit(self._database, counts)
        left = {subject: granted for subject, (granted, _) in windows.items()}
        results: list[HitResult] = []
        for subject, limit in hits:
            usage = windows[subject][1]
            results.append(usage if left[subject] > 0 else max(0.001, usage.retry_after(limit)))
            left[subject] -= 1
        return results

    async def _prune(self) -> None:
        try:
            await rate_limits.prune(self._database)
        except IntegraHubError as error:
            _log.warning("idle rate windows not removed", action="limit", error=str(error))


class RateLimits:
    """Apply the rate limits of the settings to requests; None is no limit.

    `posts` applies to a pharmacy, `failed_keys` to a client network, `all_pharmacy_keys` to a key of all pharmacies.
    """

    def __init__(
        self,
        limiter: RateLimiter,
        posts: RateLimit | None,
        failed_keys: RateLimit | None,
        all_pharmacy_keys: RateLimit | None,
    ) -> None:
        self.limiter = limiter
        self._posts = posts
        self._failed_keys = failed_keys
        self._all_pharmacy_keys = all_pharmacy_keys
        self._blocked_until: dict[str, float] = {}  # by network, on the monotonic clock
        self._blocked_lookups = BlockedLookupLimit()

    async def hit_post(self, caller: Caller, cnpj: str, pharmacy_rate: str | None) -> dict[str, str]:
        """Count a post and return the headers of its answer. Raise TooManyRequests if a limit is reached.

        A post counts for its key if the key has a rate, else for its pharmacy. With a key of all pharmacies the
        client chooses the CNPJ, so the post also counts for the key, against the limit of such keys.
        """
        if self.counts_twice(caller):
            await self._hit(f"key:{caller.name}", self._all_pharmacy_keys)
        subject, limit = self._find_post_limit(caller, cnpj, pharmacy_rate)
        return _post_headers(limit, await self._hit(subject, limit))

    def hit_post_once(self, caller: Caller, cnpj: str, pharmacy_rate: str | None) -> "PostHit":
        """Count a post that counts once as `hit_post` does, without waiting."""
        subject, limit = self._find_post_limit(caller, cnpj, pharmacy_rate)
        return PostHit(limit, self.limiter.submit(subject, limit) if limit else None)

    def counts_twice(self, caller: Caller) -> bool:
        """Return whether a post of this key also counts against the limit of keys of all pharmacies."""
        is_limited = caller.cnpjs is None and not caller.rate_limit and not caller.can(Scope.ADMIN)
        return is_limited and self._all_pharmacy_keys is not None

    def _find_post_limit(self, caller: Caller, cnpj: str, pharmacy_rate: str | None) -> tuple[str, RateLimit | None]:
        subject, rate = f"cnpj:{cnpj}", pharmacy_rate
        if caller.rate_limit:
            subject, rate = f"key:{caller.name}", caller.rate_limit
        return subject, parse_rate(rate) if rate else self._posts

    async def _hit(self, subject: str, limit: RateLimit | None) -> WindowUsage | None:
        if limit is None:
            return None
        return _raise_if_over(limit, await self.limiter.hit(subject, limit))

    def is_blocked(self, address: str) -> bool:
        """Return whether the client's network is blocked for too many wrong keys."""
        network = client_network(address)
        is_over = self._blocked_until.get(network, 0.0) <= monotonic()
        if is_over:
            self._blocked_until.pop(network, None)
        return self._failed_keys is not None and not is_over

    async def look_up_blocked(self, address: str, look_up: Callable[[], Awaitable[Found]], *, is_chosen: bool) -> Found:
        """Look up a key for a blocked network: wrong keys of one client must not lock out others behind its proxy.

        Raise TooManyRequests if too many look-ups run, or if too many keys chosen by operators were looked up.
        """
        try:
            return await self._blocked_lookups(client_network(address), look_up, is_chosen=is_chosen)
        except LookupLimitReached:
            raise self.blocked_error(address) from None

    def blocked_error(self, address: str) -> TooManyRequests:
        """Return the error for a blocked network."""
        limit = self._failed_keys or RateLimit(1, 1)
        return _failed_keys_error(
            limit, max(0.001, self._blocked_until.get(client_network(address), 0.0) - monotonic())
        )

    async def hit_failed_key(self, address: str) -> None:
        """Count a wrong key. If it exceeds the limit, block the network and raise TooManyRequests."""
        if self._failed_keys is None:
            return
        network = client_network(address)
        result = await self.limiter.hit(f"address:{network}", self._failed_keys)
        if isinstance(result, float):
            if len(self._blocked_until) > _MAX_BLOCKED_NETWORKS:
                self._blocked_until.clear()
            self._blocked_until[network] = monotonic() + result
            raise _failed_keys_error(self._failed_keys, result)


class PostHit(NamedTuple):
    """A counted post: its limit, None for none, and the future of the result."""

    limit: RateLimit | None
    result: "asyncio.Future[HitResult] | None"

    def headers(self) -> dict[str, str]:
        """Return the headers of the answer, once `result` is there. Raise TooManyRequests if the hit was refused."""
        if self.limit is None or self.result is None:
            return {}
        return _post_headers(self.limit, _raise_if_over(self.limit, self.result.result()))


def _raise_if_over(limit: RateLimit, result: HitResult) -> WindowUsage | None:
    if isinstance(result, float):
        headers = _headers("posts", limit, 0, result)
        raise TooManyRequests("rate_limited", result, headers, quota=limit.quota, seconds=limit.seconds)
    return result


def _post_headers(limit: RateLimit | None, usage: WindowUsage | None) -> dict[str, str]:
    if limit is None or usage is None:
        return {}
    return _headers("posts", limit, usage.remaining(limit), limit.seconds * (1 - usage.elapsed))


def raise_if_limited(code: str, limit: RateLimit, result: HitResult) -> None:
    """Raise TooManyRequests with this code if the hit was refused."""
    if isinstance(result, float):
        headers = _headers(code.removesuffix("_limited"), limit, 0, result)
        raise TooManyRequests(code, result, headers, quota=limit.quota, seconds=limit.seconds)


def _failed_keys_error(limit: RateLimit, wait: float) -> TooManyRequests:
    headers = _headers("failed-keys", limit, 0, wait)
    return TooManyRequests("failed_keys_limited", wait, headers, quota=limit.quota, seconds=limit.seconds)


def _headers(policy: str, limit: RateLimit, remaining: int, reset: float) -> dict[str, str]:
    seconds = math.ceil(reset)
    return {
        "RateLimit-Policy": f'"{policy}";q={limit.quota};w={limit.seconds}',
        "RateLimit": f'"{policy}";r={remaining};t={seconds}',
        "X-RateLimit-Limit": str(limit.quota),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(seconds),
    }

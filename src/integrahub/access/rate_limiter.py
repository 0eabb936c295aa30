"""Limits shared by all processes: posts by pharmacy or key, failed keys by address."""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic

import structlog

from integrahub.access.blocked_lookups import BlockedLookupLimit, Found, LookupLimitReached
from integrahub.db.accounts import rate_limits as rate_windows
from integrahub.db.database import Database
from integrahub.domain.api_keys import Caller, Scope
from integrahub.domain.errors import TooManyRequests
from integrahub.resilience.rate_limit import RateLimit, WindowUsage, client_network, parse_rate
from integrahub.telemetry.metrics.http import LIMITER_FAILURES

_PATIENCE = 1.0  # seconds a request waits for the limiter before it is let through
_FORGET = 600.0  # seconds between clearings
_log = structlog.get_logger()
_Waiting = tuple[str, RateLimit, "asyncio.Future[WindowUsage | float | None]"]


class RateLimiter:
    """Takes of shared limits. Requests that come together share one statement.

    The answer is what is taken since, seconds to wait when nothing was granted, or None when the limiter is away:
    then requests pass, and a metric counts them.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[_Waiting] = deque()
        self._flushing: asyncio.Task[None] | None = None
        self._forgot = monotonic()

    async def take(self, subject: str, rate: RateLimit) -> WindowUsage | float | None:
        """One of the subject's limit."""
        future: asyncio.Future[WindowUsage | float | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((subject, rate, future))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        return await future

    async def _flush(self) -> None:
        while self._waiting:
            gathered, self._waiting = self._waiting, deque()
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self._answer(gathered)
            except Exception as error:
                # A limit is worth less than a catalogue.
                left = [future for _, _, future in gathered if not future.done()]
                LIMITER_FAILURES.add(by=len(left))
                _log.warning("the rate limiter is away; requests pass", action="limit", error=str(error), of=len(left))
                for future in left:
                    future.set_result(None)

    async def _answer(self, gathered: deque[_Waiting]) -> None:
        wanted: dict[str, tuple[RateLimit, int]] = {}
        for subject, rate, _ in gathered:
            wanted[subject] = (rate, wanted.get(subject, (rate, 0))[1] + 1)
        found = await rate_windows.take(self._database, wanted)
        left = {subject: granted for subject, (granted, _) in found.items()}
        for subject, rate, future in gathered:
            taken = found[subject][1]
            if future.done():
                continue
            future.set_result(taken if left[subject] > 0 else max(0.001, taken.retry_after(rate)))
            left[subject] -= 1
        if monotonic() - self._forgot > _FORGET:
            self._forgot = monotonic()
            await rate_windows.forget(self._database)


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
        if caller.cnpjs is None and not caller.rate_limit and not caller.may(Scope.ADMIN):
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
        taken = await self._limiter.take(subject, limit)
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
        taken = await self._limiter.take(f"address:{place}", self._failed_keys)
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

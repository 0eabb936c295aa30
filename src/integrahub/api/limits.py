"""Limits shared by all processes: posts by pharmacy or key, failed keys by address."""

import asyncio
import math
from collections import deque
from time import monotonic

import structlog

from integrahub.db import rate_windows
from integrahub.db.pool import Database
from integrahub.domain.errors import TooManyRequests
from integrahub.domain.keys import Caller
from integrahub.domain.limits import Rate, Taken, neighbourhood, parse_rate
from integrahub.telemetry.metrics import LIMITER_FAILURES

_PATIENCE = 1.0  # seconds a request waits for the limiter before it is let through
_FORGET = 600.0  # seconds between clearings
_log = structlog.get_logger()
_Waiting = tuple[str, Rate, "asyncio.Future[Taken | float | None]"]


class Limiter:
    """Takes of shared limits. Requests that come together share one statement.

    The answer is what is taken since, seconds to wait when nothing was granted, or None when the limiter is away:
    then requests pass, and a metric counts them.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[_Waiting] = deque()
        self._flushing: asyncio.Task[None] | None = None
        self._forgot = monotonic()

    async def take(self, subject: str, rate: Rate) -> Taken | float | None:
        """One of the subject's limit."""
        future: asyncio.Future[Taken | float | None] = asyncio.get_running_loop().create_future()
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
        wanted: dict[str, tuple[Rate, int]] = {}
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


class Limits:
    """The hub's limits, put to requests. `posts` and `failed_keys` are the settings; None is no limit."""

    def __init__(self, limiter: Limiter, posts: Rate | None, failed_keys: Rate | None) -> None:
        self._limiter = limiter
        self._posts = posts
        self._failed_keys = failed_keys
        self._blocked: dict[str, float] = {}  # address -> monotonic seconds

    async def post(self, caller: Caller, cnpj: str, own: str | None) -> dict[str, str]:
        """Count a post by its key when that has a limit of its own, else by its pharmacy, whose own limit is `own`.

        The headers to answer with; TooManyRequests when the limit is reached.
        """
        subject, rate = (f"key:{caller.name}", caller.rate_limit) if caller.rate_limit else (f"cnpj:{cnpj}", own)
        limit = parse_rate(rate) if rate else self._posts
        if limit is None:
            return {}
        taken = await self._limiter.take(subject, limit)
        if isinstance(taken, float):
            headers = _headers("posts", limit, 0, taken)
            raise TooManyRequests("rate_limited", taken, headers, quota=limit.quota, seconds=limit.seconds)
        return _headers("posts", limit, taken.remaining(limit), limit.seconds * (1 - taken.elapsed)) if taken else {}

    def check_address(self, address: str) -> None:
        """TooManyRequests for an address that offered too many wrong keys, before any key of its is looked at."""
        place = neighbourhood(address)
        wait = self._blocked.get(place, 0.0) - monotonic()
        if wait > 0 and self._failed_keys:
            raise _too_many_keys(self._failed_keys, wait)
        self._blocked.pop(place, None)

    async def failed_key(self, address: str) -> None:
        """Count a key that is nobody's; TooManyRequests when it was one too many."""
        if self._failed_keys is None:
            return
        place = neighbourhood(address)
        taken = await self._limiter.take(f"address:{place}", self._failed_keys)
        if isinstance(taken, float):
            if len(self._blocked) > 100_000:
                self._blocked.clear()
            self._blocked[place] = monotonic() + taken
            raise _too_many_keys(self._failed_keys, taken)


def refuse_over(policy: str, limit: Rate, taken: Taken | float | None) -> None:
    """Raise TooManyRequests `<policy>_limited` when nothing was granted."""
    if isinstance(taken, float):
        headers = _headers(policy, limit, 0, taken)
        raise TooManyRequests(f"{policy}_limited", taken, headers, quota=limit.quota, seconds=limit.seconds)


def _too_many_keys(limit: Rate, wait: float) -> TooManyRequests:
    headers = _headers("failed-keys", limit, 0, wait)
    return TooManyRequests("failed_keys_limited", wait, headers, quota=limit.quota, seconds=limit.seconds)


def _headers(policy: str, rate: Rate, remaining: int, reset: float) -> dict[str, str]:
    seconds = math.ceil(reset)
    return {
        "RateLimit-Policy": f'"{policy}";q={rate.quota};w={rate.seconds}',
        "RateLimit": f'"{policy}";r={remaining};t={seconds}',
        "X-RateLimit-Limit": str(rate.quota),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(seconds),
    }

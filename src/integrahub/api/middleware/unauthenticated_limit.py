"""Middleware that limits concurrent requests without a key, so that they do not slow down those with one."""

import asyncio
from collections.abc import Iterable
from typing import Any

from integrahub.api.auth.authentication import KEY_HEADERS

_PROBE_PATHS = frozenset({"/livez", "/readyz", "/health"})
_PROBE_CONCURRENCY, _OTHER_CONCURRENCY = 8, 4
_SEAT_TIMEOUT_SECONDS = 1.0  # then a client that reads its answer slowly no longer holds a seat
_KEY_HEADERS = frozenset(name.encode() for name in KEY_HEADERS)


def has_key_header(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return whether a request has a header that may carry a key."""
    return any(name in _KEY_HEADERS for name, _ in headers)


class UnauthenticatedLimit:
    """Pass a few requests without a key at a time to the app inside. Probes have seats of their own."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._probe_seats = asyncio.Semaphore(_PROBE_CONCURRENCY)
        self._other_seats = asyncio.Semaphore(_OTHER_CONCURRENCY)
        self._start = asyncio.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on: with a key at once, without one when a seat is free."""
        if scope["type"] != "http" or has_key_header(scope["headers"]):
            await self._app(scope, receive, send)
            return
        seats = self._probe_seats if scope["path"] in _PROBE_PATHS else self._other_seats
        await seats.acquire()
        is_held = True

        def release() -> None:
            nonlocal is_held
            if is_held:
                is_held = False
                seats.release()

        timer = asyncio.get_running_loop().call_later(_SEAT_TIMEOUT_SECONDS, release)
        try:
            # Most are answered without waiting: start one per turn of the event loop, so that a turn stays short.
            async with self._start:
                await asyncio.sleep(0)
            await self._app(scope, receive, send)
        finally:
            timer.cancel()
            release()

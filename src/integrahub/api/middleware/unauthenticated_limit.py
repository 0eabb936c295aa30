"""Requests without a key: few at once, so that a turn of the event loop stays short for everybody else."""

import asyncio
from collections.abc import Iterable
from typing import Any

from integrahub.api.auth.authentication import KEY_HEADERS

_PROBES = frozenset({"/livez", "/readyz", "/health"})
_PROBES_AT_ONCE, _OTHERS_AT_ONCE = 8, 4
_SEAT_SECONDS = 1.0  # after which a client that takes its answer slowly holds up no other
_KEY_HEADERS = frozenset(name.encode() for name in KEY_HEADERS)


def has_key_header(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return whether a request has a header for a key."""
    return any(name in _KEY_HEADERS for name, _ in headers)


class UnauthenticatedLimit:
    """The app inside, which requests without a key enter a few at a time; probes have seats of their own."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._probes = asyncio.Semaphore(_PROBES_AT_ONCE)
        self._others = asyncio.Semaphore(_OTHERS_AT_ONCE)
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on, once there is a seat for one that shows no key."""
        if scope["type"] != "http" or has_key_header(scope["headers"]):
            await self._app(scope, receive, send)
            return
        seats = self._probes if scope["path"] in _PROBES else self._others
        await seats.acquire()
        is_held = True

        def give_up() -> None:
            nonlocal is_held
            if is_held:
                is_held = False
                seats.release()

        timer = asyncio.get_running_loop().call_later(_SEAT_SECONDS, give_up)
        try:
            async with self._turn:  # most are answered without a wait: one in a turn of the event loop
                await asyncio.sleep(0)
            await self._app(scope, receive, send)
        finally:
            timer.cancel()
            give_up()

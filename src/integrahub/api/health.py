"""Health: what this process depends on, and whether it answers."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import UTC, datetime
from time import monotonic, perf_counter
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from integrahub.api.door import KeyedRouter
from integrahub.bus.base import Bus
from integrahub.db.pool import Database
from integrahub.domain.breakers import Breaker
from integrahub.domain.events import BATCHES_RECEIVED
from integrahub.domain.gathering import Shared
from integrahub.storage.base import Storage

_PATIENCE = 5.0  # seconds
_FRESH = 1.0  # seconds one look at the dependencies serves all who ask: each writes a file and asks every server
_OPEN: dict[str, Any] = {"security": []}  # no key needed


async def _probe(check: Callable[[], Awaitable[object]]) -> dict[str, Any]:
    begun = perf_counter()
    try:
        await asyncio.wait_for(check(), _PATIENCE)
    except Exception as error:
        return {"status": "down", "latency_ms": _since(begun), "message": str(error) or type(error).__name__}
    return {"status": "ok", "latency_ms": _since(begun), "message": ""}


class _Looks:
    """Look at one thing at most once a second, however many ask."""

    def __init__(self, look: Callable[[], Coroutine[Any, Any, dict[str, Any]]]) -> None:
        self._look = look
        self._sharing = Shared[None, dict[str, Any]]()
        self._last: dict[str, Any] = {}
        self._looked_at = float("-inf")

    async def __call__(self) -> dict[str, Any]:
        """Return what was found a moment ago, or look."""
        if monotonic() - self._looked_at < _FRESH:
            return self._last
        return await self._sharing(None, self._again)

    async def _again(self) -> dict[str, Any]:
        self._last = await self._look()
        self._looked_at = monotonic()
        return self._last


def _since(begun: float) -> float:
    return round((perf_counter() - begun) * 1000, 2)


def router(database: Database, storage: Storage, bus: Bus, breakers: Mapping[str, Breaker]) -> APIRouter:
    """/health, /livez and /readyz."""
    routes = KeyedRouter(tags=["health"])

    async def checks() -> dict[str, Any]:
        names = ("postgresql", "storage", "bus")
        probes = (database.check, storage.check, lambda: bus.lag(BATCHES_RECEIVED))
        found = dict(zip(names, await asyncio.gather(*map(_probe, probes)), strict=True))
        for name, breaker in breakers.items():
            found[name]["breaker"] = breaker.state
        return found

    look, look_at_database = _Looks(checks), _Looks(lambda: _probe(database.check))

    @routes.get("/health", summary="Each dependency: whether it answers, and how fast", openapi_extra=_OPEN)
    async def health() -> Response:
        found = await look()
        status = "ok" if all(check["status"] == "ok" for check in found.values()) else "down"
        body = {"status": status, "timestamp": datetime.now(UTC).isoformat(), "checks": found}
        return JSONResponse(body, 200 if status == "ok" else 503)

    @routes.get("/livez", summary="Whether the process lives", openapi_extra=_OPEN)
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    @routes.get("/readyz", summary="Whether it can serve now", openapi_extra=_OPEN)
    async def ready() -> Response:
        probe = await look_at_database()
        return JSONResponse({"status": probe["status"]}, 200 if probe["status"] == "ok" else 503)

    return routes

"""Health: what this process depends on, and whether it answers."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.auth.metrics_access import MetricsAccess
from integrahub.api.language import language_of, set_language_headers
from integrahub.api.routes.dependency_messages import describe_failure
from integrahub.api.timestamps import format_time
from integrahub.bus.base import Bus
from integrahub.db.database import Database
from integrahub.domain.events import BATCHES_RECEIVED
from integrahub.domain.languages import Language
from integrahub.domain.messages.message import Message
from integrahub.resilience.circuit_breaker import CircuitBreaker
from integrahub.resilience.single_flight import SingleFlight
from integrahub.resilience.ttl_cache import TtlCache
from integrahub.storage.base import Storage

_PATIENCE = 5.0  # seconds
_FRESH = 1.0  # seconds one look at the dependencies serves all who ask: each writes a file and asks every server
_INTAKE = frozenset({"postgresql", "storage"})  # without these posts are refused
_OPEN: dict[str, Any] = {"security": []}  # no key needed
_CHECK: dict[str, Any] = {
    "type": "object",
    "required": ["status", "latency_ms", "message", "message_pt", "message_en"],
    "properties": {
        "status": {"type": "string", "enum": ["ok", "down"]},
        "latency_ms": {"type": "number"},
        **{name: {"type": "string"} for name in ("message", "message_pt", "message_en")},
        "breaker": {"type": "string", "enum": ["closed", "open", "half-open"]},
    },
}
_HEALTH: dict[str, Any] = {
    "type": "object",
    "required": ["status", "timestamp"],
    "properties": {
        "status": {"type": "string", "enum": ["ok", "degraded", "down"]},
        "timestamp": {"type": "string", "format": "date-time"},
        "checks": {"type": "object", "additionalProperties": _CHECK},
    },
}
_ABOUT = {
    "200": "Every check is ok",
    "503": "`degraded`: posts are accepted, and a check fails; `down`: posts are refused",
}
_DESCRIBED = _OPEN | {
    "responses": {
        status: {"description": about, "content": {"application/json": {"schema": _HEALTH}}}
        for status, about in _ABOUT.items()
    }
}


async def _probe(check: Callable[[], Awaitable[object]]) -> dict[str, Any]:
    begun = perf_counter()
    try:
        await asyncio.wait_for(check(), _PATIENCE)
    except Exception as error:
        told = describe_failure(error, _PATIENCE)
        return {"status": "down", "latency_ms": _since(begun), "message_pt": told.pt, "message_en": told.en}
    return {"status": "ok", "latency_ms": _since(begun), "message_pt": "", "message_en": ""}


class _Looks:
    """Look at one thing at most once a second, however many ask."""

    def __init__(self, look: Callable[[], Coroutine[Any, Any, dict[str, Any]]]) -> None:
        self._look = look
        self._sharing = SingleFlight[None, dict[str, Any]]()
        self._cache = TtlCache[None, dict[str, Any]](_FRESH, max_entries=1)

    async def __call__(self) -> dict[str, Any]:
        """Return what was found a moment ago, or look."""
        cached = self._cache.get(None)
        return cached if cached is not None else await self._sharing(None, self._again)

    async def _again(self) -> dict[str, Any]:
        result = await self._look()
        self._cache.put(None, result)
        return result


def _status(checks: dict[str, Any]) -> str:
    """`degraded` while posts are taken and another check fails."""
    failing = {name for name, check in checks.items() if check["status"] != "ok"}
    if failing & _INTAKE:
        return "down"
    return "degraded" if failing else "ok"


def _message(check: dict[str, Any], language: Language) -> str:
    return Message(check["message_pt"], check["message_en"]).in_language(language)


def _since(begun: float) -> float:
    return round((perf_counter() - begun) * 1000, 2)


def router(
    database: Database, storage: Storage, bus: Bus, breakers: Mapping[str, CircuitBreaker], insight: MetricsAccess
) -> APIRouter:
    """/health, /livez and /readyz."""
    routes = AuthenticatedRouter(tags=["health"])

    async def checks() -> dict[str, Any]:
        names = ("postgresql", "storage", "bus")
        probes = (database.check, storage.check, lambda: bus.lag(BATCHES_RECEIVED))
        found = dict(zip(names, await asyncio.gather(*map(_probe, probes)), strict=True))
        for name, breaker in breakers.items():
            found[name]["breaker"] = breaker.state
        return found

    look, look_at_database = _Looks(checks), _Looks(lambda: _probe(database.check))

    @routes.get("/health", summary="Each dependency: whether it answers, and how fast", openapi_extra=_DESCRIBED)
    async def health(request: Request) -> Response:
        found, language = await look(), language_of(request)
        checks = {name: check | {"message": _message(check, language)} for name, check in found.items()}
        body: dict[str, Any] = {"status": _status(found), "timestamp": format_time(datetime.now(UTC))}
        if await insight.is_allowed(request):
            body["checks"] = checks
        answer = JSONResponse(body, 200 if body["status"] == "ok" else 503)
        set_language_headers(answer, language)
        return answer

    @routes.get("/livez", summary="Whether the process lives", openapi_extra=_OPEN)
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    @routes.get("/readyz", summary="Whether it can serve now", openapi_extra=_OPEN)
    async def ready() -> Response:
        probe = await look_at_database()
        return JSONResponse({"status": probe["status"]}, 200 if probe["status"] == "ok" else 503)

    return routes

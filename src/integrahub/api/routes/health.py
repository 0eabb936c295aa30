"""Routes of health: checks of the dependencies, and probes of this process."""

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
from integrahub.api.models.health import HealthAnswer, ProbeAnswer
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

_CHECK_TIMEOUT_SECONDS = 5.0
_CHECK_TTL_SECONDS = 1.0  # a check writes a file and queries every dependency, so callers share its result
_INGEST_DEPENDENCIES = frozenset({"postgresql", "storage"})
_PUBLIC: dict[str, Any] = {"security": []}
_STATUSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "Every check is ok"},
    503: {
        "description": "`degraded`: posts are accepted, but a check fails; `down`: posts are refused",
        "model": HealthAnswer,
    },
}


async def _probe(check: Callable[[], Awaitable[object]]) -> dict[str, Any]:
    started_at = perf_counter()
    try:
        await asyncio.wait_for(check(), _CHECK_TIMEOUT_SECONDS)
    except Exception as error:
        message = describe_failure(error, _CHECK_TIMEOUT_SECONDS)
        status = "down"
    else:
        message, status = Message("", ""), "ok"
    latency_ms = round((perf_counter() - started_at) * 1000, 2)
    return {"status": status, "latency_ms": latency_ms, "message_pt": message.pt, "message_en": message.en}


class _CachedCheck:
    """Run a check at most once a second; concurrent callers share its result."""

    def __init__(self, check: Callable[[], Coroutine[Any, Any, dict[str, Any]]]) -> None:
        self._check = check
        self._single_flight = SingleFlight[None, dict[str, Any]]()
        self._cache = TtlCache[None, dict[str, Any]](_CHECK_TTL_SECONDS, max_entries=1)

    async def __call__(self) -> dict[str, Any]:
        """Return the cached result, or that of a new check."""
        cached = self._cache.get(None)
        return cached if cached is not None else await self._single_flight(None, self._run)

    async def _run(self) -> dict[str, Any]:
        result = await self._check()
        self._cache.put(None, result)
        return result


def _status(checks: dict[str, Any]) -> str:
    """Return `down` if posts are refused, `degraded` if another check fails, else `ok`."""
    failing = {name for name, check in checks.items() if check["status"] != "ok"}
    if failing & _INGEST_DEPENDENCIES:
        return "down"
    return "degraded" if failing else "ok"


def _message(check: dict[str, Any], language: Language) -> str:
    return Message(check["message_pt"], check["message_en"]).in_language(language)


def router(
    database: Database, storage: Storage, bus: Bus, breakers: Mapping[str, CircuitBreaker], access: MetricsAccess
) -> APIRouter:
    """Return the routes /health, /livez and /readyz; they need no key."""
    routes = AuthenticatedRouter(tags=["health"])

    async def run_checks() -> dict[str, Any]:
        names = ("postgresql", "storage", "bus")
        probes = (database.check, storage.check, lambda: bus.lag(BATCHES_RECEIVED))
        checks = dict(zip(names, await asyncio.gather(*map(_probe, probes)), strict=True))
        for name, breaker in breakers.items():
            checks[name]["breaker"] = breaker.state
        return checks

    check_all, check_database = _CachedCheck(run_checks), _CachedCheck(lambda: _probe(database.check))
    _add_health(routes, check_all, access)
    _add_probes(routes, check_database)
    return routes


def _add_health(routes: APIRouter, check_all: _CachedCheck, access: MetricsAccess) -> None:
    @routes.get(
        "/health",
        summary="Status and latency of each dependency",
        response_model=HealthAnswer,
        responses=_STATUSES,
        openapi_extra=_PUBLIC,
    )
    async def health(request: Request) -> Response:
        results, language = await check_all(), language_of(request)
        body: dict[str, Any] = {"status": _status(results), "timestamp": format_time(datetime.now(UTC))}
        if await access.is_allowed(request):
            body["checks"] = {name: check | {"message": _message(check, language)} for name, check in results.items()}
        response = JSONResponse(body, 200 if body["status"] == "ok" else 503)
        set_language_headers(response, language)
        return response


def _add_probes(routes: APIRouter, check_database: _CachedCheck) -> None:
    @routes.get("/livez", summary="Whether the process is alive", openapi_extra=_PUBLIC)
    async def live() -> ProbeAnswer:
        return ProbeAnswer(status="ok")

    @routes.get("/readyz", summary="Whether it can serve now", response_model=ProbeAnswer, openapi_extra=_PUBLIC)
    async def ready() -> Response:
        probe = await check_database()
        return JSONResponse({"status": probe["status"]}, 200 if probe["status"] == "ok" else 503)

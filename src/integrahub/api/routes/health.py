"""Routes of health: checks of the dependencies, and probes of this process."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Generic, Literal, TypeVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.auth.metrics_access import MetricsAccess
from integrahub.api.language import language_of, set_language_headers
from integrahub.api.models.health import CheckAnswer, HealthAnswer, ProbeAnswer
from integrahub.api.routes.dependency_messages import describe_failure
from integrahub.bus.base import Bus
from integrahub.db.database import Database
from integrahub.domain.events import BATCHES_RECEIVED
from integrahub.domain.languages import Language
from integrahub.domain.messages.message import Message
from integrahub.domain.views.timestamps import format_time
from integrahub.resilience.circuit_breaker import CircuitBreaker, CircuitState
from integrahub.resilience.single_flight import SingleFlight
from integrahub.resilience.ttl_cache import TtlCache
from integrahub.storage.base import Storage

_CHECK_TIMEOUT_SECONDS = 5.0
_CHECK_TTL_SECONDS = 1.0  # a check writes a file and queries every dependency, so callers share its result
_INGEST_DEPENDENCIES = frozenset({"postgresql", "storage"})
Result = TypeVar("Result")
_PUBLIC: dict[str, Any] = {"security": []}
_STATUSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "Every check is ok"},
    503: {
        "description": "`degraded`: posts are accepted, but a check fails; `down`: posts are refused",
        "model": HealthAnswer,
    },
}


@dataclass(frozen=True, slots=True)
class _CheckResult:
    is_ok: bool
    latency_ms: float
    message: Message
    breaker: CircuitState | None = None


_Checks = dict[str, _CheckResult]  # by dependency


async def _probe(check: Callable[[], Awaitable[object]]) -> _CheckResult:
    started_at = perf_counter()
    message = Message("", "")
    is_ok = True
    try:
        await asyncio.wait_for(check(), _CHECK_TIMEOUT_SECONDS)
    except Exception as error:
        is_ok, message = False, describe_failure(error, _CHECK_TIMEOUT_SECONDS)
    return _CheckResult(is_ok, round((perf_counter() - started_at) * 1000, 2), message)


class _CachedCheck(Generic[Result]):
    """Run a check at most once a second; concurrent callers share its result."""

    def __init__(self, check: Callable[[], Coroutine[Any, Any, Result]]) -> None:
        self._check = check
        self._single_flight = SingleFlight[None, Result]()
        self._cache = TtlCache[None, Result](_CHECK_TTL_SECONDS, max_entries=1)

    async def __call__(self) -> Result:
        """Return the cached result, or that of a new check."""
        cached = self._cache.get(None)
        return cached if cached is not None else await self._single_flight(None, self._run)

    async def _run(self) -> Result:
        result = await self._check()
        self._cache.put(None, result)
        return result


def _status(checks: _Checks) -> Literal["ok", "degraded", "down"]:
    """Return `down` if posts are refused, `degraded` if another check fails, else `ok`."""
    failing = {name for name, check in checks.items() if not check.is_ok}
    if failing & _INGEST_DEPENDENCIES:
        return "down"
    return "degraded" if failing else "ok"


def _to_answer(check: _CheckResult, language: Language) -> CheckAnswer:
    breaker = {} if check.breaker is None else {"breaker": check.breaker}
    return CheckAnswer(
        status="ok" if check.is_ok else "down",
        latency_ms=check.latency_ms,
        message_pt=check.message.pt,
        message_en=check.message.en,
        **breaker,
        message=check.message.in_language(language),
    )


def router(
    database: Database, storage: Storage, bus: Bus, breakers: Mapping[str, CircuitBreaker], access: MetricsAccess
) -> APIRouter:
    """Return the routes /health, /livez and /readyz; they need no key."""
    routes = AuthenticatedRouter(tags=["health"])

    async def run_checks() -> _Checks:
        names = ("postgresql", "storage", "bus")
        probes = (database.check, storage.check, lambda: bus.lag(BATCHES_RECEIVED))
        checks = dict(zip(names, await asyncio.gather(*map(_probe, probes)), strict=True))
        return {
            name: replace(check, breaker=breakers[name].state) if name in breakers else check
            for name, check in checks.items()
        }

    _add_health(routes, _CachedCheck(run_checks), access)
    _add_probes(routes, _CachedCheck(lambda: _probe(database.check)))
    return routes


def _add_health(routes: APIRouter, check_all: _CachedCheck[_Checks], access: MetricsAccess) -> None:
    @routes.get(
        "/health",
        summary="Status and latency of each dependency",
        response_model=HealthAnswer,
        responses=_STATUSES,
        openapi_extra=_PUBLIC,
    )
    async def health(request: Request) -> Response:
        checks, language = await check_all(), language_of(request)
        answer: dict[str, Any] = {"status": _status(checks), "timestamp": format_time(datetime.now(UTC))}
        if await access.is_allowed(request):
            answer["checks"] = {name: _to_answer(check, language) for name, check in checks.items()}
        body = HealthAnswer.model_validate(answer).model_dump(mode="json", exclude_unset=True)
        response = JSONResponse(body, 200 if body["status"] == "ok" else 503)
        set_language_headers(response, language)
        return response


def _add_probes(routes: APIRouter, check_database: _CachedCheck[_CheckResult]) -> None:
    @routes.get("/livez", summary="Whether the process is alive", openapi_extra=_PUBLIC)
    async def live() -> ProbeAnswer:
        return ProbeAnswer(status="ok")

    @routes.get("/readyz", summary="Whether it can serve now", response_model=ProbeAnswer, openapi_extra=_PUBLIC)
    async def ready() -> Response:
        is_ok = (await check_database()).is_ok
        return JSONResponse({"status": "ok" if is_ok else "down"}, 200 if is_ok else 503)

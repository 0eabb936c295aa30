"""Routes of health: checks of the dependencies, and probes of this process."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.auth.metrics_access import MetricsAccess
from integrahub.api.language import language_of, set_language_headers
from integrahub.api.models.health import CheckAnswer, HealthAnswer, ProbeAnswer
from integrahub.bus.base import Bus
from integrahub.db.database import Database
from integrahub.domain.languages import Language
from integrahub.domain.views.timestamps import format_time
from integrahub.monitoring.dependencies import Checks, DependencyCheck, DependencyChecks, check_dependency
from integrahub.resilience.circuit_breaker import CircuitBreaker
from integrahub.resilience.shared_results import SharedResults
from integrahub.storage.base import Storage

_PROBE_TTL_SECONDS = 1.0
_INGEST_DEPENDENCIES = frozenset({"postgresql", "storage"})
_PUBLIC: dict[str, Any] = {"security": []}
_STATUSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "Every check is ok"},
    503: {
        "description": "`degraded`: posts are accepted, but a check fails; `down`: posts are refused",
        "model": HealthAnswer,
    },
}


def _status(checks: Checks) -> Literal["ok", "degraded", "down"]:
    """Return `down` if posts are refused, `degraded` if another check fails, else `ok`."""
    failing = {name for name, check in checks.items() if not check.is_ok}
    if failing & _INGEST_DEPENDENCIES:
        return "down"
    return "degraded" if failing else "ok"


def _to_answer(check: DependencyCheck, language: Language) -> CheckAnswer:
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

    _add_health(routes, DependencyChecks(database, storage, bus, breakers), access)
    _add_probes(routes, database)
    return routes


def _add_health(routes: APIRouter, check_all: DependencyChecks, access: MetricsAccess) -> None:
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


def _add_probes(routes: APIRouter, database: Database) -> None:
    results = SharedResults[None, DependencyCheck](_PROBE_TTL_SECONDS)

    @routes.get("/livez", summary="Whether the process is alive", openapi_extra=_PUBLIC)
    async def live() -> ProbeAnswer:
        return ProbeAnswer(status="ok")

    @routes.get("/readyz", summary="Whether it can serve now", response_model=ProbeAnswer, openapi_extra=_PUBLIC)
    async def ready() -> Response:
        is_ok = (await results(None, lambda: check_dependency(database.check))).is_ok
        return JSONResponse({"status": "ok" if is_ok else "down"}, 200 if is_ok else 503)

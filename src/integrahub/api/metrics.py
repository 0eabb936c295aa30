"""/metrics: what the hub's database knows of itself, as Prometheus reads it."""

from collections.abc import Mapping

from fastapi import APIRouter
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response

from integrahub.api.limits import Limiter
from integrahub.db import backlog, reconciliations
from integrahub.db.pool import Database
from integrahub.domain.breakers import Breaker, BreakerState

_OPENNESS = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}


class Gauges:
    """The hub's gauges, set anew at each scrape."""

    def __init__(self, database: Database, breakers: Mapping[str, Breaker], limiter: Limiter) -> None:
        self._database = database
        self._breakers = breakers
        self._limiter = limiter
        self.registry = CollectorRegistry()
        self._unaccounted = self._gauge(
            "unaccounted_records",
            "Records that counts made apart do not agree on; anything but 0 is a fault of the hub",
        )
        self._backlog = self._gauge(
            "backlog_records", "Records that wait for a step; before the split, estimated", "step"
        )
        self._breaker = self._gauge("breaker_state", "0 closed, 1 half-open, 2 open, in this process", "dependency")

        self._unlimited = self._gauge(
            "rate_limiter_failures", "Requests let through in this process since the limiter was away"
        )

    async def read(self) -> bytes:
        """Every figure as of now; of the database's only what it can tell."""
        for name, breaker in self._breakers.items():
            self._breaker.labels(name).set(_OPENNESS[breaker.state])
        self._unlimited.set(self._limiter.failures)
        found = await reconciliations.latest(self._database)
        self._unaccounted.set(found["unaccounted"] if found else 0)
        for step, records in (await backlog.by_step(self._database)).items():
            self._backlog.labels(step).set(records)
        return generate_latest(self.registry)

    def _gauge(self, name: str, told: str, *labels: str) -> Gauge:
        return Gauge(f"integrahub_{name}", told, labels, registry=self.registry)


def router(database: Database, breakers: Mapping[str, Breaker], limiter: Limiter) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["health"])
    gauges = Gauges(database, breakers, limiter)

    @routes.get("/metrics", summary="For Prometheus", openapi_extra={"security": []})
    async def metrics() -> Response:
        return Response(await gauges.read(), media_type=CONTENT_TYPE_LATEST)

    return routes

"""/metrics: what the hub's database and bus know, and what this process counted, as Prometheus reads it."""

from fastapi import APIRouter
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response

from integrahub.api.limits import Limiter
from integrahub.flow.gauges import Gauges


def router(gauges: Gauges, limiter: Limiter) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["health"])
    own = CollectorRegistry()
    told = "Requests let through in this process since the limiter was away"
    Gauge("integrahub_rate_limiter_failures", told, registry=own).set_function(lambda: limiter.failures)

    @routes.get("/metrics", summary="For Prometheus", openapi_extra={"security": []})
    async def metrics() -> Response:
        return Response(await gauges() + generate_latest(own), media_type=CONTENT_TYPE_LATEST)

    return routes

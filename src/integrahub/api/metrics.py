"""/metrics: what the hub's database knows of itself, as Prometheus reads it."""

from fastapi import APIRouter
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response

from integrahub.db import reconciliations
from integrahub.db.pool import Database


def router(database: Database) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["health"])
    registry = CollectorRegistry()
    unaccounted = Gauge(
        "integrahub_unaccounted_records",
        "Records that counts made apart do not agree on; anything but 0 is a fault of the hub",
        registry=registry,
    )

    @routes.get("/metrics", summary="For Prometheus", openapi_extra={"security": []})
    async def metrics() -> Response:
        found = await reconciliations.latest(database)
        unaccounted.set(found["unaccounted"] if found else 0)
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return routes

"""/metrics: under a fleet what all its processes counted, since any of them may answer; else this process's own."""

import re

import httpx
import structlog
from fastapi import APIRouter
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from integrahub.flow.gauges import Gauges
from integrahub.telemetry.probes import SCRAPE, SCRAPE_HEADER

_SECONDS = re.compile(r"\d{1,3}(\.\d{1,6})?")
_log = structlog.get_logger()


def router(gauges: Gauges, fleet_port: int | None) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["health"])

    @routes.get("/metrics", summary="For Prometheus", openapi_extra={"security": []})
    async def metrics(request: Request) -> Response:
        said = request.headers.get(SCRAPE_HEADER, "")
        waits = float(said) if _SECONDS.fullmatch(said) else SCRAPE
        told = await (gauges(waits) if fleet_port is None else _of_fleet(fleet_port, waits))
        return Response(told, 200 if told else 503, media_type=CONTENT_TYPE_LATEST)

    return routes


async def _of_fleet(port: int, waits: float) -> bytes:
    """Nothing when the fleet does not answer: one process's counts in their place would look like a fall."""
    try:
        async with httpx.AsyncClient(timeout=waits, headers={SCRAPE_HEADER: str(waits)}) as http:
            return (await http.get(f"http://127.0.0.1:{port}/metrics")).raise_for_status().content
    except httpx.HTTPError as error:
        _log.warning("the fleet does not tell its counts", action="scrape", error=str(error))
        return b""

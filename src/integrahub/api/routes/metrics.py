"""/metrics: under a fleet what all its processes counted, since any of them may answer; else this process's own."""

import re

import httpx
import structlog
from fastapi import APIRouter
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.auth.metrics_access import MetricsAccess
from integrahub.monitoring.scrape import MetricsScrape
from integrahub.telemetry.probe_server import DEFAULT_SCRAPE_TIMEOUT_SECONDS, SCRAPE_TIMEOUT_HEADER

_SECONDS = re.compile(r"\d{1,3}(\.\d{1,6})?")
_OPEN = {"security": [], "responses": {"200": {"content": {"text/plain": {"schema": {"type": "string"}}}}}}
_log = structlog.get_logger()


def router(gauges: MetricsScrape, fleet_port: int | None, insight: MetricsAccess) -> APIRouter:
    """The route."""
    routes = AuthenticatedRouter(tags=["health"])
    tell = gauges if fleet_port is None else SupervisorScrape(fleet_port)

    @routes.get("/metrics", summary="For Prometheus", openapi_extra=_OPEN)
    async def metrics(request: Request) -> Response:
        await insight.require(request)
        said = request.headers.get(SCRAPE_TIMEOUT_HEADER, "")
        told = await tell(float(said) if _SECONDS.fullmatch(said) else DEFAULT_SCRAPE_TIMEOUT_SECONDS)
        return Response(told, 200 if told else 503, media_type=CONTENT_TYPE_LATEST)

    return routes


class SupervisorScrape:
    """Asks the fleet. Nothing when it does not answer: one process's counts in their place would look like a fall."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/metrics"
        # One transport for all: to make one costs more than a scrape, most of it certificates nobody needs here.
        self._transport = httpx.AsyncHTTPTransport(verify=False)

    async def __call__(self, waits: float) -> bytes:
        """What it tells one who waits so many seconds."""
        patience = httpx.Timeout(waits).as_dict()
        request = httpx.Request(
            "GET", self._url, headers={SCRAPE_TIMEOUT_HEADER: str(waits)}, extensions={"timeout": patience}
        )
        try:
            answer = await self._transport.handle_async_request(request)
            return (await answer.aread()) if answer.status_code == 200 else b""
        except httpx.HTTPError as error:
            _log.warning("the fleet does not tell its counts", action="scrape", error=str(error))
            return b""

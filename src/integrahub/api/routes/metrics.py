"""Route /metrics: counters of all processes of a supervisor, or of this process if it has none."""

import re
from typing import Any

import httpx2
import structlog
from fastapi import APIRouter
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from integrahub.api.auth.guarded_route import AuthenticatedRouter
from integrahub.api.auth.metrics_access import MetricsAccess
from integrahub.monitoring.scrape import MetricsScrape
from integrahub.telemetry.probe_server import DEFAULT_SCRAPE_TIMEOUT_SECONDS, SCRAPE_TIMEOUT_HEADER

_SECONDS = re.compile(r"\d{1,3}(\.\d{1,6})?")
_EXAMPLE = """# HELP integrahub_batches_finished_total Batches that reached a final status
# TYPE integrahub_batches_finished_total counter
integrahub_batches_finished_total{status="COMPLETED"} 1200.0
"""
_RESPONSES: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"example": _EXAMPLE}}}}
_log = structlog.get_logger()


def router(scrape: MetricsScrape, supervisor_port: int | None, access: MetricsAccess) -> APIRouter:
    """Return the route; it needs a viewer's key unless metrics are public."""
    routes = AuthenticatedRouter(tags=["health"])
    render = scrape if supervisor_port is None else SupervisorScrape(supervisor_port)

    @routes.get(
        "/metrics",
        summary="Metrics for Prometheus",
        response_class=PlainTextResponse,
        responses=_RESPONSES,
        openapi_extra={"security": []},
    )
    async def metrics(request: Request) -> Response:
        await access.require(request)
        timeout = request.headers.get(SCRAPE_TIMEOUT_HEADER, "")
        text = await render(float(timeout) if _SECONDS.fullmatch(timeout) else DEFAULT_SCRAPE_TIMEOUT_SECONDS)
        return Response(text, 200 if text else 503, media_type=CONTENT_TYPE_LATEST)

    return routes


class SupervisorScrape:
    """Read the metrics of all processes from the supervisor.

    Answer nothing if the supervisor does not: the counters of one process alone would look like a drop.
    """

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/metrics"
        # One transport for all requests: creating one loads certificates, which costs more than a scrape.
        self._transport = httpx2.AsyncHTTPTransport(verify=False)

    async def __call__(self, timeout: float) -> bytes:
        """Return the metrics for a scraper that waits `timeout` seconds, or b"" if the supervisor does not answer."""
        timeouts = httpx2.Timeout(timeout).as_dict()
        headers = {SCRAPE_TIMEOUT_HEADER: str(timeout)}
        request = httpx2.Request("GET", self._url, headers=headers, extensions={"timeout": timeouts})
        try:
            response = await self._transport.handle_async_request(request)
            return (await response.aread()) if response.status_code == 200 else b""
        except httpx2.HTTPError as error:
            _log.warning("supervisor does not answer the scrape", action="scrape", error=str(error))
            return b""

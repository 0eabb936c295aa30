"""Middleware that counts and times the requests of the console."""

from time import perf_counter
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from integrahub.telemetry.metrics.http import HTTP_DURATION, HTTP_REQUESTS

_METHODS = frozenset({"GET", "HEAD", "POST"})


class PageTelemetry:
    """Record each request by method, route and status. Paths that no route has are `unmatched`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and record it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_at, status = perf_counter(), "500"

        async def send_recorded(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_recorded)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            route = getattr(scope.get("route"), "path", "unmatched")
            HTTP_REQUESTS.add(method, route, status)
            HTTP_DURATION.observe(perf_counter() - started_at, method, route)

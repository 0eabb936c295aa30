"""Middleware that counts, times and traces every request."""

from time import perf_counter
from typing import Any

from integrahub.access.refusals import RefusalCounts
from integrahub.api.middleware.refusal_log import RefusalLog
from integrahub.api.middleware.refused_posts import count_refused_post, is_refused_look_up
from integrahub.api.middleware.unauthenticated_limit import UnauthenticatedLimit
from integrahub.domain.ids import uuid7
from integrahub.telemetry import tracing
from integrahub.telemetry.metrics.http import HTTP_DURATION, HTTP_REQUESTS, POST_ROUTE

_RESPONSE_BLOCK_BYTES = 64 * 1024
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class TelemetryMiddleware:
    """Record each request. `scope["trace"]` is its trace id, which becomes the id of the batch that it creates.

    Posts of catalogues are most requests. They go to the ingest endpoint directly, without the cost of routing.
    """

    def __init__(self, app: Any, ingest: Any, refused_posts: RefusalCounts) -> None:
        self._app = UnauthenticatedLimit(app)
        self._ingest = ingest
        self._refused_posts = refused_posts
        self._refusals = RefusalLog()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on and record its status and duration."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # A post that left the shorter path of plain posts has both already.
        started_at, trace = scope.setdefault("started_at", perf_counter()), scope.setdefault("trace", uuid7())
        status = "500"

        async def send_recorded(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await _send_in_blocks(send, message)

        try:
            with tracing.bind_trace(trace), tracing.root_span(f"{scope['method']} request", trace, path=scope["path"]):
                await self._endpoint(scope)(scope, receive, send_recorded)
                if "refusal" in scope:
                    self._record_refusal(scope, status)
        finally:
            method, route = _labels(scope)
            HTTP_REQUESTS.add(method, route, status)
            HTTP_DURATION.observe(scope.get("answered_at", perf_counter()) - started_at, method, route)

    def _record_refusal(self, scope: Any, status: str) -> None:
        self._refusals.add(scope, _labels(scope)[1], status)
        if scope.get("endpoint") is self._ingest or is_refused_look_up(scope):
            count_refused_post(self._refused_posts, scope)

    def _endpoint(self, scope: Any) -> Any:
        if scope["path"] != POST_ROUTE or scope["method"] != "POST":
            return self._app
        scope["endpoint"] = self._ingest
        return self._ingest


async def _send_in_blocks(send: Any, message: Any) -> None:
    """Send a message. Split a long body: each block waits until the client has read most of those before it."""
    body = message.get("body", b"")
    if len(body) > _RESPONSE_BLOCK_BYTES:
        left = memoryview(body)
        while len(left) > _RESPONSE_BLOCK_BYTES:
            await send({"type": message["type"], "body": bytes(left[:_RESPONSE_BLOCK_BYTES]), "more_body": True})
            left = left[_RESPONSE_BLOCK_BYTES:]
        message = message | {"body": bytes(left)}
    await send(message)


def _labels(scope: Any) -> tuple[str, str]:
    """Return method and route as labels of metrics. Values that clients invent become `other` and `unmatched`."""
    method = scope["method"] if scope["method"] in _METHODS else "other"
    route = scope.get("route")
    if route is not None:
        return method, route.path
    return method, POST_ROUTE if scope["path"] == POST_ROUTE and "endpoint" in scope else "unmatched"

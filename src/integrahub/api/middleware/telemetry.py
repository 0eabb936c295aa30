"""Every request is counted, timed and given a trace."""

from time import perf_counter
from typing import Any

from integrahub.api.middleware.refusal_log import RefusalLog
from integrahub.api.middleware.unauthenticated_limit import UnauthenticatedLimit
from integrahub.domain.ids import uuid7
from integrahub.telemetry import tracing
from integrahub.telemetry.metrics.http import HTTP_DURATION, HTTP_REQUESTS, POST_ROUTE

_BLOCK_BYTES = 64 * 1024
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class TelemetryMiddleware:
    """The app inside, watched. `scope["trace"]` is the trace; a batch that comes of the request has it as its id.

    Posts of bodies, by far the most requests, go to `post` at once: the way through the app costs as much as they do.
    """

    def __init__(self, app: Any, post: Any) -> None:
        self._app = UnauthenticatedLimit(app)
        self._post = post
        self._refusals = RefusalLog()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status, trace = perf_counter(), "500", uuid7()
        scope["trace"] = trace

        async def sent(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await _send_in_blocks(send, message)

        try:
            with tracing.bind_trace(trace), tracing.root_span(f"{scope['method']} request", trace, path=scope["path"]):
                await self._to(scope)(scope, receive, sent)
                if "refusal" in scope:
                    self._refusals.add(scope, _known(scope)[1], status)
        finally:
            method, route = _known(scope)
            HTTP_REQUESTS.add(method, route, status)
            HTTP_DURATION.observe(perf_counter() - begun, method, route)

    def _to(self, scope: Any) -> Any:
        if scope["path"] != POST_ROUTE or scope["method"] != "POST":
            return self._app
        scope["endpoint"] = self._post
        return self._post


async def _send_in_blocks(send: Any, message: Any) -> None:
    """Send a message; of a long body each block waits until the client has taken most of those before it."""
    body = message.get("body", b"")
    if len(body) > _BLOCK_BYTES:
        left = memoryview(body)
        while len(left) > _BLOCK_BYTES:
            await send({"type": message["type"], "body": bytes(left[:_BLOCK_BYTES]), "more_body": True})
            left = left[_BLOCK_BYTES:]
        message = message | {"body": bytes(left)}
    await send(message)


def _known(scope: Any) -> tuple[str, str]:
    """Method and route, each one of few: what clients make up is not told."""
    method = scope["method"] if scope["method"] in _METHODS else "other"
    route = scope.get("route")
    if route is not None:
        return method, route.path
    return method, POST_ROUTE if scope["path"] == POST_ROUTE and "endpoint" in scope else "unmatched"

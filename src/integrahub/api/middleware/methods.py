"""Middleware that answers HEAD wherever a route has GET, and OPTIONS on every path."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

_ROUTED_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")


def allowed_methods(request: Request) -> list[str]:
    """Return the methods that the app accepts on the request's path, or an empty list for an unknown path."""
    methods = {method for method in _ROUTED_METHODS if _has_route(request, method)}
    if methods:
        methods |= {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
    return sorted(methods)


def _has_route(request: Request, method: str) -> bool:
    scope = dict(request.scope) | {"method": method}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)


class HeadAndOptions:
    """Answer HEAD like GET without a body, and OPTIONS with the methods of the path in `Allow`."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on, a HEAD request as GET."""
        if scope["type"] != "http" or scope["method"] not in ("HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        methods = allowed_methods(Request(scope))
        if scope["method"] == "OPTIONS" and methods:
            await Response(status_code=204, headers={"Allow": ", ".join(methods)})(scope, receive, send)
        elif "HEAD" in methods:
            # The server omits the body by the method in its own scope, which stays HEAD.
            get_scope = dict(scope) | {"method": "GET"}
            await self._app(get_scope, receive, _HeadSender(send, scope, get_scope))
        else:
            await self._app(scope, receive, send)


class _HeadSender:
    """Send the head of an answer as the whole answer, so that a streamed body is not produced.

    Copy the inner scope's entries to the outer scope, where the telemetry middleware reads the route.
    """

    def __init__(self, send: Any, outer: Any, inner: Any) -> None:
        self._send = send
        self._outer = outer
        self._inner = inner

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._outer |= {name: value for name, value in self._inner.items() if name not in self._outer}
            await self._send(message)
            await self._send({"type": "http.response.body", "body": b""})

"""Methods that every path knows without a route of its own: HEAD wherever GET is, and OPTIONS."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

_ASKED = ("DELETE", "GET", "PATCH", "POST", "PUT")


def allowed(request: Request) -> list[str]:
    """Return the methods that the app has for the request's path; none when it has no such path."""
    found = {method for method in _ASKED if _has(request, method)}
    if found:
        found |= {"OPTIONS"} | ({"HEAD"} if "GET" in found else set())
    return sorted(found)


def _has(request: Request, method: str) -> bool:
    scope = dict(request.scope) | {"method": method}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)


class Methods:
    """An app that answers HEAD as GET without its body, and OPTIONS with the methods of the path."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on, as GET when it is HEAD."""
        if scope["type"] != "http" or scope["method"] not in ("HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        methods = allowed(Request(scope))
        if scope["method"] == "OPTIONS" and methods:
            await Response(status_code=204, headers={"Allow": ", ".join(methods)})(scope, receive, send)
        elif "HEAD" in methods:
            # The server leaves bodies out by the method of its own scope.
            as_get = dict(scope) | {"method": "GET"}
            await self._app(as_get, receive, _Bodiless(send, scope, as_get))
        else:
            await self._app(scope, receive, send)


class _Bodiless:
    """Sends the head of an answer as the whole of it: a stream is not waited for.

    Whoever counts and logs looks in the outer scope for the route and the like.
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

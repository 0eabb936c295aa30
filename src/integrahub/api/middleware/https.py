"""Middleware and application for HTTPS: security headers, and a redirect from plain HTTP."""

import re
from typing import Any

from starlette.types import Receive, Scope, Send

_HOST = re.compile(rb"[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")


class HTTPSRedirect:
    """ASGI application that redirects every request to the same path over HTTPS on `port`."""

    def __init__(self, port: int) -> None:
        self._port = b"" if port == 443 else b":%d" % port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 308 with the HTTPS address, or 400 if the request has no usable Host header."""
        if scope["type"] != "http":
            return
        header = next((value for name, value in scope["headers"] if name == b"host"), b"")
        host = _HOST.match(header)
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        location = b"https://%s%s%s%s" % (host[0] if host else b"", self._port, scope["raw_path"], query)
        headers = [(b"content-length", b"0")] + ([(b"location", location)] if host else [])
        await send({"type": "http.response.start", "status": 308 if host else 400, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


class SecurityHeaders:
    """Middleware that adds `X-Content-Type-Options` to every answer and, over TLS, `Strict-Transport-Security`."""

    def __init__(self, app: Any, *, tls: bool) -> None:
        self._app = app
        self.headers = [(b"x-content-type-options", b"nosniff")]
        if tls:
            self.headers.append((b"strict-transport-security", b"max-age=31536000"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add the headers to its answer."""

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self.headers]
            await send(message)

        await self._app(scope, receive, send_with_headers)

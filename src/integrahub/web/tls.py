"""TLS: the context new connections use, renewed when the certificate's files change; the way there from plain HTTP."""

import asyncio
import re
import ssl
from pathlib import Path
from typing import Any

import structlog
from starlette.types import Receive, Scope, Send

from integrahub.domain.errors import ConfigurationError

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"  # of TLS 1.2; those of 1.3 are all good
_LOOK = 2.0  # seconds between looks at the files
_HOST = re.compile(rb"[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")
_log = structlog.get_logger()


class Certificate:
    """A certificate and its key, in PEM files. ConfigurationError when they cannot be used."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = (certificate, key)
        self._seen = self._marks()
        self.context = self._fresh()

    def _fresh(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_CIPHERS)
        context.set_alpn_protocols(["http/1.1"])
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        try:
            context.load_cert_chain(*self._files)
        except (OSError, ssl.SSLError) as error:
            names = " and ".join(map(str, self._files))
            raise ConfigurationError(
                f"TLS_CERT and TLS_KEY ({names}) cannot be used: {error}. Expected a PEM certificate, with its chain, "
                "and its key without a password."
            ) from error
        return context

    def _marks(self) -> list[tuple[int, int]]:
        try:
            return [(path.stat().st_mtime_ns, path.stat().st_ino) for path in self._files]
        except OSError:
            return []

    def renew(self) -> bool:
        """Load the files again when they changed, unless they do not fit; connections that are open stay."""
        marks = self._marks()
        if not marks or marks == self._seen:
            return False
        try:
            self._fresh()
        except ConfigurationError as error:
            _log.error("the new certificate is not used", action="renew_certificate", error=str(error))
            return False
        self.context.load_cert_chain(*self._files)
        self._seen = marks
        _log.info("the certificate was renewed", action="renew_certificate", path=str(self._files[0]))
        return True

    async def keep_renewed(self) -> None:
        """Look at the files until cancelled."""
        while True:
            await asyncio.sleep(_LOOK)
            self.renew()


class HTTPSRedirect:
    """An application that sends every request to the same place over TLS."""

    def __init__(self, port: int) -> None:
        self._port = b"" if port == 443 else b":%d" % port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """308 with the address over TLS; 400 when the request does not say its host."""
        if scope["type"] != "http":
            return
        given = next((value for name, value in scope["headers"] if name == b"host"), b"")
        host = _HOST.match(given)
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        where = b"https://%s%s%s%s" % (host[0] if host else b"", self._port, scope["raw_path"], query)
        headers = [(b"content-length", b"0")] + ([(b"location", where)] if host else [])
        await send({"type": "http.response.start", "status": 308 if host else 400, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


class SecurityHeaders:
    """An application whose answers are taken for what they say they are, and, over TLS, asked for only so."""

    def __init__(self, app: Any, *, tls: bool) -> None:
        self._app = app
        self._headers = [(b"x-content-type-options", b"nosniff")]
        if tls:
            self._headers.append((b"strict-transport-security", b"max-age=31536000"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; add the headers to its answer."""

        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._headers]
            await send(message)

        await self._app(scope, receive, answer)

"""The process of the API: serves until a signal, then ends what it began."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import uuid4

import uvicorn
import uvloop

from integrahub.api.app import create_app
from integrahub.api.middleware.https import HTTPSRedirect, SecurityHeaders
from integrahub.db.tenancy import DatabaseRole
from integrahub.hub.bootstrap import open_hub
from integrahub.secrets.local import show_new_key
from integrahub.settings.bind_policy import check_bind_address
from integrahub.settings.model import Settings
from integrahub.telemetry import probe_server
from integrahub.telemetry.probe_server import Probes
from integrahub.telemetry.setup import raise_descriptor_limit, telemetry_for
from integrahub.web.connections import Bounds, Connections
from integrahub.web.header_timeout import HeaderTimeoutProtocol
from integrahub.web.tls import Certificate
from integrahub.web.tls_accept import Arrival, TlsGate

_ACCEPTED_AT_ONCE = 64  # connections, of those that wait, in a turn of the event loop
_ARRIVING = 0.5  # seconds a request may take from its connection to here
_OTHER_DESCRIPTORS = 256  # that a process may need beside those of its clients: database, storage, bus, files
_DRAIN = 20  # seconds requests under way may take to end


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, on the socket a fleet shares between its APIs, else on one of its own."""
    check_bind_address(settings.host, settings.tls_cert, settings.tls_key, plain_http=settings.plain_http)
    certificate = Certificate(settings.tls_cert, settings.tls_key) if settings.tls_cert and settings.tls_key else None
    place = probe_server.open_probe_socket(settings.probe_fd, settings.probe_host, settings.probe_port)
    shared = None if settings.listen_fd is None else [socket.socket(fileno=settings.listen_fd)]
    async with open_hub(settings, "integrahub api", DatabaseRole.API) as hub:
        show_new_key(hub.operator)
        ingest = hub.ingest()
        app = SecurityHeaders(create_app(hub, ingest), tls=certificate is not None)
        server = server_of(settings, app, settings.port, certificate)
        gauges = hub.metrics_scrape()
        # Without storage or bus it still has answers to give, a 503 with Retry-After among them.
        own = Probes(list, lambda: hub.problems("postgresql") + _starting(server), gauges, {"/counts": gauges.counts})
        async with (
            hub.heartbeat(uuid4(), ["api"]),
            probe_server.serve_probes(own, place),
            _beside(settings, certificate),
        ):
            for number in (signal.SIGTERM, signal.SIGINT):
                # The server hears them itself, and raises them again in the end, when there is more to close.
                signal.signal(number, signal.SIG_IGN)
            await server.serve(shared)
        await ingest.close()


class _Server(uvicorn.Server):
    """Takes no connection any more, then answers those it took at the last moment before it ends.

    Over TLS the connections come through a gate of ours: uvicorn's listening counts them after their handshake alone.
    """

    def __init__(self, config: uvicorn.Config, connections: Connections, certificate: Certificate | None) -> None:
        super().__init__(config)
        self._connections, self._certificate = connections, certificate
        self._gates: list[TlsGate] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen. The loop accepts one connection a turn from each socket: in a crowd the last would wait for long."""
        places = [self.config.bind_socket()] if sockets is None else sockets
        if self._certificate is None:
            await self.on_tick(0)  # answers have a date from the first on
            await super().startup([place.dup() for place in places for _ in range(_ACCEPTED_AT_ONCE)])
            return
        await super().startup([])
        context = self._certificate.context
        self._gates = [TlsGate(place, context, self._protocol, self._connections) for place in places]
        self.servers = list(self._gates)  # type: ignore[arg-type]

    def _protocol(self, arrival: Arrival) -> asyncio.Protocol:
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state, arrival=arrival
        )
        return made

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """A connection whose request is still on its way would otherwise be closed without an answer."""
        for server in self.servers:
            server.close()
        await asyncio.sleep(_ARRIVING)
        if any([await gate.settle() for gate in self._gates]):
            await asyncio.sleep(_ARRIVING)
        await super().shutdown(sockets)


def server_of(settings: Settings, app: Any, port: int, certificate: Certificate | None) -> uvicorn.Server:
    """Return the server of an app on a port, over TLS when there is a certificate."""
    most = min(settings.max_connections, max(10, raise_descriptor_limit() - _OTHER_DESCRIPTORS))
    per_address, proxies = settings.max_connections_per_address, settings.trusted_proxies
    connections = Connections(Bounds(most, per_address, settings.body_patience, proxies))
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=port,
        http=partial(HeaderTimeoutProtocol, open_connections=connections),  # type: ignore[arg-type]
        ws="none",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=_DRAIN,
        timeout_keep_alive=settings.keep_alive_seconds,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        server_header=False,
        ssl_context_factory=(lambda *_: certificate.context) if certificate else None,
    )
    return _Server(config, connections, certificate)


@asynccontextmanager
async def _beside(settings: Settings, certificate: Certificate | None) -> AsyncIterator[None]:
    """What runs beside the API: its certificate is renewed, and plain HTTP is shown the way."""
    running = [asyncio.create_task(certificate.keep_renewed())] if certificate else []
    if certificate and settings.tls_redirect_port:
        running.append(asyncio.create_task(_redirect(settings, settings.tls_redirect_port)))
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _redirect(settings: Settings, port: int) -> None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # Each API of a fleet answers there.
    place = socket.create_server((settings.host, port), family=family, reuse_port=True)
    # Signals are the API's; this server ends with it.
    await server_of(settings, HTTPSRedirect(settings.port), port, None)._serve([place])


def _starting(server: uvicorn.Server) -> list[str]:
    if server.should_exit:
        return ["it is ending what it began"]
    return [] if server.started else ["it does not listen yet"]


def run(settings: Settings) -> int:
    """The API as a process: its exit code."""
    os.umask(settings.umask)
    with telemetry_for(settings, "api"), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))
    return 0

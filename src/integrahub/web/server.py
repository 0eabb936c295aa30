"""API process: serve until a signal, then finish the requests in progress."""

import asyncio
import gc
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import uuid4

import uvicorn
import uvloop
from fastapi import FastAPI

from integrahub.api.app import create_app
from integrahub.api.middleware.https import HTTPSRedirect, SecurityHeaders
from integrahub.db.tenancy import DatabaseRole
from integrahub.hub.bootstrap import open_hub
from integrahub.secrets.local import print_new_key
from integrahub.settings.bind_policy import check_bind_address
from integrahub.settings.model import Settings
from integrahub.telemetry import probe_server
from integrahub.telemetry.probe_server import Probes
from integrahub.telemetry.setup import raise_descriptor_limit, telemetry_for
from integrahub.web.connections import ConnectionLimits, ConnectionRegistry
from integrahub.web.console_mount import ConsoleMount, open_mounted_console
from integrahub.web.header_timeout import HeaderTimeoutProtocol
from integrahub.web.plain_post_protocol import PlainPostProtocol
from integrahub.web.tls import Certificate
from integrahub.web.tls_accept import PendingConnection, TlsAcceptor

_ACCEPTS_PER_ITERATION = 64  # connections accepted in one iteration of the event loop
_REQUEST_GRACE_SECONDS = 0.5  # for the request of a connection accepted just before shutdown
_RESERVED_DESCRIPTORS = 256  # for database, storage, bus and files
_MIN_CONNECTIONS = 10
REQUEST_DRAIN_TIMEOUT_SECONDS = 20


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, on the socket that the supervisor shares, or else on a socket of this process."""
    check_bind_address(settings.host, settings.tls_cert, settings.tls_key, plain_http=settings.plain_http)
    certificate = Certificate(settings.tls_cert, settings.tls_key) if settings.tls_cert and settings.tls_key else None
    probe_socket = probe_server.open_probe_socket(settings.probe_fd, settings.probe_host, settings.probe_port)
    shared = None if settings.listen_fd is None else [socket.socket(fileno=settings.listen_fd)]
    async with open_hub(settings, "integrahub api", DatabaseRole.API) as hub, open_mounted_console(settings) as console:
        print_new_key(hub.operator)
        ingest = hub.ingest()
        application = create_app(hub, ingest)
        server = _build_api_server(settings, application, console, certificate)
        scrape = hub.metrics_scrape()
        # Without storage or bus the API is ready: it answers reads, and posts with 503 and Retry-After.
        probes = Probes(
            list, lambda: hub.problems("postgresql") + list_unready(server), scrape, {"/counts": scrape.counts}
        )
        async with (
            hub.heartbeat(uuid4(), ["api"]),
            probe_server.serve_probes(probes, probe_socket),
            background_tasks(settings, certificate),
        ):
            stop_at_signals(server)
            await server.serve(shared)
        await asyncio.gather(ingest.close(), application.state.refused_posts.close())


def stop_at_signals(server: uvicorn.Server) -> None:
    """Let SIGTERM and SIGINT end the server, also before uvicorn handles them itself.

    uvicorn raises these signals again at its end, when the hub is still open: then they change nothing any more.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)


class _Server(uvicorn.Server):
    """Server that at shutdown also answers the connections accepted last.

    TLS connections are accepted by TlsAcceptor, since uvicorn counts a connection only after its handshake.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        connections: ConnectionRegistry,
        certificate: Certificate | None,
        drain: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._connections, self._certificate, self._drain = connections, certificate, drain
        self._acceptors: list[TlsAcceptor] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen on each socket many times: the event loop accepts one connection per iteration from each."""
        listeners = [self.config.bind_socket()] if sockets is None else sockets
        if self._certificate is None:
            await self.on_tick(0)  # sets the Date header of the first responses
            await super().startup([listener.dup() for listener in listeners for _ in range(_ACCEPTS_PER_ITERATION)])
            return
        await super().startup([])
        context = self._certificate.context
        self._acceptors = [
            TlsAcceptor(listener, context, self._build_protocol, self._connections) for listener in listeners
        ]
        self.servers = list(self._acceptors)  # type: ignore[arg-type]

    def _build_protocol(self, pending: PendingConnection) -> asyncio.Protocol:
        protocol: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state, pending=pending
        )
        return protocol

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, wait for the requests of the last connections, then shut down."""
        for server in self.servers:
            server.close()
        self._drain()
        await asyncio.sleep(_REQUEST_GRACE_SECONDS)
        if any([await acceptor.finish_handshakes() for acceptor in self._acceptors]):
            await asyncio.sleep(_REQUEST_GRACE_SECONDS)
        await super().shutdown(sockets)


def _build_api_server(
    settings: Settings, application: FastAPI, console: Any, certificate: Certificate | None
) -> uvicorn.Server:
    app = SecurityHeaders(ConsoleMount(application, console), tls=certificate is not None)
    plain = partial(PlainPostProtocol, plain_posts=application.state.plain_posts, headers=app.headers)
    server = build_server(settings, app, settings.port, certificate, application.state.watch.drain, plain)
    _collect_cycles_less()
    return server


def _collect_cycles_less() -> None:
    # What lives from here on lives as long as the process. Posts leave no cycles, but at the default thresholds the
    # cycle collector took a tenth of their time.
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


def build_server(
    settings: Settings,
    app: Any,
    port: int,
    certificate: Certificate | None,
    drain: Callable[[], None] = lambda: None,
    protocol: Callable[..., HeaderTimeoutProtocol] = HeaderTimeoutProtocol,
) -> uvicorn.Server:
    """Return a server of `app` on a port, with TLS if there is a certificate. At shutdown it calls `drain` first."""
    allowed = max(_MIN_CONNECTIONS, raise_descriptor_limit() - _RESERVED_DESCRIPTORS)
    total, per_address = min(settings.max_connections, allowed), settings.max_connections_per_address
    limits = ConnectionLimits(total, per_address, settings.body_patience, settings.trusted_proxies)
    connections = ConnectionRegistry(limits)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=port,
        http=partial(protocol, connections=connections),  # type: ignore[arg-type]
        ws="none",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=REQUEST_DRAIN_TIMEOUT_SECONDS,
        timeout_keep_alive=settings.keep_alive_seconds,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        server_header=False,
        ssl_context_factory=(lambda *_: certificate.context) if certificate else None,
    )
    return _Server(config, connections, certificate, drain)


@asynccontextmanager
async def background_tasks(settings: Settings, certificate: Certificate | None) -> AsyncIterator[None]:
    """Renew the certificate, and redirect plain HTTP to HTTPS, while the block runs."""
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
    # All API processes of this machine share the port.
    listener = socket.create_server((settings.host, port), family=family, reuse_port=True)
    # `_serve` handles no signals: this server is cancelled together with the API.
    await build_server(settings, HTTPSRedirect(settings.port), port, None)._serve([listener])


def list_unready(server: uvicorn.Server) -> list[str]:
    """Return why a server cannot take requests; empty if it can."""
    if server.should_exit:
        return ["draining"]
    return [] if server.started else ["not listening yet"]


def run(settings: Settings) -> int:
    """Run an API process to its end and return the exit code."""
    os.umask(settings.umask)
    with telemetry_for(settings, "api"), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))
    return 0

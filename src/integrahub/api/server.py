"""The process of the API: serves until a signal, then ends what it began."""

import asyncio
import signal
import socket
from uuid import uuid4

import uvicorn
import uvloop
from fastapi import FastAPI

from integrahub.api.app import create
from integrahub.db.roles import Role
from integrahub.hub import open_hub
from integrahub.settings import Settings
from integrahub.telemetry import probes
from integrahub.telemetry.probes import Probes
from integrahub.telemetry.process import watched

_DRAIN = 20  # seconds requests under way may take to end


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, on the socket a fleet shares between its APIs, else on one of its own."""
    place = probes.listening(settings.probe_fd, settings.probe_host, settings.probe_port)
    shared = None if settings.listen_fd is None else [socket.socket(fileno=settings.listen_fd)]
    async with open_hub(settings, "integrahub api", Role.API) as hub:
        ingest = hub.ingest()
        server = uvicorn.Server(_config(settings, create(hub, ingest)))
        gauges = hub.gauges()
        # Without storage or bus it still has answers to give, a 503 with Retry-After among them.
        own = Probes(list, lambda: hub.problems("postgresql") + _starting(server), gauges, {"/counts": gauges.counts})
        async with hub.presence(uuid4(), ["api"]), probes.serving(own, place):
            for number in (signal.SIGTERM, signal.SIGINT):
                # The server hears them itself, and raises them again in the end, when there is more to close.
                signal.signal(number, signal.SIG_IGN)
            await server.serve(shared)
        await ingest.close()


def _config(settings: Settings, app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        ws="none",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=_DRAIN,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        server_header=False,
    )


def _starting(server: uvicorn.Server) -> list[str]:
    if server.should_exit:
        return ["it is ending what it began"]
    return [] if server.started else ["it does not listen yet"]


def run(settings: Settings) -> int:
    """The API as a process: its exit code."""
    with watched(settings), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))
    return 0

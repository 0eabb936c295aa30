"""Console process: serve the console alone until a signal, then finish the requests in progress."""

import asyncio
import os
import signal
from uuid import uuid4

import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from integrahub.api.middleware.https import SecurityHeaders
from integrahub.console.app import build_console
from integrahub.console.context import ConsoleContext
from integrahub.console.navigation import ROOT
from integrahub.db.tenancy import DatabaseRole
from integrahub.hub.bootstrap import open_hub
from integrahub.settings.bind_policy import check_bind_address
from integrahub.settings.model import Settings
from integrahub.telemetry import probe_server
from integrahub.telemetry.probe_server import Probes
from integrahub.telemetry.setup import telemetry_for
from integrahub.web import server
from integrahub.web.console_mount import ConsoleMount
from integrahub.web.tls import Certificate


async def _to_console(request: Request) -> Response:
    return RedirectResponse(ROOT)


async def serve(settings: Settings) -> None:
    """Serve the console alone until SIGTERM or SIGINT."""
    check_bind_address(settings.host, settings.tls_cert, settings.tls_key, plain_http=settings.plain_http)
    certificate = Certificate(settings.tls_cert, settings.tls_key) if settings.tls_cert and settings.tls_key else None
    probe_socket = probe_server.open_probe_socket(settings.probe_fd, settings.probe_host, settings.probe_port)
    async with open_hub(settings, "integrahub console", DatabaseRole.CONSOLE) as hub:
        root = Starlette(routes=[Route("/", _to_console)])
        app = SecurityHeaders(ConsoleMount(root, build_console(ConsoleContext(hub))), tls=certificate is not None)
        web = server.build_server(settings, app, settings.port, certificate)
        scrape = hub.metrics_scrape()
        probes = Probes(
            list, lambda: hub.problems("postgresql") + server.list_unready(web), scrape, {"/counts": scrape.counts}
        )
        async with (
            hub.heartbeat(uuid4(), ["console"]),
            probe_server.serve_probes(probes, probe_socket),
            server.background_tasks(settings, certificate),
        ):
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)  # uvicorn handles the signals, and raises them again at its end
            await web.serve()


def run(settings: Settings) -> int:
    """Run a console process to its end and return the exit code."""
    os.umask(settings.umask)
    with telemetry_for(settings, "console"), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))
    return 0

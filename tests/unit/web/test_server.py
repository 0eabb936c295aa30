"""Start of the API's process: its requests to the system, and a stop that arrives before it serves."""

import asyncio
import os
import resource
import signal
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from integrahub.settings.model import Settings
from integrahub.telemetry.setup import raise_descriptor_limit
from integrahub.web.server import build_server, stop_at_signals


@pytest.fixture
def signal_handlers() -> Iterator[None]:
    """Restore the handlers of the signals that end a server."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_the_limit_of_open_files_is_raised_to_what_the_system_allows() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 65_536)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, wanted), hard))
        assert raise_descriptor_limit() == wanted
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (wanted, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("signal_handlers")
async def test_a_stop_that_arrives_before_the_server_serves_ends_it() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        pass

    server = build_server(Settings(), app, 0, None)
    stop_at_signals(server)
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(20):
        await server.serve([socket.create_server(("127.0.0.1", 0))])

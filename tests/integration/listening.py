"""API of a test's hub behind its real server on a loopback socket, for tests of the wire."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from integrahub.api.middleware.https import SecurityHeaders
from integrahub.settings.model import Settings
from integrahub.web.plain_post_protocol import PlainPostProtocol
from integrahub.web.server import build_server

_PATIENCE = 20.0  # seconds


@asynccontextmanager
async def listening(
    app: Any, settings: Settings, send_buffer: int = 0, *, plain_posts: bool = True
) -> AsyncIterator[int]:
    """Serve the app until the block ends and yield the port; `send_buffer` bounds the kernel's bytes per connection.

    Without `plain_posts` every post goes through the application.
    """
    secured = SecurityHeaders(app, tls=False)
    if hasattr(app, "state") and plain_posts:
        plain = partial(PlainPostProtocol, plain_posts=app.state.plain_posts, headers=secured.headers)
        server = build_server(settings, secured, 0, None, app.state.watch.drain, plain)
    else:
        drain = app.state.watch.drain if hasattr(app, "state") else lambda: None
        server = build_server(settings, secured, 0, None, drain)
    with socket.create_server(("127.0.0.1", 0)) as place:
        if send_buffer:
            place.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        serving = asyncio.create_task(server._serve([place]))
        try:
            yield place.getsockname()[1]
        finally:
            server.should_exit = True
            await serving


@dataclass
class Answer:
    """One response of a connection."""

    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """Connection on which raw bytes are written."""

    def __init__(self, port: int, receive_buffer: int = 0) -> None:
        self._port = port
        self._receive_buffer = receive_buffer

    async def __aenter__(self) -> "Wire":
        own = socket.socket()
        if self._receive_buffer:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        own.setblocking(False)
        await asyncio.get_running_loop().sock_connect(own, ("127.0.0.1", self._port))
        limit = self._receive_buffer or 1 << 16  # what the reader takes from the kernel before it is asked
        self._reader, self._writer = await asyncio.open_connection(sock=own, limit=limit)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def send(self, *packets: bytes) -> None:
        """Send each packet separately; the server reads one before the next is sent."""
        for number, packet in enumerate(packets):
            if number:
                await asyncio.sleep(0.05)
            self._writer.write(packet)
            await self._writer.drain()

    async def write(self, data: bytes) -> None:
        """Write bytes; the server may read them together with others."""
        self._writer.write(data)
        await self._writer.drain()
        await asyncio.sleep(0)

    async def answer(self, method: str = "") -> Answer:
        """Read the next response; one to `HEAD` has no body."""
        head, body = await self.raw_answer(method)
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        return Answer(int(lines[0].split()[1]), headers, body)

    async def raw_answer(self, method: str = "") -> tuple[bytes, bytes]:
        """Read the next response, and return its head and body as they were sent."""
        async with asyncio.timeout(_PATIENCE):
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"\r\ncontent-length: *([0-9]+)", head, re.IGNORECASE)
            is_bare = method == "HEAD" or length is None or b" 100 " in head[:14]
            return head, b"" if is_bare else await self._reader.readexactly(int(length[1]))

    async def ended(self) -> bytes:
        """Read until the server closes the connection."""
        async with asyncio.timeout(_PATIENCE):
            return await self._reader.read()

"""Receivers of webhooks on this machine, which accept, refuse, hang, redirect, or close early."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from standardwebhooks import Webhook

from integrahub.client import verify_webhook

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Received:
    """One request: its headers in lower case, and its body."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The id of the webhook."""
        return self.headers["webhook-id"]

    def verify(self, secret: str) -> None:
        """Raise an error unless a secret signed this request, by the public library and by the client library."""
        Webhook(secret).verify(self.body, self.headers)
        verify_webhook(secret, self.headers, self.body)


@dataclass
class Receiver:
    """A receiver. `answers` are given one by one; after the last one, every webhook is accepted."""

    port: int = 0
    answers: list[Answer] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    open_now: int = 0
    open_at_most: int = 0

    @property
    def url(self) -> str:
        """Address of this receiver by name."""
        return f"http://localhost:{self.port}/hook?token=1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request and give the next answer."""
        self.open_now += 1
        self.open_at_most = max(self.open_at_most, self.open_now)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head)}
            body = await reader.readexactly(int(headers["content-length"]))
            self.received.append(Received(headers, body))
            await (self.answers.pop(0) if self.answers else answer(200))(writer)
        finally:
            self.open_now -= 1
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


def answer(status: int, text: str = "ok", **headers: str) -> Answer:
    """Return an answer with this status."""

    async def give(writer: asyncio.StreamWriter) -> None:
        more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {status} X\r\n{more}Content-Length: {len(text.encode())}\r\n\r\n{text}".encode())
        await writer.drain()

    return give


async def hang(writer: asyncio.StreamWriter) -> None:
    """Answer nothing for as long as the other side waits."""
    await asyncio.sleep(60)


async def close_early(writer: asyncio.StreamWriter) -> None:
    """Close the connection within the head of an answer."""
    writer.write(b"HTTP/1.1 200 O")
    await writer.drain()


@asynccontextmanager
async def receiving(
    *answers: Answer, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """Run a receiver."""
    receiver = Receiver(answers=list(answers))
    tasks = set[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        with suppress(asyncio.IncompleteReadError, asyncio.CancelledError):
            await receiver.serve(reader, writer)

    server = await asyncio.start_server(serve, host, 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

"""Keep-alive connections to a hub, each with one post at a time, and a tally of the responses."""

import asyncio
import ssl
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import cast
from urllib.parse import urlsplit

import httptools
import msgspec

from integrahub.tools.loadtest.payloads import Post

_CONNECT_CONCURRENCY = 256  # below the backlog of a listening socket, which refuses further connections
_RESPONSE_TIMEOUT_SECONDS = 600.0
_MAX_REPORTED_REFUSALS = 5
_MAX_BODY_CHARACTERS = 300
_ACCEPTED = 202


class _Accepted(msgspec.Struct):
    batch_id: str


@dataclass(slots=True)
class Tally:
    """Responses of the hub: seconds of each 202, and batch ids with pharmacy and number of records."""

    statuses: Counter[str] = field(default_factory=Counter)
    seconds: "array[float]" = field(default_factory=lambda: array("d"))
    accepted: dict[str, tuple[str, int]] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    started_at: float = 0.0
    ended_at: float = 0.0

    @property
    def posted(self) -> int:
        """Number of posts, with those without a response."""
        return self.statuses.total()

    def add_response(self, post: Post, status: int, body: bytes, seconds: float) -> None:
        """Count one response."""
        self.statuses[str(status)] += 1
        if status != _ACCEPTED:
            self._add_refusal(f"{status}: {body[:_MAX_BODY_CHARACTERS].decode(errors='replace')}")
            return
        self.seconds.append(seconds)
        batch_id = msgspec.json.decode(body, type=_Accepted).batch_id
        if batch_id in self.accepted:
            self.repeated.append(batch_id)
        self.accepted[batch_id] = (post.cnpj, post.records)

    def add_error(self, error: Exception) -> None:
        """Count one post without a response."""
        self.statuses["no answer"] += 1
        self._add_refusal(f"no answer: {error or type(error).__name__}")

    def _add_refusal(self, reason: str) -> None:
        if len(self.refusals) < _MAX_REPORTED_REFUSALS:
            self.refusals.append(reason)


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection, with backpressure: it writes no faster than the hub reads."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._answer: asyncio.Future[int] | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._body: list[bytes] = []
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Handle an event of the loop."""
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def connection_lost(self, error: Exception | None) -> None:
        """Handle an event of the loop."""
        self.is_open = False
        self._may_write.set()
        if self._answer and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("the hub closed the connection"))

    def pause_writing(self) -> None:
        """Handle an event of the loop."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """Handle an event of the loop."""
        self._may_write.set()

    def data_received(self, data: bytes) -> None:
        """Handle an event of the loop."""
        if self._parser:
            self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """Handle an event of the parser."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Handle an event of the parser."""
        assert self._parser
        if not self._parser.should_keep_alive():
            self.close()
        if self._answer and not self._answer.done():
            self._answer.set_result(self._parser.get_status_code())

    async def post(self, post: Post) -> tuple[int, bytes]:
        """Return status and body of the response. A response before the end of the body stops sending.

        Raise OSError if the connection is closed, TimeoutError if there is no response in time.
        """
        self._parser, self._body = httptools.HttpResponseParser(self), []
        self._answer = answer = self._loop.create_future()
        timer = self._loop.call_later(_RESPONSE_TIMEOUT_SECONDS, self._time_out, answer)
        try:
            for block in post.blocks:
                await self._may_write.wait()
                if answer.done():
                    break
                self._transport.write(block)
            return await answer, b"".join(self._body)
        finally:
            timer.cancel()

    @staticmethod
    def _time_out(answer: "asyncio.Future[int]") -> None:
        if not answer.done():
            answer.set_exception(TimeoutError(f"no answer within {_RESPONSE_TIMEOUT_SECONDS:.0f} s"))

    def close(self) -> None:
        """Close the connection."""
        self.is_open = False
        self._transport.close()


@dataclass(frozen=True, slots=True)
class ConnectionPool:
    """Opens connections to one http or https address."""

    address: str
    trusted: ssl.SSLContext

    async def open(self) -> Connection:
        """Open a connection."""
        parts = urlsplit(self.address)
        context = self.trusted if parts.scheme == "https" else None
        port = parts.port or (443 if context else 80)
        host = parts.hostname or "127.0.0.1"
        _, connection = await asyncio.get_running_loop().create_connection(Connection, host, port, ssl=context)
        return connection

    async def open_many(self, count: int) -> list[Connection]:
        """Open `count` connections, and return them when all are open."""
        limit = asyncio.Semaphore(_CONNECT_CONCURRENCY)

        async def open_one() -> Connection:
            async with limit:
                return await self.open()

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(open_one()) for _ in range(count)]
        return [task.result() for task in tasks]


async def post_all(pool: ConnectionPool, posts: Iterator[Post], concurrency: int, tally: Tally) -> None:
    """Post everything over `concurrency` connections. The time counts from when all connections are open."""
    connections = await pool.open_many(concurrency)
    tally.started_at = perf_counter()
    try:
        async with asyncio.TaskGroup() as group:
            for connection in connections:
                group.create_task(_post_over(pool, connection, posts, tally))
    finally:
        tally.ended_at = perf_counter()


async def _post_over(pool: ConnectionPool, connection: Connection, posts: Iterator[Post], tally: Tally) -> None:
    """Post over one connection until there are no more posts; reopen it when it was closed."""
    for post in posts:
        started = perf_counter()
        try:
            if not connection.is_open:
                connection = await pool.open()
            status, body = await connection.post(post)
            tally.add_response(post, status, body, perf_counter() - started)
        except (OSError, TimeoutError, httptools.HttpParserError) as error:
            tally.add_error(error)
            connection.close()
    connection.close()

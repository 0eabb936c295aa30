"""Many kept-alive connections to a hub, each with one post under way at a time, and what was answered."""

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

_OPENING = 256  # connections asked for at a time: more than a listening socket keeps waiting would be turned away
_PATIENCE = 600.0  # seconds for one answer
_TOLD = 5  # refusals told in full
_ACCEPTED = 202


class _Accepted(msgspec.Struct):
    batch_id: str


@dataclass(slots=True)
class Tally:
    """What the hub answered. `seconds` of each 202; `accepted` batch ids with pharmacy and records."""

    statuses: Counter[str] = field(default_factory=Counter)
    seconds: "array[float]" = field(default_factory=lambda: array("d"))
    accepted: dict[str, tuple[str, int]] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    began: float = 0.0
    ended: float = 0.0

    @property
    def posted(self) -> int:
        """Posts that were tried."""
        return self.statuses.total()

    def answered(self, post: Post, status: int, body: bytes, seconds: float) -> None:
        """Count one answer."""
        self.statuses[str(status)] += 1
        if status != _ACCEPTED:
            self._refused(f"{status}: {body[:300].decode(errors='replace')}")
            return
        self.seconds.append(seconds)
        batch_id = msgspec.json.decode(body, type=_Accepted).batch_id
        if batch_id in self.accepted:
            self.repeated.append(batch_id)
        self.accepted[batch_id] = (post.cnpj, post.records)

    def broken(self, error: Exception) -> None:
        """Count one post without an answer."""
        self.statuses["no answer"] += 1
        self._refused(f"no answer: {error or type(error).__name__}")

    def _refused(self, told: str) -> None:
        if len(self.refusals) < _TOLD:
            self.refusals.append(told)


class Connection(asyncio.Protocol):
    """One connection. It writes no further than the other side reads."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._answer: asyncio.Future[int] | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._body: list[bytes] = []
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def connection_lost(self, error: Exception | None) -> None:
        """Called by the loop."""
        self.is_open = False
        self._may_write.set()
        if self._answer and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("the hub closed the connection"))

    def pause_writing(self) -> None:
        """Called by the loop."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """Called by the loop."""
        self._may_write.set()

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        if self._parser:
            self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        assert self._parser
        if not self._parser.should_keep_alive():
            self.close()
        if self._answer and not self._answer.done():
            self._answer.set_result(self._parser.get_status_code())

    async def post(self, post: Post) -> tuple[int, bytes]:
        """Status and body of the answer; an answer that comes before the whole body was sent ends the sending.

        OSError when the connection ends, TimeoutError when nothing comes.
        """
        self._parser, self._body = httptools.HttpResponseParser(self), []
        self._answer = answer = self._loop.create_future()
        timer = self._loop.call_later(_PATIENCE, self._late, answer)
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
    def _late(answer: "asyncio.Future[int]") -> None:
        if not answer.done():
            answer.set_exception(TimeoutError(f"no answer within {_PATIENCE:.0f} s"))

    def close(self) -> None:
        """End the connection."""
        self.is_open = False
        self._transport.close()


@dataclass(frozen=True, slots=True)
class ConnectionPool:
    """Where lanes lead: an http or https address."""

    address: str
    trusted: ssl.SSLContext

    async def open(self) -> Connection:
        """A new connection."""
        to = urlsplit(self.address)
        secured = self.trusted if to.scheme == "https" else None
        port = to.port or (443 if secured else 80)
        host = to.hostname or "127.0.0.1"
        _, lane = await asyncio.get_running_loop().create_connection(Connection, host, port, ssl=secured)
        return lane

    async def open_many(self, count: int) -> list[Connection]:
        """That many connections, all open at once."""
        gate = asyncio.Semaphore(_OPENING)

        async def opened() -> Connection:
            async with gate:
                return await self.open()

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(opened()) for _ in range(count)]
        return [task.result() for task in tasks]


async def drive(road: ConnectionPool, posts: Iterator[Post], at_once: int, tally: Tally) -> None:
    """Post everything, `at_once` under way; the clock starts when all connections are open."""
    lanes = await road.open_many(at_once)
    tally.began = perf_counter()
    try:
        async with asyncio.TaskGroup() as group:
            for lane in lanes:
                group.create_task(_along(road, lane, posts, tally))
    finally:
        tally.ended = perf_counter()


async def _along(road: ConnectionPool, lane: Connection, posts: Iterator[Post], tally: Tally) -> None:
    for post in posts:
        begun = perf_counter()
        try:
            if not lane.is_open:
                lane = await road.open()
            status, body = await lane.post(post)
            tally.answered(post, status, body, perf_counter() - begun)
        except (OSError, TimeoutError, httptools.HttpParserError) as error:
            tally.broken(error)
            lane.close()
    lane.close()

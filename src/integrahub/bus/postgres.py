"""Bus in a PostgreSQL table: consumers claim rows with SKIP LOCKED, and NOTIFY wakes them."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic
from typing import NamedTuple

import msgspec
import psycopg
import structlog

from integrahub.bus.base import Delivery
from integrahub.bus.message_lists import (
    LIST_SUFFIX,
    MAX_LISTED_MESSAGES,
    ListedMessage,
    ReceivedLists,
    pack_lists,
)
from integrahub.db.connections import connect
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_value
from integrahub.domain.errors import Transient
from integrahub.domain.events import CHUNKS_READY
from integrahub.resilience.micro_batcher import BatchLimits, MicroBatcher

_SQL = load_queries(__name__)
_MAX_MESSAGES_PER_STATEMENT = 1000  # calls that share a transaction
_LISTENER_ANSWER_TIMEOUT_SECONDS = 5.0
_RECONNECT_DELAY_SECONDS = 1.0
_RELEASE_TIMEOUT_SECONDS = 2.0  # a process that stops does not wait for a database that does not answer
_log = structlog.get_logger()


class _Message(msgspec.Struct, frozen=True):
    id: int
    topic: str
    body: bytes


class _Publication(NamedTuple):
    topic: str
    bodies: list[bytes]
    together: bool

    def rows(self) -> Iterator[tuple[str, bytes]]:
        """Yield topic and body of each row."""
        if self.together and len(self.bodies) > 1:
            return ((self.topic + LIST_SUFFIX, packed) for packed in pack_lists(self.bodies))
        return ((self.topic, body) for body in self.bodies)


class PostgresBus:
    """Messages in the hub's own database. Each process has one listening connection.

    `visibility`: seconds until a message that is not acknowledged is delivered again. `silence`: seconds without a
    notification after which the listener checks its connection. Messages published together share rows.
    """

    def __init__(self, database: Database, *, visibility: float = 60.0, silence: float = 30.0) -> None:
        self._database = database
        self._publishing = MicroBatcher[_Publication, None](self._publish, BatchLimits(_MAX_MESSAGES_PER_STATEMENT))
        self._acking = MicroBatcher[list[Delivery], None](self._ack, BatchLimits(_MAX_MESSAGES_PER_STATEMENT))
        self._visibility = visibility
        self._silence = silence
        self._lists = ReceivedLists()
        self._notified: dict[str, asyncio.Event] = {}  # by topic
        self._is_stopping = False
        self._listener: asyncio.Task[None] | None = None

    async def publish(self, topic: str, bodies: list[bytes], *, together: bool = False) -> None:
        if bodies:
            await self._publishing(_Publication(topic, bodies, together))

    async def receive(self, topic: str, limit: int, timeout: float) -> list[Delivery]:
        self._start_listener()
        notified = self._notified.setdefault(topic, asyncio.Event())
        end = monotonic() + timeout
        while True:
            notified.clear()
            deliveries = await self._take(topic, limit)
            remaining = end - monotonic()
            if deliveries or remaining <= 0 or self._is_stopping:
                return deliveries
            with suppress(TimeoutError):
                await asyncio.wait_for(notified.wait(), min(remaining, self._visibility))

    def stop_waiting(self) -> None:
        """Make `receive` return at once from now on."""
        self._is_stopping = True
        for event in self._notified.values():
            event.set()

    async def ack(self, deliveries: list[Delivery]) -> None:
        if deliveries:
            await self._acking(deliveries)

    async def lag(self, topic: str) -> int:
        async with self._database.transaction() as connection:
            return await fetch_value(connection, _SQL["lag"], {"topic": topic, "suffix": LIST_SUFFIX}, int) or 0

    async def renew(self) -> None:
        """Reconnect the listener with the current credentials of the database."""
        if self._listener is not None:
            await self._stop_listener()
            self._start_listener()

    async def close(self) -> None:
        await self._stop_listener()
        if rows := self._lists.forget():
            # Without a release they are delivered again after the visibility time.
            with suppress(Transient, TimeoutError):
                async with (
                    asyncio.timeout(_RELEASE_TIMEOUT_SECONDS),
                    self._database.transaction(is_durable=False) as connection,
                ):
                    await connection.execute(_SQL["release"], {"ids": rows})

    async def _stop_listener(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
            with suppress(asyncio.CancelledError):
                await self._listener
            self._listener = None

    async def _publish(self, publications: list[_Publication]) -> None:
        rows = [row for publication in publications for row in publication.rows()]
        notified = {publication.topic for publication in publications}
        params = {"topics": [topic for topic, _ in rows], "bodies": [body for _, body in rows]}
        params["notified"] = list(notified)
        # The sweep dispatches a chunk again whose message is lost. No other message may be lost.
        is_durable = notified != {CHUNKS_READY}
        async with self._database.transaction(is_durable=is_durable) as connection:
            await connection.execute(_SQL["publish"], params)

    async def _ack(self, acked: list[list[Delivery]]) -> None:
        tokens = [delivery.token for deliveries in acked for delivery in deliveries]
        ids = [token for token in tokens if not isinstance(token, ListedMessage)]
        ids += self._lists.acknowledge(token for token in tokens if isinstance(token, ListedMessage))
        if ids:
            # A message whose receipt or acknowledgement is lost in a crash of PostgreSQL is delivered again.
            async with self._database.transaction(is_durable=False) as connection:
                await connection.execute(_SQL["ack"], {"ids": ids})

    async def _take(self, topic: str, limit: int) -> list[Delivery]:
        if deliveries := self._lists.take(topic, limit):
            return deliveries
        params = {"topic": topic, "limit": limit, "visibility": self._visibility, "suffix": LIST_SUFFIX}
        params["lists"] = -(-limit // MAX_LISTED_MESSAGES)
        async with self._database.transaction(is_durable=False) as connection:
            messages = await fetch_all(connection, _SQL["receive"], params, _Message, binary=True)
        for message in sorted(messages, key=lambda one: one.id):
            if message.topic == topic:
                deliveries.append(Delivery(topic, message.body, message.id))
            else:
                self._lists.add(topic, message.id, message.body)
        return deliveries + self._lists.take(topic, limit - len(deliveries))

    def _start_listener(self) -> None:
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen_forever())

    async def _listen_forever(self) -> None:
        """Listen, and reconnect after errors. Without notifications consumers still poll at their timeout."""
        while True:
            try:
                await self._listen()
            except psycopg.Error as error:
                _log.warning("listener connection lost, reconnecting", action="listen", exc_info=error)
            await asyncio.sleep(_RECONNECT_DELAY_SECONDS)

    async def _listen(self) -> None:
        connection = await connect(self._database.url, autocommit=True, application_name="integrahub-listen")
        async with connection:
            connection.answer_timeout = min(_LISTENER_ANSWER_TIMEOUT_SECONDS, self._silence)
            await connection.execute("LISTEN integrahub_bus")
            for event in self._notified.values():
                event.set()  # notifications before LISTEN were missed
            while True:
                connection.answer_timeout = None  # waiting for a notification has no timeout
                async for notification in connection.notifies(timeout=self._silence):
                    if notification.payload in self._notified:
                        self._notified[notification.payload].set()
                connection.answer_timeout = min(_LISTENER_ANSWER_TIMEOUT_SECONDS, self._silence)
                await connection.execute("SELECT 1")

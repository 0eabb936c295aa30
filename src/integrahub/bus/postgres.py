"""Bus in a PostgreSQL table: consumers claim rows with SKIP LOCKED, and NOTIFY wakes them."""

import asyncio
from contextlib import suppress
from time import monotonic

import msgspec
import psycopg
import structlog

from integrahub.bus.base import Delivery
from integrahub.db.connections import connect
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_value
from integrahub.domain.events import CHUNKS_READY
from integrahub.resilience.micro_batcher import BatchLimits, MicroBatcher

_SQL = load_queries(__name__)
_Publication = tuple[str, list[bytes]]  # topic and messages
_MAX_MESSAGES_PER_STATEMENT = 1000  # calls that share a transaction
_LISTENER_ANSWER_TIMEOUT_SECONDS = 5.0
_RECONNECT_DELAY_SECONDS = 1.0
_log = structlog.get_logger()


class _Message(msgspec.Struct, frozen=True):
    id: int
    body: bytes


class PostgresBus:
    """Messages in the hub's own database. Each process has one listening connection.

    `visibility`: seconds until a message that is not acknowledged is delivered again. `silence`: seconds without a
    notification after which the listener checks its connection.
    """

    def __init__(self, database: Database, *, visibility: float = 60.0, silence: float = 30.0) -> None:
        self._database = database
        self._publishing = MicroBatcher[_Publication, None](self._publish, BatchLimits(_MAX_MESSAGES_PER_STATEMENT))
        self._acking = MicroBatcher[list[Delivery], None](self._ack, BatchLimits(_MAX_MESSAGES_PER_STATEMENT))
        self._visibility = visibility
        self._silence = silence
        self._notified: dict[str, asyncio.Event] = {}  # by topic
        self._is_stopping = False
        self._listener: asyncio.Task[None] | None = None

    async def publish(self, topic: str, bodies: list[bytes]) -> None:
        if bodies:
            await self._publishing((topic, bodies))

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
            return await fetch_value(connection, _SQL["lag"], {"topic": topic}, int) or 0

    async def renew(self) -> None:
        """Reconnect the listener with the current credentials of the database."""
        if self._listener is not None:
            await self.close()
            self._start_listener()

    async def close(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
            with suppress(asyncio.CancelledError):
                await self._listener
            self._listener = None

    async def _publish(self, publications: list[_Publication]) -> None:
        topics = [topic for topic, bodies in publications for _ in bodies]
        params = {"topics": topics, "bodies": [body for _, bodies in publications for body in bodies]}
        # The sweep dispatches a chunk again whose message is lost. No other message may be lost.
        is_durable = set(topics) != {CHUNKS_READY}
        async with self._database.transaction(is_durable=is_durable) as connection:
            await connection.execute(_SQL["publish"], params)

    async def _ack(self, acked: list[list[Delivery]]) -> None:
        ids = [delivery.token for deliveries in acked for delivery in deliveries]
        # A message whose receipt or acknowledgement is lost in a crash of PostgreSQL is delivered again.
        async with self._database.transaction(is_durable=False) as connection:
            await connection.execute(_SQL["ack"], {"ids": ids})

    async def _take(self, topic: str, limit: int) -> list[Delivery]:
        params = {"topic": topic, "limit": limit, "visibility": self._visibility}
        async with self._database.transaction(is_durable=False) as connection:
            messages = await fetch_all(connection, _SQL["receive"], params, _Message)
        return [Delivery(topic, message.body, message.id) for message in sorted(messages, key=lambda one: one.id)]

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

"""The bus as a PostgreSQL table: rows taken with SKIP LOCKED, listeners woken with NOTIFY."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from time import monotonic

import psycopg
import structlog

from integrahub.bus.base import Delivery
from integrahub.db.connections import connect
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.resilience.micro_batcher import BatchLimits, MicroBatcher

_SQL = load_queries(__name__)
_Publication = tuple[str, list[bytes]]  # topic and messages
_MAX_BATCH_SIZE = 1000  # calls that share a transaction
_ANSWER = 5.0  # seconds that answer may take
_LISTEN_AGAIN = 1.0  # seconds until a lost listener is opened again
_log = structlog.get_logger()


class PostgresBus:
    """The bus port over the hub's own database; one listening connection a process."""

    def __init__(
        self, database: Database, *, visibility: float = 60.0, unread: Collection[str] = (), silence: float = 30.0
    ) -> None:
        self._database = database
        self._unread = unread  # topics without readers: what is sent there is not kept
        # What is asked while a transaction is under way shares the next one.
        self._publishing = MicroBatcher[_Publication, None](self._publish, BatchLimits(_MAX_BATCH_SIZE))
        self._acking = MicroBatcher[list[Delivery], None](self._ack, BatchLimits(_MAX_BATCH_SIZE))
        self._visibility = visibility  # seconds until a message not settled comes again
        self._silence = silence  # seconds without a notice after which the listener asks whether its server is there
        self._woken: dict[str, asyncio.Event] = {}
        self._is_stopping = False
        self._listener: asyncio.Task[None] | None = None

    async def publish(self, topic: str, bodies: list[bytes]) -> None:
        """Queue messages."""
        if bodies and topic not in self._unread:
            await self._publishing((topic, bodies))

    async def receive(self, topic: str, limit: int, timeout: float) -> list[Delivery]:
        """Take what is due, or wait for a notice until `timeout`."""
        self._listen()
        woken = self._woken.setdefault(topic, asyncio.Event())
        end = monotonic() + timeout
        while True:
            woken.clear()
            found = await self._take(topic, limit)
            remaining = end - monotonic()
            if found or remaining <= 0 or self._is_stopping:
                return found
            with suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), min(remaining, self._visibility))

    def stop_waiting(self) -> None:
        """Make `receive` return at once from now on."""
        self._is_stopping = True
        for event in self._woken.values():
            event.set()

    async def ack(self, deliveries: list[Delivery]) -> None:
        """Remove the rows."""
        if deliveries:
            await self._acking(deliveries)

    async def lag(self, topic: str) -> int:
        """Rows of the topic that are due."""
        async with self._database.transaction() as connection:
            row = await (await connection.execute(_SQL["lag"], {"topic": topic})).fetchone()
        return int(row["waiting"]) if row else 0

    async def renew(self) -> None:
        """Listen anew, as whoever the database's login says now."""
        if self._listener is not None:
            await self.close()
            self._listen()

    async def close(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            self._listener.cancel()
            with suppress(asyncio.CancelledError):
                await self._listener
            self._listener = None

    async def _publish(self, sent: list[tuple[str, list[bytes]]]) -> None:
        topics = [topic for topic, bodies in sent for _ in bodies]
        asked = {"topics": topics, "bodies": [body for _, bodies in sent for body in bodies]}
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["publish"], asked)

    async def _ack(self, done: list[list[Delivery]]) -> None:
        ids = [delivery.token for deliveries in done for delivery in deliveries]
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["ack"], {"ids": ids})

    async def _take(self, topic: str, limit: int) -> list[Delivery]:
        asked = {"topic": topic, "limit": limit, "visibility": self._visibility}
        async with self._database.transaction() as connection:
            rows = await (await connection.execute(_SQL["receive"], asked)).fetchall()
        return [Delivery(topic, bytes(row["body"]), row["id"]) for row in sorted(rows, key=lambda row: int(row["id"]))]

    def _listen(self) -> None:
        if self._listener is None:
            self._listener = asyncio.create_task(self._wake_forever())

    async def _wake_forever(self) -> None:
        """A lost listener costs delay, not messages: receivers look again at their timeout."""
        while True:
            try:
                await self._wake()
            except psycopg.Error as error:
                _log.warning("listening for messages was interrupted", action="listen", exc_info=error)
            await asyncio.sleep(_LISTEN_AGAIN)

    async def _wake(self) -> None:
        connection = await connect(self._database.url, autocommit=True, application_name="integrahub-listen")
        async with connection:
            connection.answer = min(_ANSWER, self._silence)
            await connection.execute("LISTEN integrahub_bus")
            for event in self._woken.values():
                event.set()  # notices before LISTEN were missed
            while True:
                connection.answer = None  # silence means that nothing was sent
                async for notice in connection.notifies(timeout=self._silence):
                    if notice.payload in self._woken:
                        self._woken[notice.payload].set()
                connection.answer = min(_ANSWER, self._silence)
                await connection.execute("SELECT 1")

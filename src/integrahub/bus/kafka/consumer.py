"""One topic's consumer in a thread of its own: it polls whatever happens, and commits what is settled."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from uuid import UUID

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from integrahub.bus.base import Delivery
from integrahub.bus.kafka.config import KafkaOptions
from integrahub.bus.kafka.errors import UNKNOWN
from integrahub.bus.kafka.offset_tracker import MessagePosition, OffsetTracker
from integrahub.domain.errors import Transient
from integrahub.telemetry import tracing

_HELD = 200  # messages over which no more are fetched
_POLL = 0.1  # seconds
_BATCH = 100  # messages a poll
_PATIENCE = 5.0  # seconds a commit that is waited for may take
_LEAVE = 2.0  # seconds the last commit may take
_COMMIT = 0.2  # seconds between commits
_ASK = 1.0  # seconds until a broker that is away is asked again
_log = structlog.get_logger()


class TopicConsumer:
    """Messages of one topic for this process. Polling goes on while nobody takes them: the group sees it live."""

    def __init__(
        self, options: KafkaOptions, topic: str, visibility: float, vanished: Callable[[], object] = lambda: None
    ) -> None:
        self._topic = topic
        self._name = options.topic(topic)
        self._tracking = OffsetTracker[tuple[bytes, UUID | None]](visibility)
        self._visibility = visibility
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._stop = threading.Event()
        self._is_stopping = False
        self._away: str | None = None
        self._vanished = vanished  # called in the loop when the brokers do not know the topic any more
        self._paused = self._moved = False
        self._turn_at = {"commit": 0.0, "ask": 0.0}
        self._asked: deque[asyncio.Future[None]] = deque()
        self._waiting: list[asyncio.Future[None]] = []
        self._committing = 0
        callbacks = {"error_cb": self._told, "on_commit": self._committed}
        self._consumer = Consumer(options.consumer(topic) | callbacks)
        self._consumer.subscribe([self._name], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)
        self._thread = threading.Thread(target=self._run, name=f"kafka {topic}", daemon=True)
        self._thread.start()

    async def receive(self, limit: int, timeout: float) -> list[Delivery]:
        """As the port; Transient while no broker is reached and nothing is held."""
        end = monotonic() + timeout
        while True:
            self._arrived.clear()
            with self._lock:
                found = self._tracking.take(limit, monotonic())
            remaining = end - monotonic()
            if found or remaining <= 0 or self._is_stopping:
                break
            with suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), min(remaining, self._visibility))
        if self._away and not found:
            raise Transient(self._away)
        return [Delivery(self._topic, body, place, trace) for place, (body, trace) in found]

    def stop_waiting(self) -> None:
        """Make `receive` return at once from now on."""
        self._is_stopping = True
        self._arrived.set()

    def ack(self, delivery: Delivery) -> None:
        """Commit it soon."""
        assert isinstance(delivery.token, MessagePosition)
        with self._lock:
            self._tracking.ack(delivery.token)

    async def commit(self) -> None:
        """Commit what is settled, now; Transient when the brokers do not take it within seconds."""
        done: asyncio.Future[None] = self._loop.create_future()
        self._asked.append(done)
        try:
            await asyncio.wait_for(done, _PATIENCE)
        except TimeoutError:
            raise Transient(f"Kafka: no commit of {self._name} within {_PATIENCE:.0f} s") from None

    def set_sasl_credentials(self, username: str, password: str) -> None:
        """Who to be from the next connection on."""
        self._consumer.set_sasl_credentials(username, password)

    async def close(self) -> None:
        """Commit, leave the group, end the thread."""
        self._stop.set()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._turn()
            except (KafkaException, RuntimeError) as error:
                self._away = f"Kafka: {error}"
                _log.warning("the consumer was interrupted", action="consume", topic=self._topic, error=str(error))
                self._stop.wait(_ASK)
        self._end()

    def _end(self) -> None:
        """Commit and leave; a broker that does not answer is not waited for long."""
        patience = monotonic() + _LEAVE
        with suppress(KafkaException, RuntimeError):
            self._commit()
            while self._committing and monotonic() < patience:
                self._consumer.poll(_POLL)
        self._consumer.close()

    def _turn(self) -> None:
        first = self._consumer.poll(_POLL)
        if first is not None:
            self._hold([first, *self._consumer.consume(_BATCH - 1, 0)])
        self._hold_back()
        asked = [self._asked.popleft() for _ in range(len(self._asked))]
        if asked or self._is_time("commit", _COMMIT):
            self._commit()
        self._waiting += asked
        if self._waiting and not self._committing:
            for done in self._waiting:
                self._loop.call_soon_threadsafe(_resolve, done)
            self._waiting = []
        if self._away and self._is_time("ask", _ASK):
            self._consumer.list_topics(self._name, timeout=_ASK)
            self._away = None

    def _hold(self, messages: list[Message]) -> None:
        for message in messages:
            if (error := message.error()) is not None:
                _log.warning("a partition cannot be read", action="consume", topic=self._topic, error=str(error))
                if error.code() in UNKNOWN:
                    self._loop.call_soon_threadsafe(self._vanished)
                continue
            partition, offset = message.partition(), message.offset()
            assert partition is not None and offset is not None
            with self._lock:
                self._tracking.add(partition, offset, (bytes(message.value() or b""), _trace(message)))
        self._loop.call_soon_threadsafe(self._arrived.set)

    def _hold_back(self) -> None:
        """Fetch no more while much is held. After a rebalance say so again for all partitions: those that stayed keep
        what they were told, those that came know nothing of it.
        """
        with self._lock:
            held = len(self._tracking)
        paused = held >= (_HELD // 2 if self._paused else _HELD)
        if paused != self._paused or self._moved:
            (self._consumer.pause if paused else self._consumer.resume)(self._consumer.assignment())
            self._paused, self._moved = paused, False

    def _is_time(self, what: str, every: float) -> bool:
        if monotonic() < self._turn_at[what]:
            return False
        self._turn_at[what] = monotonic() + every
        return True

    def _commit(self, partitions: list[int] | None = None) -> None:
        """Only the thread that polls may: a commit waits for an answer that a poll brings."""
        with self._lock:
            moved = self._tracking.commits(partitions)
        if moved:
            offsets = [TopicPartition(self._name, partition, offset) for partition, offset in moved.items()]
            self._consumer.commit(offsets=offsets, asynchronous=True)
            self._committing += 1

    def _committed(self, error: KafkaError | None, places: list[TopicPartition]) -> None:
        self._committing -= 1
        if error is not None:
            with self._lock:
                self._tracking.commit_again([place.partition for place in places])

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        with self._lock:
            self._tracking.assign([partition.partition for partition in partitions])
        self._moved = True

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        gone = [partition.partition for partition in partitions]
        with suppress(KafkaException):  # the next owner repeats a little
            self._commit(gone)
        self._lost(consumer, partitions)

    def _lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        with self._lock:
            self._tracking.revoke([partition.partition for partition in partitions])
        self._moved = True

    def _told(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._away = f"Kafka: {error}"


def _trace(message: Message) -> UUID | None:
    """What the message says it is done for."""
    told = dict(message.headers() or ()).get("traceparent")
    return tracing.parse_traceparent(told.decode("ascii", "replace")) if isinstance(told, bytes) else None


def _resolve(done: "asyncio.Future[None]") -> None:
    if not done.done():
        done.set_result(None)

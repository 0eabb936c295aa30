"""Kafka consumer of one topic in a background thread: it polls all the time and commits acknowledged offsets."""

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
from integrahub.bus.kafka.errors import UNKNOWN_TOPIC_CODES
from integrahub.bus.kafka.offset_tracker import MessagePosition, OffsetTracker
from integrahub.domain.errors import Transient
from integrahub.telemetry import tracing

_MAX_PENDING_MESSAGES = 200  # above this the consumer pauses fetching
_POLL_TIMEOUT_SECONDS = 0.1
_POLL_BATCH_SIZE = 100
_COMMIT_TIMEOUT_SECONDS = 5.0
_FINAL_COMMIT_TIMEOUT_SECONDS = 2.0
_COMMIT_INTERVAL_SECONDS = 0.2
_RECONNECT_INTERVAL_SECONDS = 1.0
_log = structlog.get_logger()


class TopicConsumer:
    """Receive the messages of one topic.

    The thread polls even while no worker calls `receive`; otherwise the group would consider this member dead. The
    event loop gets a call of `on_topic_missing` when the brokers no longer know the topic.
    """

    def __init__(
        self,
        options: KafkaOptions,
        topic: str,
        visibility: float,
        on_topic_missing: Callable[[], object] = lambda: None,
    ) -> None:
        self._topic = topic
        self._name = options.topic(topic)
        self._tracker = OffsetTracker[tuple[bytes, UUID | None]](visibility)
        self._visibility = visibility
        self._lock = threading.Lock()  # guards the tracker
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._stop = threading.Event()
        self._outage: str | None = None  # the last error while no broker is reachable
        self._on_topic_missing = on_topic_missing
        self._is_stopping = False
        self._is_paused = self._is_rebalanced = False
        self._next_at = {"commit": 0.0, "reconnect": 0.0}
        self._commit_requests: deque[asyncio.Future[None]] = deque()
        self._awaiting_commit: list[asyncio.Future[None]] = []
        self._running_commits = 0
        callbacks = {"error_cb": self._on_error, "on_commit": self._on_commit}
        self._consumer = Consumer(options.consumer(topic) | callbacks)
        self._thread = threading.Thread(target=self._run, name=f"kafka {topic}", daemon=True)
        self._start()

    def _start(self) -> None:
        self._consumer.subscribe(
            [self._name], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )
        self._thread.start()

    async def receive(self, limit: int, timeout: float) -> list[Delivery]:
        """Implement Bus.receive. Raise Transient if no message is pending and no broker is reachable."""
        end = monotonic() + timeout
        while True:
            self._arrived.clear()
            with self._lock:
                taken = self._tracker.take(limit, monotonic())
            remaining = end - monotonic()
            if taken or remaining <= 0 or self._is_stopping:
                break
            with suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), min(remaining, self._visibility))
        if self._outage and not taken:
            raise Transient(self._outage)
        return [Delivery(self._topic, body, position, trace) for position, (body, trace) in taken]

    def stop_waiting(self) -> None:
        """Make `receive` return at once from now on."""
        self._is_stopping = True
        self._arrived.set()

    def ack(self, delivery: Delivery) -> None:
        """Acknowledge a message; the thread commits its offset soon."""
        assert isinstance(delivery.token, MessagePosition)
        with self._lock:
            self._tracker.ack(delivery.token)

    async def commit(self) -> None:
        """Commit the acknowledged offsets now. Raise Transient if the brokers do not confirm within seconds."""
        done: asyncio.Future[None] = self._loop.create_future()
        self._commit_requests.append(done)
        try:
            await asyncio.wait_for(done, _COMMIT_TIMEOUT_SECONDS)
        except TimeoutError:
            raise Transient(f"Kafka: no commit of {self._name} within {_COMMIT_TIMEOUT_SECONDS:.0f} s") from None

    def set_sasl_credentials(self, username: str, password: str) -> None:
        """Set the credentials of new connections."""
        self._consumer.set_sasl_credentials(username, password)

    async def close(self) -> None:
        """Commit, leave the group and end the thread."""
        self._stop.set()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._poll_once()
            except (KafkaException, RuntimeError) as error:
                self._outage = f"Kafka: {error}"
                _log.warning("consumer failed, retrying", action="consume", topic=self._topic, error=str(error))
                self._stop.wait(_RECONNECT_INTERVAL_SECONDS)
        self._leave()

    def _leave(self) -> None:
        end = monotonic() + _FINAL_COMMIT_TIMEOUT_SECONDS
        with suppress(KafkaException, RuntimeError):
            self._commit()
            while self._running_commits and monotonic() < end:
                self._consumer.poll(_POLL_TIMEOUT_SECONDS)
        self._consumer.close()

    def _poll_once(self) -> None:
        first = self._consumer.poll(_POLL_TIMEOUT_SECONDS)
        if first is not None:
            self._track([first, *self._consumer.consume(_POLL_BATCH_SIZE - 1, 0)])
        self._pause_or_resume()
        self._commit_if_due()
        if self._outage and self._is_due("reconnect", _RECONNECT_INTERVAL_SECONDS):
            self._consumer.list_topics(self._name, timeout=_RECONNECT_INTERVAL_SECONDS)
            self._outage = None

    def _track(self, messages: list[Message]) -> None:
        for message in messages:
            if (error := message.error()) is not None:
                _log.warning("cannot read a partition", action="consume", topic=self._topic, error=str(error))
                if error.code() in UNKNOWN_TOPIC_CODES:
                    self._loop.call_soon_threadsafe(self._on_topic_missing)
                continue
            partition, offset = message.partition(), message.offset()
            assert partition is not None and offset is not None
            with self._lock:
                self._tracker.add(partition, offset, (bytes(message.value() or b""), _trace_of(message)))
        self._loop.call_soon_threadsafe(self._arrived.set)

    def _pause_or_resume(self) -> None:
        """Pause fetching while many messages are pending.

        After a rebalance repeat it for all partitions: a partition that stayed keeps its state, a new one has none.
        """
        with self._lock:
            pending = len(self._tracker)
        is_paused = pending >= (_MAX_PENDING_MESSAGES // 2 if self._is_paused else _MAX_PENDING_MESSAGES)
        if is_paused != self._is_paused or self._is_rebalanced:
            (self._consumer.pause if is_paused else self._consumer.resume)(self._consumer.assignment())
            self._is_paused, self._is_rebalanced = is_paused, False

    def _is_due(self, task: str, interval: float) -> bool:
        if monotonic() < self._next_at[task]:
            return False
        self._next_at[task] = monotonic() + interval
        return True

    def _commit_if_due(self) -> None:
        requests = [self._commit_requests.popleft() for _ in range(len(self._commit_requests))]
        if requests or self._is_due("commit", _COMMIT_INTERVAL_SECONDS):
            self._commit()
        self._awaiting_commit += requests
        if self._awaiting_commit and not self._running_commits:
            for done in self._awaiting_commit:
                self._loop.call_soon_threadsafe(_resolve, done)
            self._awaiting_commit = []

    def _commit(self, partitions: list[int] | None = None) -> None:
        # Only the polling thread may commit: `poll` delivers the result of a commit.
        with self._lock:
            commits = self._tracker.take_commits(partitions)
        if commits:
            offsets = [TopicPartition(self._name, partition, offset) for partition, offset in commits.items()]
            self._consumer.commit(offsets=offsets, asynchronous=True)
            self._running_commits += 1

    def _on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        self._running_commits -= 1
        if error is not None:
            with self._lock:
                self._tracker.reset_commits([partition.partition for partition in partitions])

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        with self._lock:
            self._tracker.assign([partition.partition for partition in partitions])
        self._is_rebalanced = True

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        with suppress(KafkaException):  # without the commit, the next owner only repeats some messages
            self._commit([partition.partition for partition in partitions])
        self._on_lost(consumer, partitions)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        with self._lock:
            self._tracker.revoke([partition.partition for partition in partitions])
        self._is_rebalanced = True

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._outage = f"Kafka: {error}"


def _trace_of(message: Message) -> UUID | None:
    """Return the trace in the message's `traceparent` header, if it has one."""
    header = dict(message.headers() or ()).get("traceparent")
    return tracing.parse_traceparent(header.decode("ascii", "replace")) if isinstance(header, bytes) else None


def _resolve(done: "asyncio.Future[None]") -> None:
    if not done.done():
        done.set_result(None)

"""The bus in this process's memory, for tests of what stands above the port."""

import asyncio
from contextlib import suppress
from time import monotonic

from integrahub.bus.base import Delivery


class MemoryBus:
    """The bus port without a broker; gone with the process."""

    def __init__(self, *, visibility: float = 60.0) -> None:
        self._visibility = visibility  # seconds until a message not settled comes again
        self._messages: dict[str, dict[int, tuple[bytes, float]]] = {}
        self._published = asyncio.Event()
        self._number = 0
        self._is_stopping = False

    async def publish(self, topic: str, bodies: list[bytes]) -> None:
        """Queue messages."""
        for body in bodies:
            self._number += 1
            self._messages.setdefault(topic, {})[self._number] = (body, 0.0)
        self._published.set()

    async def receive(self, topic: str, limit: int, timeout: float) -> list[Delivery]:
        """Take what is due, or wait until `timeout`."""
        end = monotonic() + timeout
        while True:
            self._published.clear()
            found = self._take(topic, limit)
            remaining = end - monotonic()
            if found or remaining <= 0 or self._is_stopping:
                return found
            with suppress(TimeoutError):
                await asyncio.wait_for(self._published.wait(), min(remaining, self._visibility))

    def stop_waiting(self) -> None:
        """Make `receive` return at once from now on."""
        self._is_stopping = True
        self._published.set()

    async def ack(self, deliveries: list[Delivery]) -> None:
        """Forget the messages."""
        for delivery in deliveries:
            assert isinstance(delivery.token, int)
            self._messages.get(delivery.topic, {}).pop(delivery.token, None)

    async def lag(self, topic: str) -> int:
        """Messages of the topic that are due."""
        return sum(1 for _, due_at in self._messages.get(topic, {}).values() if due_at <= monotonic())

    async def close(self) -> None:
        """Nothing to release."""

    def _take(self, topic: str, limit: int) -> list[Delivery]:
        waiting = self._messages.get(topic, {})
        due = [(number, body) for number, (body, due_at) in waiting.items() if due_at <= monotonic()][:limit]
        for number, body in due:
            waiting[number] = (body, monotonic() + self._visibility)
        return [Delivery(topic, body, number) for number, body in due]

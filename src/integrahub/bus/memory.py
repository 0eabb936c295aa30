"""Bus in the memory of this process, for tests."""

import asyncio
from contextlib import suppress
from time import monotonic

from integrahub.bus.base import Delivery


class MemoryBus:
    """Keep messages until they are acknowledged; redeliver them after `visibility` seconds."""

    def __init__(self, *, visibility: float = 60.0) -> None:
        self._visibility = visibility
        self._messages: dict[str, dict[int, tuple[bytes, float]]] = {}
        self._published = asyncio.Event()
        self._last_id = 0
        self._is_stopping = False

    async def publish(self, topic: str, bodies: list[bytes], *, together: bool = False) -> None:
        for body in bodies:
            self._last_id += 1
            self._messages.setdefault(topic, {})[self._last_id] = (body, 0.0)
        self._published.set()

    async def receive(self, topic: str, limit: int, timeout: float) -> list[Delivery]:
        end = monotonic() + timeout
        while True:
            self._published.clear()
            deliveries = self._take(topic, limit)
            remaining = end - monotonic()
            if deliveries or remaining <= 0 or self._is_stopping:
                return deliveries
            with suppress(TimeoutError):
                await asyncio.wait_for(self._published.wait(), min(remaining, self._visibility))

    def stop_waiting(self) -> None:
        """Make `receive` return at once from now on."""
        self._is_stopping = True
        self._published.set()

    async def ack(self, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            assert isinstance(delivery.token, int)
            self._messages.get(delivery.topic, {}).pop(delivery.token, None)

    async def lag(self, topic: str) -> int:
        return sum(1 for _, due_at in self._messages.get(topic, {}).values() if due_at <= monotonic())

    async def close(self) -> None:
        return None

    def _take(self, topic: str, limit: int) -> list[Delivery]:
        waiting = self._messages.get(topic, {})
        due = [(number, body) for number, (body, due_at) in waiting.items() if due_at <= monotonic()][:limit]
        for number, body in due:
            waiting[number] = (body, monotonic() + self._visibility)
        return [Delivery(topic, body, number) for number, body in due]

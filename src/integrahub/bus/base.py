"""Port of the message bus: at-least-once delivery by topic. The database holds the state; messages only start work."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Delivery:
    """A received message. `body` is JSON; only the adapter that made `token` reads it.

    `trace` is the trace that the message belongs to, if the bus carries it.
    """

    topic: str
    body: bytes
    token: object
    trace: UUID | None = None


class Bus(Protocol):
    """Messages by topic. They may be repeated, reordered, delayed or lost; the sweep publishes lost ones again."""

    async def publish(self, topic: str, bodies: list[bytes], *, together: bool = False) -> None:
        """Send messages. A request handler must not wait for this.

        With `together` one consumer may receive all of them, also if others wait: for messages that start little work.
        """
        ...

    async def receive(self, topic: str, limit: int, timeout: float) -> list[Delivery]:
        """Return up to `limit` messages, or none after `timeout` seconds.

        A message that is not acknowledged is delivered again later.
        """
        ...

    def stop_waiting(self) -> None:
        """Make `receive` return at once from now on. A worker calls it when it stops."""
        ...

    async def ack(self, deliveries: list[Delivery]) -> None:
        """Acknowledge processed messages, so that they are not delivered again. Repeating this is no error."""
        ...

    async def lag(self, topic: str) -> int:
        """Return how many messages wait to be received. Some adapters include those being processed."""
        ...

    async def close(self) -> None:
        """Release connections. Messages that are not acknowledged stay on the bus."""
        ...

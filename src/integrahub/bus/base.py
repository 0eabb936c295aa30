"""The bus port: at-least-once messages. The bus only carries work; the database is the truth."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as received: `body` is JSON text in bytes, `token` names it to the adapter alone.

    `trace` is what it is done for, where the bus carries that.
    """

    topic: str
    body: bytes
    token: object
    trace: UUID | None = None


class Bus(Protocol):
    """Messages by topic. Delivery may repeat, reorder, delay or lose; sweep mends what is lost."""

    async def publish(self, topic: str, bodies: list[bytes]) -> None:
        """Send messages. Must not be waited for by whoever answers a client."""
        ...

    async def receive(self, topic: str, limit: int, timeout: float) -> list[Delivery]:
        """Up to `limit` messages, or none after `timeout` seconds. A message not settled comes again later."""
        ...

    def stop_waiting(self) -> None:
        """Make `receive` return at once from now on. A worker calls it when it stops."""
        ...

    async def ack(self, deliveries: list[Delivery]) -> None:
        """These are done and must not come again. Settling twice is no error."""
        ...

    async def lag(self, topic: str) -> int:
        """How many messages wait to be received; one that cannot tell counts those being worked on too."""
        ...

    async def close(self) -> None:
        """Release connections; unsettled messages stay with the bus."""
        ...

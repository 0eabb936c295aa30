"""A bus behind a breaker: what the network or the broker refuses is a fault of the dependency."""

from collections.abc import Awaitable
from typing import TypeVar

from integrahub.bus.base import Bus, Delivery
from integrahub.domain.errors import Transient
from integrahub.resilience.circuit_breaker import CircuitBreaker, CircuitOpen

_T = TypeVar("_T")


class CircuitBreakingBus:
    """The bus port; OSError and Transient open the breaker, and whatever was not announced is by sweep."""

    def __init__(self, inner: Bus, breaker: CircuitBreaker) -> None:
        self._inner = inner
        self._breaker = breaker

    async def publish(self, topic: str, bodies: list[bytes]) -> None:
        """As the inner bus."""
        self._breaker.check()
        await self._told(self._inner.publish(topic, bodies))

    async def receive(self, topic: str, limit: int, timeout: float) -> list[Delivery]:
        """As the inner bus."""
        self._breaker.check()
        return await self._told(self._inner.receive(topic, limit, timeout))

    def stop_waiting(self) -> None:
        """As the inner bus."""
        self._inner.stop_waiting()

    async def ack(self, deliveries: list[Delivery]) -> None:
        """As the inner bus."""
        self._breaker.check()
        await self._told(self._inner.ack(deliveries))

    async def lag(self, topic: str) -> int:
        """Always tried: health shows what is, and an answer closes the breaker."""
        return await self._told(self._inner.lag(topic))

    async def close(self) -> None:
        """As the inner bus."""
        await self._inner.close()

    async def _told(self, call: Awaitable[_T]) -> _T:
        """The call's answer; the breaker learns how it went."""
        try:
            answer = await call
        except CircuitOpen:
            raise  # something below the bus is away, and has a breaker of its own
        except (OSError, Transient) as error:
            self._breaker.record_failure(error)
            raise Transient(f"the bus did not do what was asked: {error}") from error
        finally:
            self._breaker.release()
        self._breaker.record_success()
        return answer

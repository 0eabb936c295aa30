"""Bus adapter that adds a circuit breaker to another bus."""

from collections.abc import Awaitable
from typing import TypeVar

from integrahub.bus.base import Bus, Delivery
from integrahub.domain.errors import Transient
from integrahub.resilience.circuit_breaker import CircuitBreaker, CircuitOpen

_T = TypeVar("_T")


class CircuitBreakingBus:
    """Count OSError and Transient of the inner bus as failures; refuse calls while the breaker is open."""

    def __init__(self, inner: Bus, breaker: CircuitBreaker) -> None:
        self._inner = inner
        self._breaker = breaker

    async def publish(self, topic: str, bodies: list[bytes], *, together: bool = False) -> None:
        self._breaker.check()
        await self._observe(self._inner.publish(topic, bodies, together=together))

    async def receive(self, topic: str, limit: int, timeout: float) -> list[Delivery]:
        self._breaker.check()
        return await self._observe(self._inner.receive(topic, limit, timeout))

    def stop_waiting(self) -> None:
        self._inner.stop_waiting()

    async def ack(self, deliveries: list[Delivery]) -> None:
        self._breaker.check()
        await self._observe(self._inner.ack(deliveries))

    async def lag(self, topic: str) -> int:
        """Ask the inner bus even if the breaker is open: health checks need the real state, and success closes it."""
        return await self._observe(self._inner.lag(topic))

    async def close(self) -> None:
        await self._inner.close()

    async def _observe(self, call: Awaitable[_T]) -> _T:
        try:
            result = await call
        except CircuitOpen:
            raise  # a dependency of the bus has its own breaker, which counted the failure
        except (OSError, Transient) as error:
            self._breaker.record_failure(error)
            raise Transient(f"The bus failed: {error}") from error
        finally:
            self._breaker.release()
        self._breaker.record_success()
        return result

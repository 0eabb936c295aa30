"""A storage behind a breaker: what the operating system or the network refuses is a fault of the dependency."""

from collections.abc import AsyncIterator

from integrahub.domain.breakers import Breaker
from integrahub.domain.errors import Transient
from integrahub.storage.base import ObjectMissing, Storage


class GuardedStorage:
    """The storage port; OSError and Transient open the breaker, everything else is an answer."""

    def __init__(self, inner: Storage, breaker: Breaker) -> None:
        self._inner = inner
        self._breaker = breaker

    async def put(self, name: str, blocks: AsyncIterator[bytes]) -> int:
        """As the inner storage; faults of `blocks` themselves are none of its own."""
        source = _Source(blocks)
        self._breaker.enter()
        try:
            size = await self._inner.put(name, source.blocks())
        except (OSError, Transient) as error:
            if source.fault is error:
                self._breaker.left()
                raise
            raise self._failed(error) from error
        except BaseException:
            self._breaker.left()
            raise
        self._breaker.succeeded()
        return size

    async def get(self, name: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """As the inner storage."""
        self._breaker.enter()
        try:
            async for block in self._inner.get(name, start, length):
                self._breaker.succeeded()
                yield block
        except ObjectMissing:
            self._breaker.succeeded()
            raise
        except (OSError, Transient) as error:
            raise self._failed(error) from error
        finally:
            self._breaker.left()

    async def delete(self, name: str) -> None:
        """As the inner storage."""
        self._breaker.enter()
        try:
            await self._inner.delete(name)
        except (OSError, Transient) as error:
            raise self._failed(error) from error
        finally:
            self._breaker.left()
        self._breaker.succeeded()

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """As the inner storage."""
        async for name in self._inner.list(prefix):
            yield name

    async def check(self) -> None:
        """Always tried: health shows what is, and a check that succeeds closes the breaker."""
        try:
            await self._inner.check()
        except (OSError, Transient) as error:
            raise self._failed(error) from error
        self._breaker.succeeded()

    def _failed(self, error: BaseException) -> Transient:
        self._breaker.failed(error)
        return Transient(f"storage did not do what was asked: {error}")


class _Source:
    """The blocks of a put, remembering whether it was they that failed."""

    def __init__(self, blocks: AsyncIterator[bytes]) -> None:
        self._blocks = blocks
        self.fault: BaseException | None = None

    async def blocks(self) -> AsyncIterator[bytes]:
        try:
            async for block in self._blocks:
                yield block
        except BaseException as error:
            self.fault = error
            raise

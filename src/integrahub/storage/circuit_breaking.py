"""Storage adapter that adds a circuit breaker and timeouts to another storage."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from time import monotonic
from typing import TypeVar

from integrahub.domain.errors import Transient
from integrahub.resilience.circuit_breaker import CircuitBreaker
from integrahub.storage.base import ObjectMissing, Storage

_STORAGE_TIMEOUT_SECONDS = 30.0  # without progress
_STORAGE_CHECK_TIMEOUT_SECONDS = 4.0  # shorter than the timeout of health checks
_PROGRESS_POLL_INTERVAL_SECONDS = 0.5  # between checks whether a put waits for its client or for the storage
_CLEANUP_TIMEOUT_SECONDS = 1.0  # of a cancelled put
_TIMEOUT_WEIGHT = 3  # a timeout counts like this many failures
_T = TypeVar("_T")


class CircuitBreakingStorage:
    """Count OSError, Transient and `timeout` seconds without progress as failures; refuse calls while open."""

    def __init__(self, inner: Storage, breaker: CircuitBreaker, timeout: float = _STORAGE_TIMEOUT_SECONDS) -> None:
        self._inner = inner
        self._breaker = breaker
        self._timeout = timeout
        self._abandoned: set[asyncio.Task[int]] = set()  # cancelled puts that still clean up

    async def put(self, name: str, blocks: AsyncIterator[bytes]) -> int:
        """Put through the inner storage. Errors of `blocks` and the time they take do not count as failures."""
        source = _Source(blocks)
        self._breaker.check()
        try:
            size = await self._put(name, source)
        except (OSError, Transient) as error:
            if source.error is error:
                self._breaker.release()
                raise
            raise self._record_failure(error) from error
        except BaseException:
            self._breaker.release()
            raise
        self._breaker.record_success()
        return size

    async def get(self, name: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        self._breaker.check()
        try:
            async with aclosing(self._with_timeout(self._inner.get(name, start, length))) as blocks:
                async for block in blocks:
                    self._breaker.record_success()
                    yield block
        except ObjectMissing:
            self._breaker.record_success()
            raise
        except (OSError, Transient) as error:
            raise self._record_failure(error) from error
        finally:
            self._breaker.release()

    async def delete(self, name: str) -> None:
        self._breaker.check()
        try:
            async with _limit_time(self._timeout):
                await self._inner.delete(name)
        except (OSError, Transient) as error:
            raise self._record_failure(error) from error
        finally:
            self._breaker.release()
        self._breaker.record_success()

    async def list(self, prefix: str) -> AsyncIterator[str]:
        try:
            async with aclosing(self._with_timeout(self._inner.list(prefix))) as names:
                async for name in names:
                    yield name
        except (OSError, Transient) as error:
            raise self._record_failure(error) from error

    async def check(self) -> None:
        """Check the inner storage even if the breaker is open: health needs the real state, and success closes it."""
        try:
            async with _limit_time(min(self._timeout, _STORAGE_CHECK_TIMEOUT_SECONDS)):
                await self._inner.check()
        except (OSError, Transient) as error:
            raise self._record_failure(error) from error
        self._breaker.record_success()

    async def _put(self, name: str, source: "_Source") -> int:
        """Run the inner put in a separate task, because a put that hangs may not react to its cancellation."""
        putting = asyncio.ensure_future(self._inner.put(name, source.blocks()))
        try:
            while not putting.done():
                if (left := source.seconds_left(self._timeout)) <= 0:
                    raise StorageTimeout(f"no progress for {self._timeout:g} s")
                await asyncio.wait({putting}, timeout=left)
            return putting.result()
        except (asyncio.CancelledError, StorageTimeout):
            # The caller learns of it only after the put did: a disk that goes on now must not complete the object.
            putting.cancel()
            await asyncio.wait({putting}, timeout=_CLEANUP_TIMEOUT_SECONDS)
            raise
        finally:
            self._abandon(putting)

    def _abandon(self, putting: asyncio.Task[int]) -> None:
        if not putting.done():
            putting.cancel()
            self._abandoned.add(putting)
            putting.add_done_callback(self._abandoned.discard)
            putting.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _with_timeout(self, items: AsyncIterator[_T]) -> AsyncGenerator[_T, None]:
        try:
            while True:
                async with _limit_time(self._timeout):
                    item = await anext(items, None)
                if item is None:
                    return
                yield item
        finally:
            if isinstance(items, AsyncGenerator):
                await items.aclose()

    def _record_failure(self, error: BaseException) -> Transient:
        self._breaker.record_failure(error, _TIMEOUT_WEIGHT if isinstance(error, StorageTimeout) else 1)
        return Transient(f"Storage failed: {error}")


class StorageTimeout(Transient):
    """The storage made no progress within the timeout."""


@asynccontextmanager
async def _limit_time(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise StorageTimeout(f"no answer within {seconds:g} s") from None


class _Source:
    """The blocks of a put. Knows whether an error came from them, and whether the storage waits for the next one."""

    def __init__(self, blocks: AsyncIterator[bytes]) -> None:
        self._blocks = blocks
        self._busy_since: float | None = monotonic()  # since then the storage must progress; None: it waits for a block
        self.error: BaseException | None = None

    def seconds_left(self, timeout: float) -> float:
        """Return the seconds until the storage times out, or the poll interval while it waits for a block."""
        return (
            _PROGRESS_POLL_INTERVAL_SECONDS if self._busy_since is None else timeout - (monotonic() - self._busy_since)
        )

    async def blocks(self) -> AsyncIterator[bytes]:
        try:
            self._busy_since = None
            async for block in self._blocks:
                self._busy_since = monotonic()
                yield block
                self._busy_since = None
        except BaseException as error:
            self.error = error
            raise
        finally:
            self._busy_since = monotonic()

"""A storage behind a breaker and a deadline: what is refused, or left unanswered, is a fault of the dependency."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from time import monotonic
from typing import TypeVar

from integrahub.domain.errors import Transient
from integrahub.resilience.circuit_breaker import CircuitBreaker
from integrahub.storage.base import ObjectMissing, Storage

_PATIENCE = 30.0  # seconds without progress
_CHECK = 4.0  # seconds a check may take: below what those who ask for one wait
_LOOK = 0.5  # seconds between looks at whether a put waits for its client or for the storage
_TIDY = 1.0  # seconds a put that is cancelled may take to tidy up
_HUNG = 3  # failures that one unanswered deadline counts for
_T = TypeVar("_T")


class CircuitBreakingStorage:
    """The storage port; OSError, Transient and `patience` seconds without progress open the breaker, everything else is
    an answer.
    """

    def __init__(self, inner: Storage, breaker: CircuitBreaker, patience: float = _PATIENCE) -> None:
        self._inner = inner
        self._breaker = breaker
        self._patience = patience
        self._left: set[asyncio.Task[int]] = set()  # puts nobody waits for, which tidy up

    async def put(self, name: str, blocks: AsyncIterator[bytes]) -> int:
        """As the inner storage; faults of `blocks` themselves, and the time they take, are none of its own."""
        source = _Source(blocks)
        self._breaker.check()
        try:
            size = await self._put(name, source)
        except (OSError, Transient) as error:
            if source.fault is error:
                self._breaker.release()
                raise
            raise self._failed(error) from error
        except BaseException:
            self._breaker.release()
            raise
        self._breaker.record_success()
        return size

    async def get(self, name: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """As the inner storage."""
        self._breaker.check()
        try:
            async with aclosing(self._in_time(self._inner.get(name, start, length))) as blocks:
                async for block in blocks:
                    self._breaker.record_success()
                    yield block
        except ObjectMissing:
            self._breaker.record_success()
            raise
        except (OSError, Transient) as error:
            raise self._failed(error) from error
        finally:
            self._breaker.release()

    async def delete(self, name: str) -> None:
        """As the inner storage."""
        self._breaker.check()
        try:
            async with _deadline(self._patience):
                await self._inner.delete(name)
        except (OSError, Transient) as error:
            raise self._failed(error) from error
        finally:
            self._breaker.release()
        self._breaker.record_success()

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """As the inner storage."""
        try:
            async with aclosing(self._in_time(self._inner.list(prefix))) as names:
                async for name in names:
                    yield name
        except (OSError, Transient) as error:
            raise self._failed(error) from error

    async def check(self) -> None:
        """Always tried: health shows what is, and a check that succeeds closes the breaker."""
        try:
            async with _deadline(min(self._patience, _CHECK)):
                await self._inner.check()
        except (OSError, Transient) as error:
            raise self._failed(error) from error
        self._breaker.record_success()

    async def _put(self, name: str, source: "_Source") -> int:
        """The inner put in a task of its own: one that hangs cannot always be cancelled at once."""
        putting = asyncio.ensure_future(self._inner.put(name, source.blocks()))
        try:
            while not putting.done():
                if (left := source.left(self._patience)) <= 0:
                    raise Hung(f"no progress for {self._patience:g} s")
                await asyncio.wait({putting}, timeout=left)
            return putting.result()
        except asyncio.CancelledError:
            putting.cancel()
            await asyncio.wait({putting}, timeout=_TIDY)
            raise
        finally:
            self._leave(putting)

    def _leave(self, putting: asyncio.Task[int]) -> None:
        if not putting.done():
            putting.cancel()
            self._left.add(putting)
            putting.add_done_callback(self._left.discard)
            putting.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _in_time(self, items: AsyncIterator[_T]) -> AsyncGenerator[_T, None]:
        try:
            while True:
                async with _deadline(self._patience):
                    item = await anext(items, None)
                if item is None:
                    return
                yield item
        finally:
            if isinstance(items, AsyncGenerator):
                await items.aclose()

    def _failed(self, error: BaseException) -> Transient:
        self._breaker.record_failure(error, _HUNG if isinstance(error, Hung) else 1)
        return Transient(f"storage did not do what was asked: {error}")


class Hung(Transient):
    """Storage left a call unanswered for the whole of a deadline."""


@asynccontextmanager
async def _deadline(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise Hung(f"no answer within {seconds:g} s") from None


class _Source:
    """The blocks of a put, remembering whether it was they that failed, and whether they are waited for."""

    def __init__(self, blocks: AsyncIterator[bytes]) -> None:
        self._blocks = blocks
        self._given_at: float | None = monotonic()  # since when storage is to move; None: it waits for a block
        self.fault: BaseException | None = None

    def left(self, patience: float) -> float:
        """Seconds until storage has taken too long, or until the next look while it waits for a block."""
        return _LOOK if self._given_at is None else patience - (monotonic() - self._given_at)

    async def blocks(self) -> AsyncIterator[bytes]:
        try:
            self._given_at = None
            async for block in self._blocks:
                self._given_at = monotonic()
                yield block
                self._given_at = None
        except BaseException as error:
            self.fault = error
            raise
        finally:
            self._given_at = monotonic()

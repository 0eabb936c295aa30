"""Results that callers share: at most one call per key and time."""

from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Any, Generic, TypeVar

from integrahub.resilience.single_flight import SingleFlight
from integrahub.resilience.ttl_cache import TtlCache

Key = TypeVar("Key")
Result = TypeVar("Result")


class SharedResults(Generic[Key, Result]):
    """Keep the result of a call for `ttl_seconds`. Concurrent callers with the same key share one running call.

    A call that raises is not kept: all that wait for it get the error.
    """

    def __init__(self, ttl_seconds: float, max_entries: int = 1, clock: Callable[[], float] = monotonic) -> None:
        self._single_flight = SingleFlight[Key, Result]()
        self._cache = TtlCache[Key, Result](ttl_seconds, max_entries, clock)

    async def __call__(self, key: Key, call: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """Return the result that is kept for `key`, or that of a new call."""

        async def run() -> Result:
            result = await call()
            self._cache.put(key, result)
            return result

        cached = self._cache.get(key)
        return cached if cached is not None else await self._single_flight(key, run)

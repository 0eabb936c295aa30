"""Crash points: every call to database, storage and bus has a name and can kill its process."""

import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from integrahub.db.queries import load_queries
from integrahub.db.tenancy import TenantContext
from integrahub.db.webhooks.events import with_deliveries, with_deliveries_returned
from tests.query_files import QUERY_FILES

NAMES = {
    text: f"{module.rpartition('.')[2]}.{name}" for module in QUERY_FILES for name, text in load_queries(module).items()
}

# Statements that also insert webhook deliveries keep the name of the statement that they extend.
for _extend in (with_deliveries, with_deliveries_returned):
    NAMES |= {_extend(text): name for text, name in list(NAMES.items())}


class Points:
    """Counters of reached points; kills this process at one of them (`name#k` is its k-th time)."""

    def __init__(self, crash_at: str, record: str) -> None:
        self._name, _, times = crash_at.partition("#")
        self._times = int(times or 1)
        self._seen: Counter[str] = Counter()
        self._record = open(record, "a", buffering=1) if record else None  # noqa: SIM115

    def reach(self, name: str) -> None:
        """Count this point, and kill the process if it is the chosen one."""
        self._seen[name] += 1
        if self._record:
            self._record.write(name + "\n")
        if name == self._name and self._seen[name] == self._times:
            os.kill(os.getpid(), signal.SIGKILL)


class _Watched:
    """Proxy that forwards every attribute."""

    def __init__(self, inner: Any, points: Points) -> None:
        self._inner = inner
        self._points = points

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class WatchedDatabase(_Watched):
    """Database whose statements and commits are points."""

    def for_tenants(self, tenants: TenantContext) -> "WatchedDatabase":
        return WatchedDatabase(self._inner.for_tenants(tenants), self._points)

    @asynccontextmanager
    async def transaction(self, **how: bool) -> AsyncIterator[Any]:
        async with self._watched(self._inner.transaction(**how)) as connection:
            yield connection

    @asynccontextmanager
    async def pipeline(self) -> AsyncIterator[Any]:
        async with self._watched(self._inner.pipeline()) as connection:
            yield connection

    @asynccontextmanager
    async def _watched(self, transaction: Any) -> AsyncIterator[Any]:
        last = ["nothing"]
        async with transaction as connection:
            yield _Connection(connection, self._points, last)
            self._points.reach(f"before commit of {last[0]}")
        self._points.reach(f"after commit of {last[0]}")


class _Statements(_Watched):
    """What runs statements; `last` names the latest one of the transaction."""

    def __init__(self, inner: Any, points: Points, last: list[str]) -> None:
        super().__init__(inner, points)
        self._last = last

    async def execute(self, statement: Any, values: Any = None, **how: Any) -> Any:
        self._last[0] = NAMES.get(statement, "a query")
        self._points.reach(f"before {self._last[0]}")
        done = await self._inner.execute(statement, values, **how)
        self._points.reach(f"after {self._last[0]}")
        return done


class _Connection(_Statements):
    def cursor(self, **how: Any) -> "_Cursor":
        return _Cursor(self._inner.cursor(**how), self._points, self._last)


class _Cursor(_Statements):
    async def executemany(self, statement: Any, rows: Any) -> None:
        self._last[0] = NAMES.get(statement, "a query")
        self._points.reach(f"before {self._last[0]}")
        await self._inner.executemany(statement, rows)
        self._points.reach(f"after {self._last[0]}")

    @asynccontextmanager
    async def copy(self, statement: Any, values: Any = None) -> AsyncIterator[Any]:
        self._last[0] = NAMES.get(statement, "a copy")
        self._points.reach(f"before {self._last[0]}")
        async with self._inner.copy(statement, values) as copy:
            yield copy
            self._points.reach(f"amid {self._last[0]}")
        self._points.reach(f"after {self._last[0]}")


class WatchedStorage(_Watched):
    """Storage whose puts, gets and deletes are points."""

    async def put(self, name: str, load_queries: AsyncIterator[bytes]) -> int:
        kind = name.partition("/")[0]

        async def watched() -> AsyncIterator[bytes]:
            async for block in load_queries:
                yield block
                self._points.reach(f"amid put of {kind}")

        self._points.reach(f"before put of {kind}")
        size: int = await self._inner.put(name, watched())
        self._points.reach(f"after put of {kind}")
        return size

    async def get(self, name: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        async for block in self._inner.get(name, start, length):
            self._points.reach(f"amid get of {name.partition('/')[0]}")
            yield block


class WatchedBus(_Watched):
    """Bus whose published, received and acknowledged messages are points."""

    async def publish(self, topic: str, bodies: list[bytes], **how: bool) -> None:
        self._points.reach(f"before publish to {topic}")
        await self._inner.publish(topic, bodies, **how)
        self._points.reach(f"after publish to {topic}")

    async def receive(self, topic: str, limit: int, timeout: float) -> list[Any]:
        deliveries: list[Any] = await self._inner.receive(topic, limit, timeout)
        if deliveries:
            self._points.reach(f"after receive from {topic}")
        return deliveries

    async def ack(self, deliveries: list[Any]) -> None:
        self._points.reach(f"before settle in {deliveries[0].topic}")
        await self._inner.ack(deliveries)
        self._points.reach(f"after settle in {deliveries[0].topic}")


def counted(record: str) -> Iterator[tuple[str, int]]:
    """Return each point of a record with its count."""
    with open(record) as lines:
        yield from sorted(Counter(line.strip() for line in lines).items())

"""The connection pool, with the time limits every session lives under."""

import copy
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from types import TracebackType
from typing import Any

from psycopg import DataError, IntegrityError, InterfaceError, OperationalError
from psycopg.errors import (
    DeadlockDetected,
    IdleInTransactionSessionTimeout,
    LockNotAvailable,
    QueryCanceled,
    SerializationFailure,
    TransactionTimeout,
)
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from integrahub.db.connections import HubConnection, Unanswered, connect
from integrahub.db.tenancy import DatabaseRole, TenantContext
from integrahub.domain.errors import InvalidData, StatementTimeout, Transient
from integrahub.resilience.circuit_breaker import CircuitBreaker
from integrahub.resilience.deadlines import WORKER_DEADLINES, Deadlines

# A server that goes on after it was frozen finds that sessions were idle for too long.
_ENDED = (IdleInTransactionSessionTimeout, TransactionTimeout)
# Transient, but the database answered: others' work was in the way.
_OURS = (DeadlockDetected, LockNotAvailable, QueryCanceled, SerializationFailure, *_ENDED)
_RECONNECT = 5.0  # seconds of tries in the background; after that the next caller tries, without their growing pauses
_CHECK = 2.5  # seconds a check may take: below what those who ask for one wait
_HUNG = 3  # failures that one unanswered deadline counts for


Connection = HubConnection


@dataclass(slots=True)
class _Address:
    """Where the database is, for all who share its pool; `refused` is told when a login was, and may change `url`."""

    url: str
    refused: Callable[[], Awaitable[None]] | None = None

    async def connect(self, url: str, **keywords: Any) -> HubConnection:
        """Connect; when the login is refused and there is another login by then, try once more."""
        try:
            return await connect(url, **keywords)
        except OperationalError as error:
            if self.refused is None or not _is_login_refused(error):
                raise
            await self.refused()
            if self.url == url:
                raise
            return await connect(self.url, **keywords)


class _Pooled(HubConnection):
    """What the pool asks for connections."""

    @classmethod
    async def connect(cls, conninfo: str = "", *, address: _Address, **keywords: Any) -> HubConnection:  # type: ignore[override]
        return await address.connect(conninfo, **keywords)


class _Leased:
    """Count the connections that are in use."""

    count = 0

    def __enter__(self) -> None:
        self.count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.count -= 1


def _limits(deadlines: Deadlines, role: DatabaseRole | None) -> str:
    """What PostgreSQL itself enforces, in milliseconds. Its TCP limit notices a client that vanished without a word."""
    times = f"-c statement_timeout={deadlines.statement * 1000:.0f} -c lock_timeout={deadlines.lock * 1000:.0f}"
    fixed = "-c idle_in_transaction_session_timeout=60000 -c tcp_user_timeout=20000"
    # What one client asks of the API takes one core at most, not those of everybody's posts.
    alone = " -c max_parallel_workers_per_gather=0" if role is DatabaseRole.API else ""
    return f"{times} {fixed}{alone}" + (f" -c role={role}" if role else "")


def _is_login_refused(error: OperationalError) -> bool:
    """Whether the server asked for a password and then would not have who gave it; its words may be of any language."""
    return error.pgconn is not None and bool(error.pgconn.used_password)


class Database:
    """Connections to one PostgreSQL, as a role when one is given, else as whoever the URL names.

    Statements are prepared after their second use on a connection. The API's role sees only the pharmacies of `within`.
    A process may open several, each with its own sizes, deadlines and breaker.
    """

    def __init__(
        self,
        url: str,
        *,
        size: int = 4,
        min_size: int = 2,
        name: str = "integrahub",
        breaker: CircuitBreaker | None = None,
        role: DatabaseRole | None = None,
        refused: Callable[[], Awaitable[None]] | None = None,
        deadlines: Deadlines = WORKER_DEADLINES,
    ) -> None:
        self._reach: TenantContext | None = None
        self._lent = _Leased()
        self._answer = deadlines.answer
        self._address = _Address(url, refused)
        self.breaker = breaker or CircuitBreaker("PostgreSQL", monotonic)
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            self._newest,
            connection_class=_Pooled,
            min_size=min(min_size, size),
            max_size=size,
            open=False,
            kwargs={
                "address": self._address,
                "application_name": name,
                "options": _limits(deadlines, role),
                "prepare_threshold": 2,
            },
            timeout=deadlines.pool,
            reconnect_timeout=_RECONNECT,
        )

    @property
    def url(self) -> str:
        """Where the database is, with the newest login."""
        return self._address.url

    async def open(self) -> None:
        """Start connecting in the background: a database that is down delays the work, not the start."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    async def renew(self, url: str) -> None:
        """Be somebody else from here on: once the database takes the new login, every connection is replaced as it
        falls free. Until then all stays as it is; OperationalError tells so."""
        if url != self.url:
            await (await connect(url)).close()
            self._address.url = url
            await self._pool.drain()

    async def _newest(self) -> str:
        return self.url

    def within(self, reach: TenantContext) -> "Database":
        """The same connections, each transaction naming the pharmacies it may see."""
        bound = copy.copy(self)
        bound._reach = reach
        return bound

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection within one transaction; Transient when there is no database, UnfitValue for a bad value."""
        async with self._guarded(), self._pool.connection() as connection:
            connection.answer = self._answer
            with self._lent:
                async with connection.transaction():
                    if self._reach:
                        await self._reach.name(connection)
                    yield connection

    @asynccontextmanager
    async def pipeline(self) -> AsyncIterator[Connection]:
        """As `transaction`, but statements go off at once: an answer, and a fault, comes when rows are fetched."""
        async with self._guarded(), self._pool.connection() as connection:
            connection.answer = self._answer
            with self._lent:
                async with connection.pipeline(), connection.transaction():
                    if self._reach:
                        await self._reach.name(connection)
                    yield connection

    @asynccontextmanager
    async def _guarded(self) -> AsyncIterator[None]:
        """Faults as the hub knows them; the breaker learns how it went."""
        self.breaker.check()
        try:
            yield
        except PoolTimeout as error:
            # With connections in use, the pool is busy; only where none can be had is PostgreSQL at fault.
            if not self._lent.count:
                self.breaker.record_failure(error)
            raise Transient(f"PostgreSQL: no connection was free in time: {error}") from error
        except QueryCanceled as error:
            raise StatementTimeout(f"PostgreSQL ended a statement: {error}") from error
        except (OperationalError, InterfaceError, *_ENDED) as error:
            if not isinstance(error, _OURS):
                self.breaker.record_failure(error, _HUNG if isinstance(error, Unanswered) else 1)
            raise Transient(f"PostgreSQL is not there or did not answer: {error}") from error
        except (DataError, IntegrityError) as error:
            raise InvalidData(f"PostgreSQL cannot take a value: {error}") from error
        finally:
            self.breaker.release()
        self.breaker.record_success()

    async def check(self) -> None:
        """Prove that a statement can be run."""
        async with self.transaction() as connection:
            connection.answer = min(self._answer, _CHECK)
            await connection.execute("SELECT 1")

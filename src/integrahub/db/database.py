"""The connection pool: transactions, timeouts, tenants, and errors of PostgreSQL as errors of the hub."""

import copy
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from types import TracebackType
from typing import Any

from psycopg import DataError, IntegrityError, InterfaceError, OperationalError
from psycopg.errors import (
    DeadlockDetected,
    IdleInTransactionSessionTimeout,
    LockNotAvailable,
    ProgramLimitExceeded,
    QueryCanceled,
    SerializationFailure,
    TransactionTimeout,
)
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from integrahub.db.connections import AnswerTimeout, HubConnection, connect
from integrahub.db.tenancy import DatabaseRole, TenantContext
from integrahub.domain.errors import InvalidData, StatementTimeout, Transient
from integrahub.resilience.circuit_breaker import CircuitBreaker
from integrahub.resilience.deadlines import WORKER_DEADLINES, Deadlines

# A server that continues after a freeze ends sessions that were idle for too long.
_SESSION_ENDED = (IdleInTransactionSessionTimeout, TransactionTimeout)
# Transient errors of a server that works: another transaction was in the way. The circuit breaker does not count them.
_CONFLICTS = (DeadlockDetected, LockNotAvailable, QueryCanceled, SerializationFailure, *_SESSION_ENDED)
# A value that no column or index can hold. psycopg calls the last one an error of operation, but it comes again.
VALUE_ERRORS = (DataError, IntegrityError, ProgramLimitExceeded)
# The pool retries in the background with growing pauses. After this time the next caller tries at once.
_RECONNECT_TIMEOUT_SECONDS = 5.0
_CONNECTION_CHECK_TIMEOUT_SECONDS = 2.5  # shorter than the timeouts of the health checks that call it
_MAX_LAG_SECONDS = 0.25  # of the event loop; with more, a timeout says nothing about PostgreSQL
_ANSWER_TIMEOUT_FAILURES = 3  # failures for which one timeout counts in the circuit breaker

# A read of one client uses one core at most, so that posts of others keep theirs.
_FOR_READERS = (DatabaseRole.API, DatabaseRole.CONSOLE)

Connection = HubConnection


@dataclass(slots=True)
class _Address:
    """The URL that all connections of a pool share. `on_login_refused` may change it to one with another login."""

    url: str
    on_login_refused: Callable[[], Awaitable[None]] | None = None

    async def connect(self, url: str, **keywords: Any) -> HubConnection:
        """Connect; if the login is refused and the URL then has a new login, retry once."""
        try:
            return await connect(url, **keywords)
        except OperationalError as error:
            if self.on_login_refused is None or not _is_login_refused(error):
                raise
            await self.on_login_refused()
            if self.url == url:
                raise
            return await connect(self.url, **keywords)


class _PooledConnection(HubConnection):
    """Connects through an `_Address`."""

    @classmethod
    async def connect(cls, conninfo: str = "", *, address: _Address, **keywords: Any) -> HubConnection:  # type: ignore[override]
        return await address.connect(conninfo, **keywords)


class _InUse:
    """Counts the connections that are in use."""

    count = 0

    def __enter__(self) -> None:
        self.count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.count -= 1


def _server_options(deadlines: Deadlines, role: DatabaseRole | None) -> str:
    """Return the options of a session: timeouts in milliseconds, which PostgreSQL enforces, and the role."""
    timeouts = f"-c statement_timeout={deadlines.statement * 1000:.0f} -c lock_timeout={deadlines.lock * 1000:.0f}"
    fixed = "-c idle_in_transaction_session_timeout=60000 -c tcp_user_timeout=20000"
    parallelism = " -c max_parallel_workers_per_gather=0" if role in _FOR_READERS else ""
    return f"{timeouts} {fixed}{parallelism}" + (f" -c role={role}" if role else "")


def _is_login_refused(error: OperationalError) -> bool:
    # The message may be in any language, so the check uses the state of the login.
    return error.pgconn is not None and bool(error.pgconn.used_password)


class Database:
    """A pool of connections to one database, in a role if one is given, else as the user of the URL.

    Statements are prepared at their second use on a connection. In the API's role, row level security shows only the
    pharmacies of `for_tenants`. A process may open several pools, each with its own size, timeouts and breaker.
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
        on_login_refused: Callable[[], Awaitable[None]] | None = None,
        deadlines: Deadlines = WORKER_DEADLINES,
    ) -> None:
        self._tenants: TenantContext | None = None
        self._in_use = _InUse()
        self._answer_timeout = deadlines.answer
        self._address = _Address(url, on_login_refused)
        self.breaker = breaker or CircuitBreaker("PostgreSQL", monotonic)
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            self._current_url,
            connection_class=_PooledConnection,
            min_size=min(min_size, size),
            max_size=size,
            open=False,
            kwargs={
                "address": self._address,
                "application_name": name,
                "options": _server_options(deadlines, role),
                "prepare_threshold": 2,
            },
            timeout=deadlines.pool,
            reconnect_timeout=_RECONNECT_TIMEOUT_SECONDS,
        )

    @property
    def url(self) -> str:
        """The URL of the database, with the current login."""
        return self._address.url

    async def open(self) -> None:
        """Start connecting in the background: a database that does not answer delays the work, not the start."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    async def renew(self, url: str) -> None:
        """Use the login of another URL: each connection is replaced when it becomes free.

        Raise OperationalError, and change nothing, if the database does not accept the new login.
        """
        if url != self.url:
            await (await connect(url)).close()
            self._address.url = url
            await self._pool.drain()

    async def _current_url(self) -> str:
        return self.url

    def for_tenants(self, tenants: TenantContext) -> "Database":
        """Return the same pool, whose transactions see only these pharmacies."""
        bound = copy.copy(self)
        bound._tenants = tenants
        return bound

    @asynccontextmanager
    async def transaction(self, *, is_durable: bool = True) -> AsyncIterator[Connection]:
        """Open a transaction. Errors of PostgreSQL are raised as Transient, StatementTimeout or InvalidData.

        Without `is_durable` the commit does not wait for the disk: a crash of PostgreSQL may undo it. The next durable
        commit of any session makes it durable too.
        """
        async with self._translate_errors(), self._connection() as connection:
            with self._in_use:
                async with connection.transaction():
                    if not is_durable:
                        await connection.execute("SET LOCAL synchronous_commit TO off")
                    if self._tenants:
                        await self._tenants.apply(connection)
                    yield connection

    @asynccontextmanager
    async def pipeline(self) -> AsyncIterator[Connection]:
        """Open a transaction in pipeline mode: results and errors of statements arrive when rows are fetched.

        Its commit is durable.
        """
        async with self._translate_errors(), self._connection() as connection:
            with self._in_use:
                async with connection.pipeline(), connection.transaction():
                    if self._tenants:
                        await self._tenants.apply(connection)
                    yield connection

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        """Take a connection from the pool; try again if this process was too busy to take one that was free."""
        async with AsyncExitStack() as stack:
            started = monotonic()
            try:
                connection = await stack.enter_async_context(self._pool.connection())
            except PoolTimeout:
                if monotonic() - started < self._pool.timeout + _MAX_LAG_SECONDS:
                    raise
                connection = await stack.enter_async_context(self._pool.connection())
            connection.answer_timeout = self._answer_timeout
            yield connection

    @asynccontextmanager
    async def _translate_errors(self) -> AsyncIterator[None]:
        """Raise errors of PostgreSQL as errors of the hub, and record the outcome in the circuit breaker."""
        self.breaker.check()
        try:
            yield
        except PoolTimeout as error:
            # While connections are in use, the pool is busy. Without any, PostgreSQL does not answer.
            if not self._in_use.count:
                self.breaker.record_failure(error)
            raise Transient(f"PostgreSQL: no connection was free in time: {error}") from error
        except QueryCanceled as error:
            raise StatementTimeout(f"PostgreSQL cancelled a statement: {error}") from error
        except VALUE_ERRORS as error:
            raise InvalidData(f"PostgreSQL rejected a value: {error}") from error
        except (OperationalError, InterfaceError, *_SESSION_ENDED) as error:
            if not isinstance(error, _CONFLICTS):
                self.breaker.record_failure(error, _ANSWER_TIMEOUT_FAILURES if isinstance(error, AnswerTimeout) else 1)
            raise Transient(f"PostgreSQL cannot be reached or did not answer: {error}") from error
        finally:
            self.breaker.release()
        self.breaker.record_success()

    async def check(self) -> None:
        """Run a trivial statement; raise as `transaction` does if it fails."""
        async with self.transaction() as connection:
            connection.answer_timeout = min(self._answer_timeout, _CONNECTION_CHECK_TIMEOUT_SECONDS)
            await connection.execute("SELECT 1")

"""The connection pool, with the time limits every session lives under."""

import copy
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

from psycopg import AsyncConnection, DataError, IntegrityError, InterfaceError, OperationalError
from psycopg.errors import DeadlockDetected, LockNotAvailable, QueryCanceled, SerializationFailure
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from integrahub.db.roles import Reach, Role
from integrahub.db.sessions import session
from integrahub.domain.breakers import Breaker
from integrahub.domain.errors import Transient, UnfitValue

Connection = AsyncConnection[DictRow]

# Transient, but the database answered: others' work was in the way.
_OURS = (DeadlockDetected, LockNotAvailable, QueryCanceled, SerializationFailure)
# A peer that vanished without a word is noticed within seconds, also while an answer is waited for.
NETWORK: dict[str, Any] = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
# Milliseconds. TCP limits notice a peer that vanished without a word.
_SESSION = (
    "-c statement_timeout=120000 -c lock_timeout=30000 -c idle_in_transaction_session_timeout=60000 "
    "-c tcp_user_timeout=20000"
)


@dataclass(slots=True)
class _Address:
    """Where the database is, for all who share its pool; `refused` is told when a login was, and may change `url`."""

    url: str
    refused: Callable[[], Awaitable[None]] | None = None

    async def connect(self, url: str, **keywords: Any) -> Connection:
        """A connection; one whose login is refused is tried once more when there is another login by then."""
        try:
            return await AsyncConnection[DictRow].connect(url, **keywords)
        except OperationalError as error:
            if self.refused is None or not _is_login_refused(error):
                raise
            await self.refused()
            if self.url == url:
                raise
            return await AsyncConnection[DictRow].connect(self.url, **keywords)


class _Pooled(AsyncConnection[DictRow]):
    """What the pool asks for connections."""

    @classmethod
    async def connect(cls, conninfo: str = "", *, address: _Address, **keywords: Any) -> Connection:  # type: ignore[override]
        return await address.connect(conninfo, **keywords)


def _is_login_refused(error: OperationalError) -> bool:
    """Whether the server asked for a password and then would not have who gave it; its words may be of any language."""
    return error.pgconn is not None and bool(error.pgconn.used_password)


class Database:
    """Connections to one PostgreSQL, as a role when one is given, else as whoever the URL names.

    Statements are prepared after their second use on a connection. The API's role sees only the pharmacies of `within`.
    """

    def __init__(
        self,
        url: str,
        *,
        size: int = 4,
        name: str = "integrahub",
        breaker: Breaker | None = None,
        role: Role | None = None,
        refused: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        begun = session(f"{_SESSION} -c role={role}" if role else _SESSION)
        keywords: dict[str, Any] = {"row_factory": dict_row, "application_name": name, **begun} | NETWORK
        self._reach: Reach | None = None
        self._address = _Address(url, refused)
        self.breaker = breaker or Breaker("PostgreSQL", monotonic)
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            self._newest,
            connection_class=_Pooled,
            min_size=min(2, size),
            max_size=size,
            open=False,
            kwargs=keywords | {"prepare_threshold": 2, "address": self._address},
            timeout=10,
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
            await (await AsyncConnection.connect(url, **session(), **NETWORK)).close()
            self._address.url = url
            await self._pool.drain()

    async def _newest(self) -> str:
        return self.url

    def within(self, reach: Reach) -> "Database":
        """The same connections, each transaction naming the pharmacies it may see."""
        bound = copy.copy(self)
        bound._reach = reach
        return bound

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection within one transaction; Transient when there is no database, UnfitValue for a bad value."""
        async with self._guarded(), self._pool.connection() as connection, connection.transaction():
            if self._reach:
                await self._reach.name(connection)
            yield connection

    @asynccontextmanager
    async def pipeline(self) -> AsyncIterator[Connection]:
        """As `transaction`, but statements go off at once: an answer, and a fault, comes when rows are fetched."""
        async with (
            self._guarded(),
            self._pool.connection() as connection,
            connection.pipeline(),
            connection.transaction(),
        ):
            if self._reach:
                await self._reach.name(connection)
            yield connection

    @asynccontextmanager
    async def _guarded(self) -> AsyncIterator[None]:
        """Faults as the hub knows them; the breaker learns how it went."""
        self.breaker.enter()
        try:
            yield
        except (PoolTimeout, OperationalError, InterfaceError) as error:
            if not isinstance(error, _OURS):
                self.breaker.failed(error)
            raise Transient(f"PostgreSQL is not there or did not answer: {error}") from error
        except (DataError, IntegrityError) as error:
            raise UnfitValue(f"PostgreSQL cannot take a value: {error}") from error
        finally:
            self.breaker.left()
        self.breaker.succeeded()

    async def check(self) -> None:
        """Prove that a statement can be run."""
        async with self.transaction() as connection:
            await connection.execute("SELECT 1")

"""The connection pool, with the time limits every session lives under."""

import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

from psycopg import AsyncConnection, DataError, IntegrityError, InterfaceError, OperationalError
from psycopg.errors import DeadlockDetected, LockNotAvailable, QueryCanceled, SerializationFailure
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from integrahub.db.roles import Reach, Role
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
    "-c tcp_user_timeout=20000 -c timezone=UTC"
)


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
    ) -> None:
        session = f"{_SESSION} -c role={role}" if role else _SESSION
        keywords: dict[str, Any] = {"row_factory": dict_row, "options": session, "application_name": name} | NETWORK
        self._reach: Reach | None = None
        self.url = url
        self.breaker = breaker or Breaker("PostgreSQL", monotonic)
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            min_size=min(2, size),
            max_size=size,
            open=False,
            kwargs=keywords | {"prepare_threshold": 2},
            timeout=10,
        )

    async def open(self) -> None:
        """Start connecting in the background: a database that is down delays the work, not the start."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    def within(self, reach: Reach) -> "Database":
        """The same connections, each transaction naming the pharmacies it may see."""
        bound = copy.copy(self)
        bound._reach = reach
        return bound

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection within one transaction; Transient when there is no database, UnfitValue for a bad value."""
        self.breaker.enter()
        try:
            async with self._pool.connection() as connection, connection.transaction():
                if self._reach:
                    await self._reach.name(connection)
                yield connection
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

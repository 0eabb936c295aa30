"""The connection pool, with the time limits every session lives under."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection, DataError, IntegrityError, OperationalError
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from integrahub.domain.errors import Transient, UnfitValue

Connection = AsyncConnection[DictRow]

# Milliseconds. TCP limits notice a peer that vanished without a word.
_SESSION = (
    "-c statement_timeout=120000 -c lock_timeout=30000 -c idle_in_transaction_session_timeout=60000 "
    "-c tcp_user_timeout=20000 -c timezone=UTC"
)


class Database:
    """Connections to one PostgreSQL. Statements are prepared after their second use on a connection."""

    def __init__(self, url: str, *, size: int = 4, name: str = "integrahub") -> None:
        keywords: dict[str, Any] = {"row_factory": dict_row, "options": _SESSION, "application_name": name}
        self.url = url
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

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection within one transaction; Transient when there is no database, UnfitValue for a bad value."""
        try:
            async with self._pool.connection() as connection, connection.transaction():
                yield connection
        except (PoolTimeout, OperationalError) as error:
            raise Transient(f"PostgreSQL is not there or did not answer: {error}") from error
        except (DataError, IntegrityError) as error:
            raise UnfitValue(f"PostgreSQL cannot take a value: {error}") from error

    async def check(self) -> None:
        """Prove that a statement can be run."""
        async with self.transaction() as connection:
            await connection.execute("SELECT 1")

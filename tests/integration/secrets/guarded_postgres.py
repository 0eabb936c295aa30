"""PostgreSQL that requires a password (SCRAM) from every login."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from integrahub.db.schema.migrate import migrate
from tests.conftest import embedded_postgres


@dataclass(frozen=True, slots=True)
class Guarded:
    """`url` is the owner's URL, `place` the same without a login."""

    url: str

    @property
    def place(self) -> str:
        return self.url.replace(self._login, "/")

    def url_of(self, user: str, password: str) -> str:
        return self.url.replace(self._login, f"{user}:{password}@/")

    @property
    def _login(self) -> str:
        return f"{urlsplit(self.url).netloc}/"

    def set_password(self, user: str, password: str) -> None:
        statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(user), sql.Literal(password))
        self.ask(statement)

    def ask(self, statement: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            done = connection.execute(statement)
            return done.fetchall() if done.description else []


@contextmanager
def guarded_postgres() -> Iterator[Guarded]:
    """Start the server with the hub's schema."""
    with embedded_postgres("ihub-guarded-") as (_, url):
        server = Guarded(url)
        asyncio.run(migrate(server.url))
        yield server

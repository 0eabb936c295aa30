"""A PostgreSQL of its own that asks everybody but its owner for a password (SCRAM)."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from integrahub.db.migrations import migrate
from tests.conftest import embedded_postgres

_RULES = "local all integrahub trust\nlocal all all scram-sha-256\n"


@dataclass(frozen=True, slots=True)
class Guarded:
    """`url` is the owner's, `place` the same without a login, for whoever has one."""

    url: str

    @property
    def place(self) -> str:
        return self.url.replace("integrahub@/", "/")

    def url_of(self, user: str, password: str) -> str:
        return self.url.replace("integrahub@/", f"{user}:{password}@/")

    def set_password(self, user: str, password: str) -> None:
        statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(user), sql.Literal(password))
        self.ask(statement)

    def ask(self, statement: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            done = connection.execute(statement)
            return done.fetchall() if done.description else []


@contextmanager
def guarded_postgres() -> Iterator[Guarded]:
    """The server, with our schema in its database."""
    with embedded_postgres("ihub-guarded-") as (folder, url):
        server = Guarded(url)
        (folder / "cluster" / "pg_hba.conf").write_text(_RULES)
        server.ask("SELECT pg_reload_conf()")
        asyncio.run(migrate(server.url))
        yield server

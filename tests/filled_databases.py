"""Databases that the tests of a module share or copy, as filling one costs fifty times as much as a copy."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import LiteralString

import psycopg

from tests.conftest import Server


@contextmanager
def filled_database(server: Server, statements: Iterable[LiteralString]) -> Iterator[str]:
    """Create a database, run statements in it as its owner, and yield its name; drop it at the end."""
    name = f"filled_{next(server.numbers)}"
    with psycopg.connect(server.create_database(name), autocommit=True) as owner:
        for statement in statements:
            owner.execute(statement)
    try:
        yield name
    finally:
        server.drop_database(name)

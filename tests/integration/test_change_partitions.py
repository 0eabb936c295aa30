"""Partitions of the record of changes: made by the worker's role, a week ahead, while others write."""

from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
import pytest

from integrahub.db.database import Database
from integrahub.db.embedded.logins import url_as
from integrahub.db.tenancy import DatabaseRole
from integrahub.maintenance.change_partitions import ChangePartitions

_INSERT: LiteralString = (
    "INSERT INTO product_changes (pharmacy_id, seq, product_id, batch_id, kind, stock_only, at)"
    " VALUES (1, 1, 1, gen_random_uuid(), 'updated', %(stock_only)s, now() + %(days)s * interval '1 day')"
    " RETURNING tableoid::regclass::text"
)
_PARENTS = ("product_changes_main", "product_changes_stock")


@pytest.fixture
def worker(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """Yield a connection of the role of workers."""
    with psycopg.connect(url_as(database_url, DatabaseRole.WORKER), autocommit=True) as connection:
        yield connection


def _value(connection: psycopg.Connection[Any], query: LiteralString, **params: object) -> Any:
    row = connection.execute(query, params).fetchone()
    assert row is not None
    return row[0]


def _insert(connection: psycopg.Connection[Any], days: int, *, stock_only: bool = False) -> str:
    """Insert a change `days` from now; return the name of its partition."""
    name: str = _value(connection, _INSERT, days=days, stock_only=stock_only)
    return name


def _make(connection: psycopg.Connection[Any], days: int) -> int:
    made: int = _value(connection, "SELECT make_change_partitions(%(days)s)", days=days)
    return made


def _name(connection: psycopg.Connection[Any], parent: str, days: int) -> str:
    query: LiteralString = (
        "SELECT %(parent)s || to_char(now() AT TIME ZONE 'UTC' + %(days)s * interval '1 day', '_YYYYMMDD')"
    )
    name: str = _value(connection, query, parent=parent, days=days)
    return name


def test_a_change_goes_to_the_partition_of_its_kind_and_day(worker: psycopg.Connection[Any]) -> None:
    for days in (0, 7):  # migrating made them
        for parent, stock_only in zip(_PARENTS, (False, True), strict=True):
            assert _insert(worker, days, stock_only=stock_only) == _name(worker, parent, days)
    assert _insert(worker, 8) == "product_changes_main_default"


def test_partitions_are_made_once(worker: psycopg.Connection[Any]) -> None:
    assert _make(worker, 7) == 0
    assert _make(worker, 9) == 4
    assert _insert(worker, 9) == _name(worker, "product_changes_main", 9)


def test_partitions_are_made_while_others_write_and_read(worker: psycopg.Connection[Any], database_url: str) -> None:
    with psycopg.connect(url_as(database_url, DatabaseRole.WORKER)) as writer:
        _insert(writer, 0)  # not committed
        assert _make(worker, 8) == 2
    with psycopg.connect(url_as(database_url, DatabaseRole.WORKER)) as reader:
        reader.execute("SELECT FROM product_changes").fetchall()  # holds a lock on every partition
        assert _make(worker, 9) == 0  # gives up, so that no writer waits for long
        assert _insert(worker, 0) == _name(worker, "product_changes_main", 0)
    assert _make(worker, 9) == 2


def test_rows_of_a_day_without_a_partition_are_moved_when_the_day_is_over(worker: psycopg.Connection[Any]) -> None:
    assert _insert(worker, -1) == "product_changes_main_default"
    assert _insert(worker, 8) == "product_changes_main_default"
    assert _make(worker, 8) == 2  # yesterday's, and that of stock changes in 8 days; its sibling has to wait
    query: LiteralString = "SELECT tableoid::regclass::text FROM product_changes ORDER BY at"
    assert [name for (name,) in worker.execute(query)] == [
        _name(worker, "product_changes_main", -1),
        "product_changes_main_default",
    ]
    assert _insert(worker, 8, stock_only=True) == _name(worker, "product_changes_stock", 8)


async def test_partitions_are_dropped_when_their_changes_have_been_kept(
    worker: psycopg.Connection[Any], database_url: str
) -> None:
    for days in (-91, -90, -8, -7, 0):
        for stock_only in (False, True):
            _insert(worker, days, stock_only=stock_only)
    database = Database(url_as(database_url, DatabaseRole.WORKER), size=1, role=DatabaseRole.WORKER)
    await database.open()
    try:
        await ChangePartitions(database, history_days=90, stock_history_days=7)()
    finally:
        await database.close()
    query: LiteralString = (
        "SELECT stock_only, (at::date - current_date)::int FROM product_changes"
        " WHERE tableoid::regclass::text !~ 'default' ORDER BY 1, 2"
    )
    kept = worker.execute(query).fetchall()
    assert kept == [*((False, days) for days in (-90, -8, -7, 0)), *((True, days) for days in (-7, 0))]


def test_a_partition_that_is_read_is_dropped_later(worker: psycopg.Connection[Any], database_url: str) -> None:
    _insert(worker, -91)
    _make(worker, 0)
    drop: LiteralString = "SELECT drop_change_partition(90, 7)"
    with psycopg.connect(url_as(database_url, DatabaseRole.WORKER)) as writer:
        _insert(writer, 0)  # not committed
        assert _value(worker, drop) == 0
    assert _value(worker, drop) == 1
    assert _value(worker, drop) == 0

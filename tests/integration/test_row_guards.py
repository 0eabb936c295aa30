"""Each `..._if_...` statement changes no row if one of its conditions does not hold."""

from typing import Any, LiteralString, cast

import psycopg
import pytest

from integrahub.db.queries import load_queries
from tests.integration.row_guard_cases import CASES, GIVEN, KEY, ROWS, Case
from tests.query_files import QUERY_FILES


def _found(connection: psycopg.Connection[Any], case: Case, *states: str) -> int:
    """Return the number of rows that the statement finds in these states."""
    given = GIVEN | case.given
    with connection.transaction(force_rollback=True), psycopg.ClientCursor(connection) as cursor:
        cursor.execute(ROWS, given)
        for state in states:
            cursor.execute(cast(LiteralString, f"UPDATE {case.table} SET {state}"), given)
        return cursor.execute(load_queries(f"integrahub.db.{case.file}")[case.block], given).rowcount


@pytest.mark.parametrize("file", sorted({case.file for case in CASES}))
def test_a_statement_leaves_alone_what_does_not_meet_every_condition(database_url: str, file: str) -> None:
    with psycopg.connect(database_url) as connection:
        for case in (case for case in CASES if case.file == file):
            assert _found(connection, case, case.ready) == case.rows, (case.block, case.ready)
            for state in case.fits:
                assert _found(connection, case, case.ready, state) == case.rows, (case.block, state)
            for state in case.unfit:
                assert _found(connection, case, case.ready, state) == 0, (case.block, state)


def test_a_key_that_is_replaced_ends_no_later_than_it_would_have(database_url: str) -> None:
    ends = "SELECT expires_at < now() + interval '30 minutes' FROM api_keys"
    with psycopg.connect(database_url) as connection, psycopg.ClientCursor(connection) as cursor:
        cursor.execute(ROWS, GIVEN)
        for soon, expected in (("now() + interval '10 minutes'", True), ("now() + interval '9 hours'", False)):
            cursor.execute(cast(LiteralString, f"UPDATE api_keys SET expires_at = {soon}"))
            cursor.execute(load_queries("integrahub.db.accounts.api_keys")["expire_if_later"], GIVEN | {"id": KEY})
            assert cursor.execute(ends).fetchone() == (expected,)
            assert cursor.execute("SELECT expires_at <= now() + interval '1 hour' FROM api_keys").fetchone() == (True,)


def test_every_such_statement_is_tried_here() -> None:
    tried = {(case.file, case.block) for case in CASES} | {("batches.turns", "lock_turns_if_free")}
    blocks = {(module, block) for module in QUERY_FILES for block in load_queries(module)}
    named = {(module.removeprefix("integrahub.db."), block) for module, block in blocks if "_if_" in block}
    assert named == tried

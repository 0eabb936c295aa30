"""Roles and tables of the schema: none is left out of row security, and no role may become another."""

import psycopg
from psycopg.rows import dict_row

from integrahub.db.schema.migrate import migrate
from integrahub.db.tenancy import DatabaseRole
from tests.integration.tenant_tables import (
    NOBODYS,
    OF_PHARMACIES,
    OF_THE_CONSOLE,
    OF_THE_OPERATOR,
    OF_WORKERS,
    PUBLIC,
)


def test_neither_role_owns_a_table_or_may_become_another(database_url: str) -> None:
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        rows = connection.execute(
            "SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,"
            " EXISTS (SELECT FROM pg_class WHERE relowner = r.oid) AS owns,"
            " EXISTS (SELECT FROM pg_auth_members WHERE member = r.oid) AS member"
            " FROM pg_roles r WHERE rolname = ANY(%s) ORDER BY rolname",
            [[str(role) for role in DatabaseRole]],
        ).fetchall()
    assert [row["rolname"] for row in rows] == [
        *("integrahub_api", "integrahub_console", "integrahub_notify", "integrahub_worker")
    ]
    assert [sum(value for value in row.values() if isinstance(value, bool)) for row in rows] == [0, 0, 1, 1]
    assert rows[2]["rolbypassrls"] and rows[3]["rolbypassrls"]


def test_every_table_is_in_one_of_these_lists_and_forces_row_security_unless_it_is_nobodys(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        ).fetchall()
        partitions = connection.execute("SELECT relname FROM pg_class WHERE relispartition AND relkind IN ('r', 'p')")
        parts = {name for (name,) in partitions}
    assert all(is_forced for table, is_forced in rows if table in parts)
    forced = {table: is_forced for table, is_forced in rows if table not in parts}
    assert set(forced) == {*OF_PHARMACIES, *OF_THE_OPERATOR, *OF_THE_CONSOLE, *OF_WORKERS, *PUBLIC, *NOBODYS}
    assert {table for table, is_forced in forced.items() if not is_forced} == set(NOBODYS)


async def test_migrating_again_changes_nothing(database_url: str) -> None:
    assert await migrate(database_url) == []

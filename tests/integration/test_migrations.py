"""Migrations while a hub runs: locks as planned and never for long, contract steps that wait for older processes."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from time import monotonic
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from integrahub.db.connections import connect
from integrahub.db.database import Database
from integrahub.db.monitoring import workers
from integrahub.db.schema import migrate as migrating
from integrahub.db.schema import pending, version
from integrahub.db.schema.migrate import migrate
from integrahub.db.schema.plan import plan_migration
from integrahub.db.schema.scripts import Script, latest_migration, migrations, repeatable_scripts
from integrahub.db.schema.statements import Statement, classify
from integrahub.domain.errors import ConfigurationError, Transient

_LOCKS = """
SELECT c.relname, max(array_position(%s::text[], l.mode)) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
WHERE l.pid = pg_backend_pid() AND c.oid < %s AND c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
  AND l.granted GROUP BY 1
"""
_MODES = ["AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock"]
_MODES += ["ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"]
Add = Callable[..., None]
_HARMLESS = 2  # AccessShareLock and RowShareLock stop neither readers nor writers


def _script(name: str, text: str, kind: str = "expand", first: str = "") -> Script:
    return Script(name, f"-- {kind}\n{first}{text}", kind, "checksum")  # type: ignore[arg-type]


@pytest.fixture
def add(monkeypatch: pytest.MonkeyPatch) -> Add:
    """Return a function that adds scripts to the migrations of this version."""

    def extended(*scripts: Script) -> None:
        for module in (pending, version):
            monkeypatch.setattr(module, "migrations", lambda: [*migrations(), *scripts])

    monkeypatch.setattr(migrating, "_LOCK_RETRY_SECONDS", 0.02)
    return extended


def _number(one: Statement) -> int:
    """Return how strong a lock is, as `_LOCKS` numbers those taken."""
    return _MODES.index((one.lock or "").title().replace(" ", "") + "Lock") + 1


def test_the_plan_names_every_lock_that_postgresql_takes(empty_url: str) -> None:
    with psycopg.connect(empty_url) as connection:
        for script in migrations():
            if script.is_concurrent:  # holds no lock that readers or writers wait for; a transaction cannot show it
                connection.set_autocommit(True)
                for one in classify(script.text):
                    connection.execute(one.text.encode())
                connection.set_autocommit(False)
                continue
            row = connection.execute("SELECT coalesce(max(oid), 0)::bigint FROM pg_class").fetchone()
            assert row
            planned: dict[str, int] = {}
            for one in classify(script.text):
                connection.execute(sql.SQL(one.text.replace("%", "%%")), [])  # type: ignore[arg-type]
                if one.table and one.lock:
                    planned[one.table] = max(planned.get(one.table, 0), _number(one))
                taken = dict(connection.execute(_LOCKS, [_MODES, row[0]]).fetchall())
                strong = {table: number for table, number in taken.items() if number > _HARMLESS}
                assert all(planned.get(table, 0) >= number for table, number in strong.items()), (one.text, strong)
            connection.commit()


def test_the_plan_names_the_locks_of_comments(database_url: str) -> None:
    (script,) = (script for script in repeatable_scripts() if script.name.startswith("comments"))
    planned = {one.table: _number(one) for one in classify(script.text) if one.table}
    with psycopg.connect(database_url) as connection:
        connection.execute(script.text)
        taken = dict(connection.execute(_LOCKS, [_MODES, 2**31 - 1]).fetchall())
    assert len(taken) > 30 and {table: planned.get(table) for table in taken} == taken


async def test_a_plan_lists_what_is_missing_and_changes_nothing(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DELETE FROM schema_migrations WHERE name = '0014_worker_versions.sql'")
        connection.execute(
            "INSERT INTO workers (name, id, steps, pid) SELECT n, uuidv7(), '{}', 1 FROM generate_series(1, 70) n"
        )
        connection.execute("ANALYZE workers")
    plan = await plan_migration(database_url)
    one, *others = plan.statements
    assert {other.script for other in others} == {script.name for script in repeatable_scripts()}
    comment = next(other for other in others if other.statement.startswith("COMMENT ON COLUMN workers.pid"))
    assert (comment.kind, comment.table, comment.lock) == ("repeatable", "workers", "SHARE UPDATE EXCLUSIVE")
    assert (one.script, one.kind, one.table, one.lock) == (
        "0014_worker_versions.sql",
        "expand",
        "workers",
        "ACCESS EXCLUSIVE",
    )
    assert one.rows == 70 and one.statement.startswith("ALTER TABLE workers ADD COLUMN") and not one.rewrites
    assert await plan_migration(database_url) == plan and plan.older == []


async def test_a_plan_is_empty_if_nothing_is_missing(database_url: str) -> None:
    assert (await plan_migration(database_url)).statements == []


async def test_a_plan_of_an_empty_database_begins_with_new_tables(empty_url: str) -> None:
    plan = await plan_migration(empty_url)
    assert plan.statements[0].script == "0001_initial.sql" and plan.statements[0].rows is None
    with psycopg.connect(empty_url) as connection:
        assert connection.execute("SELECT to_regclass('schema_migrations')").fetchone() == (None,)


_CONTRACT = _script("0099_contract.sql", "ALTER TABLE workers ALTER COLUMN host DROP DEFAULT", "contract")


@pytest.mark.parametrize(
    ("change", "is_refused"),
    [
        ("knows = '0099_contract.sql'", False),
        ("knows = '0100_later.sql'", False),
        (f"knows = '{latest_migration()}'", True),
        ("knows = '0099_contract.sql', version_id = uuidv7()", True),
        ("version = NULL, knows = NULL, version_id = NULL", True),
        ("left_at = now()", False),
        ("seen_at = now() - interval '21 s'", False),
        ("seen_at = now() - interval '19 s'", True),
    ],
)
async def test_a_contract_step_waits_for_the_end_of_older_processes(
    database_url: str, database: Database, add: Add, change: str, is_refused: bool
) -> None:
    await workers.register(database, "one", uuid4(), ["upsert"], 4711)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(sql.SQL(f"UPDATE workers SET {change}"))  # type: ignore[arg-type]
    add(_CONTRACT)
    if not is_refused:
        assert await migrate(database_url) == ["0099_contract.sql"]
        return
    with pytest.raises(ConfigurationError, match=r"0099_contract\.sql removes something.*one \(version .*process 4711"):
        await migrate(database_url)
    with psycopg.connect(database_url) as connection:
        recorded = "SELECT count(*) FROM schema_migrations WHERE name = '0099_contract.sql'"
        assert connection.execute(recorded).fetchone() == (0,)


async def test_an_older_process_that_takes_the_name_of_a_newer_one_counts_as_older(
    database_url: str, database: Database, add: Add
) -> None:
    await workers.register(database, "one", uuid4(), ["upsert"], 1)
    earlier = (
        "INSERT INTO workers (name, id, steps, pid, host) VALUES ('one', uuidv7(), '{upsert}', 2, 'h') "
        "ON CONFLICT (name) DO UPDATE SET id = excluded.id, pid = excluded.pid, seen_at = now(), left_at = NULL"
    )
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(earlier)  # as version 0.2 registers
        connection.execute("UPDATE workers SET knows = '0099_contract.sql'")
    add(_CONTRACT)
    with pytest.raises(ConfigurationError, match=r"one \(version before 0\.3, process 2\)"):
        await migrate(database_url)


async def test_a_migration_that_waits_for_a_lock_stops_others_only_for_moments(database_url: str, add: Add) -> None:
    add(_script("0099_column.sql", "ALTER TABLE workers ADD COLUMN note text"))
    other = await connect(database_url, autocommit=True, answer_timeout=5.0)
    async with await connect(database_url) as holder, other:
        await holder.execute("SELECT count(*) FROM workers")  # a long transaction of a reader
        migration = asyncio.create_task(migrate(database_url))
        slowest, end = 0.0, monotonic() + 1.0
        while monotonic() < end:
            started = monotonic()
            await other.execute("SELECT count(*) FROM workers")
            slowest = max(slowest, monotonic() - started)
            await asyncio.sleep(0.01)
        assert not migration.done() and slowest > 0.1, "the migration waits, and readers still got in between"
        await holder.rollback()
        assert await migration == ["0099_column.sql"]


async def test_a_migration_without_its_locks_ends_and_names_the_transaction_in_its_way(
    database_url: str, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "_LOCK_ATTEMPTS", 2)
    monkeypatch.setattr(migrating, "_LOCK_TIMEOUT_MILLISECONDS", 20)
    add(_script("0099_column.sql", "ALTER TABLE workers ADD COLUMN note text"))
    async with await connect(database_url, application_name="a long report") as holder:
        await holder.execute("SELECT count(*) FROM workers")
        with pytest.raises(Transient, match=r"0099_column\.sql did not get its locks.*a long report, idle in trans"):
            await migrate(database_url)
    assert await migrate(database_url) == ["0099_column.sql"]


async def test_every_tenth_attempt_waits_until_postgresql_would_cancel_an_autovacuum(
    database_url: str, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "_LOCK_ATTEMPTS", 10)
    monkeypatch.setattr(migrating, "_LOCK_TIMEOUT_MILLISECONDS", 20)
    add(_script("0099_column.sql", "ALTER TABLE workers ADD COLUMN note text"))
    waits = (
        "SELECT count(*) AS count FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        " AND now() - query_start > interval '320 ms'"
    )
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(sql.SQL("ALTER DATABASE {} SET deadlock_timeout = 300").format(sql.Identifier(owner.info.dbname)))
        async with await connect(database_url) as holder:
            await holder.execute("SELECT count(*) FROM workers")
            migration = asyncio.create_task(migrate(database_url))
            while owner.execute(waits).fetchone() == (0,) and not migration.done():
                await asyncio.sleep(0.01)
            await holder.rollback()  # as a cancelled autovacuum releases its lock
            assert await migration == ["0099_column.sql"]


@pytest.mark.parametrize(("code", "reason"), [("53100", "disk full"), ("57014", "cancelled")])
async def test_a_failure_that_the_server_reports_is_not_taken_for_silence(
    database_url: str, add: Add, code: str, reason: str
) -> None:
    raising = f"DO $$ BEGIN RAISE EXCEPTION '{reason}' USING ERRCODE = '{code}'; END $$"
    add(_script("0099_fails.sql", raising))
    with pytest.raises(Transient, match=f"cannot be brought up to date: {reason}") as raised:
        await migrate(database_url)
    assert "DATABASE_URL" not in str(raised.value)


_INDEX = "CREATE INDEX CONCURRENTLY IF NOT EXISTS workers_pid ON workers (pid);"


async def test_an_index_is_made_while_rows_are_written_and_after_an_aborted_attempt(
    database_url: str, add: Add
) -> None:
    script = _script("0099_index.sql", _INDEX, first="-- concurrently\n")
    add(script)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO workers (name, id, steps, pid) SELECT n, uuidv7(), '{}', 1 FROM generate_series(1, 9) n"
        )
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("CREATE UNIQUE INDEX CONCURRENTLY workers_pid ON workers (pid)")
    async with await connect(database_url) as writer:
        await writer.execute("UPDATE workers SET pid = 2 WHERE name = '1'")
        both = [asyncio.create_task(migrate(database_url)) for _ in range(2)]
        await asyncio.sleep(0.1)
        async with await connect(database_url, autocommit=True) as other:
            await other.execute("UPDATE workers SET pid = 3 WHERE name = '2'")
        await writer.commit()
    assert sorted(map(len, await asyncio.gather(*both))) == [0, 1]
    with psycopg.connect(database_url) as connection:
        index = connection.execute(
            "SELECT indisvalid, indisunique FROM pg_index WHERE indexrelid = 'workers_pid'::regclass"
        )
        assert index.fetchall() == [(True, False)]


async def test_a_run_that_was_aborted_continues_with_the_script_that_failed(database_url: str, add: Add) -> None:
    first, bad = (
        _script("0098_one.sql", "CREATE TABLE one (id int)"),
        _script("0099_two.sql", "CREATE TABLE two (id nothing)"),
    )
    add(first, bad)
    with pytest.raises(ConfigurationError, match='type "nothing" does not exist'):
        await migrate(database_url)
    add(first, replace(bad, text="CREATE TABLE two (id int)"))  # type: ignore[arg-type]
    assert await migrate(database_url) == ["0099_two.sql"]

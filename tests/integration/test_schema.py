"""A hub refuses the schema of another application, and one that a newer version contracted."""

from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from integrahub.db.schema import version as schema
from integrahub.db.schema.migrate import migrate
from integrahub.db.schema.scripts import checksum_of, migrations
from integrahub.domain.errors import ConfigurationError
from integrahub.hub.bootstrap import open_hub
from integrahub.settings.model import Settings
from integrahub.supervisor import embedded_database as embedded

_NEWER = "INSERT INTO schema_migrations (name, kind) VALUES ('0099_future.sql', %s)"


def _execute(url: str, statement: str, *values: object) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL(statement), values)  # type: ignore[arg-type]


async def _opened(url: str, folder: Path) -> None:
    """Start as `api` and `work` do."""
    async with open_hub(Settings(database_url=url, data_dir=folder)):
        pass


async def _supervised(url: str, folder: Path) -> None:
    """Start as `up` and `fleet` do."""
    async with embedded.open_database(Settings(database_url=url, data_dir=folder)):
        pass


@pytest.mark.parametrize("kind", ["contract", None])
async def test_a_schema_that_a_newer_version_contracted_is_refused(
    database_url: str, tmp_path: Path, kind: str | None
) -> None:
    _execute(database_url, _NEWER, kind)
    for start in (_opened, _supervised):
        with pytest.raises(ConfigurationError, match=r"newer IntegraHub: 0099_future\.sql"):
            await start(database_url, tmp_path)
    with pytest.raises(ConfigurationError, match=r"newer IntegraHub"):
        await migrate(database_url)


async def test_a_schema_that_a_newer_version_expanded_is_worked_on(database_url: str, tmp_path: Path) -> None:
    _execute(database_url, _NEWER, "expand")
    await _opened(database_url, tmp_path)
    assert await migrate(database_url) == []


async def test_a_schema_that_is_older_is_refused_until_it_is_migrated(database_url: str, tmp_path: Path) -> None:
    _execute(database_url, "DELETE FROM schema_migrations WHERE name LIKE '0001%%'")
    with pytest.raises(ConfigurationError, match=r"0001\w+\.sql is missing.*integrahub migrate"):
        await _opened(database_url, tmp_path)


async def test_kind_and_checksum_of_each_migration_are_recorded(empty_url: str) -> None:
    await migrate(empty_url)
    with psycopg.connect(empty_url) as connection:
        recorded = "SELECT name, kind, checksum FROM schema_migrations WHERE name LIKE '0%' ORDER BY name"
        rows = connection.execute(recorded).fetchall()
    assert rows == [(script.name, script.kind, script.checksum) for script in migrations()]
    assert rows[0][:2] == ("0001_initial.sql", "expand") and all(rows[0])


_PRERELEASE = "made by a pre-release of IntegraHub.*post the catalogues again"


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE schema_migrations DROP COLUMN kind, DROP COLUMN checksum",  # the first pre-releases
        "ALTER TABLE schema_migrations DROP COLUMN checksum;"
        "INSERT INTO schema_migrations (name, kind) VALUES ('0008_security.sql', 'contract')",
        "UPDATE schema_migrations SET checksum = 'another' WHERE name = '0001_initial.sql'",
    ],
)
async def test_a_database_made_by_a_pre_release_is_refused(database_url: str, tmp_path: Path, statement: str) -> None:
    _execute(database_url, statement)
    for start in (_opened, _supervised):
        with pytest.raises(ConfigurationError, match=_PRERELEASE):
            await start(database_url, tmp_path)
    with pytest.raises(ConfigurationError, match=_PRERELEASE):
        await migrate(database_url)


async def test_comments_and_white_space_of_a_migration_may_change() -> None:
    text = migrations()[0].text
    assert checksum_of(f"{text}\n-- a comment\n\n") == checksum_of(text) != checksum_of(f"{text} SELECT 1;")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE orders (id bigint)",
        "CREATE SCHEMA shop; CREATE TABLE shop.orders (id bigint)",
        "CREATE TABLE schema_migrations (version text PRIMARY KEY)",
    ],
)
async def test_a_database_of_another_application_is_refused_and_left_alone(
    empty_url: str, tmp_path: Path, statement: str
) -> None:
    _execute(empty_url, statement)
    for start in (_opened, _supervised):
        with pytest.raises(ConfigurationError, match=r"holds tables of something else \((public|shop)\."):
            await start(empty_url, tmp_path)
    with psycopg.connect(empty_url) as connection:
        counted = connection.execute("SELECT count(*) FROM pg_class WHERE relname = 'pharmacies'").fetchone()
    assert counted == (0,)


async def test_an_empty_database_is_ours_also_with_extensions(empty_url: str, tmp_path: Path) -> None:
    _execute(empty_url, "CREATE EXTENSION pg_stat_statements; CREATE EXTENSION unaccent")
    with pytest.raises(ConfigurationError, match="integrahub migrate"):
        await _opened(empty_url, tmp_path)
    assert "0001_initial.sql" in await migrate(empty_url)
    await _opened(empty_url, tmp_path)


async def test_a_process_that_started_without_its_database_ends_when_the_schema_is_refused(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _execute(database_url, _NEWER, "contract")
    asked: list[int] = []
    monkeypatch.setattr("integrahub.db.schema.version._RETRY_INTERVAL_SECONDS", 0.0)
    monkeypatch.setattr("integrahub.db.schema.version.os.kill", lambda pid, number: asked.append(number))
    urls = iter(["postgresql://127.0.0.1:9/away", database_url])
    await schema.check_until_reachable(lambda: next(urls))
    assert asked == [15]


async def test_a_server_older_than_the_statements_need_is_refused(
    database_url: str, empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "MIN_POSTGRESQL_VERSION", 99)
    refusal = r"is on PostgreSQL \d\d\. IntegraHub needs PostgreSQL 99 or newer"
    for start in (_opened, _supervised):
        with pytest.raises(ConfigurationError, match=refusal):
            await start(database_url, tmp_path)
    with pytest.raises(ConfigurationError, match=refusal):
        await migrate(empty_url)
    with psycopg.connect(empty_url) as connection:
        assert connection.execute("SELECT to_regclass('pharmacies')").fetchone() == (None,)

"""Brings the schema of a database up to date, in one transaction and under one lock."""

from dataclasses import asdict

from psycopg import Error, OperationalError
from psycopg.errors import InsufficientPrivilege

from integrahub.db.connections import HubConnection, connect
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_value
from integrahub.db.schema.scripts import Script, migrations, repeatable_scripts
from integrahub.db.schema.version import check_not_newer, check_not_prerelease, check_server_version, fetch_applied
from integrahub.db.tenancy import DatabaseRole
from integrahub.db.urls import first_line, shown_database
from integrahub.domain.errors import ConfigurationError, Transient

# A statement may index a large table, or wait for the migration of another process.
_MIGRATION_TIMEOUT_SECONDS = 3600.0
_SQL = load_queries(__name__)
PARTITION_DAYS_AHEAD = 7
_LOCK_KEY = 0x1A7E62A  # any number that no other advisory lock uses


async def migrate(url: str) -> list[str]:
    """Apply the missing scripts in one transaction and return their names. Safe to run by many processes at once.

    Raise ConfigurationError if the database belongs to another application, to a pre-release, or to a newer version
    that this one cannot work with, if the server is too old, or if PostgreSQL rejects a script; Transient if the
    database does not answer.
    """
    database = shown_database(url)
    try:
        async with await connect(url, answer_timeout=_MIGRATION_TIMEOUT_SECONDS) as connection:
            return await _migrate(connection)
    except OperationalError as error:
        message = f"The database {database} does not answer: {first_line(error)}. Check DATABASE_URL and that it runs."
        raise Transient(message) from error
    except Error as error:
        message = f"The schema of the database {database} cannot be brought up to date: {first_line(error)}."
        raise ConfigurationError(message) from error


async def _migrate(connection: HubConnection) -> list[str]:
    check_server_version(connection)
    await connection.execute(_SQL["lock"], {"key": _LOCK_KEY})
    applied = await fetch_applied(connection) or []
    check_not_prerelease(applied, connection.info.dbname)
    check_not_newer(applied)
    await connection.execute(_SQL["create_migrations"])
    recorded = {script.name for script in applied}
    missing = [script for script in migrations() if script.name not in recorded]
    for script in missing:
        await connection.execute(script.text)
    # New tables need permissions and comments; a restored database may have come without its roles.
    run_all = bool(missing) or not await _has_roles(connection)
    for script in repeatable_scripts():
        if run_all or script.name not in recorded:
            await _run_repeatable(connection, script)
        if script.name not in recorded:
            missing.append(script)
    for script in missing:
        await connection.execute(_SQL["record"], asdict(script))
    await connection.execute(_SQL["make_change_partitions"], {"days_ahead": PARTITION_DAYS_AHEAD})
    return [script.name for script in missing]


async def _has_roles(connection: HubConnection) -> bool:
    names = [str(role) for role in DatabaseRole]
    return await fetch_value(connection, _SQL["count_roles"], {"names": names}, int) == len(names)


async def _run_repeatable(connection: HubConnection, script: Script) -> None:
    try:
        await connection.execute(script.text)
    except InsufficientPrivilege as error:
        raise ConfigurationError(
            f"The roles of the hub cannot be set up: {error.diag.message_primary}. Have a superuser run, once:\n"
            "  CREATE ROLE integrahub_api LOGIN;\n  CREATE ROLE integrahub_worker LOGIN BYPASSRLS;\n"
            "  CREATE ROLE integrahub_notify LOGIN BYPASSRLS;\n  CREATE ROLE integrahub_console LOGIN;\n"
            "  GRANT integrahub_api, integrahub_worker, integrahub_notify, integrahub_console "
            f"TO {connection.info.user};\n"
            "then migrate again."
        ) from error

"""Scripts that a migration runs: the same for the plan and the migration itself."""

from dataclasses import dataclass

from psycopg import Error, OperationalError

from integrahub.db.connections import HubConnection
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_value
from integrahub.db.schema.scripts import Script, migrations, repeatable_scripts
from integrahub.db.schema.version import check_not_newer, check_not_prerelease, fetch_applied
from integrahub.db.tenancy import DatabaseRole
from integrahub.db.urls import first_line, shown_database
from integrahub.domain.errors import ConfigurationError, Transient

_SQL = load_queries(__name__)


@dataclass(frozen=True, slots=True)
class Pending:
    """Scripts to run, in their order, and those among them that were never applied with this text."""

    scripts: list[Script]
    missing: list[Script]


async def find_pending(connection: HubConnection) -> Pending:
    """Return the scripts that the database needs. Raise ConfigurationError if this version cannot work on it."""
    applied = await fetch_applied(connection) or []
    check_not_prerelease(applied, connection.info.dbname)
    check_not_newer(applied)
    recorded = {script.name for script in applied}
    steps = [script for script in migrations() if script.name not in recorded]
    # New tables need permissions and comments; a restored database may have come without its roles.
    run_all = bool(steps) or not await _has_roles(connection)
    scripts = [*steps, *(one for one in repeatable_scripts() if run_all or one.name not in recorded)]
    return Pending(scripts, [script for script in scripts if script.name not in recorded])


async def _has_roles(connection: HubConnection) -> bool:
    names = [str(role) for role in DatabaseRole]
    return await fetch_value(connection, _SQL["count_roles"], {"names": names}, int) == len(names)


def explain(error: Error, url: str) -> Transient | ConfigurationError:
    """Return a failure of PostgreSQL as what it is. One without an SQLSTATE never came from the server."""
    database = shown_database(url)
    if error.sqlstate:
        kind = Transient if isinstance(error, OperationalError) else ConfigurationError
        return kind(f"The schema of the database {database} cannot be brought up to date: {first_line(error)}.")
    return Transient(
        f"The database {database} does not answer: {first_line(error)}. Check INTEGRAHUB_DATABASE_URL and that it runs."
    )

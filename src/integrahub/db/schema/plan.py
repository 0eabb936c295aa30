"""Plan of a migration: what it would run, which locks that takes, and on how many rows."""

import msgspec
from psycopg import OperationalError

from integrahub.db.connections import HubConnection, connect
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_value
from integrahub.db.schema.older_processes import OlderProcess, find_older
from integrahub.db.schema.scripts import Script, migrations, repeatable_scripts
from integrahub.db.schema.statements import classify
from integrahub.db.schema.version import check_not_newer, check_not_prerelease, check_server_version, fetch_applied
from integrahub.db.urls import first_line, shown_database
from integrahub.domain.errors import Transient

_SQL = load_queries(__name__)


class PlannedStatement(msgspec.Struct, frozen=True):
    """A statement of the plan. `rows` are PostgreSQL's estimate; None: no existing table, or never analysed."""

    script: str
    kind: str
    statement: str
    table: str = ""
    lock: str = ""
    rows: int | None = None
    rewrites: bool = False


class Plan(msgspec.Struct, frozen=True):
    """The statements in their order, and the live processes for which a contract step would be refused."""

    statements: list[PlannedStatement]
    older: list[OlderProcess]


async def plan_migration(url: str) -> Plan:
    """Return what `migrate` would do now. It changes nothing.

    Raise as `migrate` does for a database that it would refuse.
    """
    try:
        async with await connect(url, autocommit=True) as connection:
            check_server_version(connection)
            applied = await fetch_applied(connection) or []
            check_not_prerelease(applied, connection.info.dbname)
            check_not_newer(applied)
            recorded = {script.name for script in applied}
            missing = [script for script in (*migrations(), *repeatable_scripts()) if script.name not in recorded]
            contracts = [script.name for script in missing if script.kind == "contract"]
            older = await find_older(connection, contracts[0]) if contracts else []
            return Plan([one for script in missing for one in await _plan_script(connection, script)], older)
    except OperationalError as error:
        message = f"The database {shown_database(url)} does not answer: {first_line(error)}. Check DATABASE_URL."
        raise Transient(message) from error


async def _plan_script(connection: HubConnection, script: Script) -> list[PlannedStatement]:
    kind = f"{script.kind or 'repeatable'}{', concurrent' if script.is_concurrent else ''}"
    planned = []
    for one in classify(script.text):
        rows = await fetch_value(connection, _SQL["estimate_rows"], {"name": one.table}, int)
        lock = "depends on what it runs" if one.is_opaque else one.lock or ""
        planned.append(PlannedStatement(script.name, kind, one.text, one.table or "", lock, rows, one.rewrites))
    return planned

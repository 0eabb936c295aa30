"""Plan of a migration: what it would run, which locks that takes, and on how many rows."""

import msgspec
from psycopg import Error

from integrahub.db.connections import HubConnection, connect
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_value
from integrahub.db.schema.older_processes import OlderProcess, find_older
from integrahub.db.schema.pending import explain, find_pending
from integrahub.db.schema.scripts import Script
from integrahub.db.schema.statements import classify
from integrahub.db.schema.version import check_server_version

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
            scripts = (await find_pending(connection)).scripts
            contracts = [script.name for script in scripts if script.kind == "contract"]
            older = await find_older(connection, contracts[0]) if contracts else []
            return Plan([one for script in scripts for one in await _plan_script(connection, script)], older)
    except Error as error:
        raise explain(error, url) from error


async def _plan_script(connection: HubConnection, script: Script) -> list[PlannedStatement]:
    kind = f"{script.kind or 'repeatable'}{', concurrent' if script.is_concurrent else ''}"
    planned = []
    for one in classify(script.text):
        rows = await fetch_value(connection, _SQL["estimate_rows"], {"name": one.table}, int)
        lock = "depends on what it runs" if one.is_opaque else one.lock or ""
        planned.append(PlannedStatement(script.name, kind, one.text, one.table or "", lock, rows, one.rewrites))
    return planned

"""Rows of `workers`: who works under which name, who is alive, and what the dead left behind."""

import socket
from typing import Any
from uuid import UUID

from integrahub.db.database import Database
from integrahub.db.queries import load_queries

_SQL = load_queries(__name__)
SILENT = 20.0  # seconds without a heartbeat after which a worker counts as gone
Row = dict[str, Any]


async def register(database: Database, name: str, worker_id: UUID, steps: list[str], pid: int) -> bool:
    """Take the name; claims of whoever had it before are free from now on. Whether that one fell without leaving.

    A name is of one live process: of two, the second would free what the first holds, which costs work, never rows.
    """
    async with database.transaction() as connection:
        values = {"name": name, "id": worker_id, "steps": steps, "pid": pid, "host": socket.gethostname()}
        row = await (await connection.execute(_SQL["register"], values)).fetchone()
        if row and row["before"]:
            await connection.execute(_SQL["release_chunks_of_worker"], {"id": row["before"]})
            await connection.execute(_SQL["release_splits_of_worker"], {"id": row["before"]})
    return bool(row and row["fell"])


async def forget(database: Database) -> None:
    """Drop names nobody has used for a day."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["prune"])


async def beat(database: Database, name: str, worker_id: UUID) -> None:
    """The worker lives."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["update_heartbeat"], {"name": name, "id": worker_id})


async def leave(database: Database, name: str, worker_id: UUID) -> None:
    """The worker ends in good order; it holds nothing."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["unregister"], {"name": name, "id": worker_id})


async def count_restart(database: Database, step: str) -> None:
    """A worker of the step was started again that nobody had stopped."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["count_restart"], {"step": step})


async def every(database: Database) -> list[Row]:
    """Every worker known: name, host, pid, steps, started_at, left_at, `silent` in seconds, `holding` in chunks."""
    async with database.transaction() as connection:
        return await (await connection.execute(_SQL["list_all"])).fetchall()


async def live_by_step(database: Database) -> list[Row]:
    """`step`, `live` workers, `restarts` nobody had asked for."""
    async with database.transaction() as connection:
        return await (await connection.execute(_SQL["live_by_step"], {"silent": SILENT})).fetchall()

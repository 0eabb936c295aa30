"""Registrations and heartbeats of workers, and the release of claims that a lost worker held."""

import socket
from uuid import UUID

from integrahub import __version__
from integrahub.db.database import Database
from integrahub.db.monitoring.rows import Predecessor, StepWorkers, Worker
from integrahub.db.queries import load_queries
from integrahub.db.rows import fetch_all, fetch_one, fetch_value
from integrahub.db.schema.scripts import latest_migration
from integrahub.domain.steps import HEARTBEAT_TIMEOUT_SECONDS, NOTIFY

_SQL = load_queries(__name__)


async def register(database: Database, name: str, worker_id: UUID, steps: list[str], pid: int) -> bool:
    """Register a worker under a name and release the claims of the previous worker of that name.

    Return True if that one was lost: it had not unregistered. Two live processes must not share a name: each would
    release the claims of the other, which repeats work but loses no rows.
    """
    params = {"name": name, "id": worker_id, "steps": steps, "pid": pid, "host": socket.gethostname()}
    params |= {"version": __version__, "knows": latest_migration()}
    async with database.transaction() as connection:
        previous = await fetch_one(connection, _SQL["register"], params, Predecessor)
        if previous and previous.id:
            if NOTIFY in steps:  # its role may not write chunks and batches
                await connection.execute(_SQL["release_deliveries_of_worker"], {"id": previous.id})
            else:
                await connection.execute(_SQL["release_chunks_of_worker"], {"id": previous.id})
                await connection.execute(_SQL["release_splits_of_worker"], {"id": previous.id})
    return bool(previous and previous.was_lost)


async def update_heartbeat(database: Database, name: str, worker_id: UUID) -> None:
    """Store that the worker is alive now."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["update_heartbeat"], {"name": name, "id": worker_id})


async def unregister(database: Database, name: str, worker_id: UUID) -> None:
    """Store that the worker stopped in good order; it holds no claims."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["unregister"], {"name": name, "id": worker_id})


async def prune(database: Database) -> None:
    """Delete workers without a heartbeat for a day."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["prune"])


async def count_restart(database: Database, step: str) -> None:
    """Count an unplanned restart of a worker of the step."""
    async with database.transaction() as connection:
        await connection.execute(_SQL["count_restart"], {"step": step})


async def is_upgrade_recent(database: Database) -> bool:
    """Return whether a process of a version before 0.3 ran within the last hour, or was replaced within it."""
    async with database.transaction() as connection:
        return bool(await fetch_value(connection, _SQL["is_upgrade_recent"], None, bool))


async def list_all(database: Database) -> list[Worker]:
    """Return all registered workers by name."""
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["list_all"], None, Worker)


async def count_by_step(database: Database) -> list[StepWorkers]:
    """Return live workers and unplanned restarts by step."""
    params = {"timeout": HEARTBEAT_TIMEOUT_SECONDS}
    async with database.transaction() as connection:
        return await fetch_all(connection, _SQL["count_by_step"], params, StepWorkers)

"""Rows of `workers`: who works under which name, and what the one before left behind."""

from uuid import UUID

from integrahub.db.loader import blocks
from integrahub.db.pool import Database

_SQL = blocks("workers")


async def register(database: Database, name: str, worker_id: UUID, steps: list[str], pid: int) -> None:
    """Take the name; claims of whoever had it before are free from now on.

    A name is of one live process: of two, the second would free what the first holds, which costs work, never rows.
    """
    async with database.transaction() as connection:
        values = {"name": name, "id": worker_id, "steps": steps, "pid": pid}
        row = await (await connection.execute(_SQL["register"], values)).fetchone()
        if row and row["before"]:
            await connection.execute(_SQL["free_chunks_of"], {"id": row["before"]})
            await connection.execute(_SQL["free_splits_of"], {"id": row["before"]})

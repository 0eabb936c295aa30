"""Release of all claims at the start of an embedded hub, when no other worker can be running."""

from integrahub.db.connections import connect
from integrahub.db.queries import load_queries


async def expire_leases(url: str) -> None:
    """Expire all leases. The caller must hold the lock of the data folder, so all earlier workers have ended."""
    async with await connect(url) as connection:
        for statement in load_queries(__name__).values():
            await connection.execute(statement)

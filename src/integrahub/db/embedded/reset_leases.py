"""Leases of the dead: when nobody else can be alive, what they held is free at once."""

from integrahub.db.connections import connect
from integrahub.db.queries import load_queries


async def expire_leases(url: str) -> None:
    """End every lease. Only for a hub that starts and holds its folder alone: all earlier workers are gone."""
    async with await connect(url) as connection:
        for statement in load_queries(__name__).values():
            await connection.execute(statement)

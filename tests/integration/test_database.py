"""Transactions, also with pipelined statements."""

import asyncio

import pytest

from integrahub.db.database import Database
from integrahub.domain.errors import InvalidData


async def test_a_pipeline_commits_all_or_nothing_and_leaves_its_connection_usable(database_url: str) -> None:
    database = Database(database_url, size=1)
    await database.open()
    async with database.transaction() as connection:
        await connection.execute("CREATE TABLE kept (n integer PRIMARY KEY)")
    async with database.pipeline() as connection:
        await connection.execute("INSERT INTO kept VALUES (1)")
        read = await connection.execute("SELECT n FROM kept")
        assert await read.fetchall() == [{"n": 1}]
    with pytest.raises(InvalidData):
        async with database.pipeline() as connection:
            await connection.execute("INSERT INTO kept VALUES (2)")
            await connection.execute("INSERT INTO kept VALUES (1)")
    with pytest.raises(asyncio.CancelledError):
        async with database.pipeline() as connection:
            await connection.execute("INSERT INTO kept VALUES (3)")
            raise asyncio.CancelledError
    async with database.transaction() as connection:
        assert await (await connection.execute("SELECT n FROM kept")).fetchall() == [{"n": 1}]
    await database.close()

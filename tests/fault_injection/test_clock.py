"""The database's clock jumps during work: no attempt is used up and no work waits for it."""

import asyncio

import pytest

from integrahub.db.database import Database
from tests.fault_injection.test_network import attempts_used
from tests.integration.conftest import Client
from tests.integration.test_flow import catalogue

_TIMES = """SELECT c.table_name AS name,
  string_agg(format('%%1$I = %%1$I + %%2$L', c.column_name, %s::interval), ', ') AS moved
FROM information_schema.columns c
WHERE c.table_schema = 'public' AND c.data_type = 'timestamp with time zone'
  AND c.table_name IN ('batches', 'batch_chunks', 'bus_messages', 'workers')
GROUP BY c.table_name"""


async def set_clock(database: Database, hours: int) -> None:
    """Shift all stored times, which has the same effect as setting the clock."""
    async with database.transaction() as connection:
        await connection.execute("SET LOCAL deadlock_timeout = '10ms'")
        for table in await (await connection.execute(_TIMES, [f"{-hours} hours"])).fetchall():
            await connection.execute(f"UPDATE {table['name']} SET {table['moved']}")  # type: ignore[arg-type]


@pytest.mark.parametrize("hours", [1, -1, 24, -24])
async def test_a_clock_that_jumps_under_load_loses_nothing_and_delays_nothing(
    client: Client, database: Database, hours: int
) -> None:
    posted = [await client.post(catalogue(1500 + number), "delta") for number in range(4)]
    jumps = 0
    async with asyncio.timeout(90):
        while jumps < 3:
            try:
                await set_clock(database, hours)
                jumps += 1
            except Exception as error:
                if "deadlock" not in str(error):
                    raise
    for number, answer in enumerate(posted):
        batch = await client.finished(answer.json()["batch_id"])
        assert (batch["status"], batch["items_processed"]) == ("COMPLETED", 1500 + number)
    assert await attempts_used(database) == {"used": 0, "dead": 0}

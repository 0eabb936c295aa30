"""Bus outage: posts succeed, since acceptance is the commit; work pauses and resumes by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from integrahub.db.database import Database
from integrahub.resilience.circuit_breaker import CircuitState
from tests.integration.conftest import Client
from tests.integration.test_flow import catalogue

# Each use of the queue is refused as one that waited for a lock too long is: the queue's fault, not the database's.
_AWAY = """
CREATE FUNCTION refused() RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN RAISE EXCEPTION 'the queue is away' USING ERRCODE = '55P03'; END $$;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM refused(); RETURN NULL; END $$;
ALTER TABLE bus_messages RENAME TO hidden_messages;
CREATE VIEW bus_messages AS SELECT * FROM hidden_messages WHERE refused();
CREATE TRIGGER refuse INSTEAD OF INSERT ON bus_messages FOR EACH ROW EXECUTE FUNCTION refuse();
GRANT ALL ON bus_messages TO integrahub_api, integrahub_worker
"""
_BACK = "DROP VIEW bus_messages; ALTER TABLE hidden_messages RENAME TO bus_messages"


@asynccontextmanager
async def bus_away(database: Database) -> AsyncIterator[None]:
    async with database.transaction() as connection:
        await connection.execute(_AWAY)
    try:
        yield
    finally:
        async with database.transaction() as connection:
            await connection.execute(_BACK)


async def test_posts_are_taken_while_the_bus_is_away_and_done_when_it_is_back(client: Client) -> None:
    breakers = client.hub.breakers
    async with bus_away(client.hub.database):
        answer = await client.post(catalogue(100))
        assert answer.status_code == 202
        async with asyncio.timeout(60):
            while breakers["bus"].state is CircuitState.CLOSED:
                await asyncio.sleep(0.05)
        assert (await client.post(catalogue(5), "delta")).status_code == 202
        health = await client.http.get("/health")
        assert (health.status_code, health.json()["checks"]["bus"]["status"]) == (503, "down")
        assert health.json()["status"] == "degraded"
        assert (await client.http.get("/readyz")).status_code == 200
        assert health.json()["checks"]["bus"]["breaker"] != "closed"
        assert health.json()["checks"]["postgresql"]["status"] == "ok"
        text = (await client.http.get("/metrics")).text
        assert 'integrahub_breaker_state{dependency="bus"} 0.0' not in text
        assert 'integrahub_breaker_state{dependency="postgresql"} 0.0' in text
    batch = await client.finished(answer.json()["batch_id"])
    assert (batch["status"], batch["inserted"]) == ("COMPLETED", 100)
    async with asyncio.timeout(60):
        while (await client.http.get("/health")).status_code != 200:
            await asyncio.sleep(0.05)
    assert breakers["bus"].state is CircuitState.CLOSED

"""Work that repeatedly crashes its worker fails; other work of that worker does not."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from integrahub.db.batches import fast_path, split_claims
from integrahub.db.chunks import claims as chunk_claims
from integrahub.domain.steps import STEPS
from integrahub.pipeline.split.step import Split
from integrahub.settings.model import Settings
from tests.integration.conftest import CNPJ, Client, running
from tests.integration.test_flow import catalogue, product


@pytest.fixture
async def idle(settings: Settings) -> AsyncIterator[Client]:
    """Yield a hub without workers."""
    async with running(settings, []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield client


async def _run(client: Client, statement: str, *values: Any) -> list[dict[str, Any]]:
    async with client.hub.database.transaction() as connection:
        cursor = await connection.execute(statement.encode(), values)
        return list(await cursor.fetchall()) if cursor.description else []


async def crash(client: Client, table: str = "batches") -> None:
    """Let the lease of every claim expire, as if its worker had died."""
    await _run(client, f"UPDATE {table} SET lease_until = now() - interval '1 second' WHERE claim_token IS NOT NULL")


async def crash_splitting(client: Client, batch_id: str, times: int) -> None:
    for _ in range(times):
        assert await split_claims.claim_split(client.hub.database, UUID(batch_id), uuid4(), uuid4(), alone=True)
        await crash(client)


async def test_a_body_that_crashes_its_worker_five_times_fails_and_passes_the_turn(
    idle: Client, settings: Settings
) -> None:
    poisonous = (await idle.post(catalogue(3))).json()["batch_id"]
    unlucky = (await idle.post(catalogue(4))).json()["batch_id"]
    await crash_splitting(idle, poisonous, 5)
    await crash_splitting(idle, unlucky, 4)
    async with running(settings, list(STEPS)):
        failed, applied = await idle.finished(poisonous), await idle.finished(unlucky)
        assert (failed["status"], failed["error"]["code"]) == ("FAILED", "worker_crashed")
        assert "5" in failed["error"]["message_pt"] and "reenviar" in failed["error"]["message_pt"]
        assert (applied["status"], applied["inserted"]) == ("COMPLETED", 4)


async def test_after_a_crash_batches_of_a_group_are_split_one_at_a_time(
    idle: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted = [(await idle.post([product(n)], "delta")).json()["batch_id"] for n in range(1, 7)]
    ids = [UUID(batch_id) for batch_id in posted]
    assert len(await fast_path.claim(idle.hub.database, ids, uuid4(), uuid4(), 1 << 16)) == 6
    await crash(idle)
    assert await fast_path.claim(idle.hub.database, ids, uuid4(), uuid4(), 1 << 16) == []
    assert not [one for one in ids if await split_claims.claim_split(idle.hub.database, one, uuid4(), uuid4())]
    split, at_once = Split._split, []

    async def watched(self: Split, claim: dict[str, Any]) -> None:
        asked = "SELECT count(*) AS held FROM batches WHERE stage = 'splitting' AND lease_until > now()"
        at_once.append((await _run(idle, asked))[0]["held"])
        await split(self, claim)

    monkeypatch.setattr(Split, "_split", watched)
    async with running(settings, list(STEPS)):
        ended = [await idle.finished(batch_id) for batch_id in posted]
    assert {batch["status"] for batch in ended} == {"COMPLETED"}
    assert at_once == [1] * 6
    assert {row["crashes"] for row in await _run(idle, "SELECT crashes FROM batches")} == {1}


async def test_chunks_count_crashes_and_are_claimed_alone_after_one(settings: Settings) -> None:
    async with running(settings, ["split"]) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        posted = (await client.post(catalogue(150))).json()["batch_id"]
        async with asyncio.timeout(30):
            while (await client.get(f"/v1/batches/{posted}"))["stage"] != "upserting":
                await asyncio.sleep(0.02)
        database, wanted = client.hub.database, [(UUID(posted), number) for number in range(3)]
        assert len(await chunk_claims.claim(database, wanted, uuid4(), uuid4())) == 3
        for count in range(1, 5):
            await crash(client, "batch_chunks")
            assert await chunk_claims.release_expired(database, 5) == []
            assert await chunk_claims.claim(database, wanted, uuid4(), uuid4()) == []
            if count < 4:
                assert len(await chunk_claims.claim(database, wanted, uuid4(), uuid4(), crashed=True)) == 1
        found = await _run(client, "SELECT crashes FROM batch_chunks ORDER BY number")
        assert [row["crashes"] for row in found] == [4, 1, 1]
        assert len(await chunk_claims.claim(database, wanted[:1], uuid4(), uuid4(), crashed=True)) == 1
        await crash(client, "batch_chunks")
        await chunk_claims.release_expired(database, 5)
        found = await _run(client, "SELECT status, crashes FROM batch_chunks ORDER BY number")
        assert [tuple(row.values()) for row in found] == [("FAILED", 5), ("RETRYING", 1), ("RETRYING", 1)]
    async with running(settings, list(STEPS)) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        batch = await client.finished(posted)
        assert (batch["status"], batch["dead"], batch["inserted"]) == ("PARTIAL_FAIL", 50, 100)

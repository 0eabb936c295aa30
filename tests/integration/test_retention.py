"""Retention removes old rows and objects from every storage, and keeps what is still needed."""

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from integrahub.domain.steps import STEPS
from integrahub.settings.model import Settings
from integrahub.storage.s3.config import S3Config
from tests.integration.conftest import ADMIN, CNPJ, Client, running

RECORDS = [{"PRODUCTID": n, "TITLE": "P" * 200} for n in range(1, 500)]
STRADDLING = [{"PRODUCTID": 1 + n % 400, "TITLE": f"P {n}" * 30} for n in range(800)]


async def _names(client: Client) -> list[str]:
    return sorted([name.split("/")[0] for name in [name async for name in client.hub.storage.list("")]])


async def _age(client: Client, days: int) -> None:
    async with client.hub.database.transaction() as connection:
        await connection.execute("UPDATE batches SET finished_at = finished_at - make_interval(days => %s)", [days])
        await connection.execute("UPDATE dead_letters SET settled_at = settled_at - make_interval(days => %s)", [days])


async def _count(client: Client, table: str) -> int:
    async with client.hub.database.transaction() as connection:
        row = await (await connection.execute(f"SELECT count(*) AS n FROM {table}")).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return int(row["n"])


async def _key(client: Client) -> str:
    return str((await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"])


async def _dead_letter_by_crashes(client: Client) -> None:
    """Make every chunk lose its worker for the fifth time."""
    async with client.hub.database.transaction() as connection:
        await connection.execute(
            "UPDATE batch_chunks SET status = 'PROCESSING', claim_token = gen_random_uuid(), crashes = 4, "
            "lease_until = now() - interval '1 hour'"
        )
    await client.hub.sweep()()


async def test_chunks_go_after_a_week_and_bodies_after_a_month_and_replays_say_so(client: Client) -> None:
    large = await client.load(STRADDLING)
    small = await client.load([{"PRODUCTID": 1, "TITLE": "small"}], "delta")
    before = await _names(client)
    assert "chunks" in before and before.count("batches") == 1
    await client.hub.retention()()
    assert await _names(client) == before
    await _age(client, 8)
    await client.hub.retention()()
    assert await _names(client) == ["batches"]
    await _age(client, 23)
    await client.hub.retention()()
    assert await _names(client) == []
    for batch in (large, small):
        answer = await client.http.post(
            f"/v1/batches/{batch['batch_id']}/replay", headers={"X-Admin-Api-Key": "an-admin-key-for-tests"}
        )
        assert answer.status_code == 409, answer.text
        assert (await client.get(f"/v1/batches/{batch['batch_id']}"))["status"] == "COMPLETED"


async def test_a_batch_that_is_not_final_keeps_everything_however_old(settings: Settings) -> None:
    async with running(settings, ["split"]) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        await client.post(STRADDLING)
        async with client.hub.database.transaction() as connection:
            await connection.execute("UPDATE batches SET received_at = received_at - interval '90 days'")
        await client.hub.retention()()
        assert "batches" in await _names(client)


async def test_the_whole_flow_runs_on_s3_and_its_bodies_go_too(
    settings: Settings, bucket: S3Config, tmp_path: Path
) -> None:
    keys = {"storage_access_key": bucket.access_key, "storage_secret_key": bucket.secret_key}
    url = f"s3://{bucket.bucket}?endpoint={bucket.endpoint}"
    chosen = settings.model_copy(update={"storage_url": url} | keys)
    async with running(chosen, list(STEPS)) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        assert (await client.load(STRADDLING))["merged"] == 400
        assert (await client.load(RECORDS))["inserted"] == 99
        assert "chunks" in await _names(client)
        await _age(client, 31)
        await client.hub.retention()()
        assert await _names(client) == []
    assert not (tmp_path / "objects").exists()


@pytest.mark.parametrize("url", ["ftp://x", "file://relative", "s3://"])
async def test_a_storage_nobody_has_is_refused_before_anything_is_opened(settings: Settings, url: str) -> None:
    from integrahub.domain.errors import ConfigurationError
    from integrahub.hub.bootstrap import check_settings

    with pytest.raises(ConfigurationError, match="STORAGE_URL"):
        check_settings(settings.model_copy(update={"storage_url": url}))


BODIES: dict[str, tuple[list[dict[str, Any]], str]] = {
    "in its row": (RECORDS[:40], ""),
    "an object": (RECORDS, ""),
    "a compressed object": (STRADDLING, "gzip"),
}


@pytest.mark.parametrize("kind", BODIES)
async def test_records_of_a_chunk_dead_by_crashes_outlive_retention_and_can_be_replayed(
    settings: Settings, kind: str
) -> None:
    records, encoding = BODIES[kind]
    content = json.dumps(records).encode()
    settings = settings.model_copy(update={"replay_rate": 1000})  # all letters in one batch
    async with running(settings, [step for step in STEPS if step != "upsert"]) as client:
        client.key = await _key(client)
        body = gzip.compress(content, 0) if encoding else content
        answer = await client.post(body, **{"Content-Encoding": encoding})
        await _split(client)
        await _dead_letter_by_crashes(client)
        batch = await client.finished(answer.json()["batch_id"])
        assert batch["dead"] == len(records)
        await _age(client, 400)
        await client.hub.retention()()
        assert set(await _names(client)) == {"dead"}
        await _age(client, 400)
        await client.hub.retention()()
    async with running(settings, list(STEPS)) as client:
        client.key = await _key(client)
        asked = await _replay_letters(client, batch["batch_id"])
        assert asked["refused"] == [] and asked["asked"] > 0
        replay = await _chunk_replay(client, batch["batch_id"])
        assert (replay["status"], replay["dead"]) == ("COMPLETED", 0)
        assert len(await client.products()) == len({record["PRODUCTID"] for record in records})


@pytest.mark.parametrize("kind", ["an object", "a compressed object"])
async def test_objects_of_an_open_letter_stay_while_its_records_cannot_be_copied(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    records, encoding = BODIES[kind]

    async def failing(*_: object) -> str:
        raise ZeroDivisionError("no copy")

    async with running(settings, [step for step in STEPS if step != "upsert"]) as client:
        client.key = await _key(client)
        content = json.dumps(records).encode()
        body = gzip.compress(content, 0) if encoding else content
        answer = await client.post(body, **{"Content-Encoding": encoding})
        await _split(client)
        before = await _names(client)
        await _dead_letter_by_crashes(client)
        await client.finished(answer.json()["batch_id"])
        await _age(client, 400)
        monkeypatch.setattr("integrahub.maintenance.retention.copy_dead", failing)
        await client.hub.retention()()
        assert await _names(client) == before


async def _split(client: Client) -> None:
    async with asyncio.timeout(30):
        while not await _count(client, "batches WHERE stage = 'upserting'"):
            await asyncio.sleep(0.02)


async def _replay_letters(client: Client, batch_id: str) -> dict[str, Any]:
    answer = await client.http.post(
        "/v1/dead-letters/replay", json={"filter": {"batch_id": batch_id}}, headers={"X-Admin-Api-Key": ADMIN}
    )
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def _chunk_replay(client: Client, batch_id: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while not (
            found := [item for item in (await client.get("/v1/batches"))["items"] if item["parent_id"] == batch_id]
        ):
            await asyncio.sleep(0.05)
    return await client.finished(found[0]["batch_id"])


async def test_a_replay_of_letters_whose_records_are_lost_is_refused_and_the_letters_stay_open(
    settings: Settings,
) -> None:
    async with running(settings, [step for step in STEPS if step != "upsert"]) as client:
        client.key = await _key(client)
        answer = await client.post(RECORDS)
        await _split(client)
        await _dead_letter_by_crashes(client)
        batch = await client.finished(answer.json()["batch_id"])
        async for name in client.hub.storage.list("batches/"):
            await client.hub.storage.delete(name)
        asked = await _replay_letters(client, batch["batch_id"])
        assert asked["asked"] == 0
        assert {told["code"] for told in asked["refused"]} == {"replay_records_expired"}
        letters = (await client.admin("GET", "/v1/dead-letters"))["items"]
        assert letters and not any(letter["settled_at"] or letter["replay_asked_at"] for letter in letters)


async def test_reports_chunk_rows_and_batches_go_each_in_its_time(settings: Settings) -> None:
    chosen = settings.model_copy(update={"batch_retention_days": 200})
    async with running(chosen, list(STEPS)) as client:
        client.key = await _key(client)
        batch = await client.load([*RECORDS, {"PRODUCTID": 1000, "PRICE": "no price", "TITLE": "x"}])
        path = f"/v1/batches/{batch['batch_id']}"
        await _age(client, 29)
        await client.hub.retention()()
        assert await _count(client, "batch_chunks") and await _count(client, "record_issues")
        await _age(client, 2)
        await client.hub.retention()()
        assert not await _count(client, "batch_chunks")
        assert (await client.http.get(f"{path}/rejected", headers={"X-Api-Key": client.key})).status_code == 410
        assert len((await client.get(f"{path}/errors"))["items"]) == 1
        await _age(client, 60)
        await client.hub.retention()()
        assert not await _count(client, "record_issues")
        answer = await client.http.get(f"{path}/errors", headers={"X-Api-Key": client.key})
        assert (answer.status_code, answer.json()["code"]) == (410, "report_expired")
        assert (await client.get(path))["inserted"] == 499
        await _age(client, 110)
        async with client.hub.database.transaction() as connection:
            await connection.execute("UPDATE pharmacy_turns SET last_seq = last_seq + 99")
        await client.hub.retention()()
        assert await _count(client, "batches") == 1, "the newest hundred stay"
        async with client.hub.database.transaction() as connection:
            await connection.execute("UPDATE pharmacy_turns SET last_seq = last_seq + 1")
        await client.hub.retention()()
        assert not await _count(client, "batches")
        assert len(await client.products()) == 499
        assert (await client.load([*RECORDS]))["deactivated"] == 0


async def test_rows_stay_while_an_older_decision_or_letter_of_the_pharmacy_needs_them(client: Client) -> None:
    await client.load(RECORDS)
    held = await client.load(RECORDS[:5])
    assert held["deactivation"]["state"] == "held"
    await client.load([{"PRODUCTID": 400, "TITLE": "present in a later load"}], "delta")
    await _age(client, 300)
    for _ in range(2):
        await client.hub.retention()()
    assert await _count(client, "batch_chunks c JOIN batches b ON b.id = c.batch_id AND b.received_seq > 1")
    assert not await _count(client, "batch_chunks c JOIN batches b ON b.id = c.batch_id AND b.received_seq = 1")
    headers = {"X-Admin-Api-Key": ADMIN}
    path = f"/v1/batches/{held['batch_id']}/deactivation"
    answer = await client.http.post(path, json={"decision": "approve"}, headers=headers)
    assert answer.status_code in (200, 202), answer.text
    async with asyncio.timeout(20):
        while (await client.get(f"/v1/batches/{held['batch_id']}"))["deactivation"]["state"] != "approved":
            await asyncio.sleep(0.05)
    assert set(await client.products()) == {1, 2, 3, 4, 5, 400}
    await _age(client, 300)
    for _ in range(3):
        await client.hub.retention()()
    assert not await _count(client, "batch_chunks")


async def test_a_queued_chunk_replay_keeps_the_body_it_reads(settings: Settings) -> None:
    async with running(settings, [step for step in STEPS if step != "upsert"]) as client:
        client.key = await _key(client)
        answer = await client.post(RECORDS)
        await _split(client)
        await _dead_letter_by_crashes(client)
        batch = await client.finished(answer.json()["batch_id"])
        assert (await _replay_letters(client, batch["batch_id"]))["asked"]
        async with asyncio.timeout(20):
            while not await _count(client, "batches WHERE kind = 'chunk_replay'"):
                await asyncio.sleep(0.05)
        await _age(client, 400)
        await client.hub.retention()()
    async with running(settings, list(STEPS)) as client:
        client.key = await _key(client)
        assert (await _chunk_replay(client, batch["batch_id"]))["dead"] == 0
        assert len(await client.products()) == len(RECORDS)

"""Estimates of completion on a real hub: what they count, when they are null, and the metric of their errors."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from integrahub.db.batches import estimates
from integrahub.domain.steps import STEPS
from integrahub.settings.model import Settings
from tests.integration.conftest import CNPJ, Client, running


def _records(count: int, first: int = 1) -> list[dict[str, Any]]:
    return [{"PRODUCTID": number, "TITLE": f"Product {number}"} for number in range(first, first + count)]


async def _execute(client: Client, statement: str, *params: object) -> None:
    async with client.hub.database.transaction() as connection:
        await connection.execute(statement, params or None)  # type: ignore[arg-type]


async def _split(client: Client, batch_id: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while (batch := await client.get(f"/v1/batches/{batch_id}"))["items_total"] is None:
            await asyncio.sleep(0.02)
    return dict(batch)


async def _poll(client: Client, batch_id: str) -> tuple[dict[str, Any], str | None]:
    answer = await client.http.get(f"/v1/batches/{batch_id}", headers={"X-Api-Key": client.key})
    return answer.json(), answer.headers.get("retry-after")


async def test_an_unfinished_batch_says_when_to_read_it_again_and_a_final_one_does_not(settings: Settings) -> None:
    async with running(settings, []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        batch_id = (await client.post(_records(100))).json()["batch_id"]
        batch, wait = await _poll(client, batch_id)
        assert (batch["estimate"], batch["estimated_completion_at"], wait) == (None, None, "1")
        await _execute(client, "UPDATE batches SET received_at = received_at - interval '1 day'")
        assert (await _poll(client, batch_id))[1] == "60"
        await client.admin("POST", f"/v1/batches/{batch_id}/cancel")
        assert (await _poll(client, batch_id))[1] is None


async def test_a_batch_being_applied_has_an_estimate_with_its_range(client: Client) -> None:
    batch_id = (await client.post(_records(15_000))).json()["batch_id"]
    seen = []
    async with asyncio.timeout(120):
        while not (polled := await _poll(client, batch_id))[0]["finished_at"]:
            seen.append(polled)
            await asyncio.sleep(0.05)
    with_estimate = [(batch, wait) for batch, wait in seen if batch["estimate"]]
    assert with_estimate, "no answer had an estimate"
    for batch, wait in with_estimate:
        low, at, high = (datetime.fromisoformat(batch["estimate"][name]) for name in ("low", "at", "high"))
        assert low <= at <= high and batch["estimated_completion_at"] == batch["estimate"]["at"]
        assert wait is not None and 1 <= int(wait) <= 60
    assert polled[0]["estimate"] is None


async def _wait_in_queue(client: Client) -> tuple[UUID, UUID]:
    """Return a batch that has the turn and one that waits behind it, both split."""
    first, second = [(await client.post(_records(500, start))).json()["batch_id"] for start in (1001, 2001)]
    await _split(client, first)
    await _split(client, second)
    return UUID(first), UUID(second)


@pytest.fixture
def splitting_only(settings: Settings) -> Settings:
    return settings.model_copy(update={"chunk_size": 100})


async def test_earlier_batches_of_the_pharmacy_count(splitting_only: Settings) -> None:
    async with running(splitting_only, [step for step in STEPS if step not in ("upsert", "finish")]) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        first, second = await _wait_in_queue(client)
        paces = await estimates.find_paces(client.hub.database, [first, second])
        assert {id: (pace.left, pace.ahead, pace.batches_ahead) for id, pace in paces.items()} == {
            first: (500, 0, 0),
            second: (500, 500, 1),
        }
        assert paces[second].work == [] and paces[second].finishing is None
        # The first batch of which nothing is known but its size counts by it.
        await _execute(client, "UPDATE batches SET items_total = NULL, bytes = 2 * bytes WHERE id = %s", first)
        (pace,) = (await estimates.find_paces(client.hub.database, [second])).values()
        assert pace.ahead == pytest.approx(1000, rel=0.02)


async def test_the_work_of_the_batch_in_turn_and_the_last_finish_are_what_a_waiting_one_goes_by(
    splitting_only: Settings,
) -> None:
    async with running(splitting_only, [step for step in STEPS if step not in ("upsert", "finish")]) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        first, second = await _wait_in_queue(client)
        await _execute(
            client,
            "UPDATE batch_chunks SET status = 'COMPLETED', worker_id = gen_random_uuid(), inserted = records,"
            " started_at = now() - interval '4 s', finished_at = now() - interval '3 s'"
            " WHERE batch_id = %s AND number < 3",
            first,
        )
        (pace,) = (await estimates.find_paces(client.hub.database, [second])).values()
        assert [work.records for work in pace.work] == [300 if pace.ahead == 200 else 200]
        assert pace.work[0].finished == pytest.approx(pace.work[0].started + 1)
        await _execute(
            client,
            "UPDATE batches SET stage = 'done', status = 'COMPLETED', finished_at = now() WHERE id = %s",
            first,
        )
        (pace,) = (await estimates.find_paces(client.hub.database, [second])).values()
        assert (pace.ahead, pace.batches_ahead) == (0, 0) and pace.finishing == pytest.approx(3, abs=0.5)


async def test_the_error_of_estimates_is_a_metric_and_cancelled_batches_do_not_count(splitting_only: Settings) -> None:
    async with running(splitting_only, [step for step in STEPS if step not in ("upsert", "finish")]) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        first, second = await _wait_in_queue(client)
        await _execute(
            client,
            "UPDATE batch_chunks SET status = 'COMPLETED', worker_id = gen_random_uuid(),"
            " started_at = now() - interval '4 s', finished_at = now() - interval '1 s'"
            " WHERE batch_id = %s AND number = 0",
            first,
        )
        await estimates.record_due(client.hub.database)
        assert not await _recorded(client), "a fifth is done, but the counter of the batch does not say so"
        await _execute(client, "UPDATE batches SET chunks_left = chunks_left - 1 WHERE id = %s", first)
        await estimates.record_due(client.hub.database)
        assert await _recorded(client) == {first: None}
        await _execute(
            client,
            "UPDATE batch_estimates SET made_at = now() - interval '10 s', estimated_at = now() + interval '5 s';"
            f" INSERT INTO batch_estimates SELECT '{second}', now(), now() + interval '1 day'",
        )
        await _execute(
            client,
            "UPDATE batches SET stage = 'done', finished_at = now(),"
            " status = CASE WHEN received_seq = 1 THEN 'COMPLETED' ELSE 'CANCELLED' END",
        )
        await client.hub.statistics()()
        recorded = await _recorded(client)
        assert recorded[first] == pytest.approx(0.5, abs=0.1) and recorded[second] is None
        scrape = (await client.hub.metrics_scrape()()).decode()
        line = next(
            line for line in scrape.splitlines() if line.startswith('integrahub_estimate_error_ratio{quantile="0.9"}')
        )
        assert float(line.split()[1]) == pytest.approx(recorded[first])


async def test_estimates_of_dry_runs_do_not_count(splitting_only: Settings) -> None:
    async with running(splitting_only, [step for step in STEPS if step not in ("upsert", "finish")]) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        load, dry_run = await _wait_in_queue(client)
        done = "worker_id = gen_random_uuid(), started_at = now() - interval '4 s', finished_at = now()"
        await _execute(client, f"UPDATE batch_chunks SET status = 'COMPLETED', {done} WHERE number = 0")
        await _execute(client, "UPDATE batches SET stage = 'upserting', chunks_left = chunks_left - 1")
        await _execute(client, "UPDATE batches SET kind = 'dry_run' WHERE id = %s", dry_run)
        await estimates.record_due(client.hub.database)
        assert await _recorded(client) == {load: None}


async def _recorded(client: Client) -> dict[UUID, float | None]:
    async with client.hub.database.transaction() as connection:
        rows = await (await connection.execute("SELECT batch_id, error_ratio FROM batch_estimates")).fetchall()
    return {row["batch_id"]: row["error_ratio"] for row in rows}

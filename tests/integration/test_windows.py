"""FULLs in parts: when the window closes, what it waits for, and cancelled closings."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from integrahub.db.batches import decisions
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.events import NextWork
from integrahub.domain.steps import STEPS
from integrahub.settings.model import Settings
from tests.integration.conftest import CNPJ, PATH, Client, running
from tests.integration.test_flow import _decided, _pass_minutes, catalogue, product

_GOING = "SELECT count(*) AS n FROM full_uploads WHERE renewed_at > now() - interval '30 seconds'"
_NO_SWEEP = [step for step in STEPS if step != "sweep"]


@pytest.fixture
async def unswept(settings: Settings) -> AsyncIterator[Client]:
    """Yield a hub whose windows close only on request, with 100 products and parts at most a minute apart."""
    async with running(settings, _NO_SWEEP) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        await client.load(catalogue(100))
        await client.admin("PUT", f"/admin/pharmacies/{CNPJ}", {"full_window_minutes": 1})
        await _pass_minutes(client, 5)
        yield client


async def close_windows(client: Client) -> list[NextWork]:
    return await decisions.close_windows(client.hub.database, 0, InFlightLimit(4, 4))


async def run_operations(client: Client) -> None:
    """Close the windows that are due and run their operations."""
    for turn in await close_windows(client):
        assert turn.finishing
        await client.hub.finish().finish(turn.finishing)


async def _passed(client: Client, **time: float) -> None:
    """Shift receipts and uploads into the past."""
    moved = ("batches SET received_at = received_at - %(t)s, first_byte_at = first_byte_at - %(t)s",)
    async with client.hub.database.transaction() as connection:
        for change in (*moved, "full_uploads SET begun_at = begun_at - %(t)s"):
            await connection.execute(f"UPDATE {change}".encode(), {"t": timedelta(**time)})


class SlowBody:
    """Upload of a part whose second half waits for the release."""

    def __init__(self, records: list[dict[str, Any]]) -> None:
        padded = [record | {"DESCRIPTION": "x" * 3000} for record in records]
        self.body = json.dumps(padded).encode()
        self.released = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        half = max(80_000, len(self.body) // 2)
        yield self.body[:half]
        await self.released.wait()
        yield self.body[half:]


async def _begin(client: Client, slow: SlowBody) -> "asyncio.Task[Any]":
    """Start an upload and wait until the hub has registered it."""
    headers = {"X-Inova-Load-Type": "full", "X-Api-Key": client.key, "Content-Type": "application/json"}
    task = asyncio.create_task(client.http.post(PATH, content=slow, headers=headers))
    async with asyncio.timeout(20):
        while not await _uploads(client):
            await asyncio.sleep(0.01)
    return task


async def _uploads(client: Client) -> int:
    async with client.hub.database.transaction() as connection:
        row = await (await connection.execute(_GOING)).fetchone()
    assert row is not None
    return int(row["n"])


async def test_a_window_never_closes_while_its_next_part_is_uploaded(unswept: Client) -> None:
    first = await unswept.load(catalogue(60))
    slow = SlowBody([product(number) for number in range(61, 96)])
    posting = await _begin(unswept, slow)
    await _passed(unswept, minutes=2)
    assert await close_windows(unswept) == []
    slow.released.set()
    second = await unswept.finished((await posting).json()["batch_id"])
    assert (await unswept.get(f"/v1/batches/{first['batch_id']}"))["deactivation"]["state"] == "waiting"
    assert await _uploads(unswept) == 0 and await close_windows(unswept) == []
    async with unswept.hub.database.transaction() as connection:  # as long ago as the upload lasted
        lasted = "UPDATE batches SET first_byte_at = received_at - interval '2 minutes' WHERE received_seq = 3"
        await connection.execute(lasted)
    await _passed(unswept, minutes=2)
    await run_operations(unswept)
    assert (await _decided(unswept, second["batch_id"]))["deactivated"] == 5
    assert sorted(await unswept.products()) == list(range(1, 96))


async def test_an_upload_whose_client_vanishes_holds_no_window(unswept: Client) -> None:
    first = await unswept.load(catalogue(95))
    posting = await _begin(unswept, SlowBody(catalogue(60)))
    await _passed(unswept, minutes=2)
    assert await close_windows(unswept) == []
    posting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await posting
    async with asyncio.timeout(20):
        while await _uploads(unswept):
            await asyncio.sleep(0.01)
    await run_operations(unswept)
    assert (await _decided(unswept, first["batch_id"]))["deactivated"] == 5


async def test_a_window_waits_for_no_upload_that_is_silent_lasts_an_hour_or_began_too_late(unswept: Client) -> None:
    await unswept.load(catalogue(95))
    posting = await _begin(unswept, SlowBody(catalogue(60)))
    await _passed(unswept, minutes=2)
    for change in (
        "renewed_at = renewed_at - interval '40 seconds'",
        "begun_at = begun_at - interval '61 minutes'",
        "begun_at = begun_at + interval '90 seconds'",
    ):
        async with unswept.hub.database.transaction() as connection:
            before = await (await connection.execute("SELECT * FROM full_uploads")).fetchone()
            assert before is not None
            await connection.execute(f"UPDATE full_uploads SET {change}".encode())
            row = await (await connection.execute(_closed(), {"window": 0, "pharmacy_id": None})).fetchone()
            assert row is not None, change
            restored = "UPDATE full_uploads SET renewed_at = %(renewed_at)s, begun_at = %(begun_at)s"
            await connection.execute(restored, before)
    assert await close_windows(unswept) == []
    posting.cancel()
    await asyncio.wait([posting])


def _closed() -> Any:
    return decisions._SQL["closed_windows"]


async def test_a_window_stays_open_half_a_minute_for_a_part_whose_pharmacy_is_not_known_yet(unswept: Client) -> None:
    await unswept.load(catalogue(95))
    await _passed(unswept, seconds=75)
    assert await close_windows(unswept) == []
    await _passed(unswept, seconds=20)
    assert len(await close_windows(unswept)) == 1


async def test_a_window_stays_open_while_a_part_is_not_finished(settings: Settings) -> None:
    async with running(settings, []) as idle:
        idle.key = (await idle.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        await idle.admin("PUT", f"/admin/pharmacies/{CNPJ}", {"full_window_minutes": 1})
        async with running(settings, _NO_SWEEP):
            await idle.load(catalogue(95))
        later = (await idle.post(catalogue(60))).json()["batch_id"]
        await _passed(idle, minutes=5)
        assert await close_windows(idle) == []
        await idle.http.post(f"/v1/batches/{later}/cancel", headers={"X-Admin-Api-Key": "an-admin-key-for-tests"})
        assert len(await close_windows(idle)) == 1


async def test_parts_are_told_by_the_gap_from_receipt_to_the_next_first_byte(unswept: Client) -> None:
    """Check that a slow upload is still a part, and that a late first byte starts a new FULL."""
    await unswept.load(catalogue(60))
    last = await unswept.load([product(number) for number in range(61, 96)])
    async with unswept.hub.database.transaction() as connection:
        earlier = "UPDATE batches SET received_at = received_at - interval '5 minutes' WHERE received_seq = 2"
        await connection.execute(earlier)
        began = (
            "UPDATE batches SET first_byte_at = received_at - interval '4 minutes 30 seconds' WHERE received_seq = 3"
        )
        await connection.execute(began)
    await _passed(unswept, minutes=2)
    await run_operations(unswept)
    decided = await _decided(unswept, last["batch_id"])
    assert (decided["deactivation"]["state"], decided["deactivated"]) == ("applied", 5)


async def test_a_part_whose_first_byte_came_late_begins_a_new_full(unswept: Client) -> None:
    await unswept.load(catalogue(60))
    await _passed(unswept, minutes=3)
    last = await unswept.load([product(number) for number in range(61, 96)])
    await _passed(unswept, minutes=2)
    await run_operations(unswept)
    held = await _decided(unswept, last["batch_id"])
    assert (held["deactivation"]["state"], held["deactivation"]["candidates"]) == ("held", 65)


async def test_the_end_of_a_window_that_is_cancelled_is_held_and_not_queued_again(unswept: Client) -> None:
    last = await unswept.load(catalogue(95))
    await _passed(unswept, minutes=2)
    (turn,) = await close_windows(unswept)
    await unswept.admin("POST", f"/v1/batches/{turn.finishing}/cancel")
    assert await close_windows(unswept) == []
    held = (await unswept.get(f"/v1/batches/{last['batch_id']}"))["deactivation"]
    assert (held["state"], held["candidates"], held["reason_code"]) == ("held", 5, "window_cancelled")
    assert len(await unswept.products()) == 100
    await unswept.admin("POST", f"/v1/batches/{last['batch_id']}/deactivation", {"decision": "approve"})
    assert (await _decided(unswept, last["batch_id"], "approved"))["deactivated"] == 5

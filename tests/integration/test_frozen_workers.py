"""A worker that was frozen, not killed, counts no crash."""

import asyncio
from uuid import UUID, uuid4

import msgspec
import pytest

from integrahub.db.batches import fast_path, split_claims
from integrahub.db.chunks import claims as chunk_claims
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.errors import BodyError
from tests.integration.conftest import Client
from tests.integration.test_flow import catalogue, product
from tests.integration.test_worker_crashes import _run, crash
from tests.integration.test_zombies import Held, _lose_chunk, _split, idle

__all__ = ["idle"]


@pytest.fixture
def _prevented(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every lease one that its worker could not renew, as after a freeze."""
    monkeypatch.setattr("integrahub.resilience.lease._MIN_PREVENTED_SECONDS", 0.0)
    monkeypatch.setattr("integrahub.resilience.lease.process_time", lambda: 0.0)


async def _crashes(client: Client, table: str) -> list[int]:
    return [row["crashes"] for row in await _run(client, f"SELECT crashes FROM {table} ORDER BY 1")]


@pytest.mark.usefixtures("_prevented")
async def test_a_split_whose_worker_was_frozen_counts_no_crash(idle: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    posted = (await idle.post(catalogue(120))).json()["batch_id"]
    held = Held(monkeypatch, "integrahub.db.batches.split_claims.end_split", split_claims.end_split)
    frozen = asyncio.create_task(_split(idle, posted))
    await held.reached.wait()
    await crash(idle)
    own = await split_claims.claim_split(idle.hub.database, UUID(posted), uuid4(), uuid4(), alone=True)
    assert own and own.crashes == 1
    await split_claims.uncount_crashes(idle.hub.database, [own])  # held: this worker may still crash
    assert await _crashes(idle, "batches") == [1]
    held.released.set()
    await frozen
    assert (await _crashes(idle, "batches"), held.outcome) == ([0], None)
    await crash(idle)
    assert await split_claims.claim_split(idle.hub.database, UUID(posted), uuid4(), uuid4(), alone=True)
    assert await _crashes(idle, "batches") == [1]


@pytest.mark.usefixtures("_prevented")
async def test_small_batches_whose_worker_was_frozen_count_no_crash(
    idle: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted = (await idle.post([product(1)], "delta")).json()["batch_id"]
    held = Held(monkeypatch, "integrahub.db.batches.fast_path._apply", fast_path._apply)
    frozen = asyncio.create_task(_split(idle, posted, "delta"))
    await held.reached.wait()
    await crash(idle)
    own = await split_claims.claim_split(idle.hub.database, UUID(posted), uuid4(), uuid4(), alone=True)
    assert own and own.crashes == 1
    held.released.set()
    await frozen
    assert await _crashes(idle, "batches") == [0]
    await split_claims.uncount_crashes(idle.hub.database, [msgspec.structs.replace(own, claim_token=uuid4())])
    assert await _crashes(idle, "batches") == [0]


@pytest.mark.usefixtures("_prevented")
async def test_a_chunk_whose_worker_was_frozen_counts_no_crash(idle: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    posted, held, frozen = await _lose_chunk(idle, monkeypatch)
    own = await chunk_claims.claim(idle.hub.database, [(UUID(posted), 0)], uuid4(), uuid4(), crashed=True)
    assert await _crashes(idle, "batch_chunks") == [1]
    await chunk_claims.uncount_crashes(idle.hub.database, own)  # held: this worker may still crash
    assert await _crashes(idle, "batch_chunks") == [1]
    held.released.set()
    await frozen
    assert (await _crashes(idle, "batch_chunks"), held.outcome) == ([0], [])
    lost = [msgspec.structs.replace(own[0], claim_token=uuid4())]
    await chunk_claims.uncount_crashes(idle.hub.database, lost)
    assert await _crashes(idle, "batch_chunks") == [0]


async def test_a_final_batch_and_a_settled_chunk_keep_the_crashes_that_ended_them(idle: Client) -> None:
    posted = (await idle.post(catalogue(20))).json()["batch_id"]
    await _split(idle, posted)
    claims = await chunk_claims.claim(idle.hub.database, [(UUID(posted), 0)], uuid4(), uuid4())
    await crash(idle, "batch_chunks")
    await chunk_claims.release_expired(idle.hub.database, 1)  # dead by its first crash
    await chunk_claims.uncount_crashes(idle.hub.database, claims)
    assert await _crashes(idle, "batch_chunks") == [1]
    failed = (await idle.post(catalogue(3))).json()["batch_id"]
    lost = await split_claims.claim_split(idle.hub.database, UUID(failed), uuid4(), uuid4())
    await crash(idle)
    own = await split_claims.claim_split(idle.hub.database, UUID(failed), uuid4(), uuid4(), alone=True)
    assert lost and own
    await split_claims.fail(idle.hub.database, own, BodyError("worker_crashed", 0, crashes=1), InFlightLimit(4, 4))
    await split_claims.uncount_crashes(idle.hub.database, [lost])
    assert await _crashes(idle, "batches") == [0, 1]

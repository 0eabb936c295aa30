"""A worker that lost its claim writes nothing; one that finished its work loses nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from integrahub.db.batches import fast_path, split_claims
from integrahub.db.chunks import claims as chunk_claims
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.errors import BodyError
from integrahub.domain.events import BatchReceived, ChunkReady
from integrahub.domain.steps import STEPS
from integrahub.settings.model import Settings
from tests.integration.conftest import CNPJ, Client, running
from tests.integration.test_flow import catalogue, product
from tests.integration.test_worker_crashes import _run, crash


class Held:
    """First call of a function, delayed until its release; its result is stored."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, plain: Callable[..., Awaitable[Any]]) -> None:
        self.reached, self.released = asyncio.Event(), asyncio.Event()
        self.outcome: Any = None
        self._plain = plain
        monkeypatch.setattr(name, self)

    async def __call__(self, *given: Any, **named: Any) -> Any:
        if self.reached.is_set():
            return await self._plain(*given, **named)
        self.reached.set()
        await self.released.wait()
        try:
            self.outcome = await self._plain(*given, **named)
        except BaseException as error:
            self.outcome = error
            raise
        return self.outcome


@pytest.fixture
async def idle(settings: Settings) -> AsyncIterator[Client]:
    """Yield a hub without workers."""
    async with running(settings, []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield client


def _received(batch_id: str, load_type: str) -> bytes:
    return msgspec.json.encode(BatchReceived(UUID(batch_id), CNPJ, load_type, datetime.now(UTC)))


def _ready(batch_id: str, number: int = 0) -> bytes:
    event = ChunkReady(f"{batch_id}/{number}", UUID(batch_id), 1, CNPJ, "full", "body", 50, number, 1)
    return msgspec.json.encode(event)


async def _split(client: Client, batch_id: str, load_type: str = "full") -> None:
    await client.hub.split(uuid4())(_received(batch_id, load_type))


async def _prices(client: Client) -> dict[int, float]:
    return {number: item["price"] for number, item in (await client.products()).items()}


async def test_a_split_that_was_lost_inserts_no_chunk(idle: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    posted = (await idle.post(catalogue(120))).json()["batch_id"]
    held = Held(monkeypatch, "integrahub.db.batches.split_claims.end_split", split_claims.end_split)
    zombie = asyncio.create_task(_split(idle, posted))
    await held.reached.wait()
    await crash(idle)
    await _split(idle, posted)
    before = await _run(idle, "SELECT * FROM batches")
    held.released.set()
    await zombie
    assert held.outcome is None
    assert await _run(idle, "SELECT * FROM batches") == before
    assert len(await _run(idle, "SELECT * FROM batch_chunks")) == before[0]["chunks_left"] == 3


async def test_a_split_that_was_lost_fails_no_batch_and_hands_none_back(idle: Client) -> None:
    posted = UUID((await idle.post(catalogue(3))).json()["batch_id"])
    lost = await split_claims.claim_split(idle.hub.database, posted, uuid4(), uuid4())
    await crash(idle)
    own = await split_claims.claim_split(idle.hub.database, posted, uuid4(), uuid4(), alone=True)
    assert lost and own
    before = await _run(idle, "SELECT * FROM batches")
    assert await split_claims.fail(idle.hub.database, lost, BodyError("body_missing", 0), InFlightLimit(4, 4)) is None
    await split_claims.retry_split(idle.hub.database, lost, 0.0, 1)
    assert await _run(idle, "SELECT * FROM batches") == before
    assert not await split_claims.renew_splits(idle.hub.database, [lost])
    assert await split_claims.renew_splits(idle.hub.database, [own])


async def _lose_chunk(idle: Client, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Held, asyncio.Task[None]]:
    """Return a batch whose chunk's lease ended while its worker, the task, was about to write."""
    posted = (await idle.post(catalogue(20))).json()["batch_id"]
    await _split(idle, posted)
    held = Held(monkeypatch, "integrahub.db.chunks.claims.lock_claimed", chunk_claims.lock_claimed)
    zombie = asyncio.create_task(idle.hub.upsert(uuid4())(_ready(posted)))
    await held.reached.wait()
    await crash(idle, "batch_chunks")
    await chunk_claims.release_expired(idle.hub.database, 5)
    return posted, held, zombie


async def test_a_chunk_that_was_lost_is_not_applied_while_another_holds_it(
    idle: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted, held, zombie = await _lose_chunk(idle, monkeypatch)
    own = await chunk_claims.claim(idle.hub.database, [(UUID(posted), 0)], uuid4(), uuid4(), crashed=True)
    before = await _run(idle, "SELECT * FROM batch_chunks")
    held.released.set()
    await zombie
    assert held.outcome == [] and await idle.products() == {}
    assert await _run(idle, "SELECT * FROM batch_chunks") == before
    assert before[0]["claim_token"] == own[0].claim_token


async def test_a_chunk_that_was_lost_overwrites_nothing_of_a_later_batch(
    idle: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted, held, zombie = await _lose_chunk(idle, monkeypatch)
    await idle.hub.upsert(uuid4())(_ready(posted))
    await idle.hub.finish().finish(UUID(posted))
    later = (await idle.post([product(n, PRICE=9) for n in range(1, 21)], "delta")).json()["batch_id"]
    await _split(idle, later, "delta")
    held.released.set()
    await zombie
    assert held.outcome == [] and set((await _prices(idle)).values()) == {9}
    ended = [await idle.finished(batch_id) for batch_id in (posted, later)]
    assert [(batch["inserted"], batch["updated"]) for batch in ended] == [(20, 0), (0, 20)]
    recorded = await _run(idle, "SELECT kind, count(*) FROM product_changes GROUP BY kind ORDER BY kind")
    assert [(row["kind"], row["count"]) for row in recorded] == [("reset", 1), ("updated", 20)]


async def test_small_batches_that_were_lost_write_nothing_while_another_holds_them(
    idle: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted = [(await idle.post([product(n)], "delta")).json()["batch_id"] for n in (1, 2)]
    held = Held(monkeypatch, "integrahub.db.batches.fast_path._apply", fast_path._apply)
    split = idle.hub.split(uuid4())
    zombies = [asyncio.create_task(split(_received(batch_id, "delta"))) for batch_id in posted]
    await held.reached.wait()
    await crash(idle)
    own = [await split_claims.claim_split(idle.hub.database, UUID(one), uuid4(), uuid4(), alone=True) for one in posted]
    before = await _run(idle, "SELECT * FROM batches ORDER BY id")
    held.released.set()
    await asyncio.gather(*zombies)
    assert all(own) and await idle.products() == {}
    assert await _run(idle, "SELECT * FROM batches ORDER BY id") == before
    assert await _run(idle, "SELECT * FROM product_changes") == []


async def test_small_batches_that_were_lost_overwrite_nothing_of_a_later_batch(
    idle: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = (await idle.post([product(1, PRICE=1)], "delta")).json()["batch_id"]
    held = Held(monkeypatch, "integrahub.db.batches.fast_path._apply", fast_path._apply)
    zombie = asyncio.create_task(_split(idle, first, "delta"))
    await held.reached.wait()
    await crash(idle)
    await _split(idle, first, "delta")
    await idle.hub.upsert(uuid4())(_ready(first))
    await idle.hub.finish().finish(UUID(first))
    later = (await idle.post([product(1, PRICE=9)], "delta")).json()["batch_id"]
    await _split(idle, later, "delta")
    held.released.set()
    await zombie
    assert await _prices(idle) == {1: 9}
    assert [(await idle.finished(one))["status"] for one in (first, later)] == ["COMPLETED", "COMPLETED"]


async def test_no_small_batch_overtakes_an_earlier_one_that_is_refused(
    idle: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted = [(await idle.post([product(1, PRICE=n)], "delta")).json()["batch_id"] for n in range(1, 30)]
    merge = fast_path.merge_chunks

    async def refusing(connection: Any, parts: Any, *rest: Any) -> Any:
        if any(str(part.batch_id) == posted[2] for part in parts):
            raise ArithmeticError("whatever is done to the third")
        return await merge(connection, parts, *rest)

    monkeypatch.setattr("integrahub.db.batches.fast_path.merge_chunks", refusing)
    async with running(settings, list(STEPS)):
        ended = [await idle.finished(batch_id) for batch_id in posted]
    assert {batch["status"] for batch in ended} == {"COMPLETED"}
    assert await _prices(idle) == {1: 29}


async def test_small_batches_keep_their_lease_while_they_are_applied(
    idle: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrahub.resilience.lease._LEASE_RENEW_INTERVAL_SECONDS", 0.02)
    posted = (await idle.post([product(1)], "delta")).json()["batch_id"]
    held = Held(monkeypatch, "integrahub.db.batches.fast_path._apply", fast_path._apply)
    working = asyncio.create_task(_split(idle, posted, "delta"))
    await held.reached.wait()
    (before,) = await _run(idle, "SELECT lease_until FROM batches")
    async with asyncio.timeout(20):
        while await _same(idle, before):
            await asyncio.sleep(0.02)
    held.released.set()
    await working
    assert (await idle.finished(posted))["status"] == "COMPLETED"


async def _same(client: Client, before: dict[str, Any]) -> bool:
    return (await _run(client, "SELECT lease_until FROM batches"))[0] == before


async def test_work_that_is_done_has_lost_no_lease_and_work_that_is_cancelled_has(
    idle: Client, settings: Settings
) -> None:
    done, cancelled = [(await idle.post(catalogue(count))).json()["batch_id"] for count in (3, 4)]
    split = await split_claims.claim_split(idle.hub.database, UUID(done), uuid4(), uuid4())
    stopped = await split_claims.claim_split(idle.hub.database, UUID(cancelled), uuid4(), uuid4())
    assert split and stopped
    await idle.admin("POST", f"/v1/batches/{cancelled}/cancel")
    assert not await split_claims.renew_splits(idle.hub.database, [stopped])
    await split_claims.retry_split(idle.hub.database, split, 0.0, 0)
    assert not await split_claims.renew_splits(idle.hub.database, [split])
    await _split(idle, done)
    assert await split_claims.renew_splits(idle.hub.database, [split])
    claims = await chunk_claims.claim(idle.hub.database, [(UUID(done), 0)], uuid4(), uuid4())
    assert claims and await chunk_claims.renew(idle.hub.database, claims)
    await chunk_claims.release(idle.hub.database, claims[0], "", 0.0)
    assert not await chunk_claims.renew(idle.hub.database, claims)
    await idle.hub.upsert(uuid4())(_ready(done))
    assert await chunk_claims.renew(idle.hub.database, claims)

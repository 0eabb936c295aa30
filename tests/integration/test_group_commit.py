"""Group commit: a locked turn delays only posts of its own pharmacy, and waiting posts are bounded."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest

from integrahub.db.batches import deactivation
from integrahub.db.batches import finish as finishing
from integrahub.db.batches.accept import Receipt, Submission
from integrahub.domain.errors import Unavailable
from integrahub.pipeline.ingest import group_commit
from integrahub.pipeline.ingest.group_commit import GroupCommit, QueueLimits
from integrahub.resilience.deadlines import API_DEADLINES
from integrahub.resilience.micro_batcher import BatchLimits
from integrahub.settings.model import Settings
from tests.integration.conftest import CNPJ, Client, running
from tests.integration.test_flow import catalogue, product

_OTHER = "33000167000101"


@pytest.fixture
async def idle(settings: Settings) -> AsyncIterator[Client]:
    """Yield a hub without workers and with two pharmacies."""
    async with running(settings, []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        await client.post([product(1)], "delta")
        yield client


@asynccontextmanager
async def holding_turn(client: Client, cnpj: str = CNPJ) -> AsyncIterator[None]:
    """Hold the lock of a pharmacy's turn, as the end of a batch does."""
    asked = "SELECT FROM pharmacy_turns WHERE pharmacy_id = (SELECT id FROM pharmacies WHERE cnpj = %s) FOR UPDATE"
    async with client.hub.database.transaction() as connection:
        assert (await connection.execute(asked, [cnpj])).rowcount == 1
        yield


def _post(pharmacy_id: int, number: int) -> Submission:
    body = b'[{"PRODUCTID":%d}]' % number
    given = {"media_type": "application/json", "encoding": "", "idempotency_key": None, "item_count": None}
    of_body = {"body": body, "location": None, "sha256": number.to_bytes(32), "bytes": len(body)}
    return Submission(uuid4(), pharmacy_id, CNPJ, "delta", started=monotonic(), **given, **of_body)  # type: ignore[arg-type]


async def test_a_pharmacy_whose_turn_is_held_delays_no_other_and_is_answered_once_it_is_free(idle: Client) -> None:
    other = (await idle.admin("POST", f"/admin/pharmacies/{_OTHER}/api-key"))["api_key"]
    async with holding_turn(idle):
        held = [asyncio.create_task(idle.post([product(1, PRICE=n)], "delta")) for n in range(1, 4)]
        async with asyncio.timeout(5):
            for price in range(20):
                record = product(1, PRICE=price, CNPJ=_OTHER)
                answer = await idle.post([record], "delta", **{"X-Api-Key": other})
                assert answer.status_code == 202, answer.text
        assert not any(task.done() for task in held)
    answers = await asyncio.gather(*held)
    assert [answer.status_code for answer in answers] == [202] * 3
    rows = (await idle.get("/v1/batches"))["items"]
    assert sorted(row["received_seq"] for row in rows) == [1, 2, 3, 4]


async def test_a_post_whose_turn_is_held_too_long_is_refused_and_leaves_nothing(
    idle: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrahub.pipeline.ingest.group_commit._TURN_TIMEOUT_SECONDS", 0.2)
    async with holding_turn(idle):
        answers = [await idle.post(body) for body in (catalogue(2), catalogue(2000))]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(503, "turn_busy")] * 2
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers)
    assert len((await idle.get("/v1/batches"))["items"]) == 1
    assert not [path for path in (idle.hub.settings.data_dir / "objects").rglob("*") if path.is_file()]


async def test_what_waits_for_a_commit_is_bounded_by_pharmacy_and_in_all(idle: Client) -> None:
    await idle.admin("POST", f"/admin/pharmacies/{_OTHER}/api-key")
    async with idle.hub.database.transaction() as connection:
        rows = await (await connection.execute("SELECT id FROM pharmacies ORDER BY cnpj = %s", [CNPJ])).fetchall()
    other, busy = (int(row["id"]) for row in rows)
    commit = GroupCommit(idle.hub.database, lambda _: None, QueueLimits(total=30_000, pharmacy=10_000))
    crowded = GroupCommit(idle.hub.database, lambda _: None, QueueLimits(total=10_000, pharmacy=10_000))
    async with holding_turn(idle):
        waiting = [asyncio.create_task(commit(_post(busy, number))) for number in range(1, 20)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        refused = [task for task in waiting if task.done()]
        assert len(refused) == 14 and all(isinstance(task.exception(), Unavailable) for task in refused)
        assert isinstance(await commit(_post(other, 1)), Receipt)
        waiting += [asyncio.create_task(crowded(_post(busy, number))) for number in range(21, 26)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await crowded(_post(other, 2))
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert sum(isinstance(outcome, Receipt) for outcome in outcomes) == 10
    assert isinstance(await crowded(_post(other, 2)), Receipt)


async def test_the_end_of_a_full_counts_before_it_takes_the_turn(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Check that posts of the pharmacy succeed while its large catalogue is counted."""
    await client.load(catalogue(100))
    counting, counted = asyncio.Event(), asyncio.Event()
    count = deactivation.count_candidates

    async def slow(*given: Any) -> Any:
        counting.set()
        await counted.wait()
        return await count(*given)

    monkeypatch.setattr("integrahub.db.batches.deactivation.count_candidates", slow)
    full = (await client.post(catalogue(95))).json()["batch_id"]
    await counting.wait()
    try:
        later = await client.post([product(1, PRICE=7)], "delta")
    finally:
        counted.set()
    assert later.status_code == 202
    ended = [await client.finished(batch_id) for batch_id in (full, later.json()["batch_id"])]
    assert [(batch["deactivated"], batch["updated"]) for batch in ended] == [(5, 0), (0, 1)]


async def test_a_full_that_is_cancelled_while_it_is_counted_deactivates_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.load(catalogue(100))
    count, finish, ended = deactivation.count_candidates, finishing.finish, asyncio.Event()

    async def finished(*given: Any) -> Any:
        try:
            return await finish(*given)
        finally:
            ended.set()

    async def cancelled_meanwhile(connection: Any, asked: Any) -> Any:
        found = await count(connection, asked)
        await client.hub.decisions().cancel(asked.batch_id)
        return found

    monkeypatch.setattr("integrahub.db.batches.deactivation.count_candidates", cancelled_meanwhile)
    monkeypatch.setattr(finishing, "finish", finished)
    batch_id = (await client.load(catalogue(95)))["batch_id"]
    await asyncio.wait_for(ended.wait(), 60)
    batch = await client.finished(batch_id)
    assert (batch["status"], batch["deactivated"], len(await client.products())) == ("CANCELLED", 0, 100)


async def test_a_post_waits_as_long_as_commits_before_it_succeed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Posts queue on a busy machine: that is no sign of a PostgreSQL that does not answer."""
    accept = group_commit.accept

    async def slow(*given: Any) -> Any:
        await asyncio.sleep(0.2)
        return await accept(*given)

    monkeypatch.setattr(group_commit, "accept", slow)
    monkeypatch.setattr(group_commit, "_COMMIT_LIMITS", BatchLimits(1))
    async with running(settings, [], replace(API_DEADLINES, commit=0.5)) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        answers = await asyncio.gather(*(client.post([product(n)], "delta") for n in range(1, 8)))
    assert [answer.status_code for answer in answers] == [202] * 7

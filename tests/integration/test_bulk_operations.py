"""Replays of many dead letters: started, paced, refused, stopped, and counted."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from integrahub.db.batches import replays
from integrahub.db.chunks import bulk_operations, dead_letters
from integrahub.db.chunks.rows import DeadLetterFilters
from integrahub.domain.concurrency import InFlightLimit
from integrahub.domain.errors import BadRequest, Conflict, NotFound, Transient
from integrahub.domain.events import CHUNKS_READY, DeadMessage
from integrahub.domain.replays import BulkState
from integrahub.domain.steps import STEPS
from integrahub.settings.model import Settings
from tests.integration.conftest import ADMIN, CNPJ, Client, running
from tests.integration.test_replays import catalogue

_DELAYED = "UPDATE bulk_operations SET run_at = run_at - interval '5 seconds'"


@pytest.fixture
async def idle(settings: Settings) -> AsyncIterator[Client]:
    """Yield a client of a hub without workers, which replays two letters a second."""
    async with running(settings.model_copy(update={"replay_rate": 2}), []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield client


async def add_messages(client: Client, count: int, error: str = "Unreadable") -> list[int]:
    """Insert dead letters of messages; return the ids of all open letters."""
    for number in range(count):
        body = b'{"n": %d}' % number
        dead = DeadMessage(
            uuid4(), CHUNKS_READY, body, "", datetime.now(UTC), error, "", "worker:decode", "no JSON", ""
        )
        await dead_letters.add_message(client.hub.all_tenants, dead)
    return await _column(client, "SELECT id FROM dead_letters WHERE settled_at IS NULL ORDER BY id")


async def add_chunks(client: Client, records: list[dict[str, Any]]) -> UUID:
    """Post records while no worker applies them, and make every chunk a dead letter; return the batch."""
    batch_id = UUID((await client.post(records)).json()["batch_id"])
    async with running(client.hub.settings, ["split"]) as splitting:
        while not await _column(splitting, "SELECT id FROM batches WHERE stage = 'upserting'"):
            pass
    await _execute(
        client,
        "UPDATE batch_chunks SET status = 'PROCESSING', claim_token = gen_random_uuid(), crashes = 4, "
        "lease_until = now() - interval '1 hour'",
    )
    async with running(client.hub.settings, ["finish", "sweep"]):
        await client.finished(str(batch_id))
    return batch_id


async def _column(client: Client, statement: str, *params: Any) -> list[Any]:
    async with client.hub.database.transaction() as connection:
        rows = await (await connection.execute(statement, params)).fetchall()  # type: ignore[arg-type]
    return [next(iter(row.values())) for row in rows]


async def _execute(client: Client, statement: str, *params: Any) -> None:
    async with client.hub.database.transaction() as connection:
        await connection.execute(statement, params)  # type: ignore[arg-type]


async def replay(client: Client, **filters: Any) -> dict[str, Any]:
    """Request a replay by filter over HTTP."""
    headers = {"X-Admin-Api-Key": ADMIN}
    answer = await client.http.post("/v1/dead-letters/replay", json={"filter": filters}, headers=headers)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def _progress(client: Client, operation_id: str) -> dict[str, Any]:
    return dict(await client.admin("GET", f"/v1/dead-letters/replays/{operation_id}"))


async def test_a_replay_by_filter_is_an_operation_that_counts_and_ends(idle: Client) -> None:
    batch_id = await add_chunks(idle, catalogue(120))
    started = await replay(idle, batch_id=str(batch_id), cnpj=CNPJ)
    assert (started["asked"], started["refused"]) == (3, [])
    run = idle.hub.bulk_replays()
    await run()
    half = await _progress(idle, started["operation_id"])
    assert (half["state"], half["letters"], half["replayed"], half["ended_at"]) == ("running", 3, 2, None)
    assert half["filters"] == {"batch_id": str(batch_id), "cnpj": CNPJ}
    await _execute(idle, _DELAYED)
    await run()
    whole = await _progress(idle, started["operation_id"])
    assert (whole["state"], whole["replayed"], whole["applying"], whole["failed_again"]) == ("done", 3, 3, 0)
    async with running(idle.hub.settings, list(STEPS)) as working:
        for replay_id in await _column(working, "SELECT DISTINCT replayed_by FROM dead_letters"):
            working.key = idle.key
            await working.finished(str(replay_id))
    assert (await _progress(idle, started["operation_id"]))["applying"] == 0
    assert len(await idle.products()) == 120
    listed = (await idle.admin("GET", "/v1/dead-letters/replays"))["items"]
    assert [(item["id"], item["state"]) for item in listed] == [(started["operation_id"], "done")]


async def test_one_audit_entry_holds_the_filter_and_the_operation(idle: Client) -> None:
    await add_messages(idle, 3)
    started = await replay(idle, error="Unreadable")
    (entry,) = (await idle.admin("GET", "/admin/audit?action=dead_letters.replay"))["items"]
    assert (entry["before"]["error"], entry["after"]["operation_id"]) == ("Unreadable", started["operation_id"])
    assert entry["outcome"] == "done"


async def test_a_second_operator_replays_nothing_that_an_operation_holds(idle: Client) -> None:
    await add_messages(idle, 3)
    assert (await replay(idle, error="Unreadable"))["asked"] == 3
    again = await replay(idle, error="Unreadable")
    assert (again["asked"], again["operation_id"]) == (0, None)
    with pytest.raises(Conflict, match="No open dead letter"):
        await idle.hub.bulk_replays().start("someone", DeadLetterFilters(error="Unreadable"))


async def test_an_empty_filter_is_refused(idle: Client) -> None:
    await add_messages(idle, 1)
    with pytest.raises(BadRequest, match="filter"):
        await idle.hub.bulk_replays().start("someone", DeadLetterFilters())
    assert await _column(idle, "SELECT id FROM bulk_operations") == []


async def test_operations_of_all_workers_share_the_rate(idle: Client) -> None:
    await add_messages(idle, 3, "One")
    await add_messages(idle, 3, "Two")
    first, second = (await replay(idle, error="One"))["operation_id"], (await replay(idle, error="Two"))["operation_id"]
    one, other = idle.hub.bulk_replays(), idle.hub.bulk_replays()
    await one()
    await other()
    assert [(await _progress(idle, each))["replayed"] for each in (first, second)] == [1, 1]
    assert await idle.hub.bus.lag(CHUNKS_READY) == 2


async def test_a_stopped_operation_replays_no_more_and_leaves_its_letters_open(idle: Client) -> None:
    batch_id = await add_chunks(idle, catalogue(120))
    started = await replay(idle, batch_id=str(batch_id))
    run, operation_id = idle.hub.bulk_replays(), UUID(started["operation_id"])
    await run()
    held = [letter.id for letter in await bulk_operations.list_letters(idle.hub.database, operation_id, 10)]
    stopped = await idle.admin("POST", f"/v1/dead-letters/replays/{operation_id}/stop")
    assert stopped["released"] == 1
    late = replays.queue_chunk_replay(idle.hub.database, batch_id, held, operation_id, InFlightLimit(4, 4))
    assert await late is None
    await _execute(idle, _DELAYED)
    await run()
    progress = await _progress(idle, str(operation_id))
    assert (progress["state"], progress["replayed"]) == ("stopped", 2)
    assert (
        await _column(idle, "SELECT id FROM dead_letters WHERE settled_at IS NULL AND replay_asked_at IS NULL") == held
    )
    with pytest.raises(Conflict, match="already ended"):
        await run.stop(operation_id, "someone")
    with pytest.raises(NotFound):
        await run.stop(uuid4(), "someone")
    (entry,) = (await idle.admin("GET", "/admin/audit?action=dead_letters.replay.stop"))["items"]
    assert (entry["subject"], entry["after"]) == (str(operation_id), {"released": 1})


async def test_letters_whose_records_are_lost_meanwhile_are_refused_and_counted_by_reason(idle: Client) -> None:
    batch_id = await add_chunks(idle, catalogue(120))
    await add_messages(idle, 1)
    run = idle.hub.bulk_replays()
    started = await run.start("Ana", DeadLetterFilters(since=datetime(2026, 1, 1, tzinfo=UTC)))
    assert started.asked == 4
    await _execute(idle, "UPDATE batches SET body = NULL WHERE id = %s", batch_id)
    await _execute(idle, "UPDATE dead_letters SET location = 'dead/gone' WHERE batch_id IS NOT NULL")
    for _ in range(2):
        await run()
        await _execute(idle, _DELAYED)
    operation = await bulk_operations.find(idle.hub.database, started.operation_id or uuid4())
    assert operation is not None
    assert (operation.state, operation.replayed, operation.refusals) == (
        BulkState.DONE,
        1,
        {"replay_records_expired": 3},
    )
    assert (operation.actor, operation.left) == ("Ana", 0)
    reasons = "SELECT replay_refusal FROM dead_letters WHERE settled_at IS NULL AND replay_asked_at IS NULL"
    assert await _column(idle, reasons) == ["replay_records_expired"] * 3


async def test_a_failure_of_one_operation_does_not_hold_up_the_others(
    idle: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_messages(idle, 1, "One")
    await add_messages(idle, 1, "Two")
    run = idle.hub.bulk_replays()
    first = (await run.start("", DeadLetterFilters(error="One"))).operation_id
    second = (await run.start("", DeadLetterFilters(error="Two"))).operation_id
    advance = run._advance

    async def failing(operation_id: UUID, share: int) -> None:
        if operation_id == first:
            raise Transient("storage is away")
        await advance(operation_id, share)

    monkeypatch.setattr(run, "_advance", failing)
    await run()
    assert await _column(idle, "SELECT id FROM bulk_operations WHERE state = 'done'") == [second]


async def test_letters_that_an_earlier_version_marked_are_replayed_too(idle: Client) -> None:
    await add_chunks(idle, catalogue(40))
    await _execute(idle, "UPDATE dead_letters SET replay_asked_at = now()")
    await idle.hub.bulk_replays()()
    assert await _column(idle, "SELECT count(*) FROM dead_letters WHERE settled_at IS NOT NULL") == [1]


async def test_operations_are_deleted_with_the_reports(idle: Client) -> None:
    await add_messages(idle, 2)
    await replay(idle, error="Unreadable")
    await idle.hub.bulk_replays()()
    assert await bulk_operations.delete_old(idle.hub.database, 90, 10) == 0
    await _execute(idle, "UPDATE bulk_operations SET ended_at = ended_at - interval '91 days'")
    await idle.hub.retention()()
    assert await _column(idle, "SELECT id FROM bulk_operations") == []


async def test_a_message_that_two_workers_publish_counts_once(idle: Client) -> None:
    (letter,) = await add_messages(idle, 1)
    operation_id = UUID((await replay(idle, ids=[letter]))["operation_id"])
    for _ in range(2):
        await bulk_operations.resolve_message(idle.hub.database, operation_id, letter)
    assert (await _progress(idle, str(operation_id)))["replayed"] == 1

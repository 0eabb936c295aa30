"""Claims of webhooks: one worker sends a delivery at a time, and a worker that lost its claim changes nothing."""

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

import psycopg
import pytest

from integrahub.db.database import Database
from integrahub.db.monitoring.statistics import count_webhooks
from integrahub.db.webhooks import claims, endpoints
from integrahub.db.webhooks.claim_rows import ClaimedDelivery
from integrahub.domain.webhooks.outcomes import Outcome
from integrahub.pipeline.notify.sender import WebhookSender
from integrahub.pipeline.notify.step import Notify
from tests.integration.webhooks.conftest import Webhooks, resolve
from tests.integration.webhooks.receiver import answer, receiving

_REFUSED = Outcome(5, 500, "status_refused")


async def test_workers_that_claim_at_once_share_no_delivery_and_one_limit(webhooks: Webhooks) -> None:
    for host in ("http://a/", "http://b/", "http://c/"):
        webhooks.deliver(webhooks.endpoint(host, owner="pharmacy", pharmacy_id=ord(host[7])), 10)
    claimed = await asyncio.gather(*(claims.claim_due(webhooks.database, uuid4(), uuid4(), 100) for _ in range(4)))
    ids = [delivery.id for each in claimed for delivery in each]
    assert len(ids) == len(set(ids)) == 3 * claims.PER_HOST


async def test_a_webhook_that_is_not_due_is_not_claimed_with_one_that_is(webhooks: Webhooks) -> None:
    later, now = webhooks.deliver(webhooks.endpoint("http://a/"), 2)
    webhooks.postpone(later)
    claimed = await claims.claim_due(webhooks.database, uuid4(), uuid4(), 10)
    assert [str(delivery.id) for delivery in claimed] == [now]


async def test_a_claim_ends_with_its_lease(webhooks: Webhooks) -> None:
    webhooks.deliver(webhooks.endpoint("http://a/"))
    assert len(await claims.claim_due(webhooks.database, uuid4(), uuid4(), 10)) == 1
    webhooks.advance(claims.DELIVERY_LEASE_SECONDS - 5)
    assert await claims.claim_due(webhooks.database, uuid4(), uuid4(), 10) == []
    webhooks.advance(6)
    assert len(await claims.claim_due(webhooks.database, uuid4(), uuid4(), 10)) == 1


async def test_a_worker_that_lost_its_claim_records_nothing(webhooks: Webhooks) -> None:
    webhooks.deliver(webhooks.endpoint("http://a/"))
    [lost] = await claims.claim_due(webhooks.database, uuid4(), uuid4(), 10)
    webhooks.advance(claims.DELIVERY_LEASE_SECONDS + 1)
    [held] = await claims.claim_due(webhooks.database, uuid4(), uuid4(), 10)
    await claims.keep_bodies(webhooks.database, [(held, "{}")])
    before = webhooks.rows("SELECT state, attempts, claim_token, body FROM webhook_deliveries")
    assert await claims.record_successes(webhooks.database, [(lost, Outcome(5, 200))]) == set()
    assert await claims.record_failure(webhooks.database, lost, _REFUSED, 5.0) is None
    await claims.keep_bodies(webhooks.database, [(lost, "other")])
    assert webhooks.rows("SELECT state, attempts, claim_token, body FROM webhook_deliveries") == before
    assert webhooks.attempts() == []
    assert webhooks.rows("SELECT failing_since FROM webhook_endpoints") == [{"failing_since": None}]


async def test_a_success_locks_the_endpoint_before_the_delivery_as_its_deletion_does(webhooks: Webhooks) -> None:
    endpoint = webhooks.endpoint("http://a/", failing_since="now")
    webhooks.deliver(endpoint)
    [delivery] = await claims.claim_due(webhooks.database, uuid4(), uuid4(), 10)
    await claims.keep_bodies(webhooks.database, [(delivery, "{}")])
    with psycopg.connect(webhooks.url) as deletion:
        deletion.execute("SELECT FROM webhook_endpoints WHERE id = %s FOR UPDATE", [endpoint])
        recording = asyncio.create_task(claims.record_successes(webhooks.database, [(delivery, Outcome(5, 200))]))
        await _until_one_waits(webhooks)
        # A success that held the delivery here would wait for the deletion, which waits for it: a deadlock.
        deletion.execute("SELECT FROM webhook_deliveries FOR UPDATE NOWAIT")
    assert await recording == {delivery.id}
    assert webhooks.rows("SELECT failing_since FROM webhook_endpoints") == [{"failing_since": None}]


async def test_deletions_and_successes_of_one_address_lock_its_deliveries_in_one_order(webhooks: Webhooks) -> None:
    endpoint = webhooks.endpoint("http://a/")
    webhooks.deliver(endpoint, 2)
    claimed = await claims.claim_due(webhooks.database, uuid4(), uuid4(), 10)
    last, first = sorted(claimed, key=lambda delivery: str(delivery.id), reverse=True)
    await claims.keep_bodies(webhooks.database, [(delivery, "{}") for delivery in claimed])
    outcomes = [(delivery, Outcome(5, 200)) for delivery in (last, first)]
    api = Database(webhooks.url)
    await api.open()
    for act in (lambda: claims.record_successes(webhooks.database, outcomes), lambda: endpoints.delete(api, endpoint)):
        # A scan of the table finds the row that was written last at its end.
        webhooks.rows("UPDATE webhook_deliveries SET facts = facts WHERE id = %s", [first.id])
        with psycopg.connect(webhooks.url) as other:
            other.execute("SELECT FROM webhook_deliveries WHERE id = %s FOR UPDATE", [first.id])
            acting = asyncio.ensure_future(act())
            await _until_one_waits(webhooks)
            other.execute("SELECT FROM webhook_deliveries WHERE id = %s FOR UPDATE NOWAIT", [last.id])
            other.rollback()
        assert await acting
        webhooks.rows("UPDATE webhook_deliveries SET state = 'held', ended_at = NULL, created_at = now()")
        webhooks.rows("UPDATE webhook_deliveries SET created_at = created_at - interval '1 s' WHERE id = %s", [last.id])
    await api.close()


async def _until_one_waits(webhooks: Webhooks) -> None:
    """Wait until a session of the test's database waits for a lock."""
    waiting = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(20):
        while not webhooks.rows(waiting):
            await asyncio.sleep(0.02)


async def test_the_answer_of_an_earlier_url_says_nothing_about_the_one_that_replaced_it(webhooks: Webhooks) -> None:
    webhooks.deliver(webhooks.endpoint("http://a/old"))
    [delivery] = await claims.claim_due(webhooks.database, uuid4(), uuid4(), 10)
    webhooks.rows("UPDATE webhook_endpoints SET url = 'http://a/new'")
    assert await claims.record_failure(webhooks.database, delivery, Outcome(5, 410, "gone"), 5.0)
    stored = webhooks.rows("SELECT state, failing_since FROM webhook_endpoints")
    assert stored == [{"state": "enabled", "failing_since": None}]
    assert (webhooks.deliveries()[0]["state"], webhooks.deliveries()[0]["attempts"]) == ("pending", 1)


async def test_a_webhook_that_cannot_be_rendered_fails_alone(webhooks: Webhooks) -> None:
    async with receiving() as receiver:
        endpoint = webhooks.endpoint(receiver.url)
        damaged, sound = webhooks.deliver(endpoint, 2)
        webhooks.rows("UPDATE webhook_deliveries SET batch_id = gen_random_uuid() WHERE id = %s", [damaged])
        await webhooks.run()
        assert [received.id for received in receiver.received] == [sound]
    states = {str(row["id"]): (row["state"], row["attempts"]) for row in webhooks.deliveries()}
    assert states == {damaged: ("pending", 1), sound: ("delivered", 1)}
    assert {each["error"] for each in webhooks.attempts()} == {"body_unrenderable", None}


async def test_a_worker_without_a_public_url_leaves_webhooks_to_one_that_has_it(webhooks: Webhooks) -> None:
    webhooks.deliver(webhooks.endpoint("http://a/"))
    webhooks.notify = Notify(webhooks.database, WebhookSender(resolve), bytes, worker_id=uuid4(), public_url=None)
    await webhooks.run()
    assert [(row["body"], row["claim_token"]) for row in webhooks.deliveries()] == [(None, None)]


async def test_a_worker_that_lost_its_claim_before_the_body_was_kept_sends_nothing(
    webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def keep_late(database: Database, rendered: Sequence[tuple[ClaimedDelivery, str]]) -> set[UUID]:
        webhooks.rows("UPDATE webhook_deliveries SET claim_token = gen_random_uuid(), body = 'of another worker'")
        return await keep(database, rendered)

    keep = claims.keep_bodies
    monkeypatch.setattr(claims, "keep_bodies", keep_late)
    async with receiving() as receiver:
        webhooks.deliver(webhooks.endpoint(receiver.url))
        await webhooks.run()
        assert receiver.received == []


async def test_a_body_that_is_kept_is_never_replaced(webhooks: Webhooks) -> None:
    webhooks.deliver(webhooks.endpoint("http://a/"))
    [delivery] = await claims.claim_due(webhooks.database, uuid4(), uuid4(), 10)
    for body in ("first", "second"):
        await claims.keep_bodies(webhooks.database, [(delivery, body)])
    assert webhooks.deliveries()[0]["body"] == "first"


async def test_nothing_is_sent_to_an_endpoint_that_is_disabled_or_deleted(webhooks: Webhooks) -> None:
    webhooks.deliver(webhooks.endpoint("http://a/", state="disabled", disabled_at="now"))
    gone = webhooks.endpoint("http://b/", owner="pharmacy", pharmacy_id=1)
    webhooks.deliver(gone)
    webhooks.rows("UPDATE webhook_endpoints SET deleted_at = now(), sealed_secret = NULL WHERE id = %s", [gone])
    assert await claims.claim_due(webhooks.database, uuid4(), uuid4(), 10) == []
    await claims.hold_disabled(webhooks.database)
    assert [row["state"] for row in webhooks.deliveries()] == ["held", "failed"]
    counts = await count_webhooks(webhooks.database)
    assert (counts.due, counts.held, counts.oldest) == (0, 1, 0)


async def test_a_webhook_in_flight_is_not_held(webhooks: Webhooks) -> None:
    webhooks.deliver(webhooks.endpoint("http://a/"))
    [delivery] = await claims.claim_due(webhooks.database, uuid4(), uuid4(), 10)
    webhooks.rows("UPDATE webhook_endpoints SET state = 'disabled', disabled_at = now()")
    await claims.hold_disabled(webhooks.database)
    assert webhooks.deliveries()[0]["state"] == "pending"
    await claims.record_failure(webhooks.database, delivery, _REFUSED, 5.0)
    assert webhooks.deliveries()[0]["state"] == "held"


async def test_endpoints_that_work_come_first(webhooks: Webhooks) -> None:
    failing = webhooks.endpoint("http://a/", failing_since="now")
    webhooks.deliver(failing, 2)
    working = webhooks.endpoint("http://b/", owner="pharmacy", pharmacy_id=1)
    webhooks.deliver(working, 2)
    claimed = await claims.claim_due(webhooks.database, uuid4(), uuid4(), 3)
    assert [delivery.endpoint_id for delivery in claimed].count(working) == 2


@pytest.mark.parametrize("status", [200, 500])
async def test_a_replay_begins_the_schedule_again_and_continues_the_count(webhooks: Webhooks, status: int) -> None:
    async with receiving(answer(500), answer(status)) as receiver:
        webhooks.deliver(webhooks.endpoint(receiver.url))
        webhooks.rows("UPDATE webhook_deliveries SET attempts = 10, attempts_before = 10")
        await webhooks.run()
        [stored] = webhooks.deliveries()
        assert (stored["attempts"], stored["state"]) == (11, "pending") and 4 < stored["wait"] < 6

"""Events that no batch causes, and what the hub says of a disabled endpoint."""

import asyncio
import json
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from integrahub.db.monitoring import workers
from integrahub.maintenance.retention import Retention, RetentionDays
from integrahub.pipeline.notify.notices import Notices
from integrahub.storage.memory import MemoryStorage
from tests.integration.conftest import CNPJ, Client
from tests.integration.webhooks.conftest import Webhooks
from tests.integration.webhooks.receiver import hang, receiving

_KEEP = RetentionDays(chunks=0, bodies=0, rows=0, reports=0, batches=0, dry_runs=0)


async def _notices(webhooks: Webhooks) -> None:
    await Notices(webhooks.database)()


async def _sent(webhooks: Webhooks) -> list[dict[str, Any]]:
    async with receiving() as receiver:
        webhooks.rows("UPDATE webhook_endpoints SET url = %s, host = 'receiver'", [receiver.url])
        await webhooks.run()
    return [json.loads(received.body) for received in receiver.received]


def _post(webhooks: Webhooks, hours: list[float]) -> None:
    """Store posts of a pharmacy, so many hours ago."""
    webhooks.rows("INSERT INTO pharmacies (cnpj, name) VALUES ('1', 'Sol') ON CONFLICT DO NOTHING")
    for ago in hours:
        webhooks.rows(
            "INSERT INTO batches (id, pharmacy_id, received_seq, load_type, bytes, sha256, received_at, stage, status,"
            " finished_at) SELECT %s, id, (SELECT count(*) + 1 FROM batches), 'delta', 2, '',"
            " now() - make_interval(secs => 3600 * %s), 'done', 'COMPLETED', now() FROM pharmacies",
            [uuid4(), ago],
        )


async def test_a_pharmacy_that_falls_silent_and_posts_again_is_reported_once_each(webhooks: Webhooks) -> None:
    webhooks.endpoint("http://receiver/")
    _post(webhooks, [30, 28, 26, 24, 22, 20])
    await asyncio.gather(_notices(webhooks), _notices(webhooks))
    await _notices(webhooks)
    [silent] = await _sent(webhooks)
    assert (silent["type"], silent["data"]["cnpj"], silent["batch_id"]) == ("pharmacy.silent", "1", None)
    assert silent["data"]["longest_gap"] == pytest.approx(7200, abs=5)
    assert silent["data"]["silent_for"] == pytest.approx(72000, abs=5)
    assert silent["links"] == {"batches": "https://hub.example/v1/batches?cnpj=1"}
    _post(webhooks, [0])
    await _notices(webhooks)
    await _notices(webhooks)
    [heard] = await _sent(webhooks)
    assert (heard["type"], heard["data"]["silent_since"]) == ("pharmacy.heard", silent["data"]["last_at"])
    assert datetime.fromisoformat(heard["data"]["last_at"]) > datetime.fromisoformat(silent["timestamp"]).replace(
        microsecond=0
    )


@pytest.mark.parametrize("has_listener", [True, False])
async def test_notices_do_not_wait_for_a_pharmacy_that_a_load_locks(webhooks: Webhooks, has_listener: bool) -> None:
    _post(webhooks, [30, 28, 26, 24, 22, 20])
    endpoint = webhooks.endpoint("http://receiver/")
    events = []
    for step in ("silent", "heard"):
        if step == "heard":
            _post(webhooks, [0])
            if not has_listener:
                webhooks.rows("UPDATE webhook_endpoints SET events = '{batch.completed}' WHERE id = %s", [endpoint])
        async with webhooks.database.transaction() as connection:
            await connection.execute("UPDATE pharmacies SET silent_since = silent_since")
            async with asyncio.timeout(10):
                await _notices(webhooks)
        events.append(len(webhooks.deliveries()))
        await _notices(webhooks)
        events.append(len(webhooks.deliveries()))
    assert events == ([0, 1, 1, 2] if has_listener else [0, 1, 1, 1])
    assert webhooks.rows("SELECT FROM pharmacies WHERE silent_since IS NOT NULL") == []


async def test_a_silence_that_began_without_a_listener_is_reported_to_the_first_one(webhooks: Webhooks) -> None:
    _post(webhooks, [30, 28, 26, 24, 22, 20])
    await _notices(webhooks)
    assert webhooks.deliveries() == []
    pharmacy = webhooks.rows("SELECT id FROM pharmacies")[0]["id"]
    webhooks.endpoint("http://other/", owner="pharmacy", pharmacy_id=pharmacy + 1)
    own = webhooks.endpoint("http://own/", owner="pharmacy", pharmacy_id=pharmacy)
    await _notices(webhooks)
    assert [(row["endpoint_id"], row["event"]) for row in webhooks.deliveries()] == [(own, "pharmacy.silent")]


async def test_a_key_that_expires_soon_is_reported_to_the_operator_once(webhooks: Webhooks) -> None:
    webhooks.endpoint("http://receiver/")
    insert = """INSERT INTO api_keys (hash, hint, tenants, cnpjs, expires_at, revoked_at, replaces)
      VALUES (%s, '9f2', 'pharmacies', '{1}', now() + %s::interval, %s, %s) RETURNING id"""

    def key(expires: str, revoked: str | None = None, replaces: UUID | None = None) -> UUID:
        return UUID(str(webhooks.rows(insert, [uuid4().bytes, expires, revoked, replaces])[0]["id"]))

    expiring, replaced = key("13 days"), key("1 day")
    key("15 days"), key("-1 day"), key("3 days", "now"), key("400 days", None, replaced)
    for _ in range(2):
        await _notices(webhooks)
    [told] = await _sent(webhooks)
    assert (told["type"], told["data"]["key_id"], told["data"]["hint"]) == ("key.expiring", str(expiring), "9f2")
    assert told["data"]["expires_at"].endswith("Z")
    webhooks.rows("UPDATE api_keys SET expires_at = now() + interval '5 days' WHERE id = %s", [expiring])
    await _notices(webhooks)
    assert len(await _sent(webhooks)) == 1


async def test_a_post_says_that_the_webhook_of_its_pharmacy_is_disabled(client: Client, webhooks: Webhooks) -> None:
    pharmacy = webhooks.rows("SELECT id FROM pharmacies WHERE cnpj = %s", [CNPJ])[0]["id"]
    webhooks.endpoint("http://other/", owner="pharmacy", pharmacy_id=pharmacy + 1, state="disabled", disabled_at="now")
    webhooks.endpoint("http://own/", owner="pharmacy", pharmacy_id=pharmacy, state="disabled", disabled_at="now")
    answer = await client.post([{"PRODUCTID": 1, "TITLE": "a"}], "delta")
    assert answer.status_code == 202
    assert answer.headers["X-Inova-Notice"].startswith("webhook disabled since 20")
    assert "GET /v1/webhook" in answer.headers["X-Inova-Notice"]


async def test_a_post_says_nothing_while_the_webhook_works(client: Client, webhooks: Webhooks) -> None:
    pharmacy = webhooks.rows("SELECT id FROM pharmacies WHERE cnpj = %s", [CNPJ])[0]["id"]
    webhooks.endpoint("http://other/", owner="pharmacy", pharmacy_id=pharmacy + 1, state="disabled", disabled_at="now")
    webhooks.endpoint("http://own/", owner="pharmacy", pharmacy_id=pharmacy)
    answer = await client.post([{"PRODUCTID": 1, "TITLE": "a"}], "delta")
    assert answer.status_code == 202 and "X-Inova-Notice" not in answer.headers


async def test_deliveries_and_attempts_are_kept_thirty_days(client: Client, webhooks: Webhooks) -> None:
    endpoint = webhooks.endpoint("http://receiver/")
    gone = webhooks.endpoint("http://gone/", owner="pharmacy", pharmacy_id=1, deleted_at="now", sealed_secret=None)
    old, kept, sending = webhooks.deliver(endpoint, 3)
    [of_gone] = webhooks.deliver(gone)
    webhooks.rows("UPDATE webhook_endpoints SET deleted_at = now() - interval '31 days' WHERE id = %s", [gone])
    webhooks.rows(
        "INSERT INTO webhook_attempts (delivery_id, number, milliseconds) SELECT id, 1, 5 FROM webhook_deliveries"
    )
    for days, delivery in ((31, old), (29, kept), (31, sending), (31, of_gone)):
        change = "UPDATE webhook_deliveries SET created_at = now() - make_interval(days => %s) WHERE id = %s"
        webhooks.rows(change, [days, delivery])
    webhooks.rows(
        "UPDATE webhook_deliveries SET claim_token = id, lease_until = now() + interval '9 s' WHERE id = %s", [sending]
    )
    await Retention(client.hub.database, MemoryStorage(), _KEEP)()
    assert {str(row["id"]) for row in webhooks.deliveries()} == {kept, sending}
    assert {str(row["delivery_id"]) for row in webhooks.attempts()} == {kept, sending}
    assert [row["id"] for row in webhooks.rows("SELECT id FROM webhook_endpoints")] == [endpoint]


async def test_webhooks_of_a_lost_worker_are_due_again_when_it_registers(webhooks: Webhooks) -> None:
    async with receiving(hang) as receiver:
        webhooks.deliver(webhooks.endpoint(receiver.url))
        await workers.register(webhooks.database, "sender", webhooks.notify._worker_id, ["notify"], 1)
        assert await webhooks.notify.start_due() == 1
        assert await webhooks.notify.start_due() == 0
        await workers.register(webhooks.database, "sender", uuid4(), ["notify"], 2)
        assert await webhooks.notify.start_due() == 1
        async with asyncio.timeout(10):
            while not webhooks.deliveries()[0]["ended_at"]:
                await asyncio.sleep(0.02)
        assert len({received.id for received in receiver.received}) == 1 and len(receiver.received) == 2

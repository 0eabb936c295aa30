"""Events of batches: each has a delivery to every endpoint that receives it, made when the batch becomes final."""

import asyncio
import json
from typing import Any

import pytest

from integrahub.domain.views.batch import BatchReport
from integrahub.domain.webhooks.events import CLIENT_EVENTS
from tests.integration.conftest import CNPJ, Client
from tests.integration.webhooks.conftest import PUBLIC_URL, Webhooks
from tests.integration.webhooks.receiver import receiving

_OTHER = "11222333000181"


def _records(count: int) -> list[dict[str, Any]]:
    return [{"PRODUCTID": n, "TITLE": f"Product {n}", "PRICE": n} for n in range(1, count + 1)]


async def _bodies(webhooks: Webhooks) -> list[dict[str, Any]]:
    """Send everything to one receiver and return the bodies in the order of the events."""
    async with receiving() as receiver:
        webhooks.rows("UPDATE webhook_endpoints SET url = %s, host = 'receiver'", [receiver.url])
        await webhooks.run()
    by_id = {received.id: json.loads(received.body) for received in receiver.received}
    return [by_id[str(row["id"])] for row in webhooks.deliveries()]


def _pharmacy_id(webhooks: Webhooks, cnpj: str = CNPJ) -> int:
    return int(webhooks.rows("SELECT id FROM pharmacies WHERE cnpj = %s", [cnpj])[0]["id"])


@pytest.mark.parametrize(
    ("body", "load_type", "event"),
    [
        (_records(3), "delta", "batch.completed"),
        (_records(120), "full", "batch.completed"),
        ([*_records(2), {"PRODUCTID": 9, "TITLE": "bad", "PRICE": "x"}], "delta", "batch.partial_fail"),
        ([{"PRODUCTID": 9, "TITLE": "bad", "PRICE": "x"}], "delta", "batch.failed"),
        (b'[{"PRODUCTID": 1, "TITLE": "cut off"', "full", "batch.failed"),
    ],
)
async def test_the_end_of_a_batch_is_sent_with_what_the_api_answers_about_it(
    client: Client, webhooks: Webhooks, body: Any, load_type: str, event: str
) -> None:
    webhooks.endpoint("http://receiver/")
    batch = await client.load(body, load_type)
    [sent] = await _bodies(webhooks)
    batch_url = f"{PUBLIC_URL}/v1/batches/{batch['batch_id']}"
    assert sent["data"] == batch
    assert (sent["type"], sent["status"]) == (event, batch["status"])
    assert (sent["batch_id"], sent["items_processed"]) == (batch["batch_id"], batch["items_processed"])
    assert sent["timestamp"] == batch["finished_at"]
    assert sent["links"]["batch"] == batch_url and sent["links"]["errors"] == f"{batch_url}/errors"


async def test_facts_are_all_that_a_body_is_rendered_from(client: Client, webhooks: Webhooks) -> None:
    webhooks.endpoint("http://receiver/")
    await client.load(_records(3), "delta")
    [stored] = webhooks.deliveries()
    assert set(BatchReport.__struct_fields__) <= set(stored["facts"])


async def test_a_body_says_what_was_true_at_the_event(client: Client, webhooks: Webhooks) -> None:
    webhooks.endpoint("http://receiver/")
    batch = await client.load(_records(3), "delta")
    webhooks.rows("UPDATE batches SET status = 'CANCELLED', inserted = 99")
    [sent] = await _bodies(webhooks)
    assert (sent["status"], sent["data"]["inserted"]) == ("COMPLETED", batch["inserted"])


async def test_a_cancelled_batch_is_sent(client: Client, webhooks: Webhooks) -> None:
    webhooks.endpoint("http://receiver/")
    await client.load(_records(3))
    parent = await client.load(_records(1))
    assert parent["deactivation"]["state"] == "applied"
    batch_id = "01a00000-0000-7000-8000-000000000001"
    webhooks.rows(
        "INSERT INTO batches (id, pharmacy_id, received_seq, load_type, bytes, sha256, first_byte_at, body,"
        " next_attempt_at) SELECT %s, pharmacy_id, 99, 'delta', 2, '', now(), '[]', now() + interval '1 minute'"
        " FROM batches LIMIT 1",
        [batch_id],
    )
    await client.admin("POST", f"/v1/batches/{batch_id}/cancel")
    assert [body["type"] for body in await _bodies(webhooks)][-1] == "batch.cancelled"


async def _hold(client: Client) -> dict[str, Any]:
    await client.load(_records(100))
    held = await client.load(_records(20))
    assert held["deactivation"]["state"] == "held"
    return held


@pytest.mark.parametrize("decision", ["approve", "reject", "supersede"])
async def test_a_held_deactivation_and_its_decision_are_sent(client: Client, webhooks: Webhooks, decision: str) -> None:
    webhooks.endpoint("http://receiver/", events=["batch.deactivation_held", "batch.deactivation_decided"])
    held = await _hold(client)
    path = f"/v1/batches/{held['batch_id']}"
    if decision == "supersede":
        await client.load(_records(100))
    else:
        await client.admin("POST", f"{path}/deactivation", {"decision": decision})
    state = {"approve": "approved", "reject": "rejected", "supersede": "superseded"}[decision]
    while (after := await client.get(path))["deactivation"]["state"] != state:
        pass
    first, second = await _bodies(webhooks)
    assert (first["type"], first["data"]) == ("batch.deactivation_held", held)
    assert (second["type"], second["data"]) == ("batch.deactivation_decided", after)
    assert second["links"]["deactivation_products"] == f"{PUBLIC_URL}{path}/deactivation/products"


async def test_a_pharmacy_its_vendor_and_the_operator_each_get_the_event(client: Client, webhooks: Webhooks) -> None:
    body = {"cnpjs": [CNPJ, _OTHER], "scopes": ["ingest", "read"]}
    key = (await client.admin("POST", "/admin/keys", body))["id"]
    everywhere = (await client.admin("POST", "/admin/keys", {"cnpjs": "all", "scopes": ["ingest", "read"]}))["id"]
    await client.admin("POST", f"/admin/pharmacies/{_OTHER}/api-key")
    own, other = _pharmacy_id(webhooks), _pharmacy_id(webhooks, _OTHER)
    expected = {
        webhooks.endpoint("http://a/", owner="pharmacy", pharmacy_id=own),
        webhooks.endpoint("http://b/", owner="key", key_id=key, cnpjs=[CNPJ, _OTHER]),
        webhooks.endpoint("http://c/", owner="key", key_id=everywhere, pharmacy_id=own),
        webhooks.endpoint("http://d/"),
    }
    webhooks.endpoint("http://e/", owner="pharmacy", pharmacy_id=other)
    webhooks.endpoint("http://f/", owner="key", key_id=everywhere)  # the one of this pharmacy replaces it
    await client.load(_records(3), "delta")
    assert {row["endpoint_id"] for row in webhooks.deliveries()} == expected
    await client.admin("DELETE", f"/admin/keys/{key}")
    webhooks.rows("UPDATE webhook_endpoints SET deleted_at = now(), sealed_secret = NULL WHERE host = 'd'")
    webhooks.rows("UPDATE webhook_endpoints SET events = '{batch.failed}' WHERE host = 'c'")
    webhooks.rows("DELETE FROM webhook_deliveries")
    await client.load(_records(4), "delta")
    assert [row["endpoint_id"] for row in webhooks.deliveries()] == _endpoints(webhooks, "a")


def _endpoints(webhooks: Webhooks, host: str) -> list[Any]:
    """Return the endpoints with this host."""
    return [row["id"] for row in webhooks.rows("SELECT id FROM webhook_endpoints WHERE host = %s", [host])]


async def test_events_of_a_disabled_endpoint_are_held(client: Client, webhooks: Webhooks) -> None:
    webhooks.endpoint("http://receiver/", state="disabled", disabled_at="now")
    await client.load(_records(3), "delta")
    [stored] = webhooks.deliveries()
    assert (stored["state"], stored["next_attempt_at"]) == ("held", None)
    assert await webhooks.notify.start_due() == 0


async def test_without_an_endpoint_nothing_is_stored_or_published(client: Client, webhooks: Webhooks) -> None:
    await client.load(_records(3), "delta")
    await client.load(_records(3))
    assert webhooks.deliveries() == []
    assert webhooks.rows("SELECT id FROM bus_messages WHERE topic = 'batches.finished'") == []
    webhooks.endpoint("http://receiver/", events=[str(event) for event in CLIENT_EVENTS])
    await client.load(_records(4), "delta")
    await client.load(_records(4))
    async with asyncio.timeout(10):  # messages are published after the commit
        while len(webhooks.rows("SELECT id FROM bus_messages WHERE topic = 'batches.finished'")) < 2:
            await asyncio.sleep(0.05)


async def test_operations_on_a_batch_have_no_end_of_their_own(client: Client, webhooks: Webhooks) -> None:
    held = await _hold(client)
    webhooks.endpoint("http://receiver/")
    await client.admin("POST", f"/v1/batches/{held['batch_id']}/deactivation", {"decision": "approve"})
    while (await client.get(f"/v1/batches/{held['batch_id']}"))["deactivation"]["state"] != "approved":
        pass
    assert [row["event"] for row in webhooks.deliveries()] == ["batch.deactivation_decided"]

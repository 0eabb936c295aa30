"""States of endpoints over time: keys that end, and deliveries held while their endpoint is being enabled."""

import pytest

from integrahub.db.webhooks import claims
from integrahub.pipeline.notify.notices import Notices
from tests.integration.conftest import CNPJ
from tests.integration.webhooks.conftest import Webhooks
from tests.integration.webhooks.owners import OTHER, Owners, owners

__all__ = ["owners"]


async def _vendors_key(owners: Owners) -> str:
    keys = (await owners.client.admin("GET", "/admin/keys"))["items"]
    return str(next(key["id"] for key in keys if key["cnpjs"] == [CNPJ, OTHER]))


@pytest.mark.parametrize("end", ["revoked_at = now()", "expires_at = now() - interval '1 second'"])
async def test_the_address_of_a_key_that_ended_is_disabled_and_its_events_are_held(
    owners: Owners, webhooks: Webhooks, end: str
) -> None:
    endpoint, another = (await owners.put("vendor"))["id"], (await owners.put("vendor of all"))["id"]
    await owners.put("admin")
    pending, kept = owners.deliver(endpoint, "pending"), owners.deliver(another, "pending")
    owners.rows(f"UPDATE api_keys SET {end} WHERE id = %s", [await _vendors_key(owners)])
    for _ in range(2):
        await Notices(webhooks.database)()
    ended = owners.rows("SELECT id::text, disabled_reason FROM webhook_endpoints WHERE state = 'disabled'")
    assert ended == [{"id": endpoint, "disabled_reason": "key_ended"}]
    assert (owners.state_of(pending), owners.state_of(kept)) == ("held", "pending")
    reported = owners.rows(
        "SELECT facts->>'endpoint_id' AS id FROM webhook_deliveries WHERE event = 'webhook.disabled'"
    )
    assert reported == [{"id": endpoint}]


async def test_the_address_of_a_replaced_key_stays_enabled_when_the_old_key_ends(
    owners: Owners, webhooks: Webhooks
) -> None:
    await owners.put("vendor")
    key = await _vendors_key(owners)
    await owners.client.admin("POST", f"/admin/keys/{key}/rotate")
    owners.rows("UPDATE api_keys SET revoked_at = now() WHERE id = %s", [key])
    await Notices(webhooks.database)()
    assert owners.rows("SELECT state FROM webhook_endpoints") == [{"state": "enabled"}]


async def test_what_is_held_after_its_address_was_enabled_is_sent_and_what_was_left_out_is_not(
    owners: Owners, webhooks: Webhooks
) -> None:
    endpoint = (await owners.put("pharmacy"))["id"]
    late, left_out = owners.deliver(endpoint, "held", "0 seconds"), owners.deliver(endpoint, "held", "1 hour")
    disabled = owners.deliver((await owners.put("other pharmacy"))["id"], "held", "0 seconds")
    owners.rows("UPDATE webhook_endpoints SET state = 'disabled', disabled_at = now() WHERE id <> %s", [endpoint])
    await claims.hold_disabled(webhooks.database)
    assert [owners.state_of(delivery) for delivery in (late, left_out, disabled)] == ["pending", "held", "held"]

"""Webhook endpoints by HTTP: whose they are, their secrets, what is refused, and the audit log."""

import asyncio
import json

import pytest

from integrahub.secrets.webhook_secrets import SecretSealer, show_secret
from integrahub.settings.model import Settings
from tests.integration.conftest import ADMIN, CNPJ, running
from tests.integration.webhooks.owners import OTHER, THIRD, URL, Owners, owners

__all__ = ["owners"]


def _unsealed(owners: Owners, column: str = "sealed_secret") -> list[str]:
    sealer = SecretSealer(owners.client.hub.pepper)
    rows = owners.rows(f"SELECT {column} FROM webhook_endpoints WHERE {column} IS NOT NULL")
    return [show_secret(sealer.unseal(row[column])) for row in rows]


async def test_the_secret_is_shown_once_and_stored_sealed(owners: Owners) -> None:
    new = await owners.put("pharmacy")
    assert new["secret"].startswith("whsec_") and _unsealed(owners) == [new["secret"]]
    again = await owners.put("pharmacy", "https://8.8.4.4/hook")
    assert (again["secret"], again["id"], again["url"]) == (None, new["id"], "https://8.8.4.4/hook")
    assert "secret" not in await owners.ok("pharmacy", "GET", "/v1/webhook") and _unsealed(owners) == [new["secret"]]


async def test_a_rotation_keeps_the_old_secret_for_its_hours_and_no_older_one(owners: Owners) -> None:
    first = (await owners.put("pharmacy"))["secret"]
    rotated = await owners.ok("pharmacy", "POST", "/v1/webhook/rotate", {"old_ends_in_hours": 2})
    assert rotated["secret"] != first and rotated["old_secret_ends_at"]
    assert (_unsealed(owners), _unsealed(owners, "old_sealed_secret")) == ([rotated["secret"]], [first])
    hours = "round(extract(epoch FROM old_secret_ends_at - now()) / 3600) AS hours"
    assert owners.rows(f"SELECT {hours} FROM webhook_endpoints")[0]["hours"] == 2
    again = await owners.ok("pharmacy", "POST", "/v1/webhook/rotate")
    assert _unsealed(owners, "old_sealed_secret") == [rotated["secret"]]
    assert owners.rows(f"SELECT {hours} FROM webhook_endpoints")[0]["hours"] == 24
    last = await owners.ok("pharmacy", "POST", "/v1/webhook/rotate", {"old_ends_in_hours": 0})
    assert (last["old_secret_ends_at"], _unsealed(owners, "old_sealed_secret")) == (None, [])
    assert len({first, rotated["secret"], again["secret"], last["secret"]}) == 4


async def test_an_old_secret_that_has_ended_is_not_shown_as_valid(owners: Owners) -> None:
    await owners.put("pharmacy")
    await owners.ok("pharmacy", "POST", "/v1/webhook/rotate", {"old_ends_in_hours": 1})
    owners.rows("UPDATE webhook_endpoints SET old_secret_ends_at = now() - interval '1 second'")
    assert (await owners.ok("pharmacy", "GET", "/v1/webhook"))["old_secret_ends_at"] is None


async def test_without_a_public_url_no_address_is_set(settings: Settings) -> None:
    async with running(settings, []) as client:
        key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        for path, headers in (("/v1/webhook", {"X-Api-Key": key}), ("/admin/webhook", {"X-Admin-Api-Key": ADMIN})):
            answer = await client.http.put(path, json={"url": URL}, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (409, "webhooks_off")


async def test_a_hostile_target_is_refused_with_its_reason_in_both_languages(owners: Owners) -> None:
    answer = await owners.call("pharmacy", "PUT", "/v1/webhook", {"url": "https://169.254.169.254/"})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (400, "webhook_address_link_local")
    assert "169.254.169.254" in problem["message_pt"] and "metadata services" in problem["message_en"]
    for url, code in (("http://8.8.8.8/", "url_plain_http"), ("https://a@8.8.8.8/", "url_user_info")):
        assert await owners.refused("pharmacy", "PUT", "/v1/webhook", {"url": url}) == (400, f"webhook_{code}")
    assert owners.rows("SELECT 1 FROM webhook_endpoints") == []


async def test_an_owner_chooses_among_the_events_that_concern_it(owners: Owners) -> None:
    every = set((await owners.put("pharmacy"))["events"])
    assert {"batch.completed", "pharmacy.silent"} < every and not every & {"key.expiring", "webhook.disabled"}
    body = {"url": URL, "events": ["batch.failed", "batch.failed"], "description": "ERP"}
    chosen = await owners.ok("pharmacy", "PUT", "/v1/webhook", body)
    assert (chosen["events"], chosen["description"]) == (["batch.failed"], "ERP")
    assert set((await owners.put("admin"))["events"]) == every | {"key.expiring", "webhook.disabled"}
    for event, code in (("key.expiring", "webhook_events_unfit"), ("batch.lost", "request_unreadable")):
        refused = await owners.refused("pharmacy", "PUT", "/v1/webhook", {"url": URL, "events": [event]})
        assert refused == (400, code)


async def test_keys_of_one_pharmacy_share_its_address(owners: Owners) -> None:
    new = await owners.put("pharmacy")
    assert (new["owner"], new["cnpj"]) == ("pharmacy", CNPJ)
    assert (await owners.ok("same pharmacy", "GET", "/v1/webhook", cnpj=CNPJ))["id"] == new["id"]
    assert await owners.refused("other pharmacy", "GET", "/v1/webhook") == (404, "webhook_not_found")
    assert await owners.refused("other pharmacy", "GET", "/v1/webhook", cnpj=CNPJ) == (403, "other_pharmacy")


async def test_a_vendor_has_an_address_of_its_own_and_one_per_pharmacy_that_it_names(owners: Owners) -> None:
    ids = [(await owners.put("pharmacy"))["id"]]
    for key in ("vendor", "vendor of all"):
        general, narrow = await owners.put(key), await owners.put(key, cnpj=CNPJ)
        assert (general["owner"], general["cnpj"], narrow["cnpj"]) == ("key", None, CNPJ)
        assert (await owners.ok(key, "GET", "/v1/webhook"))["id"] == general["id"]
        assert (await owners.ok(key, "GET", "/v1/webhook", cnpj=CNPJ))["id"] == narrow["id"]
        assert await owners.refused(key, "GET", "/v1/webhook", cnpj=OTHER) == (404, "webhook_not_found")
        ids += [general["id"], narrow["id"]]
    assert len(set(ids)) == 5
    assert (await owners.ok("pharmacy", "GET", "/v1/webhook"))["id"] == ids[0]
    assert await owners.refused("vendor", "PUT", "/v1/webhook", {"url": URL}, cnpj=THIRD) == (403, "other_pharmacy")
    cnpjs = owners.rows("SELECT cnpjs FROM webhook_endpoints WHERE key_id IS NOT NULL ORDER BY created_at")
    assert [row["cnpjs"] for row in cnpjs] == [[CNPJ, OTHER], [CNPJ, OTHER], None, None]


async def test_the_address_of_a_vendor_stays_with_the_keys_that_replace_its_key(owners: Owners) -> None:
    new = await owners.put("vendor")
    key = next(
        row for row in (await owners.client.admin("GET", "/admin/keys"))["items"] if row["cnpjs"] == [CNPJ, OTHER]
    )
    for name in ("second", "third"):
        rotated = await owners.client.admin("POST", f"/admin/keys/{key['id']}/rotate", {"old_ends_in_hours": 1})
        owners.keys[name], key = rotated["api_key"], rotated
        assert (await owners.ok(name, "GET", "/v1/webhook"))["id"] == new["id"]
    assert len(owners.rows("SELECT 1 FROM live_keys WHERE family = (SELECT key_id FROM webhook_endpoints)")) == 3
    assert (await owners.put("third", "https://8.8.4.4/"))["id"] == new["id"]
    another = await owners.client.admin("POST", "/admin/keys", {"cnpjs": [CNPJ, OTHER]})
    owners.keys["another"] = another["api_key"]
    assert await owners.refused("another", "GET", "/v1/webhook") == (404, "webhook_not_found")


async def test_a_key_of_the_settings_has_no_address(owners: Owners) -> None:
    for query in ({}, {"cnpj": CNPJ}):
        refused = await owners.refused("of the settings", "PUT", "/v1/webhook", {"url": URL}, **query)
        assert refused == (409, "webhook_key_unstored")


async def test_reads_and_changes_need_their_scopes(owners: Owners) -> None:
    await owners.put("poster")
    assert (await owners.ok("reader", "GET", "/v1/webhook"))["url"] == URL
    assert await owners.refused("poster", "GET", "/v1/webhook") == (403, "scope_missing")
    for method, path in (("PUT", ""), ("DELETE", ""), ("POST", "/rotate"), ("POST", "/test"), ("POST", "/enable")):
        body = {"url": URL} if method == "PUT" else None
        assert await owners.refused("reader", method, f"/v1/webhook{path}", body) == (403, "scope_missing")


async def test_operators_read_and_test_the_address_of_a_pharmacy_and_do_not_change_it(owners: Owners) -> None:
    await owners.put("pharmacy")
    assert await owners.refused("viewer", "GET", "/v1/webhook") == (400, "cnpj_not_named")
    assert (await owners.ok("viewer", "GET", "/v1/webhook", cnpj=CNPJ))["owner"] == "pharmacy"
    assert await owners.refused("viewer", "POST", "/v1/webhook/test", cnpj=CNPJ) == (403, "scope_missing")
    await owners.ok("operator", "POST", "/v1/webhook/test", cnpj=CNPJ)
    await owners.ok("operator", "POST", "/v1/webhook/enable", cnpj=CNPJ)
    assert await owners.refused("operator", "PUT", "/v1/webhook", {"url": URL}, cnpj=CNPJ) == (403, "scope_missing")
    assert (await owners.ok("admin", "PUT", "/v1/webhook", {"url": URL}, cnpj=CNPJ))["owner"] == "pharmacy"


async def test_the_operators_address_is_set_by_admins_only(owners: Owners) -> None:
    new = await owners.put("admin")
    assert (new["owner"], new["cnpj"]) == ("operator", None) and new["secret"]
    assert (await owners.ok("viewer", "GET", "/admin/webhook"))["id"] == new["id"]
    await owners.ok("operator", "POST", "/admin/webhook/test")
    await owners.ok("operator", "POST", "/admin/webhook/enable")
    for key in ("operator", "viewer", "vendor of all", "pharmacy"):
        status, code = await owners.refused(key, "PUT", "/admin/webhook", {"url": URL})
        assert (status, code) == (403, "operator_only")
    assert await owners.refused("pharmacy", "GET", "/admin/webhook") == (403, "operator_only")
    assert (await owners.ok("admin", "POST", "/admin/webhook/rotate"))["secret"] != new["secret"]
    assert (await owners.ok("admin", "DELETE", "/admin/webhook"))["deleted"]
    assert await owners.refused("admin", "GET", "/admin/webhook") == (404, "webhook_not_found")


async def test_a_deleted_address_loses_its_secrets_and_what_was_not_sent_fails(owners: Owners) -> None:
    first = await owners.put("pharmacy")
    await owners.ok("pharmacy", "POST", "/v1/webhook/rotate")
    states = ("pending", "held", "delivered", "failed")
    deliveries = {state: owners.deliver(first["id"], state) for state in states}
    await owners.ok("pharmacy", "DELETE", "/v1/webhook")
    assert await owners.refused("pharmacy", "DELETE", "/v1/webhook") == (404, "webhook_not_found")
    assert owners.rows("SELECT 1 FROM webhook_endpoints WHERE sealed_secret IS NULL AND old_sealed_secret IS NULL")
    assert [owners.state_of(deliveries[state]) for state in states] == ["failed", "failed", "delivered", "failed"]
    second = await owners.put("pharmacy")
    assert second["id"] != first["id"] and second["secret"] not in (first["secret"], None)
    listed = (await owners.ok("pharmacy", "GET", "/v1/webhook/deliveries"))["items"]
    assert {item["webhook_id"] for item in listed} == {first["id"]} and len(listed) == 4


async def test_changes_of_a_key_are_limited_and_those_of_operators_are_not(
    settings: Settings, database_url: str
) -> None:
    changes = {"public_url": "https://hub.example", "read_rate_limit": "3/minute"}
    async with running(settings.model_copy(update=changes), []) as client:
        await client.admin("PUT", f"/admin/pharmacies/{CNPJ}", {"name": "Farmácia"})
        key = (await client.admin("POST", "/admin/keys", {"cnpjs": [CNPJ]}))["api_key"]
        owners = Owners(client, database_url, {"admin": ADMIN, "pharmacy": key})
        await owners.put("pharmacy")
        for _ in range(2):
            await owners.ok("pharmacy", "POST", "/v1/webhook/rotate")
        for method, path in (("POST", "/rotate"), ("PUT", ""), ("GET", "")):
            body = {"url": URL} if method == "PUT" else None
            refused = await owners.refused("pharmacy", method, f"/v1/webhook{path}", body)
            assert refused == (429, "reads_limited")
        for _ in range(4):
            await owners.put("admin")


async def test_another_url_begins_without_the_failures_of_the_one_before(owners: Owners) -> None:
    endpoint = await owners.put("pharmacy")
    owners.rows("UPDATE webhook_endpoints SET failing_since = now()")
    assert (await owners.put("pharmacy"))["failing_since"]
    assert (await owners.put("pharmacy", "https://8.8.4.4/"))["failing_since"] is None
    owners.disable(endpoint["id"])
    assert (await owners.put("pharmacy"))["state"] == "disabled"


async def test_addresses_set_at_the_same_time_are_one_with_one_secret(owners: Owners) -> None:
    answers = await asyncio.gather(*(owners.put("vendor", f"https://8.8.8.8/{n}") for n in range(8)))
    secrets = [answer["secret"] for answer in answers if answer["secret"]]
    assert len({answer["id"] for answer in answers}) == 1 and secrets == _unsealed(owners)


async def test_every_change_is_in_the_audit_log_with_its_actor_and_without_secrets(owners: Owners) -> None:
    new = await owners.put("pharmacy")
    rotated = await owners.ok("pharmacy", "POST", "/v1/webhook/rotate")
    await owners.ok("pharmacy", "POST", "/v1/webhook/test")
    await owners.ok("pharmacy", "POST", "/v1/webhook/enable")
    await owners.ok("pharmacy", "DELETE", "/v1/webhook")
    entries = (await owners.client.admin("GET", f"/admin/audit?subject={CNPJ}"))["items"]
    webhooks = [entry for entry in reversed(entries) if entry["action"].startswith("webhook.")]
    assert [entry["action"].partition(".")[2] for entry in webhooks] == ["put", "rotate", "test", "enable", "delete"]
    assert {entry["outcome"] for entry in webhooks} == {"done"}
    assert all(entry["actor"].startswith("key ") and entry["address"] == "127.0.0.1" for entry in webhooks)
    assert webhooks[0]["after"]["url"] == URL
    for secret in (new["secret"], rotated["secret"], "sealed"):
        assert secret not in json.dumps(entries)


async def test_the_audit_log_keeps_no_secret_of_the_receiver(owners: Owners) -> None:
    secret = "https://8.8.8.8/services/T0S3CRET/B0S3CRET?key=S3CRET"
    await owners.put("pharmacy", secret)
    await owners.ok("pharmacy", "DELETE", "/v1/webhook")
    entries = (await owners.client.admin("GET", f"/admin/audit?subject={CNPJ}"))["items"]
    assert "S3CRET" not in json.dumps(entries)
    states = [entry[side] for entry in entries for side in ("before", "after") if "url" in (entry[side] or ())]
    assert len(states) == 2 and {state["url"] for state in states} == {"https://8.8.8.8/services/…?…"}


@pytest.mark.parametrize("body", [{}, {"url": ""}, {"url": URL, "events": []}, {"url": URL, "secret": "mine"}, []])
async def test_a_request_that_cannot_be_read_is_refused(owners: Owners, body: object) -> None:
    assert await owners.refused("pharmacy", "PUT", "/v1/webhook", body) == (400, "request_unreadable")

"""Audit log: each operator action with the state before and after, and its outcome."""

import pytest

from integrahub.db.accounts import audit_log
from tests.integration.conftest import ADMIN, CNPJ, Client

OTHER = "33000167000101"


async def _newest(client: Client, **asked: str) -> list[dict[str, object]]:
    answer = await client.http.get("/admin/audit", params=asked, headers={"X-Admin-Api-Key": ADMIN})
    return list(answer.json()["items"])


async def test_a_change_is_noted_with_before_and_after_and_who_did_it(client: Client) -> None:
    made = await client.admin("POST", "/admin/keys", {"cnpjs": "all", "scopes": ["operator"]})
    headers = {"X-Admin-Api-Key": made["api_key"]}
    answer = await client.http.put(f"/admin/pharmacies/{CNPJ}", json={"city": "Recife"}, headers=headers)
    assert answer.status_code == 200
    entry, _made = await _newest(client, action="pharmacy.put")
    assert (entry["subject"], entry["outcome"]) == (CNPJ, "done")
    assert entry["actor"] == "key " + made["hint"].split("_")[2]
    assert entry["before"]["city"] == "" and entry["after"]["city"] == "Recife"  # type: ignore[index]


async def test_keys_made_and_ended_are_noted_without_the_key(client: Client) -> None:
    made = await client.admin("POST", "/admin/keys", {"cnpjs": [CNPJ]})
    await client.admin("POST", f"/admin/keys/{made['id']}/rotate")
    await client.admin("DELETE", f"/admin/keys/{made['id']}")
    entries = await _newest(client)
    assert [entry["action"] for entry in entries] == [
        "key.revoke",
        "key.rotate",
        "key.create",
        "key.create",
        "pharmacy.put",
    ]
    assert entries[0]["before"]["revoked_at"] is None and entries[0]["after"]["revoked_at"]  # type: ignore[index]
    assert made["api_key"] not in str(entries) and made["api_key"].rpartition("_")[2] not in str(entries)


async def test_a_refused_act_is_noted_with_its_refusal(client: Client) -> None:
    batch = await client.load([{"PRODUCTID": 1, "TITLE": "A"}])
    path = f"/v1/batches/{batch['batch_id']}/cancel"
    assert (await client.http.post(path, headers={"X-Admin-Api-Key": ADMIN})).status_code == 409
    (entry,) = await _newest(client, action="batch.cancel", subject=batch["batch_id"])
    assert entry["outcome"] == "nothing_to_cancel"
    assert entry["before"]["status"] == "COMPLETED"  # type: ignore[index]


async def test_an_entry_that_has_ended_is_never_changed(client: Client) -> None:
    actor = audit_log.Actor("a", "")
    noted = await audit_log.start(client.hub.database, actor, action="b", subject="c", before={"x": 1})
    await audit_log.complete(client.hub.database, noted, "done", None)
    await audit_log.complete(client.hub.database, noted, "failed", {"x": 2})
    (entry,) = await _newest(client, action="b")
    assert (entry["outcome"], entry["after"]) == ("done", None)


@pytest.mark.parametrize("key", ["", "wrong"])
async def test_the_log_is_read_by_operators_alone(client: Client, key: str) -> None:
    assert (await client.http.get("/admin/audit", headers={"X-Api-Key": key})).status_code == 401
    assert (await client.http.get("/admin/audit", headers={"X-Api-Key": client.key})).status_code == 403


async def test_the_end_of_a_rotated_key_is_in_the_entry_of_its_rotation(client: Client) -> None:
    made = await client.admin("POST", "/admin/keys", {"cnpjs": [CNPJ]})
    new = await client.admin("POST", f"/admin/keys/{made['id']}/rotate", {"old_ends_in_hours": 0})
    (entry,) = await _newest(client, action="key.rotate", subject=made["id"])
    before, after = entry["before"], entry["after"]
    assert before["expires_at"] is None and after["old"]["expires_at"] <= entry["ended_at"]  # type: ignore[index]
    assert (after["key"]["id"], after["old"]["id"]) == (new["id"], made["id"])  # type: ignore[index]


async def test_a_pharmacy_made_with_its_key_has_an_entry_of_its_own(client: Client) -> None:
    for _ in range(2):
        await client.admin("POST", f"/admin/pharmacies/{OTHER}/api-key")
    entries = await _newest(client, subject=OTHER)
    assert [entry["action"] for entry in entries] == ["key.create", "key.create", "pharmacy.put"]
    assert (entries[2]["before"], entries[2]["after"]["cnpj"]) == (None, OTHER)  # type: ignore[index]

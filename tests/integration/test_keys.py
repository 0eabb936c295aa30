"""API keys in the real tables: owner, expiry, and no takeover."""

import asyncio
from typing import Any

import pytest

from integrahub.domain.api_keys import _CHECKSUM, _SECRET, _checksum, generate_key, parse_key_id
from integrahub.settings.model import Settings
from tests.integration.conftest import ADMIN, CNPJ, Client, running

OTHER = "33000167000101"


async def _post(client: Client, cnpj: str, key: str) -> int:
    path = f"/admin/pharmacies/{cnpj}/api-key"
    return (await client.http.post(path, json={"key": key}, headers={"X-Admin-Api-Key": ADMIN})).status_code


async def test_a_chosen_key_is_kept_and_never_moves_to_another_pharmacy(client: Client) -> None:
    assert [await _post(client, CNPJ, "chosen-key-of-an-old-hub-1") for _ in range(2)] == [200, 200]
    assert await _post(client, OTHER, "chosen-key-of-an-old-hub-1") == 409
    answer = await client.get("/v1/batches", "chosen-key-of-an-old-hub-1")
    assert answer["items"] == []
    assert (
        await client.http.get(f"/v1/batches?cnpj={OTHER}", headers={"X-Api-Key": "chosen-key-of-an-old-hub-1"})
    ).status_code == 403


async def test_every_header_old_and_new_clients_use_is_taken(client: Client) -> None:
    for name in ("Authorization", "X-Api-Key", "X-Inova-Api-Key", "apikey", "api-key", "inova-api-key"):
        assert (await client.http.get("/v1/batches", headers={name: client.key})).status_code == 200
    for value in (f"Bearer {client.key}", f"bEaReR   {client.key}"):
        assert (await client.http.get("/v1/batches", headers={"Authorization": value})).status_code == 200


async def test_a_revoked_or_expired_key_is_refused_at_once(client: Client) -> None:
    made = await client.admin("POST", "/admin/keys", {"cnpjs": [CNPJ]})
    assert await client.get("/v1/batches", made["api_key"])
    await client.admin("DELETE", f"/admin/keys/{made['id']}")
    expired = await client.admin("POST", "/admin/keys", {"cnpjs": "all"})
    async with client.hub.database.transaction() as connection:
        await connection.execute("UPDATE api_keys SET expires_at = '2020-01-01' WHERE id = %s", [expired["id"]])
    for key in (made["api_key"], expired["api_key"]):
        assert (await client.http.get("/v1/batches", headers={"X-Api-Key": key})).status_code == 401


async def test_only_hashes_of_keys_are_stored(client: Client) -> None:
    async with client.hub.database.transaction() as connection:
        rows = await (await connection.execute("SELECT api_keys::text AS whole FROM api_keys")).fetchall()
    assert rows and not any(client.key in row["whole"] for row in rows)


async def test_a_key_of_several_pharmacies_must_say_which_it_reads(client: Client) -> None:
    made = await client.admin("POST", "/admin/keys", {"cnpjs": [CNPJ, OTHER]})
    answer = await client.http.get("/v1/products", headers={"X-Api-Key": made["api_key"]})
    assert (answer.status_code, answer.json()["code"]) == (400, "cnpj_not_named")
    assert (await client.get("/v1/products", made["api_key"], cnpj=CNPJ))["items"] == []


async def test_a_made_key_has_an_id_and_a_wrong_checksum_is_refused_without_a_look_up(client: Client) -> None:
    made = await client.admin("POST", "/admin/keys", {"cnpjs": [CNPJ]})
    assert made["api_key"].startswith(made["hint"].removesuffix("…"))
    wrong = made["api_key"][:-1] + ("A" if made["api_key"][-1] != "A" else "B")
    assert (await client.http.get("/v1/batches", headers={"X-Api-Key": wrong})).status_code == 401


async def test_a_rotated_key_lives_beside_the_old_one_until_that_ends(client: Client) -> None:
    old = await client.admin("POST", "/admin/keys", {"cnpjs": [CNPJ], "scopes": ["read"], "rate_limit": "7/minute"})
    new = await client.admin("POST", f"/admin/keys/{old['id']}/rotate")
    assert (new["scopes"], new["rate_limit"], new["cnpjs"]) == (["read"], "7/minute", [CNPJ])
    for key in (old, new):
        assert (await client.get("/v1/batches", key["api_key"]))["items"] == []
    await client.admin("POST", f"/admin/keys/{old['id']}/rotate", {"old_ends_in_hours": 0})
    assert (await client.http.get("/v1/batches", headers={"X-Api-Key": old["api_key"]})).status_code == 401
    assert (await client.get("/v1/batches", new["api_key"]))["items"] == []


async def test_a_key_revoked_elsewhere_ends_within_two_seconds_here(client: Client) -> None:
    made = await client.admin("POST", "/admin/keys", {"cnpjs": [CNPJ]})
    assert await client.get("/v1/batches", made["api_key"])
    async with client.hub.database.transaction() as connection:
        await connection.execute("UPDATE api_keys SET revoked_at = now() WHERE id = %s", [made["id"]])
    async with asyncio.timeout(20):
        while (await client.http.get("/v1/batches", headers={"X-Api-Key": made["api_key"]})).status_code == 200:
            await asyncio.sleep(0.1)


async def test_the_use_of_a_key_is_noted(client: Client) -> None:
    await client.get("/v1/batches")
    (row,) = (await client.admin("GET", "/admin/keys"))["items"]
    assert row["last_used_at"] is not None


async def test_a_key_may_do_what_its_scopes_say_and_no_more(client: Client) -> None:
    body = [{"PRODUCTID": 1, "TITLE": "A"}]
    asked = {"ingest": "202 403", "read": "403 200"}
    for scope, expected in asked.items():
        key = (await client.admin("POST", "/admin/keys", {"cnpjs": [CNPJ], "scopes": [scope]}))["api_key"]
        answers = [
            await client.post(body, **{"X-Api-Key": key}),
            await client.http.get("/v1/products", headers={"X-Api-Key": key}),
        ]
        assert " ".join(str(answer.status_code) for answer in answers) == expected


async def test_operators_keys_climb_from_viewer_to_admin(client: Client) -> None:
    routes = [
        ("GET", "/admin/keys", None),
        ("PUT", f"/admin/pharmacies/{OTHER}", {"name": "Other"}),
        ("POST", "/admin/keys", {"cnpjs": "all"}),
    ]
    expected = {"viewer": [200, 403, 403], "operator": [200, 200, 403], "admin": [200, 200, 200]}
    for scope, statuses in expected.items():
        made = await client.admin("POST", "/admin/keys", {"cnpjs": "all", "scopes": [scope]})
        headers = {"Authorization": f"Bearer {made['api_key']}"}
        found = [await client.http.request(method, path, json=body, headers=headers) for method, path, body in routes]
        assert [answer.status_code for answer in found] == statuses
    assert made["api_key"].startswith("ihub_admin_")


async def test_scopes_that_do_not_go_together_and_keys_of_the_hubs_own_shape_are_refused(client: Client) -> None:
    for wanted in ({"cnpjs": [CNPJ], "scopes": ["viewer"]}, {"cnpjs": "all", "scopes": ["admin", "read"]}):
        answer = await client.http.post("/admin/keys", json=wanted, headers={"X-Admin-Api-Key": ADMIN})
        assert (answer.status_code, answer.json()["code"]) == (400, "scopes_unfit")
    assert await _post(client, CNPJ, "ihub_live_mine-own") == 400


async def _refused(client: Client, key: str) -> dict[str, Any]:
    answer = await client.http.get("/v1/batches", headers={"X-Api-Key": key} if key else {})
    assert answer.status_code == 401
    problem: dict[str, Any] = answer.json()
    assert problem["error"] == "Unauthorized" and problem["message"]
    return problem


async def test_a_refused_key_is_told_what_is_wrong_with_it(client: Client) -> None:
    made = await client.admin("POST", "/admin/keys", {"cnpjs": [CNPJ]})
    key = made["api_key"]
    async with client.hub.database.transaction() as connection:
        statement = "UPDATE api_keys SET expires_at = now() - interval '1 day' WHERE id = %s"
        ended = await client.admin("POST", "/admin/keys", {"cnpjs": [CNPJ]})
        await connection.execute(statement, [ended["id"]])
    cut = await _refused(client, key[:-1])
    assert cut["code"] == "key_malformed" and f"{len(key) - 1} de {len(key)} caracteres" in cut["message_pt"]
    assert f"{len(key) - 1} of {len(key)} characters" in cut["message_en"]
    swapped = key[:20] + key[21] + key[20] + key[22:] if key[20] != key[21] else key[:20] + "0" + key[21:]
    await client.admin("DELETE", f"/admin/keys/{made['id']}")
    codes = [
        (await _refused(client, tried))["code"] for tried in ("", swapped, key, generate_key().text, ended["api_key"])
    ]
    assert codes == ["key_missing", "key_malformed", "key_invalid", "key_invalid", "key_expired"]


@pytest.mark.parametrize(
    "key",
    [
        "chave-com-acentuação-comprida",
        "a-key-with-an-emoji-💊-of-length",
        " a-key-with-outer-blanks-42 ",
        "a-key-with-a-line-end-inside\n",
        "a-key\twith-a-tab-in-it-0123",
        "Bearer a-key-that-names-its-scheme",
    ],
)
async def test_a_key_that_no_client_could_send_is_refused_when_it_is_made(client: Client, key: str) -> None:
    before = await client.admin("GET", "/admin/keys")
    path = f"/admin/pharmacies/{OTHER}/api-key"
    answer = await client.http.post(path, json={"key": key}, headers={"X-Admin-Api-Key": ADMIN})
    assert (answer.status_code, answer.json()["code"]) == (400, "key_unsendable")
    assert await client.admin("GET", "/admin/keys") == before
    known = await client.http.get(f"/admin/pharmacies/{OTHER}", headers={"X-Admin-Api-Key": ADMIN})
    assert known.status_code == 404, "a pharmacy was made although its key was refused"


@pytest.mark.parametrize("key", ["farmacia-123", "a" * 40, "12345678901234567890", "abcdabcdabcdabcdabcdabcd"])
async def test_a_key_that_is_easy_to_guess_is_refused_unless_old_keys_are_being_moved(
    settings: Settings, key: str
) -> None:
    for allowed in (False, True):
        async with running(settings.model_copy(update={"allow_weak_keys": allowed}), []) as client:
            assert await _post(client, CNPJ, key) == (200 if allowed else 400)
            rows = (await client.admin("GET", "/admin/keys"))["items"]
            assert [row["weak"] for row in rows] == ([True] if allowed else [])


async def test_a_key_that_has_ended_is_neither_made_nor_rotated(client: Client) -> None:
    headers = {"X-Admin-Api-Key": ADMIN}
    wanted = {"cnpjs": [CNPJ], "expires_at": "2020-01-01T00:00:00Z"}
    answer = await client.http.post("/admin/keys", json=wanted, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "key_expiry_past")
    made = await client.admin("POST", "/admin/keys", {"cnpjs": [CNPJ], "expires_at": "2099-01-01T00:00:00Z"})
    async with client.hub.database.transaction() as connection:
        await connection.execute("UPDATE api_keys SET expires_at = now() WHERE id = %s", [made["id"]])
    answer = await client.http.post(f"/admin/keys/{made['id']}/rotate", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (404, "key_not_found")


async def test_the_id_of_a_key_with_another_secret_opens_nothing(client: Client) -> None:
    made = await client.admin("POST", "/admin/keys", {"cnpjs": [CNPJ]})
    forged = made["api_key"][: -(_SECRET + _CHECKSUM)] + "0" * _SECRET
    forged += _checksum(forged)
    assert parse_key_id(forged) == parse_key_id(made["api_key"]) and forged != made["api_key"]
    assert (await _refused(client, forged))["code"] == "key_invalid"
    assert (await client.get("/v1/batches", made["api_key"]))["items"] == []


async def test_a_batch_names_the_key_that_posted_it(client: Client) -> None:
    made = await client.admin("POST", "/admin/keys", {"cnpjs": [CNPJ]})
    posts = {made["id"]: {"X-Api-Key": made["api_key"]}, None: {"X-Api-Key": ADMIN}}
    for product_id, (expected, headers) in enumerate(posts.items(), 1):
        answer = await client.post([{"PRODUCTID": product_id, "TITLE": "SORO", "CNPJ": CNPJ}], "delta", **headers)
        assert answer.status_code == 202, answer.text
        async with client.hub.database.transaction() as connection:
            query = "SELECT api_key_id::text AS id FROM batches WHERE id = %s"
            assert await (await connection.execute(query, [answer.json()["batch_id"]])).fetchone() == {"id": expected}

"""Keys over the real tables: whose they are, how they end, and that none is ever taken over."""

from tests.integration.conftest import ADMIN, CNPJ, Client

OTHER = "33000167000101"


async def _post(client: Client, cnpj: str, key: str) -> int:
    path = f"/admin/pharmacies/{cnpj}/api-key"
    return (await client.http.post(path, json={"key": key}, headers={"X-Admin-Api-Key": ADMIN})).status_code


async def test_a_chosen_key_is_kept_and_never_moves_to_another_pharmacy(client: Client) -> None:
    assert [await _post(client, CNPJ, "chosen-key-1") for _ in range(2)] == [200, 200]
    assert await _post(client, OTHER, "chosen-key-1") == 409
    answer = await client.get("/v1/batches", "chosen-key-1")
    assert answer["items"] == []
    assert (
        await client.http.get(f"/v1/batches?cnpj={OTHER}", headers={"X-Api-Key": "chosen-key-1"})
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
    expired = await client.admin("POST", "/admin/keys", {"cnpjs": "all", "expires_at": "2020-01-01T00:00:00Z"})
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

"""Counts of refused posts: by which pharmacy, key, code and address, how they are bounded, and when they go."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from integrahub.access.refusals import MAX_KINDS_PER_HOUR, RefusalCounts
from integrahub.db.accounts import refusals
from integrahub.db.console import figures
from integrahub.db.console.figures_rows import Refusal
from integrahub.db.database import Database
from integrahub.domain.api_keys import generate_key
from integrahub.domain.errors import Transient
from tests.integration.conftest import CNPJ, PATH, Client
from tests.integration.test_flow import product

OTHER = "33000167000101"
_HOUR = datetime(2026, 11, 27, 12, tzinfo=UTC)


async def _execute(database: Database, statement: Any, params: Any = None) -> None:
    async with database.transaction() as connection:
        await connection.execute(statement, params)


async def _rows(database: Database) -> list[dict[str, Any]]:
    async with database.transaction() as connection:
        rows: Any = await (await connection.execute("SELECT * FROM refusals ORDER BY hour, code")).fetchall()
    return list(rows)


async def _refused(client: Client, cnpj: str = CNPJ, *key_names: str) -> list[Refusal]:
    await client.app.state.refused_posts.flush()
    return await figures.find_refusals(client.hub.database, cnpj, key_names)


async def test_a_refused_post_is_counted_with_its_pharmacy_key_code_and_address(client: Client) -> None:
    for _ in range(3):
        assert (await client.post(b"[]")).status_code == 400
    (refusal,) = await _refused(client)
    assert (refusal.cnpj, refusal.count, refusal.address) == (CNPJ, 3, "127.0.0.1")
    assert refusal.key_name == f"key {client.key.split('_')[2]}" and refusal.code
    assert client.key.split("_")[3] not in str(await _rows(client.hub.database))


async def test_an_expired_or_revoked_key_of_one_pharmacy_says_which_one_is_refused(client: Client) -> None:
    await _execute(client.hub.database, "UPDATE api_keys SET expires_at = now() - interval '1 day'")
    assert (await client.post([product(1)])).json()["code"] == "key_expired"
    await _execute(client.hub.database, "UPDATE api_keys SET expires_at = NULL, revoked_at = now()")
    assert (await client.post([product(1)])).json()["code"] == "key_invalid"
    found = {refusal.code: (refusal.count, refusal.key_name) for refusal in await _refused(client)}
    name = f"key {client.key.split('_')[2]}"
    assert found == {"key_expired": (1, name), "key_invalid": (1, name)}


async def test_a_client_that_gives_up_before_its_post_is_counted(client: Client) -> None:
    """The client looks the batch up first, and posts nothing once its key is refused."""
    await _execute(client.hub.database, "UPDATE api_keys SET expires_at = now() - interval '1 day'")
    headers = {"X-Api-Key": client.key}
    assert (await client.http.get(f"/v1/batches/{uuid4()}", headers=headers)).json()["code"] == "key_expired"
    assert (await client.http.get("/v1/products", headers=headers)).json()["code"] == "key_expired"
    assert [(row.code, row.count) for row in await _refused(client, CNPJ, f"key {client.key.split('_')[2]}")] == [
        ("key_expired", 1)
    ]


async def test_a_post_for_another_pharmacy_is_counted_for_the_one_that_it_names(client: Client) -> None:
    answer = await client.http.post(
        f"{PATH}?cnpj={OTHER}",
        json=[product(1)],
        headers={"X-Api-Key": client.key, "X-Inova-Load-Type": "full"},
    )
    assert answer.json()["code"] == "other_pharmacy"
    assert [row.code for row in await _refused(client, OTHER)] == ["other_pharmacy"]
    assert await _refused(client) == []


async def test_ids_of_keys_that_no_hub_made_are_not_kept(client: Client) -> None:
    for _ in range(4):
        await client.post([product(1)], **{"X-Api-Key": generate_key().text})
    await client.post([product(1)], **{"X-Api-Key": ""})
    await client.app.state.refused_posts.flush()
    rows = await _rows(client.hub.database)
    found = Counter({(row["code"], row["cnpj"], row["key_name"]): row["count"] for row in rows})
    assert found == {("key_invalid", "", ""): 4, ("key_missing", "", ""): 1}


async def test_a_key_of_several_pharmacies_says_no_pharmacy(client: Client) -> None:
    vendor = (await client.admin("POST", "/admin/keys", {"cnpjs": [CNPJ, OTHER]}))["api_key"]
    await client.post(b"[]", **{"X-Api-Key": vendor})
    name = f"key {vendor.split('_')[2]}"
    assert await _refused(client) == []
    assert [(row.cnpj, row.key_name) for row in await _refused(client, CNPJ, name)] == [("", name)]


async def test_accepted_posts_and_refused_reads_are_not_counted(client: Client) -> None:
    await client.load([product(1)])
    assert (await client.http.get("/v1/products")).status_code == 401
    await client.app.state.refused_posts.flush()
    assert await _rows(client.hub.database) == []


async def test_kinds_of_an_hour_are_bounded_and_no_post_is_lost(database: Database) -> None:
    counts = RefusalCounts(database, lambda: _HOUR)
    for number in range(MAX_KINDS_PER_HOUR + 70):
        counts.add("", "", "key_missing", f"192.0.2.{number}")
        counts.add("", "", "key_missing", "192.0.2.0")
    await counts.close()
    rows = await _rows(database)
    assert len(rows) == MAX_KINDS_PER_HOUR + 1
    posts = {row["address"]: row["count"] for row in rows}
    assert posts[""] == 70 and posts["192.0.2.0"] == MAX_KINDS_PER_HOUR + 71


async def test_each_hour_has_room_of_its_own(database: Database) -> None:
    now = [_HOUR]
    counts = RefusalCounts(database, lambda: now[0])
    for hour in range(2):
        now[0] = _HOUR + timedelta(hours=hour, minutes=59)
        for number in range(MAX_KINDS_PER_HOUR):
            counts.add("", "", "key_missing", str(number))
    await counts.close()
    rows = await _rows(database)
    assert len(rows) == 2 * MAX_KINDS_PER_HOUR and {row["hour"] for row in rows} == {
        _HOUR,
        _HOUR + timedelta(hours=1),
    }
    assert rows[0]["last_at"] == _HOUR + timedelta(minutes=59)


async def test_counts_of_several_processes_add_up(database: Database) -> None:
    processes = [RefusalCounts(database, lambda: _HOUR) for _ in range(3)]
    for process in processes:
        for _ in range(5):
            process.add(CNPJ, "setting 1", "body_empty", "")
        await process.close()
    (row,) = await _rows(database)
    assert row["count"] == 15


async def test_counts_stay_while_the_database_is_unavailable(database: Database, monkeypatch: Any) -> None:
    counts = RefusalCounts(database, lambda: _HOUR)
    counts.add(CNPJ, "", "rate_limited", "")
    with monkeypatch.context() as patched:

        async def unavailable(*_: Any) -> None:
            raise Transient("away")

        patched.setattr(refusals, "add", unavailable)
        await counts.flush()
        counts.add(CNPJ, "", "rate_limited", "")
    await counts.close()
    (row,) = await _rows(database)
    assert row["count"] == 2


async def test_addresses_are_blanked_after_their_days_and_rows_that_differed_by_them_add_up(client: Client) -> None:
    database = client.hub.database
    for days, address in ((181, "192.0.2.1"), (181, "192.0.2.2"), (181, ""), (179, "192.0.2.3")):
        await _execute(
            database,
            "INSERT INTO refusals VALUES (date_trunc('day', now()) - make_interval(days => %(days)s), 'c', 'k', 'code',"
            " %(address)s, 2, now())",
            {"days": days, "address": address},
        )
    await client.hub.refusal_retention()()
    assert [(row["address"], row["count"]) for row in await _rows(database)] == [("", 6), ("192.0.2.3", 2)]
    shorter = replace(client.hub, settings=client.hub.settings.model_copy(update={"address_retention_days": 3}))
    await shorter.refusal_retention()()
    assert [row["address"] for row in await _rows(database)] == ["", ""]


async def test_refusals_older_than_13_months_go(client: Client) -> None:
    for months in (12, 14):
        await _execute(
            client.hub.database,
            "INSERT INTO refusals VALUES (now() - make_interval(months => %(m)s), '', '', 'code', '', %(m)s, now())",
            {"m": months},
        )
    await client.hub.refusal_retention()()
    assert [row["count"] for row in await _rows(client.hub.database)] == [12]

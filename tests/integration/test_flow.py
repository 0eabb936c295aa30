"""A batch from its post to its final status, on a real PostgreSQL."""

import asyncio
import gzip
import json
from datetime import datetime
from importlib.resources import files
from typing import Any

from tests.integration.conftest import CNPJ, Client


def product(number: int, **changes: Any) -> dict[str, Any]:
    return {"CNPJ": CNPJ, "PRODUCTID": number, "TITLE": f"P {number}", "PRICE": number + 0.5, "QUANTITY": 3} | changes


def catalogue(count: int = 200) -> list[dict[str, Any]]:
    return [product(number) for number in range(1, count + 1)]


async def test_a_full_load_is_inserted_and_can_be_queried(client: Client) -> None:
    batch = await client.load(catalogue())
    assert (batch["status"], batch["inserted"], batch["chunks_total"]) == ("COMPLETED", 200, 4)
    products = await client.products()
    assert {number: item["price"] for number, item in products.items()} == {n: n + 0.5 for n in range(1, 201)}


async def test_a_full_load_that_changes_nothing_writes_nothing(client: Client) -> None:
    await client.load(catalogue())
    before = await client.products()
    batch = await client.load([product(1, INDICE=9), *catalogue()[1:]])
    assert (batch["unchanged"], batch["updated"], batch["inserted"]) == (200, 0, 0)
    assert {n: item["updatedAt"] for n, item in before.items()} == {
        n: item["updatedAt"] for n, item in (await client.products()).items()
    }


async def test_a_delta_changes_its_records_only(client: Client) -> None:
    await client.load(catalogue())
    batch = await client.load([{"PRODUCTID": "7", "PRICE": "1.234,56"}, {"PRODUCTID": 8, "QUANTITY": "4,5"}], "delta")
    assert (batch["updated"], batch["deactivation"]["state"]) == (2, "none")
    products = await client.products()
    assert (products[7]["price"], products[7]["title"], products[8]["stock"]) == (1234.56, "P 7", 4.5)
    assert len(products) == 200


async def test_a_full_load_deactivates_what_it_no_longer_has_and_revives_what_comes_back(client: Client) -> None:
    await client.load(catalogue())
    batch = await client.load(catalogue()[:180])
    assert (batch["deactivated"], batch["deactivation"]["state"]) == (20, "applied")
    assert len(await client.products()) == 180
    inactive = (await client.products(include_inactive="true"))[200]
    assert inactive["isActive"] is False
    batch = await client.load([product(200)], "delta")
    assert batch["updated"] == 1
    assert len(await client.products()) == 181


def moment(shown: str) -> datetime:
    return datetime.fromisoformat(shown)


async def test_last_seen_is_when_a_full_last_had_a_product(client: Client) -> None:
    first, second = await client.load(catalogue()), await client.load(catalogue()[:190])
    received = [moment(batch["received_at"]) for batch in (first, second)]
    products = await client.products(include_inactive="true")
    seen = {number: moment(item["lastSeenAt"]) for number, item in products.items()}
    assert {seen[number] for number in range(1, 191)} == {received[1]}
    assert all(received[0] <= seen[number] < received[1] for number in range(191, 201))
    held = await client.load(catalogue(20))
    assert moment((await client.products())[1]["lastSeenAt"]) == received[1]
    await client.admin("POST", f"/v1/batches/{held['batch_id']}/deactivation", {"decision": "approve"})
    await _decided(client, held["batch_id"], "approved")
    products = await client.products(include_inactive="true")
    seen = {number: moment(item["lastSeenAt"]) for number, item in products.items()}
    assert (seen[20], seen[21], seen[190]) == (moment(held["received_at"]), received[1], received[1])


async def test_last_seen_of_what_no_part_of_a_full_had_is_older_than_the_parts(client: Client) -> None:
    await client.load(catalogue())
    whole = await client.load(catalogue()[::-1])
    await client.admin("PUT", f"/admin/pharmacies/{CNPJ}", {"full_window_minutes": 1})
    await _pass_minutes(client, 5)
    async with client.hub.database.transaction() as connection:
        await connection.execute("UPDATE products SET updated_at = updated_at - interval '5 minutes'")
        await connection.execute("UPDATE pharmacies SET full_seen_at = full_seen_at - interval '5 minutes'")
    before = moment((await client.get(f"/v1/batches/{whole['batch_id']}"))["received_at"])
    first = await client.load(catalogue(100))
    last = await client.load([product(number) for number in range(101, 191)])
    await _pass_minutes(client, 3)
    assert (await _decided(client, last["batch_id"]))["deactivated"] == 10
    began = moment((await client.get(f"/v1/batches/{first['batch_id']}"))["received_at"])
    products = await client.products(include_inactive="true")
    assert [moment(products[number]["lastSeenAt"]) for number in (200, 1)] == [before, began]


async def test_a_full_load_that_would_remove_too_much_is_held_until_a_person_decides(client: Client) -> None:
    await client.load(catalogue())
    held = await client.load(catalogue(20))
    assert held["deactivation"]["state"] == "held"
    assert "180" in held["deactivation"]["reason"]
    assert len(await client.products()) == 200
    await client.admin("POST", f"/v1/batches/{held['batch_id']}/deactivation", {"decision": "approve"})
    for row in (await client.get("/v1/batches"))["items"]:
        await client.finished(row["batch_id"])
    assert (await client.get(f"/v1/batches/{held['batch_id']}"))["deactivation"]["state"] == "approved"
    assert len(await client.products()) == 20


async def test_promotions_that_straddle_chunks_are_one_product(client: Client) -> None:
    records = [product(n % 150 + 1, PRICEPROMO=n + 1) for n in range(300)]
    batch = await client.load(records)
    assert (batch["inserted"], batch["merged"], batch["rejected"]) == (150, 150, 0)
    assert (await client.products())[10]["pricePromos"] == [10, 160]
    again = await client.load([*records, product(1000)])
    assert (again["unchanged"], again["merged"], again["inserted"]) == (150, 150, 1)


async def test_one_bad_record_costs_itself_and_is_reported_with_its_place(client: Client) -> None:
    body = b'[{"PRODUCTID":1,"TITLE":"a"},{"PRODUCTID":2,"TITLE":"b","PRICE":"x"},{"PRODUCTID":3,"TITLE":"c"}]'
    batch = await client.load(body, "delta")
    assert (batch["status"], batch["inserted"], batch["rejected"]) == ("PARTIAL_FAIL", 2, 1)
    (fault,) = (await client.get(f"/v1/batches/{batch['batch_id']}/errors"))["items"]
    assert (fault["position"], fault["byte_offset"], fault["product_id"]) == (1, body.index(b'{"PRODUCTID":2'), "2")
    assert (fault["code"], fault["field"], fault["value"]) == ("price_invalid", "PRICE", "x")
    assert fault["message_pt"] and fault["message_en"]
    rejected = await client.get(f"/v1/batches/{batch['batch_id']}/rejected")
    assert rejected == [{"PRODUCTID": 2, "TITLE": "b", "PRICE": "x"}]
    text = await client.http.get(
        f"/v1/batches/{batch['batch_id']}/errors?format=csv", headers={"X-Api-Key": client.key}
    )
    assert text.text.splitlines()[1].startswith("1,29,rejected,2,PRICE,price_invalid,x,")


async def test_an_array_that_breaks_off_fails_with_the_byte_and_changes_nothing(client: Client) -> None:
    await client.load(catalogue())
    broken = json.dumps(catalogue(100)).encode()[:-3]
    batch = await client.load(broken)
    assert (batch["status"], batch["error"]["code"]) == ("FAILED", "body_truncated")
    assert batch["error"]["byte_offset"] == len(broken)
    assert len(await client.products()) == 200


async def test_the_same_key_is_the_same_batch_and_another_body_under_it_is_refused(client: Client) -> None:
    first = await client.post(catalogue(3), **{"Idempotency-Key": "a/../b"})
    again = await client.post(catalogue(3), **{"Idempotency-Key": "a/../b"})
    assert again.json()["batch_id"] == first.json()["batch_id"]
    assert again.headers["Idempotent-Replayed"] == "true"
    other = await client.post(catalogue(4), **{"Idempotency-Key": "a/../b"})
    assert (other.status_code, other.headers["content-type"]) == (422, "application/problem+json")
    await client.finished(first.json()["batch_id"])


async def test_the_same_body_again_is_the_same_batch_but_not_after_another(client: Client) -> None:
    ten, twelve = [product(1, PRICE=10)], [product(1, PRICE=12)]
    batches = [(await client.post(body, "delta")).json()["batch_id"] for body in (ten, ten, twelve, ten)]
    assert batches[0] == batches[1]
    assert len(set(batches)) == 3
    for batch in batches:
        await client.finished(batch)
    assert (await client.products())[1]["price"] == 10


async def test_compressed_and_line_bodies_are_the_same_catalogue(client: Client) -> None:
    lines = b"\n".join(json.dumps(record).encode() for record in catalogue())
    batch = await client.load(
        gzip.compress(lines),
        **{"Content-Encoding": "gzip", "Content-Type": "application/x-ndjson", "X-Inova-Item-Count": "200"},
    )
    assert (batch["inserted"], batch["deactivation"]["state"]) == (200, "none")
    held = await client.load(lines.split(b"\n", 1)[1], **{"Content-Type": "application/x-ndjson"})
    assert held["deactivation"]["state"] == "held"


async def test_the_real_catalogue_goes_through_whole(client: Client) -> None:
    body = gzip.decompress((files("integrahub") / "samples" / "catalogue.ndjson.gz").read_bytes())
    batch = await client.load(body, **{"Content-Type": "application/x-ndjson", "X-Inova-Item-Count": "16349"})
    assert (batch["status"], batch["inserted"], batch["rejected"]) == ("COMPLETED", 16349, 0)
    page = await client.get("/v1/products", q="DIPIRONA", in_stock="true", sort="-price")
    assert page["pagination"]["count"] > 0
    prices = [item["price"] for item in page["items"]]
    assert prices == sorted(prices, reverse=True)


async def test_a_full_in_several_posts_deactivates_what_no_part_has_once_its_window_is_quiet(client: Client) -> None:
    await client.load(catalogue(200))
    await _pass_minutes(client, 5)
    await client.admin("PUT", f"/admin/pharmacies/{CNPJ}", {"full_window_minutes": 1})
    first = await client.load(catalogue(100))
    second = await client.load([product(n) for n in range(101, 191)])
    assert first["deactivation"]["state"] == second["deactivation"]["state"] == "waiting"
    assert len(await client.products()) == 200
    await _pass_minutes(client, 2)
    closed = await _decided(client, second["batch_id"])
    assert (closed["deactivation"]["state"], closed["deactivated"]) == ("applied", 10)
    assert sorted(await client.products()) == list(range(1, 191))
    superseded = await client.get(f"/v1/batches/{first['batch_id']}")
    assert superseded["deactivation"]["state"] == "superseded"


async def test_a_part_that_failed_holds_the_deactivation_of_the_whole_window(client: Client) -> None:
    await client.load(catalogue(200))
    await _pass_minutes(client, 5)
    await client.admin("PUT", f"/admin/pharmacies/{CNPJ}", {"full_window_minutes": 1})
    part = await client.load(catalogue(195))
    broken = await client.load(json.dumps([product(n) for n in range(196, 201)]).encode()[:-1])
    assert broken["status"] == "FAILED"
    await _pass_minutes(client, 2)
    held = await _decided(client, part["batch_id"])
    assert (held["deactivation"]["state"], held["deactivation"]["reason_code"]) == ("held", "part_failed")
    assert len(await client.products()) == 200
    await client.admin("POST", f"/v1/batches/{part['batch_id']}/deactivation", {"decision": "approve"})
    assert (await _decided(client, part["batch_id"], "approved"))["deactivated"] == 5


async def test_a_delta_after_a_held_full_keeps_its_products_when_the_hold_is_approved(client: Client) -> None:
    await client.load(catalogue())
    held = await client.load(catalogue(20))
    await client.load([product(150, PRICE=1)], "delta")
    await client.admin("POST", f"/v1/batches/{held['batch_id']}/deactivation", {"decision": "approve"})
    assert (await _decided(client, held["batch_id"], "approved"))["deactivated"] == 179
    assert sorted(await client.products()) == [*range(1, 21), 150]


async def test_a_rejected_hold_leaves_everything_active_and_a_later_full_replaces_an_open_one(client: Client) -> None:
    await client.load(catalogue())
    rejected = await client.load(catalogue(20))
    await client.admin("POST", f"/v1/batches/{rejected['batch_id']}/deactivation", {"decision": "reject"})
    opened = await client.load(catalogue(21))
    last = await client.load(catalogue(199))
    states = [(await client.get(f"/v1/batches/{b['batch_id']}"))["deactivation"]["state"] for b in (rejected, opened)]
    assert states == ["rejected", "superseded"]
    assert last["deactivated"] == 1 and len(await client.products()) == 199


async def test_a_cancelled_batch_passes_the_turn_and_counts_what_it_did_not_apply(client: Client) -> None:
    async with client.hub.database.transaction() as connection:
        await connection.execute("LOCK TABLE products IN ACCESS EXCLUSIVE MODE")
        first = (await client.post(catalogue(2000))).json()["batch_id"]  # of more chunks than a transaction takes
        second = (await client.post([product(1)], "delta")).json()["batch_id"]
        async with asyncio.timeout(30):
            while (await client.get(f"/v1/batches/{first}"))["stage"] != "upserting":
                await asyncio.sleep(0.02)
        cancelling = asyncio.create_task(client.admin("POST", f"/v1/batches/{first}/cancel"))
        await asyncio.sleep(0.3)
    told = await cancelling
    stopped = await client.finished(first)
    assert stopped["status"] == "CANCELLED"
    assert stopped["cancelled"] > 0 and stopped["cancelled"] + stopped["inserted"] == 2000
    assert (told["cancelled"], told["inserted"]) == (stopped["cancelled"], stopped["inserted"])
    following = await client.finished(second)
    assert (following["status"], following["inserted"] + following["unchanged"] + following["updated"]) == (
        "COMPLETED",
        1,
    )


async def test_batches_of_one_pharmacy_take_turns_in_the_order_received(client: Client) -> None:
    ids = []
    for price in range(20):
        ids.append(
            (await client.post([product(n, PRICE=price + 1) for n in range(1, 120)], "delta")).json()["batch_id"]
        )
    batches = [await client.finished(batch_id) for batch_id in ids]
    assert [batch["received_seq"] for batch in batches] == list(range(1, 21))
    assert [batch["inserted"] + batch["updated"] for batch in batches] == [119] * 20
    assert {item["price"] for item in (await client.products()).values()} == {20}


async def _pass_minutes(client: Client, minutes: int) -> None:
    """Shift the receipt of all batches into the past."""
    async with client.hub.database.transaction() as connection:
        await connection.execute(
            "UPDATE batches SET received_at = received_at - make_interval(mins => %(m)s),"
            " first_byte_at = first_byte_at - make_interval(mins => %(m)s)",
            {"m": minutes},
        )


async def _decided(client: Client, batch_id: str, state: str | None = None) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            batch: dict[str, Any] = await client.get(f"/v1/batches/{batch_id}")
            found = batch["deactivation"]["state"]
            if found == state or (state is None and found != "waiting"):
                return batch
            await asyncio.sleep(0.05)

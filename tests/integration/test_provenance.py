"""Where a product came from: which batches brought or refused it, since when it has its values, and its raw records."""

import gzip
import json
import secrets
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from integrahub.db.console import provenance
from integrahub.db.console.provenance import SearchLimits
from integrahub.domain.steps import STEPS
from integrahub.reports.provenance import Absence, Outcome, Provenance, explain_absence, find_provenance, read_story
from integrahub.reports.raw_records import RawRecord, WhyUnread, read_raw_records
from integrahub.settings.model import Settings
from tests.integration.conftest import ADMIN, CNPJ, Client, running
from tests.integration.test_flow import catalogue, product

_PHARMACY = 1
_LIMITS = SearchLimits()


async def search(client: Client, product_id: int, before: int | None = None, **limits: int) -> Provenance:
    return await find_provenance(client.hub.reads, _PHARMACY, product_id, before, SearchLimits(**limits))


def outcomes(found: Provenance) -> list[tuple[int, str, int | None]]:
    """Return number of the batch, outcome and position of each appearance."""
    return [(each.sighting.received_seq, each.outcome, each.sighting.position) for each in found.appearances]


async def raw(client: Client, product_id: int, batch: dict[str, Any]) -> list[RawRecord]:
    records: list[RawRecord] = []
    for place in await provenance.find_records(client.hub.reads, _PHARMACY, product_id, UUID(batch["batch_id"])):
        found = await read_raw_records(client.hub.storage, place)
        assert not isinstance(found, WhyUnread), found
        records += found
    return records


async def test_every_batch_that_brought_a_product_is_listed_with_what_it_did(client: Client) -> None:
    await client.load(catalogue(200))
    await client.load([product(7, PRICE=9)], "delta")
    await client.load([product(1, TITLE="X"), product(7, PRICE=9)], "delta")
    await client.load([product(n) for n in range(1, 201) if n != 7])
    await client.load([product(7)], "delta")
    await client.load(catalogue(200), **{"X-Inova-Dry-Run": "true"})
    await client.load([product(3), product(7, PRICE="x")], "delta")
    await client.load([product(7, PRICE=8)], "delta", **{"X-Inova-Dry-Run": "true"})
    found = await search(client, 7)
    assert outcomes(found) == [
        (7, Outcome.REJECTED, 1),
        (5, Outcome.REACTIVATED, 0),
        (3, Outcome.UNCHANGED, 1),
        (2, Outcome.UPDATED, 0),
        (1, Outcome.INSERTED, 6),
    ]
    assert (found.brought, found.refused, found.window.batches) == (5, 1, 6)
    assert [(each.field, each.code) for each in found.appearances[0].issues] == [("PRICE", "price_invalid")]


@pytest.mark.parametrize("encoding", ["", "gzip"])
async def test_the_raw_record_is_read_from_a_repeated_full_too(client: Client, encoding: str) -> None:
    records = [product(n, DESCRIPTION="x" * 400) for n in range(1, 201)]
    records[150] = product(151, PRICE=1)
    await client.load([*records[:150], product(151), *records[151:]])
    text = json.dumps(records).encode()
    batch = await client.load(gzip.compress(text) if encoding else text, **{"Content-Encoding": encoding})
    assert (batch["unchanged"], batch["updated"]) == (199, 1)
    for number in (1, 120, 151, 200):
        (record,) = await raw(client, number, batch)
        assert json.loads(record.content) == records[number - 1]
        assert (record.position, record.is_whole) == (number - 1, True)
        assert text[record.byte_offset :].startswith(record.content)


async def test_reading_a_record_of_an_uncompressed_body_reads_its_slice_alone(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [product(n, DESCRIPTION="x" * 400) for n in range(1, 401)]
    await client.load(records)
    batch = await client.load([*records[1:], records[0]])
    assert batch["unchanged"] == 400
    read: list[int] = []
    stored = client.hub.storage.get

    async def get(name: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        async for block in stored(name, start, length):
            read.append(len(block))
            yield block

    monkeypatch.setattr(client.hub.storage, "get", get)
    (record,) = await raw(client, 399, batch)
    assert (record.position, json.loads(record.content)) == (397, records[398])
    assert sum(read) < 60 * 500


async def test_all_records_of_a_product_in_a_batch_are_read(client: Client) -> None:
    far = [product(7, PRICEPROMO=1), *[product(n) for n in range(20, 120)], product(7, PRICEPROMO=2)]
    batch = await client.load(far)
    found = await raw(client, 7, batch)
    assert [(each.position, json.loads(each.content)["PRICEPROMO"]) for each in found] == [(0, 1), (101, 2)]


async def test_of_many_records_of_a_product_the_first_are_read(client: Client) -> None:
    batch = await client.load([product(7, PRICEPROMO=n) for n in range(1, 81)])
    found = await raw(client, 7, batch)
    assert [json.loads(each.content)["PRICEPROMO"] for each in found[:50]] == list(range(1, 51))
    assert len(found) <= 100


async def test_a_record_is_said_to_be_gone_when_its_body_is(client: Client) -> None:
    batch = await client.load(catalogue(200))
    async with client.hub.database.transaction() as connection:
        await connection.execute("UPDATE batches SET body = NULL, location = NULL")
        await connection.execute("UPDATE batch_chunks SET location = 'gone' WHERE location <> 'body'")
    (place,) = await provenance.find_records(client.hub.reads, _PHARMACY, 7, UUID(batch["batch_id"]))
    assert await read_raw_records(client.hub.storage, place) is WhyUnread.EXPIRED


async def test_records_of_another_pharmacy_are_not_found(client: Client) -> None:
    batch = await client.load(catalogue(3))
    assert await provenance.find_records(client.hub.reads, _PHARMACY + 1, 2, UUID(batch["batch_id"])) == []
    assert await provenance.find_records(client.hub.reads, _PHARMACY, 2, UUID(batch["batch_id"]))


async def test_each_value_has_the_change_since_which_it_holds(client: Client) -> None:
    first = await client.load(catalogue(120))
    priced = await client.load([product(1), product(119, PRICE=11.9)], "delta")
    stocked = await client.load([product(119, PRICE=11.9, QUANTITY=40)], "delta")
    story = await read_story(client.hub.reads, _PHARMACY, 119)
    assert story and story.deactivation is None

    def shown(name: str) -> tuple[str, int | None, Any]:
        origin = story.origins[name]
        assert origin.source
        return str(origin.source.batch_id), origin.source.position, origin.before

    assert shown("title") == (first["batch_id"], 118, None)
    assert shown("price") == (priced["batch_id"], 1, 119.5)
    assert shown("stock") == (stocked["batch_id"], 0, 3)
    assert story.latest and str(story.latest.change.batch_id) == stocked["batch_id"]
    assert story.origins["title"].source and story.origins["title"].source.key_hint


async def test_an_inactive_product_names_the_full_that_did_not_have_it(client: Client) -> None:
    await client.load(catalogue(120))
    full = await client.load(catalogue(119))
    story = await read_story(client.hub.reads, _PHARMACY, 120)
    assert story and story.deactivation and story.deactivation.source
    assert (str(story.deactivation.source.batch_id), story.deactivation.source.position) == (full["batch_id"], None)
    assert await read_story(client.hub.reads, _PHARMACY, 121) is None


async def test_an_origin_of_the_stock_that_a_deleted_change_may_hide_is_not_claimed(client: Client) -> None:
    await client.load(catalogue(3))
    await client.load([product(2, PRICE=5, QUANTITY=9)], "delta")
    async with client.hub.database.transaction() as connection:
        await connection.execute("UPDATE product_changes SET at = at - interval '20 days'")
        rows = await connection.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = 'product_changes_stock'::regclass AND c.relname NOT LIKE '%default'"
        )
        assert await rows.fetchall()
    story = await read_story(client.hub.reads, _PHARMACY, 2)
    assert story and "stock" not in story.origins and "price" in story.origins


async def test_an_absent_product_is_explained(client: Client) -> None:
    async def why(product_id: int) -> Absence:
        return explain_absence(await search(client, product_id))

    assert (await client.http.get("/v1/products/9", headers={"X-Api-Key": client.key})).status_code == 404
    assert await why(9) is Absence.NO_BATCHES
    await client.load(catalogue(3))
    assert await why(9) is Absence.NEVER_RECEIVED
    await client.load([product(9, TITLE="")], "delta")
    assert await why(9) is Absence.REJECTED
    found = await search(client, 9)
    assert [(each.code, each.position) for each in found.refusals] == [("title_missing", 0)]


@pytest.mark.parametrize(
    ("status", "expected"),
    [("PENDING", Absence.WAITING), ("FAILED", Absence.DEAD), ("CANCELLED", Absence.CANCELLED)],
)
async def test_a_chunk_that_was_not_applied_explains_its_products(
    client: Client, status: str, expected: Absence
) -> None:
    await client.load(catalogue(3))
    async with client.hub.database.transaction() as connection:
        await connection.execute("UPDATE batch_chunks SET status = %s", [status])
        await connection.execute("DELETE FROM products WHERE product_id = 2")
    assert explain_absence(await search(client, 2)) is expected


async def test_a_search_is_bounded_and_goes_on_from_where_it_stopped(client: Client) -> None:
    for price in range(1, 8):
        await client.load([product(7, PRICE=price)], "delta")
    first = await search(client, 7, batches=3)
    assert ([seq for seq, _, _ in outcomes(first)], first.window.has_older) == ([7, 6, 5], True)
    older = await search(client, 7, first.window.first_seq, batches=3)
    assert ([seq for seq, _, _ in outcomes(older)], older.window.has_older) == ([4, 3, 2], True)
    last = await search(client, 7, older.window.first_seq, batches=3)
    assert ([seq for seq, _, _ in outcomes(last)], last.window.has_older) == ([1], False)


async def test_a_search_reads_at_least_one_batch_and_then_no_more_records_than_its_limit(client: Client) -> None:
    for size in (30, 20, 10):
        await client.load(catalogue(size), "delta")
    assert (await search(client, 7, records=1)).window.batches == 1
    assert (await search(client, 7, records=10)).window.batches == 1
    assert (await search(client, 7, records=11)).window.batches == 2
    assert (await search(client, 7, records=30)).window.batches == 2
    assert (await search(client, 7, records=31)).window.batches == 3


async def test_a_search_says_which_batches_it_could_not_read(client: Client) -> None:
    await client.load(catalogue(30), "delta")
    broken = await client.load(b'[{"PRODUCTID": 7, "TITLE": "x"', "delta")
    assert broken["status"] == "FAILED"
    async with client.hub.database.transaction() as connection:
        await connection.execute("DELETE FROM batch_chunks")
        await connection.execute("UPDATE batches SET rows_removed_at = now() WHERE status <> 'FAILED'")
    window = (await search(client, 7)).window
    assert (window.batches, window.broken, window.removed, window.unsplit) == (2, 1, 1, 0)


async def test_a_refusal_is_found_after_the_ids_of_its_batch_are_deleted(client: Client) -> None:
    await client.load([product(3), product(7, PRICE="x")], "delta")
    async with client.hub.database.transaction() as connection:
        await connection.execute("DELETE FROM batch_chunks")
        await connection.execute("UPDATE batches SET rows_removed_at = now()")
    found = await search(client, 7)
    assert (found.appearances, found.refused, explain_absence(found)) == ([], 1, Absence.REJECTED)


async def test_records_without_a_readable_id_are_found_by_their_ean(client: Client) -> None:
    unreadable = [product(2, PRODUCTID="A-7", EAN="7896004703398"), product(3, PRODUCTID="A-8", EAN="")]
    await client.load([product(1), *unreadable], "delta")
    window, refusals = await provenance.find_refusals(client.hub.reads, _PHARMACY, "7896004703398", _LIMITS)
    assert [(each.code, each.position) for each in refusals] == [("product_id_invalid", 1)]
    assert window.batches == 1
    assert (await provenance.find_refusals(client.hub.reads, _PHARMACY, "", _LIMITS))[1] == []


async def test_a_batch_that_is_not_split_is_counted_as_such(settings: Settings) -> None:
    async with running(settings, [step for step in STEPS if step != "split"]) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        await client.post(catalogue(3))
        window = (await search(client, 2)).window
        assert (window.batches, window.unsplit, window.broken) == (1, 1, 0)


async def test_the_record_of_a_compressed_body_is_read_after_its_chunk_is_deleted(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [product(n, DESCRIPTION=secrets.token_hex(900)) for n in range(1, 301)]
    headers = {"Content-Encoding": "gzip"}
    batch = await client.load(gzip.compress(json.dumps(records).encode()), **headers)
    async for name in client.hub.storage.list("chunks/"):
        await client.hub.storage.delete(name)
    (record,) = await raw(client, 299, batch)
    assert json.loads(record.content) == records[298]
    monkeypatch.setattr("integrahub.reports.raw_records._MAX_DECODED_BYTES", 1000)
    (place,) = await provenance.find_records(client.hub.reads, _PHARMACY, 299, UUID(batch["batch_id"]))
    assert await read_raw_records(client.hub.storage, place) is WhyUnread.TOO_FAR


async def test_a_replay_is_a_batch_of_its_own_with_the_same_records(client: Client) -> None:
    first = await client.load(catalogue(120))
    await client.load([product(7, PRICE=9)], "delta")
    answer = await client.http.post(f"/v1/batches/{first['batch_id']}/replay", headers={"X-Admin-Api-Key": ADMIN})
    replay = await client.finished(answer.json()["batch_id"])
    found = await search(client, 7)
    assert [(seq, outcome) for seq, outcome, _ in outcomes(found)] == [
        (3, Outcome.UNCHANGED),
        (2, Outcome.UPDATED),
        (1, Outcome.INSERTED),
    ]
    (record,) = await raw(client, 7, replay)
    assert json.loads(record.content) == product(7)


async def test_without_recorded_values_no_origin_is_claimed(settings: Settings) -> None:
    async with running(settings.model_copy(update={"history": False}), list(STEPS)) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        await client.load(catalogue(3))
        assert (await read_story(client.hub.reads, _PHARMACY, 2)).origins["price"]  # type: ignore[union-attr]
        await client.load([product(2, PRICE=1)], "delta")
        story = await read_story(client.hub.reads, _PHARMACY, 2)
        assert story and not story.origins and story.latest and story.latest.change.seq == 2

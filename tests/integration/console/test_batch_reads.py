"""List of batches and the page of one: filters, orders and pages, and the record behind each issue."""

import gzip
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from integrahub.db.batches import reports
from integrahub.db.console import batches
from integrahub.db.console.batches import IssuePage, ListFilter, ListPage, Sort
from integrahub.db.database import Database
from integrahub.domain.batches import BatchStatus, LoadType
from integrahub.domain.ids import expand_id_prefix
from integrahub.domain.views.raw_record import mark_member
from integrahub.reports.stored_records import read_excerpt, read_record
from integrahub.storage.bodies import StoredBody
from tests.integration.conftest import CNPJ, Client

_PHARMACIES = """INSERT INTO pharmacies (cnpj, name)
VALUES ('00000000000191', 'Drogaria Áurea 100%'), ('05927228000145', 'Farmácia Sol')"""
_BATCHES = """INSERT INTO batches (id, pharmacy_id, received_seq, load_type, bytes, sha256, status, received_at,
  finished_at, items_total, rejected, error_code)
SELECT ('019ca8a2-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 1 + n % 2, n,
  CASE WHEN n % 3 = 0 THEN 'full' ELSE 'delta' END, 1, '', CASE WHEN n % 5 = 0 THEN 'FAILED' ELSE 'COMPLETED' END,
  start + make_interval(mins => n), start + make_interval(mins => 2 * n),
  n, n % 4, CASE WHEN n % 5 = 0 THEN 'body_truncated' END
FROM generate_series(1, 60) n, (SELECT '2026-11-26 12:00Z'::timestamptz AS start) s"""


@pytest.fixture
async def filled(database: Database) -> Database:
    async with database.transaction() as connection:
        await connection.execute(_PHARMACIES)
        await connection.execute(_BATCHES)
    return database


async def _numbers(database: Database, filters: ListFilter, sort: Sort = "-received", limit: int = 7) -> list[int]:
    """Return the numbers of all batches that match, read page by page."""
    found: list[int] = []
    after = None
    while rows := await batches.list_page(database, filters, ListPage(sort, limit, after)):
        found += [row.id.int & 0xFFFF for row in rows]
        after = (rows[-1].received_at, rows[-1].sort_key, rows[-1].id)
    return found


async def test_pages_follow_each_other_in_every_order(filled: Database) -> None:
    everything = ListFilter()
    assert await _numbers(filled, everything) == list(range(60, 0, -1))
    assert await _numbers(filled, everything, "received") == list(range(1, 61))
    assert await _numbers(filled, everything, "duration") == list(range(60, 0, -1))
    assert await _numbers(filled, everything, "records") == list(range(60, 0, -1))
    ranked = await _numbers(filled, everything, "rejected")
    assert ranked == sorted(range(1, 61), key=lambda number: (-(number % 4), -number))


async def test_a_name_of_few_pharmacies_becomes_the_pharmacies(
    filled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, pharmacies in (("aurea", (1,)), ("A", (1, 2)), ("zzz", ())):
        filters = await batches.resolve_name(filled, ListFilter(name=name))
        assert filters == ListFilter(pharmacies=pharmacies)
        assert await _numbers(filled, filters) == await _numbers(filled, ListFilter(name=name))
    monkeypatch.setattr(batches, "MAX_NAMED", 1)
    assert await batches.resolve_name(filled, ListFilter(name="A")) == ListFilter(name="A")
    assert await batches.resolve_name(filled, ListFilter(cnpj=CNPJ)) == ListFilter(cnpj=CNPJ)


async def test_each_filter_finds_its_batches(filled: Database) -> None:
    start = (await batches.list_page(filled, ListFilter(), ListPage("received", 1)))[0].received_at - timedelta(
        minutes=1
    )
    numbers = range(60, 0, -1)
    assert await _numbers(filled, ListFilter(cnpj=CNPJ)) == [n for n in numbers if n % 2]
    assert await _numbers(filled, ListFilter(name="aurea 100%")) == [n for n in numbers if not n % 2]
    assert await _numbers(filled, ListFilter(name="aurea_100")) == []
    assert await _numbers(filled, ListFilter(load_type=LoadType.FULL)) == [n for n in numbers if not n % 3]
    assert await _numbers(filled, ListFilter(statuses=(BatchStatus.FAILED,))) == [n for n in numbers if not n % 5]
    assert await _numbers(filled, ListFilter(error="body_truncated")) == [n for n in numbers if not n % 5]
    assert await _numbers(filled, ListFilter(ids=expand_id_prefix("019ca8a2-0000-7000-8000-00000000000a"))) == [10]
    since, until = start + timedelta(minutes=10), start + timedelta(minutes=20)
    assert await _numbers(filled, ListFilter(since=since, until=until)) == list(range(19, 9, -1))
    both = ListFilter(cnpj=CNPJ, statuses=(BatchStatus.FAILED, BatchStatus.PARTIAL_FAIL))
    assert await _numbers(filled, both, "records") == [55, 45, 35, 25, 15, 5]


def _catalogue(count: int) -> list[dict[str, Any]]:
    return [{"PRODUCTID": number, "TITLE": f"Produto {number}", "PRICE": 1.5} for number in range(1, count + 1)]


async def test_a_rejected_record_is_read_from_its_chunk_and_its_field_is_marked(client: Client) -> None:
    records = _catalogue(120)
    records[110] |= {"PRICE": "caro"}
    records[3] |= {"TITLE": ""}
    batch = await client.load(records)
    database, storage = client.hub.all_tenants, client.hub.storage
    batch_id = UUID(batch["batch_id"])
    issues = await batches.list_issues(database, batch_id, IssuePage())
    assert [(issue.position, issue.field) for issue in issues] == [(3, "TITLE"), (110, "PRICE")]
    place = await batches.find_place(database, batch_id, issues[1].chunk)
    assert place
    record = await read_record(storage, place, 110)
    assert record and json.loads(record) == records[110]
    assert mark_member(record, issues[1].key).marked == '"PRICE": "caro"'
    assert await read_record(storage, place, 3) is None  # of another chunk


async def test_issues_are_paged_and_filtered_by_severity_and_code(client: Client) -> None:
    records = _catalogue(30)
    for record in records[::3]:
        record["TITLE"] = ""
    for record in records[1::3]:
        record["PRICE"] = "caro"
    batch_id = UUID((await client.load(records))["batch_id"])
    database = client.hub.all_tenants
    counts = {(count.code, count.field): count.count for count in await batches.count_issues(database, batch_id)}
    found: list[int] = []
    after = None
    while issues := await batches.list_issues(database, batch_id, IssuePage(after=after, limit=4)):
        found += [issue.position for issue in issues]
        after = (issues[-1].position, issues[-1].field, issues[-1].code)
    assert found == [position for position in range(30) if position % 3 != 2]
    codes = {code for code, _ in counts}
    for code in codes:
        of_code = await batches.list_issues(database, batch_id, IssuePage(code=code))
        assert {issue.code for issue in of_code} == {code}
        assert len(of_code) == sum(count for (each, _), count in counts.items() if each == code)
    rejected = await batches.list_issues(database, batch_id, IssuePage(severity="rejected"))
    assert len(rejected) == 20


async def test_the_page_of_a_batch_knows_its_neighbours_and_its_replays(client: Client) -> None:
    ids = [UUID((await client.load(_catalogue(count), "delta"))["batch_id"]) for count in (5, 6, 7, 8)]
    queued = await client.hub.replay().replay_batch(ids[1])
    await client.finished(str(queued.id))
    database = client.hub.all_tenants
    facts = await batches.find_facts(database, ids[1])
    assert facts and facts.has_body and facts.split_at and not facts.open_letters
    neighbours, operations = await batches.list_related(database, facts)
    assert [batch.id for batch in neighbours] == [ids[0], ids[2], ids[3]]
    assert [batch.id for batch in operations] == [queued.id]
    assert await batches.find_facts(database, UUID(int=1)) is None


async def test_chunks_are_listed_in_order_and_those_in_trouble_alone(client: Client) -> None:
    batch_id = UUID((await client.load(_catalogue(180)))["batch_id"])
    database = client.hub.all_tenants
    async with database.transaction() as connection:
        await connection.execute(
            "UPDATE batch_chunks SET attempts = 1, attempt_log = %s WHERE batch_id = %s AND number = 2",
            ('[{"at": "2026-11-26T00:00:00Z", "error": "Boom", "culprit": "merge"}]', batch_id),
        )
    first = await batches.list_chunks(database, batch_id, -1, 2, only_troubled=False)
    rest = await batches.list_chunks(database, batch_id, first[-1].number, 50, only_troubled=False)
    assert [chunk.number for chunk in first + rest] == [0, 1, 2, 3]
    assert sum(chunk.records for chunk in first + rest) == 180
    troubled = await batches.list_chunks(database, batch_id, -1, 50, only_troubled=True)
    assert [(chunk.number, chunk.attempt_log[0].error) for chunk in troubled] == [(2, "Boom")]


@pytest.mark.parametrize("encoding", ["", "gzip"])
async def test_the_place_where_a_body_ends_early_is_shown(client: Client, encoding: str) -> None:
    body = json.dumps(_catalogue(3000)).encode()[:-1500]
    assert len(body) > 1 << 16  # not stored in the row
    headers = {"Content-Encoding": "gzip"} if encoding else {}
    batch = await client.load(gzip.compress(body) if encoding else body, **headers)
    assert batch["error"]["code"] == "body_truncated"
    batch_id = UUID(batch["batch_id"])
    place = await batches.find_body(client.hub.all_tenants, batch_id)
    report = await reports.show(client.hub.all_tenants, batch_id)
    assert place and report and report.error_offset is not None
    stored = StoredBody(place.location, place.content, place.media_type, place.encoding)
    excerpt = await read_excerpt(client.hub.storage, stored, report.error_offset)
    assert excerpt and body.decode().endswith(excerpt.before + excerpt.marked + excerpt.after)
    assert len(excerpt.before) > 100 and excerpt.is_cut_before and not excerpt.is_cut_after

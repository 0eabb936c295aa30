"""Fast path: small FULLs have the same result as on the normal path, and decide the same about absent products."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from integrahub.db.batches import fast_path
from integrahub.domain.batches import LoadType
from integrahub.pipeline.split.chunker import SplitLimits
from integrahub.settings.model import Settings
from tests.crash.client import cnpj_of
from tests.integration.conftest import CNPJ, Client, running
from tests.integration.test_flow import catalogue, product

_COUNTERS = "inserted, updated, unchanged, merged, rejected, reactivated, warnings, items_total, unreadable_ids"
_OWN = "{pharmacy_id,batch_id,updated_at,created_at,deactivated_at,last_seen_at,record_hash}"
_BATCHES = f"""SELECT received_seq, status, stage, error_code, chunks_left, {_COUNTERS}, deactivated,
  deactivation_state, deactivation_candidates, deactivation_active, deactivation_reason, deactivation_facts,
  absence_proven, read_zone, split_at IS NOT NULL AS is_split, error_facts
FROM batches WHERE pharmacy_id = %s ORDER BY received_seq"""
_OF_BATCH = "(SELECT received_seq FROM batches b WHERE b.id = x.batch_id)"
_STATE = (
    _BATCHES,
    f"""SELECT to_jsonb(x) - '{_OWN}'::text[] AS product, {_OF_BATCH}, deactivated_at IS NULL AS is_active,
      last_seen_at IS NULL AS is_seen, record_hash IS NULL AS is_hashed
    FROM products x WHERE pharmacy_id = %s ORDER BY product_id""",
    f"""SELECT seq, product_id, kind, stock_only, fields, {_OF_BATCH} FROM product_changes x WHERE pharmacy_id = %s
    ORDER BY seq, product_id""",
    f"""SELECT {_OF_BATCH}, position, byte_offset, severity, product_id, field, code, value FROM record_issues x
    WHERE batch_id IN (SELECT id FROM batches WHERE pharmacy_id = %s) ORDER BY 1, 2, 6""",
    """SELECT has_products, (
      SELECT received_seq FROM batches b WHERE b.pharmacy_id = p.id AND b.received_at = full_seen_at) AS seen
    FROM pharmacies p WHERE id = %s""",
)
_SEEN = """SELECT b.received_seq FROM pharmacies p
JOIN batches b ON b.pharmacy_id = p.id AND b.received_at = p.full_seen_at WHERE p.id = %s"""
_FAST = """SELECT b.received_seq FROM batch_chunks c JOIN batches b ON b.id = c.batch_id
WHERE b.pharmacy_id = %s AND c.worker_id IS NOT NULL AND c.dispatched_at IS NULL ORDER BY 1"""


@dataclass(frozen=True)
class _Post:
    body: Any
    load_type: str = "full"
    headers: dict[str, str] = field(default_factory=dict)


def _without(*ids: int, count: int = 40) -> list[dict[str, Any]]:
    return [product(n, CNPJ="") for n in range(1, count + 1) if n not in ids]


def _posts() -> list[_Post]:
    """Return loads that insert, change, reject, repeat, hold, replace a hold, deactivate and bring back."""
    first = _without()
    odd = [
        *_without(3, 7, 9),
        product(3, CNPJ="", PRICE="x"),
        product(7, CNPJ="", PRICEPROMO=2),
        product(7, CNPJ="", PRICEPROMO=1),
        product(50, CNPJ="", FOO={"a": 1}),
    ]
    ndjson = "\n".join(json.dumps(record) for record in _without(40)).encode()
    lines = {"Content-Type": "application/x-ndjson"}
    counted = lines | {"X-Inova-Item-Count": "39"}
    wide = [record | {"DESCRIPTION": "x" * 4000} for record in _without(12, count=39)]
    return [
        _Post(first),
        _Post([product(5, CNPJ="", INDICE=3), *_without(5, 38, 39, 40), product(41, CNPJ="")]),  # deactivates three
        _Post(odd),  # a product that only a rejected record names stays active
        _Post(odd),
        _Post([*_without(11), {"TITLE": "no id"}]),  # held: an id cannot be read
        _Post([{"PRODUCTID": 2, "PRICE": 3}], "delta"),
        _Post(_without(*range(1, 25))),  # held: too many
        _Post(_without(count=45)),  # replaces the hold
        _Post(_without(1), headers={"X-Inova-Item-Count": "7"}),  # held: another count
        _Post(ndjson, headers=lines),  # held: the end cannot be seen
        _Post(ndjson, headers=counted),
        _Post(gzip.compress(json.dumps(_without(4)).encode()), headers={"Content-Encoding": "gzip"}),
        _Post([product(1, CNPJ="", PRICE="x")]),  # nothing applied
        _Post(wide),  # an object, not a row
        _Post(wide),
    ]


_MIN_FULLS = "integrahub.pipeline.split.fast_path.MIN_FULLS_PER_TRANSACTION"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a FULL that waits alone take the fast path."""
    monkeypatch.setattr(_MIN_FULLS, 1)


async def _rows(client: Client, statement: str, value: Any) -> list[tuple[Any, ...]]:
    async with client.hub.database.transaction() as connection:
        cursor = await connection.execute(statement.encode(), [value])
        return [tuple(row.values()) for row in await cursor.fetchall()]


async def _new_pharmacy(client: Client, number: int) -> tuple[Client, int]:
    cnpj = cnpj_of(number)
    key = (await client.admin("POST", f"/admin/pharmacies/{cnpj}/api-key"))["api_key"]
    [(pharmacy_id,)] = await _rows(client, "SELECT id FROM pharmacies WHERE cnpj = %s", cnpj)
    return replace(client, key=key), pharmacy_id


async def _load_all(client: Client, pharmacy_id: int) -> list[list[tuple[Any, ...]]]:
    for number, post in enumerate(_posts()):
        await client.load(post.body, post.load_type, **post.headers, **{"Idempotency-Key": str(number)})
    return [await _rows(client, statement, pharmacy_id) for statement in _STATE]


async def test_small_fulls_end_as_on_the_normal_path(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    one, first = await _new_pharmacy(client, 1)
    fast = await _load_all(one, first)
    taken = [seq for (seq,) in await _rows(client, _FAST, first)]
    assert taken == list(range(1, len(_posts()) + 1))

    async def none(*_: Any) -> list[Any]:
        return []

    monkeypatch.setattr(fast_path, "claim_fulls", none)
    other, second = await _new_pharmacy(client, 2)
    normal = await _load_all(other, second)
    assert [seq for (seq,) in await _rows(client, _FAST, second)] == [6]  # the DELTA
    for got, expected in zip(fast, normal, strict=True):
        assert got == expected
    states = await _rows(client, "SELECT deactivation_state FROM batches WHERE pharmacy_id = %s ORDER BY id", first)
    assert [state for (state,) in states] == [
        *("none", "applied", "applied", "none", "superseded", "none", "superseded", "applied"),
        *("superseded", "superseded", "applied", "applied", "none", "applied", "none"),
    ]
    assert [await _rows(client, statement, first) for statement in _STATE] == fast  # the other pharmacy changed nothing


@pytest.fixture
async def idle(settings: Settings) -> AsyncIterator[Client]:
    """Yield a hub without workers."""
    async with running(settings, []) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield client


async def _posted(client: Client, *bodies: Any) -> list[UUID]:
    return [UUID((await client.post(body)).json()["batch_id"]) for body in bodies]


async def _settled(client: Client, ids: list[UUID]) -> list[bool]:
    """Return which of these batches the fast path makes final as one group."""
    small = client.hub.fast_path(uuid4(), LoadType.FULL, SplitLimits(chunk_size=50))
    return list(await asyncio.gather(*map(small, ids)))


async def test_fulls_of_many_pharmacies_share_a_transaction(idle: Client) -> None:
    clients = [await _new_pharmacy(idle, number) for number in range(1, 6)]
    ids = [(await _posted(client, _without()))[0] for client, _ in clients]
    assert await _settled(idle, ids) == [True] * 5
    [(groups, inserted)] = await _rows(
        idle, "SELECT count(DISTINCT finished_at), sum(inserted) FROM batches WHERE finished_at < %s", "infinity"
    )
    assert (groups, inserted) == (1, 200)


async def test_fulls_end_after_their_changes(idle: Client) -> None:
    clients = [await _new_pharmacy(idle, number) for number in range(1, 6)]
    for body in (_without(), [record | {"PRICE": 99} for record in _without()]):
        assert await _settled(idle, [(await _posted(client, body))[0] for client, _ in clients]) == [True] * 5
    ended = (
        "SELECT FROM products p JOIN batches b ON b.id = p.batch_id WHERE p.updated_at > b.finished_at AND p.price < %s"
    )
    assert await _rows(idle, ended, 100) == []


async def test_a_body_that_is_perhaps_no_catalogue_goes_the_normal_way(
    idle: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrahub.pipeline.split.small_bodies.MAX_UNREADABLE", 10)
    (one, _), (other, _) = [await _new_pharmacy(idle, number) for number in (1, 2)]
    unreadable = [{"TITLE": "no id"}]
    ids = [*await _posted(one, unreadable * 11), *await _posted(other, [*unreadable * 10, *_without(count=20)])]
    assert await _settled(idle, ids) == [False, True]


async def test_a_held_full_is_not_seen_and_stays_held_when_another_pharmacys_full_ends(idle: Client) -> None:
    (one, first), (other, _) = [await _new_pharmacy(idle, number) for number in (1, 2)]
    for client, body in ((one, _without()), (one, _without(*range(1, 30))), (other, _without())):
        assert await _settled(client, await _posted(client, body)) == [True]
    states = await _rows(idle, "SELECT deactivation_state FROM batches WHERE pharmacy_id = %s ORDER BY 1", first)
    assert states == [("held",), ("none",)]
    assert await _rows(idle, _SEEN, first) == [(1,)]  # not by the FULL that is held


async def test_a_full_waits_for_the_earlier_batches_of_its_pharmacy(idle: Client) -> None:
    ids = await _posted(idle, _without(), _without(3))
    assert await _settled(idle, ids) == [True, False]
    assert await _settled(idle, ids) == [False, True]
    assert (await idle.finished(str(ids[1])))["deactivated"] == 1


async def test_a_full_in_parts_or_of_several_chunks_goes_the_normal_way(idle: Client) -> None:
    assert await _settled(idle, await _posted(idle, catalogue(51))) == [False]
    [(stage, token)] = await _rows(idle, "SELECT stage, claim_token FROM batches WHERE finished_at IS NULL LIMIT %s", 1)
    assert (stage, token) == ("received", None)
    one, _ = await _new_pharmacy(idle, 7)
    await idle.admin("PUT", f"/admin/pharmacies/{cnpj_of(7)}", {"full_window_minutes": 5})
    other, _ = await _new_pharmacy(idle, 8)
    ids = [*await _posted(one, _without()), *await _posted(other, _without())]
    assert await _settled(one, ids) == [False, True]
    assert await one.products() == {}


async def test_a_window_that_is_set_after_the_claim_is_obeyed(idle: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = fast_path.claim_fulls

    async def set_meanwhile(*given: Any) -> Any:
        claims = await claim(*given)
        await idle.admin("PUT", f"/admin/pharmacies/{CNPJ}", {"full_window_minutes": 5})
        return claims

    monkeypatch.setattr(fast_path, "claim_fulls", set_meanwhile)
    assert await _settled(idle, await _posted(idle, _without())) == [False]
    assert await idle.products() == {}


async def test_a_full_that_is_cancelled_while_it_is_applied_leaves_nothing(
    idle: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge = fast_path.merge_chunks

    async def cancelled_meanwhile(connection: Any, chunks: Any, *rest: Any) -> Any:
        counters = await merge(connection, chunks, *rest)
        await idle.hub.decisions().cancel(chunks[0].batch_id)
        return counters

    monkeypatch.setattr(fast_path, "merge_chunks", cancelled_meanwhile)
    ids = await _posted(idle, _without())
    assert await _settled(idle, ids) == [False]
    assert ((await idle.finished(str(ids[0])))["status"], await idle.products()) == ("CANCELLED", {})


async def test_a_dry_run_of_a_small_full_goes_the_normal_way(client: Client) -> None:
    await client.load(_without())
    batch = await client.load(_without(3), **{"X-Inova-Dry-Run": "true"})
    assert (batch["status"], len(await client.products())) == ("COMPLETED", 40)


async def test_a_full_that_waits_alone_goes_the_normal_way(idle: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_MIN_FULLS, 2)
    (one, _), (other, _) = [await _new_pharmacy(idle, number) for number in (1, 2)]
    ids = [*await _posted(one, _without()), *await _posted(other, _without())]
    assert await _settled(idle, ids[:1]) == [False]
    assert await _settled(idle, ids) == [True, True]

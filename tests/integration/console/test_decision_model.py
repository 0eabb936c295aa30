"""The evidence and the products of a decision, compared with a model on random catalogues and loads."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import UUID

import msgspec
import pytest

from integrahub.db.console import decisions
from integrahub.db.console.batch_rows import AbsentLine, Decision
from integrahub.db.console.decisions import ProductPage, ProductSort
from integrahub.db.database import Database

_RECEIVED = datetime(2026, 11, 26, 12, tzinfo=UTC)
_FIRST = 5  # the number of the held FULL
_CATEGORIES = ("PERFUMARIA", "HIGIENE", "GENÉRICOS")  # of which some products are present
_BATCH = """INSERT INTO batches (id, pharmacy_id, received_seq, origin_seq, kind, load_type, bytes, sha256, status,
  finished_at, received_at, deactivation_state) VALUES (%(id)s, %(pharmacy)s, %(seq)s, %(origin)s, %(kind)s, %(type)s,
  1, '', 'COMPLETED', now(), %(received)s, %(state)s)"""
_CHUNK = (
    """INSERT INTO batch_chunks (batch_id, number, location, records, ids, hashes) VALUES (%s, %s, 'x', 1, %s, '{}')"""
)
_PRODUCT = """INSERT INTO products (pharmacy_id, product_id, batch_id, title, category, ean, stock, price, updated_at,
  is_active) VALUES (%(pharmacy)s, %(id)s, %(batch)s, %(title)s, %(category)s, %(ean)s, %(stock)s, %(price)s,
  %(updated)s, %(is_active)s)"""


class _Product(msgspec.Struct, frozen=True):
    id: int
    title: str
    category: str
    ean: str
    stock: int | None
    price: int | None
    updated: datetime
    is_active: bool
    is_absent: bool

    def is_listed(self, page: ProductPage) -> bool:
        in_stock = not page.in_stock or bool(self.stock)
        is_match = page.q is None or page.q.upper() in self.title.upper() or page.q in (self.ean, str(self.id))
        return self.is_active and self.is_absent and in_stock and is_match

    def key(self, sort: ProductSort) -> tuple[float, int]:
        values = {"stock": -(self.stock or 0), "price": -(self.price or 0), "updated": -self.updated.timestamp()}
        return values.get(sort, 0), self.id


def _batch_id(seq: int) -> UUID:
    return UUID(f"019ca8a2-0000-7000-8000-{seq:012x}")


async def _fill(database: Database, chance: random.Random) -> list[_Product]:
    """Store a held FULL, loads before and after it, and a catalogue; return the products."""
    ids = range(1, 121)
    sent: dict[int, list[int]] = {seq: chance.sample(ids, 10) for seq in range(1, 12)}
    sent[_FIRST] = chance.sample(ids, 50)
    # The replay of a load before the FULL counts by its origin, a dry run and another pharmacy's load not at all.
    origins, kinds, pharmacies = {8: 3, 9: 6}, {8: "replay", 9: "replay", 10: "dry_run"}, {11: 2}
    counted = {seq for seq in sent if origins.get(seq, seq) >= _FIRST and kinds.get(seq) != "dry_run" and seq != 11}
    present = {product for seq in counted for product in sent[seq]}
    products = [
        _Product(
            number,
            f"{chance.choice(['Água', 'Xampu'])} {number}",
            chance.choice(_CATEGORIES if number in present else [*_CATEGORIES, "", "SÓ AUSENTES", "SEM ESTOQUE"]),
            chance.choice(["", f"78960047{number:05d}"]),
            chance.choice([None, 0, 1, 2]),
            chance.choice([None, 0, 5, 7]),
            _RECEIVED - timedelta(hours=chance.randrange(0, 24 * 14)),
            chance.random() > 0.1,
            number not in present,
        )
        for number in ids
    ]
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO pharmacies (cnpj, name) VALUES ('1', 'A'), ('2', 'B')")
        for seq, chosen in sent.items():
            await connection.execute(
                _BATCH,
                {"id": _batch_id(seq), "pharmacy": pharmacies.get(seq, 1), "seq": seq, "origin": origins.get(seq)}
                | {"kind": kinds.get(seq, "load"), "type": "full" if seq == _FIRST else "delta", "received": _RECEIVED}
                | {"state": "held" if seq == _FIRST else "none"},
            )
            signed = [number * chance.choice([1, -1]) for number in chosen]
            for number, part in enumerate((signed[:7], signed[7:])):
                await connection.execute(_CHUNK, (_batch_id(seq), number, part))
        for product in products:
            values = msgspec.structs.asdict(product)
            for pharmacy in (1, 2):
                await connection.execute(_PRODUCT, values | {"pharmacy": pharmacy, "batch": _batch_id(product.id % 9)})
    return products


async def _read_all(database: Database, decision: Decision, **filters: Any) -> list[AbsentLine]:
    lines: list[AbsentLine] = []
    after = None
    while rows := await decisions.list_absent(database, decision, ProductPage(after=after, limit=7, **filters)):
        assert after is None or (rows[0].sort_key, rows[0].product_id) > after
        lines += rows
        after = (rows[-1].sort_key, rows[-1].product_id)
    return lines


@pytest.mark.parametrize("seed", range(3))
async def test_evidence_and_products_are_those_of_the_model(database: Database, seed: int) -> None:
    products = [product for product in await _fill(database, random.Random(seed)) if product.is_active]
    decision = await decisions.find(database, _batch_id(_FIRST))
    assert decision
    absent = [product for product in products if product.is_absent]
    evidence = await decisions.find_evidence(database, decision)
    week = _RECEIVED - timedelta(days=7)
    assert (evidence.counts.active, evidence.counts.absent) == (len(products), len(absent))
    assert evidence.counts.in_stock == sum(bool(product.stock) for product in absent)
    assert evidence.counts.recent == sum(product.updated > week for product in absent)
    assert (await decisions.count_absent(database, decision)).absent == len(absent)
    brought = {product.category for product in products if not product.is_absent} | {""}
    whole = Counter(product.category for product in absent if product.category not in brought)
    ranked = sorted(whole.items(), key=lambda one: (-one[1], one[0]))
    assert [(found.category, found.count) for found in evidence.categories] == ranked and ranked
    for sort in get_args(ProductSort):
        for filters in ({}, {"in_stock": True}, {"q": "xampu"}, {"q": "33"}, {"q": "33", "in_stock": True}):
            page = ProductPage(sort=sort, **filters)
            listed = sorted((p for p in products if p.is_listed(page)), key=lambda one: one.key(sort))
            lines = await _read_all(database, decision, sort=sort, **filters)
            assert [line.product_id for line in lines] == [product.id for product in listed], (sort, filters)
            assert [line.stock for line in lines] == [product.stock for product in listed]
            assert all((line.batch_type is None) == (line.product_id % 9 == 0) for line in lines)

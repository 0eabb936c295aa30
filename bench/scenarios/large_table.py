"""FULL loads with a small and with a very large products table."""

from collections.abc import Iterator

import psycopg

from bench.catalogue import Catalogue
from bench.hub import Hub, running_hub
from bench.measurement import Line
from bench.peers.ours import Ours
from bench.sizes import Sizes
from integrahub.tools.loadtest.payloads import load_real_cnpjs

_COLUMNS = """SELECT string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position)
FROM information_schema.columns
WHERE table_name = 'products' AND column_name <> 'pharmacy_id' AND is_generated = 'NEVER'"""
_COPIES = """INSERT INTO products (pharmacy_id, {columns}) SELECT -g, {columns}
FROM products p, generate_series(%(first)s::bigint, %(last)s::bigint) g
WHERE p.pharmacy_id = (SELECT id FROM pharmacies WHERE cnpj = %(cnpj)s)"""
_FILLER, _BEFORE, _AFTER = load_real_cnpjs(3)
_COPIES_PER_STATEMENT = 10


def lines(sizes: Sizes) -> Iterator[Line]:
    """Compare new, unchanged and changed loads at the large table with those at the small one."""
    with running_hub() as hub:
        filler = Catalogue(sizes.tenth)
        Ours(hub, _FILLER).apply(filler)
        small = _rates(hub, _BEFORE, sizes.tenth)
        _fill(hub, sizes.table // sizes.tenth)
        large = _rates(hub, _AFTER, sizes.tenth)
    for work, rate in large.items():
        title = f"FULL, {work}, {sizes.table:,} products in the table"
        peer = f"{sizes.tenth:,} in the table"
        yield Line(title, "products/s", rate, peer, small[work], rate / small[work], least=0.85)


def _rates(hub: Hub, cnpj: str, products: int) -> dict[str, float]:
    catalogue, ours, rates = Catalogue(products), Ours(hub, cnpj), {}
    for work in ("all new", "nothing changed", "all changed"):
        if work == "all changed":
            catalogue.raise_all()
        hub.reset_state()
        rates[work] = products / ours.apply(catalogue)
    return rates


def _fill(hub: Hub, copies: int) -> None:
    """Insert copies of the filler's catalogue, each under its own pharmacy."""
    with psycopg.connect(hub.database, autocommit=True) as connection:
        row = connection.execute(_COLUMNS).fetchone()
        assert row
        statement = _COPIES.replace("{columns}", row[0])
        for first in range(1, copies + 1, _COPIES_PER_STATEMENT):
            last = min(first + _COPIES_PER_STATEMENT - 1, copies)
            connection.execute(statement, {"first": first, "last": last, "cnpj": _FILLER})

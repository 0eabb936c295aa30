"""The same FULLs while the table holds little and while it holds very much."""

from collections.abc import Iterator

import psycopg

from bench.catalogue import Catalogue
from bench.hub import Hub, running
from bench.measurement import Line
from bench.peers.ours import Ours
from bench.sizes import Sizes
from integrahub.tools.loadtest.payloads import real_cnpjs

_COLUMNS = """SELECT string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position)
FROM information_schema.columns
WHERE table_name = 'products' AND column_name <> 'pharmacy_id' AND is_generated = 'NEVER'"""
_COPIES = """INSERT INTO products (pharmacy_id, {columns}) SELECT -g, {columns}
FROM products p, generate_series(%(first)s::bigint, %(last)s::bigint) g
WHERE p.pharmacy_id = (SELECT id FROM pharmacies WHERE cnpj = %(cnpj)s)"""
_FILLER, _BEFORE, _AFTER = real_cnpjs(3)
_AT_A_TIME = 10  # copies a statement


def lines(sizes: Sizes) -> Iterator[Line]:
    """New, unchanged and changed: each rate at the full table against the same at the small one."""
    with running() as hub:
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
    catalogue, ours, found = Catalogue(products), Ours(hub, cnpj), {}
    for work in ("all new", "nothing changed", "all changed"):
        if work == "all changed":
            catalogue.raise_all()
        hub.ready()
        found[work] = products / ours.apply(catalogue)
    return found


def _fill(hub: Hub, copies: int) -> None:
    """That many copies of the filler's catalogue, under pharmacies of their own."""
    with psycopg.connect(hub.database, autocommit=True) as connection:
        row = connection.execute(_COLUMNS).fetchone()
        assert row
        statement = _COPIES.replace("{columns}", row[0])
        for first in range(1, copies + 1, _AT_A_TIME):
            last = min(first + _AT_A_TIME - 1, copies)
            connection.execute(statement, {"first": first, "last": last, "cnpj": _FILLER})

"""Reads of clients while a large FULL runs: search, filtered page, change feed, product, history."""

import itertools
import random
import statistics
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import psycopg

from bench.catalogue import Catalogue
from bench.hub import Hub, apply_full, running_hub
from bench.measurement import Line
from bench.sizes import Sizes
from integrahub.client import ApiError, Client
from integrahub.tools.loadtest.payloads import load_real_cnpjs

_COLUMNS = """SELECT string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position)
FROM information_schema.columns
WHERE table_name = 'products' AND column_name NOT IN ('pharmacy_id', 'product_id') AND is_generated = 'NEVER'"""
_COPY_TO_PHARMACIES = """INSERT INTO products (pharmacy_id, product_id, {columns})
SELECT f.copy_id, p.product_id, {columns}
FROM products p, (SELECT id AS copy_id FROM pharmacies WHERE cnpj = ANY(%(to)s)) f
WHERE p.pharmacy_id = (SELECT id FROM pharmacies WHERE cnpj = %(of)s)"""
_COPY_WITHIN = """INSERT INTO products (pharmacy_id, product_id, {columns})
SELECT p.pharmacy_id, p.product_id + 100000000 * g, {columns}
FROM products p, generate_series(%(first)s::bigint, %(last)s::bigint) g
WHERE p.product_id < 100000000 AND p.pharmacy_id = (SELECT id FROM pharmacies WHERE cnpj = %(of)s)"""
_PHARMACIES_PER_STATEMENT = 20
_DELTA = {"X-Inova-Load-Type": "delta", "Content-Type": "application/json"}
_WORDS = ("dipirona", "ácido", "FRALDA", "50mg", "sabonete", "omeprazol", "zzzz")
_SMALL_GOAL, _LARGE_GOAL, _SINGLE_GOAL = 50, 300, 10  # milliseconds
_PAUSE_SECONDS = 1.0  # between the reads of a reader: like clients, they wait between their reads


@dataclass
class _Reader:
    """A client that reads products of one pharmacy by its key, with the milliseconds of each kind of read."""

    client: Client
    cnpj: str
    products: int
    draw: random.Random
    start: str
    times: dict[str, list[float]] = field(default_factory=dict)
    cancelled: dict[str, int] = field(default_factory=dict)
    over_limit: int = 0
    cursor: str = ""

    def run(self, rounds: int) -> "_Reader":
        """Read until the rounds are over, with pauses."""
        # Where the changes of the DELTA follow: the catalogue began before it.
        self.cursor = self.start
        pause = threading.Event()
        for _ in range(rounds):
            for kind, path, query in self._reads():
                pause.wait(_PAUSE_SECONDS * self.draw.uniform(0.5, 1.5))
                self._read(kind, path, query)
        return self

    def _read(self, kind: str, path: str, query: dict[str, Any]) -> None:
        """Read once. A read that the hub cancels at its time limit counts with the time until it says so.

        Several readers share a pharmacy and so its limit of reads at once: one that is over it waits, as a client
        does, and its wait does not count.
        """
        pause, answer = threading.Event(), None
        while answer is None:
            begun = perf_counter()
            try:
                answer = self.client.get(path, **query)
            except ApiError as error:
                if error.status == 429:
                    self.over_limit += 1
                    pause.wait(_PAUSE_SECONDS * self.draw.uniform(0.5, 1.5))
                    continue
                if error.code != "read_too_slow":
                    raise
                self.cancelled[kind] = self.cancelled.get(kind, 0) + 1
                answer = {"next_cursor": self.cursor}
        self.times.setdefault(kind, []).append((perf_counter() - begun) * 1000)
        if kind == "change feed":
            self.cursor = answer["next_cursor"]

    def _reads(self) -> list[tuple[str, str, dict[str, Any]]]:
        product = 10_000_001 + self.draw.randrange(self.products)
        return [
            ("search", "/v1/products", {"q": self.draw.choice(_WORDS)}),
            (
                "filtered page",
                "/v1/products",
                {"in_stock": "true", "price_min": self.draw.randint(1, 90), "sort": "price"},
            ),
            ("change feed", "/v1/products/changes", {"cursor": self.cursor}),
            ("product", f"/v1/products/{product}", {}),
            ("history", f"/v1/products/{product}/history", {}),
        ]


def lines(sizes: Sizes) -> Iterator[Line]:
    """Read as 20 clients, half of them in the largest pharmacy, while one FULL after the other is applied."""
    large, loaded, first, *others = load_real_cnpjs(sizes.many + 2)
    with running_hub() as hub:
        _fill(hub, sizes, large, [first, *others])
        cnpjs = [large if number % 2 else others[number % len(others)] for number in range(sizes.readers)]
        starts = _change_some(hub, sizes, cnpjs)
        readers = _make_readers(hub, sizes, starts, cnpjs)
        stop = threading.Event()
        with ThreadPoolExecutor(sizes.readers + 1) as pool:
            loading = pool.submit(_load_until, hub, loaded, sizes, stop)
            try:
                finished = list(pool.map(lambda reader: reader.run(sizes.read_rounds), readers))
            finally:
                stop.set()
            fulls = loading.result()
    for cnpj, count in (("small", sizes.batch), ("large", sizes.million)):
        group = [reader for reader in finished if (reader.cnpj == large) == (cnpj == "large")]
        yield from _lines_of(group, count, sizes, fulls)


def _make_readers(hub: Hub, sizes: Sizes, starts: dict[str, str], cnpjs: list[str]) -> list[_Reader]:
    paths = {cnpj: f"/admin/pharmacies/{cnpj}/api-key" for cnpj in starts}
    keys = {cnpj: hub.admin.call("POST", path)["api_key"] for cnpj, path in paths.items()}
    clients = [Client(hub.admin.url, keys[cnpj], retries=0) for cnpj in cnpjs]
    return [
        _Reader(client, cnpj, sizes.batch, random.Random(n), starts[cnpj])
        for n, (client, cnpj) in enumerate(zip(clients, cnpjs, strict=True))
    ]


def _lines_of(readers: list[_Reader], count: int, sizes: Sizes, fulls: int) -> Iterator[Line]:
    goal = _LARGE_GOAL if count == sizes.million else _SMALL_GOAL
    for kind in readers[0].times:
        times = sorted(itertools.chain.from_iterable(reader.times[kind] for reader in readers))
        p95 = statistics.quantiles(times, n=20)[-1]
        most = _SINGLE_GOAL if kind in ("product", "history") else goal
        work = f"{kind} in a pharmacy of {count:,}: P95 of {sizes.readers} readers during FULLs of {sizes.tenth * 2:,}"
        cancelled = sum(reader.cancelled.get(kind, 0) for reader in readers)
        median = f"median {statistics.median(times):.1f} ms"
        waits = sum(reader.over_limit for reader in readers)
        note = f"{len(times)} reads, {median}, {cancelled} cancelled, {waits} waits for the limit of all kinds, "
        note += f"{fulls} FULLs meanwhile"
        yield Line(work, "ms", p95, judged=p95, most=most, note=note)


def _fill(hub: Hub, sizes: Sizes, large: str, cnpjs: list[str]) -> None:
    """Load one catalogue through the hub into the first pharmacies, and copy it into the others."""
    catalogue = Catalogue(sizes.batch)
    for cnpj in (large, cnpjs[0]):
        apply_full(hub.admin, cnpj, catalogue.body())
    for cnpj in cnpjs[1:]:
        hub.admin.call("PUT", f"/admin/pharmacies/{cnpj}", json={"name": f"Farmacia {cnpj}"})
    with psycopg.connect(hub.database, autocommit=True) as connection:
        columns = str((connection.execute(_COLUMNS).fetchone() or [""])[0])
        copy = _COPY_TO_PHARMACIES.replace("{columns}", columns)
        for begin in range(1, len(cnpjs), _PHARMACIES_PER_STATEMENT):
            to = cnpjs[begin : begin + _PHARMACIES_PER_STATEMENT]
            connection.execute(copy, {"of": cnpjs[0], "to": to})
        copies = sizes.million // sizes.batch - 1
        within = _COPY_WITHIN.replace("{columns}", columns)
        connection.execute(within, {"first": 1, "last": copies, "of": large})


def _change_some(hub: Hub, sizes: Sizes, cnpjs: list[str]) -> dict[str, str]:
    """Raise a fifth of the prices in each pharmacy; return the cursors of the feeds before these changes."""
    starts, catalogue = {}, Catalogue(sizes.batch)
    catalogue.raise_some(0.2)
    for cnpj in dict.fromkeys(cnpjs):
        starts[cnpj] = _last_cursor(hub, cnpj)
        apply_full(hub.admin, cnpj, catalogue.body(), _DELTA)
    hub.reset_state()
    return starts


def _last_cursor(hub: Hub, cnpj: str) -> str:
    page = hub.admin.get("/v1/products/changes", cnpj=cnpj, limit=1000)
    while page["has_more"]:
        page = hub.admin.get("/v1/products/changes", cnpj=cnpj, limit=1000, cursor=page["next_cursor"])
    return str(page["next_cursor"])


def _load_until(hub: Hub, cnpj: str, sizes: Sizes, stop: threading.Event) -> int:
    """Apply FULLs in which every price is raised, one after the other, until the readers are done."""
    catalogue, count = Catalogue(2 * sizes.tenth), 0
    while not stop.is_set():
        apply_full(hub.admin, cnpj, catalogue.body())
        catalogue.raise_all()
        count += 1
    return count

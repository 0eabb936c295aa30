"""Pages of the console while a large FULL runs, with many pharmacies, products, batches and faults."""

import hashlib
import secrets
import statistics
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter

import httpx2
import psycopg

from bench.catalogue import Catalogue
from bench.hub import Hub, apply_full, running_hub
from bench.measurement import Line
from bench.sizes import Sizes
from integrahub.tools.loadtest.payloads import load_real_cnpjs

_PAGE_GOAL, _SEARCH_GOAL = 150, 300  # milliseconds
_MIN_ROUNDS = 20
_COLUMNS = """SELECT string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position)
FROM information_schema.columns
WHERE table_name = 'products' AND column_name NOT IN ('pharmacy_id', 'product_id') AND is_generated = 'NEVER'"""
_PHARMACIES = """INSERT INTO pharmacies (cnpj, name, city, state)
SELECT cnpj, 'Farmácia ' || cnpj, 'Campinas', 'SP' FROM unnest(%(cnpjs)s::text[]) AS cnpj ON CONFLICT DO NOTHING"""
_PRODUCTS = """INSERT INTO products (pharmacy_id, product_id, {columns}) SELECT f.id, p.product_id, {columns}
FROM (SELECT * FROM products WHERE pharmacy_id = (SELECT id FROM pharmacies WHERE cnpj = %(of)s)
  ORDER BY product_id LIMIT %(each)s) p, (SELECT id FROM pharmacies WHERE cnpj = ANY(%(to)s)) f (id)"""
_FILL = (
    # Batches of a month, of which each thousandth failed and each ten thousandth is held.
    """WITH f AS (SELECT id, row_number() OVER (ORDER BY id) AS place, count(*) OVER () AS number FROM pharmacies)
INSERT INTO batches (id, pharmacy_id, received_seq, load_type, bytes, sha256, status, stage, received_at, started_at,
  finished_at, items_total, inserted, rejected, error_code, chunks_total, chunks_left, deactivation_state,
  deactivation_candidates, deactivation_active, deactivation_reason, deactivation_facts, error_facts)
SELECT uuidv7(at - now()), f.id, 1000000 + n, CASE WHEN n %% 20 = 0 THEN 'full' ELSE 'delta' END, 4000, '',
  CASE WHEN n %% 1000 = 0 THEN 'FAILED' WHEN n %% 7 = 0 THEN 'PARTIAL_FAIL' ELSE 'COMPLETED' END, 'done', at, at, at,
  40, 30, CASE WHEN n %% 7 = 0 THEN 10 ELSE 0 END, CASE WHEN n %% 1000 = 0 THEN 'body_truncated' END, 1, 0,
  CASE WHEN n %% 10000 = 20 THEN 'held' ELSE 'none' END, 400, 1000,
  CASE WHEN n %% 10000 = 20 THEN 'too_many_absent' END,
  '{"candidates": 400, "active": 1000, "share": 0.4, "limit": 0.15}', '{"offset": 4000}'
FROM generate_series(1, %(batches)s) n JOIN f ON f.place = 1 + n %% f.number,
  LATERAL (SELECT now() - make_interval(secs => 2592000.0 * (%(batches)s - n) / %(batches)s) AS at) t""",
    """INSERT INTO pharmacy_turns (pharmacy_id, last_seq) SELECT pharmacy_id, max(received_seq) FROM batches
GROUP BY pharmacy_id ON CONFLICT (pharmacy_id) DO UPDATE SET last_seq = excluded.last_seq""",
    """INSERT INTO batch_chunks (batch_id, number, location, records, ids, hashes, status, inserted, started_at,
  finished_at) SELECT b.id, 0, 'body', 40, ARRAY(SELECT 1 + (b.received_seq * 7 + i) %% 10000 FROM
  generate_series(1, 40) i), '{}', 'COMPLETED', 40, b.received_at, b.received_at FROM batches b
WHERE b.received_seq > 1000000""",
    """INSERT INTO record_issues (batch_id, chunk, position, byte_offset, severity, product_id, field, code, value, ean)
SELECT b.id, 0, n, 100 * n, CASE WHEN n %% 2 = 0 THEN 'rejected' ELSE 'warning' END, (n * 3)::text, 'PRICE',
  'price_invalid', 'abc', '' FROM (SELECT id, row_number() OVER () AS place FROM batches WHERE rejected > 0) b,
  generate_series(1, %(faults)s / greatest(1, (SELECT count(*) FROM batches WHERE rejected > 0))) n""",
    """INSERT INTO dead_letters (batch_id, chunk, cnpj, records, error_class, error_code, culprit, message, stack,
  attempts, fingerprint, created_at, settled_at, grouped_at)
SELECT gen_random_uuid(), 0, (SELECT min(cnpj) FROM pharmacies), 40, 'StatementTimeout', '57014', 'merge', 'slow', '',
  '[]', 'cause ' || n %% 40, now() - make_interval(mins => n), CASE WHEN n %% 2 = 0 THEN now() END, now()
FROM generate_series(1, 20000) n""",
    """INSERT INTO failure_groups (fingerprint, error_class, error_code, culprit, count, first_seen, last_seen, sample)
SELECT fingerprint, 'StatementTimeout', '57014', 'merge', count(*), min(created_at), max(created_at), max(id)
FROM dead_letters GROUP BY fingerprint""",
    """INSERT INTO pharmacy_rhythms SELECT pharmacy_id, 50, max(received_at), interval '8 hours', interval '9 hours'
FROM batches GROUP BY pharmacy_id ON CONFLICT DO NOTHING""",
    """INSERT INTO pharmacy_days (pharmacy_id, day, active, batches, records, rejected)
SELECT id, current_date - n, 10000 - n, 3, 120, n %% 5 FROM pharmacies, generate_series(0, 89) n
ON CONFLICT DO NOTHING""",
    """INSERT INTO audit_log (actor, action, subject, address) SELECT 'Ana', 'batch.replay', gen_random_uuid()::text,
  '192.0.2.1' FROM generate_series(1, 20000)""",
    "VACUUM (ANALYZE) products",
    "VACUUM (ANALYZE) batches",
    "ANALYZE",
)
_PERSON = "INSERT INTO users (name, login, role, password) VALUES ('Ana', 'ana', 'admin', '$') RETURNING id"
_SESSION = "INSERT INTO user_sessions (hash, user_id) VALUES (%s, %s)"
_NAMES = """SELECT (SELECT id FROM batches WHERE status = 'PARTIAL_FAIL' AND received_seq > 1000000 LIMIT 1) AS batch,
  (SELECT id FROM batches WHERE deactivation_state = 'held' LIMIT 1) AS held,
  (SELECT max(ean) FROM products WHERE pharmacy_id = 2) AS ean"""
_PAGES = (
    *(
        "",
        "?range=7d",
        "/batches",
        "/batches?since=all",
        "/batches?since=all&sort=rejected",
        "/batches?status=troubled",
    ),
    *(
        "/batches/{batch}",
        "/batches/{batch}?tab=blocks",
        "/batches/{batch}?tab=file",
        "/decisions",
        "/decisions/{held}",
    ),
    *("/failures", "/failures?state=all", "/failures/cause%201", "/failures/replays", "/pharmacies"),
    *(
        "/pharmacies?sort=rejected",
        "/pharmacies/{small}",
        "/pharmacies/{small}?tab=rejected",
        "/pharmacies/{small}?tab=keys",
    ),
    *("/pharmacies/{small}?tab=size", "/pharmacies/{large}", "/products", "/pharmacies/{small}/products"),
    *("/pharmacies/{large}/products/{product}", "/pharmacies/{large}/products/{product}?tab=batches"),
    *("/pharmacies/{large}/products/{product}?tab=history", "/pharmacies/{small}/products/{product}"),
    *("/webhooks", "/webhooks/deliveries", "/audit", "/audit?actor=Ana", "/users", "/me", "/system"),
)
_SEARCHES = (
    *("/search?q={ean}", "/search?q={product}", "/search?q=farm", "/search?q={suffix}", "/search?q={batch}"),
    *("/search?q=timeout", "/batches?q=farm&since=all", "/batches?q={suffix}", "/pharmacies?q=campinas"),
    *("/pharmacies/{large}/products", "/pharmacies/{large}/products?q=a", "/pharmacies/{large}/products?q=dipirona"),
    *("/pharmacies/{large}/products?q=zzzz", "/pharmacies/{large}/products?q=a&sort=-price"),
)


@dataclass
class _Reader:
    """A signed-in person; `times` are the milliseconds of each address."""

    http: httpx2.Client
    names: Mapping[str, str]
    times: dict[str, list[float]] = field(default_factory=dict)

    def read(self, path: str) -> None:
        """Read a page once."""
        begun = perf_counter()
        answer = self.http.get(f"/console{path.format(**self.names)}")
        self.times.setdefault(path, []).append((perf_counter() - begun) * 1000)
        assert answer.status_code in (200, 303), (path, answer.status_code)


def lines(sizes: Sizes) -> Iterator[Line]:
    """Read every page again and again while a FULL of two tenths of a million is applied."""
    large, small, *others = load_real_cnpjs(sizes.many)
    with running_hub({"CONSOLE": "true"}) as hub:
        catalogue = Catalogue(2 * sizes.tenth)
        apply_full(hub.admin, small, Catalogue(sizes.batch).body())
        apply_full(hub.admin, large, catalogue.body())
        _fill(hub, sizes, small, others)
        reader = _sign_in(hub, large, small)
        stop = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            loading = pool.submit(_load_until, hub, large, catalogue, stop)
            try:
                for _ in range(_MIN_ROUNDS):
                    for path in (*_PAGES, *_SEARCHES):
                        reader.read(path)
            finally:
                stop.set()
            fulls = loading.result()
    size = f"{sizes.many:,} pharmacies, {sizes.table:,} products, {sizes.tenth:,} batches"
    for kind, paths, goal in (("page", _PAGES, _PAGE_GOAL), ("search", _SEARCHES, _SEARCH_GOAL)):
        yield from _lines_of(
            kind, {path: reader.times[path] for path in paths}, goal, f"{size}, {fulls} FULLs meanwhile"
        )


def _lines_of(kind: str, times: Mapping[str, list[float]], goal: int, note: str) -> Iterator[Line]:
    ninths = {path: statistics.quantiles(found, n=20)[-1] for path, found in times.items()}
    slowest = sorted(ninths, key=ninths.__getitem__)[-3:]
    every = statistics.quantiles([time for found in times.values() for time in found], n=20)[-1]
    yield Line(f"console: every {kind}, P95", "ms", every, judged=every, most=goal, note=note)
    for path in reversed(slowest):
        median = f"median {statistics.median(times[path]):.0f} ms"
        yield Line(
            f"console: {kind} /console{path}, P95", "ms", ninths[path], judged=ninths[path], most=goal, note=median
        )


def _fill(hub: Hub, sizes: Sizes, small: str, others: list[str]) -> None:
    """Copy the catalogue of one pharmacy into the others, and add batches, faults and failures."""
    with psycopg.connect(hub.database, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute(_PHARMACIES, {"cnpjs": others})
        columns = str((connection.execute(_COLUMNS).fetchone() or [""])[0])
        copy = _PRODUCTS.replace("{columns}", columns)
        each = max(1, sizes.table // len(others))
        for begin in range(0, len(others), 50):
            connection.execute(copy, {"of": small, "each": each, "to": others[begin : begin + 50]})
        for statement in _FILL:
            params = {"batches": sizes.tenth, "faults": sizes.million}
            connection.execute(statement, params if "%(" in statement or "%%" in statement else None)


def _sign_in(hub: Hub, large: str, small: str) -> _Reader:
    token = secrets.token_urlsafe(32)
    with psycopg.connect(hub.database, autocommit=True, row_factory=psycopg.rows.dict_row) as connection:
        person = connection.execute(_PERSON).fetchone()
        names = connection.execute(_NAMES).fetchone()
        assert person and names
        connection.execute(_SESSION, [hashlib.sha256(token.encode()).digest(), person["id"]])
    shown = {name: str(value) for name, value in names.items()}
    product = str(Catalogue(1).first_id)
    shown |= {"large": large, "small": small, "suffix": shown["batch"][-8:], "product": product}
    http = httpx2.Client(base_url=hub.admin.url, cookies={"integrahub_session": token}, timeout=60)
    return _Reader(http, shown)


def _load_until(hub: Hub, cnpj: str, catalogue: Catalogue, stop: threading.Event) -> int:
    """Apply FULLs in which every price is raised, one after the other, until the pages are read."""
    count = 0
    while not stop.is_set():
        catalogue.raise_all()
        apply_full(hub.admin, cnpj, catalogue.body())
        count += 1
    return count

"""Reads of the console's pages of pharmacies: what they return, and by which index."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
import pytest

from integrahub.db.accounts.pharmacies import fetch_silent
from integrahub.db.console import pharmacies
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from integrahub.domain.batches import BatchStatus
from integrahub.domain.freshness.rhythm import PharmacyState

_SQL = load_queries("integrahub.db.console.pharmacies")
HOUR = timedelta(hours=1)
SUN, MOON = "05927228000145", "11222333000181"


@pytest.fixture
def owner(database_url: str) -> Iterator[psycopg.Connection]:
    """Yield a connection of the owner of the tables, with two pharmacies."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        for cnpj, name in ((SUN, "Sun"), (MOON, "Moon")):
            connection.execute("INSERT INTO pharmacies (cnpj, name) VALUES (%s, %s)", (cnpj, name))
        yield connection


def _id(owner: psycopg.Connection, cnpj: str = SUN) -> int:
    row = owner.execute("SELECT id FROM pharmacies WHERE cnpj = %s", (cnpj,)).fetchone()
    assert row
    return int(row[0])


def _load(owner: psycopg.Connection, ago: timedelta, cnpj: str = SUN, status: str = "COMPLETED", **columns: Any) -> str:
    """Insert a load received some time ago, after those inserted before; return its id."""
    values = {
        "pharmacy_id": _id(owner, cnpj),
        "received_at": datetime.now(UTC) - ago,
        "status": status,
        "finished_at": datetime.now(UTC) - ago,
        "load_type": "full",
        "bytes": 1,
        "sha256": b"",
    } | columns
    names = ", ".join(values)
    row = owner.execute(
        f"INSERT INTO batches (id, received_seq, {names}) SELECT gen_random_uuid(), 1 + count(*), "  # type: ignore[arg-type]
        f"{', '.join(['%s'] * len(values))} FROM batches RETURNING id::text",
        list(values.values()),
    ).fetchone()
    assert row
    return str(row[0])


def _key(owner: psycopg.Connection, name: str, cnpjs: list[str], **columns: Any) -> None:
    values = {"hash": name.encode(), "hint": name, "public_id": name, "cnpjs": cnpjs} | columns
    values |= {"tenants": columns.get("tenants", "pharmacies")}
    owner.execute(
        f"INSERT INTO api_keys ({', '.join(values)}) VALUES ({', '.join(['%s'] * len(values))})",  # type: ignore[arg-type]
        list(values.values()),
    )


def _refuse(owner: psycopg.Connection, cnpj: str, key_name: str, code: str, ago: timedelta = HOUR) -> None:
    at = datetime.now(UTC) - ago
    owner.execute(
        "INSERT INTO refusals VALUES (%s, %s, %s, %s, '200.0.0.1', 3, %s)",
        (at.replace(minute=0, second=0, microsecond=0), cnpj, key_name, code, at),
    )


async def test_the_overview_has_the_latest_load_the_latest_final_status_and_held_deactivations(
    database: Database, owner: psycopg.Connection
) -> None:
    _load(owner, 3 * HOUR, deactivation_state="held")
    _load(owner, 2 * HOUR, status="FAILED")
    _load(owner, HOUR, kind="approval")
    running = _load(owner, timedelta(minutes=5), status="PROCESSING", finished_at=None)
    sun, moon = await pharmacies.fetch_overview(database)
    assert (str(sun.last_batch), sun.last_status, sun.final_status) == (running, "PROCESSING", BatchStatus.FAILED)
    assert sun.held == 1
    assert sun.states(datetime.now(UTC)) == [PharmacyState.FAILING, PharmacyState.HELD]
    assert moon.states(datetime.now(UTC)) == [PharmacyState.NEW]


@pytest.mark.parametrize(
    ("gaps", "ago"),
    [
        ([6 * HOUR] * 5, 9 * HOUR - timedelta(minutes=1)),
        ([6 * HOUR] * 5, 9 * HOUR + timedelta(minutes=1)),
        ([6 * HOUR] * 3, 20 * HOUR),
        ([HOUR / 60] * 9, HOUR - timedelta(minutes=1)),
        ([HOUR / 60] * 9, HOUR + timedelta(minutes=1)),
        ([HOUR, 30 * HOUR, HOUR, HOUR], 40 * HOUR),
        ([HOUR] * 9, timedelta(days=14, hours=1)),
        ([HOUR] * 9, timedelta(days=14, hours=2)),
    ],
)
async def test_a_pharmacy_is_silent_on_the_page_as_it_is_in_metrics_and_webhooks(
    database: Database, owner: psycopg.Connection, gaps: list[timedelta], ago: timedelta
) -> None:
    for later in range(len(gaps), -1, -1):
        _load(owner, ago + sum(gaps[len(gaps) - later :], timedelta()))
    rhythm = (await pharmacies.count_rhythm(database, _id(owner))).to_rhythm()
    silent = [row.cnpj for row in await fetch_silent(database, "", 10)]
    assert rhythm.is_silent(datetime.now(UTC)) == (silent == [SUN])
    assert rhythm.longest == pytest.approx(max(gaps), abs=timedelta(seconds=1))


async def test_a_pharmacy_without_posts_has_an_empty_rhythm(database: Database, owner: psycopg.Connection) -> None:
    rhythm = await pharmacies.count_rhythm(database, _id(owner))
    assert (rhythm.posts, rhythm.last_at, rhythm.longest_gap) == (0, None, None)


async def test_a_run_of_failed_loads_ends_at_the_latest_load_that_did_not_fail(
    database: Database, owner: psycopg.Connection
) -> None:
    _load(owner, 5 * HOUR, status="FAILED", error_code="too_old")
    _load(owner, 4 * HOUR)
    _load(owner, 3 * HOUR, status="FAILED", error_code="first")
    _load(owner, 2 * HOUR, status="FAILED", error_code="last", error_facts='{"offset": 9}')
    _load(owner, HOUR, status="PROCESSING", finished_at=None)
    run = await pharmacies.find_failed_run(database, _id(owner))
    assert run and (run.count, run.error_code, run.error_facts) == (2, "last", {"offset": 9})
    assert run.first_at < run.last_at
    _load(owner, HOUR / 2)
    assert await pharmacies.find_failed_run(database, _id(owner)) is None


async def test_keys_of_a_pharmacy_are_those_that_may_post_for_it_the_active_ones_first(
    database: Database, owner: psycopg.Connection
) -> None:
    _key(owner, "revoked", [SUN], revoked_at=datetime.now(UTC))
    _key(owner, "own", [SUN])
    _key(owner, "expired", [SUN], expires_at=datetime.now(UTC) - HOUR)
    _key(owner, "vendor", [SUN, MOON])
    _key(owner, "all", [], tenants="all")
    _key(owner, "admin", [], tenants="all", scopes=["admin"])
    _key(owner, "other", [MOON])
    keys = await pharmacies.fetch_keys(database, SUN)
    assert [key.hint for key in keys] == ["all", "vendor", "own", "expired", "revoked"]
    assert [key.is_active for key in keys] == [True, True, True, False, False]
    assert [key.is_shared for key in keys] == [True, True, False, False, False]
    assert keys[2].name == "key own"


async def test_refusals_of_a_pharmacy_name_it_or_its_keys_but_not_other_pharmacies_of_a_shared_key(
    database: Database, owner: psycopg.Connection
) -> None:
    _key(owner, "own", [SUN])
    _key(owner, "vendor", [SUN, MOON])
    for cnpj, key, code in (
        (SUN, "", "by_cnpj"),
        ("", "key own", "by_key"),
        (MOON, "key own", "own_key_for_another"),
        ("", "key vendor", "by_shared_key"),
        (MOON, "key vendor", "shared_key_for_another"),
        (MOON, "", "of_another"),
        ("", "", "of_nobody"),
    ):
        _refuse(owner, cnpj, key, code)
    _refuse(owner, SUN, "", "too_old", 3 * HOUR)
    keys = await pharmacies.fetch_keys(database, SUN)
    refusals = await pharmacies.fetch_refusals(database, SUN, keys, datetime.now(UTC) - HOUR)
    assert {refusal.code for refusal in refusals} == {"by_cnpj", "by_key", "own_key_for_another", "by_shared_key"}
    assert all(refusal.count == 3 for refusal in refusals)


async def test_posts_of_unknown_senders_name_no_pharmacy_and_no_key(
    database: Database, owner: psycopg.Connection
) -> None:
    _refuse(owner, "", "", "key_missing")
    _refuse(owner, SUN, "", "key_missing")
    _refuse(owner, "", "key own", "key_invalid")
    _refuse(owner, "", "", "load_type_missing")
    _refuse(owner, "", "", "key_invalid", 30 * HOUR)
    refusals = await pharmacies.fetch_unattributed_refusals(database)
    assert [(refusal.code, refusal.count) for refusal in refusals] == [("key_missing", 3)]


async def test_a_page_of_the_list_has_rejects_refusals_and_the_end_of_keys(
    database: Database, owner: psycopg.Connection
) -> None:
    soon, later = datetime.now(UTC) + HOUR, datetime.now(UTC) + 2 * HOUR
    _key(owner, "own", [SUN], expires_at=soon)
    _key(owner, "next", [SUN], expires_at=later)
    _key(owner, "endless", [MOON])
    _key(owner, "ending", [MOON], expires_at=soon)
    _refuse(owner, SUN, "", "rate_limited")
    _refuse(owner, "", "key own", "key_expired")
    _refuse(owner, SUN, "", "rate_limited", 26 * HOUR)
    for days, rejected in ((0, 2), (6, 3), (8, 100)):
        owner.execute(
            "INSERT INTO pharmacy_days (pharmacy_id, day, rejected) "
            "VALUES (%s, (now() AT TIME ZONE 'UTC')::date - %s, %s)",
            (_id(owner), days, rejected),
        )
    figures = await pharmacies.fetch_page_figures(database, [_id(owner), _id(owner, MOON)])
    sun, moon = figures[_id(owner)], figures[_id(owner, MOON)]
    assert (sun.rejected, sun.refused, sun.active_keys, sun.keys_end_at) == (5, 6, 2, later)
    assert (moon.rejected, moon.refused, moon.active_keys, moon.keys_end_at) == (0, 0, 2, None)


async def test_rejections_are_those_of_the_loads_of_seven_days_by_code_and_field(
    database: Database, owner: psycopg.Connection
) -> None:
    new, old = _load(owner, HOUR, rejected=3), _load(owner, timedelta(days=8), rejected=1)
    for batch, position, field, severity in (
        (new, 1, "TITLE", "rejected"),
        (new, 2, "TITLE", "rejected"),
        (new, 3, "PRICE", "rejected"),
        (new, 4, "PRICE", "warning"),
        (old, 1, "STOCK", "rejected"),
    ):
        owner.execute(
            "INSERT INTO record_issues (batch_id, chunk, position, byte_offset, severity, field, code) "
            "VALUES (%s, 1, %s, 0, %s, %s, 'wrong')",
            (batch, position, severity, field),
        )
    rejections = await pharmacies.fetch_rejections(database, _id(owner))
    assert [(row.field, row.records, row.batches) for row in rejections] == [("TITLE", 2, 1), ("PRICE", 1, 1)]


async def test_held_deactivations_and_loads_of_a_pharmacy_are_its_own(
    database: Database, owner: psycopg.Connection
) -> None:
    held = _load(owner, 2 * HOUR, deactivation_state="held", deactivation_candidates=9, deactivation_active=20)
    newest = _load(owner, HOUR)
    _load(owner, HOUR, cnpj=MOON, deactivation_state="held")
    (row,) = await pharmacies.fetch_held(database, _id(owner))
    assert (str(row.id), row.candidates, row.active) == (held, 9, 20)
    assert [str(load.id) for load in await pharmacies.fetch_latest_loads(database, _id(owner))] == [newest, held]


async def test_acts_of_a_pharmacy_are_those_on_its_subjects_the_latest_first(
    database: Database, owner: psycopg.Connection
) -> None:
    for action, subject in (("key.create", SUN), ("pharmacy.put", SUN), ("pharmacy.put", MOON)):
        owner.execute("INSERT INTO audit_log (actor, action, subject) VALUES ('Ana', %s, %s)", (action, subject))
    assert [act.action for act in await pharmacies.fetch_acts(database, [SUN])] == ["pharmacy.put", "key.create"]


_FILL: tuple[LiteralString, ...] = (
    "INSERT INTO pharmacies (cnpj, name) SELECT lpad(n::text, 14, '0'), 'P' FROM generate_series(1, 200) n",
    """INSERT INTO batches (id, pharmacy_id, received_seq, load_type, bytes, sha256, status, finished_at, received_at)
      SELECT gen_random_uuid(), p.id, s, 'delta', 1, '', 'COMPLETED', now(), now() - make_interval(hours => 60 - s)
      FROM pharmacies p, generate_series(1, 60) s""",
    """INSERT INTO refusals
      SELECT date_trunc('hour', now()) - make_interval(hours => n % 300), lpad((n % 97)::text, 14, '0'),
      'key ' || n % 89, 'rate_limited', '', n, now() FROM generate_series(1, 20000) n""",
    """INSERT INTO audit_log (actor, action, subject)
      SELECT 'Ana', 'key.create', lpad((n % 500)::text, 14, '0') FROM generate_series(1, 10000) n""",
    """INSERT INTO record_issues (batch_id, chunk, position, byte_offset, severity, code)
      SELECT id, 1, n, 0, 'rejected', 'wrong' FROM batches, generate_series(1, 2) n""",
    """INSERT INTO pharmacy_days (pharmacy_id, day)
      SELECT p.id, now()::date - n FROM pharmacies p, generate_series(0, 90) n""",
    "VACUUM ANALYZE pharmacies, batches, refusals, audit_log, record_issues, pharmacy_days",
)
_PARAMS: dict[str, Any] = {
    "id": 7,
    "ids": list(range(1, 51)),
    "cnpj": f"{7:014}",
    "own_keys": ["key 7"],
    "shared_keys": ["key 8"],
    "since": datetime.now(UTC) - 24 * HOUR,
    "codes": ["key_missing"],
    "subjects": [f"{7:014}"],
    "limit": 20,
}


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from _nodes(inner)


@pytest.fixture(scope="module")
def large(postgres: Any) -> Iterator[psycopg.Connection]:
    """Yield a connection to a database with enough rows for the planner to prefer indexes."""
    postgres.create_database("pharmacy_plans")
    with psycopg.connect(postgres.url_of("pharmacy_plans"), autocommit=True) as connection:
        for statement in _FILL:
            connection.execute(statement)
        yield connection
    postgres.drop_database("pharmacy_plans")


@pytest.mark.parametrize("name", sorted(_SQL))
def test_a_read_finds_its_rows_by_an_index(large: psycopg.Connection, name: str) -> None:
    row = large.execute(f"EXPLAIN (FORMAT JSON) {_SQL[name]}", _PARAMS).fetchone()  # type: ignore[arg-type]
    assert row
    plan = json.loads(row[0]) if isinstance(row[0], str) else row[0]
    whole = {node["Relation Name"] for node in _nodes(plan[0]["Plan"]) if node["Node Type"] == "Seq Scan"}
    assert whole <= {"pharmacies", "api_keys", "pharmacy_rhythms"}, whole

"""Reads of the overview: what they find, how far they count, and that they read no large table whole."""

from typing import Any

import psycopg

from integrahub.db.console import overview
from integrahub.db.console.overview_rows import MAX_COUNTED
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from tests.integration.console.plans import Plans

_SQL = load_queries("integrahub.db.console.overview")
_PARAMS = {"limit": 20, "counted": MAX_COUNTED, "days": 14}
_SMALL = {
    *("pharmacies", "pharmacy_rhythms", "statistics", "reconciliations", "api_keys", "webhook_endpoints"),
    "failure_groups",  # a row per cause
}


async def _execute(database: Database, statement: Any) -> None:
    async with database.transaction() as connection:
        await connection.execute(statement)


async def test_causes_are_found_with_their_letters_pharmacies_and_times_and_settled_ones_are_not(
    filled: str, database: Database
) -> None:
    rows = await overview.find_overview(database)
    assert [cause.fingerprint for cause in rows.causes] == ["cause 0", "cause 2", "cause 1"]  # the oldest first
    first = rows.causes[0]
    assert (first.error_code, first.culprit, first.pharmacies) == ("statement_timeout", "merge", 3)
    assert first.message == "message 6000" and first.first_at < first.last_at


async def test_a_cause_asks_for_no_attention_until_its_mute_ends(filled: str, database: Database) -> None:
    for until, causes in (("1 day", ["cause 0", "cause 2"]), ("-1 minute", ["cause 0", "cause 2", "cause 1"])):
        with psycopg.connect(filled, autocommit=True) as owner:
            owner.execute(
                "INSERT INTO failure_groups VALUES ('cause 1', '', '', '', 1, now(), now(), 1, now() + %s::interval)"
                " ON CONFLICT (fingerprint) DO UPDATE SET muted_until = excluded.muted_until",
                [until],
            )
        rows = await overview.find_overview(database)
        assert [cause.fingerprint for cause in rows.causes] == causes


async def test_letters_of_a_cause_are_counted_up_to_a_limit(filled: str, database: Database) -> None:
    rows = await overview.find_overview(database)
    assert {cause.open for cause in rows.causes} == {MAX_COUNTED + 1}
    await _execute(database, "UPDATE dead_letters SET settled_at = now() WHERE id > 40")
    assert {cause.open for cause in (await overview.find_overview(database)).causes} == {10}


async def test_a_silent_pharmacy_is_found_with_its_refused_posts_until_it_posts(
    filled: str, database: Database
) -> None:
    (silent,) = (await overview.find_overview(database)).silent
    assert (silent.cnpj, silent.refusal_code) == ("1".zfill(14), "key_expired")
    assert silent.refused == 10  # two an hour since its last load, five hours ago
    assert silent.longest_gap.total_seconds() == 3600
    await _execute(
        database,
        "INSERT INTO batches (id, pharmacy_id, received_seq, load_type, bytes, sha256)"
        " VALUES (gen_random_uuid(), 1, 201, 'delta', 1, '')",
    )
    assert (await overview.find_overview(database)).silent == []


async def test_a_failed_load_is_found_until_a_later_one_ends(filled: str, database: Database) -> None:
    fail = "UPDATE batches SET status = 'FAILED' WHERE pharmacy_id = 2 AND received_seq IN (198, 200)"
    await _execute(database, fail)
    failed = (await overview.find_overview(database)).failed
    assert [load.cnpj for load in failed] == ["2".zfill(14)]  # once, not for each of its failed loads
    await _execute(
        database,
        "INSERT INTO batches (id, pharmacy_id, received_seq, load_type, bytes, sha256, status, stage, finished_at)"
        " VALUES (gen_random_uuid(), 2, 201, 'delta', 1, '', 'COMPLETED', 'done', now())",
    )
    assert (await overview.find_overview(database)).failed == []


async def test_held_deactivations_suspended_webhooks_and_expiring_keys_are_found(
    filled: str, database: Database
) -> None:
    await _execute(
        database,
        "UPDATE batches SET deactivation_state = 'held', deactivation_candidates = 5, deactivation_active = 20"
        " WHERE pharmacy_id = 2 AND received_seq IN (7, 9)",
    )
    await _execute(
        database,
        "INSERT INTO webhook_endpoints (owner, pharmacy_id, url, host, events, sealed_secret, state, disabled_at)"
        " VALUES ('pharmacy', 3, '', 'erp.example', '{batch.completed}', '', 'disabled', now()),"
        " ('pharmacy', 4, '', 'other.example', '{batch.completed}', '', 'enabled', NULL)",
    )
    await _execute(
        database,
        "INSERT INTO api_keys (hash, hint, tenants, cnpjs, expires_at, revoked_at) SELECT n::text::bytea, 'hint ' || n,"
        " 'pharmacies', ARRAY[lpad(n::text, 14, '0')], now() + make_interval(days => n), CASE n WHEN 4 THEN now() END"
        " FROM generate_series(3, 30, 1) n",
    )
    await _execute(
        database,
        "INSERT INTO api_keys (hash, hint, tenants, replaces) SELECT 'x', 'new', 'all', id FROM api_keys"
        " WHERE hint = 'hint 5'",
    )
    rows = await overview.find_overview(database)
    assert [(held.cnpj, held.candidates, held.active) for held in rows.held] == [("2".zfill(14), 5, 20)] * 2
    assert rows.held[0].received_at < rows.held[1].received_at
    assert [(webhook.name, webhook.host) for webhook in rows.suspended] == [("Farmácia 3", "erp.example")]
    assert [key.hint for key in rows.expiring] == ["hint 3", *(f"hint {n}" for n in range(6, 15))]
    assert rows.expiring[0].cnpj == "3".zfill(14) and rows.expiring[0].name == "Farmácia 3"


async def test_running_batches_are_found_and_waiting_ones_are_counted(filled: str, database: Database) -> None:
    await _execute(
        database,
        "UPDATE batches SET status = 'PROCESSING', stage = 'upserting', finished_at = NULL, items_total = 1000,"
        " chunks_total = 10, chunks_left = 3 WHERE pharmacy_id = 2 AND received_seq > 198",
    )
    await _execute(
        database,
        "UPDATE batches SET status = 'RECEIVED', stage = 'received', finished_at = NULL"
        " WHERE pharmacy_id = 3 AND received_seq > 197",
    )
    rows = await overview.find_overview(database)
    assert [batch.items_done for batch in rows.running] == [700, 700]
    assert (rows.state.processing, rows.state.waiting) == (2, 3) and not rows.state.is_new
    assert rows.state.oldest_at and (rows.state.now - rows.state.oldest_at).total_seconds() > 7200


async def test_the_state_is_that_of_the_last_count(filled: str, database: Database) -> None:
    await _execute(database, "INSERT INTO reconciliations (at, unaccounted) VALUES (now(), 7)")
    await _execute(
        database,
        "INSERT INTO statistics VALUES ('integrahub_storage_used_bytes', '{}', 90),"
        " ('integrahub_storage_capacity_bytes', '{}', 100), ('integrahub_products', '{active}', 11),"
        " ('integrahub_products', '{inactive}', 5)",
    )
    state = (await overview.find_overview(database)).state
    assert (state.unaccounted, state.storage_used, state.storage_capacity, state.products_active) == (7, 90, 100, 11)
    assert (state.backlog, state.workers, state.products_lately) == (1, 2, 5 * 600)
    assert state.counted_at and 0 <= (state.now - state.counted_at).total_seconds() < 120


async def test_a_hub_without_batches_is_new_and_asks_for_nothing(database: Database) -> None:
    rows = await overview.find_overview(database)
    assert rows.state.is_new and rows.state.counted_at is None
    assert not any((rows.held, rows.causes, rows.failed, rows.silent, rows.suspended, rows.expiring, rows.running))


async def test_no_read_of_the_overview_reads_a_large_table_whole(plans: Plans) -> None:
    statements = _SQL | {"causes": overview._CAUSES, "waiting": overview._WAITING}
    del statements["open_causes"]  # the beginning of both
    assert len(statements) == 10
    for name, statement in statements.items():
        assert await plans.whole(statement, _PARAMS) <= _SMALL, name

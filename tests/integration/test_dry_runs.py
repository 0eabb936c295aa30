"""Dry runs: what a post would do is reported, and nothing is changed."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from integrahub.domain.ids import uuid7
from integrahub.domain.steps import STEPS
from integrahub.settings.model import Settings
from tests.integration.conftest import ADMIN, CNPJ, Client, running
from tests.integration.test_flow import _pass_minutes, catalogue, product
from tests.integration.test_replays import replay
from tests.integration.test_updated_since import ready
from tests.integration.test_verify import change, verdict

DRY = {"X-Inova-Dry-Run": "true"}
_OUTCOME = (
    *("load_type", "status", "items_total", "inserted", "updated", "unchanged", "merged", "rejected", "superseded"),
    *("cancelled", "dead", "deactivated", "warnings", "chunks_total", "deactivation", "error"),
)
_STATE = """
SELECT (SELECT md5(string_agg(p::text, chr(10) ORDER BY pharmacy_id, product_id)) FROM products p) AS products,
  (SELECT count(*) FROM product_changes) AS changes, (SELECT count(*) FROM dead_letters) AS letters,
  (SELECT md5(string_agg(p::text, chr(10) ORDER BY id)) FROM pharmacies p) AS pharmacies,
  (SELECT count(*) FROM webhook_deliveries) AS deliveries,
  (SELECT count(*) FROM batches WHERE deactivation_state IN ('held', 'waiting')) AS undecided
"""


async def dry_run(client: Client, body: Any, load_type: str = "full", **headers: str) -> dict[str, Any]:
    """Post a dry run, wait for it, and assert that it changed nothing."""
    before = await state(client)
    batch = await client.load(body, load_type, **DRY | headers)
    assert await state(client) == before
    assert batch["kind"] == "dry_run"
    return batch


async def state(client: Client) -> dict[str, Any]:
    async with client.hub.database.transaction() as connection:
        row = await (await connection.execute(_STATE)).fetchone()
    assert row
    return dict(row)


def outcome(batch: dict[str, Any]) -> dict[str, Any]:
    return {name: batch[name] for name in _OUTCOME}


async def errors_of(client: Client, batch: dict[str, Any]) -> list[dict[str, Any]]:
    page = await client.get(f"/v1/batches/{batch['batch_id']}/errors", limit=1000)
    return [{name: issue[name] for name in issue if name != "trace_id"} for issue in page["items"]]


async def _both(client: Client, body: Any, load_type: str) -> dict[str, Any]:
    """Post a dry run, then the same for real; assert that both end equally and return the load."""
    rehearsed = await dry_run(client, body, load_type)
    applied = await client.load(body, load_type)
    assert applied["kind"] == "load" and applied["batch_id"] != rehearsed["batch_id"]
    assert outcome(rehearsed) == outcome(applied)
    assert await errors_of(client, rehearsed) == await errors_of(client, applied)
    return applied


async def test_a_dry_run_ends_as_the_same_post_does_afterwards(client: Client) -> None:
    faulty = {"PRODUCTID": 900, "TITLE": "bad", "PRICE": "x"}
    assert (await _both(client, [*catalogue(200), faulty], "full"))["inserted"] == 200
    changed = [product(n, PRICE=f"{n}.50") if n % 3 else product(n) for n in range(1, 200)]
    assert (await _both(client, changed, "full"))["deactivated"] == 1
    assert (await _both(client, [product(200), product(1, PRICE=7), {"PRODUCTID": 901}], "delta"))["updated"] == 2
    many = [product(n, BRAND="B") for n in range(1, 121)]
    assert (await _both(client, many, "delta"))["chunks_total"] == 3


async def test_a_receipt_says_that_the_post_is_a_dry_run(client: Client) -> None:
    answer = await client.post([product(1)], **DRY)
    assert answer.json()["dry_run"] is True
    assert "dry_run" not in (await client.post([product(1)], **{"X-Inova-Dry-Run": "false"})).json()
    refused = await client.post([product(1)], **{"X-Inova-Dry-Run": "yes"})
    assert (refused.status_code, refused.json()["code"]) == (400, "dry_run_invalid")


async def test_a_dry_run_that_would_be_held_holds_nothing(client: Client) -> None:
    await change(
        client,
        "INSERT INTO webhook_endpoints (owner, url, host, events, sealed_secret) VALUES ('operator', '', '',"
        " '{batch.completed,batch.deactivation_held,batch.deactivation_decided}', '')",
    )
    await client.load(catalogue(100))
    assert (await state(client))["deliveries"] == 1
    held = await client.load(catalogue(50))
    assert held["deactivation"]["state"] == "held"
    rehearsed = await dry_run(client, catalogue(40))
    assert (rehearsed["deactivation"]["state"], rehearsed["deactivation"]["candidates"]) == ("held", 60)
    assert rehearsed["deactivation"]["reason_code"] == "too_many_absent"
    listed = await client.get("/v1/batches", deactivation="held")
    assert [batch["batch_id"] for batch in listed["items"]] == [held["batch_id"]]
    decision = {"json": {"decision": "approve"}, "headers": {"X-Admin-Api-Key": ADMIN}}
    refused = await client.http.post(f"/v1/batches/{rehearsed['batch_id']}/deactivation", **decision)  # type: ignore[arg-type]
    assert refused.status_code == 409
    applied = await client.load(catalogue(40))
    assert outcome(rehearsed) == outcome(applied)


async def test_a_dry_run_is_no_part_of_a_full_in_parts_and_keeps_no_window_open(client: Client) -> None:
    await client.load(catalogue(100))
    await client.admin("PUT", f"/admin/pharmacies/{CNPJ}", {"full_window_minutes": 1})
    await _pass_minutes(client, 5)
    part = await client.load(catalogue(97))
    rehearsed = await dry_run(client, [product(500)])
    assert (rehearsed["deactivation"]["state"], rehearsed["deactivation"]["candidates"]) == ("waiting", 0)
    await _pass_minutes(client, 5)
    await client.load([product(501)], **DRY)  # the window may end meanwhile
    async with asyncio.timeout(60):
        while (shown := await client.get(f"/v1/batches/{part['batch_id']}"))["deactivation"]["state"] == "waiting":
            await asyncio.sleep(0.1)
    assert (shown["deactivation"]["state"], shown["deactivated"]) == ("applied", 3)


async def test_an_unfinished_dry_run_keeps_no_window_open(client: Client) -> None:
    await client.load(catalogue(100))
    await client.admin("PUT", f"/admin/pharmacies/{CNPJ}", {"full_window_minutes": 1})
    await _pass_minutes(client, 5)
    await client.load(catalogue(97))
    await change(
        client,
        "INSERT INTO batches (id, pharmacy_id, received_seq, kind, load_type, stage, status, bytes, sha256)"
        f" SELECT '{uuid7()}', id, 9, 'dry_run', 'full', 'waiting', 'PROCESSING', 0, '' FROM pharmacies",
    )
    await _pass_minutes(client, 5)
    async with asyncio.timeout(60):
        while (await client.get("/v1/batches", limit=1))["items"][0]["kind"] != "window":
            await asyncio.sleep(0.1)


async def test_a_large_dry_run_registers_no_upload(client: Client) -> None:
    await client.admin("PUT", f"/admin/pharmacies/{CNPJ}", {"full_window_minutes": 1})
    begun: list[str] = []
    async with client.hub.database.transaction() as connection:
        await connection.execute("CREATE TABLE begun (kind text)")
        await connection.execute(
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
            " $$ BEGIN INSERT INTO begun VALUES ('upload'); RETURN NEW; END $$"
        )
        await connection.execute(
            "CREATE TRIGGER note AFTER INSERT ON full_uploads FOR EACH ROW EXECUTE FUNCTION note()"
        )
    large = [product(n, DESCRIPTION="x" * 900) for n in range(1, 100)]
    for headers in (DRY, {}):
        await client.load(large, **headers)
        async with client.hub.database.transaction() as connection:
            rows = await (await connection.execute("SELECT kind FROM begun")).fetchall()
        begun.append(str(len(rows)))
    assert begun == ["0", "1"]


async def test_a_dry_run_is_no_witness_for_replays_and_cannot_be_replayed(client: Client) -> None:
    first = await client.load(catalogue(20))
    await dry_run(client, [product(n, PRICE=9) for n in range(1, 20)])
    dry = await dry_run(client, [product(1, PRICE=8)], "delta")
    replayed = await replay(client, first)
    assert (replayed["unchanged"], replayed["superseded"], replayed["deactivated"]) == (20, 0, 0)
    headers = {"X-Admin-Api-Key": ADMIN}
    refused = await client.http.post(f"/v1/batches/{dry['batch_id']}/replay", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "replay_not_a_load")


async def test_a_catalogue_after_dry_runs_equals_its_bodies(client: Client) -> None:
    await dry_run(client, catalogue(30))
    await client.load([product(1, PRICE=3)], "delta")
    await dry_run(client, [product(1)])
    await client.load(catalogue(30))
    await dry_run(client, [product(2, PRICE=3)], "delta")
    found = await verdict(client)
    assert (found["found"], found["judged"], found["unjudged"], found["all_batches"]) == (0, 30, 0, 2)


async def test_a_product_is_not_judged_if_a_load_between_dry_runs_is_gone(client: Client) -> None:
    await dry_run(client, catalogue(3))
    await client.load([product(1, PRICE=3)], "delta")
    await client.load([product(1, BRAND="B")], "delta")
    assert (await verdict(client))["judged"] == 1
    await change(client, "DELETE FROM batch_chunks WHERE batch_id IN (SELECT id FROM batches WHERE received_seq = 2)")
    await change(client, "DELETE FROM batches WHERE received_seq = 2")
    found = await verdict(client)
    assert (found["judged"], found["unjudged"], found["found"]) == (0, 1, 0)


async def test_a_small_dry_run_of_an_empty_pharmacy_changes_nothing(client: Client) -> None:
    assert (await dry_run(client, [product(1)], "delta"))["inserted"] == 1


async def test_a_dead_chunk_of_a_dry_run_leaves_no_letter(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr("integrahub.db.chunks.apply.rehearse_chunks", failing)
    monkeypatch.setattr("integrahub.db.batches.fast_path.rehearse_chunks", failing)
    batch = await dry_run(client, [product(1)], "delta")
    assert (batch["status"], batch["dead"], batch["error"]["code"]) == ("FAILED", 1, "records_not_applied")


async def test_a_body_that_fails_a_dry_run_is_reported(client: Client) -> None:
    batch = await dry_run(client, b'[{"PRODUCTID": 1, "TITLE": "A"}', "full")
    assert (batch["status"], batch["error"]["code"]) == ("FAILED", "body_truncated")


async def test_changes_of_dry_runs_are_deleted_after_a_week_and_decisions_with_the_batch(client: Client) -> None:
    await client.load(catalogue(50))
    new = await dry_run(client, catalogue(49))
    old = str(uuid7(new_time(new) - 8 * 86_400_000))
    await change(
        client,
        "INSERT INTO dry_run_changes (pharmacy_id, batch_id, product_id, kind, stock_only)"
        f" SELECT pharmacy_id, k.id, n, 'updated', false FROM batches b, generate_series(1, 3) n,"
        f" (VALUES ('{old}'::uuid), ('{new['batch_id']}')) AS k (id) WHERE b.id = '{new['batch_id']}'",
    )
    await client.hub.retention()()
    async with client.hub.database.transaction() as connection:
        rows = await (await connection.execute("SELECT DISTINCT batch_id FROM dry_run_changes")).fetchall()
    assert [str(row["batch_id"]) for row in rows] == [new["batch_id"]]


def new_time(batch: dict[str, Any]) -> int:
    """Return the milliseconds in the id of a batch."""
    return UUID(batch["batch_id"]).int >> 80


async def test_dry_runs_before_the_first_load_stay_as_long_as_the_load(client: Client) -> None:
    first = await dry_run(client, catalogue(3))
    load = await client.load([product(1)], "delta")
    later = await dry_run(client, catalogue(3))
    await change(client, "UPDATE pharmacy_turns SET last_seq = 500")
    await change(client, "DELETE FROM batch_chunks WHERE batch_id IN (SELECT id FROM batches WHERE kind = 'dry_run')")
    await change(
        client,
        "UPDATE batches SET finished_at = finished_at - interval '500 days', body_removed_at = now(),"
        " rows_removed_at = now(), report_removed_at = now() WHERE kind = 'dry_run'",
    )
    await client.hub.retention()()
    async with client.hub.database.transaction() as connection:
        batches = await (await connection.execute("SELECT id FROM batches ORDER BY received_seq")).fetchall()
        decided = await (await connection.execute("SELECT batch_id FROM dry_runs")).fetchall()
    assert [str(row["id"]) for row in batches] == [first["batch_id"], load["batch_id"]]
    assert [str(row["batch_id"]) for row in decided] == [first["batch_id"]] != [later["batch_id"]]


@pytest.mark.parametrize(("known", "listed"), [([], 0), ([product(200)], 50)])
async def test_a_cancelled_dry_run_reports_what_was_applied(
    settings: Settings, known: list[dict[str, Any]], listed: int
) -> None:
    async with running(settings, list(STEPS)) as client:
        key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        client.key = key
        if known:
            await client.load(known)
    async with running(settings, ["split", "split"]) as client:
        client.key = key
        posted = (await client.post(catalogue(100), **DRY)).json()["batch_id"]
        async with asyncio.timeout(30):
            while (await client.get(f"/v1/batches/{posted}"))["stage"] != "upserting":
                await asyncio.sleep(0.02)
        await client.hub.upsert(uuid4())(ready(posted, 1))
        await client.admin("POST", f"/v1/batches/{posted}/cancel")
        report = await client.get(f"/v1/batches/{posted}/changes")
        assert (report["summary"]["reset"], len(report["items"])) == (not known, listed)
        assert report["summary"]["kinds"]["inserted"] == 50
        assert len(await client.products()) == len(known)

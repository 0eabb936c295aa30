"""Test /metrics: every metric of the reference, what it answers without the database, and the statistics."""

import asyncio
import csv
import io
import re
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from integrahub.db.monitoring import statistics
from integrahub.settings.model import Settings
from integrahub.telemetry.metrics.infrastructure import STORAGE_CAPACITY
from integrahub.telemetry.metrics.pipeline import BATCH_DURATION
from integrahub.telemetry.metrics.registry import ALL_METRICS
from tests.integration.conftest import CNPJ, Client, running
from tests.integration.test_flow import catalogue, product

# Without a value until a worker registers, or until a batch with an estimate is final.
_LATER = {"integrahub_workers_active", "integrahub_workers_max", "integrahub_worker_restarts_total"}
_LATER |= {"integrahub_estimate_error_ratio"}


async def _metrics(client: Client) -> dict[str, float]:
    """Return the samples: name with labels to value."""
    text = (await client.http.get("/metrics")).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {" ".join([s.name, *s.labels.values()]): s.value for s in samples}


async def _count(client: Client) -> dict[str, float]:
    await client.hub.statistics()()
    return await _metrics(client)


async def test_every_metric_of_the_reference_is_told(client: Client) -> None:
    await client.load([*catalogue(60), product(61, PRICE="x")])
    await client.hub.statistics()()
    told = {family.name for family in text_string_to_metric_families((await client.http.get("/metrics")).text)}
    assert {metric.name.removesuffix("_total") for metric in ALL_METRICS} - told - {
        n.removesuffix("_total") for n in _LATER
    } == set()


async def test_what_is_counted_is_what_happened(client: Client) -> None:
    before = await _metrics(client)
    await client.load(catalogue(120))
    await client.load([*catalogue(120), product(121), product(122, PRICE="x")])
    assert (await client.post(b"[]")).status_code == 400
    after = await _count(client)
    grown = {name: value - before.get(name, 0.0) for name, value in after.items()}
    assert grown["integrahub_http_requests_total POST /v1/inovafarma/products 202"] == 2
    assert grown["integrahub_http_requests_total POST /v1/inovafarma/products 400"] == 1
    assert grown["integrahub_batches_created_total full"] == grown["integrahub_upload_bytes_count"] == 2
    assert grown["integrahub_upload_duration_seconds_count"] == 2
    assert grown["integrahub_products_total inserted"] == after["integrahub_products active"] == 121
    assert grown["integrahub_products_total unchanged"] == 120 and grown["integrahub_products_total rejected"] == 1
    assert grown["integrahub_chunks_processed_total completed"] == 7
    assert grown["integrahub_chunk_duration_seconds_count"] == 4  # three were completed by the split
    assert sum(value for name, value in grown.items() if re.fullmatch(r"integrahub_errors_total \w+ ingest", name)) == 1
    assert after["integrahub_batches_finished_total COMPLETED"] == 1
    assert after["integrahub_history_batches PARTIAL_FAIL 24h"] == 1
    assert after["integrahub_history_products inserted 30d"] == 121
    assert after["integrahub_batch_duration_seconds_count"] == 2
    assert after["integrahub_pharmacies_seen 24h"] == 1 and after["integrahub_pharmacies_silent"] == 0
    assert after["integrahub_storage_used_bytes"] > 0 and after["integrahub_postgresql_connections"] > 0


async def test_what_a_client_makes_up_is_no_label(client: Client) -> None:
    await client.http.get(f"/v1/batches/{'0' * 8}-0000-7000-8000-{'0' * 12}", headers={"X-Api-Key": client.key})
    for made_up in ("/no/such/page", "/v1/batches/../../etc"):
        await client.http.get(made_up)
    await client.http.request("BREW", "/health")
    labels = {name for name in await _metrics(client) if name.startswith("integrahub_http_requests_total")}
    assert "integrahub_http_requests_total GET /v1/batches/{batch_id} 404" in labels
    assert "integrahub_http_requests_total GET unmatched 404" in labels
    assert not [name for name in labels if "BREW" in name or "no/such" in name or "0000" in name or "etc" in name]


async def test_a_scrape_is_answered_while_the_database_is_away(settings: Settings, database_url: str) -> None:
    away = settings.model_copy(update={"database_url": "postgresql://nobody@127.0.0.1:9/none"})
    async with running(away, []) as client:
        async with asyncio.timeout(9):
            told = await _metrics(client)
    assert (
        "integrahub_breaker_state postgresql" in told
        and "integrahub_http_requests_total POST /v1/inovafarma/products 202" in told
    )
    assert "integrahub_unaccounted_records" not in told


async def test_history_counts_each_batch_once_over_closed_and_open_hours(client: Client) -> None:
    for _ in range(3):
        await client.load(catalogue(10), "delta", **{"Idempotency-Key": f"k{_}"})
    hub = client.hub
    async with hub.database.transaction() as connection:
        await connection.execute(
            "UPDATE batches SET received_at = received_at - make_interval(hours => 26 * n), "
            "finished_at = finished_at - make_interval(hours => 26 * n), started_at = NULL "
            "FROM (SELECT id AS of, row_number() OVER (ORDER BY received_seq DESC)::int - 1 AS n FROM batches) o "
            "WHERE id = o.of"
        )
    for _ in range(2):
        totals, windows = await statistics.update_history(hub.database, BATCH_DURATION.bounds)
        assert totals["batches COMPLETED"] == 3 and totals["products inserted"] == 10
        assert {w: t["batches COMPLETED"] for w, t in windows.items()} == {"24h": 1, "7d": 3, "30d": 3}
        assert sum(value for name, value in totals.items() if name.startswith("bucket")) == 3
    async with hub.database.transaction() as connection:
        closed = await (await connection.execute("SELECT count(*) AS hours FROM history")).fetchone()
    assert closed and closed["hours"] == 2


async def _posts(client: Client, gaps: list[timedelta], silent: timedelta) -> None:
    async with client.hub.database.transaction() as connection:
        row = await (await connection.execute("SELECT id FROM pharmacies WHERE cnpj = %s", [CNPJ])).fetchone()
        assert row
        at = -silent
        for number in range(len(gaps) + 1):
            await connection.execute(
                "INSERT INTO batches (id, pharmacy_id, received_seq, load_type, bytes, sha256, received_at) "
                "VALUES (gen_random_uuid(), %s, %s, 'delta', 1, '', now() + %s)", [row["id"], 1000 - number, at]
            )  # fmt: skip
            at -= gaps[number] if number < len(gaps) else timedelta()


@pytest.mark.parametrize(
    ("gaps", "silent", "expected"),
    [
        ([timedelta(hours=2)] * 8, timedelta(hours=3, minutes=30), 1),
        ([timedelta(hours=2)] * 8, timedelta(hours=2, minutes=30), 0),
        ([timedelta(hours=2)] * 7 + [timedelta(hours=12)], timedelta(hours=17), 0),
        ([timedelta(minutes=1)] * 8, timedelta(minutes=30), 0),
        ([timedelta(hours=2)] * 3, timedelta(days=3), 0),
        ([timedelta(hours=2)] * 8, timedelta(days=30), 0),
    ],
)
async def test_a_pharmacy_is_silent_only_beyond_its_own_rhythm(
    settings: Settings, gaps: list[timedelta], silent: timedelta, expected: int
) -> None:
    async with running(settings, []) as client:
        await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key")
        await _posts(client, gaps, silent)
        assert (await _count(client))["integrahub_pharmacies_silent"] == expected


async def test_with_a_quota_storage_is_told_by_what_the_batches_hold(settings: Settings) -> None:
    asked = settings.model_copy(update={"storage_quota": 1 << 30})
    async with running(asked, ["split", "upsert", "finish"]) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        batch = await client.load(catalogue(2000))
        told = await _count(client)
    assert told["integrahub_storage_used_bytes"] == batch["bytes"] > 64 * 1024
    assert told[STORAGE_CAPACITY.name] == 1 << 30


async def test_one_trace_from_the_post_to_the_report(client: Client) -> None:
    answer = await client.post([product(1), product(2, PRICE="x")])
    trace = answer.json()["trace_id"]
    batch = await client.finished(answer.json()["batch_id"])
    assert batch["trace_id"] == trace == batch["batch_id"].replace("-", "")
    report = await client.get(f"/v1/batches/{batch['batch_id']}/errors")
    assert [line["trace_id"] for line in report["items"]] == [trace]
    as_csv = await client.http.get(
        f"/v1/batches/{batch['batch_id']}/errors", params={"format": "csv"}, headers={"X-Api-Key": client.key}
    )
    assert [row["trace_id"] for row in csv.DictReader(io.StringIO(as_csv.text))] == [trace]
    refused = (await client.post(b"{")).json()
    assert re.fullmatch("[0-9a-f]{32}", refused["trace_id"]) and refused["trace_id"] != trace

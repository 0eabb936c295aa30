"""Reads of figures over time: buckets of charts, sizes, refusals, unknown fields; by index."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrahub.db.console import figures
from integrahub.db.console.figures_rows import FigureRange
from integrahub.db.database import Database
from integrahub.db.queries import load_queries
from tests.integration.console.plans import Plans

_SQL = load_queries("integrahub.db.console.figures")


@pytest.mark.parametrize("range_", FigureRange)
async def test_a_chart_has_few_buckets_whose_rates_are_those_of_its_minutes(
    filled: str, database: Database, range_: FigureRange
) -> None:
    points = await figures.find_points(database, range_)
    span = figures.SPANS[range_]
    assert span.length // span.step - 1 <= len(points) <= 170
    assert [point.at for point in points] == sorted(point.at for point in points)
    assert {round(point.products_per_second) for point in points} == {10} == {round(point.peak) for point in points}
    assert {round(point.posts_per_second, 2) for point in points} == {0.1}
    assert points[-1].backlog is not None and points[-1].backlog <= points[0].backlog  # type: ignore[operator]


async def test_a_chart_ends_at_the_time_that_was_chosen(filled: str, database: Database) -> None:
    until = datetime.now(UTC) - timedelta(hours=3)
    points = await figures.find_points(database, FigureRange.HOUR, until)
    assert len(points) == 60 and until - timedelta(hours=1, minutes=1) <= points[0].at < points[-1].at <= until


async def test_batches_of_the_last_hours_are_told_by_status(filled: str, database: Database) -> None:
    points = await figures.find_batch_hours(database, 24)
    assert len(points) == 24 and {(p.completed, p.partial_fail, p.failed) for p in points} == {(50, 10, 0)}


async def test_days_and_sizes_of_pharmacies_are_told_from_the_oldest(filled: str, database: Database) -> None:
    days = await figures.find_pharmacy_days(database, 5, 30)
    assert 29 <= len(days) <= 31 and days[-1].active == 1000 and days[0].day < days[-1].day
    sizes = await figures.find_sizes(database, [5, 6, 999])
    assert set(sizes) == {5, 6} and sizes[5] == sorted(sizes[5]) and sizes[5][-1] == 1000


async def test_open_letters_of_a_cause_are_told_by_hour(filled: str, database: Database) -> None:
    hours = await figures.find_cause_hours(database, "cause 1")
    assert len(hours) == 24 and hours[-1].open == 1 and hours[0].open == 24


async def test_refusals_of_a_pharmacy_are_those_of_its_cnpj_and_of_its_keys_without_one(
    filled: str, database: Database
) -> None:
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO refusals VALUES (now(), '', 'key VENDOR', 'body_empty', '', 3, now()),"
            " (now(), %(other)s, 'key VENDOR', 'body_empty', '', 5, now())",
            {"other": "9".zfill(14)},
        )
    own, vendors = "4".zfill(14), ["key VENDOR", "key K4"]
    (refusal,) = await figures.find_refusals(database, own, [], 12)
    assert (refusal.code, refusal.key_name, refusal.address) == ("key_expired", "key K4", "192.0.2.4")
    assert refusal.count in (24, 26) and refusal.first_at < refusal.last_at
    with_keys = await figures.find_refusals(database, own, vendors, 12)
    assert [(row.key_name, row.count) for row in with_keys] == [("key VENDOR", 3), ("key K4", refusal.count)]
    assert await figures.find_refusals(database, "", [""], 12) == []


async def test_unknown_fields_are_told_the_latest_found_first(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO unknown_fields (pharmacy_id, field, records, first_seen_at) VALUES"
            " (1, 'A', 5, now() - interval '2 days'), (1, 'B', 6, now()), (2, 'C', 7, now())"
        )
    assert [(row.field, row.records) for row in await figures.find_unknown_fields(database, 1)] == [("B", 6), ("A", 5)]


async def test_the_rhythm_of_a_pharmacy_is_found(filled: str, database: Database) -> None:
    rhythm = await figures.find_rhythm(database, 1)
    assert rhythm and rhythm.usual_gap == timedelta(hours=1) and rhythm.posts == 50
    assert await figures.find_rhythm(database, 999) is None


async def test_figures_are_read_by_index(plans: Plans) -> None:
    params: dict[str, Any] = {
        "span": 3600,
        "step": 60,
        "until": None,
        "pharmacy_id": 3,
        "pharmacy_ids": [3],
        "days": 30,
    }
    params |= {"fingerprint": "cause 1", "hours": 24, "cnpj": "3".zfill(14), "key_names": ["key K3"], "limit": 50}
    for name, statement in _SQL.items():
        assert await plans.whole(statement, params) <= {"unknown_fields", "pharmacy_rhythms"}, name

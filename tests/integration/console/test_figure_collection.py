"""Collection of figures: each post, record and batch counts once, in its minute; gaps are filled; old rows go."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from integrahub.db.console import figures as reads
from integrahub.db.console.figures_rows import FigurePoint, FigureRange
from integrahub.db.database import Database
from integrahub.db.monitoring import figures
from integrahub.db.monitoring.figures import LiveCounts
from integrahub.domain.steps import STEPS
from integrahub.settings.model import Settings
from tests.integration.conftest import CNPJ, Client, running
from tests.integration.test_flow import catalogue, product

_LIVE = LiveCounts(backlog=7, workers=3, apis=2)


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[Client]:
    """Yield a client of a hub in which only the test counts."""
    async with running(settings, [step for step in STEPS if step != "statistics"]) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        yield client


async def _execute(database: Database, statement: Any) -> None:
    async with database.transaction() as connection:
        await connection.execute(statement)


async def _value(database: Database, statement: Any) -> Any:
    async with database.transaction() as connection:
        row: Any = await (await connection.execute(statement)).fetchone()
    return next(iter(row.values()))


def _sum(points: list[FigurePoint]) -> dict[str, int]:
    names = (
        "posts",
        "inserted",
        "updated",
        "unchanged",
        "rejected",
        "deactivated",
        "completed",
        "partial_fail",
        "failed",
    )
    return {name: sum(getattr(point, name) for point in points) for name in names}


_LOADED = {
    "posts": 5,
    "inserted": 121,
    "updated": 1,
    "unchanged": 120,
    "rejected": 1,
    "deactivated": 1,
    "completed": 2,
    "partial_fail": 1,
    "failed": 1,
}


async def _load(client: Client) -> None:
    """Post two FULLs, a DELTA, one body that cannot be split, and a dry run, which counts as a post alone."""
    await client.load([*catalogue(120), product(121)])
    await client.load([*catalogue(120), product(122, PRICE="x")])
    await client.load([product(1, TITLE="OUTRO")], "delta")
    await client.load(b'[{"PRODUCTID": 1, "TITLE": "A"}, {"PRODU')
    await client.load([product(900)], "delta", **{"X-Inova-Dry-Run": "true"})


async def test_posts_records_and_batches_count_once_however_often_they_are_counted(client: Client) -> None:
    await _load(client)
    database = client.hub.database
    for _ in range(3):
        await client.hub.statistics()()
    hour = await reads.find_points(database, FigureRange.HOUR)
    assert _sum(hour) == _LOADED
    assert _sum(await reads.find_points(database, FigureRange.DAY)) == _LOADED
    assert _sum(await reads.find_points(database, FigureRange.WEEK)) == _LOADED
    assert hour[-1].apis is not None and hour[-1].backlog == 0 and 0 <= hour[-1].seconds <= 60


async def test_minutes_that_were_missed_are_counted_in_their_minute_and_hour(client: Client) -> None:
    await _load(client)
    database = client.hub.database
    for table, column in (("batches", "received_at"), ("batches", "finished_at"), ("batch_chunks", "finished_at")):
        await _execute(database, f"UPDATE {table} SET {column} = {column} - interval '5 hours'")
    await _execute(
        database,
        "INSERT INTO figure_minutes (at, seconds) VALUES (date_trunc('minute', now()) - interval '6 hours', 60)",
    )
    await figures.save_minutes(database, _LIVE)
    assert _sum(await reads.find_points(database, FigureRange.DAY)) == _LOADED
    assert _sum(await reads.find_points(database, FigureRange.HOUR)) == dict.fromkeys(_LOADED, 0)
    hours = await reads.find_batch_hours(database, 24)
    assert _sum(hours) == _LOADED and sum(point.completed for point in hours[:-4]) == 2
    minutes = await _value(database, "SELECT count(*) FROM figure_minutes")
    assert 6 * 60 < minutes <= 6 * 60 + 6  # without a gap


async def test_what_commits_after_its_minute_was_counted_is_counted_later(client: Client) -> None:
    database = client.hub.database
    await figures.save_minutes(database, _LIVE)
    await _execute(database, "UPDATE figure_minutes SET at = at - interval '3 minutes'")
    await client.load(catalogue(10))
    await _execute(database, "UPDATE batches SET received_at = received_at - interval '4 minutes'")
    await figures.save_minutes(database, _LIVE)
    points = await reads.find_points(database, FigureRange.HOUR)
    assert _sum(points)["posts"] == 1 and points[-1].posts == 0


async def test_what_waits_and_lives_is_kept_by_minute_and_its_highest_by_hour(database: Database) -> None:
    await figures.save_minutes(database, LiveCounts(1, 1, 1))
    last = "(SELECT max(at) FROM figure_minutes WHERE at < date_trunc('minute', now()))"
    await _execute(database, f"UPDATE figure_minutes SET backlog = 9, workers = 5, apis = 1 WHERE at = {last}")
    await figures.save_minutes(database, _LIVE)
    points = await reads.find_points(database, FigureRange.HOUR)
    assert [(p.backlog, p.workers, p.apis) for p in points[-2:]] == [(9, 5, 1), (7, 3, 2)]
    await _execute(database, f"UPDATE figure_minutes SET backlog = 1000 WHERE at = {last}")
    await figures.save_minutes(database, _LIVE)
    assert max(point.backlog or 0 for point in await reads.find_points(database, FigureRange.WEEK)) == 1000


async def test_minutes_older_than_26_hours_go_and_their_hours_stay_whole(database: Database) -> None:
    await _execute(
        database,
        "INSERT INTO figure_minutes (at, seconds, posts) SELECT date_trunc('minute', now())"
        " - make_interval(mins => n), 60, 1 FROM generate_series(0, 40 * 60) n",
    )
    await _execute(
        database,
        "INSERT INTO figure_hours (at, seconds, posts) SELECT date_trunc('hour', now(), 'UTC')"
        " - make_interval(hours => n), 3600, 60 FROM generate_series(1, 40) n",
    )
    for _ in range(2):
        await figures.save_minutes(database, _LIVE)
    assert await _value(database, "SELECT count(*) FROM figure_minutes") <= 27 * 60
    last = "SELECT h.posts = (SELECT sum(posts) FROM figure_minutes WHERE at >= h.at) FROM figure_hours h"
    assert await _value(database, f"{last} ORDER BY at DESC LIMIT 1")  # of all its minutes, not of those counted now
    older = "SELECT count(DISTINCT posts) FROM figure_hours WHERE at < now() - interval '3 hours' AND posts = 60"
    assert await _value(database, older) == 1
    assert await _value(database, "SELECT min(posts) FROM figure_hours WHERE at < now() - interval '3 hours'") == 60


async def test_sizes_loads_and_rhythm_of_a_pharmacy_are_counted_on_its_own_day(client: Client) -> None:
    await _load(client)
    database = client.hub.database
    await _execute(database, "UPDATE pharmacies SET time_zone = 'Pacific/Kiritimati'")
    await client.hub.statistics()()
    pharmacy_id = await _value(database, "SELECT id FROM pharmacies")
    (day,) = await reads.find_pharmacy_days(database, pharmacy_id)
    assert (day.active, day.batches, day.failed, day.rejected) == (120, 4, 1, 1)
    assert day.day == await _value(database, "SELECT (now() AT TIME ZONE 'Pacific/Kiritimati')::date AS day")
    rhythm = await reads.find_rhythm(database, pharmacy_id)
    assert rhythm and rhythm.posts == 4 and rhythm.usual_gap and rhythm.longest_gap
    assert rhythm.usual_gap <= rhythm.longest_gap


async def test_batches_that_retention_deleted_still_count_on_their_day(client: Client) -> None:
    await _load(client)
    database = client.hub.database
    await figures.save_days(database, 14)
    await _execute(database, "UPDATE batches SET finished_at = now() - interval '30 days' WHERE status = 'COMPLETED'")
    await figures.save_days(database, 14)
    assert await _value(database, "SELECT sum(batches)::int FROM pharmacy_days") == 4


async def test_open_letters_of_a_cause_are_kept_at_their_highest_of_the_hour(database: Database) -> None:
    await _execute(
        database,
        "INSERT INTO dead_letters (batch_id, chunk, records, error_class, error_code, culprit, message, stack,"
        " attempts, fingerprint) SELECT gen_random_uuid(), n, 1, '', '', '', '', '', '[]', 'f'"
        " FROM generate_series(1, 9) n",
    )
    await figures.save_days(database, 1)
    await _execute(database, "UPDATE dead_letters SET settled_at = now() WHERE chunk < 5")
    await figures.save_days(database, 1)
    assert [row.open for row in await reads.find_cause_hours(database, "f")] == [9]


async def test_figures_older_than_13_months_go(filled: str, database: Database) -> None:
    await _execute(database, "UPDATE pharmacy_days SET day = day - 400 WHERE pharmacy_id < 20")
    await _execute(
        database, "UPDATE failure_hours SET hour = hour - interval '14 months' WHERE fingerprint = 'cause 1'"
    )
    await figures.delete_old(database)
    assert await _value(database, "SELECT count(*) FROM figure_hours") <= 398 * 24
    assert await _value(database, "SELECT min(at) > now() - interval '13 months' FROM figure_hours")
    assert await _value(database, "SELECT min(day) >= (now() - interval '13 months')::date FROM pharmacy_days")
    assert await _value(database, "SELECT count(*) FROM failure_hours") == 300

"""Hours of a cause: each of the last 24 has its place in the chart."""

from datetime import UTC, datetime, timedelta

from integrahub.console.pages.failures.views import fill_hours
from integrahub.db.console.failures_rows import HourCount

NOW = datetime(2026, 11, 27, 12, 34, tzinfo=UTC)


def test_hours_without_open_letters_are_in_the_chart() -> None:
    hour = datetime(2026, 11, 27, 9, tzinfo=UTC)
    filled = fill_hours([HourCount("f", hour, 7)], NOW)
    assert (
        len(filled) == 24 and filled[-1].hour == NOW.replace(minute=0) and filled[0].hour == hour - timedelta(hours=20)
    )
    assert [(row.hour, row.open) for row in filled if row.open] == [(hour, 7)]

"""Schedule of attempts: fixed delays with jitter, and what receivers ask for by Retry-After."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from integrahub.domain.webhooks.outcomes import Outcome, classify_status
from integrahub.domain.webhooks.schedule import next_delay, read_retry_after

_NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
_REFUSED = Outcome(milliseconds=1, status=500, error="status_refused")


def test_ten_attempts_are_spread_over_three_days() -> None:
    delays = [next_delay(attempts, _REFUSED, 0.5) for attempts in range(1, 11)]
    minutes = [5 / 60, 5, 30, 120, 300, 600, 840, 1200, 1440]
    assert delays == [pytest.approx(60 * minute) for minute in minutes] + [None]


@pytest.mark.parametrize(("random", "share"), [(0.0, 0.9), (1.0, 1.1)])
def test_a_delay_varies_by_a_tenth(random: float, share: float) -> None:
    assert next_delay(2, _REFUSED, random) == pytest.approx(300 * share)


@pytest.mark.parametrize(
    ("status", "retry_after", "lower", "upper"),
    [
        (429, 120.0, 120, 132),
        (503, 0.0, 1, 1.1),
        (503, -50.0, 1, 1.1),
        (429, 1e9, 86400, 86400),
        (500, 120.0, 4.5, 5.5),
        (429, None, 4.5, 5.5),
    ],
)
def test_retry_after_is_heeded_within_bounds_and_only_where_it_has_a_meaning(
    status: int, retry_after: float | None, lower: float, upper: float
) -> None:
    outcome = Outcome(milliseconds=1, status=status, error="status_refused", retry_after=retry_after)
    for random in (0.0, 0.5, 1.0):
        delay = next_delay(1, outcome, random)
        assert delay is not None and lower - 1e-6 <= delay <= upper + 1e-6


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        (format_datetime(_NOW + timedelta(minutes=2), usegmt=True), 120.0),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("9" * 400, float("inf")),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str, seconds: float | None) -> None:
    assert read_retry_after(value, _NOW) == seconds


@pytest.mark.parametrize(
    ("status", "error"), [(200, None), (204, None), (301, "redirected"), (410, "gone"), (404, "status_refused")]
)
def test_only_2xx_is_a_success_and_a_redirect_is_named(status: int, error: str | None) -> None:
    assert classify_status(status) == error

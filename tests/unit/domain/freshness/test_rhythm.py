"""The rhythm of posts, and the states of pharmacies that follow from it."""

from datetime import UTC, datetime, timedelta

import pytest

from integrahub.domain.batches import BatchStatus
from integrahub.domain.freshness.rhythm import PharmacyState, Rhythm, list_states

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _rhythm(ago: timedelta, longest: timedelta = 6 * HOUR, posts: int = 50) -> Rhythm:
    return Rhythm(posts, NOW - ago, longest / 2, longest)


def test_a_pharmacy_is_silent_after_one_and_a_half_times_its_longest_gap() -> None:
    assert not _rhythm(9 * HOUR).is_silent(NOW)
    assert _rhythm(9 * HOUR + timedelta(seconds=1)).is_silent(NOW)


def test_a_pharmacy_that_posts_each_minute_is_silent_after_an_hour() -> None:
    assert not _rhythm(HOUR, longest=timedelta(minutes=1)).is_silent(NOW)
    assert _rhythm(HOUR + timedelta(seconds=1), longest=timedelta(minutes=1)).is_silent(NOW)


def test_a_pharmacy_with_four_posts_has_no_rhythm() -> None:
    assert not _rhythm(100 * HOUR, posts=4).is_silent(NOW)
    assert _rhythm(100 * HOUR, posts=5).is_silent(NOW)


def test_two_weeks_into_its_silence_a_pharmacy_counts_as_closed() -> None:
    rhythm = _rhythm(9 * HOUR + timedelta(days=14))
    assert (rhythm.is_silent(NOW), rhythm.is_stopped(NOW)) == (False, True)
    assert not _rhythm(9 * HOUR + timedelta(days=13)).is_stopped(NOW)


@pytest.mark.parametrize(
    ("rhythm", "status", "held", "states"),
    [
        (_rhythm(HOUR), BatchStatus.COMPLETED, 0, [PharmacyState.OK]),
        (_rhythm(HOUR), BatchStatus.PARTIAL_FAIL, 0, [PharmacyState.OK]),
        (_rhythm(HOUR), BatchStatus.FAILED, 2, [PharmacyState.FAILING, PharmacyState.HELD]),
        (_rhythm(10 * HOUR), BatchStatus.FAILED, 0, [PharmacyState.FAILING, PharmacyState.SILENT]),
        (_rhythm(500 * HOUR), BatchStatus.FAILED, 0, [PharmacyState.STOPPED]),
        (Rhythm(0, None, None, None), None, 0, [PharmacyState.NEW]),
        (Rhythm(1, NOW - 500 * HOUR, None, None), BatchStatus.COMPLETED, 0, [PharmacyState.OK]),
    ],
)
def test_states_come_with_the_most_urgent_first(
    rhythm: Rhythm, status: BatchStatus | None, held: int, states: list[PharmacyState]
) -> None:
    assert list_states(rhythm, status, held, NOW) == states

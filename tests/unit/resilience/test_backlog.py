"""Backlog limits: per pharmacy, then global; Retry-After follows the drain rate."""

import pytest

from integrahub.resilience.backlog import ESTIMATED_RECORD_BYTES, Backlog, BacklogLimits


def counted(bounds: BacklogLimits, *counts: dict[int, int]) -> Backlog:
    backlog = Backlog(bounds)
    for count in counts:
        backlog.update(count, 1.0)
    return backlog


def test_below_its_bounds_nothing_is_refused_and_bounds_of_zero_are_none() -> None:
    assert counted(BacklogLimits(100, 1000), {1: 99, 2: 900}).find_overload(1) is None
    assert counted(BacklogLimits(0, 0), {1: 10**12}).find_overload(1) is None


def test_a_pharmacy_over_its_own_bound_is_refused_and_the_others_are_not() -> None:
    backlog = counted(BacklogLimits(100, 1000), {1: 150, 2: 10})
    excess = backlog.find_overload(1)
    assert excess and (excess.waiting, excess.bound) == (150, 100)
    assert backlog.find_overload(2) is None and backlog.find_overload(3) is None


def test_over_the_bound_of_all_everybody_is_refused() -> None:
    excess = counted(BacklogLimits(100, 120), {1: 60, 2: 60}).find_overload(3)
    assert excess and (excess.waiting, excess.bound) == (120, 120)


def test_what_was_taken_in_since_the_count_counts_too() -> None:
    backlog = counted(BacklogLimits(100, 1000), {1: 90})
    backlog.record(1, 1)
    assert backlog.find_overload(1) is None
    backlog.record(1, 9 * ESTIMATED_RECORD_BYTES)
    assert backlog.find_overload(1)
    backlog.update({1: 95}, 1.0)
    assert backlog.find_overload(1) is None


def test_the_time_to_wait_is_what_is_too_many_over_what_goes_a_second() -> None:
    excess = counted(BacklogLimits(100, 0), {1: 300}, {1: 290}).find_overload(1)
    assert excess and excess.retry_after == pytest.approx((290 - 90) / 10)


@pytest.mark.parametrize(("counts", "expected"), [([{1: 300}, {1: 300}], 30.0), ([{1: 10**9}, {1: 10**9 - 1}], 300.0)])
def test_while_nothing_or_little_goes_the_time_to_wait_is_bounded(
    counts: list[dict[int, int]], expected: float
) -> None:
    excess = counted(BacklogLimits(100, 0), *counts).find_overload(1)
    assert excess and excess.retry_after == expected


def test_a_pharmacy_that_has_nothing_left_is_forgotten() -> None:
    backlog = counted(BacklogLimits(100, 0), {1: 300}, {2: 5})
    assert backlog.find_overload(1) is None

"""Estimates of completion, against a simulated fleet: workers apply chunks in transactions of varying duration."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest

from integrahub.domain.concurrency import CHUNKS_PER_TRANSACTION, UPSERT_CONCURRENCY
from integrahub.domain.views.estimate import BatchPace, Estimate, Work, estimate_completion

EPOCH = datetime(2026, 3, 1, tzinfo=UTC)
GROUP = 1000 * CHUNKS_PER_TRANSACTION  # records of a transaction
BATCHES = 200


@dataclass
class Fleet:
    """Workers that apply one batch after another. `add_at`: seconds after which one worker more runs."""

    random: Random
    workers: int = 2
    seconds: float = 1.6  # that a transaction takes on average
    finishing: float = 4.0
    add_at: float = float("inf")
    works: list[Work] = field(default_factory=list)

    def rate_of_late(self) -> float:
        """Return the rate of other batches, which differ by a tenth."""
        return self.workers * UPSERT_CONCURRENCY * GROUP / self.seconds * self.random.uniform(0.9, 1.1)

    def run(self, batches: list[int], look: Callable[[float, list[int], list[Work]], bool]) -> float:
        """Apply batches of so many groups, in order; `look` sees the state after each step. Return the end."""
        now = 0.0
        for index, groups in enumerate(batches):
            self.works = []
            pending, running = groups, list[tuple[float, int]]()
            while pending or running:
                slots = UPSERT_CONCURRENCY * (self.workers + (now >= self.add_at))
                while pending and len(running) < slots:
                    duration = self.seconds * self.random.lognormvariate(-0.03, 0.25)
                    heapq.heappush(running, (now + duration, len(self.works)))
                    self.works.append(Work(now, None, GROUP))
                    pending -= 1
                now, place = heapq.heappop(running)
                self.works[place] = Work(self.works[place].started, now, GROUP)
                look(now, [pending + len(running), *batches[index + 1 :]], self.works)
            now += self.finishing * self.random.uniform(0.8, 1.25)
        return now


def _pace(now: float, left: list[int], works: list[Work], finishing: float | None) -> BatchPace:
    """Return what is known of the last batch; the works of late, as the database would return them."""
    latest = sorted(works, key=lambda work: work.finished or now + 1)[-64:]
    shifted = [
        Work(EPOCH.timestamp() + w.started, None if w.finished is None else EPOCH.timestamp() + w.finished, w.records)
        for w in latest
    ]
    ahead = float(sum(left[:-1]) * GROUP)
    return BatchPace(
        UUID(int=0), EPOCH + timedelta(seconds=now), left[-1] * GROUP, ahead, len(left) - 1, shifted, finishing
    )


def _first_error(fleet: Fleet, batches: list[int], at_share: float) -> float:
    """Return the error of the first estimate of the last batch after `at_share` of all work is done."""
    total, made = sum(batches), list[tuple[datetime, Estimate]]()

    def look(now: float, left: list[int], works: list[Work]) -> bool:
        if not made and sum(left) <= (1 - at_share) * total and len(left) == 1:
            estimate = estimate_completion(_pace(now, left, works, fleet.finishing), fleet.rate_of_late())
            assert estimate is not None and estimate.low <= estimate.at <= estimate.high
            made.append((EPOCH + timedelta(seconds=now), estimate))
        return True

    end = EPOCH + timedelta(seconds=fleet.run(batches, look))
    (made_at, estimate), *_ = made
    return _error(made_at, estimate.at, end)


def _error(made_at: datetime, estimated_at: datetime, finished_at: datetime) -> float:
    """Return the error as a share of the time that was left when the estimate was made."""
    return abs((estimated_at - finished_at) / (finished_at - made_at))


def _share_within(errors: list[float], bound: float = 0.25) -> float:
    return sum(error <= bound for error in errors) / len(errors)


@pytest.mark.parametrize("groups", [12, 50, 250])
def test_nine_of_ten_estimates_are_within_a_quarter_once_a_tenth_is_done(groups: int) -> None:
    errors = [_first_error(Fleet(Random(seed)), [groups], 0.1) for seed in range(BATCHES)]
    assert _share_within(errors) >= 0.9


def _error_in_queue(seed: int) -> float:
    """Return the error of an estimate made while two earlier batches still wait or run, and a worker is added."""
    random, made = Random(seed), list[tuple[datetime, Estimate]]()
    fleet = Fleet(random, add_at=random.uniform(0, 20))
    batches = [random.randint(20, 60) for _ in range(3)]

    def look(now: float, left: list[int], works: list[Work]) -> bool:
        if not made and sum(left) <= 0.9 * sum(batches) and now > fleet.add_at + 10:
            estimate = estimate_completion(_pace(now, left, works, fleet.finishing), fleet.rate_of_late())
            assert estimate is not None
            made.append((EPOCH + timedelta(seconds=now), estimate))
        return True

    end = EPOCH + timedelta(seconds=fleet.run(batches, look))
    return _error(made[0][0], made[0][1].at, end)


def test_earlier_batches_and_added_workers_count() -> None:
    assert _share_within([_error_in_queue(seed) for seed in range(BATCHES)]) >= 0.9


def _works(*spans: tuple[float, float | None]) -> list[Work]:
    base = EPOCH.timestamp()
    return [Work(base + start, None if end is None else base + end, GROUP) for start, end in spans]


def _plain(works: list[Work], now: float, left: int = 40_000, finishing: float | None = 2.0) -> BatchPace:
    return BatchPace(UUID(int=0), EPOCH + timedelta(seconds=now), left, 0.0, 0, works, finishing)


def test_a_steady_batch_ends_when_its_rate_says_plus_the_time_finishing_takes() -> None:
    works = _works((0, 1), (1, 2), (2, 3), (3, 4))
    estimate = estimate_completion(_plain(works, 4), None)
    assert estimate is not None
    assert (estimate.at - EPOCH).total_seconds() == pytest.approx(4 + 40_000 / GROUP + 2 + 0.5)


def test_a_transaction_in_progress_counts_for_the_part_that_is_done() -> None:
    at = [estimate_completion(_plain(_works((0, 1), (1, 2), (2, None)), now), None) for now in (2.25, 2.5, 2.75)]
    ends = [(each.at - EPOCH).total_seconds() for each in at if each]
    assert ends == pytest.approx([2 + 40_000 / GROUP + 2 + 0.5] * 3)


@pytest.mark.parametrize(
    ("works", "now", "fleet_rate"),
    [([], 5.0, None), (_works((0, None)), 5.0, None), (_works((0, 1)), 60.0, 1000.0)],
    ids=["nothing ran", "nothing ended", "stalled"],
)
def test_without_a_rate_there_is_no_estimate(works: list[Work], now: float, fleet_rate: float | None) -> None:
    assert estimate_completion(_plain(works, now), fleet_rate) is None


def test_until_the_batch_has_a_rate_of_its_own_that_of_the_fleet_serves_with_a_wider_range() -> None:
    estimate = estimate_completion(_plain([], 5.0), 1000.0)
    own = estimate_completion(_plain(_works((0, 4)), 4.0), 1000.0)
    assert estimate is not None and own is not None
    assert (estimate.at - EPOCH).total_seconds() == pytest.approx(5 + 40 + 2)
    assert (estimate.high - EPOCH).total_seconds() - 5 > 1.3 * ((estimate.at - EPOCH).total_seconds() - 5)


def test_while_the_batch_is_finished_only_an_earlier_finish_gives_an_estimate() -> None:
    works = _works((0, 10))
    assert estimate_completion(_plain(works, 11, left=0, finishing=None), 1000.0) is None
    estimate = estimate_completion(_plain(works, 11, left=0, finishing=4.0), None)
    assert estimate is not None and (estimate.at - EPOCH).total_seconds() == pytest.approx(14)

"""Autoscaler: scales up with the backlog, down without it, and does not flap."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrahub.supervisor.autoscaler import (
    ApiScaling,
    ReplicaRange,
    StabilizationWindow,
    UpsertLoad,
    UpsertScaling,
    Usage,
)

_EACH = 800.0  # records a second of one worker, on a slow database
_STEP = 10.0  # seconds between looks


def plant(scaling: UpsertScaling, arriving: Callable[[float], float], looks: int, start: int = 2) -> list[int]:
    """Simulate workers over time in a closed loop with the decision."""
    workers, backlog, applied, counts = start, 0.0, 0.0, []
    for number in range(looks):
        at = number * _STEP
        came, could = arriving(at) * _STEP, workers * _EACH * _STEP
        done = min(backlog + came, could)
        backlog, applied = backlog + came - done, applied + done
        workers = scaling.decide(UpsertLoad(at, workers, int(backlog), 0, int(applied)))
        counts.append(workers)
    return counts


def changes(counts: list[int]) -> list[int]:
    return [after - before for before, after in pairwise(counts) if after != before]


def turns(counts: list[int]) -> int:
    """Return the number of changes between scale-up and scale-down."""
    return sum(1 for before, after in pairwise(changes(counts)) if before * after < 0)


@pytest.mark.parametrize("drain", [0.0, 30.0])
def test_a_nightly_load_grows_to_what_it_needs_and_back_once(drain: float) -> None:
    # The trace of one night: quiet, 40 minutes of FULLs, quiet again.
    scaling = UpsertScaling(ReplicaRange(2, 16), drain=drain, in_flight=2)
    counts = plant(scaling, lambda at: 6000.0 if 600 <= at < 3000 else 20.0, 700)
    assert max(counts) >= 8 and counts[-1] == 2
    assert turns(counts) <= 3


@pytest.mark.parametrize("drain", [0.0, 30.0])
@pytest.mark.parametrize("load", [1500.0, 2500.0, 3900.0, 7900.0])
def test_a_steady_stream_finds_its_count_and_keeps_it(drain: float, load: float) -> None:
    counts = plant(UpsertScaling(ReplicaRange(2, 16), drain=drain, in_flight=2), lambda at: load, 1500)
    settled = counts[500:]
    assert turns(settled) <= 2, settled
    assert settled[-1] * _EACH >= load


def test_bursts_of_deltas_every_few_minutes_do_not_flap() -> None:
    # Seen at pharmacies: every five minutes a burst of 9,000 records, otherwise a trickle.
    counts = plant(UpsertScaling(ReplicaRange(2, 16), in_flight=2), lambda at: 900.0 if at % 300 < 10 else 5.0, 1000)
    assert changes(counts) == []


# Seconds, backlog, lag and records applied as a fleet of 2 to 4 workers on two cores told them (`action: look`) while
# four FULLs of 98,094 products were posted at once.
_RECORDED = [
    (3.3, 0, 0, 0),
    (3.6, 0, 0, 0),
    (3.9, 0, 0, 0),
    (4.3, 98094, 4, 2000),
    (5.0, 90094, 5, 11000),
    (6.6, 181188, 8, 18000),
    (7.2, 354376, 6, 45000),
    (8.7, 339376, 7, 58000),
    (9.9, 309376, 8, 95000),
    (10.9, 280376, 8, 122000),
    (11.7, 255376, 8, 146000),
    (12.6, 231376, 8, 169000),
    (13.7, 209376, 8, 193000),
    (14.4, 181376, 8, 217000),
    (15.0, 157376, 9, 238000),
    (15.8, 140376, 8, 260000),
    (16.7, 118376, 10, 285000),
    (17.4, 94376, 9, 305000),
    (18.3, 72376, 6, 331000),
    (19.3, 46282, 11, 358094),
    (19.9, 16282, 7, 379094),
    (20.2, 0, 0, 392376),
    (20.5, 0, 0, 392376),
    (20.9, 0, 0, 392376),
    (21.3, 0, 0, 392376),
    (21.6, 0, 0, 392376),
    (21.9, 0, 0, 392376),
    (22.2, 0, 0, 392376),
]


def test_a_recorded_rise_and_fall_is_followed_without_turning_twice() -> None:
    scaling = UpsertScaling(
        ReplicaRange(2, 4), 2000, 500, 0.0, stabilization=StabilizationWindow(remove_cooldown=1.0), in_flight=2
    )
    workers, counts = 2, []
    for at, backlog, lag, applied in [*_RECORDED, *((25.0 + n, 0, 0, 392376) for n in range(9))]:
        workers = scaling.decide(UpsertLoad(at, workers, backlog, lag, applied))
        counts.append(workers)
    assert (max(counts), counts[-1], turns(counts)) == (4, 2, 1)


def test_the_same_rise_adds_nobody_where_the_estimate_says_it_is_soon_done() -> None:
    scaling, workers = UpsertScaling(ReplicaRange(2, 4), 2000, 500, 60.0, in_flight=2), 2
    for at, backlog, lag, applied in _RECORDED[4:]:
        workers = scaling.decide(UpsertLoad(at, workers, backlog, lag, applied))
        assert workers == 2


def test_a_backlog_that_is_done_in_a_moment_adds_nobody_unless_the_estimate_is_off() -> None:
    def after(drain: float) -> int:
        scaling, workers = UpsertScaling(ReplicaRange(2, 16), drain=drain, in_flight=2), 2
        for number in range(10):
            workers = scaling.decide(UpsertLoad(number * 10.0, workers, 60_000, 4, number * 600_000))
        return workers

    assert after(30.0) == 2
    assert after(0.0) > 4


def test_the_roadmaps_thresholds_are_the_defaults() -> None:
    scaling = UpsertScaling(
        ReplicaRange(2, 16),
        drain=0.0,
        stabilization=StabilizationWindow(add_samples=1, remove_samples=1, remove_cooldown=0),
        in_flight=2,
    )
    wanted = [
        scaling.decide(UpsertLoad(float(n), 5, backlog, 0, 0)) for n, backlog in enumerate([5001, 5000, 1000, 999])
    ]
    assert wanted == [6, 5, 5, 4]


def test_nobody_is_taken_away_while_the_bus_holds_more_than_the_others_could_take() -> None:
    scaling = UpsertScaling(
        ReplicaRange(2, 16), stabilization=StabilizationWindow(remove_samples=1, remove_cooldown=0), in_flight=2
    )
    assert scaling.decide(UpsertLoad(0.0, 4, 0, 7, 0)) == 4
    assert scaling.decide(UpsertLoad(1.0, 4, 0, 6, 0)) == 3


@given(st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 100), st.integers(0, 10**6)), max_size=80))
def test_whatever_is_seen_the_count_stays_within_and_moves_by_one(seen: list[tuple[int, int, int]]) -> None:
    scaling, workers, applied = UpsertScaling(ReplicaRange(2, 6), in_flight=2), 2, 0
    for number, (backlog, lag, more) in enumerate(seen):
        applied += more
        wanted = scaling.decide(UpsertLoad(number * 10.0, workers, backlog, lag, applied))
        assert 2 <= wanted <= 6 and abs(wanted - workers) <= 1
        workers = wanted


def test_apis_are_added_by_cpu_or_memory_and_removed_only_when_both_are_low() -> None:
    def after(cpu: float, memory: float, instances: int = 4) -> int:
        scaling = ApiScaling(
            ReplicaRange(2, 10), stabilization=StabilizationWindow(add_samples=1, remove_samples=1, remove_cooldown=0)
        )
        return scaling.decide(Usage(0.0, instances, cpu, memory))

    assert after(0.71, 0.1) == after(0.1, 0.71) == 5
    assert after(0.7, 0.5) == after(0.1, 0.3) == after(0.3, 0.1) == 4
    assert after(0.29, 0.29) == 3
    assert after(0.0, 0.0, 2) == 2 and after(1.0, 1.0, 10) == 10


def test_apis_do_not_flap_around_a_threshold() -> None:
    scaling, instances, counts = ApiScaling(ReplicaRange(2, 10)), 2, []
    for number in range(500):
        load = 1.5 + 0.4 * (-1) ** number  # cores wanted, swinging from look to look
        instances = scaling.decide(Usage(number * 10.0, instances, load / instances, 0.2))
        counts.append(instances)
    assert turns(counts) <= 1


def test_a_span_that_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot both hold"):
        ReplicaRange(3, 2)
